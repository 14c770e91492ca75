-- q13, bounded side input: each bid with a row of a table that does not change.

CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'bid', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE TABLE side_input (key BIGINT PRIMARY KEY, value STRING) WITH (KAFKA_TOPIC = 'side_input', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON', PARTITIONS = ${partitions});
INSERT INTO side_input (ROWTIME, key, value) VALUES (0, 0, 'zero'), (0, 1, 'one'), (0, 2, 'two'), (0, 3, 'three'), (0, 4, 'four');

CREATE STREAM result WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT side_input.key AS side_key, bid.auction AS auction, bid.bidder AS bidder, bid.price AS price, bid.dateTime AS dateTime, side_input.value AS value
    FROM bid INNER JOIN side_input ON bid.auction % 7 = side_input.key;
