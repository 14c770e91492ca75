-- Interpolation: a meter that should be read every ten seconds, and was not for half a minute. Each row gives the points that
-- were missing before it, on a straight line.
CREATE STREAM meters (meter STRING KEY, at TIMESTAMP, kwh DOUBLE) WITH (KAFKA_TOPIC = 'meters', VALUE_FORMAT = 'JSON', TIMESTAMP = 'at');
INSERT INTO meters VALUES
    ('m1', '2026-01-01T00:00:00', 100), ('m1', '2026-01-01T00:00:10', 101),
    ('m1', '2026-01-01T00:00:40', 107), ('m1', '2026-01-01T00:00:50', 108);

CREATE STREAM points AS SELECT meter, EXPLODE(INTERPOLATE(at, kwh, 10000)) AS point FROM meters;
SELECT meter, point->at AS at, point->x AS kwh FROM points EMIT CHANGES;
