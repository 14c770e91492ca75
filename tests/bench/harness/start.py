"""How soon a pipeline gives its first result, and what a process that waits takes of memory."""

import signal
import statistics
import subprocess
import time

from . import build
from .machine import Process

RUNS = 7
PIPELINE = "examples/risk_monitor/pipeline.sql"
# A query that is hardly ever given a row.
IDLE = """CREATE STREAM ticks (n BIGINT) WITH (CONNECTOR='datagen', ROWS_PER_SECOND=1);
SELECT * FROM ticks EMIT CHANGES;"""
IDLE_S = 3


def report(binary):
    lines = ["## Start and memory\n", "| | |", "|---|---|"]
    firsts = []
    try:
        firsts = [_first_result_ms(binary) for _ in range(RUNS)]
        lines.append(
            f"| `{PIPELINE}`: start of the process to first result, of {RUNS} runs | "
            f"{min(firsts):.0f} ms at best, median {statistics.median(firsts):.0f} ms |"
        )
    except RuntimeError as error:
        lines.append(f"| `{PIPELINE}` | FAILED: {error} |")
    lines.append(f"| a process with one query that waits: RSS after {IDLE_S} s | {_idle(binary)} |")
    return "\n".join(lines) + "\n"


def _first_result_ms(binary):
    command = [str(binary), "run", "--quiet", "--output", "json", "--plugins", "examples/plugins", PIPELINE]
    begin = time.perf_counter()
    child = subprocess.Popen(command, cwd=build.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = child.stdout.readline()
    taken = (time.perf_counter() - begin) * 1e3
    _, said = child.communicate()
    if not first.startswith("{") or child.returncode != 0:
        raise RuntimeError(f"no result, exit code {child.returncode}: {said.strip()}")
    return taken


def _idle(binary):
    command = [str(binary), "run", "--quiet", "--output", "json", "-e", IDLE]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process = Process(child.pid)
    time.sleep(IDLE_S / 3)
    before = process.cpu_s()
    time.sleep(IDLE_S * 2 / 3)
    after = process.cpu_s()
    rss_mib = process.rss_mib()
    child.send_signal(signal.SIGINT)
    out, said = child.communicate(timeout=60)
    if child.returncode != 0 or not out:
        return f"FAILED: exit code {child.returncode}: {said.strip()}"
    return f"{rss_mib:.0f} MiB; CPU {(after - before) / (IDLE_S * 2 / 3):.1%} of a core"
