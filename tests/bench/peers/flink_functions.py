"""What a row of a Python function costs in Flink: `flink_functions.py`, which prints Markdown cells.

Flink hands rows to its Python process in bundles; a batch is a bundle here, and for pandas functions an Arrow batch as well. A job makes so many
numbers and throws the results away. The start of a job costs more than a function does, and differs from job to job: what a row costs is what the
long one of two jobs takes more, CPU time of all processes, by row it has more; of that, what it costs without a function is taken away.
Small bundles, which take longer, get fewer rows."""

import math
import os
import sys
from pathlib import Path

from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment
from pyflink.table.udf import udf

# Rows of the long job, by the size of a bundle: so many that the job takes several times what its start takes.
ROWS = {1: 10_000, 64: 300_000, 1_024: 1_000_000, 8_192: 1_000_000}
ARGUMENTS = "CAST(80 + MOD(k, 40) AS DOUBLE), CAST(90 + MOD(k, 20) AS DOUBLE), CAST(MOD(k, 5000) AS DOUBLE)"


def risk(price, average, volume):
    if not (price > 0.0 and average > 0.0):
        return 1.0
    distance = abs(math.log(price / average))
    direction = 1.5 if price < average else 1.0
    size = math.log(volume / 1_000.0) if volume > 1_000.0 else 0.0
    return 1.0 - 1.0 / (1.0 + math.sqrt(distance * direction + size))


FUNCTIONS = {
    "mul_add": lambda a, b, c: a * b + c,
    "risk_score": risk,
}


def cpu_s():
    """CPU seconds of this process and all below it, ended ones included."""
    parents, seconds = {}, {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                fields = (directory / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(directory.name)] = int(fields[1])
            seconds[int(directory.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def below(pid):
        while pid not in (0, os.getpid()):
            pid = parents.get(pid, 0)
        return pid != 0

    return sum(taken for pid, taken in seconds.items() if below(pid))


def main():
    tables = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    config = tables.get_config()
    config.set("parallelism.default", "1")
    config.set("python.executable", sys.executable)
    config.set("python.client.executable", sys.executable)
    config.set("python.fn-execution.bundle.time", "60000")
    for name, function in FUNCTIONS.items():
        tables.create_temporary_function(name, udf(function, result_type=DataTypes.DOUBLE(), name=name))
    tables.execute_sql("CREATE TABLE thrown_away (y DOUBLE) WITH ('connector' = 'blackhole')")

    def took(expression, rows):
        tables.execute_sql("DROP TABLE IF EXISTS numbers")
        tables.execute_sql(
            f"""CREATE TABLE numbers (k BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100000000', 'number-of-rows' = '{rows}',
                'fields.k.kind' = 'sequence', 'fields.k.start' = '0', 'fields.k.end' = '{rows - 1}')"""
        )
        begin = cpu_s()
        tables.execute_sql(f"INSERT INTO thrown_away SELECT {expression} FROM numbers").wait()
        return cpu_s() - begin

    def a_row(expression, rows):
        return (took(expression, rows) - took(expression, rows // 10)) / (rows - rows // 10) * 1e9

    took("mul_add(CAST(k AS DOUBLE), 1E0, 1E0)", 1_000)
    without = a_row("CAST(k AS DOUBLE)", max(ROWS.values()))
    print(f"without\t{without:,.0f}", flush=True)
    for name in FUNCTIONS:
        for bundle, rows in ROWS.items():
            config.set("python.fn-execution.bundle.size", str(bundle))
            config.set("python.fn-execution.arrow.batch.size", str(bundle))
            print(f"cell\t{name}\t{max(0.0, a_row(f'{name}({ARGUMENTS})', rows) - without):,.0f}", flush=True)


main()
