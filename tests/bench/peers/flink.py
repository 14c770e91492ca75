"""Flink's SQL on the bids, in one process with its cluster: `flink.py DIRECTORY QUERY`.

Runs the query each time that a line comes on stdin, and answers `done` on stdout when the job has ended."""

import sys

from pyflink.table import EnvironmentSettings, TableEnvironment

QUERIES = {
    "q1": (
        "auction BIGINT, bidder BIGINT, price DECIMAL(23, 3), ts BIGINT, extra STRING",
        "SELECT auction, bidder, 0.908 * price, ts, extra FROM bids",
    ),
    "tumble": (
        "auction BIGINT, ws TIMESTAMP_LTZ(3), n BIGINT",
        """SELECT auction, window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(rt), INTERVAL '10' SECOND))
           GROUP BY auction, window_start, window_end""",
    ),
    "hop": (
        "auction BIGINT, ws TIMESTAMP_LTZ(3), n BIGINT",
        """SELECT auction, window_start, COUNT(*)
           FROM TABLE(HOP(TABLE bids, DESCRIPTOR(rt), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
           GROUP BY auction, window_start, window_end""",
    ),
    "session": (
        "bidder BIGINT, ws TIMESTAMP_LTZ(3), n BIGINT",
        """SELECT bidder, window_start, COUNT(*)
           FROM TABLE(SESSION(TABLE bids PARTITION BY bidder, DESCRIPTOR(rt), INTERVAL '10' SECOND))
           GROUP BY bidder, window_start, window_end""",
    ),
    "join": (
        "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING",
        """SELECT a.auction, a.bidder, a.price, b.channel FROM bids a JOIN bids b
           ON a.auction = b.auction AND a.bidder = b.bidder AND a.price = b.price
           AND b.rt BETWEEN a.rt - INTERVAL '1' SECOND AND a.rt + INTERVAL '1' SECOND""",
    ),
    "q2": ("auction BIGINT, price BIGINT", "SELECT auction, price FROM bids WHERE MOD(auction, 123) = 0"),
}


def main():
    directory, query = sys.argv[1:]
    columns, select = QUERIES[query]
    tables = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    tables.get_config().set("parallelism.default", "2")
    tables.get_config().set("pipeline.object-reuse", "true")
    tables.execute_sql(
        f"""CREATE TABLE bids (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts BIGINT, extra STRING,
            rt AS TO_TIMESTAMP_LTZ(ts, 3), WATERMARK FOR rt AS rt - INTERVAL '4' SECOND)
            WITH ('connector' = 'filesystem', 'path' = '{directory}', 'format' = 'json')"""
    )
    tables.execute_sql(f"CREATE TABLE thrown_away ({columns}) WITH ('connector' = 'blackhole')")
    for _ in sys.stdin:
        tables.execute_sql(f"INSERT INTO thrown_away {select}").wait()
        print("done", flush=True)


main()
