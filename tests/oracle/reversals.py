"""Tells purchases from refunds, and those that stand from those that were reversed in full.

Creates `purchases` (with `reversed_by`: NULL for those that stand, else 'named', 'mirrored' or 'rescinded'),
`standing`, `refunds`, and `spend`: the standing spend of each customer and period.
"""

from collections import defaultdict

import pyarrow as pa
import xxhash


def build(connection, features):
    """Creates the tables from `used_transactions` and `used_invoices`."""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE entries AS
        SELECT row_number() OVER () AS entry, * REPLACE (abs(minor) AS minor),
               coalesce(marked, FALSE) OR minor < 0 AS refund, {features.period_of('day')} AS period
        FROM used_transactions;
        CREATE OR REPLACE TEMP TABLE refunds AS SELECT * FROM entries WHERE refund;
        CREATE OR REPLACE TEMP TABLE reversals (entry BIGINT, reversed_by VARCHAR);
        """
    )
    if features.maps("transactions", "refund_of"):
        connection.execute(f"INSERT INTO reversals {NAMED}")
    if features.maps("transactions", "category", "quantity"):
        mirrored = pa.table({"entry": pa.array(mirrored_entries(connection), pa.int64())})
        connection.register("mirrored", mirrored)
        connection.execute("INSERT INTO reversals SELECT entry, 'mirrored' FROM mirrored")
        connection.unregister("mirrored")
    if features.maps("transactions", "lot_id") and features.maps("invoices", "lot_id", "cancelled_at"):
        connection.execute(f"INSERT INTO reversals {RESCINDED}")
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE purchases AS
        SELECT e.*, r.reversed_by FROM entries e LEFT JOIN reversals r USING (entry) WHERE NOT refund;
        CREATE OR REPLACE TEMP TABLE standing AS SELECT * FROM purchases WHERE reversed_by IS NULL;
        CREATE OR REPLACE TEMP TABLE spend AS
        SELECT customer_id, period, CAST(sum(minor) AS HUGEINT) AS minor FROM standing GROUP BY ALL;
        """
    )


# An id means the purchases whose transaction it is; if there is none, whose order; if there is none, whose lot.
NAMED = """
    WITH named AS (
        SELECT customer_id, CAST(refund_of AS VARCHAR) AS id, sum(minor) AS refunded
        FROM refunds WHERE refund_of IS NOT NULL GROUP BY ALL),
    meant AS (
        SELECT customer_id, id, refunded, entry, minor, sense
        FROM named JOIN (
            SELECT customer_id, entry, minor, CAST(transaction_id AS VARCHAR) AS id, 1 AS sense
            FROM entries WHERE NOT refund
            UNION ALL SELECT customer_id, entry, minor, CAST(order_id AS VARCHAR), 2 FROM entries WHERE NOT refund
            UNION ALL SELECT customer_id, entry, minor, CAST(lot_id AS VARCHAR), 3 FROM entries WHERE NOT refund
        ) USING (customer_id, id)
        QUALIFY sense = min(sense) OVER (PARTITION BY customer_id, id)),
    full_ones AS (
        SELECT customer_id, id FROM meant GROUP BY customer_id, id HAVING any_value(refunded) >= sum(minor))
    SELECT DISTINCT entry, 'named' FROM meant JOIN full_ones USING (customer_id, id)
"""

RESCINDED = """
    SELECT DISTINCT p.entry, 'rescinded'
    FROM entries p JOIN used_invoices i ON i.customer_id = p.customer_id AND i.lot_id = p.lot_id
    WHERE NOT p.refund AND i.cancelled IS NOT NULL AND i.paid IS NULL
      AND p.entry NOT IN (SELECT entry FROM reversals)
"""

ALIKE = """
    SELECT entry, refund, day, order_id, transaction_id, lot_id, margin, cost,
           dense_rank() OVER (ORDER BY customer_id, category, abs(quantity), minor) AS alike
    FROM entries
    WHERE category IS NOT NULL AND quantity IS NOT NULL AND (NOT refund OR refund_of IS NULL)
      AND entry NOT IN (SELECT entry FROM reversals)
    WINDOW same AS (PARTITION BY customer_id, category, abs(quantity), minor)
    QUALIFY bool_or(refund) OVER same AND bool_or(NOT refund) OVER same
"""


def mirrored_entries(connection):
    """Entries of the purchases that a refund mirrors."""
    groups = defaultdict(list)
    for entry, refund, day, order, transaction, lot, margin, cost, alike in connection.execute(ALIKE).fetchall():
        ids = tuple(identity(value) for value in (order, transaction, lot))
        # NULL comes first.
        amounts = tuple((value is not None, value or 0) for value in (margin, cost))
        groups[alike].append((day, refund, (ids, amounts), entry))
    taken = []
    for members in groups.values():
        left = []
        # By day; purchases of a day come before its refunds.
        for day, refund, ids, entry in sorted(members):
            if not refund:
                left.append((day, ids, entry))
            elif left:
                latest = max(left)[0]
                chosen = min(one for one in left if one[0] == latest)
                left.remove(chosen)
                taken.append(chosen[2])
    return taken


def identity(value):
    """Identity of an id as `crates/schema/src/hash.rs` has it; 0 for NULL."""
    if value is None:
        return 0
    if isinstance(value, int):
        return (1 << 64) | (value & 0xFFFF_FFFF_FFFF_FFFF)
    return max(1, xxhash.xxh3_128_intdigest(value.encode()))
