-- q21, add channel id: by name for the large channels, out of the URL for the others.

CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'bid', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE STREAM result WITH (VALUE_FORMAT = 'JSON') AS
    SELECT auction, bidder, price, channel,
        CASE
            WHEN LCASE(channel) = 'apple' THEN '0'
            WHEN LCASE(channel) = 'google' THEN '1'
            WHEN LCASE(channel) = 'facebook' THEN '2'
            WHEN LCASE(channel) = 'baidu' THEN '3'
            ELSE REGEXP_EXTRACT('(&|^)channel_id=([^&]*)', url, 2)
        END AS channel_id
    FROM bid
    WHERE REGEXP_EXTRACT('(&|^)channel_id=([^&]*)', url, 2) IS NOT NULL
        OR LCASE(channel) IN ('apple', 'google', 'facebook', 'baidu');
