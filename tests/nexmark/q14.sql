-- q14, calculation: a CASE over the hour, a function over a text, and a filter.

CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'bid', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE STREAM result WITH (VALUE_FORMAT = 'JSON') AS
    SELECT auction, bidder, 0.908 * price AS price,
        CASE
            WHEN DATE_PART('hour', dateTime) BETWEEN 8 AND 18 THEN 'dayTime'
            WHEN DATE_PART('hour', dateTime) <= 6 OR DATE_PART('hour', dateTime) >= 20 THEN 'nightTime'
            ELSE 'otherTime'
        END AS bid_time_type,
        dateTime, extra, LEN(extra) - LEN(REPLACE(extra, 'c', '')) AS c_counts
    FROM bid
    WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000;
