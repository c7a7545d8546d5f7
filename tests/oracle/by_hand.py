"""Small examples with answers worked out by hand: they hold the reference itself to docs/features.md."""

from dataclasses import dataclass
from math import log, sqrt

import reference
import sources
from features import Features


@dataclass(frozen=True)
class Example:
    """Rows of some sources, and what must come out.

    `rows` gives for each source the names of its columns (see sources.py) and its rows as SQL values, each beginning
    with the customer; `answers` gives columns of customers.
    """

    name: str
    rows: dict
    answers: dict
    as_of: str = "2024-04-30"
    period: str = "day"
    windows: tuple = ()
    mapped: tuple = ()
    attributes: tuple = ()

    def features(self):
        """What is asked of the fold: `mapped` says more of a source than its required columns."""
        mapped = {source: set() for source in self.rows}
        for column in self.mapped:
            source, name = column.split(".")
            mapped[source].add(name)
        return Features(
            self.as_of, 2, mapped, period=self.period, windows=self.windows, attributes=self.attributes
        )


SPEND = Example(
    name="spend by month",
    period="month",
    windows=(60,),
    rows={
        "transactions": (
            "day, minor, order_id",
            "('a', '2024-01-05', 6000, 'x'), ('a', '2024-01-31', 4000, 'x'), ('a', '2024-03-02', 5000, NULL)",
        )
    },
    mapped=("transactions.order_id",),
    answers={
        "a": {
            "frequency": 1, "recency": 60.875, "customer_age": 91.3125, "monetary_value": 5000, "orders": 2, "lines": 3,
            "average_order_value": 7500, "first_purchase_amount": 10000, "largest_purchase": 10000,
            # 100, 0, 50, 0 a month: Sxx 5, Sxy -125, SSE 3750.
            "spend_slope": -25.0, "spend_slope_se": sqrt(375), "q1_revenue_share": 1.0, "q2_revenue_share": 0.0,
            # (2024-03-01, 2024-04-30] and (2024-01-01, 2024-03-01].
            "orders_60d": 1, "revenue_60d": 5000, "orders_prev_60d": 1, "active_days_prev_60d": 2,
            "mean_gap_days": 60.875, "gap_sd_days": None, "longest_active_months": 1, "overdue_ratio": 59 / 60.875,
            "tenure_days": 116, "active_period_share": 0.5, "repeat_within_90d": True, "length_days": 57,
        }
    },
)

RHYTHM = Example(
    name="rhythm by day",
    rows={
        "transactions": (
            "day, minor",
            "('a', '2023-12-30', 100), ('a', '2024-01-01', 100), ('a', '2024-02-02', 100), "
            "('a', '2024-02-12', 100), ('b', '2024-01-31', 100), ('c', '2024-02-01', 100), "
            "('d', '2023-01-01', 100), ('d', '2023-04-02', 100)",
        )
    },
    answers={
        # Gaps of 2, 32 and 10 days.
        "a": {"mean_gap_days": 44 / 3, "gap_sd_days": sqrt((4 + 1024 + 100 - 44 * 44 / 3) / 2),
              "longest_gap_days": 32.0, "longest_active_months": 3, "repeat_within_90d": True},
        "b": {"repeat_within_90d": False, "repeat_within_365d": None, "spend_slope": -45 / 62_790},
        "c": {"repeat_within_90d": None, "frequency": 0, "monetary_value": None},
        "d": {"repeat_within_90d": False, "repeat_within_365d": True},
    },
)

NAMED = Example(
    name="named refunds",
    rows={
        "transactions": (
            "day, minor, transaction_id, order_id, lot_id, refund_of",
            # In two parts, of which one alone would not do.
            "('a', '2024-01-01', 100, 't1', 'o1', NULL, NULL), ('a', '2024-02-01', -60, 'r1', NULL, NULL, 't1'),"
            "('a', '2024-02-02', -40, 'r2', NULL, NULL, 't1'), ('a', '2024-01-02', 70, 't2', 'o1', NULL, NULL),"
            # The id of an order that is a transaction, too, means the transaction.
            "('b', '2024-01-01', 10, 'same', 'o', NULL, NULL), ('b', '2024-01-02', 20, 't', 'same', NULL, NULL),"
            "('b', '2024-01-03', -10, 'r', NULL, NULL, 'same'),"
            # An order of two lines, a cent short; a lot in full.
            "('c', '2024-01-01', 10, 't1', 'o', NULL, NULL), ('c', '2024-01-02', 20, 't2', 'o', NULL, NULL),"
            "('c', '2024-01-03', -29, 'r', NULL, NULL, 'o'), ('c', '2024-01-04', 5, 't3', NULL, 'l', NULL),"
            "('c', '2024-01-05', -6, 'r2', NULL, NULL, 'l')",
        )
    },
    mapped=tuple(f"transactions.{name}" for name in ("transaction_id", "order_id", "lot_id", "refund_of")),
    answers={
        "a": {"reversed_lines": 1, "reversed_revenue": 100, "refund_count": 2, "refund_total": 100, "net_revenue": 70,
              "first_purchase_date": "2024-01-02", "orders": 1, "lines": 2, "purchase_periods": 1},
        "b": {"reversed_revenue": 10},
        "c": {"reversed_lines": 1, "reversed_revenue": 5, "refund_total": 35},
    },
)

