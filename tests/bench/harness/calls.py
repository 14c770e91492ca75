"""What a call of a function costs by itself: nanoseconds per row, the ways of calling taking turns, sample by sample."""

import os
import signal
import statistics
import subprocess
import sys

from . import build, data

ROWS = [1, 64, 1_024, 8_192]
ROUNDS = 100
# All ways must give the same, but for the last digits of a logarithm.
TOLERANCE = 1e-12
# What the cases are, in the order of the report.
CASES = {
    "mul_add": "a * b + c, DOUBLE",
    "risk_score": "real work: logarithms, a root, branches, DOUBLE",
    "upper_text": "upper-casing STRING of 16 bytes",
    "add_decimals": "DECIMAL(18, 4) + DECIMAL(18, 4)",
    "total": "the sum of an ARRAY<DOUBLE> of four",
    "ordered": "two DOUBLE to a STRUCT of two",
    "step": "stream function: the step from the number before of one of 1,000 keys",
    "mean_of": "aggregate function: a number into the mean of one of 1,000 groups",
    "parts": "table function: three rows for each row",
}
FLINK_S = 900


class Sampler:
    """A program that takes samples when it is asked to, see udf_call/sampler."""

    def __init__(self, program, plugins, built):
        command = [str(build.program(f"udf_call/{program}", built)), str(plugins)]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ways = self.ask("ways").split("\t")

    def ask(self, request):
        self.child.stdin.write(request + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer:
            raise RuntimeError(f"exit code {self.child.wait()} at: {request}")
        return answer.strip()

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def report(only, built=None, rounds=ROUNDS):
    samplers, missed = [], []
    try:
        build.component(built)
    except RuntimeError as error:
        missed.append(("component door", f"skipped: {error}"))
    for program, plugins in [("waterwheel", ["columnar", "plain"]), ("arrow_udf", ["arrow_udf"])]:
        try:
            directory = [build.plugin(plugin, built) for plugin in plugins][0]
            samplers.append(Sampler(program, directory, built))
        except RuntimeError as error:
            missed.append((program, f"skipped: {error}"))
        except subprocess.CalledProcessError:
            missed.append((program, "FAILED: it does not build"))
    ways = [(sampler, number, name) for sampler in samplers for number, name in enumerate(sampler.ways)]
    ways = [way for way in ways if not only or only.lower() in way[2].lower()]
    ways.sort(key=lambda way: list(CASES).index(_case(way[2])))
    cells = {name: [] for _, _, name in ways}
    for rows in ROWS:
        _check_agreement(ways, rows)
        samples = {name: [] for _, _, name in ways}
        for _ in range(rounds):
            for sampler, number, name in ways:
                samples[name].append(float(sampler.ask(f"sample {number} {rows}")))
        for name, taken in samples.items():
            cells[name].append(statistics.median(taken))
    for sampler in samplers:
        sampler.close()
    flink, reason = _flink(only)
    if reason:
        missed.append(("Flink, Python function", reason))
    return _markdown(cells, flink, missed, rounds)


def keys(built=None):
    """A stream function with 100,000 keys beside the same in native Rust."""
    try:
        command = [str(build.program("udf_call/waterwheel", built)), str(build.plugin("columnar", built)), "keys"]
    except RuntimeError as error:
        return f"## Keys\n\nskipped: {error}\n"
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        return f"## Keys\n\nFAILED: {ran.stderr.strip()}\n"
    return "## Keys\n\n" + ran.stdout


def _case(name):
    return name.split(",")[0]


def _markdown(cells, flink, missed, rounds):
    lines = [
        "## Calls\n",
        f"Nanoseconds per row of one call, from Arrow arrays to an Arrow array: medians of {rounds} samples of CPU time of the thread, the ways",
        "taking turns; in brackets how many times the first line of the case. Waterwheel's time limit is on. Flink: CPU time of all its processes",
        "with the function less that without it; a batch is a bundle. It has no other way to be called.\n",
    ]
    for case, title in CASES.items():
        members = {name: row for name, row in cells.items() if _case(name) == case}
        if not members:
            continue
        first = next(iter(members.values()))
        lines += [
            f"**{case}**: {title}\n",
            "| rows of a batch | " + " | ".join(f"{rows:,}" for rows in ROWS) + " |",
            "|---|" + "---|" * len(ROWS),
        ]
        for name, row in members.items():
            figures = (f"{_ns(ns)} ({ns / beside:.2f}x)" for ns, beside in zip(row, first, strict=True))
            lines.append(f"| {name.split(', ', 1)[1]} | " + " | ".join(figures) + " |")
        if case in flink:
            lines.append("| Flink, Python function | " + " | ".join(flink[case]) + " |")
        lines.append("")
    lines += [f"- {program}: {reason}" for program, reason in missed]
    return "\n".join(lines) + "\n"


def _flink(only):
    """Cells by case, and why there are none."""
    if only and only.lower() not in "flink":
        return {}, None
    python = data.PEERS / "venv/flink/bin/python"
    if not python.exists():
        return {}, "skipped: not installed (--install-peers)"
    command = [str(python), str(build.BENCH / "peers/flink_functions.py")]
    # Flink's processes are in one session, so that none of them is left over.
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    reason = None
    try:
        output, errors = child.communicate(timeout=FLINK_S)
        if child.returncode != 0:
            print(errors, file=sys.stderr)
            reason = f"FAILED: {errors.strip().splitlines()[-1]}"
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        reason = f"FAILED: not at its end after {FLINK_S} s"
    found = {}
    for line in output.splitlines():
        if line.startswith("cell\t"):
            _, case, cell = line.split("\t")
            found.setdefault(case, []).append(cell)
    return {case: cells + ["-"] * (len(ROWS) - len(cells)) for case, cells in found.items()}, reason


def _check_agreement(ways, rows):
    """Nothing is measured that is wrong."""
    expected = {}
    for sampler, number, name in ways:
        values = [_value(text) for text in sampler.ask(f"values {number} {rows}").split(" ")]
        first = expected.setdefault(_case(name), values)
        if len(values) != len(first) or not all(map(_near, values, first)):
            raise RuntimeError(f"{name} gives other results than the first way")


def _value(text):
    try:
        return float(text)
    except ValueError:
        return text


def _near(a, b):
    return a == b or (isinstance(a, float) and isinstance(b, float) and abs(a - b) <= TOLERANCE * abs(b))


def _ns(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
