"""Queries over the bids, by Waterwheel and by its peers, taking turns: what a row costs in CPU time, and the ratios."""

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import build, data
from .machine import Process

BIDS = """CREATE STREAM bids (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts BIGINT, extra STRING)
  WITH (CONNECTOR='file', PATH='{directory}/*.json', VALUE_FORMAT='JSON');
CREATE STREAM out WITH (CONNECTOR='blackhole') AS {select};"""

# Windows and joins need event time, and results that are a table.
TIMED = """CREATE STREAM bids (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts BIGINT, extra STRING)
  WITH (CONNECTOR='file', PATH='{directory}/*.json', VALUE_FORMAT='JSON', TIMESTAMP='ts');
CREATE {kind} out WITH (CONNECTOR='blackhole') AS {select};"""
TUMBLE = """SELECT auction, COUNT(*) AS n FROM bids WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 4 SECONDS)
  GROUP BY auction EMIT {emit}"""
HOP = """SELECT auction, COUNT(*) AS n FROM bids WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 2 SECONDS, GRACE PERIOD 4 SECONDS)
  GROUP BY auction EMIT {emit}"""
SESSION = """SELECT bidder, COUNT(*) AS n FROM bids WINDOW SESSION (10 SECONDS, GRACE PERIOD 4 SECONDS)
  GROUP BY bidder EMIT {emit}"""
# The same mean by the built-in function and by an aggregate of a plugin.
MEAN = """SELECT auction, {call}(CAST(price AS DOUBLE)) AS mean FROM bids WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 4 SECONDS)
  GROUP BY auction EMIT {emit}"""
# Each bid finds itself and the few others like it; a join with many matches would measure the copying of its results.
JOIN = """SELECT a.auction AS auction, a.bidder AS bidder, a.price AS price, b.channel AS channel FROM bids a JOIN bids b
  WITHIN 1 SECOND GRACE PERIOD 4 SECONDS
  ON a.auction = b.auction AND a.bidder = b.bidder AND a.price = b.price EMIT CHANGES"""

Q1 = "SELECT auction, bidder, 0.908 * price AS price, ts, extra FROM bids"
Q1_DECIMAL = "SELECT auction, bidder, CAST('0.908' AS DECIMAL(4, 3)) * price AS price, ts, extra FROM bids"
Q2 = "SELECT auction, price FROM bids WHERE auction % 123 = 0"
# The formulas of functions/formulas, each as an expression and as functions of the plugins, over the same arguments.
FUNCTION = "SELECT auction, bidder, {call} AS price, ts, extra FROM bids"
MUL_ADD = "CAST(price AS DOUBLE) * CAST(bidder AS DOUBLE) + CAST(auction AS DOUBLE)"
RISK_SCORE = """CASE WHEN price > 0 AND bidder > 0 THEN 1E0 - 1E0 / (1E0 + SQRT(
  ABS(LN(CAST(price AS DOUBLE) / CAST(bidder AS DOUBLE))) * CASE WHEN price < bidder THEN 1.5E0 ELSE 1E0 END
  + CASE WHEN auction > 1000 THEN LN(CAST(auction AS DOUBLE) / 1E3) ELSE 0E0 END)) ELSE 1E0 END"""
ARGUMENTS = "CAST(price AS DOUBLE), CAST(bidder AS DOUBLE), CAST(auction AS DOUBLE)"


class Missing(Exception):
    """What is not installed here: skipped, with the reason."""


@dataclass
class Runs:
    """What the runs of one contender took."""

    cpu_s: list = field(default_factory=list)
    wall_s: list = field(default_factory=list)
    rss_mib: float = 0.0

    def rows_per_cpu_s(self, rows):
        return rows / statistics.median(self.cpu_s)


class Waterwheel:
    """A query by the product: a new process for each run, all of which is counted."""

    def __init__(self, binary, directory, rows, select, options=(), kind=None, reads=1):
        self.rows = rows
        sql = BIDS.format(directory=directory, select=select) if kind is None else ""
        if kind is not None:
            sql = TIMED.format(directory=directory, kind=kind, select=select)
        # A join reads the bids twice.
        self.reads = reads
        self.command = [str(binary), "run", *options, "-e", sql]

    def run(self, runs):
        begin = time.perf_counter()
        child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        read = re.search(r"([\d,]+) rows in", said)
        if child.returncode != 0 or not read or int(read[1].replace(",", "")) != self.rows * self.reads:
            last = said.strip().splitlines()[-1:]
            raise RuntimeError(f"exit code {child.returncode} and not {self.rows} rows: {' '.join(last)}")
        runs.wall_s.append(time.perf_counter() - begin)
        runs.cpu_s.append(usage.ru_utime + usage.ru_stime)
        runs.rss_mib = max(runs.rss_mib, usage.ru_maxrss / 1024)

    def close(self):
        pass