MIRRORED = Example(
    name="mirrored refunds",
    as_of="2026-12-31",
    rows={
        "transactions": (
            "day, minor, margin, category, quantity, transaction_id",
            # The latest not later than the refund goes first, then the one before; the third has nothing to take.
            "('a', '2024-01-01', 100, 1, 'c', 2, 't1'), ('a', '2024-02-01', 100, 2, 'c', 2, 't2'),"
            "('a', '2024-03-01', 100, 4, 'c', 2, 't3'), ('a', '2024-02-01', -100, 0, 'c', -2, 'r1'),"
            "('a', '2024-02-20', -100, 0, 'c', 2, 'r2'), ('a', '2024-02-21', -100, 0, 'c', 2, 'r3'),"
            # Another quantity, and none at all.
            "('b', '2024-01-01', 100, 1, 'c', 2, 't1'), ('b', '2024-02-01', -100, 0, 'c', 1, 'r1'),"
            "('b', '2024-01-01', 100, 1, 'c', NULL, 't2'), ('b', '2024-02-01', -100, 0, 'c', NULL, 'r2')",
        )
    },
    mapped=tuple(f"transactions.{name}" for name in ("margin", "category", "quantity", "transaction_id")),
    answers={
        "a": {"reversed_lines": 2, "first_purchase_date": "2024-03-01", "gross_margin": 7, "refund_count": 3},
        "b": {"reversed_lines": 0, "refund_count": 2},
    },
)

RESCINDED = Example(
    name="rescinded wins",
    rows={
        "transactions": (
            "day, minor, lot_id, margin, cost, refund_of",
            "('a', '2024-01-01', 100, 'l1', 20, 3, NULL), ('a', '2024-01-02', 200, 'l2', 30, NULL, NULL), "
            "('a', '2024-01-03', 300, 'l3', 40, NULL, NULL), ('a', '2024-01-09', -300, NULL, -40, 5, 'l3')",
        ),
        "invoices": (
            "day, due, minor, lot_id, invoice_id, cancelled, paid",
            "('a', '2024-01-01', '2024-01-31', 110, 'l1', 'i1', '2024-03-01', NULL), "
            "('a', '2024-01-02', '2024-02-01', 220, 'l2', 'i2', '2024-05-01', NULL), "
            "('a', '2024-01-03', '2024-02-02', 330, 'l3', 'i3', '2024-03-01', NULL)",
        ),
    },
    mapped=(
        "transactions.lot_id", "transactions.margin", "transactions.cost", "transactions.refund_of", "invoices.lot_id",
        "invoices.cancelled_at", "invoices.paid_at",
    ),
    answers={
        # l1 was rescinded, l2 not yet, l3 had a refund of its own.
        "a": {"reversed_lines": 2, "reversed_revenue": 400, "refund_count": 2, "refund_total": 400, "net_revenue": 200,
              "gross_margin": 30, "returns_cost": 65, "cost_to_serve": 8, "contribution": 22, "margin_share": 0.15,
              "contribution_share": 0.11, "unpaid_wins": 2, "unpaid_win_value": 440, "outstanding": 220, "defaults": 0},
    },
)

