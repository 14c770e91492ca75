"""What a call of a function costs by itself: nanoseconds per row, the ways of calling taking turns, sample by sample."""

import statistics
import subprocess

from . import build

ROWS = [1, 64, 1_024, 8_192]
ROUNDS = 100
# All ways must give the same, but for the last digits of a logarithm.
TOLERANCE = 1e-12


class Sampler:
    """A program that takes samples when it is asked to, see udf_call/sampler."""

    def __init__(self, program, plugins):
        command = [str(build.program(f"udf_call/{program}")), str(plugins)]
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


def report(only):
    samplers, missed = [], []
    for program, plugins in [("waterwheel", ["columnar", "plain"]), ("arrow_udf", ["arrow_udf"])]:
        try:
            directory = [build.plugin(plugin) for plugin in plugins][0]
            samplers.append(Sampler(program, directory))
        except RuntimeError as error:
            missed.append((program, f"skipped: {error}"))
        except subprocess.CalledProcessError:
            missed.append((program, "FAILED: it does not build"))
    ways = [(sampler, number, name) for sampler in samplers for number, name in enumerate(sampler.ways)]
    ways = sorted((way for way in ways if not only or only.lower() in way[2].lower()), key=lambda way: way[2].split(",")[0])
    cells = {name: [] for _, _, name in ways}
    for rows in ROWS:
        _check_agreement(ways, rows)
        samples = {name: [] for _, _, name in ways}
        for _ in range(ROUNDS):
            for sampler, number, name in ways:
                samples[name].append(float(sampler.ask(f"sample {number} {rows}")))
        for name, taken in samples.items():
            cells[name].append(f"{_ns(min(taken))} / {_ns(statistics.median(taken))}")
    for sampler in samplers:
        sampler.close()
    lines = [
        "## Calls\n",
        f"Nanoseconds per row of one call, from Arrow arrays to an Arrow array: minimum / median of {ROUNDS} samples of CPU time of the",
        "thread, the ways taking turns. Waterwheel's time limit is on.\n",
        "| rows of a batch | " + " | ".join(f"{rows:,}" for rows in ROWS) + " |",
        "|---|" + "---|" * len(ROWS),
    ]
    lines += [f"| {name} | " + " | ".join(row) + " |" for name, row in cells.items()]
    lines += [f"| {program} | {reason} |" + " |" * (len(ROWS) - 1) for program, reason in missed]
    return "\n".join(lines) + "\n"


def _check_agreement(ways, rows):
    """Nothing is measured that is wrong."""
    expected = {}
    for sampler, number, name in ways:
        values = [float(value) for value in sampler.ask(f"values {number} {rows}").split(" ")]
        first = expected.setdefault(name.split(",")[0], values)
        near = all(abs(a - b) <= TOLERANCE * abs(b) for a, b in zip(values, first, strict=True))
        if not near or len(values) != rows:
            raise RuntimeError(f"{name} gives other results than the first way")


def _ns(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
