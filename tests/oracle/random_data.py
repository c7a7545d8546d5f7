"""Random dumps that hold what real ones do: NULLs, ties, refunds, duplicates, odd dates, zones, many types.

Everything is drawn from the seed: the same seed gives the same files.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

EPOCH = date(1970, 1, 1)
YEAR_1 = (date(1, 1, 1) - EPOCH).days

ZONES = ("Europe/London", "America/New_York", "Asia/Kolkata")
# Days on which clocks change in London or New York, and the turn of leap years.
ODD_DAYS = ("2024-03-31", "2024-10-27", "2024-03-10", "2024-11-03", "2024-02-29", "2023-12-31", "2024-01-01")
# Seconds of the day next to midnight and clock changes in one of the zones.
ODD_SECONDS = (0, 1, 1_800, 3_599, 3_600, 5_400, 14_400, 16_200, 18_000, 66_600, 84_600, 86_399)
AS_OF = ("2024-10-27", "2024-11-03", "2024-03-31", "2024-12-31", "1970-01-02", "9999-12-31", "0003-01-31")
MODERN = ("2024-10-27", "2024-11-03", "2024-03-31", "2024-12-31")
# Offsets of zones before 1900 and far in the future are a matter of the time-zone database: instants there are at noon.
ZONE_SAFE_DAYS = ((date(1968, 1, 1) - EPOCH).days, (date(2037, 12, 31) - EPOCH).days)

TIME_KINDS = ("date", "naive ms", "naive us", "naive ns", "utc ms", "utc us", "utc ns")
KEY_KINDS = ("int32", "int64", "string", "large_string", "dictionary")
AMOUNT_KINDS = ("int32", "int64", "decimal", "finer decimal", "double", "product", "case")
FILTERS = (
    None,
    "status = 'paid'",
    "status IN ('paid', 'part') AND channel <> 'test'",
    "status IS NULL OR NOT (status = 'void')",
)
FOLDER_FILTER = "dt <> '2024-01-02' AND status LIKE 'pa%'"
STATUSES = ("paid", "part", "void", None)
CODECS = ("zstd", "snappy", "gzip", "lz4", "brotli", "none")


@dataclass(frozen=True)
class Options:
    """What one random data set looks like."""

    seed: int
    rows: int
    as_of: str
    zone: str
    source_zone: str
    time: str
    key: str
    amount: str
    scale: int
    order: object
    margin: object
    refund: object
    transaction: object
    where: object
    not_blank: bool
    earliest: object
    least: object
    period: str
    time_unit: str
    windows: tuple
    files: int
    row_group: int
    hive: bool
    codec: str

    @property
    def key_type(self):
        """Type of the customer key in DuckDB."""
        return "BIGINT" if self.key.startswith("int") else "VARCHAR"


def draw_options(seed):
    """Options of the data set `seed`. The first ones walk through the kinds, so that none is left out."""
    rng = np.random.default_rng([seed, 1])

    def one_of(values, walk=None):
        return values[walk % len(values)] if walk is not None else values[rng.integers(len(values))]

    as_of = one_of(AS_OF, seed)
    time = one_of(TIME_KINDS, seed + seed // len(AS_OF))
    if as_of in ("9999-12-31", "0003-01-31"):
        time = time.replace("ns", "us")
    zone = one_of(ZONES, seed)
    hive = bool(rng.random() < 0.3)
    elsewhere = time.startswith("naive") and as_of in MODERN and rng.random() < 0.3
    return Options(
        seed=seed,
        rows=int(rng.choice([1, 40, 700, 3_000], p=[0.04, 0.16, 0.4, 0.4])),
        as_of=as_of,
        zone=zone,
        source_zone="Asia/Kolkata" if elsewhere else zone,
        time=time,
        key=one_of(KEY_KINDS, seed),
        amount=one_of(AMOUNT_KINDS, seed // 3),
        scale=int(one_of((2, 0, 3))),
        order=one_of((None, "int", "string")),
        margin=one_of((None, "decimal", "double", "int64")),
        refund=one_of((None, "returned", "kind = 'refund'")),
        transaction=one_of((None, "int", "string")),
        where=FOLDER_FILTER if hive and rng.random() < 0.5 else one_of(FILTERS),
        not_blank=bool(rng.random() < 0.5),
        earliest=as_of[:4] + "-01-15" if rng.random() < 0.3 else None,
        least=one_of((None, None, 5, -10)),
        period=one_of(("day", "week", "month")),
        time_unit=one_of(("day", "week")),
        windows=one_of(((), (30,), (7, 90), (1, 30, 365))),
        files=int(rng.integers(1, 6)),
        row_group=int(one_of((64, 500, 100_000))),
        hive=hive,
        codec=one_of(CODECS),
    )


def with_nulls(rng, values, share):
    """`values` as a list, a share of them None."""
    gone = rng.random(len(values)) < share
    return [None if absent else value for value, absent in zip(values, gone)]


def draw_keys(rng, options):
    """Customer keys: few customers, one of them with many rows; blanks and extremes among them."""
    numbers = rng.integers(0, max(2, options.rows // 8), options.rows)
    if rng.random() < 0.4:
        numbers[rng.random(options.rows) < 0.5] = 1
    if options.key.startswith("int"):
        limits = np.iinfo(options.key)
        special = {0: limits.min, 2: limits.max, 3: 0, 4: -1}
        keys = [special.get(int(n), int(n) * 7_919) for n in numbers]
    else:
        special = {0: "", 2: "  ", 3: "Łukasz 'O''Brien\"", 4: "a customer of many bytes, number 4", 5: "7", 6: "007"}
        keys = [special.get(int(n), f"C{n:06}") for n in numbers]
    return with_nulls(rng, keys, 0.02)


def draw_days(rng, options):
    """Local days: spread before as_of, a few behind it, window edges, days of clock changes, ends of the calendar."""
    as_of = (date.fromisoformat(options.as_of) - EPOCH).days
    first = max(YEAR_1, as_of - 900)
    last = min((date.max - EPOCH).days, as_of + 20)
    days = rng.integers(first, last + 1, options.rows)
    edges = [as_of, as_of - 1, as_of + 1] + [as_of - k * n + d for n in options.windows for k in (1, 2) for d in (0, 1)]
    edges += [(date.fromisoformat(text) - EPOCH).days for text in ODD_DAYS]
    edges = [day for day in edges if YEAR_1 <= day <= last]
    if not options.time.endswith("ns"):
        edges += [YEAR_1, (date.max - EPOCH).days, (date(1709, 3, 17) - EPOCH).days]
    if options.time in ("date", "naive us", "naive ms"):
        edges.append(YEAR_1 - 1)
    chosen = rng.random(options.rows) < 0.25
    days[chosen] = rng.choice(edges, int(chosen.sum()))
    return days


def draw_times(rng, options):
    """The time column as an arrow array."""
    days = draw_days(rng, options)
    if options.time == "date":
        return pa.array(with_nulls(rng, [int(d) for d in days], 0.02), pa.date32())
    base, unit = options.time.split()
    clocks = rng.integers(0, 86_400, options.rows)
    clumped = rng.random(options.rows) < 0.4
    clocks[clumped] = rng.choice(ODD_SECONDS, int(clumped.sum()))
    if base == "utc" or options.source_zone != options.zone:
        unsafe = (days < ZONE_SAFE_DAYS[0]) | (days > ZONE_SAFE_DAYS[1])
        clocks[unsafe] = 43_200
    per_second = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[unit]
    fraction = rng.choice([0, per_second - 1], options.rows)
    ticks = [(int(d) * 86_400 + int(c)) * per_second + int(f) for d, c, f in zip(days, clocks, fraction)]
    return pa.array(with_nulls(rng, ticks, 0.02), pa.timestamp(unit, "UTC" if base == "utc" else None))


def draw_minor(rng, rows):
    """Amounts as whole numbers: many equal, some zero, negative or huge."""
    minor = rng.integers(1, 5_000, rows) * rng.choice([1, 1, 1, 100], rows)
    minor[rng.random(rows) < 0.3] = 999
    minor[rng.random(rows) < 0.03] = 0
    minor[rng.random(rows) < 0.02] = 123_456_789
    minor[rng.random(rows) < 0.05] *= -1
    return minor


def money_array(rng, options, kind, nulls, odd=True):
    """A column of money of `kind`; `odd` allows NaN and infinities where the kind has them."""
    minor = [int(m) for m in draw_minor(rng, options.rows)]
    if kind in ("int32", "int64"):
        return pa.array(with_nulls(rng, minor, nulls), pa.type_for_alias(kind))
    if kind == "double":
        ties = rng.random(options.rows) < 0.1
        half = 0.5 ** (options.scale + 1)
        values = [(m + half if tie else m / 10**options.scale) for m, tie in zip(minor, ties)]
        if odd:
            for special in (float("nan"), float("inf"), -float("inf")):
                if options.rows > 50:
                    values[int(rng.integers(options.rows))] = special
        return pa.array(with_nulls(rng, values, nulls), pa.float64())
    return decimal_array(with_nulls(rng, minor, nulls), decimal_places(options, kind))


def decimal_places(options, kind):
    """Places of a decimal column: fewer than the money's scale, or one more."""
    return options.scale + 1 if kind == "finer decimal" else max(options.scale - 1, 0)


