SELECT bid.auction, bid.bidder, bid.price, window_start
FROM bid INNER JOIN (
    SELECT date_bin(INTERVAL '10 seconds', datetime) AS window_start, MAX(price) AS highest FROM bid GROUP BY 1
) AS best ON bid.price = best.highest AND date_bin(INTERVAL '10 seconds', bid.datetime) = best.window_start
