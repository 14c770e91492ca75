-- q9, winning bids: the highest bid of each auction while it is open, the earlier one where two are equal.

CREATE STREAM auction (id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, dateTime TIMESTAMP, expires TIMESTAMP, seller BIGINT, category BIGINT, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'auction', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'bid', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE STREAM valid WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT auction.id AS id, auction.itemName AS item_name, bid.bidder AS bidder, bid.price AS price, bid.dateTime AS bid_time
    FROM auction INNER JOIN bid WITHIN 365 DAYS ON auction.id = bid.auction
    WHERE bid.dateTime BETWEEN auction.dateTime AND auction.expires;

CREATE TABLE result WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT id, item_name, bidder, price, bid_time
    FROM (SELECT id, item_name, bidder, price, bid_time,
              ROW_NUMBER() OVER (PARTITION BY id ORDER BY price DESC, bid_time ASC) AS place
          FROM valid) AS ranked
    WHERE place = 1;
