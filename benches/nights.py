#!/usr/bin/env python3
"""What a night costs that keeps a ledger, beside a full run of the same dumps.

    nights.py PROGRAM [--rows 20000000] [--rounds 3] [--folder target/bench]

The sales ledger of benches/peers (generated when it is not there), cut into what was there before the night and a dump of the
night's rows: those of its last days, about 1/365 of all. Runs the pipeline of benches/peers three times: with a ledger up to the
night before, with that ledger for the night, and over all dumps without one. The last two must publish the same bytes. Prints the
processor time of each stage, in medians over the rounds.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benches/peers"
UP_TO_THE_FOLD = ["discover", "digest", "ingest"]


def cut(dumps, folder, share):
    """Fills `folder` with `dumps` but for the rows of the last days, about `share` of all, which are left as `night`; gives the day
    before the night and its last day."""
    files = sorted(dumps.glob("*.parquet"))
    rows = sum(pq.ParquetFile(file).metadata.num_rows for file in files)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in files[:-1]:
        os.link(file, folder / file.name)
    last = pq.read_table(files[-1])
    days = pc.cast(last["ts"], "date32")
    counts = sorted((entry["values"].as_py(), entry["counts"].as_py()) for entry in pc.value_counts(days))
    taken = 0
    while taken < rows * share:
        first, count = counts.pop()
        taken += count
    in_night = pc.greater_equal(days, first)
    pq.write_table(last.filter(pc.invert(in_night)), folder / files[-1].name, compression="zstd")
    pq.write_table(last.filter(in_night), folder / "night", compression="zstd")
    return counts[-1][0], pc.max(days).as_py(), taken / rows


def run(program, dumps, as_of, output, ledger):
    command = [program, "run", str(PEERS / "bench.yaml"), "--as-of", str(as_of), "--output", str(output)]
    command += ["--set", f"params.dumps={dumps}", "--set", f"ledger={str(ledger).lower()}"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    run_id = json.loads(said.splitlines()[-1])["run_id"]
    record = json.loads((output / "runs" / run_id / "run.json").read_text())
    seconds = {stage["name"]: stage["cpu_s"] for stage in record["stages"]}
    return seconds, sorted(file.read_bytes() for file in Path(record["snapshot"]).glob("*/*.parquet"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=ROOT / "target/bench")
    arguments = parser.parse_args()

    dumps = arguments.folder / f"dumps_{arguments.rows}"
    if not (dumps / "complete").exists():
        shutil.rmtree(dumps, ignore_errors=True)
        subprocess.run([sys.executable, PEERS / "generate.py", dumps, "--rows", str(arguments.rows)], check=True)
        (dumps / "complete").touch()
    found = {}
    for _ in range(arguments.rounds):
        folder = arguments.folder / "nights"
        before, day, share = cut(dumps, folder, 1 / 365)
        outputs = [arguments.folder / f"nights_{name}" for name in ["ledger", "full"]]
        for output in outputs:
            shutil.rmtree(output, ignore_errors=True)
        first, _ = run(arguments.program, folder, before, outputs[0], True)
        (folder / "night").rename(folder / "night.parquet")
        night, kept = run(arguments.program, folder, day, outputs[0], True)
        full, read = run(arguments.program, folder, day, outputs[1], False)
        if kept != read:
            sys.exit("the night published other bytes than the full run")
        for name, stages in [("first", first), ("night", night), ("full", full)]:
            for stage, seconds in stages.items():
                found.setdefault(stage, {}).setdefault(name, []).append(seconds)
        for folder in [*outputs, folder]:
            shutil.rmtree(folder)
    median = {stage: {name: statistics.median(all_) for name, all_ in of.items()} for stage, of in found.items()}
    print(f"a night of {share:.2%} of the rows; CPU s   with a new ledger   night    full")
    for stage, of in median.items():
        print(f"{stage:40} {of['first']:17.2f} {of['night']:7.2f} {of['full']:7.2f}")

    def total(stages):
        return sum(median[stage]["night"] for stage in stages) / sum(median[stage]["full"] for stage in stages)

    print(f"night / full: up to the fold {total(UP_TO_THE_FOLD):.1%}, in all {total(median):.1%}")


if __name__ == "__main__":
    main()
