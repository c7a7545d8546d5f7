"""How long customers have been there, and whether they came back."""

RETURN_DAYS = (90, 365)


def columns(features):
    """(name, kind) of the columns."""
    if not (features.has("transactions") or features.maps("customers", "registered_at")):
        return []
    listed = [("tenure_days", "whole"), ("active_period_share", "quotient")]
    listed += [(f"repeat_within_{days}d", "flag") for days in RETURN_DAYS]
    listed.append(("length_days", "whole"))
    if features.maps("customers", "market_total"):
        listed.append(("share_of_wallet", "quotient"))
    return listed


def build(connection, features):
    """Creates the table `family_loyalty`."""
    today = features.today
    span = features.periods_between("min(period)", features.period_of(today))
    returned = "".join(
        f""", CASE WHEN second - first <= {days} THEN TRUE
                   WHEN second IS NULL AND {today} - first < {days} THEN NULL
                   WHEN first IS NOT NULL THEN FALSE END AS repeat_within_{days}d"""
        for days in RETURN_DAYS
    )
    connection.execute(
        f"""
    CREATE OR REPLACE TEMP TABLE family_loyalty AS
    WITH dates AS (
        SELECT customer_id, min(day) AS first, max(day) AS last, list_sort(list(DISTINCT day))[2] AS second,
               coalesce(sum(minor) FILTER ({features.window(365)}), 0) AS year_revenue
        FROM standing GROUP BY customer_id),
    active AS (
        SELECT customer_id, quotient(count(*), {span} + 1) AS active_period_share FROM spend GROUP BY customer_id)
    SELECT customer_id, {today} - least(first, registered_at) AS tenure_days, active_period_share {returned},
           last - first AS length_days, quotient(coalesce(year_revenue, 0), market_total) AS share_of_wallet
    FROM everyone LEFT JOIN dates USING (customer_id) LEFT JOIN active USING (customer_id)
    LEFT JOIN profiles USING (customer_id)
        """
    )
