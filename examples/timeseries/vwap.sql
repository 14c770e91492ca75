-- VWAP: what a share has cost so far, each trade counted by its volume. A trade without volume is an error of its row.
CREATE STREAM trades (symbol STRING KEY, price DOUBLE, volume DOUBLE) WITH (KAFKA_TOPIC = 'trades', VALUE_FORMAT = 'JSON');
INSERT INTO trades VALUES ('ACME', 10, 100), ('ACME', 20, 300), ('BOLT', 5, 10), ('ACME', 10, 100), ('BOLT', 7, 10);

SELECT symbol, price, volume, RUNNING_VWAP(price, volume) AS vwap FROM trades EMIT CHANGES;
