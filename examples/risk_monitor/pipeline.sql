-- Risk monitor: trades of five symbols, three functions in WebAssembly, alerts on a topic and on the terminal.
--
--   cargo run --release -- run examples/risk_monitor/pipeline.sql
--
-- Without --brokers all topics live inside of the process. Against Kafka the same script runs with
--   cargo run --release -- run --brokers localhost:9092 examples/risk_monitor/pipeline.sql

DEFINE rows = '200000';        -- trades to make up; leave ROWS out of the statement below to go on forever
DEFINE threshold = '0.55';    -- alerts have a risk above this

-- 1. Trades: a seeded random walk of the price for each symbol.
CREATE STREAM trades (
    symbol STRING KEY,
    price DOUBLE,
    volume BIGINT,
    trade_time TIMESTAMP
) WITH (
    CONNECTOR = 'datagen',
    ROWS = ${rows},
    SEED = 42,
    TIMESTAMP = 'trade_time',
    'symbol.kind' = 'choice',
    'symbol.values' = 'ACME,BOLT,CORE,DUNE,ECHO',
    'price.kind' = 'random_walk',
    'price.per' = 'symbol',
    'price.start' = 400,
    'price.step' = 1.5,
    'price.min' = 1,
    'volume.kind' = 'random',
    'volume.min' = 1,
    'volume.max' = 5000,
    'trade_time.kind' = 'time',
    'trade_time.start' = '2026-01-01T09:00:00Z',
    'trade_time.step_ms' = 50
);

-- 2. What each price means beside the last 60 of its symbol: stream functions with state per key.
CREATE STREAM scored AS
    SELECT symbol,
           price,
           volume,
           trade_time,
           moving_avg(price, 60) AS average,
           diff(price) AS change
    FROM trades;

-- 3. The risk of each trade, from 0 to 1: a scalar function. Alerts go to the topic ALERTS ...
CREATE STREAM alerts AS
    SELECT symbol,
           trade_time,
           price,
           ROUND(average, 2) AS average,
           ROUND(risk_score(price, average, change, volume), 3) AS risk
    FROM scored
    WHERE risk_score(price, average, change, volume) > ${threshold};

-- 4. ... and to the terminal.
SELECT * FROM alerts EMIT CHANGES;
