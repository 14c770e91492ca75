-- q18, last bid: of each bidder for each auction.

CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'bid', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE TABLE result WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT auction, bidder, price, channel, url, dateTime, extra
    FROM (SELECT auction, bidder, price, channel, url, dateTime, extra,
              ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY dateTime DESC) AS place
          FROM bid) AS ranked
    WHERE place <= 1;
