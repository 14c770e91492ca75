-- Seasons: sales that repeat every four rows (quarters of a day) and rise a little; the last value is odd.
CREATE STREAM sales (shop STRING KEY, quarter INT, sold DOUBLE) WITH (KAFKA_TOPIC = 'sales', VALUE_FORMAT = 'JSON');
INSERT INTO sales VALUES
    ('x', 1, 10), ('x', 2, 30), ('x', 3, 50), ('x', 4, 30), ('x', 5, 14), ('x', 6, 34), ('x', 7, 54), ('x', 8, 34),
    ('x', 9, 18), ('x', 10, 38), ('x', 11, 58), ('x', 12, 0);

CREATE STREAM parts AS SELECT shop, quarter, sold, SEASONAL_DIFF(sold, 4) AS since_yesterday, DECOMPOSE(sold, 4) AS part FROM sales;
SELECT quarter, sold, since_yesterday, part->trend AS trend, ROUND(part->season, 2) AS season, ROUND(part->residual, 2) AS residual
FROM parts EMIT CHANGES;
