SELECT auction.seller AS seller, person.name AS name, person.city AS city, person.state AS state, auction.id AS id
FROM auction INNER JOIN person ON auction.seller = person.id
WHERE auction.category = 10 AND person.state IN ('OR', 'ID', 'CA')
