"""The rhythm of purchases."""


def columns(features):
    """(name, kind) of the columns."""
    if not features.has("transactions"):
        return []
    return [
        ("mean_gap_days", "quotient"), ("gap_sd_days", "sum"), ("gap_cv", "sum"), ("longest_gap_days", "quotient"),
        ("last_gap_days", "quotient"), ("longest_active_months", "whole"), ("overdue_ratio", "quotient"),
        ("spend_cv", "sum"),
        ("second_purchase_date", "date"), ("active_quarters", "whole"), ("purchase_quarters", "whole"),
    ]


def build(connection, features):
    """Creates the table `family_timing`."""
    period = features.spend_period
    calendar = f"CAST(date_trunc('{period}', day) AS DATE)"
    # The first day of the period that is not over at the end of the day.
    unfinished = f"CAST(date_trunc('{period}', {features.today} + 1) AS DATE)"
    gap = features.periods_between("earlier", "period")
    connection.execute(
        f"""
    CREATE OR REPLACE TEMP TABLE family_timing AS
    WITH pairs AS (
        SELECT customer_id, period, lag(period) OVER (PARTITION BY customer_id ORDER BY period) AS earlier FROM spend),
    lengths AS (SELECT customer_id, period, CAST({gap} AS HUGEINT) AS gap FROM pairs WHERE earlier IS NOT NULL),
    gaps AS (
        SELECT customer_id, CAST(sum(gap) AS DOUBLE) / count(*) * {features.period_days} AS mean_gap_days,
               max(gap) * {features.period_days}::DOUBLE AS longest_gap_days,
               arg_max(gap, period) * {features.period_days}::DOUBLE AS last_gap_days,
               -- n (Σ gap² - (Σ gap)² / n) is a whole number.
               CASE WHEN count(*) > 1 THEN
                   sqrt(CAST(count(*) * sum(gap * gap) - sum(gap) * sum(gap) AS DOUBLE) / count(*) / (count(*) - 1))
                   * {features.period_days} END AS gap_sd_days
        FROM lengths GROUP BY customer_id),
    months AS (SELECT DISTINCT customer_id, year(day) * 12 + month(day) AS month FROM standing),
    runs AS (
        SELECT customer_id, month - row_number() OVER (PARTITION BY customer_id ORDER BY month) AS run FROM months),
    longest AS (
        SELECT customer_id, max(length) AS longest_active_months
        FROM (SELECT customer_id, run, count(*) AS length FROM runs GROUP BY ALL) GROUP BY customer_id),
    -- Spend of the calendar periods that are over, and the mean over all of them since the first purchase.
    calendar AS (SELECT customer_id, {calendar} AS began, sum(minor) AS y FROM standing GROUP BY ALL),
    periods AS (
        SELECT customer_id, date_diff('{period}', min(began), {unfinished}) AS n,
               sum(y) FILTER (began < {unfinished}) / n::DOUBLE AS mean_y
        FROM calendar GROUP BY customer_id),
    variation AS (
        SELECT customer_id, CASE WHEN any_value(n) >= 4 AND any_value(mean_y) > 0 THEN
                   sqrt((sum((y - mean_y) ** 2) + (any_value(n) - count(*)) * any_value(mean_y) ** 2) / any_value(n))
                   / any_value(mean_y) END AS spend_cv
        FROM calendar JOIN periods USING (customer_id) WHERE began < {unfinished} GROUP BY customer_id),
    latest AS (SELECT customer_id, {features.today} - max(day) AS idle FROM standing GROUP BY customer_id),
    seconds AS (
        SELECT customer_id, min(day) AS second_purchase_date
        FROM standing JOIN (SELECT customer_id, min(day) AS first FROM standing GROUP BY customer_id) USING (customer_id)
        WHERE {features.period_of("day")} > {features.period_of("first")} GROUP BY customer_id),
    quarters AS (
        SELECT customer_id, count(*) AS active_quarters,
               CAST(coalesce(sum(CAST(pow(2, least(quarter, 62)) AS HUGEINT)) FILTER (quarter < 62), 0) AS BIGINT) AS purchase_quarters
        FROM (SELECT DISTINCT customer_id, ({features.today} - day) * 16 // 1461 AS quarter FROM standing)
        GROUP BY customer_id)
    SELECT customer_id, mean_gap_days, gap_sd_days, gap_sd_days / mean_gap_days AS gap_cv, longest_gap_days, last_gap_days, spend_cv,
           coalesce(longest_active_months, 0) AS longest_active_months, idle / mean_gap_days AS overdue_ratio,
           second_purchase_date, coalesce(active_quarters, 0) AS active_quarters,
           coalesce(purchase_quarters, 0) AS purchase_quarters
    FROM everyone LEFT JOIN gaps USING (customer_id) LEFT JOIN longest USING (customer_id)
    LEFT JOIN latest USING (customer_id) LEFT JOIN seconds USING (customer_id) LEFT JOIN quarters USING (customer_id)
    LEFT JOIN variation USING (customer_id)
        """
    )
