#!/usr/bin/env python3
"""Checks every look-alike value, and the model card, against an independent computation in sixty digits.

    check_potential.py --bin target/release/appraise [--houses 8] [--keep FOLDER]
    check_potential.py --bin target/release/appraise --truth [--customers 20000]

The reference is written from docs/models.md alone and reads the published customer_features. With --truth a house is
generated, and it is measured how well the values rank customers by what they are truly expected to bring.
Exits with 1 and the first differences when anything differs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy
import program
import random_house
import random_house_dumps
import random_house_pipeline
import reference
from potential import Potential, fit
from real_data import ROOT

HOUSE = ROOT / "pipelines/auction_house.yaml"
SHOWN = 5
CLOSE = 1e-9
# The bits of a double are not promised across programs: money may fall to the other side of a half.
LEAST_UNIT = 1


def rows_of(result, table):
    """The rows of a published table as dictionaries, by customer."""
    found = duckdb.sql(f"SELECT * FROM '{program.files_of(result, table)}'")
    names = found.columns
    return {row[names.index("customer_id")]: dict(zip(names, row)) for row in found.fetchall()}


def minor(amount, scale):
    """An amount as whole minor units."""
    return None if amount is None else int(amount.scaleb(scale))


def close(found, want):
    """Whether two doubles are the same but for rounding."""
    return abs(found - want) <= CLOSE * max(abs(found), abs(want))


def value_differences(wanted, values, scale):
    """Differences of the values of customers."""
    differences = []
    for key, want in wanted.items():
        row = values[key]
        for name, amount in (("lookalike_value", want.value), ("potential_value", want.potential)):
            found = minor(row[name], scale)
            if (found is None) != (amount is None):
                differences.append(f"customer {key!r}: {name}: expected {amount}, found {found}")
            elif found is not None and abs(found - amount) > 0.5 * LEAST_UNIT + CLOSE * abs(amount):
                differences.append(f"customer {key!r}: {name}: expected {amount}, found {found}")
        alive = row.get("p_alive")
        amount = None if want.potential is None or alive is None else want.potential * type(want.potential)(alive)
        found = minor(row.get("expected_potential_value"), scale)
        if (found is None) != (amount is None) or (found is not None and abs(found - amount) > 0.5 * LEAST_UNIT + CLOSE * abs(amount)):
            differences.append(f"customer {key!r}: expected_potential_value: expected {amount}, found {found}")
        found = row["lookalike_credibility"]
        if (found is None) != (want.credibility is None) or (found is not None and not close(found, want.credibility)):
            differences.append(f"customer {key!r}: credibility: expected {want.credibility}, found {found}")
    return differences


def card_differences(fitted, card, scale):
    """Differences of the model card."""
    differences = []
    cut = None if card["cut"] is None else int(card["cut"].replace(".", ""))
    if cut != fitted.cut:
        differences.append(f"cut: expected {fitted.cut}, found {cut} at {scale} places")
    levels = [(level["within"], level["between"]) for level in card["levels"]]
    if len(levels) != len(fitted.levels):
        return [*differences, f"levels: expected {fitted.levels}, found {levels}"]
    for number, (found, want) in enumerate(zip(levels, fitted.levels)):
        # A variance between that is a small difference of large numbers is known to the size of these only.
        if not (close(found[0], want[0]) and abs(found[1] - want[1]) <= CLOSE * (abs(want[1]) + abs(want[0]))):
            differences.append(f"level {number}: expected {want}, found {found}")
    groups = {tuple(group["group"]): group for group in card["groups"]}
    if groups.keys() != fitted.groups.keys():
        return [*differences, f"groups: expected {sorted(fitted.groups, key=str)}, found {sorted(groups, key=str)}"]
    for key, want in fitted.groups.items():
        found = groups[key]
        if (found["customers"], found["years"]) != (want.customers, want.years):
            differences.append(f"group {key}: expected {want}, found {found}")
        for name in ("exposure", "mean", "credibility", "value"):
            if not close(found[name], getattr(want, name)):
                differences.append(f"group {key}: {name}: expected {getattr(want, name)}, found {found[name]}")
    return differences


def check_run(result, model, scale):
    """Differences of a run's values and card from the reference."""
    features, values = rows_of(result, "customer_features"), rows_of(result, "customer_values")
    customers = {
        key: (
            [minor(row[f"margin_year_{year}"], scale) for year in range(1, 6) if row[f"margin_year_{year}"] is not None],
            tuple(row[name] for name in model.by),
            row[model.demand] if model.demand else None,
        )
        for key, row in features.items()
    }
    fitted, wanted = fit(model, customers)
    folder = Path(result["tables"]["customer_values"]["path"]).parent
    card = json.loads((folder / "model_card.json").read_text(encoding="utf-8"))["potential"]
    differences = value_differences(wanted, values, scale) + card_differences(fitted, card, scale)
    if values.keys() != features.keys():
        differences.append("customer_values and customer_features have other customers")
    if model.demand and fitted.base is not None and not close(card["demand"]["base"], fitted.base):
        differences.append(f"base: expected {fitted.base}, found {card['demand']['base']}")
    return differences


