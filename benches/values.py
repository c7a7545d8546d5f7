#!/usr/bin/env python3
"""What all value models cost beside lifetime value, per million customers.

    values.py PROGRAM [--customers 300000] [--rounds 3] [--folder target/bench]

Generates an auction house once and runs pipelines/auction_house.yaml without `clv` on one thread: where something of it is read, the
look-alike value stands in. Reads the processor time of the stages `fit` and `model` from run.json: all models but `clv`, three lists of
segment rules, strategies, groups. Prints the medians over the rounds, and the same per million customers.
"""

import argparse
import re
import statistics
from pathlib import Path

import families

STAGES = ("fit", "model")


def pipeline_without_clv(folder):
    """The auction house's pipeline with the look-alike value in the place of the lifetime value."""
    text = (families.ROOT / "pipelines/auction_house.yaml").read_text()
    text = re.sub(r"^  clv: .*?(?=^  \w)", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^gates:.*?(?=^\w)", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^ +clv: \{\}\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\bclv: \d+, ", "", text)
    text = re.sub(r"column: clv\b", "column: potential_value", text)
    text = re.sub(r"clv >= 1000 AND p_alive < 0.5", "potential_value >= 1000 AND overdue_ratio > 2", text)
    text = re.sub(r"^( +)(uplift: \S+)(.*)$", r"\1\2\n\1gain: potential_value", text, flags=re.MULTILINE)
    text = re.sub(r"^ +gain: prospect_value.*\n", "", text, flags=re.MULTILINE)
    path = folder / "values.yaml"
    path.write_text(text)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--customers", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=families.ROOT / "target/bench")
    arguments = parser.parse_args()

    dumps = families.house(arguments.program, arguments.folder, arguments.customers)
    pipeline = pipeline_without_clv(arguments.folder)
    output = arguments.folder / "values_out"
    rounds = [families.night(arguments.program, pipeline, dumps, output) for _ in range(arguments.rounds)]
    for stage in STAGES:
        seconds = statistics.median(round_[stage] for round_ in rounds)
        print(f"{stage:6} {seconds:7.2f} CPU s, {seconds * 1e6 / arguments.customers:7.2f} per million customers")


if __name__ == "__main__":
    main()