TASTE = Example(
    name="taste",
    windows=(30,),
    rows={
        "transactions": (
            "day, minor, category",
            "('a', '2024-01-01', 50, 'x'), ('a', '2024-04-01', 50, 'x'), ('a', '2024-04-01', 100, 'y'), "
            "('a', '2024-04-02', 0, 'w'), ('a', '2024-04-03', 999, NULL), "
            "('b', '2024-01-01', 0, 'z'), ('c', '2024-01-01', 7, 'Z'), ('c', '2024-01-01', 7, 'a')",
        )
    },
    mapped=("transactions.category",),
    answers={
        "a": {"categories": 3, "top_category": "x", "top_category_share": 0.5, "category_entropy": log(2),
              "category_hhi": 0.5, "new_categories_30d": 2},
        "b": {"categories": 1, "top_category": "z", "top_category_share": None, "category_hhi": None,
              "category_entropy": None},
        "c": {"top_category": "Z"},
    },
)

CONTACTS = Example(
    name="contacts",
    windows=(90,),
    rows={
        "interactions": (
            "day, kind, responded, feedback_score",
            "('a', '2024-04-30', 'event', TRUE, NULL), ('a', '2024-01-31', 'call', FALSE, 4.0), "
            "('a', '2023-11-02', 'event', NULL, 5.0), ('a', '2024-04-30', 'Call', NULL, NULL)",
        )
    },
    mapped=("interactions.responded", "interactions.feedback_score"),
    answers={
        "a": {"interactions": 4, "interactions_90d": 2, "interactions_event": 2, "interactions_call": 1,
              "days_since_last_interaction": 0, "response_rate": 0.5, "events_invited": 2, "events_attended": 1,
              "mean_feedback": 4.5, "engagement": 4 + 3 / 2 + 4 / 4},
    },
)

AUCTION = Example(
    name="an auction",
    rows={
        "transactions": ("day, minor, lot_id", "('w', '2024-03-01', 120, 'l1'), ('w', '2024-03-01', 50, 'l3')"),
        "lots": (
            "lot_id, sale_id, closes_at, closes_day, estimate_low, estimate_high, hammer, commission, outcome",
            "('c', 'l1', 's1', '2024-03-01 12:00:00+00', '2024-03-01', 80, 120, 110, 10, 'sold'), "
            "('c', 'l2', 's1', '2024-06-01 12:00:00+00', '2024-06-01', 1, 1, 9, 9, 'sold'), "
            "('c', 'l3', 's2', NULL, NULL, NULL, NULL, 40, 5, 'unsold'), "
            "(NULL, 'l4', 's2', NULL, NULL, 0, 0, 1, 1, 'sold')",
        ),
        "bids": (
            "day, lot_id, instant, minor",
            "('w', '2024-03-01', 'l1', '2024-03-01 11:59:00+00', 110), "
            "('w', '2024-02-01', 'l2', '2024-02-01 11:59:00+00', 5), "
            "('u', '2024-03-01', 'l1', '2024-03-01 11:58:00+00', 100), "
            "('u', '2024-03-01', 'l1', '2024-03-01 11:58:59.999999+00', 90), "
            "('v', '2024-03-01', 'l1', '2024-03-01 11:58:01+00', 100), "
            "('v', '2024-03-01', 'l1', '2024-03-01 12:00:01+00', 1), "
            "('v', '2024-03-01', 'l9', '2024-03-01 12:00:01+00', 1)",
        ),
        "interactions": (
            "day, kind",
            "('v', '2024-01-30', 'registration'), ('v', '2024-01-31', 'registration'), "
            "('v', '2024-03-02', 'registration'), ('v', '2024-04-01', 'registration')",
        ),
    },
    mapped=(
        "transactions.lot_id", "lots.sale_id", "lots.closes_at", "lots.consignor_id", "lots.estimate_low",
        "lots.estimate_high", "lots.hammer", "lots.commission", "lots.outcome",
    ),
    answers={
        "w": {"bids": 2, "lots_bid": 2, "sales_attended": 1, "lots_won": 2, "win_rate": 0.5, "underbids": 0,
              "hammer_to_estimate": 1.1, "late_bid_share": 1.0, "no_show_rate": None, "days_since_last_bid": 60},
        "u": {"underbids": 1, "underbid_value": 100, "late_bid_share": 0.0, "bids_per_lot": 2.0},
        # Of three registrations 30 days ago or more, the first and the last were followed by no bid within 30 days.
        "v": {"underbids": 0, "late_bid_share": 0.5, "sales_attended": 1, "registrations": 4, "no_show_rate": 2 / 3},
        "c": {"lots_consigned": 3, "lots_consigned_sold": 1, "sell_through_rate": 0.5, "commission_total": 10,
              "gross_margin": 10},
    },
)

