"""Runs the program and reads what it says it published."""

import json
import subprocess
import tempfile
from pathlib import Path

TIMEOUT_SECONDS = 300


class RunFailed(Exception):
    """The program did not exit with 0, or its last line is not the promised JSON."""


def run(binary, pipeline, as_of, output, extra=()):
    """Runs `pipeline` and returns the JSON object of the last line on stdout."""
    command = [binary, "run", str(pipeline), "--as-of", as_of, "--output", str(output), *extra]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    if done.returncode != 0:
        raise RunFailed(f"exit code {done.returncode}: {' '.join(command)}\n{done.stderr.strip()}")
    lines = done.stdout.strip().splitlines()
    try:
        return json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise RunFailed(f"the last line on stdout is not JSON: {lines[-1:]}") from error


def files_of(result, table):
    """Glob of the Parquet files of `table`."""
    return str(Path(result["tables"][table]["path"]) / "*.parquet")


def check(name, run, binary, keep, most=None):
    """Runs one case and prints its verdict with `most` of its differences (all without); returns whether it holds."""
    with tempfile.TemporaryDirectory(prefix="appraise-oracle-") as temporary:
        folder = Path(temporary)
        if keep:
            folder = Path(keep) / name.replace(" ", "_").replace(",", "")
            folder.mkdir(parents=True)
        try:
            differences = run(binary, folder)
        except RunFailed as error:
            differences = [str(error)]
    print(f"{'ok  ' if not differences else 'FAIL'} {name}", flush=True)
    for line in differences[:most]:
        print(f"     {line}", flush=True)
    if most is not None and len(differences) > most:
        print(f"     and {len(differences) - most} more", flush=True)
    return not differences
