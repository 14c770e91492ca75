-- One row becomes several: each machine's runs, shared among the hours that they touch.
CREATE STREAM runs (machine STRING KEY, since TIMESTAMP, until TIMESTAMP) WITH (KAFKA_TOPIC = 'runs', VALUE_FORMAT = 'JSON');
INSERT INTO runs VALUES ('saw', '2026-03-01T08:30:00', '2026-03-01T10:15:00'), ('mill', '2026-03-01T09:00:00', '2026-03-01T09:45:00');

CREATE STREAM hours AS SELECT machine, BUCKETS(since, until, 3600000)->start AS hour, BUCKETS(since, until, 3600000)->millis / 60000 AS minutes FROM runs;

SELECT machine, hour, minutes FROM hours EMIT CHANGES;
