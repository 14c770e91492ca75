CREATE STREAM carts (id INT KEY, since BIGINT, until BIGINT) WITH (KAFKA_TOPIC = 'carts', VALUE_FORMAT = 'JSON');
SELECT c.id, s.n
FROM carts c, LATERAL SERIES(c.since, c.until) AS t(m), LATERAL SERIES(t.m + 1, t.m + c.nope) AS s(n)
WHERE c.id > 1 EMIT CHANGES;
