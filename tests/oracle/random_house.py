"""Random auction houses: small worlds with all six sources, ties, NULLs, refunds, versions and odd dates.

Everything is drawn from the seed. A world is a list of rows (dicts of the columns of the dumps) per source; times are
microseconds since 1970-01-01 UTC, money is a whole number of the dumps' smallest unit.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

EPOCH = date(1970, 1, 1)
# The seed of the house that has customers but no sales.
SALESLESS = 5
DAY = 86_400_000_000
SECOND = 1_000_000
ZONES = ("Europe/London", "America/New_York", "Asia/Kolkata")
AS_OF = ("2024-10-27", "2024-11-03", "2024-03-31", "2024-12-31", "2024-02-29")
TIME_KINDS = ("date", "naive us", "naive ms", "naive ns", "utc us", "utc ms", "utc ns")
# Seconds of the day (UTC) next to midnight in one of the zones.
ODD_SECONDS = (0, 1, 3_599, 3_600, 14_399, 14_400, 17_999, 18_000, 66_599, 66_600, 82_800, 86_399)
WINDOWS = ((), (30,), (7, 90), (1, 30, 365))
CATEGORIES = ("painting", "ceramics", "jewellery", "Ärmel", "books", None)
KINDS = ("registration", "email", "feedback", "call", "event", "visit", "Event", "chat")
INDUSTRIES = ("dealer", "museum", "private", "law", None)
# GBP is the unit of the pipelines. There is no rate for XAU, and one for the others only from some day on.
CURRENCIES = ("GBP", "GBP", "GBP", "EUR", "EUR", "USD", "USD", "USD", "XAU", None)
PRICES = (0, 100, 250, 999, 1_000, 2_500, 12_345, 100_000)

REQUIRED = {
    "transactions": {"customer_id", "time", "amount"},
    "customers": {"customer_id"},
    "interactions": {"customer_id", "time", "kind"},
    "lots": {"lot_id"},
    "bids": {"customer_id", "lot_id", "time", "amount"},
    "invoices": {"customer_id", "invoice_id", "time", "due_at", "amount"},
}
IDENTITY = {
    "transactions": "transaction_id", "customers": "customer_id", "interactions": "interaction_id", "lots": "lot_id",
    "bids": "bid_id", "invoices": "invoice_id",
}
OPTIONAL = {
    "transactions": (
        "transaction_id", "order_id", "lot_id", "refund", "refund_of", "margin", "cost", "category", "quantity",
    ),
    "customers": (
        "registered_at", "credit_limit", "opted_out", "manager_rating", "stated_needs", "market_total", "valid_from",
    ),
    "interactions": ("interaction_id", "responded", "feedback_score"),
    "lots": (
        "consignor_id", "sale_id", "closes_at", "estimate_low", "estimate_high", "hammer", "commission", "outcome",
    ),
    "bids": ("bid_id",),
    "invoices": ("lot_id", "paid_at", "disputed_at", "cancelled_at", "written_off_at", "deposit"),
}


@dataclass(frozen=True)
class House:
    """What one random house looks like: its times, types and what its pipeline maps."""

    seed: int
    as_of: str
    zone: str
    key: str
    ids: str
    scale: int
    money: str
    currency: bool
    known_by: object
    mapped: dict
    latest: frozenset
    times: dict
    zones: dict
    files: int
    period: str
    time_unit: str
    windows: tuple
    half_life: int
    kind_weights: dict
    default_days: int
    late_bid_seconds: int
    no_show_days: int
    leave_out: tuple
    only: bool

    @property
    def today(self):
        """as_of in days since 1970-01-01."""
        return (date.fromisoformat(self.as_of) - EPOCH).days

    @property
    def places(self):
        """Decimal places of the dumps' money; whole numbers of the smallest unit are what a world holds."""
        return self.scale + 1 if self.money == "finer decimal" else self.scale


