#!/usr/bin/env python3
"""Writes a seeded sales ledger: 36 monthly Parquet files of paid and unpaid transactions.

    generate.py FOLDER [--rows 20000000] [--seed 1]

One customer to ten rows on average, with a heavy tail: half of a customer's rate of buying is the same for all, half is
drawn from a gamma distribution of shape 1/4. Memory stays at one month of rows.
"""

import argparse
import calendar
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from job import FIRST_MONTH, MONTHS

ROWS_PER_CUSTOMER = 10
ROW_GROUP = 1_000_000
STATUSES = ["paid", "refunded", "cancelled", "pending"]
STATUS_SHARES = [0.90, 0.04, 0.04, 0.02]
CATEGORIES = [f"category-{n:02}" for n in range(24)]
SCHEMA = pa.schema(
    [
        ("transaction_id", pa.int64()),
        ("customer_id", pa.int64()),
        ("ts", pa.timestamp("us")),
        ("amount", pa.decimal128(18, 2)),
        ("status", pa.string()),
        ("category", pa.string()),
    ]
)


def spread(numbers):
    """SplitMix64's finaliser: distinct numbers become distinct keys all over the 64-bit range."""
    x = numbers.astype(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))).view(np.int64)


def month_bounds(number):
    """First microsecond of month `number`, and of the next."""
    index = FIRST_MONTH[0] * 12 + FIRST_MONTH[1] - 1 + number
    year, month = index // 12, index % 12 + 1
    start = int(datetime(year, month, 1, tzinfo=timezone.utc).timestamp()) * 1_000_000
    return start, start + calendar.monthrange(year, month)[1] * 86_400_000_000


def decimals(cents):
    """DECIMAL(18, 2) of whole cents, without a Python object per value."""
    words = np.empty((len(cents), 2), dtype=np.int64)
    words[:, 0] = cents
    words[:, 1] = cents >> 63
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(cents), [None, pa.py_buffer(words.tobytes())])


def text(rng, values, rows, shares=None):
    """A dictionary-encoded column of `values`."""
    codes = pa.array(rng.choice(len(values), rows, p=shares).astype(np.int8))
    return pa.DictionaryArray.from_arrays(codes, pa.array(values)).cast(pa.string())


def month_of_rows(rng, number, first_id, rows, cumulative):
    """The transactions of one month in order of time."""
    start, end = month_bounds(number)
    buyers = np.searchsorted(cumulative, rng.random(rows), side="right")
    cents = np.rint(np.exp(rng.normal(7.6, 1.1, rows))).astype(np.int64) + 1
    arrays = [
        pa.array(np.arange(first_id, first_id + rows)),
        pa.array(spread(np.minimum(buyers, len(cumulative) - 1))),
        pa.array(np.sort(rng.integers(start, end, rows)), pa.timestamp("us")),
        decimals(cents),
        text(rng, STATUSES, rows, STATUS_SHARES),
        text(rng, CATEGORIES, rows),
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def generate(folder, rows, seed):
    """Writes all months into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    cumulative = np.cumsum(1.0 + rng.gamma(0.25, 4.0, max(1, rows // ROWS_PER_CUSTOMER)))
    cumulative /= cumulative[-1]
    cuts = [rows * month // MONTHS for month in range(MONTHS + 1)]
    for month, (first, last) in enumerate(zip(cuts, cuts[1:])):
        table = month_of_rows(rng, month, first, last - first, cumulative)
        pq.write_table(table, folder / f"month_{month:02}.parquet", compression="zstd", row_group_size=ROW_GROUP)


def main():
    """Reads the arguments and writes the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    generate(arguments.folder, arguments.rows, arguments.seed)


if __name__ == "__main__":
    main()
