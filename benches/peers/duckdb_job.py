#!/usr/bin/env python3
"""The benchmark's job in DuckDB: duckdb_job.py DUMPS_FOLDER OUTPUT_FILE THREADS."""

import sys

import duckdb

from job import AS_OF, WINDOWS


def main():
    """Groups by customer and day, then by customer."""
    dumps, output, threads = sys.argv[1:4]
    windows = ",\n".join(
        f"coalesce(sum(n) FILTER (day > DATE '{AS_OF}' - {days}), 0)::BIGINT AS orders_{days}d, "
        f"coalesce(sum(spend) FILTER (day > DATE '{AS_OF}' - {days}), 0)::DECIMAL(18, 2) AS revenue_{days}d"
        for days in WINDOWS
    )
    connection = duckdb.connect(config={"threads": int(threads), "preserve_insertion_order": False})
    connection.execute(
        f"""
        COPY (
            WITH days AS (
                SELECT customer_id, CAST(ts AS DATE) AS day, count(*) AS n, sum(amount) AS spend
                FROM read_parquet('{dumps}/*.parquet')
                WHERE status = 'paid' AND CAST(ts AS DATE) <= DATE '{AS_OF}'
                GROUP BY ALL)
            SELECT customer_id, min(day) AS first_day, max(day) AS last_day, count(*) AS active_days,
                   sum(n)::BIGINT AS orders, sum(spend)::DECIMAL(18, 2) AS revenue,
                   max(spend)::DECIMAL(18, 2) AS largest_day,
                   {windows}
            FROM days GROUP BY customer_id
        ) TO '{output}' (FORMAT parquet, COMPRESSION zstd)
        """
    )


if __name__ == "__main__":
    main()