def draw_house(seed):
    """The house `seed`. The first two map everything, and the second has every source take the newest rows."""
    rng = np.random.default_rng([seed, 11])

    def one_of(values, walk=None):
        return values[walk % len(values)] if walk is not None else values[rng.integers(len(values))]

    complete = seed < 2
    salesless = seed == SALESLESS
    chance = rng.choice([0.6, 0.9]) if not complete else 1.0
    mapped = {}
    for source, optional in OPTIONAL.items():
        if complete or source == "transactions" or rng.random() < 0.88:
            mapped[source] = {name for name in optional if rng.random() < chance}
    if salesless:
        mapped = {"customers": set(OPTIONAL["customers"]), **{s: m for s, m in mapped.items() if s != "transactions"}}
    elif "transaction_id" not in mapped["transactions"]:
        # Without ids, nothing tells purchases apart of which a mirrored refund reverses one.
        mapped["transactions"].discard("quantity")
    newest = [s for s in mapped if seed == 1 or (not complete and rng.random() < 0.3)]
    latest = frozenset(s for s in newest if IDENTITY[s] in mapped[s] | REQUIRED[s])
    as_of = one_of(AS_OF, seed)
    money = one_of(("decimal", "decimal", "double", "finer decimal"), seed)
    zones = {source: one_of(ZONES) for source in mapped}
    walk = 1 + int(rng.integers(len(TIME_KINDS)))
    weights = {"registration": 1, "email": 1, "feedback": 2, "call": 3, "event": 4, "visit": 5}
    return House(
        seed=seed,
        as_of=as_of,
        zone=one_of(ZONES, seed),
        key=one_of(("text", "int"), seed // 2),
        ids=one_of(("text", "int"), seed),
        scale=one_of((2, 0, 3), seed // 2),
        money=money,
        currency=complete or (rng.random() < 0.4 and not salesless),
        known_by=as_of if seed == 1 or rng.random() < 0.4 else None,
        mapped=mapped,
        latest=latest,
        times={source: TIME_KINDS[(walk * (i + 1) + seed) % len(TIME_KINDS)] for i, source in enumerate(OPTIONAL)},
        zones=zones,
        files=int(rng.integers(1, 4)),
        period=one_of(("day", "week", "month"), seed),
        time_unit=one_of(("day", "week")),
        windows=one_of(WINDOWS, seed + 1),
        half_life=int(one_of((90, 7, 400))),
        kind_weights=one_of((weights, weights, {"call": 2.5, "event": 0, "unheard_of": 1})),
        default_days=int(one_of((90, 30, 1))),
        late_bid_seconds=int(one_of((60, 10, 0))),
        no_show_days=int(one_of((30, 1, 7))),
        leave_out=() if complete or rng.random() < 0.7 else (one_of(("timing", "credit", "bidding", "profit")),),
        only=not complete and not salesless and rng.random() < 0.15,
    )


class World:
    """The rows of one house, drawn source by source."""

    def __init__(self, house):
        self.house = house
        self.rng = np.random.default_rng([house.seed, 12])
        self.size = int(self.rng.choice([4, 15, 40], p=[0.15, 0.4, 0.45]))
        self.days = int(self.rng.choice([900, 2_400]))
        self.keys = [self.key(number) for number in range(self.size)]
        self.rows = {}
        self.rows["lots"] = self.draw_lots()
        purchases = self.draw_purchases()
        self.rows["transactions"] = purchases + self.draw_refunds(purchases)
        self.rows["bids"] = self.draw_bids(purchases)
        self.rows["interactions"] = self.draw_interactions()
        self.rows["invoices"] = self.draw_invoices(purchases)
        self.rows["customers"] = self.draw_customers()

    def one(self, values):
        """One of `values`."""
        return values[int(self.rng.integers(len(values)))]

    def maybe(self, share, value):
        """`value` with probability `share`, else None."""
        return value if self.rng.random() < share else None

    def key(self, number):
        """Key of customer `number`."""
        if self.house.key == "int":
            return {0: -1, 1: 2**63 - 1, 2: 0}.get(number, number * 7_919)
        return {0: "a customer of many bytes, number 0", 1: "Łukasz 'O''Brien\"", 2: "7"}.get(number, f"C{number:05}")

    def identifier(self, number):
        """An id; numbers of transactions, orders and lots overlap."""
        return int(number) if self.house.ids == "int" else f"n{int(number)}"

    def money(self, factor=1.0):
        """A price in the dumps' smallest unit; often the same ones."""
        price = self.one(PRICES) if self.rng.random() < 0.7 else int(self.rng.integers(1, 500_000))
        price = int(price * factor)
        return price * 10 + self.one((0, 0, 5, 4)) if self.house.places > self.house.scale else price

    def time(self, day=None):
        """A moment: on `day`, or some time up to shortly after as_of, often on days that matter."""
        house = self.house
        if day is None:
            edges = [0, -1, 1] + [-n * k + d for n in house.windows for k in (1, 2) for d in (0, 1)]
            day = house.today + (self.one(edges) if self.rng.random() < 0.2 else int(self.rng.integers(-self.days, 12)))
        second = self.one(ODD_SECONDS) if self.rng.random() < 0.5 else int(self.rng.integers(86_400))
        return day * DAY + second * SECOND + self.one((0, 0, 999_999))

    def draw_lots(self):
        """Lots: some not closed at as_of, some withdrawn, some without a consignor."""
        rows = []
        for number in range(self.size * 2):
            sale = int(self.rng.integers(6))
            low = self.money()
            day = self.house.today + int(self.rng.integers(-self.days, 20))
            # Times of bids and closes are compared: they keep clear of the hours in which clocks change.
            closes = day * DAY + int(self.rng.integers(9 * 3_600, 17 * 3_600)) * SECOND
            rows.append({
                "lot_id": self.identifier(100 + number),
                "consignor_id": self.maybe(0.7, self.one(self.keys + ["only a consignor"])
                                           if self.house.key == "text" else self.one(self.keys + [-77])),
                "sale_id": self.maybe(0.9, self.identifier(sale)),
                "closes_at": self.maybe(0.85, closes),
                "estimate_low": self.maybe(0.9, low),
                "estimate_high": self.maybe(0.9, low * self.one((1, 2))),
                "hammer": self.maybe(0.7, self.money()),
                "commission": self.maybe(0.6, self.money(0.1)),
                "outcome": self.one(("sold", "sold", "sold", "unsold", "withdrawn", None)),
            })
        return rows

    def draw_purchases(self):
        """Purchases of lots and of other things, many alike."""
        rows = []
        for number in range(self.size * int(self.rng.integers(3, 10))):
            lot = self.one(self.rows["lots"]) if self.rng.random() < 0.4 else None
            happened = self.time()
            if lot and lot["closes_at"] and self.rng.random() < 0.8:
                happened = lot["closes_at"]
            price = self.money()
            rows.append({
                "transaction_id": self.identifier(number),
                "customer_id": self.one(self.keys),
                "time": happened,
                "amount": price,
                "order_id": self.maybe(0.85, self.identifier(50 + int(self.rng.integers(self.size * 3)))),
                "lot_id": lot and lot["lot_id"],
                "refund": self.one((False, False, None)),
                "refund_of": None,
                "margin": self.maybe(0.8, int(price * 0.2) - self.one((0, 0, 300))),
                "cost": self.maybe(0.5, self.money(0.05)),
                "category": self.one(CATEGORIES),
                "quantity": self.one((1, 1, 2, None)),
                "currency": self.one(CURRENCIES),
            })
            if self.rng.random() < 0.3:
                rows.append(self.twin(rows[-1], len(rows)))
        return rows

    def twin(self, purchase, number):
        """A purchase that a mirrored refund can take for `purchase`: of the same day, or of another one."""
        return {
            **purchase,
            "transaction_id": self.identifier(5_000 + number),
            "time": purchase["time"] + self.one((0, 0, DAY, -40 * DAY)),
            "order_id": self.one((purchase["order_id"], self.identifier(50 + int(self.rng.integers(self.size * 3))))),
            "margin": self.maybe(0.8, self.money(0.2)),
        }

    def draw_refunds(self, purchases):
        """Refunds that name a transaction, an order, a lot or nothing known, in one or two parts; and mirrored ones."""
        rows = []
        for _ in range(len(purchases) // 3):
            purchase = self.one(purchases)
            way = self.one(("transaction_id", "order_id", "lot_id", "mirror", "mirror", "mirror", "unknown"))
            named = None if way == "mirror" else purchase.get(way)
            if way == "unknown":
                named = self.identifier(1_000_000)
            total = self.refundable(purchases, purchase, way)
            parts = [total // 2, total - total // 2] if self.rng.random() < 0.3 else [total]
            if self.rng.random() < 0.2:
                parts[0] += self.one((-1, 1))
            for part in parts:
                marked = self.rng.random() < 0.5 or part <= 0
                later = 0 if self.rng.random() < 0.3 else int(self.rng.integers(-2, 60))
                rows.append({
                    **purchase,
                    "transaction_id": self.identifier(10_000 + len(rows)),
                    "customer_id": purchase["customer_id"] if self.rng.random() < 0.95 else self.one(self.keys),
                    "time": purchase["time"] + later * DAY,
                    "amount": part if marked else -part,
                    "refund": True if marked else self.one((None, True, False)),
                    "refund_of": named,
                    "quantity": purchase["quantity"] and purchase["quantity"] * self.one((1, -1, -1)),
                    "lot_id": self.maybe(0.5, purchase["lot_id"]),
                })
        return rows

    @staticmethod
    def refundable(purchases, purchase, way):
        """What there is to pay back: all purchases that the id names, or this one."""
        if way not in ("order_id", "lot_id") or purchase[way] is None:
            return purchase["amount"]
        alike = (p for p in purchases if p["customer_id"] == purchase["customer_id"] and p[way] == purchase[way])
        return sum(p["amount"] for p in alike)

    def draw_bids(self, purchases):
        """Bids with few different amounts and moments, close to the end or past it."""
        rows = []
        winners = {}
        for purchase in purchases:
            winners.setdefault(purchase["lot_id"], []).append(purchase["customer_id"])
        allowed = self.house.late_bid_seconds
        for lot in self.rows["lots"]:
            bidders = [self.one(self.keys) for _ in range(int(self.rng.integers(0, 6)))]
            bidders += winners.get(lot["lot_id"], []) * int(self.rng.random() < 0.8)
            for bidder in bidders:
                for _ in range(int(self.rng.integers(1, 4))):
                    left = self.one((0, 1, allowed * SECOND, allowed * SECOND + 1, 3_600 * SECOND, -SECOND, DAY))
                    happened = lot["closes_at"] - left if lot["closes_at"] else self.time()
                    rows.append({
                        "bid_id": self.identifier(len(rows)),
                        "customer_id": bidder,
                        "lot_id": lot["lot_id"] if self.rng.random() < 0.97 else self.identifier(999_999),
                        "time": happened,
                        "amount": self.one(PRICES[1:4]) * 10 ** (self.house.places - self.house.scale),
                    })
        return rows

    def draw_interactions(self):
        """Contacts; registrations as far from bids as no-shows are told by."""
        rows = []
        bids = self.rows["bids"]
        for number in range(self.size * 6):
            kind = self.one(KINDS)
            customer, happened = self.one(self.keys), self.time()
            if kind == "registration" and bids and self.rng.random() < 0.7:
                bid = self.one(bids)
                customer = bid["customer_id"]
                happened = bid["time"] - (self.house.no_show_days + self.one((-1, 0, 1, 5))) * DAY
            rows.append({
                "interaction_id": self.identifier(number),
                "customer_id": customer,
                "time": happened,
                "kind": kind,
                "responded": self.one((True, False, None)),
                "feedback_score": self.maybe(0.5, self.one((1.0, 4.5, 0.1, 0.2, 3.3))),
            })
        return rows

    def draw_invoices(self, purchases):
        """Invoices of purchases in every state; some events lie after as_of."""
        rows = []
        today, default = self.house.today, self.house.default_days
        for purchase in purchases:
            if self.rng.random() < 0.3:
                continue
            issued = purchase["time"] // DAY
            due = issued + self.one((0, 14, 30, 30))
            if self.rng.random() < 0.3:
                due = today - self.one((0, 1, -1, default, default - 1, default + 1))
            rows.append({
                "invoice_id": self.identifier(len(rows)),
                "customer_id": purchase["customer_id"],
                "time": self.time(issued),
                "due_at": self.time(due),
                "amount": purchase["amount"],
                "lot_id": purchase["lot_id"],
                "paid_at": self.maybe(0.5, self.time(due + self.one((-10, -1, 0, 1, 20, 400)))),
                "disputed_at": self.maybe(0.2, self.time(due + int(self.rng.integers(-10, 200)))),
                "cancelled_at": self.maybe(0.4, self.time(due + int(self.rng.integers(0, 200)))),
                "written_off_at": self.maybe(0.15, self.time(due + int(self.rng.integers(50, 400)))),
                "deposit": self.maybe(0.4, self.money(0.1)),
            })
        return rows

    def draw_customers(self):
        """Customers with a history where `valid_from` is mapped, else one row each; some have nothing else."""
        rows = []
        history = "valid_from" in self.house.mapped.get("customers", ())
        newcomers = [self.key(self.size + number) for number in range(3)]
        for key in [k for k in self.keys if self.rng.random() < 0.8] + newcomers:
            start = self.house.today - int(self.rng.integers(0, 1_500))
            for version in range(int(self.rng.integers(1, 4)) if history else 1):
                rows.append({
                    "customer_id": key,
                    "registered_at": self.maybe(0.8, self.time(start + self.one((0, 0, -30, 800)))),
                    "credit_limit": self.maybe(0.7, self.money()),
                    "opted_out": self.one((True, False, None)),
                    "manager_rating": self.maybe(0.6, self.one((1.0, 2.5, 5.0, 0.1))),
                    "stated_needs": self.one(("old masters", "none", "", None)),
                    "market_total": self.maybe(0.7, self.money(3)),
                    "valid_from": self.time(start + version * 400),
                    "industry": self.one(INDUSTRIES),
                    "employees": self.maybe(0.8, int(self.rng.integers(0, 400))),
                })
        return rows
