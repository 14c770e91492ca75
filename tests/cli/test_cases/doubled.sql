--@test: right
CREATE STREAM trades (symbol STRING KEY, price INT) WITH (kafka_topic='trades', value_format='JSON');
CREATE STREAM twice AS SELECT symbol, price * 2 AS twice FROM trades;
INSERT INTO trades (symbol, price) VALUES ('A', 5);
ASSERT VALUES twice (symbol, twice) VALUES ('A', 10);

--@test: wrong
CREATE STREAM trades (symbol STRING KEY, price INT) WITH (kafka_topic='trades', value_format='JSON');
CREATE STREAM twice AS SELECT symbol, price * 2 AS twice FROM trades;
INSERT INTO trades (symbol, price) VALUES ('A', 5);
ASSERT VALUES twice (symbol, twice) VALUES ('A', 11);
