-- Made-up trades through the functions of @NAME@: waterwheel run pipeline.sql
-- Plugins are looked for in `plugins`, beside this file.

CREATE STREAM trades (
    symbol STRING KEY, price DOUBLE, volume BIGINT, trade_time TIMESTAMP
) WITH (
    CONNECTOR = 'datagen', ROWS = 600, SEED = 7, TIMESTAMP = 'trade_time',
    'symbol.values' = 'ACME,BOLT,CORE',
    'price.kind' = 'random_walk', 'price.per' = 'symbol', 'price.start' = 100, 'price.step' = 2, 'price.min' = 1,
    'volume.min' = 1, 'volume.max' = 5000,
    'trade_time.kind' = 'time', 'trade_time.start' = '2026-01-01T09:00:00Z', 'trade_time.step_ms' = 1000
);

-- Functions with state per key: the trades of each symbol by themselves.
CREATE STREAM scored AS
    SELECT symbol, price, volume,
           moving_avg(price, 20) OVER (PARTITION BY symbol) AS average,
           diff(price) OVER (PARTITION BY symbol) AS change
    FROM trades;

-- A function of one row.
SELECT symbol, ROUND(price, 2) AS price, ROUND(average, 2) AS average, ROUND(change, 2) AS change,
       ROUND(risk_score(price, average, volume), 3) AS risk
FROM scored EMIT CHANGES LIMIT 8;

-- A function of a group of rows.
SELECT symbol, WINDOWSTART AS minute, ROUND(vwap(price, volume), 2) AS vwap
FROM trades WINDOW TUMBLING (SIZE 5 MINUTES) GROUP BY symbol EMIT FINAL LIMIT 3;
