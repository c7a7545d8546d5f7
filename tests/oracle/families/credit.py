"""How customers pay."""


def columns(features):
    """(name, kind) of the columns."""
    if not features.has("invoices"):
        return []
    listed = [
        ("invoices", "whole"), ("invoiced_total", "money"), ("invoices_paid", "whole"), ("mean_days_late", "quotient"),
        ("worst_days_late", "whole"), ("late_share", "quotient"), ("outstanding", "money"), ("overdue", "money"),
        ("unpaid_wins", "whole"), ("unpaid_win_value", "money"), ("defaults", "whole"), ("invoices_matured", "whole"),
        ("defaults_matured", "whole"), ("exposure", "money"), ("exposure_in_default", "money"),
    ]
    if features.maps("invoices", "disputed_at"):
        listed.append(("disputes", "whole"))
    if features.maps("invoices", "deposit"):
        listed.append(("deposit_total", "money"))
    if features.maps("customers", "credit_limit"):
        listed.append(("credit_utilisation", "quotient"))
    return listed


COUNTS = (
    "invoices", "invoiced_total", "invoices_paid", "outstanding", "overdue", "unpaid_wins", "unpaid_win_value",
    "defaults", "invoices_matured", "defaults_matured", "exposure", "exposure_in_default", "disputes", "deposit_total",
)


def build(connection, features):
    """Creates the table `family_credit`."""
    today = features.today
    of_a_lot = "lot_id IS NOT NULL" if features.maps("invoices", "lot_id") else "TRUE"
    unpaid_win = f"(state = 'cancelled' OR (state = 'open' AND matured)) AND {of_a_lot}"
    judged = f"(state = 'paid' OR (state = 'open' AND due < {today}))"
    counts = ", ".join(f"coalesce({name}, 0) AS {name}" for name in COUNTS)
    connection.execute(
        f"""
    CREATE OR REPLACE TEMP TABLE family_credit AS
    WITH told AS (
        SELECT *, CASE WHEN paid IS NOT NULL THEN 'paid' WHEN cancelled IS NOT NULL THEN 'cancelled'
                       WHEN written_off IS NOT NULL THEN 'written off' ELSE 'open' END AS state,
               coalesce(due <= {today} - {features.default_days}, FALSE) AS matured
        FROM used_invoices),
    aged AS (
        SELECT *, CASE state WHEN 'paid' THEN greatest(paid - due, 0) WHEN 'open' THEN greatest({today} - due, 0)
                  END AS days_late
        FROM told),
    summed AS (
        SELECT customer_id, count(*) AS invoices, sum(minor) AS invoiced_total,
               count(*) FILTER (state = 'paid') AS invoices_paid,
               quotient(sum(minor * days_late) FILTER (state = 'paid'), sum(minor) FILTER (state = 'paid'))
                   AS mean_days_late,
               max(days_late) AS worst_days_late,
               quotient(count(*) FILTER ({judged} AND days_late > 0), count(*) FILTER ({judged})) AS late_share,
               sum(minor) FILTER (state = 'open') AS outstanding,
               sum(minor) FILTER (state = 'open' AND due < {today}) AS overdue,
               count(*) FILTER ({unpaid_win}) AS unpaid_wins, sum(minor) FILTER ({unpaid_win}) AS unpaid_win_value,
               count(*) FILTER (state = 'written off' OR (state = 'open' AND matured)) AS defaults,
               count(*) FILTER (matured AND state <> 'cancelled') AS invoices_matured,
               count(*) FILTER (matured AND state IN ('written off', 'open')) AS defaults_matured,
               sum(greatest(minor - coalesce(deposit, 0), 0)) FILTER (state = 'open' AND NOT matured) AS exposure,
               sum(greatest(minor - coalesce(deposit, 0), 0)) FILTER (state = 'open' AND matured) AS exposure_in_default,
               count(disputed) AS disputes, sum(deposit) FILTER (state = 'open') AS deposit_total
        FROM aged GROUP BY customer_id)
    SELECT customer_id, mean_days_late, worst_days_late, late_share, {counts},
           quotient(coalesce(outstanding, 0), credit_limit) AS credit_utilisation
    FROM everyone LEFT JOIN summed USING (customer_id) LEFT JOIN profiles USING (customer_id)
        """
    )
