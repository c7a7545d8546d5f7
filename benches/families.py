#!/usr/bin/env python3
"""What all feature families cost, beside decoding their inputs and encoding their columns.

    families.py PROGRAM [--customers 300000] [--rounds 3] [--folder target/bench]

Generates an auction house once, runs pipelines/auction_house.yaml without models on one thread and reads the processor time of its
stages from run.json. `features` is all that families need after the rows are read: duplicates, netting, grouping, ordering,
surveys, folds, the pipeline's own columns. Beside it, on one thread: pyarrow decodes the columns that the pipeline maps and
encodes the published table. Prints the medians over the rounds.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
AS_OF = "2024-12-31"
# Sources whose dumps are full copies: the night's folder counts.
COPIES = {"customers", "invoices"}


def pipeline_without_models(folder):
    """The auction house's pipeline over `folder`, with nothing behind the features."""
    text = (ROOT / "pipelines/auction_house.yaml").read_text()
    text = re.sub(r"^# -- how customers are valued.*?^export:", "export:", text, flags=re.DOTALL | re.MULTILINE)
    path = folder / "families.yaml"
    path.write_text(text)
    return path


def house(program, folder, customers):
    """The dumps of a generated house below `folder`, made once."""
    dumps = folder / f"house_{customers}"
    if not (dumps / "truth.json").exists():
        command = [program, "generate", str(dumps), "--customers", str(customers), "--dirt"]
        subprocess.run(command, check=True, capture_output=True)
    return dumps


def night(program, pipeline, dumps, output):
    """Runs `pipeline` on one thread into an empty `output`; processor seconds of each stage, from run.json."""
    shutil.rmtree(output, ignore_errors=True)
    command = [program, "run", str(pipeline), "--as-of", AS_OF, "--threads", "1", "--output", str(output)]
    command += ["--set", f"params.dumps={dumps}"]
    subprocess.run(command, check=True, capture_output=True)
    record = json.loads(next(output.glob("runs/*/run.json")).read_text())
    return {stage["name"]: stage["cpu_s"] for stage in record["stages"]}


def decode(dumps, text):
    """Seconds to decode the columns that the pipeline `text` names, of the dumps that it reads."""
    words = set(re.findall(r"\w+", text))
    sources = re.findall(r"path: \$\{dumps\}/(\w+)/dt=", text)
    begun = time.process_time()
    for source in sources:
        nights = f"dt={AS_OF}" if source in COPIES else "dt=*"
        for path in sorted((dumps / source).glob(f"{nights}/*.parquet")):
            file = pq.ParquetFile(path)
            columns = [name for name in file.schema_arrow.names if name in words]
            file.read(columns=columns, use_threads=False)
    return time.process_time() - begun


def encode(table, path):
    """Seconds to encode the published table as it is encoded there."""
    rows = pa.concat_tables([pq.read_table(file, use_threads=False) for file in sorted(table.glob("*.parquet"))])
    begun = time.process_time()
    pq.write_table(rows, path, compression="zstd", compression_level=1)
    return time.process_time() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--customers", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=ROOT / "target/bench")
    arguments = parser.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)

    dumps = house(arguments.program, arguments.folder, arguments.customers)
    pipeline = pipeline_without_models(arguments.folder)
    output = arguments.folder / "families_out"
    found = {}
    for _ in range(arguments.rounds):
        round_ = night(arguments.program, pipeline, dumps, output)
        round_["all stages"] = sum(round_.values())
        table = next(output.glob("snapshots/*/*/customer_features"))
        round_["pyarrow decodes"] = decode(dumps, pipeline.read_text())
        round_["pyarrow encodes"] = encode(table, arguments.folder / "families.parquet")
        for name, seconds in round_.items():
            found.setdefault(name, []).append(seconds)
    median = {name: statistics.median(seconds) for name, seconds in found.items()}
    for name, seconds in median.items():
        print(f"{name:16} {seconds:7.2f} CPU s")
    floor = median["pyarrow decodes"] + median["pyarrow encodes"]
    print(f"features / (decode + encode) {median['features'] / floor:.2f}, all stages {median['all stages'] / floor:.2f}")


if __name__ == "__main__":
    main()
