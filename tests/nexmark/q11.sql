-- q11, user sessions: how many bids each bidder makes without a pause of ten seconds.

CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'bid', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE TABLE result WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT bidder, COUNT(*) AS bid_count, WINDOWSTART AS start_time, WINDOWEND AS end_time
    FROM bid WINDOW SESSION (10 SECONDS)
    GROUP BY bidder;
