#!/usr/bin/env python3
"""Runs every program in turn on the same dumps, checks that the answers agree, and prints what each one took.

    measure.py DUMPS_FOLDER [--bin PROGRAM] [--rounds 3] [--threads 2] [--json FILE]

CPU is user and system time of the whole process, peak memory its largest resident set; figures are medians over the
rounds. Without --bin only the peers run.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from job import AS_OF, COLUMNS

HERE = Path(__file__).resolve().parent
PEERS = {"DuckDB": "duckdb_job.py", "Polars": "polars_job.py"}
OURS = "appraise"


def timed(command, log):
    """Runs `command` to its end; returns its CPU seconds, wall seconds and peak memory in GB."""
    started = time.monotonic()
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - started
    if process.returncode != 0:
        sys.exit(f"measure: exit code {process.returncode}: {' '.join(command)}\n{log.read_text(errors='replace')}")
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": wall, "peak_gb": usage.ru_maxrss * unit / 1e9}


def command_of(name, arguments, work):
    """The command line of a program, with a fresh place for its answer."""
    answer = work / name
    shutil.rmtree(answer, ignore_errors=True)
    answer.mkdir()
    if name == OURS:
        return [
            arguments.bin, "run", str(HERE / "bench.yaml"), "--as-of", AS_OF, "--output", str(answer),
            "--threads", str(arguments.threads), "--set", f"params.dumps={arguments.dumps.resolve()}",
        ]
    threads = str(arguments.threads)
    return [sys.executable, str(HERE / PEERS[name]), str(arguments.dumps), str(answer / "part.parquet"), threads]


def answer_sql(name, work):
    """SQL of a program's answer, under the peers' names."""
    if name == OURS:
        last = json.loads((work / f"{OURS}.log").read_text().strip().splitlines()[-1])
        columns = ", ".join(f"{ours} AS {theirs}" for theirs, ours in COLUMNS.items())
        return f"SELECT customer_id, {columns} FROM '{last['tables']['customer_features']['path']}/*.parquet'"
    return f"SELECT customer_id, {', '.join(COLUMNS)} FROM '{work / name}/part.parquet'"


def check_answers(names, work):
    """Ends the program when two answers differ in any cell; returns the number of customers."""
    import duckdb  # here, since what this process holds counts towards the peak of the ones it starts

    connection = duckdb.connect()
    first, *others = names
    for number, name in enumerate(names):
        connection.execute(f"CREATE VIEW answer_{number} AS {answer_sql(name, work)}")
    count = connection.execute("SELECT count(*) FROM answer_0").fetchone()[0]
    for number, other in enumerate(others, start=1):
        differs = " OR ".join(f"a.{c} IS DISTINCT FROM b.{c}" for c in ("customer_id", *COLUMNS))
        rows = connection.execute(
            f"SELECT * FROM answer_0 a FULL JOIN answer_{number} b ON a.customer_id = b.customer_id "
            f"WHERE {differs} LIMIT 5"
        ).fetchall()
        twice = connection.execute(f"SELECT count(*) FROM answer_{number}").fetchone()[0] - count
        if rows or twice:
            sys.exit(f"measure: {first} and {other} differ, {twice} rows more:\n" + "\n".join(map(str, rows)))
    return count


def median_table(samples):
    """Medians per program."""
    return {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in samples.items()
    }


def markdown(medians):
    """The figures as a table, with what each program takes in units of ours."""
    ours = medians.get(OURS)
    lines = ["| program | CPU s | wall s | peak GB | CPU, appraise = 1 |", "|---|---|---|---|---|"]
    for name, run in medians.items():
        ratio = f"{run['cpu_s'] / ours['cpu_s']:.2f}" if ours else ""
        lines.append(f"| {name} | {run['cpu_s']:.2f} | {run['wall_s']:.2f} | {run['peak_gb']:.2f} | {ratio} |")
    return "\n".join(lines)


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dumps", type=Path)
    parser.add_argument("--bin", help="the program to measure beside its peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the figures of every round here")
    return parser.parse_args()


def main():
    """Measures, compares, prints."""
    arguments = parse()
    names = ([OURS] if arguments.bin else []) + list(PEERS)
    samples = {name: [] for name in names}
    with tempfile.TemporaryDirectory(prefix="appraise-bench-", dir=arguments.dumps.parent) as folder:
        work = Path(folder)
        for _ in range(arguments.rounds):
            for name in names:
                samples[name].append(timed(command_of(name, arguments, work), work / f"{name}.log"))
        customers = check_answers(names, work)
    medians = median_table(samples)
    rounds = f"{arguments.threads} threads, median of {arguments.rounds}"
    print(f"{customers:,} customers, {rounds}; the answers are equal\n\n{markdown(medians)}")
    report = {"customers": customers, "threads": arguments.threads, "rounds": samples, "medians": medians}
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print("\n" + json.dumps(report["medians"]))


if __name__ == "__main__":
    main()
