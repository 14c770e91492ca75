"""DataFusion as a batch engine on the bids: `datafusion_batch.py DIRECTORY QUERY PARTITIONS`.

Runs the query each time that a line comes on stdin, and answers `done` on stdout."""

import sys

import pyarrow
from datafusion import SessionConfig, SessionContext

QUERIES = {
    "q1": "SELECT auction, bidder, 0.908 * price AS price, ts, extra FROM bids",
    "tumble": "SELECT auction, ts / 10000 AS w, COUNT(*) AS n FROM bids GROUP BY auction, ts / 10000",
    "q2": "SELECT auction, price FROM bids WHERE auction % 123 = 0",
}


def main():
    directory, query, partitions = sys.argv[1:]
    types = {"channel": pyarrow.utf8(), "extra": pyarrow.utf8()}
    columns = ["auction", "bidder", "price", "channel", "ts", "extra"]
    schema = pyarrow.schema([(column, types.get(column, pyarrow.int64())) for column in columns])
    session = SessionContext(SessionConfig().with_target_partitions(int(partitions)))
    session.register_json("bids", f"{directory}/", schema=schema, file_extension=".json")
    for _ in sys.stdin:
        for batch in session.sql(QUERIES[query]).execute_stream():
            batch.to_pyarrow()
        print("done", flush=True)


main()
