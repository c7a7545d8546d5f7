#!/usr/bin/env python3
"""The benchmark's job in Polars' streaming engine: polars_job.py DUMPS_FOLDER OUTPUT_FILE THREADS."""

import os
import sys
from datetime import date, timedelta

os.environ["POLARS_MAX_THREADS"] = sys.argv[3]

import polars as pl  # noqa: E402  (it reads the variable when it is imported)

from job import AS_OF, WINDOWS  # noqa: E402


def main():
    """Groups by customer and day, then by customer."""
    dumps, output = sys.argv[1:3]
    as_of = date.fromisoformat(AS_OF)
    day = pl.col("day")
    windows = []
    for days in WINDOWS:
        inside = day > as_of - timedelta(days=days)
        windows.append(pl.col("n").filter(inside).sum().cast(pl.Int64).alias(f"orders_{days}d"))
        windows.append(pl.col("spend").filter(inside).sum().alias(f"revenue_{days}d"))
    (
        pl.scan_parquet(f"{dumps}/*.parquet")
        .filter(pl.col("status") == "paid")
        .select("customer_id", pl.col("ts").dt.date().alias("day"), "amount")
        .filter(day <= as_of)
        .group_by("customer_id", "day")
        .agg(pl.len().alias("n"), pl.col("amount").sum().alias("spend"))
        .group_by("customer_id")
        .agg(
            day.min().alias("first_day"),
            day.max().alias("last_day"),
            pl.len().cast(pl.Int64).alias("active_days"),
            pl.col("n").sum().cast(pl.Int64).alias("orders"),
            pl.col("spend").sum().alias("revenue"),
            pl.col("spend").max().alias("largest_day"),
            *windows,
        )
        .sink_parquet(output, compression="zstd", engine="streaming")
    )


if __name__ == "__main__":
    main()
