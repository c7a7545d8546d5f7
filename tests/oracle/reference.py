"""customer_features in DuckDB SQL, written from the definitions alone.

Input is a relation `source_rows`, one row per row of the dumps:

    bucket          'filtered', 'after_as_of', 'quarantined' or 'used' (duplicates not yet found)
    customer_id     key
    transaction_id  text or NULL
    order_id        text or NULL
    day             local date
    minor           HUGEINT, signed amount in minor units
    marked          BOOLEAN, whether the row is marked as a refund
    margin          HUGEINT in minor units or NULL

Money is HUGEINT of minor units throughout: every sum is exact.
"""

from dataclasses import dataclass

PERIOD_START = {
    "day": "{0}",
    "week": "CAST(date_trunc('week', {0}) AS DATE)",
    "month": "CAST(date_trunc('month', {0}) AS DATE)",
}
PERIODS_BETWEEN = {
    "day": "({1} - {0})",
    "week": "(({1} - {0}) // 7)",
    "month": "date_diff('month', {0}, {1})",
}
PERIOD_DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375}
UNIT_DAYS = {"day": 1.0, "week": 7.0}

MACROS = """
CREATE OR REPLACE TEMP MACRO half_even(n, d) AS
    CASE WHEN d = 0 THEN NULL
         WHEN 2 * abs(n % d) > d OR (2 * abs(n % d) = d AND (n // d) % 2 <> 0) THEN n // d + sign(n)
         ELSE n // d END;
CREATE OR REPLACE TEMP MACRO unscaled(x) AS CAST(replace(CAST(x AS VARCHAR), '.', '') AS HUGEINT);
-- A cast from nanoseconds would round the last of a day up to the next.
CREATE OR REPLACE TEMP MACRO floor_micros(t) AS
    make_timestamp((epoch_ns(t) - (epoch_ns(t) % 1000 + 1000) % 1000) // 1000);
"""


@dataclass(frozen=True)
class Features:
    """What a pipeline asks of the customer fold."""

    as_of: str
    scale: int
    period: str = "day"
    time_unit: str = "day"
    windows: tuple = ()
    margin: bool = False


def columns(features, key_type):
    """(name, DuckDB type, kind) of every column in order; kind is how values are compared."""
    money = f"DECIMAL(18,{features.scale})"
    listed = [
        ("as_of", "DATE", "exact"),
        ("customer_id", key_type, "exact"),
        ("first_purchase_date", "DATE", "exact"),
        ("last_purchase_date", "DATE", "exact"),
        ("days_since_last_purchase", "INTEGER", "exact"),
        ("frequency", "BIGINT", "exact"),
        ("recency", "DOUBLE", "double"),
        ("customer_age", "DOUBLE", "double"),
        ("monetary_value", money, "money"),
        ("orders", "BIGINT", "exact"),
        ("lines", "BIGINT", "exact"),
        ("purchase_periods", "BIGINT", "exact"),
        ("total_revenue", money, "money"),
        ("average_order_value", money, "money"),
        ("first_purchase_amount", money, "money"),
        ("largest_purchase", money, "money"),
        ("refund_count", "BIGINT", "exact"),
        ("refund_total", money, "money"),
        ("net_revenue", money, "money"),
    ]
    if features.margin:
        listed.append(("gross_margin", money, "money"))
    for name in window_names(features):
        listed.append((name, money, "money") if name.startswith("revenue") else (name, "BIGINT", "exact"))
    return listed


def window_names(features):
    """Names of the window columns in order."""
    return [
        f"{measure}_{which}{days}d"
        for days in features.windows
        for which in ("", "prev_")
        for measure in ("orders", "revenue", "active_days")
    ]


def window_columns(features):
    """SQL of the trailing windows (as_of - N, as_of] and (as_of - 2N, as_of - N], over purchases."""
    as_of = f"DATE '{features.as_of}'"
    text = []
    for days in features.windows:
        for which, newest in (("", 0), ("prev_", days)):
            inside = f"FILTER (day > {as_of} - {newest + days} AND day <= {as_of} - {newest})"
            alone = inside.replace("FILTER (", "FILTER (order_id IS NULL AND ")
            text.append(
                f", count(DISTINCT order_id) {inside} + count(*) {alone} AS orders_{which}{days}d"
                f", coalesce(sum(minor) {inside}, 0) AS revenue_{which}{days}d"
                f", count(DISTINCT day) {inside} AS active_days_{which}{days}d"
            )
    return "\n        ".join(text)


