-- Smoothing: a jumpy temperature, its moving average, what changed in two rows, and the sum so far.
CREATE STREAM readings (sensor STRING KEY, temperature DOUBLE) WITH (KAFKA_TOPIC = 'readings', VALUE_FORMAT = 'JSON');
INSERT INTO readings VALUES ('kiln', 20), ('kiln', 24), ('yard', 3), ('kiln', 16), ('yard', 5), ('kiln', 28), ('kiln', 20);

SELECT sensor,
       temperature,
       EWMA(temperature, 0.5) AS smooth,
       temperature - LAG_OF(temperature, 2) AS change,
       CUMULATIVE_SUM(temperature) AS total
FROM readings EMIT CHANGES;
