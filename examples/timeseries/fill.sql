-- Forward fill: a sensor that says nothing when nothing changed.
CREATE STREAM levels (tank STRING KEY, level DOUBLE) WITH (KAFKA_TOPIC = 'levels', VALUE_FORMAT = 'JSON');
INSERT INTO levels VALUES ('a', NULL), ('a', 7.5), ('a', NULL), ('b', NULL), ('a', 8), ('b', 1), ('a', NULL), ('b', NULL);

SELECT tank, level, FORWARD_FILL(level) AS filled FROM levels EMIT CHANGES;
