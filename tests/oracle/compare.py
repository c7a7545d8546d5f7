"""Compares a published customer_features table with the reference, cell by cell."""

RELATIVE = 1e-12
SHOWN = 5


def describe(connection, files):
    """(name, type) of every column of the Parquet files."""
    return [(row[0], row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM '{files}'").fetchall()]


def contract_differences(found, wanted):
    """Columns that are not what, or not where, the contract says."""
    differences = []
    for position in range(max(len(found), len(wanted))):
        have = found[position] if position < len(found) else None
        want = wanted[position][:2] if position < len(wanted) else None
        if have != want:
            differences.append(f"column {position}: expected {want}, found {have}")
    return differences[:SHOWN]


def cell_condition(name, kind):
    """SQL that is true where the cell `name` differs."""
    have, want = f"a.{name}", f"e.{name}"
    if kind == "money":
        have = f"unscaled({have})"
    if kind == "double":
        close = f"abs({have} - {want}) <= {RELATIVE} * greatest(abs({have}), abs({want}))"
        return f"({have} IS NULL) <> ({want} IS NULL) OR coalesce(NOT ({close}), FALSE)"
    return f"{have} IS DISTINCT FROM {want}"


def column_differences(connection, name, kind):
    """First rows of both tables whose cell `name` differs, as text."""
    condition = cell_condition(name, kind)
    joined = "actual a JOIN expected e ON a.customer_id = e.customer_id"
    count = connection.execute(f"SELECT count(*) FROM {joined} WHERE {condition}").fetchone()[0]
    if count == 0:
        return []
    have = f"unscaled(a.{name})" if kind == "money" else f"a.{name}"
    rows = connection.execute(
        f"SELECT e.customer_id, CAST(e.{name} AS VARCHAR), CAST({have} AS VARCHAR) FROM {joined} "
        f"WHERE {condition} ORDER BY 1 LIMIT {SHOWN}"
    ).fetchall()
    shown = [f"    customer {key!r}: expected {want}, found {found}" for key, want, found in rows]
    return [f"{name}: {count} cells differ{' (minor units)' if kind == 'money' else ''}", *shown]


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


def table_differences(connection, files, wanted):
    """Everything in which the Parquet `files` differ from the table `expected`; an empty list when nothing does."""
    differences = contract_differences(describe(connection, files), wanted)
    if differences:
        return differences
    connection.execute(f"CREATE OR REPLACE TEMP VIEW actual AS SELECT * FROM '{files}'")
    differences = key_differences(connection)
    for name, _, kind in wanted:
        differences.extend(column_differences(connection, name, kind))
    return differences
