-- q7, highest bid: the bids of the highest price of each ten seconds.

CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'bid', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE TABLE result WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT window_start, auction, bidder, price
    FROM (SELECT window_start, auction, bidder, price, ROW_NUMBER() OVER (PARTITION BY window_start ORDER BY price DESC) AS place
          FROM (SELECT DATE_BIN(INTERVAL '10 seconds', dateTime) AS window_start, auction, bidder, price FROM bid) AS binned) AS ranked
    WHERE place = 1;
