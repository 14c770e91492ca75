-- Duplicates: a gateway that sends again what it thinks was lost. A reading is a sensor and a time; an hour is kept in mind.
CREATE STREAM sent (sensor STRING KEY, at TIMESTAMP, x DOUBLE) WITH (KAFKA_TOPIC = 'sent', VALUE_FORMAT = 'JSON', TIMESTAMP = 'at');
INSERT INTO sent VALUES
    ('s1', '2026-01-01T00:00:00', 1), ('s1', '2026-01-01T00:01:00', 2), ('s1', '2026-01-01T00:00:00', 1),
    ('s2', '2026-01-01T00:00:00', 7), ('s1', '2026-01-01T00:02:00', 3), ('s1', '2026-01-01T00:01:00', 2);

SELECT sensor, at, x FROM sent WHERE NOT IS_DUPLICATE(at, 3600000) EMIT CHANGES;
