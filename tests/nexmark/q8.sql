-- q8, monitor new users: who registers and offers something within the same ten seconds.

CREATE STREAM person (id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'person', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE STREAM auction (id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, dateTime TIMESTAMP, expires TIMESTAMP, seller BIGINT, category BIGINT, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'auction', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE TABLE registered WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT id, LATEST_BY_OFFSET(name) AS name FROM person WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY id;

CREATE TABLE offered WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT seller, COUNT(*) AS auctions FROM auction WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY seller;

CREATE TABLE result WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT registered.id AS id, registered.name AS name, registered.WINDOWSTART AS start
    FROM registered INNER JOIN offered ON registered.id = offered.seller;
