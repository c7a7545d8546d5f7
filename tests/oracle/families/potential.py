"""Who customers are, and what they might be worth."""

YEARS = (1, 2, 3, 4, 5)
PROFILE = (
    ("registered_at", "date"), ("credit_limit", "money"), ("opted_out", "flag"), ("manager_rating", "quotient"),
    ("stated_needs", "text"), ("market_total", "money"),
)


def columns(features):
    """(name, kind) of the columns."""
    if not features.has("customers"):
        return []
    listed = [(name, kind) for name, kind in PROFILE if features.maps("customers", name)]
    if features.has("transactions"):
        listed += [(f"margin_year_{year}", "money") for year in YEARS]
    listed += [(name, "text") for name in features.attributes]
    return listed + [(name, "quotient") for _, names in features.references for name in names]


def build(connection, features):
    """Creates the table `family_potential` from `profiles`, and `reference_<number>` of every reference table.

    A reference table has `entry_key`, `valid_from` and its columns.
    """
    earned = "coalesce(margin, 0)" if features.maps("transactions", "margin") else "minor"
    years = ", ".join(
        f"""CASE WHEN any_value(entered) + {365 * year - 1} <= {features.today} THEN
                coalesce(sum({earned}) FILTER ((day - entered) // 365 = {year - 1}), 0)
            END AS margin_year_{year}"""
        for year in YEARS
    )
    joins, shown = "", ""
    for number, (attribute, names) in enumerate(features.references):
        latest = ", ".join(f"arg_max_null({name}, valid_from) AS {name}" for name in names)
        joins += f"""
            LEFT JOIN (SELECT entry_key, {latest} FROM reference_{number} WHERE valid_from <= {features.today}
                       GROUP BY entry_key) r{number} ON r{number}.entry_key = p.{attribute}"""
        shown += "".join(f", r{number}.{name} AS {name}" for name in names)
    attributes = "".join(f", p.{name} AS {name}" for name in features.attributes)
    connection.execute(
        f"""
    CREATE OR REPLACE TEMP TABLE family_potential AS
    WITH entries_of AS (SELECT customer_id, min(day) AS entered FROM standing GROUP BY customer_id),
    years AS (SELECT customer_id, {years} FROM standing JOIN entries_of USING (customer_id) GROUP BY customer_id)
    SELECT e.customer_id, p.registered_at, p.credit_limit, p.opted_out, p.manager_rating, p.stated_needs,
           p.market_total, y.* EXCLUDE (customer_id) {attributes} {shown}
    FROM everyone e LEFT JOIN profiles p ON p.customer_id = e.customer_id
    LEFT JOIN years y ON y.customer_id = e.customer_id {joins}
        """
    )
