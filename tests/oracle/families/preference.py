"""What customers buy."""


def columns(features):
    """(name, kind) of the columns."""
    if not features.maps("transactions", "category"):
        return []
    listed = [
        ("categories", "whole"), ("top_category", "text"), ("top_category_share", "quotient"),
        ("category_entropy", "sum"), ("category_hhi", "quotient"),
    ]
    return listed + [(f"new_categories_{days}d", "whole") for days in features.windows]


def build(connection, features):
    """Creates the table `family_preference`."""
    fresh = "".join(
        f", count(*) FILTER ({features.window(days)}) AS new_categories_{days}d" for days in features.windows
    )
    shown = "".join(f", coalesce(new_categories_{days}d, 0) AS new_categories_{days}d" for days in features.windows)
    connection.execute(
        f"""
    CREATE OR REPLACE TEMP TABLE family_preference AS
    WITH per_category AS (
        SELECT customer_id, category, CAST(sum(minor) AS HUGEINT) AS v, count(*) AS lines, min(day) AS day
        FROM standing WHERE category IS NOT NULL GROUP BY ALL),
    ranked AS (
        SELECT *, row_number() OVER (
                   PARTITION BY customer_id ORDER BY v DESC, lines DESC, encode(category)) AS place,
               quotient(v, sum(v) OVER (PARTITION BY customer_id)) AS share
        FROM per_category),
    summed AS (
        SELECT customer_id, count(*) AS categories, max(category) FILTER (place = 1) AS top_category,
               max(share) FILTER (place = 1) AS top_category_share,
               -list_sum(list(CASE WHEN share > 0 THEN share * ln(share) ELSE share END ORDER BY share))
                   AS category_entropy,
               quotient(sum(v * v), sum(v) * sum(v)) AS category_hhi {fresh}
        FROM ranked GROUP BY customer_id)
    SELECT customer_id, coalesce(categories, 0) AS categories, top_category, top_category_share, category_entropy,
           category_hhi {shown}
    FROM everyone LEFT JOIN summed USING (customer_id)
        """
    )
