"""Compares a published customer_features table with the reference, cell by cell, column by column of the same name.

Kinds of columns: `key`, `date`, `whole` numbers, `flag`s, `text` and `money` (minor units in the reference) are equal
or they are not, and so is `wide_money`, which the pipeline itself computes of money. A `quotient` of exact numbers may
differ by rounding, a `sum` of rounded numbers by a little more.
"""

CLOSE = {
    "quotient": "abs({0} - {1}) <= 1e-12 * greatest(abs({0}), abs({1}))",
    "sum": "abs({0} - {1}) <= greatest(1e-12, 1e-9 * greatest(abs({0}), abs({1})))",
}
TYPES = {
    "date": ("DATE",), "whole": ("BIGINT", "INTEGER"), "flag": ("BOOLEAN",), "text": ("VARCHAR",),
    "quotient": ("DOUBLE",), "sum": ("DOUBLE",),
}
MONEY = ("money", "wide_money")
SHOWN = 5


def contract_differences(connection, files, wanted, features):
    """Columns that are missing, not expected, or of another type."""
    found = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM '{files}'").fetchall()}
    types = {**TYPES, "key": (features.key_type,)}
    types |= {"money": (f"DECIMAL(18,{features.scale})",), "wide_money": (f"DECIMAL(38,{features.scale})",)}
    differences = [f"column {name} is missing" for name in wanted if name not in found]
    differences += [f"column {name} is not expected" for name in found if name not in wanted]
    for name, kind in wanted.items():
        if name in found and found[name] not in types[kind]:
            differences.append(f"column {name}: expected {' or '.join(types[kind])}, found {found[name]}")
    return differences


def cell_condition(name, kind):
    """SQL that is true where the cell `name` differs."""
    have, want = f"a.{name}", f"e.{name}"
    if kind in MONEY:
        have = f"unscaled({have})"
    if kind in CLOSE:
        close = CLOSE[kind].format(have, want)
        return f"({have} IS NULL) <> ({want} IS NULL) OR coalesce(NOT ({close}), FALSE)"
    return f"{have} IS DISTINCT FROM {want}"


def column_differences(connection, name, kind):
    """First rows of both tables whose cell `name` differs, as text."""
    condition = cell_condition(name, kind)
    joined = "actual a JOIN expected e ON a.customer_id = e.customer_id"
    count = connection.execute(f"SELECT count(*) FROM {joined} WHERE {condition}").fetchone()[0]
    if count == 0:
        return []
    have = f"unscaled(a.{name})" if kind in MONEY else f"a.{name}"
    rows = connection.execute(
        f"SELECT e.customer_id, CAST(e.{name} AS VARCHAR), CAST({have} AS VARCHAR) FROM {joined} "
        f"WHERE {condition} ORDER BY 1 LIMIT {SHOWN}"
    ).fetchall()
    shown = [f"    customer {key!r}: expected {want}, found {found}" for key, want, found in rows]
    return [f"{name}: {count} cells differ{' (minor units)' if kind in MONEY else ''}", *shown]


def key_differences(connection):
    """Customers in one table only, or twice."""
    differences = []
    for title, query in (
        ("missing", "SELECT customer_id FROM expected EXCEPT SELECT customer_id FROM actual"),
        ("not expected", "SELECT customer_id FROM actual EXCEPT SELECT customer_id FROM expected"),
        ("more than once", "SELECT customer_id FROM actual GROUP BY 1 HAVING count(*) > 1"),
    ):
        keys = [row[0] for row in connection.execute(f"SELECT * FROM ({query}) ORDER BY 1").fetchall()]
        if keys:
            differences.append(f"customers {title}: {len(keys)}, such as {keys[:SHOWN]}")
    return differences


def table_differences(connection, files, wanted, features):
    """Everything in which the Parquet `files` differ from the table `expected`; an empty list when nothing does.

    `wanted` maps the name of every column to its kind.
    """
    differences = contract_differences(connection, files, wanted, features)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE actual AS SELECT * FROM '{files}'")
    present = {row[0] for row in connection.execute("DESCRIBE actual").fetchall()}
    differences.extend(key_differences(connection))
    for name, kind in wanted.items():
        if name in present:
            differences.extend(column_differences(connection, name, kind))
    return differences
