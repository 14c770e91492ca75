//! What runs while the process is killed: one query of each kind, over the same topics.

use std::path::Path;

/// Topics that the test writes, each with [`PARTITIONS`].
pub(super) const INPUTS: [&str; 4] = ["orders", "bids", "users", "scores"];
/// Partitions of the topics.
pub(super) const PARTITIONS: i32 = 3;
/// Size of the tumbling windows in milliseconds.
pub(super) const TUMBLING_MS: i64 = 10_000;
/// Grace of the tumbling windows: short, so that some rows are late for theirs.
pub(super) const GRACE_MS: i64 = 1_000;
/// Size and advance of the hopping windows.
pub(super) const HOPPING_MS: (i64, i64) = (20_000, 5_000);
/// Gap of the sessions.
pub(super) const SESSION_MS: i64 = 1_000;
/// How far apart rows of the two streams may be to be joined.
pub(super) const WITHIN_MS: i64 = 300;

/// The statements; one query writes files into `directory`.
pub(super) fn sql(directory: &Path) -> String {
    let (size, advance) = HOPPING_MS;
    let filed = directory.join("filed.json").display().to_string();
    format!(
        "SET 'auto.offset.reset' = 'earliest';
        SET 'commit.interval.ms' = '200';
        CREATE STREAM orders (k STRING KEY, n BIGINT, price DOUBLE) WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON');
        CREATE STREAM bids (k STRING KEY, n BIGINT) WITH (KAFKA_TOPIC='bids', VALUE_FORMAT='JSON');
        CREATE TABLE users (k STRING PRIMARY KEY, city STRING) WITH (KAFKA_TOPIC='users', VALUE_FORMAT='JSON');
        CREATE TABLE scores (k STRING PRIMARY KEY, city STRING, score BIGINT) WITH (KAFKA_TOPIC='scores', VALUE_FORMAT='JSON');

        CREATE STREAM copied WITH (KAFKA_TOPIC='copied') AS SELECT k, n, price FROM orders WHERE n % 10 <> 3;
        CREATE STREAM filed WITH (CONNECTOR='file', PATH='{filed}') AS SELECT k, n, price FROM orders WHERE n % 10 <> 3;
        CREATE STREAM changed WITH (KAFKA_TOPIC='changed') AS
            SELECT k, n, diff(price) AS d, moving_avg(price, 4) AS m FROM orders;
        CREATE STREAM ranked WITH (KAFKA_TOPIC='ranked') AS
            SELECT k, n, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ROWTIME) AS place,
                   SUM(price) OVER (PARTITION BY k ORDER BY ROWTIME ROWS 4 PRECEDING) AS last_five FROM orders;
        CREATE STREAM joined WITH (KAFKA_TOPIC='joined') AS
            SELECT o.k AS k, o.n AS o, b.n AS b FROM orders o JOIN bids b WITHIN {WITHIN_MS} MILLISECONDS GRACE PERIOD 1 DAY ON o.k = b.k;
        CREATE STREAM enriched WITH (KAFKA_TOPIC='enriched') AS
            SELECT o.k AS k, o.n AS n, u.city AS city FROM orders o LEFT JOIN users u ON o.k = u.k;
        CREATE TABLE tumbled WITH (KAFKA_TOPIC='tumbled') AS
            SELECT k, WINDOWSTART AS ws, COUNT(*) AS c, SUM(price) AS s, vwap(price, price + 1.0) AS w FROM orders
            WINDOW TUMBLING (SIZE {TUMBLING_MS} MILLISECONDS, GRACE PERIOD {GRACE_MS} MILLISECONDS) GROUP BY k;
        CREATE TABLE hopped WITH (KAFKA_TOPIC='hopped') AS
            SELECT k, WINDOWSTART AS ws, COUNT(*) AS c, SUM(price) AS s, vwap(price, price + 1.0) AS w FROM orders
            WINDOW HOPPING (SIZE {size} MILLISECONDS, ADVANCE BY {advance} MILLISECONDS, GRACE PERIOD 1 DAY) GROUP BY k;
        CREATE TABLE visits WITH (KAFKA_TOPIC='visits') AS
            SELECT k, WINDOWSTART AS ws, WINDOWEND AS we, COUNT(*) AS c, vwap(price, price + 1.0) AS w FROM orders
            WINDOW SESSION ({SESSION_MS} MILLISECONDS, GRACE PERIOD 1 DAY) GROUP BY k;
        CREATE TABLE digits WITH (KAFKA_TOPIC='digits', KEY_FORMAT='JSON') AS
            SELECT n % 7 AS digit, COUNT(*) AS c, SUM(price) AS s FROM orders GROUP BY n % 7;
        CREATE TABLE priced WITH (KAFKA_TOPIC='priced') AS
            SELECT k, WINDOWSTART AS ws, COUNT(*) AS c, vwap(price, 1.0 + ABS(n)) AS s FROM orders
            WINDOW HOPPING (SIZE {size} MILLISECONDS, ADVANCE BY {advance} MILLISECONDS, GRACE PERIOD 1 DAY) GROUP BY k;
        CREATE TABLE cities WITH (KAFKA_TOPIC='cities') AS
            SELECT city, COUNT(*) AS c, SUM(score) AS s, vwap(score, 1.0) AS w FROM scores GROUP BY city;"
    )
}
