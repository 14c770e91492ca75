CREATE STREAM carts (id INT KEY, items ARRAY<STRING>) WITH (KAFKA_TOPIC = 'carts', VALUE_FORMAT = 'JSON');
SELECT c.id + 1 AS id, s.n
FROM carts c,
  LATERAL SERIES(c.id, c.items) AS s(n), UNNEST(c.items) AS t(item) EMIT CHANGES;
