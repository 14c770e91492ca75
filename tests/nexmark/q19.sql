-- q19, auction top ten: the ten highest bids of each auction, with their places.

CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'bid', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE TABLE result WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT auction, bidder, price, channel, url, dateTime, extra, place
    FROM (SELECT auction, bidder, price, channel, url, dateTime, extra,
              ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC, dateTime ASC) AS place
          FROM bid) AS ranked
    WHERE place <= 10;
