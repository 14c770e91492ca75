SELECT auction % 7 AS side_key, auction, bidder, price, datetime, value
FROM bid INNER JOIN (VALUES (0, 'zero'), (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four')) AS side_input(key, value) ON auction % 7 = key
