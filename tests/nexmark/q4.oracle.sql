SELECT category, AVG(final) AS average
FROM (
    SELECT auction.id, auction.category, MAX(bid.price) AS final
    FROM auction INNER JOIN bid ON auction.id = bid.auction
    WHERE bid.datetime BETWEEN auction.datetime AND auction.expires
    GROUP BY auction.id, auction.category
) AS highest
GROUP BY category
