WITH hops AS (
    SELECT auction, CAST(date_bin(INTERVAL '2 seconds', datetime) AS BIGINT) - 2000 * hop AS window_start
    FROM bid CROSS JOIN (VALUES (0), (1), (2), (3), (4)) AS hops(hop)
), counts AS (
    SELECT window_start, auction, COUNT(*) AS num FROM hops GROUP BY window_start, auction
)
SELECT window_start, auction, num
FROM (SELECT window_start, auction, num, MAX(num) OVER (PARTITION BY window_start) AS most FROM counts) AS ranked
WHERE num = most