class Peer:
    """A query by a peer: a process that is up and has run the query once before anything is counted."""

    def __init__(self, name, package, directory, rows, query, options=()):
        self.rows = rows
        python = data.PEERS / "venv" / package / "bin/python"
        if not python.exists():
            raise Missing(f"not installed: {_shown(Path(sys.argv[0]))} --install-peers")
        script = build.BENCH / "peers" / f"{name}.py"
        self.log = build.CACHE / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "a", encoding="utf-8") as log:
            command = [str(python), str(script), str(directory), query, *options]
            self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.run(Runs())

    def run(self, runs):
        process = Process(self.child.pid)
        cpu_s, begin = process.cpu_s(), time.perf_counter()
        self.child.stdin.write("run\n")
        self.child.stdin.flush()
        # What the peer itself prints comes before the answer.
        for line in self.child.stdout:
            if line.startswith("done"):
                break
        else:
            raise RuntimeError(f"it ended; see {self.log}")
        read = line.split()[1:]
        if read and int(read[0]) != self.rows:
            raise RuntimeError(f"it read {read[0]} rows, not {self.rows}")
        runs.wall_s.append(time.perf_counter() - begin)
        runs.cpu_s.append(process.cpu_s() - cpu_s)
        runs.rss_mib = max(runs.rss_mib, process.rss_mib())

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def contenders(binary, directory, rows):
    """Groups of contenders: a title, and for each a name and what starts it. The ratios are to the first of a group."""
    ww = lambda select, *options: lambda: Waterwheel(binary, directory, rows, select, options)
    timed = lambda select, kind, reads=1, options=(): lambda: Waterwheel(binary, directory, rows, select, options, kind, reads)
    peer = lambda *arguments: lambda: Peer(*arguments)
    flink = lambda query: peer("flink", "flink", directory, rows, query)
    datafusion = lambda query, partitions: peer("datafusion_batch", "datafusion", directory, rows, query, (partitions,))

    def batch(query):
        return [(f"DataFusion, batch, {n} partition{'s' * (n > 1)}", datafusion(query, str(n))) for n in (1, 2)]

    def function(name, expression):
        call = lambda function: FUNCTION.format(call=f"{function}({ARGUMENTS})")
        return [
            ("built-in expression", ww(FUNCTION.format(call=expression))),
            ("WASM, columnar door", with_plugin("columnar", lambda plugins: ww(call(name), "--plugins", str(plugins)))),
            ("WASM, plain door", with_plugin("plain", lambda plugins: ww(call(f"plain_{name}"), "--plugins", str(plugins)))),
        ]

    def mean(emit):
        select = lambda call: MEAN.format(call=call, emit=emit)
        options = lambda plugins: ("--plugins", str(plugins))
        return [
            (f"AVG, EMIT {emit}", timed(select("AVG"), "TABLE")),
            (
                f"aggregate in WASM, EMIT {emit}",
                with_plugin("columnar", lambda plugins: timed(select("mean_of"), "TABLE", 1, options(plugins))),
            ),
        ]

    return [
        (
            "q1: one column times a constant",
            [
                ("Waterwheel", ww(Q1)),
                ("Waterwheel, 1 worker", ww(Q1, "--workers", "1")),
                ("Waterwheel, constant as DECIMAL", ww(Q1_DECIMAL)),
                ("Flink (constant is DECIMAL)", flink("q1")),
                *batch("q1"),
            ],
        ),
        ("q2: a filter that keeps one row of 123", [("Waterwheel", ww(Q2)), ("Flink", flink("q2")), *batch("q2")]),
        (
            "tumbling: bids per auction and 10 s",
            [
                ("Waterwheel, EMIT FINAL", timed(TUMBLE.format(emit="FINAL"), "TABLE")),
                ("Waterwheel, EMIT CHANGES", timed(TUMBLE.format(emit="CHANGES"), "TABLE")),
                ("Flink", flink("tumble")),
                *batch("tumble"),
            ],
        ),
        (
            "hopping: bids per auction and 10 s, every 2 s",
            [
                ("Waterwheel, EMIT FINAL", timed(HOP.format(emit="FINAL"), "TABLE")),
                ("Waterwheel, EMIT CHANGES", timed(HOP.format(emit="CHANGES"), "TABLE")),
                ("Flink", flink("hop")),
            ],
        ),
        (
            "sessions: bids per bidder, gap 10 s",
            [
                ("Waterwheel, EMIT FINAL", timed(SESSION.format(emit="FINAL"), "TABLE")),
                ("Waterwheel, EMIT CHANGES", timed(SESSION.format(emit="CHANGES"), "TABLE")),
                ("Flink", flink("session")),
            ],
        ),
        (
            "stream-stream join: equal bids within 1 s",
            [("Waterwheel", timed(JOIN, "STREAM", 2)), ("Flink", flink("join"))],
        ),
        ("tumbling: mean price per auction and 10 s", mean("FINAL")),
        ("tumbling: mean price per auction and 10 s, each change", mean("CHANGES")),
        ("q1 with mul_add(price, bidder, auction)", function("mul_add", MUL_ADD)),
        ("q1 with risk_score(price, bidder, auction)", function("risk_score", RISK_SCORE)),
    ]


