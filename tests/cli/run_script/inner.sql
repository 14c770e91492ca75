CREATE STREAM numbers (id INT) WITH (KAFKA_TOPIC = 'numbers', VALUE_FORMAT = 'JSON');
INSERT INTO numbers VALUES (${n}), (1);
DEFINE n = '3';
