#!/usr/bin/env python3
"""What a run costs that changes one weight of the index, beside the run before it.

    reuse.py PROGRAM [--customers 300000] [--rounds 3] [--folder target/bench]

Generates an auction house once. Each round, with a fresh output: pipelines/auction_house.yaml runs without a cache, then with one, then
with the cache and another weight, then with that weight and without the cache. Processor time is that of the whole process, user and
system. Prints the medians over the rounds, the stages of the last one, and fails when the two runs of the other weight published different
bytes. Without the gate of the lifetime values: it is judged once a week.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AS_OF = "2024-12-31"
OTHER_WEIGHT = ["--set", "model.index.weights.clv=50"]


def pipeline_without_gates(folder):
    """The auction house's pipeline with nothing that must hold before it publishes."""
    text = (ROOT / "pipelines/auction_house.yaml").read_text()
    text = re.sub(r"^gates:.*?^export:", "export:", text, flags=re.DOTALL | re.MULTILINE)
    path = folder / "reuse.yaml"
    path.write_text(text)
    return path


def run(program, pipeline, dumps, output, more):
    """Processor seconds of a run, with its record."""
    command = [program, "run", pipeline, "--as-of", AS_OF, "--output", output, "--set", f"params.dumps={dumps}", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, said
    summary = json.loads(said.splitlines()[-1])
    record = json.loads((output / "runs" / summary["run_id"] / "run.json").read_text())
    return usage.ru_utime + usage.ru_stime, record


def manifest(record):
    """What was published: every file with its digest."""
    return (Path(record["snapshot"]) / "manifest.json").read_bytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--customers", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=ROOT / "target/bench")
    arguments = parser.parse_args()
    folder = (arguments.folder / f"reuse-{arguments.customers}").absolute()
    dumps, program = folder / "dumps", arguments.program.absolute()
    if not dumps.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([program, "generate", dumps, "--customers", str(arguments.customers), "--dirt"], check=True)
        time.sleep(3)  # Digests of files that were written just now are not remembered.
    pipeline = pipeline_without_gates(folder)
    rounds = []
    for number in range(arguments.rounds):
        kept, anew = folder / f"kept-{number}", folder / f"anew-{number}"
        for output in (kept, anew):
            shutil.rmtree(output, ignore_errors=True)
        plain, _ = run(program, pipeline, dumps, anew, ["--no-cache"])
        full, full_record = run(program, pipeline, dumps, kept, [])
        reuse, record = run(program, pipeline, dumps, kept, OTHER_WEIGHT)
        other, other_record = run(program, pipeline, dumps, anew, ["--no-cache", *OTHER_WEIGHT])
        assert manifest(record) == manifest(other_record), "the bytes differ"
        rounds.append((plain, full, reuse, other))
        shutil.rmtree(kept)
        shutil.rmtree(anew)
    plain, full, reuse, other = (statistics.median(figures) for figures in zip(*rounds))
    print(f"{arguments.customers} customers, medians of {arguments.rounds}, CPU seconds")
    print(f"without a cache      {plain:8.2f}")
    print(f"with one, the first  {full:8.2f}  {100 * full / plain:6.1f}%")
    print(f"another weight       {reuse:8.2f}  {100 * reuse / full:6.1f}%")
    print(f"the same, anew       {other:8.2f}")
    print(f"\n{'stage':<10}{'first':>9}{'again':>9}")
    again = {stage["name"]: stage for stage in record["stages"]}
    for stage in full_record["stages"]:
        print(f"{stage['name']:<10}{stage['cpu_s']:>9.2f}{again[stage['name']]['cpu_s'] or 0:>9.2f}")


main()
