-- Quantiles: response times whose mean says little; a sketch of some hundred counters per key gives median and 90th percentile within 1 %.
CREATE STREAM requests (path STRING KEY, ms DOUBLE) WITH (KAFKA_TOPIC = 'requests', VALUE_FORMAT = 'JSON');
INSERT INTO requests VALUES ('/', 10), ('/', 12), ('/', 11), ('/', 900), ('/', 13), ('/', 10), ('/', 12), ('/', 950), ('/', 11), ('/', 10);

SELECT path, ms, ROUND(RUNNING_MEDIAN(ms), 1) AS median, ROUND(RUNNING_QUANTILE(ms, 0.9), 1) AS p90 FROM requests EMIT CHANGES;
