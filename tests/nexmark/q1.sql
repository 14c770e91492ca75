-- q1, currency conversion: a calculation in each row.

CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'bid', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE STREAM result WITH (VALUE_FORMAT = 'JSON') AS
    SELECT auction, bidder, 0.908 * price AS price, dateTime, extra FROM bid;