def decimal_array(unscaled, places):
    """Decimals from their unscaled integers."""
    values = [None if u is None else Decimal(u).scaleb(-places) for u in unscaled]
    return pa.array(values, pa.decimal128(16, places))


def draw_id(rng, kind, numbers, nulls):
    """A column of ids of `kind` made from `numbers`."""
    if kind == "int":
        return pa.array(with_nulls(rng, [int(n) for n in numbers], nulls), pa.int64())
    return pa.array(with_nulls(rng, [f"id-{int(n):08}" for n in numbers], nulls), pa.string())


def draw_transactions(rng, options, keys):
    """Transaction ids: unique, but for some that two customers share."""
    numbers = np.arange(options.rows)
    order = rng.permutation(options.rows)
    for one, other in zip(order[0::20], order[1::20]):
        if keys[one] != keys[other]:
            numbers[one] = numbers[other]
    return draw_id(rng, options.transaction, numbers, 0.05)


def key_array(options, keys):
    """The key column in the type of the options."""
    if options.key == "dictionary":
        return pa.array(keys, pa.string()).dictionary_encode()
    return pa.array(keys, pa.type_for_alias(options.key))


def draw_table(options):
    """The whole dump as one table, rows that are delivered twice included."""
    rng = np.random.default_rng([options.seed, 2])
    keys = draw_keys(rng, options)
    rows = options.rows
    columns = {"client": key_array(options, keys), "happened": draw_times(rng, options)}
    if options.amount in ("product", "case"):
        columns["price"] = decimal_array(with_nulls(rng, [int(m) for m in draw_minor(rng, rows)], 0.02), 2)
        columns["pieces"] = pa.array(with_nulls(rng, [int(n) for n in rng.integers(-1, 9, rows)], 0.01), pa.int32())
    else:
        columns["price"] = money_array(rng, options, options.amount, 0.02)
    if options.order:
        columns["receipt"] = draw_id(rng, options.order, rng.integers(0, max(1, rows // 2), rows), 0.1)
    if options.margin:
        columns["profit"] = money_array(rng, options, options.margin, 0.2, odd=False)
    if options.transaction:
        columns["line"] = draw_transactions(rng, options, keys)
    columns["returned"] = pa.array(with_nulls(rng, [bool(b) for b in rng.random(rows) < 0.1], 0.1), pa.bool_())
    kinds = rng.choice(["sale", "refund"], rows, p=[0.9, 0.1])
    columns["kind"] = pa.array(with_nulls(rng, [str(k) for k in kinds], 0.05), pa.string())
    columns["status"] = pa.array([STATUSES[i] for i in rng.choice(4, rows, p=[0.7, 0.1, 0.1, 0.1])], pa.string())
    columns["channel"] = pa.array([str(c) for c in rng.choice(["web", "shop", "test"], rows)], pa.string())
    table = pa.table(columns)
    if options.transaction:
        table = pa.concat_tables([table, table.take(np.flatnonzero(rng.random(rows) < 0.05))])
    return table.take(rng.permutation(table.num_rows))


def write_dumps(options, folder):
    """Writes the table into several files below `folder`; returns their glob."""
    rng = np.random.default_rng([options.seed, 3])
    table = draw_table(options)
    cuts = sorted(int(c) for c in rng.integers(0, table.num_rows + 1, options.files - 1))
    bounds = [0, *cuts, table.num_rows]
    for number, (start, end) in enumerate(zip(bounds, bounds[1:])):
        target = folder / (f"dt=2024-01-{number + 1:02}/part.parquet" if options.hive else f"dump_{number}.parquet")
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(
            table.slice(start, end - start),
            target,
            row_group_size=options.row_group,
            compression=options.codec,
            use_dictionary=bool(rng.random() < 0.5),
            data_page_version=str(rng.choice(["1.0", "2.0"])),
            write_statistics=bool(rng.random() < 0.8),
        )
    return folder / ("dt=*/*.parquet" if options.hive else "*.parquet")
