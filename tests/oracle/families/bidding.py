"""What customers bid on, win, miss, and consign."""

import pyarrow as pa
import xxhash


def columns(features):
    """(name, kind) of the columns."""
    listed = []
    has_wins = features.maps("transactions", "lot_id")
    if features.has("bids"):
        listed += [("bids", "whole"), ("lots_bid", "whole"), ("bids_per_lot", "quotient"),
                   ("days_since_last_bid", "whole")]
        if features.maps("lots", "sale_id"):
            listed.append(("sales_attended", "whole"))
        if has_wins:
            listed += [("lots_won", "whole"), ("win_rate", "quotient"), ("underbids", "whole"),
                       ("underbid_value", "money")]
        if has_wins and features.maps("lots", "hammer", "estimate_low", "estimate_high"):
            listed.append(("hammer_to_estimate", "quotient"))
        if features.maps("lots", "closes_at"):
            listed.append(("late_bid_share", "quotient"))
        if features.has("interactions"):
            listed += [("registrations", "whole"), ("no_show_rate", "quotient")]
    if features.maps("lots", "consignor_id"):
        listed += [("lots_consigned", "whole"), ("lots_consigned_sold", "whole"), ("sell_through_rate", "quotient")]
        if features.maps("lots", "commission"):
            listed.append(("commission_total", "money"))
    return listed


PARTS = {
    "bidders": ("bids", "lots_bid", "sales_attended"),
    "winners": ("lots_won",),
    "missed": ("underbids", "underbid_value"),
    "registered": ("registrations",),
    "consigned": ("lots_consigned", "lots_consigned_sold", "commission_total"),
}


def build(connection, features):
    """Creates the table `family_bidding`."""
    today = features.today
    allowed = features.late_bid_seconds * 1_000_000
    key_order(connection)
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE wins AS
        SELECT DISTINCT customer_id, lot_id FROM purchases WHERE lot_id IS NOT NULL;
        CREATE OR REPLACE TEMP TABLE best AS
        SELECT customer_id, lot_id, max(minor) AS minor, arg_min(instant, (-minor, instant)) AS instant
        FROM used_bids GROUP BY ALL;
        CREATE OR REPLACE TEMP TABLE underbidders AS
        SELECT lot_id, customer_id, minor FROM best JOIN key_order USING (customer_id)
        WHERE lot_id IN (SELECT lot_id FROM wins)
          AND (customer_id, lot_id) NOT IN (SELECT (customer_id, lot_id) FROM wins)
        QUALIFY row_number() OVER (PARTITION BY lot_id ORDER BY minor DESC, instant, hash, customer_id) = 1;
        """
    )
    counts = ", ".join(f"coalesce({name}, 0) AS {name}" for names in PARTS.values() for name in names)
    joins = " ".join(f"LEFT JOIN {part} USING (customer_id)" for part in PARTS)
    connection.execute(
        f"""
    CREATE OR REPLACE TEMP TABLE family_bidding AS
    WITH bidders AS (
        SELECT b.customer_id, count(*) AS bids, count(DISTINCT b.lot_id) AS lots_bid,
               {today} - max(b.day) AS days_since_last_bid, count(DISTINCT l.sale_id) AS sales_attended,
               count(DISTINCT b.lot_id) FILTER (w.lot_id IS NOT NULL) AS bid_and_won,
               quotient(count(*) FILTER (epoch_us(l.closes_at) - epoch_us(b.instant) <= {allowed}),
                        count(l.closes_at)) AS late_bid_share
        FROM used_bids b LEFT JOIN used_lots l ON l.lot_id = b.lot_id
        LEFT JOIN wins w ON w.customer_id = b.customer_id AND w.lot_id = b.lot_id
        GROUP BY b.customer_id),
    winners AS (
        SELECT w.customer_id, count(*) AS lots_won,
               quotient(2 * sum(hammer) FILTER (valued), sum(estimate_low + estimate_high) FILTER (valued))
                   AS hammer_to_estimate
        FROM wins w LEFT JOIN (
            SELECT *, coalesce(hammer IS NOT NULL AND estimate_low + estimate_high > 0, FALSE) AS valued
            FROM used_lots) l ON l.lot_id = w.lot_id
        GROUP BY w.customer_id),
    missed AS (
        SELECT customer_id, count(*) AS underbids, sum(minor) AS underbid_value FROM underbidders GROUP BY customer_id),
    shows AS (
        SELECT customer_id, day, day <= {today} - {features.no_show_days} AS due,
               EXISTS (FROM used_bids b WHERE b.customer_id = i.customer_id
                       AND b.day BETWEEN i.day AND i.day + {features.no_show_days}) AS came
        FROM used_interactions i WHERE kind = 'registration'),
    registered AS (
        SELECT customer_id, count(*) AS registrations,
               quotient(count(*) FILTER (due AND NOT came), count(*) FILTER (due)) AS no_show_rate
        FROM shows GROUP BY customer_id),
    consigned AS (
        SELECT customer_id, count(*) AS lots_consigned, count(*) FILTER ({features.is_sold}) AS lots_consigned_sold,
               quotient(count(*) FILTER ({features.is_sold}), count(*) FILTER ({features.is_outcome_known}))
                   AS sell_through_rate,
               sum(commission) FILTER ({features.is_sold}) AS commission_total
        FROM used_lots WHERE customer_id IS NOT NULL GROUP BY customer_id)
    SELECT customer_id, {counts}, days_since_last_bid, quotient(bids, lots_bid) AS bids_per_lot,
           quotient(bid_and_won, lots_bid) AS win_rate, hammer_to_estimate, late_bid_share, no_show_rate,
           sell_through_rate
    FROM everyone {joins}
        """
    )


def key_order(connection):
    """Creates `key_order`: the hash of each bidder, which orders the rows of tables (`crates/schema/src/hash.rs`)."""
    keys = [row[0] for row in connection.execute("SELECT DISTINCT customer_id FROM used_bids").fetchall()]
    encoded = [key.to_bytes(8, "little", signed=True) if isinstance(key, int) else key.encode() for key in keys]
    kind = pa.int64() if keys and isinstance(keys[0], int) else pa.string()
    table = pa.table({
        "customer_id": pa.array(keys, kind),
        "hash": pa.array([xxhash.xxh3_64_intdigest(key) for key in encoded], pa.uint64()),
    })
    connection.register("hashed_keys", table)
    connection.execute("CREATE OR REPLACE TEMP TABLE key_order AS SELECT * FROM hashed_keys")
    connection.unregister("hashed_keys")
