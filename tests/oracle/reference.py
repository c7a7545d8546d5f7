"""customer_features in DuckDB SQL, written from docs/features.md alone: the columns of all families in one table.

`sources.load` books the rows of every source first. The result is the table `expected`: one row per customer, money in
minor units.
"""

import families
import reversals
import sources
from features import MACROS


def columns(features):
    """{name: kind} of every column."""
    listed = [("as_of", "date"), ("customer_id", "key")]
    for _, module in families.wanted(features):
        listed += module.columns(features)
    listed += [(name, kind) for name, _, kind in features.own]
    assert len(dict(listed)) == len(listed), "two families build a column of the same name"
    if features.only is not None:
        listed = [(name, kind) for name, kind in listed if name in ("as_of", "customer_id", *features.only)]
    return dict(listed)


def build(connection, features):
    """Creates the table `expected` from the booked rows."""
    connection.execute(MACROS)
    sources.know(connection, features)
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE profiles AS
        SELECT * FROM used_customers
        QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY valid_from DESC NULLS LAST) = 1
        """
    )
    reversals.build(connection, features)
    # Profit takes gross_margin and net_revenue from there, wanted or not.
    if features.has("transactions"):
        families.ALL["purchase"].build(connection, features)
    joins, shown = "", ""
    for name, module in families.wanted(features):
        if name != "purchase":
            module.build(connection, features)
        joins += f" JOIN family_{name} USING (customer_id)"
        shown += "".join(f", family_{name}.{column}" for column, _ in module.columns(features))
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE built AS
        SELECT {features.today} AS as_of, customer_id {shown} FROM everyone {joins}
        """
    )
    # These see money in minor units.
    own = "".join(f", {expression} AS {name}" for name, expression, _ in features.own)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE expected AS SELECT * {own} FROM built")