def check_committed(as_of, settings, model):
    """A check of the committed house at `as_of`."""
    def run(binary, folder):
        extra = [part for setting in settings for part in ("--set", setting)]
        if as_of != "2024-12-31":
            extra += ["--set", "sources.customers.path=../data/auction_house/customers/dt=2024-12-31/*.parquet",
                      "--set", "sources.invoices.path=../data/auction_house/invoices/dt=2024-12-31/*.parquet"]
        return check_run(program.run(binary, HOUSE, as_of, folder / "out", extra), model, 2)
    return run


def check_generated(seed):
    """A check of a generated house; the model's parameters follow from the seed."""
    def run(binary, folder):
        generate(binary, folder / "dumps", 300 + 100 * seed, seed)
        model = Potential(
            by=(("industry", "company_size"), ("region",), (), ("company_size", "region", "industry"))[seed % 4],
            demand=(None, "market_demand")[seed % 2], years=(0.25, 3)[seed % 2], share=(0.99, 0.9, 1)[seed % 3],
        )
        potential = {"by": list(model.by), "horizon": ("3mo", "3y")[seed % 2], "winsorise": model.share}
        if model.demand:
            potential["demand"] = model.demand
        settings = [f"params.dumps={folder}/dumps", f"model.potential={json.dumps(potential)}"]
        extra = [part for setting in settings for part in ("--set", setting)]
        result = program.run(binary, HOUSE, "2024-12-31", folder / "out", [*extra, "--threads", str(1 + seed % 3)])
        return check_run(result, model, 2)
    return run


def check_random(seed):
    """A check of a random house of the features' oracle; None when it has no yearly margins to publish."""
    house = random_house.draw_house(seed)
    if not {"transactions", "customers"} <= set(house.mapped) or house.only or "potential" in house.leave_out:
        return None

    def run(binary, folder):
        (folder / "dumps").mkdir()
        random_house_dumps.write_dumps(house, folder / "dumps")
        columns = reference.columns(random_house_pipeline.features(house))
        pipeline = json.loads(random_house_pipeline.pipeline_text(house, folder / "dumps", columns))
        model = Potential(by=("industry", "company_size")[: seed % 3], demand=None, years=1, share=0.95)
        pipeline["model"]["potential"] = {"by": list(model.by), "winsorise": "95%"}
        (folder / "pipeline.yaml").write_text(json.dumps(pipeline), encoding="utf-8")
        result = program.run(binary, folder / "pipeline.yaml", house.as_of, folder / "out")
        return check_run(result, model, house.scale)
    return run


def generate(binary, folder, customers, seed):
    """Generates a house."""
    command = [binary, "generate", str(folder), "--customers", str(customers), "--seed", str(seed), "--dirt"]
    subprocess.run(command, check=True, capture_output=True, timeout=program.TIMEOUT_SECONDS)