CREDIT = Example(
    name="credit",
    rows={
        "invoices": (
            "day, due, minor, invoice_id, paid, cancelled, written_off, disputed, deposit",
            "('a', '2024-01-01', '2024-01-31', 100, '1', '2024-02-10', '2024-02-01', NULL, NULL, 7),"
            "('a', '2024-01-01', '2024-01-31', 300, '2', '2024-01-30', NULL, NULL, NULL, NULL),"
            "('a', '2024-01-01', '2024-01-31', 900, '3', '2024-05-01', NULL, NULL, '2024-04-30', 8),"
            "('a', '2024-01-01', '2024-02-01', 50, '4', NULL, NULL, '2024-04-01', '2024-05-01', 9),"
            "('a', '2024-04-01', '2024-05-01', 20, '5', NULL, NULL, NULL, NULL, NULL)",
        ),
        "customers": ("credit_limit", "('a', 1840), ('b', 0)"),
    },
    mapped=(
        "invoices.paid_at", "invoices.cancelled_at", "invoices.written_off_at", "invoices.disputed_at",
        "invoices.deposit", "customers.credit_limit",
    ),
    answers={
        "a": {"invoices": 5, "invoiced_total": 1370, "invoices_paid": 2, "mean_days_late": 2.5, "worst_days_late": 90,
              "late_share": 2 / 3, "outstanding": 920, "overdue": 900, "unpaid_wins": 1, "unpaid_win_value": 900,
              "defaults": 2, "invoices_matured": 3, "defaults_matured": 1, "exposure": 20, "exposure_in_default": 892,
              "disputes": 1, "deposit_total": 8, "credit_utilisation": 0.5},
        "b": {"invoices": 0, "mean_days_late": None, "worst_days_late": None, "credit_utilisation": None},
    },
)

PROMISE = Example(
    name="promise",
    rows={
        "transactions": (
            "day, minor, margin",
            "('a', '2022-05-02', 100, 10), ('a', '2023-05-01', 100, -3), ('a', '2023-05-02', 100, NULL), "
            "('a', '2024-04-30', 100, 5), ('b', '2023-05-02', 100, 1)",
        ),
        "customers": (
            "registered_at, market_total, valid_from, town",
            "('a', '2022-04-01', 400, '2020-01-01', 'old'), ('a', '2022-04-02', 800, '2024-04-30', 'new'), "
            "('b', '2024-05-01', NULL, '2020-01-01', 'b')",
        ),
    },
    attributes=("town",),
    mapped=("transactions.margin", "customers.registered_at", "customers.market_total", "customers.valid_from"),
    answers={
        "a": {"town": "new", "registered_at": "2022-04-02", "tenure_days": 759, "margin_year_1": 7, "margin_year_2": 5,
              "margin_year_3": None, "share_of_wallet": 200 / 800},
        "b": {"registered_at": None, "margin_year_1": 1, "tenure_days": 364, "share_of_wallet": None},
    },
)

EXAMPLES = (SPEND, RHYTHM, NAMED, MIRRORED, RESCINDED, TASTE, CONTACTS, AUCTION, CREDIT, PROMISE)


def check(connection, example):
    """Everything in which the reference differs from the example's answers."""
    for source, (names, values) in example.rows.items():
        kinds = {**dict.fromkeys(example.attributes, "VARCHAR"), **sources.COLUMNS[source]}
        cast = ", ".join(
            f"CAST({name} AS {kinds[name].replace('ID', 'VARCHAR')}) AS {name}" for name in names.split(", ")
        )
        rows = f"FROM (VALUES {values}) t(customer_id, {names})"
        used = f"SELECT 'used' AS bucket, CAST(customer_id AS VARCHAR) AS customer_id, {cast} {rows}"
        sources.load(connection, source, used)
    features = example.features()
    reference.build(connection, features)
    kinds = reference.columns(features)
    differences = []
    for key, answers in example.answers.items():
        for name, want in answers.items():
            shown = f"CAST({name} AS VARCHAR)" if kinds[name] == "date" else name
            have = connection.execute(f"SELECT {shown} FROM expected WHERE customer_id = ?", [key]).fetchone()[0]
            close = isinstance(want, float) and have is not None and abs(have - want) <= 1e-12 * max(1, abs(want))
            if have != want and not close:
                differences.append(f"reference: customer {key}, {name}: expected {want}, found {have}")
    return differences