def book(connection):
    """Finds duplicates in `source_rows`, creates `booked` with each row's final bucket; returns rows per bucket."""
    connection.execute(MACROS)
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE booked AS
        SELECT * REPLACE (CASE WHEN bucket = 'used' AND transaction_id IS NOT NULL
                                AND row_number() OVER (PARTITION BY bucket, customer_id, transaction_id) > 1
                               THEN 'duplicate' ELSE bucket END AS bucket)
        FROM source_rows
        """
    )
    counts = dict(connection.execute("SELECT bucket, count(*) FROM booked GROUP BY bucket").fetchall())
    buckets = {name: counts.get(name, 0) for name in ("used", "filtered", "after_as_of", "duplicate", "quarantined")}
    return {"input": sum(counts.values()), **buckets}


def build(connection, features):
    """Creates the table `expected` from `booked`."""
    connection.execute(events_sql(features))
    connection.execute(expected_sql(features))


def events_sql(features):
    """The used rows, amounts absolute, refunds told apart, with the first day of their purchase period."""
    return f"""
        CREATE OR REPLACE TEMP TABLE used_rows AS
        SELECT customer_id, order_id, day, abs(minor) AS minor, abs(margin) AS absolute_margin, margin,
               coalesce(marked, FALSE) OR minor < 0 AS refund,
               {PERIOD_START[features.period].format('day')} AS period
        FROM booked WHERE bucket = 'used'
    """


def expected_sql(features):
    """One row per customer, money in minor units."""
    as_of = f"DATE '{features.as_of}'"
    factor = PERIOD_DAYS[features.period]
    unit = UNIT_DAYS[features.time_unit]
    between = PERIODS_BETWEEN[features.period]
    recency = between.format("first_period", "last_period")
    age = between.format("first_period", PERIOD_START[features.period].format(as_of))
    margin = ", gross_margin" if features.margin else ""
    windows = "".join(f", coalesce({name}, 0) AS {name}" for name in window_names(features))
    return f"""
    CREATE OR REPLACE TEMP TABLE expected AS
    WITH purchases AS (SELECT * FROM used_rows WHERE NOT refund),
    spend AS (SELECT customer_id, period, sum(minor) AS minor FROM purchases GROUP BY ALL),
    per_period AS (
        SELECT customer_id, min(period) AS first_period, max(period) AS last_period, count(*) AS purchase_periods,
               max(minor) AS largest_purchase, arg_min(minor, period) AS first_purchase_amount
        FROM spend GROUP BY customer_id),
    w AS (
        SELECT customer_id, min(day) AS first_purchase_date, max(day) AS last_purchase_date,
               count(DISTINCT order_id) + count(*) FILTER (order_id IS NULL) AS orders,
               count(*) AS lines, sum(minor) AS total_revenue
        {window_columns(features)}
        FROM purchases GROUP BY customer_id),
    everyone AS (
        SELECT customer_id, count(*) FILTER (refund) AS refund_count,
               coalesce(sum(minor) FILTER (refund), 0) AS refund_total,
               sum(CASE WHEN refund THEN -absolute_margin ELSE margin END) AS gross_margin
        FROM used_rows GROUP BY customer_id)
    SELECT {as_of} AS as_of, customer_id, first_purchase_date, last_purchase_date,
           {as_of} - last_purchase_date AS days_since_last_purchase,
           purchase_periods - 1 AS frequency,
           {recency} * {factor}::DOUBLE / {unit}::DOUBLE AS recency,
           {age} * {factor}::DOUBLE / {unit}::DOUBLE AS customer_age,
           half_even(total_revenue - first_purchase_amount, purchase_periods - 1) AS monetary_value,
           coalesce(orders, 0) AS orders, coalesce(lines, 0) AS lines,
           coalesce(purchase_periods, 0) AS purchase_periods,
           coalesce(total_revenue, 0) AS total_revenue,
           half_even(total_revenue, orders) AS average_order_value,
           first_purchase_amount, largest_purchase,
           refund_count, refund_total, coalesce(total_revenue, 0) - refund_total AS net_revenue
           {margin}{windows}
    FROM everyone LEFT JOIN w USING (customer_id) LEFT JOIN per_period USING (customer_id)
    """