def cases(houses):
    """(name, check) of every case."""
    usual = Potential(by=("industry", "company_size"), demand="market_demand", years=1, share=0.99)
    yield "auction house", check_committed("2024-12-31", [], usual)
    yield "auction house, back-dated", check_committed("2023-06-30", [], usual)
    alone = Potential(by=(), demand=None, years=2, share=1)
    settings = ['model.potential={ by: [], horizon: 24mo, winsorise: "100%" }']
    yield "auction house, everybody alike", check_committed("2024-12-31", settings, alone)
    for seed in range(houses):
        yield f"generated {seed}", check_generated(seed)
        if (random := check_random(seed)) is not None:
            yield f"random {seed}", random


def ranks(values):
    """Mean ranks."""
    _, where, counts = numpy.unique(values, return_inverse=True, return_counts=True)
    return (numpy.cumsum(counts) - (counts - 1) / 2)[where]


def spearman(a, b):
    """Spearman's rank correlation."""
    return float(numpy.corrcoef(ranks(a), ranks(b))[0, 1])


def measure(binary, folder, customers):
    """Prints how well each column ranks the customers of a generated house by their true expected value."""
    generate(binary, folder / "dumps", customers, 1)
    result = program.run(binary, HOUSE, "2024-12-31", folder / "out", ["--set", f"params.dumps={folder}/dumps"])
    truth = duckdb.sql(
        f"""SELECT v.*, f.margin_year_1 IS NOT NULL AS seasoned,
                   coalesce(t.expected_value_next_year, 0) AS expected,
                   coalesce(t.rate_per_week * t.mean_spend, 0) AS strength
            FROM '{program.files_of(result, "customer_values")}' v
            JOIN '{program.files_of(result, "customer_features")}' f USING (customer_id)
            JOIN '{folder}/dumps/truth_customers.parquet' t USING (customer_id)""")
    print(f"{customers} customers; Spearman with the true value of next year | with the true rate times spend")
    columns = ("expected_potential_value", "clv", "potential_value", "lookalike_value", "rfm_score", "net_revenue", "gross_margin")
    for title, condition in (("all buyers", "orders > 0"), ("with a complete year", "seasoned"),
                             ("everybody", "true"), ("without one", "orders > 0 AND NOT seasoned"), ("alive", "orders > 0 AND expected > 0")):
        rows = truth.filter(condition)
        print(f"{title}: {len(rows)}")
        for name in columns:
            found = rows.project(f"coalesce({name}, 0)::DOUBLE AS x, expected::DOUBLE AS y, strength::DOUBLE AS s")
            found = found.fetchnumpy()
            print(f"  {name:<24} {spearman(found['x'], found['y']):6.3f} | {spearman(found['x'], found['s']):6.3f}")
    effects = json.loads((folder / "dumps/truth.json").read_text(encoding="utf-8"))["groups"]
    effects = {(of["industry"], of["company_size"]): of["rate_effect"] * of["spend_effect"] for of in effects}
    card = json.loads((Path(result["tables"]["customer_values"]["path"]).parent / "model_card.json").read_text())
    values = {tuple(of["group"]): of["value"] for of in card["potential"]["groups"] if len(of["group"]) == 2}
    pairs = [(values[group], effects[group]) for group in sorted(values)]
    print(f"{len(pairs)} groups: {spearman(*map(numpy.array, zip(*pairs))):.3f} with the true factors of rate and spend")
    return 0


def main():
    """Runs the cases and tells the verdict by the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="the program")
    parser.add_argument("--houses", type=int, default=8, help="number of generated and of random houses (default 8)")
    parser.add_argument("--keep", help="keep dumps and outputs below this new folder")
    parser.add_argument("--truth", action="store_true", help="measure against the truth of a generated house")
    parser.add_argument("--customers", type=int, default=20_000, help="customers of that house (default 20000)")
    arguments = parser.parse_args()
    if arguments.truth:
        with tempfile.TemporaryDirectory(prefix="appraise-oracle-") as temporary:
            return measure(arguments.bin, Path(temporary), arguments.customers)
    listed = list(cases(arguments.houses))
    failed = [name for name, run in listed if not program.check(name, run, arguments.bin, arguments.keep, SHOWN)]
    print(f"{len(listed) - len(failed)} of {len(listed)} cases agree")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
