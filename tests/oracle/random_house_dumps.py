"""Delivers a random house: rows again, in versions, void, incomplete; as Parquet files of many types."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from random_house import DAY, IDENTITY, INDUSTRIES, REQUIRED, SECOND, World

# What a column of a dump holds, by its name.
MONEY = {
    "amount", "margin", "cost", "credit_limit", "market_total", "estimate_low", "estimate_high", "hammer", "commission",
    "deposit",
}
TIMES = {
    "time", "registered_at", "valid_from", "closes_at", "due_at", "paid_at", "disputed_at", "cancelled_at",
    "written_off_at", "loaded_at",
}
KEYS = {"customer_id", "consignor_id"}
IDS = {"transaction_id", "order_id", "lot_id", "refund_of", "sale_id", "interaction_id", "bid_id", "invoice_id"}
FLAGS = {"refund", "responded", "opted_out"}
DOUBLES = {"manager_rating", "feedback_score"}
WHOLE = {"quantity", "employees"}

# What a newer version of a row may say otherwise.
CHANGING = {
    "transactions": "amount", "customers": "stated_needs", "interactions": "kind", "lots": "consignor_id",
    "bids": "amount", "invoices": "paid_at",
}
RATE_PLACES = 6


def names_rows(house, source):
    """Whether the pipeline maps what names the rows of `source`."""
    return IDENTITY[source] in house.mapped[source] | REQUIRED[source]


def deliver(house, world, source):
    """The rows of a source as they are delivered: `status` and `loaded_at` beside their columns."""
    rng = np.random.default_rng([house.seed, 13, len(source)])
    rows = []
    for row in world.rows[source]:
        loaded = (house.today - int(rng.integers(0, 500))) * DAY + int(rng.integers(9 * 3_600, 17 * 3_600)) * SECOND
        row = {**row, "status": "void" if rng.random() < 0.05 else "good", "loaded_at": loaded}
        dice = rng.random()
        if dice < 0.04:
            required = sorted(REQUIRED[source])
            rows.append({**row, required[int(rng.integers(len(required)))]: None})
            continue
        rows.append(row)
        if not names_rows(house, source):
            continue
        if dice < 0.1:
            rows.append({**row, "loaded_at": loaded + int(rng.integers(0, 3)) * DAY})
        elif dice < 0.3 and source in house.latest:
            rows.extend(versions(rng, world, source, row))
    return [rows[int(place)] for place in rng.permutation(len(rows))]


def versions(rng, world, source, row):
    """Newer versions of a row: changed, void, or good again; some come after as_of."""
    newer = []
    loaded = row["loaded_at"]
    for _ in range(int(rng.integers(1, 3))):
        loaded += int(rng.integers(1, 200)) * DAY
        changed = world.one(world.rows[source])[CHANGING[source]]
        status = "void" if rng.random() < 0.25 else "good"
        newer.append({**row, CHANGING[source]: changed, "status": status, "loaded_at": loaded})
    return newer


def time_array(values, kind, zone):
    """Moments as a column of `kind`; naive ones on the clock of `zone`."""
    if kind == "date":
        return pa.array([None if v is None else v // DAY for v in values], pa.date32())
    base, unit = kind.split()
    if base == "naive":
        values = [None if v is None else wall_clock(v, zone) for v in values]
    if unit == "ms":
        values = [None if v is None else v // 1_000 for v in values]
    elif unit == "ns":
        values = [None if v is None else v * 1_000 + 999 for v in values]
    return pa.array(values, pa.timestamp(unit, "UTC" if base == "utc" else None))


def wall_clock(moment, zone):
    """Microseconds on the clock of `zone` at `moment`."""
    start = datetime(1970, 1, 1, tzinfo=timezone.utc)
    offset = (start + timedelta(microseconds=moment)).astimezone(ZoneInfo(zone)).utcoffset()
    return moment + offset // timedelta(microseconds=1)


def money_array(house, values):
    """Whole numbers of the smallest unit as the house's type of money."""
    if house.money == "double":
        return pa.array([None if v is None else v / 10**house.scale for v in values], pa.float64())
    decimals = [None if v is None else Decimal(v).scaleb(-house.places) for v in values]
    return pa.array(decimals, pa.decimal128(18, house.places))


def id_type(kind):
    """Type of ids or keys."""
    return pa.int64() if kind == "int" else pa.string()


def loaded_kind(house, source):
    """Type of `loaded_at`: that of the source's times, but finer than a day."""
    return "naive us" if house.times[source] == "date" else house.times[source]


def column_array(house, source, name, values):
    """One column of a dump."""
    if name in TIMES:
        kind = loaded_kind(house, source) if name == "loaded_at" else house.times[source]
        return time_array(values, kind, house.zones[source])
    if name in MONEY:
        return money_array(house, values)
    if name in KEYS or name in IDS:
        return pa.array(values, id_type(house.key if name in KEYS else house.ids))
    if name in FLAGS:
        return pa.array(values, pa.bool_())
    if name in DOUBLES:
        return pa.array(values, pa.float64())
    return pa.array(values, pa.int32() if name in WHOLE else pa.string())


def write_dumps(house, folder):
    """Writes all dumps of the house below `folder`: `<source>_<number>.parquet`, and the reference tables."""
    world = World(house)
    for source in house.mapped:
        rows = deliver(house, world, source)
        names = list(world.rows[source][0]) + ["status", "loaded_at"]
        table = pa.table({name: column_array(house, source, name, [row[name] for row in rows]) for name in names})
        cuts = np.linspace(0, table.num_rows, house.files + 1).astype(int)
        for number, (start, end) in enumerate(zip(cuts, cuts[1:])):
            pq.write_table(table.slice(start, end - start), folder / f"{source}_{number}.parquet", row_group_size=64)
    write_references(house, folder)


def write_references(house, folder):
    """Exchange rates, some of which begin late, and an index of demand by sector."""
    rng = np.random.default_rng([house.seed, 14])
    rates = []
    for code in ("EUR", "USD"):
        first = house.today - int(rng.choice([2_000, 300]))
        rates += [(code, day, int(rng.integers(500_000, 1_500_000))) for day in range(first, house.today + 30, 50)]
    pq.write_table(
        pa.table({
            "code": [rate[0] for rate in rates],
            "day": pa.array([rate[1] for rate in rates], pa.date32()),
            "rate": pa.array([Decimal(rate[2]).scaleb(-RATE_PLACES) for rate in rates], pa.decimal128(12, RATE_PLACES)),
        }),
        folder / "rates.parquet",
    )
    demand = [
        (sector, house.today + day, None if rng.random() < 0.1 else float(rng.integers(50, 200)) / 7)
        for sector in INDUSTRIES[:3]
        for day in rng.choice(np.arange(-500, 40), 6, replace=False)
    ]
    pq.write_table(
        pa.table({
            "sector": [row[0] for row in demand],
            "month": pa.array([int(row[1]) for row in demand], pa.date32()),
            "demand_index": pa.array([row[2] for row in demand], pa.float64()),
        }),
        folder / "market.parquet",
    )
