"""The canonical relations of a run: which columns they have, how rows are booked, what is known at as_of.

`load` takes SQL that gives the rows of one source under these names; columns that a pipeline does not map may be left
out and read as NULL. Beside them every row has `bucket` ('after_known_by', 'filtered', 'after_as_of', 'quarantined' or
'used': duplicates are not yet found) and, but for lots without a consignor, `customer_id`.

Money is HUGEINT of minor units throughout: every sum is exact. Ids keep their type: BIGINT or VARCHAR.
"""

BUCKETS = ("after_known_by", "filtered", "after_as_of", "quarantined", "duplicate", "used")

COLUMNS = {
    "transactions": {
        "transaction_id": "ID", "order_id": "ID", "lot_id": "ID", "refund_of": "ID",
        "day": "DATE", "minor": "HUGEINT", "marked": "BOOLEAN", "margin": "HUGEINT", "cost": "HUGEINT",
        "category": "VARCHAR", "quantity": "DOUBLE",
    },
    "customers": {
        "registered_at": "DATE", "credit_limit": "HUGEINT", "opted_out": "BOOLEAN", "manager_rating": "DOUBLE",
        "stated_needs": "VARCHAR", "market_total": "HUGEINT", "valid_from": "DATE",
    },
    "interactions": {
        "interaction_id": "ID", "day": "DATE", "kind": "VARCHAR", "responded": "BOOLEAN",
        "feedback_score": "DOUBLE",
    },
    "lots": {
        "lot_id": "ID", "sale_id": "ID", "closes_at": "TIMESTAMPTZ", "closes_day": "DATE",
        "estimate_low": "HUGEINT", "estimate_high": "HUGEINT", "hammer": "HUGEINT", "commission": "HUGEINT",
        "outcome": "VARCHAR",
    },
    "bids": {
        "bid_id": "ID", "lot_id": "ID", "day": "DATE", "instant": "TIMESTAMPTZ", "minor": "HUGEINT",
    },
    "invoices": {
        "invoice_id": "ID", "lot_id": "ID", "day": "DATE", "due": "DATE", "minor": "HUGEINT",
        "paid": "DATE", "disputed": "DATE", "cancelled": "DATE", "written_off": "DATE", "deposit": "HUGEINT",
    },
}

# What names a row for good. A NULL in the last of them names nothing, but for customers.
IDENTITY = {
    "transactions": ("customer_id", "transaction_id"),
    "customers": ("customer_id", "valid_from"),
    "interactions": ("customer_id", "interaction_id"),
    "lots": ("lot_id",),
    "bids": ("customer_id", "bid_id"),
    "invoices": ("customer_id", "invoice_id"),
}

# Dates that read as NULL while they lie after as_of.
KNOWN_DATES = {"customers": ("registered_at",), "invoices": ("paid", "disputed", "cancelled", "written_off")}


def absent_columns(source, there, id_type):
    """SQL of the columns of a relation that are not `there`."""
    types = {name: id_type if kind == "ID" else kind for name, kind in COLUMNS[source].items()}
    return [f"CAST(NULL AS {kind}) AS {name}" for name, kind in types.items() if name not in there]


def load(connection, source, rows_sql, takes_latest=False, id_type="VARCHAR"):
    """Books the rows of one source into `booked_<source>`; returns the rows per bucket."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE delivered AS {rows_sql}")
    there = {row[0] for row in connection.execute("DESCRIBE delivered").fetchall()}
    listed = ", ".join(["*", *absent_columns(source, there, id_type)])
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE booked_{source} AS
        SELECT * REPLACE (CASE WHEN {repeated(source, takes_latest)} THEN 'duplicate' ELSE bucket END AS bucket)
        FROM (SELECT {listed} FROM delivered)
        """
    )
    found = dict(connection.execute(f"SELECT bucket, count(*) FROM booked_{source} GROUP BY bucket").fetchall())
    return {"input": sum(found.values()), **{bucket: found.get(bucket, 0) for bucket in BUCKETS}}


def repeated(source, takes_latest):
    """SQL that is true for a used row that gives way to another one of the same identity."""
    identity = IDENTITY[source]
    names = "TRUE" if source == "customers" else f"{identity[-1]} IS NOT NULL"
    if takes_latest:
        # A filtered row takes part: when it is the newest, nothing of that identity counts.
        return f"""bucket = 'used' AND {names} AND row_number() OVER (
            PARTITION BY bucket IN ('used', 'filtered'), {', '.join(identity)} ORDER BY loaded_at DESC) > 1"""
    return f"bucket = 'used' AND {names} AND row_number() OVER (PARTITION BY bucket, {', '.join(identity)}) > 1"


def know(connection, features):
    """Creates `used_<source>` of every source: the used rows with what is known of them at as_of."""
    as_of = f"DATE '{features.as_of}'"
    for source in COLUMNS:
        if not features.has(source):
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE booked_{source} AS SELECT 'used' AS bucket, "
                f"CAST(NULL AS {features.key_type}) AS customer_id, "
                f"{', '.join(absent_columns(source, (), features.id_type))} LIMIT 0"
            )
        known = [f"CASE WHEN {name} <= {as_of} THEN {name} END AS {name}" for name in KNOWN_DATES.get(source, ())]
        if source == "lots":
            hidden = ("closes_at", "hammer", "commission", "outcome")
            known = [f"CASE WHEN (closes_day > {as_of}) IS NOT TRUE THEN {name} END AS {name}" for name in hidden]
        replaced = f"REPLACE ({', '.join(known)})" if known else ""
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE used_{source} AS "
            f"SELECT * EXCLUDE (bucket) {replaced} FROM booked_{source} WHERE bucket = 'used'"
        )
    every = " UNION ".join(f"SELECT customer_id FROM used_{source} WHERE customer_id IS NOT NULL" for source in COLUMNS)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE everyone AS {every}")
