"""Purchases: how often, how recently, how much."""

from fractions import Fraction
from math import sqrt

import pyarrow as pa

QUARTERS = (1, 2, 3, 4)


def columns(features):
    """(name, kind) of the columns."""
    if not features.has("transactions"):
        return []
    listed = [
        ("first_purchase_date", "date"), ("last_purchase_date", "date"), ("days_since_last_purchase", "whole"),
        ("frequency", "whole"), ("recency", "quotient"), ("customer_age", "quotient"), ("monetary_value", "money"),
        ("orders", "whole"), ("lines", "whole"), ("purchase_periods", "whole"), ("total_revenue", "money"),
        ("average_order_value", "money"), ("first_purchase_amount", "money"), ("largest_purchase", "money"),
        ("refund_count", "whole"), ("refund_total", "money"), ("net_revenue", "money"), ("reversed_lines", "whole"),
        ("reversed_revenue", "money"), ("spend_slope", "sum"), ("spend_slope_se", "sum"),
    ]
    listed += [(f"q{quarter}_revenue_share", "quotient") for quarter in QUARTERS]
    if features.builds_gross_margin:
        listed.append(("gross_margin", "money"))
    for days in features.windows:
        for which in ("", "prev_"):
            listed += [(f"orders_{which}{days}d", "whole"), (f"revenue_{which}{days}d", "money"),
                       (f"active_days_{which}{days}d", "whole")]
    return listed


def windows_sql(features):
    """SQL of the trailing windows (as_of - N, as_of] and (as_of - 2N, as_of - N], over standing purchases."""
    text = ""
    for days in features.windows:
        for which, newest in (("", 0), ("prev_", days)):
            inside = features.window(days, newest)
            text += (
                f", count(DISTINCT order_id) FILTER ({inside})"
                f" + count(*) FILTER (order_id IS NULL AND {inside}) AS orders_{which}{days}d"
                f", coalesce(sum(minor) FILTER ({inside}), 0) AS revenue_{which}{days}d"
                f", count(DISTINCT day) FILTER ({inside}) AS active_days_{which}{days}d\n"
            )
    return text


def margin_sql(features):
    """SQL of (customer_id, gross_margin): what purchases earned, less refunds and rescinded ones, plus commission."""
    return f"""
        SELECT customer_id, sum(earned) AS gross_margin FROM (
            SELECT customer_id, margin AS earned FROM purchases
            UNION ALL SELECT customer_id, -abs(margin) FROM purchases WHERE reversed_by = 'rescinded'
            UNION ALL SELECT customer_id, -abs(margin) FROM refunds
            UNION ALL SELECT customer_id, commission FROM used_lots
                      WHERE customer_id IS NOT NULL AND {features.is_sold}) GROUP BY customer_id
    """


