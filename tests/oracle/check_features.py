#!/usr/bin/env python3
"""Checks every cell of customer_features, and the row accounting, against an independent DuckDB computation.

    check_features.py --bin target/release/appraise [--seeds 49] [--only NAME] [--keep FOLDER]

Without --bin only the reference itself is checked against the published totals of the real data sets.
Exits with 1 and the first differences when anything differs.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import compare
import duckdb
import program
import random_data
import random_pipeline
import real_data
import reference


def connect():
    """A fresh database that reads timestamps the same on every machine."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 2")
    connection.execute(reference.MACROS)
    return connection


def load(connection, rows_sql):
    """Books the rows of a data set; returns the rows per bucket."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE source_rows AS {rows_sql}")
    return reference.book(connection)


def published_differences(connection, result, features, rows):
    """Everything in which a run's published tables and accounting differ from the reference."""
    files = program.files_of(result, "customer_features")
    key_type = connection.execute("SELECT typeof(customer_id) FROM source_rows LIMIT 1").fetchone()[0]
    key_type = "BIGINT" if key_type == "INTEGER" else "VARCHAR" if key_type.startswith("ENUM") else key_type
    differences = compare.table_differences(connection, files, reference.columns(features, key_type))
    if result["rows"] != rows:
        differences.append(f"rows: expected {rows}, found {result['rows']}")
    customers = connection.execute("SELECT count(*) FROM expected").fetchone()[0]
    counts = {"customer_features": customers, "customer_values": customers, "quarantine": rows["quarantined"]}
    for table, want in counts.items():
        stored = connection.execute(f"SELECT count(*) FROM '{program.files_of(result, table)}'").fetchone()[0]
        if not want == stored == result["tables"][table]["rows"]:
            said = result["tables"][table]["rows"]
            differences.append(f"{table}: expected {want} rows, {said} are reported, {stored} are in the files")
    return differences


def check_real(case, binary, folder):
    """Differences of one real data set."""
    connection = connect()
    rows = load(connection, case.rows_sql)
    reference.build(connection, case.features)
    differences = [] if rows == case.rows else [f"reference rows: expected {case.rows}, found {rows}"]
    for query, want in case.totals.items():
        found = connection.execute(query).fetchone()[0]
        if found != want:
            differences.append(f"reference: {query}: expected {want}, found {found}")
    if binary is None or differences:
        return differences
    result = program.run(binary, pipeline_file(case.pipeline, folder), case.features.as_of, folder / "out")
    return published_differences(connection, result, case.features, rows)


def pipeline_file(pipeline, folder):
    """The path of a pipeline given as path or text."""
    if isinstance(pipeline, Path):
        return pipeline
    target = folder / "pipeline.yaml"
    target.write_text(pipeline, encoding="utf-8")
    return target


def check_random(seed, binary, folder):
    """Differences of the random data set `seed`."""
    options = random_data.draw_options(seed)
    (folder / "dumps").mkdir()
    path = random_data.write_dumps(options, folder / "dumps")
    connection = connect()
    rows = load(connection, random_pipeline.rows_sql(options, path))
    reference.build(connection, options.features())
    if binary is None:
        return []
    pipeline = pipeline_file(random_pipeline.pipeline_text(options, path), folder)
    result = program.run(binary, pipeline, options.as_of, folder / "out", ["--threads", str(1 + seed % 3)])
    return published_differences(connection, result, options.features(), rows)


def cases(seeds):
    """(name, check) of every case."""
    for case in real_data.CASES:
        yield case.name, lambda binary, folder, case=case: check_real(case, binary, folder)
    for seed in range(seeds):
        yield f"random {seed}", lambda binary, folder, seed=seed: check_random(seed, binary, folder)


def check(name, run, binary, keep):
    """Runs one case and prints its verdict; returns whether it holds."""
    with tempfile.TemporaryDirectory(prefix="appraise-oracle-") as temporary:
        folder = Path(temporary)
        if keep:
            folder = Path(keep) / name.replace(" ", "_").replace(",", "")
            folder.mkdir(parents=True)
        try:
            differences = run(binary, folder)
        except program.RunFailed as error:
            differences = [str(error)]
    print(f"{'ok  ' if not differences else 'FAIL'} {name}", flush=True)
    for line in differences:
        print(f"     {line}", flush=True)
    return not differences


def main():
    """Runs the cases and tells the verdict by the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", help="the program; without it only the reference is checked")
    parser.add_argument("--seeds", type=int, default=49, help="number of random data sets (default 49)")
    parser.add_argument("--only", help="run only the case of this name, such as `random 7`")
    parser.add_argument("--keep", help="keep dumps, pipelines and outputs below this new folder")
    arguments = parser.parse_args()
    chosen = [case for case in cases(arguments.seeds) if arguments.only in (None, case[0])]
    if not chosen:
        parser.error(f"no case is named {arguments.only!r}")
    failed = [name for name, run in chosen if not check(name, run, arguments.bin, arguments.keep)]
    print(f"{len(chosen) - len(failed)} of {len(chosen)} cases agree")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
