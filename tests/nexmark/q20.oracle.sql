SELECT bid.auction AS auction, bid.bidder AS bidder, bid.price AS price, bid.channel AS channel, bid.url AS url, bid.datetime AS bid_time,
    auction.itemname AS item_name, auction.initialbid AS initial_bid, auction.reserve AS reserve, auction.expires AS expires,
    auction.seller AS seller, auction.category AS category
FROM bid INNER JOIN auction ON bid.auction = auction.id
WHERE auction.category = 10
