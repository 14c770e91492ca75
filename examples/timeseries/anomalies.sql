-- Anomalies: two spikes in a row. The first makes the standard deviation so large that the second hides behind it; the median
-- absolute deviation sees both.
CREATE STREAM pressures (pump STRING KEY, bar DOUBLE) WITH (KAFKA_TOPIC = 'pressures', VALUE_FORMAT = 'JSON');
INSERT INTO pressures VALUES ('p1', 10), ('p1', 11), ('p1', 10), ('p1', 12), ('p1', 11), ('p1', 90), ('p1', 95), ('p1', 10);

SELECT pump,
       bar,
       ROUND(ZSCORE(bar, 6), 2) AS sigmas,
       ZSCORE_FLAG(bar, 6, 3.0) AS far_from_mean,
       MAD_FLAG(bar, 6, 3.0) AS far_from_median
FROM pressures EMIT CHANGES;
