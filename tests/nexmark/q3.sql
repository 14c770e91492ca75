-- q3, local items: who sells in some states in category 10. A join of two streams without a bound; the bound here is wider than the data.

CREATE STREAM auction (id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, dateTime TIMESTAMP, expires TIMESTAMP, seller BIGINT, category BIGINT, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'auction', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE STREAM person (id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'person', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE STREAM result WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT auction.seller AS seller, person.name AS name, person.city AS city, person.state AS state, auction.id AS id
    FROM auction INNER JOIN person WITHIN 365 DAYS ON auction.seller = person.id
    WHERE auction.category = 10 AND person.state IN ('OR', 'ID', 'CA');
