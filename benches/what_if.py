#!/usr/bin/env python3
"""What a thousand scenarios cost, beside one full run.

    what_if.py PROGRAM [--customers 50000] [--scenarios 1000] [--folder target/bench]

Generates an auction house once. Runs pipelines/auction_house.yaml over it as a night would (`run`, without the gate, which reads the
inputs three times), then `what-if` with one scenario and with so many Dirichlet draws of the index's weights, from the features that
the run has kept. The difference of the last two is what the draws cost beyond the fit of the base. Prints wall and processor time and the
peak memory of each.
"""

import argparse
import os
import shutil
import subprocess
import time
from pathlib import Path

import families

ROOT, AS_OF = families.ROOT, families.AS_OF


def measure(command):
    """Wall and processor seconds, and peak memory in bytes, of a command."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--scenarios", type=int, default=1_000)
    parser.add_argument("--folder", type=Path, default=ROOT / "target/bench")
    arguments = parser.parse_args()

    dumps = families.house(arguments.program, arguments.folder, arguments.customers)
    output, tables = arguments.folder / "what_if_out", arguments.folder / "what_if_tables"
    common = [str(ROOT / "pipelines/auction_house.yaml"), "--as-of", AS_OF, "--set", f"params.dumps={dumps}"]
    draws = ["--draw", "dirichlet", "--concentration", "50", "--seed", "7", "--out", str(tables), "--json", "--output", str(output)]
    jobs = {
        "one full run": ["run", *common, "--set", "gates={}", "--output", str(output)],
        "what-if, 1 draw": ["what-if", *common, *draws, "--n", "1"],
        f"what-if, {arguments.scenarios} draws": ["what-if", *common, *draws, "--n", str(arguments.scenarios)],
    }
    found = {}
    shutil.rmtree(output, ignore_errors=True)
    for name, job in jobs.items():
        shutil.rmtree(tables, ignore_errors=True)
        found[name] = measure([arguments.program, *job])
        wall, cpu, peak = found[name]
        print(f"{name:24} {wall:8.2f} wall s {cpu:8.2f} CPU s {peak / 1e9:6.2f} GB")
    for folder in (output, tables):
        shutil.rmtree(folder, ignore_errors=True)
    run, one, many = found.values()
    print(f"draws alone / run: wall {(many[0] - one[0]) / run[0]:.2f}, CPU {(many[1] - one[1]) / run[1]:.2f}")
    print(f"what-if / run: wall {many[0] / run[0]:.2f}, CPU {many[1] / run[1]:.2f}")


if __name__ == "__main__":
    main()
