#!/usr/bin/env python3
"""Checks every cell of customer_features, and the row accounting, against an independent DuckDB computation.

    check_features.py --bin target/release/appraise [--houses 20] [--seeds 49] [--only NAME] [--keep FOLDER]

Without --bin only the reference itself is checked against the published totals of the real data sets.
Exits with 1 and the first differences when anything differs.
"""

import argparse
import sys
from pathlib import Path

import by_hand
import compare
import delivery
import duckdb
import house_data
import program
import random_data
import random_house
import random_house_dumps
import random_house_pipeline
import random_pipeline
import real_data
import reference
import sources
from features import MACROS

# In this house there is somebody of whom only rows came that `where` leaves out, in a source that takes the newest.
TELLING_HOUSES = (149,)


def connect():
    """A fresh database that reads timestamps the same on every machine."""
    connection = duckdb.connect()
    connection.execute(delivery.SESSION)
    connection.execute(MACROS)
    return connection


def published_differences(connection, result, features, rows):
    """Everything in which a run's published tables and accounting differ from the reference."""
    files = program.files_of(result, "customer_features")
    differences = compare.table_differences(connection, files, reference.columns(features), features)
    for source, want in rows.items():
        found = {"after_known_by": 0, **result["sources"].get(source, {})}
        if found != want:
            differences.append(f"rows of {source}: expected {want}, found {found}")
    customers = connection.execute("SELECT count(*) FROM expected").fetchone()[0]
    quarantined = sum(booked["quarantined"] for booked in rows.values())
    counts = {"customer_features": customers, "quarantine": quarantined}
    if features.has("transactions"):
        counts["customer_values"] = customers
    for table, want in counts.items():
        stored = connection.execute(f"SELECT count(*) FROM '{program.files_of(result, table)}'").fetchone()[0]
        if not want == stored == result["tables"][table]["rows"]:
            said = result["tables"][table]["rows"]
            differences.append(f"{table}: expected {want} rows, {said} are reported, {stored} are in the files")
    return differences


def check_real(case, binary, folder):
    """Differences of one real data set."""
    connection = connect()
    differences = []
    rows = {}
    for source, sql in case.rows_sql.items():
        rows[source] = sources.load(connection, source, sql, id_type=case.features.id_type)
        want = {**dict.fromkeys(sources.BUCKETS, 0), **case.rows.get(source, rows[source])}
        if rows[source] != want:
            differences.append(f"reference: rows of {source}: expected {want}, found {rows[source]}")
    for number, sql in enumerate(case.references):
        connection.execute(f"CREATE TEMP TABLE reference_{number} AS {sql}")
    reference.build(connection, case.features)
    for query, want in case.totals.items():
        found = connection.execute(query).fetchone()[0]
        if found != want:
            differences.append(f"reference: {query}: expected {want}, found {found}")
    if binary is None or differences:
        return differences
    pipeline = pipeline_file(case.pipeline, folder)
    result = program.run(binary, pipeline, case.features.as_of, folder / "out", case.extra)
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
    features = random_pipeline.features(options)
    rows = sources.load(connection, "transactions", random_pipeline.rows_sql(options, path))
    reference.build(connection, features)
    if binary is None:
        return []
    pipeline = pipeline_file(random_pipeline.pipeline_text(options, path), folder)
    result = program.run(binary, pipeline, options.as_of, folder / "out", ["--threads", str(1 + seed % 3)])
    return published_differences(connection, result, features, {"transactions": rows})


def check_house(seed, binary, folder):
    """Differences of the random auction house `seed`."""
    house = random_house.draw_house(seed)
    (folder / "dumps").mkdir()
    random_house_dumps.write_dumps(house, folder / "dumps")
    connection = connect()
    features = random_house_pipeline.features(house)
    rows = {}
    for source in house.mapped:
        sql = random_house_pipeline.rows_sql(house, source, folder / "dumps")
        rows[source] = sources.load(connection, source, sql, source in house.latest, features.id_type)
    for number in range(len(features.references)):
        connection.execute(
            f"CREATE TEMP TABLE reference_{number} AS SELECT sector AS entry_key, month AS valid_from, "
            f"demand_index AS market_demand FROM '{folder}/dumps/market.parquet'"
        )
    reference.build(connection, features)
    if binary is None:
        return []
    text = random_house_pipeline.pipeline_text(house, folder / "dumps", reference.columns(features))
    pipeline = pipeline_file(text, folder)
    result = program.run(binary, pipeline, house.as_of, folder / "out", ["--threads", str(1 + seed % 3)])
    return published_differences(connection, result, features, rows)


def cases(houses, seeds):
    """(name, check) of every case."""
    for example in by_hand.EXAMPLES:
        yield f"by hand: {example.name}", lambda *_, example=example: by_hand.check(connect(), example)
    for seed in (*range(houses), *TELLING_HOUSES):
        yield f"house {seed}", lambda binary, folder, seed=seed: check_house(seed, binary, folder)
    for case in real_data.CASES + house_data.CASES:
        yield case.name, lambda binary, folder, case=case: check_real(case, binary, folder)
    for seed in range(seeds):
        yield f"random {seed}", lambda binary, folder, seed=seed: check_random(seed, binary, folder)


def main():
    """Runs the cases and tells the verdict by the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", help="the program; without it only the reference is checked")
    parser.add_argument("--seeds", type=int, default=49, help="number of random data sets (default 49)")
    parser.add_argument("--houses", type=int, default=20, help="number of random auction houses (default 20)")
    parser.add_argument("--only", help="run only the case of this name, such as `random 7`")
    parser.add_argument("--keep", help="keep dumps, pipelines and outputs below this new folder")
    arguments = parser.parse_args()
    chosen = [case for case in cases(arguments.houses, arguments.seeds) if arguments.only in (None, case[0])]
    if not chosen:
        parser.error(f"no case is named {arguments.only!r}")
    failed = [name for name, run in chosen if not program.check(name, run, arguments.bin, arguments.keep)]
    print(f"{len(chosen) - len(failed)} of {len(chosen)} cases agree")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