def with_plugin(name, start):
    """Builds a plugin first; the directory of plugins goes to `start`."""

    def begin():
        try:
            plugins = build.plugin(name)
        except RuntimeError as error:
            raise Missing(str(error)) from error
        return start(plugins)()

    return begin


def report(binary, directory, rows, repeat, only):
    groups = contenders(binary, directory, rows)
    started, missed = {}, {}
    for title, members in groups:
        for name, begin in members:
            key = (title, name)
            if only and only.lower() not in f"{title} {name}".lower():
                continue
            try:
                started[key] = (begin(), Runs())
            except Missing as error:
                missed[key] = f"skipped: {error}"
            except RuntimeError as error:
                missed[key] = f"FAILED: {error}"
    for _ in range(repeat):
        for key, (contender, runs) in list(started.items()):
            try:
                contender.run(runs)
            except RuntimeError as error:
                missed[key] = f"FAILED: {error}"
                del started[key]
    for contender, _ in started.values():
        contender.close()
    return _markdown(groups, started, missed, rows, repeat)


def _markdown(groups, started, missed, rows, repeat):
    lines = [
        "## Queries\n",
        f"{rows:,} bids, JSON in two files, results thrown away; medians of {repeat} runs, the contenders taking turns. CPU time is",
        "user and system time of all processes. Waterwheel: a new process for each run, all of it counted. Peers: warm.\n",
    ]
    for title, members in groups:
        members = [(name, (title, name)) for name, _ in members if (title, name) in started or (title, name) in missed]
        if not members:
            continue
        lines += [f"**{title}**\n", "| | k rows per CPU-second | the first line does | M rows/s | peak RSS, MiB |", "|---|---|---|---|---|"]
        first = started.get(members[0][1])
        for name, key in members:
            if key in missed:
                lines.append(f"| {name} | {missed[key].splitlines()[0]} | | | |")
                continue
            runs = started[key][1]
            speed = runs.rows_per_cpu_s(rows)
            ratio = f"{first[1].rows_per_cpu_s(rows) / speed:.2f}x" if first else ""
            wall = rows / statistics.median(runs.wall_s) / 1e6
            lines.append(f"| {name} | {speed / 1e3:,.0f} | {ratio} | {wall:.2f} | {runs.rss_mib:,.0f} |")
        lines.append("")
    return "\n".join(lines)


def install_peers():
    """Flink and DataFusion from PyPI, one virtual environment each. Flink needs Java 11 or 17."""
    for name, packages in {"flink": ["apache-flink"], "datafusion": ["datafusion", "pyarrow"]}.items():
        environment = data.PEERS / "venv" / name
        if not environment.exists():
            subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
            subprocess.run([str(environment / "bin/pip"), "install", "--quiet", "--prefer-binary", *packages], check=True)
        print(f"{name}: {environment}")
    if not shutil.which("java"):
        print("there is no java: Flink will not start")


def _shown(path):
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path
