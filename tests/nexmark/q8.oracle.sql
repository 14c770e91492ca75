SELECT DISTINCT person.id AS id, person.name AS name, CAST(date_bin(INTERVAL '10 seconds', person.datetime) AS BIGINT) AS start
FROM person INNER JOIN auction
    ON person.id = auction.seller
    AND date_bin(INTERVAL '10 seconds', person.datetime) = date_bin(INTERVAL '10 seconds', auction.datetime)
