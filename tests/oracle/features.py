"""What a pipeline asks of the fold, and the SQL that all families share."""

from dataclasses import dataclass, field

PERIOD_START = {
    "day": "{0}",
    "week": "CAST(date_trunc('week', {0}) AS DATE)",
    "month": "CAST(date_trunc('month', {0}) AS DATE)",
}
PERIODS_BETWEEN = {
    "day": "({1} - {0})",
    "week": "(({1} - {0}) // 7)",
    "month": "date_diff('month', {0}, {1})",
}
PERIOD_DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375}
UNIT_DAYS = {"day": 1.0, "week": 7.0}
KIND_WEIGHTS = {"registration": 1.0, "email": 1.0, "feedback": 2.0, "call": 3.0, "event": 4.0, "visit": 5.0}

MACROS = """
CREATE OR REPLACE TEMP MACRO half_even(n, d) AS
    CASE WHEN d = 0 THEN NULL
         WHEN 2 * abs(n % d) > d OR (2 * abs(n % d) = d AND (n // d) % 2 <> 0) THEN n // d + sign(n)
         ELSE n // d END;
CREATE OR REPLACE TEMP MACRO unscaled(x) AS CAST(replace(CAST(x AS VARCHAR), '.', '') AS HUGEINT);
-- A cast from nanoseconds would round the last of a day up to the next.
CREATE OR REPLACE TEMP MACRO floor_micros(t) AS
    make_timestamp((epoch_ns(t) - (epoch_ns(t) % 1000 + 1000) % 1000) // 1000);
-- NULL unless the divisor is positive.
CREATE OR REPLACE TEMP MACRO quotient(n, d) AS CASE WHEN d > 0 THEN CAST(n AS DOUBLE) / CAST(d AS DOUBLE) END;
"""


@dataclass(frozen=True)
class Features:
    """What a pipeline asks of the customer fold.

    `mapped` gives the canonical columns of each source; `references` (attribute, names of columns) of each reference
    table; `own` the name of each column of the pipeline's own with its SQL in DuckDB and its kind.
    """

    as_of: str
    scale: int
    mapped: dict
    key_type: str = "VARCHAR"
    id_type: str = "VARCHAR"
    period: str = "day"
    time_unit: str = "day"
    windows: tuple = ()
    attributes: tuple = ()
    references: tuple = ()
    half_life: float = 90.0
    kind_weights: dict = field(default_factory=lambda: dict(KIND_WEIGHTS))
    default_days: int = 90
    late_bid_seconds: int = 60
    no_show_days: int = 30
    spend_period: str = "quarter"
    leave_out: tuple = ()
    only: tuple | None = None
    own: tuple = ()

    def has(self, source):
        """Whether the pipeline maps `source`."""
        return source in self.mapped

    def maps(self, source, *columns):
        """Whether the pipeline maps all these columns of `source`."""
        return self.has(source) and set(columns) <= set(self.mapped[source])

    @property
    def today(self):
        """as_of in SQL."""
        return f"DATE '{self.as_of}'"

    def period_of(self, day):
        """SQL of the first day of the purchase period of `day`."""
        return PERIOD_START[self.period].format(day)

    def periods_between(self, first, last):
        """SQL of the number of periods from `first` to `last`, both first days of periods."""
        return PERIODS_BETWEEN[self.period].format(first, last)

    @property
    def period_days(self):
        """Length of a period in days."""
        return PERIOD_DAYS[self.period]

    @property
    def unit_days(self):
        """Days of a time unit."""
        return UNIT_DAYS[self.time_unit]

    def window(self, days, newest=0):
        """SQL that is true for a `day` in (as_of - newest - days, as_of - newest]."""
        return f"(day > {self.today} - {newest + days} AND day <= {self.today} - {newest})"

    @property
    def builds_gross_margin(self):
        """Whether there is a `gross_margin`."""
        return self.maps("transactions", "margin") or self.maps("lots", "commission", "consignor_id")

    @property
    def is_sold(self):
        """SQL that is true for a lot that was sold."""
        return "(outcome = 'sold') IS TRUE" if self.maps("lots", "outcome") else "hammer IS NOT NULL"

    @property
    def is_outcome_known(self):
        """SQL that is true for a lot of which is known whether it was sold."""
        if self.maps("lots", "outcome"):
            return "outcome IS NOT NULL"
        return f"closes_at IS NOT NULL OR {self.is_sold}" if self.maps("lots", "closes_at") else "TRUE"
