SELECT id, item_name, bidder, price, bid_time
FROM (
    SELECT auction.id AS id, auction.itemname AS item_name, bid.bidder AS bidder, bid.price AS price, bid.datetime AS bid_time,
        ROW_NUMBER() OVER (PARTITION BY auction.id ORDER BY bid.price DESC, bid.datetime ASC) AS place
    FROM auction INNER JOIN bid ON auction.id = bid.auction
    WHERE bid.datetime BETWEEN auction.datetime AND auction.expires
) AS ranked
WHERE place = 1
