WITH marked AS (
    SELECT bidder, CAST(datetime AS BIGINT) AS at,
        CASE WHEN CAST(datetime AS BIGINT) - LAG(CAST(datetime AS BIGINT)) OVER (PARTITION BY bidder ORDER BY datetime) <= 10000 THEN 0 ELSE 1 END AS is_first
    FROM bid
), numbered AS (
    SELECT bidder, at, SUM(is_first) OVER (PARTITION BY bidder ORDER BY at ROWS UNBOUNDED PRECEDING) AS session FROM marked
)
SELECT bidder, COUNT(*) AS bid_count, MIN(at) AS start_time, MAX(at) AS end_time FROM numbered GROUP BY bidder, session