def build(connection, features):
    """Creates the table `family_purchase`."""
    slopes(connection, features)
    factor, unit = features.period_days, features.unit_days
    recency = features.periods_between("first_period", "last_period")
    age = features.periods_between("first_period", features.period_of(features.today))
    quarters = "".join(
        f", quotient(coalesce(sum(minor) FILTER (quarter(day) = {quarter}), 0), sum(minor)) AS q{quarter}_revenue_share"
        for quarter in QUARTERS
    )
    windows = "".join(
        f", coalesce({name}, 0) AS {name}" for name, _ in columns(features) if name.endswith("d") and name[-2].isdigit()
    )
    connection.execute(
        f"""
    CREATE OR REPLACE TEMP TABLE family_purchase AS
    WITH per_period AS (
        SELECT customer_id, min(period) AS first_period, max(period) AS last_period, count(*) AS purchase_periods,
               max(minor) AS largest_purchase, arg_min(minor, period) AS first_purchase_amount,
               sum(minor) AS standing_revenue
        FROM spend GROUP BY customer_id),
    standing_ones AS (
        SELECT customer_id, min(day) AS first_purchase_date, max(day) AS last_purchase_date {quarters}
        {windows_sql(features)} FROM standing GROUP BY customer_id),
    bought AS (
        SELECT customer_id, count(DISTINCT order_id) + count(*) FILTER (order_id IS NULL) AS orders,
               count(*) AS lines, sum(minor) AS total_revenue, count(reversed_by) AS reversed_lines,
               coalesce(sum(minor) FILTER (reversed_by IS NOT NULL), 0) AS reversed_revenue
        FROM purchases GROUP BY customer_id),
    returned AS (
        SELECT customer_id, count(*) AS refund_count, sum(minor) AS refund_total
        FROM (SELECT customer_id, minor FROM refunds
              UNION ALL SELECT customer_id, minor FROM purchases WHERE reversed_by = 'rescinded')
        GROUP BY customer_id),
    margins AS ({margin_sql(features)})
    SELECT customer_id, first_purchase_date, last_purchase_date,
           {features.today} - last_purchase_date AS days_since_last_purchase,
           purchase_periods - 1 AS frequency,
           {recency} * {factor}::DOUBLE / {unit}::DOUBLE AS recency,
           {age} * {factor}::DOUBLE / {unit}::DOUBLE AS customer_age,
           half_even(standing_revenue - first_purchase_amount, purchase_periods - 1) AS monetary_value,
           coalesce(orders, 0) AS orders, coalesce(lines, 0) AS lines,
           coalesce(purchase_periods, 0) AS purchase_periods, coalesce(total_revenue, 0) AS total_revenue,
           half_even(total_revenue, orders) AS average_order_value, first_purchase_amount, largest_purchase,
           coalesce(refund_count, 0) AS refund_count, coalesce(refund_total, 0) AS refund_total,
           coalesce(total_revenue, 0) - coalesce(refund_total, 0) AS net_revenue,
           coalesce(reversed_lines, 0) AS reversed_lines, coalesce(reversed_revenue, 0) AS reversed_revenue,
           spend_slope, spend_slope_se, q1_revenue_share, q2_revenue_share, q3_revenue_share, q4_revenue_share,
           gross_margin {windows}
    FROM everyone
    LEFT JOIN per_period USING (customer_id) LEFT JOIN standing_ones USING (customer_id)
    LEFT JOIN bought USING (customer_id) LEFT JOIN returned USING (customer_id)
    LEFT JOIN margins USING (customer_id) LEFT JOIN slopes USING (customer_id)
        """
    )


def slopes(connection, features):
    """Creates `slopes`: the least-squares slope of each customer's spend per period, in exact arithmetic."""
    age = features.periods_between("min(period)", features.period_of(features.today))
    number = features.periods_between("first_period", "period")
    rows = connection.execute(
        f"""
        WITH spans AS (SELECT customer_id, min(period) AS first_period, {age} + 1 AS periods FROM spend GROUP BY ALL),
        numbered AS (
            SELECT customer_id, periods, minor AS y, CAST({number} AS HUGEINT) AS x
            FROM spend JOIN spans USING (customer_id))
        SELECT customer_id, any_value(periods), sum(x * y), sum(y), sum(y * y) FROM numbered GROUP BY customer_id
        """
    ).fetchall()
    unit = 10**features.scale
    fitted = [slope(*(int(value) for value in row[1:]), unit) for row in rows]
    table = pa.table({
        "row": pa.array(range(len(rows)), pa.int64()),
        "spend_slope": pa.array([one[0] for one in fitted], pa.float64()),
        "spend_slope_se": pa.array([one[1] for one in fitted], pa.float64()),
    })
    kind = pa.int64() if rows and isinstance(rows[0][0], int) else pa.string()
    table = table.append_column("customer_id", pa.array([row[0] for row in rows], kind))
    connection.register("fitted_slopes", table)
    connection.execute("CREATE OR REPLACE TEMP TABLE slopes AS SELECT * FROM fitted_slopes")
    connection.unregister("fitted_slopes")


def slope(n, sum_xy, sum_y, sum_yy, unit):
    """Slope and its standard error over x = 0 … n - 1, money in `unit`s; None where there is none."""
    if n < 2:
        return None, None
    spread_x = Fraction(n * (n * n - 1), 12)
    together = sum_xy - Fraction(n - 1, 2) * sum_y
    value = together / spread_x
    if n < 3:
        return float(value / unit), None
    residual = sum_yy - Fraction(sum_y * sum_y, n) - value * together
    return float(value / unit), sqrt(residual / (n - 2) / spread_x) / unit
