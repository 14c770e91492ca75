-- q5, hot items: the auctions with the most bids of the last ten seconds, every two seconds.

CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING)
    WITH (CONNECTOR = 'nexmark', EVENT = 'bid', EVENTS = ${events}, EVENT_TIME_RATE = ${rate}, PARTITIONS = ${partitions});

CREATE TABLE counts WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT auction, COUNT(*) AS num
    FROM bid WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 2 SECONDS)
    GROUP BY auction;

CREATE TABLE result WITH (VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON') AS
    SELECT window_start, auction, num
    FROM (SELECT WINDOWSTART AS window_start, auction, num, RANK() OVER (PARTITION BY WINDOWSTART ORDER BY num DESC) AS place
          FROM counts) AS ranked
    WHERE place = 1;
