#!/usr/bin/env python3
"""Runs our fits and scores and those of the peers in turn, compares them, and prints what each took; see clv.sh.

Every round is: ours, lifetimes, ours, PyMC-Marketing, ours. Figures are medians of the CPU seconds of the task alone,
without imports and reading. Ours has them also with the grouping of equal customers, which the peers leave out. The
program fails where a peer has the better fit, or where scores under the same parameters differ.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FEW = 100_000
OURS = "appraise"

# How far may differ, relative: finite scores; lifetimes' own log likelihood of our parameters; parameters that are as
# likely as ours.
SCORES, LOG_LIKELIHOODS, PARAMETERS = 1e-6, 1e-9, 0.02

# Task, its name, the peers to beat, and by how much; without a number there is no target.
TASKS = [
    ("bg_nbd_fit", "BG/NBD fit", {"lifetimes": 100, "pymc": 50}),
    ("pareto_nbd_fit", f"Pareto/NBD fit, {FEW:,} customers", {"lifetimes": 100}),
    ("gamma_gamma_fit", "gamma-gamma fit, customers with x > 0", {}),
    ("bg_nbd_score", "BG/NBD scores", {"fastest": 5}),
    ("pareto_nbd_score", "Pareto/NBD scores", {"fastest": 5}),
]
GROUPING = {
    "bg_nbd_fit": "group", "bg_nbd_score": "group", "pareto_nbd_score": "group",
    "pareto_nbd_fit": "group_few", "gamma_gamma_fit": "group_spends",
}


def last_json(command):
    """The JSON on the last line that a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"clv_measure: exit code {done.returncode}: {' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(arguments):
    """All runs of every program."""
    runs = {OURS: [], "lifetimes": [], "pymc": []}

    def ours():
        folder = str(arguments.folder)
        report = last_json([arguments.speed, "run", f"{folder}/customers.csv", str(FEW), folder])
        (arguments.folder / "ours.json").write_text(json.dumps(report), encoding="utf-8")
        runs[OURS].append(report)

    for _ in range(arguments.rounds):
        for peer in ("lifetimes", "pymc"):
            ours()
            python = getattr(arguments, peer)
            command = [python, str(HERE / "clv_peers.py"), peer, str(arguments.folder), str(FEW)]
            runs[peer].append(last_json(command))
        ours()
    return runs


def medians(runs):
    """The median CPU seconds of every task."""
    return {task: statistics.median(run["cpu"][task] for run in runs) for task in runs[0]["cpu"]}


def likelihood(arguments, customers, model, parameters):
    """Our log likelihood of a peer's parameters."""
    numbers = [repr(value) for value in parameters.values()]
    command = [arguments.speed, "likelihood", f"{arguments.folder}/customers.csv", str(customers), model, *numbers]
    return last_json(command)


def compare_fits(arguments, ours, peer, theirs, faults):
    """A line for every model that a peer fitted."""
    for model, parameters in theirs["fits"].items():
        fit = ours["fits"][model]
        customers = FEW if model == "pareto_nbd" else ours["customers"]
        gain = fit["log_likelihood"] - likelihood(arguments, customers, model, parameters)
        away = max(abs(parameters[name] / value - 1) for name, value in fit["parameters"].items())
        # A peer that stops early, or has priors, may be elsewhere, but then its likelihood is lower.
        if gain < -1e-12 * abs(fit["log_likelihood"]) or (gain < 1e-3 and away > PARAMETERS):
            faults.append(f"{peer}'s fit of {model}")
        yield f"- {peer}, {model}: its parameters differ by up to {away:.1e}, our log likelihood is {gain:.2e} higher"
    for model, value in theirs["log_likelihoods"].items():
        away = abs(value / ours["fits"][model]["log_likelihood"] - 1)
        if away > LOG_LIKELIHOODS:
            faults.append(f"{peer}'s log likelihood of {model}")
        yield f"- {peer}, {model}: its own log likelihood of our parameters differs by {away:.1e}"


def compare_scores(peer, theirs, faults):
    """A line for every model that a peer scored."""
    for model, columns in theirs["differences"].items():
        for column, found in columns.items():
            if found["largest"] > SCORES:
                faults.append(f"{peer}'s {column} of {model}")
            beyond = f"; {found['not_finite']} of its values are not finite" if found["not_finite"] else ""
            yield f"- {peer}, {model}: {column} differs by up to {found['largest']:.1e}{beyond}"


def row(task, name, targets, cpu):
    """A line of the table."""
    ours, peers = cpu[OURS][task], {peer: cpu[peer].get(task) for peer in ("lifetimes", "pymc")}
    grouped = ours + cpu[OURS][GROUPING[task]]
    peers["fastest"] = min(value for value in peers.values() if value)
    factors = []
    for peer, least in targets.items():
        factors.append(f"{peer} {peers[peer] / ours:.0f}, {peers[peer] / grouped:.0f} (target {least})")
    cells = [name, f"{ours:.3f}", f"{grouped:.3f}"]
    cells += [f"{peers[peer]:.2f}" if peers[peer] else "" for peer in ("lifetimes", "pymc")]
    return "| " + " | ".join([*cells, "; ".join(factors)]) + " |"


def main():
    """Measures, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for program in ("speed", "lifetimes", "pymc"):
        parser.add_argument(f"--{program}", required=True)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write every run here")
    arguments = parser.parse_args()
    loads = [os.getloadavg()[0]]
    runs = measure(arguments)
    loads.append(os.getloadavg()[0])
    if arguments.json:
        arguments.json.write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")
    ours, cpu, faults = runs[OURS][0], {name: medians(of) for name, of in runs.items()}, []
    size = f"{ours['customers']:,} customers, {ours['patterns']:,} patterns"
    print(f"{size}; CPU seconds, medians of {len(runs[OURS])} runs of ours, {arguments.rounds} of each peer")
    print(f"load {loads[0]:.1f} before, {loads[1]:.1f} after, {os.cpu_count()} processors\n")
    print("| task | appraise | with grouping | lifetimes | PyMC-Marketing | appraise = 1, and with grouping |")
    print("|---|---|---|---|---|---|")
    for task in TASKS:
        print(row(*task, cpu))
    print(f"\nlifetimes, BG/NBD fit of grouped customers with weights: {cpu['lifetimes']['bg_nbd_fit_grouped']:.2f}")
    compiling = [f"{model} {cpu['pymc'][f'{model}_compile']:.2f}" for model in ("bg_nbd", "gamma_gamma")]
    print(f"PyMC-Marketing, first fit of a model, of 1,000 customers (compiling): {', '.join(compiling)}\n")
    for peer in ("lifetimes", "pymc"):
        for line in compare_fits(arguments, ours, peer, runs[peer][0], faults):
            print(line)
        for line in compare_scores(peer, runs[peer][0], faults):
            print(line)
    if faults:
        sys.exit(f"clv_measure: too far apart: {', '.join(faults)}")


if __name__ == "__main__":
    main()
