SELECT auction, bidder, price, channel, url, datetime, extra
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY datetime DESC) AS place FROM bid) AS ranked
WHERE place <= 1
