-- q20, expand bid: each bid with its auction, where that is of category 10.

CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'bid', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE STREAM auction (id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, dateTime TIMESTAMP, expires TIMESTAMP, seller BIGINT, category BIGINT, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'auction', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE STREAM result WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT bid.auction AS auction, bid.bidder AS bidder, bid.price AS price, bid.channel AS channel, bid.url AS url, bid.dateTime AS bid_time,
        auction.itemName AS item_name, auction.initialBid AS initial_bid, auction.reserve AS reserve, auction.expires AS expires,
        auction.seller AS seller, auction.category AS category
    FROM bid INNER JOIN auction WITHIN 365 DAYS ON bid.auction = auction.id
    WHERE auction.category = 10;
