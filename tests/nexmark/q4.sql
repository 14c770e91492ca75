-- q4, average price for a category: the highest bid of each auction, then their average. The table of highest bids takes values back.

CREATE STREAM auction (id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, dateTime TIMESTAMP, expires TIMESTAMP, seller BIGINT, category BIGINT, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'auction', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'bid', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE STREAM valid WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT auction.id AS id, auction.category AS category, bid.price AS price
    FROM auction INNER JOIN bid WITHIN 365 DAYS ON auction.id = bid.auction
    WHERE bid.dateTime BETWEEN auction.dateTime AND auction.expires;

CREATE TABLE highest WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT id, category, MAX(price) AS final FROM valid GROUP BY id, category;

CREATE TABLE result WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT category, AVG(final) AS average FROM highest GROUP BY category;
