-- q12, processing time windows: how many bids of each bidder are seen within ten seconds.

CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'bid', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions}, ROWTIME = 'processing');

CREATE TABLE result WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT bidder, COUNT(*) AS bid_count, WINDOWSTART AS start_time
    FROM bid WINDOW TUMBLING (SIZE 10 SECONDS)
    GROUP BY bidder;
