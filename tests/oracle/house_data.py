"""The generated auction house of `data/auction_house`: its rows in SQL, as pipelines/auction_house.yaml maps them."""

from features import Features
from real_data import ROOT, RealCase

HOUSE = ROOT / "data/auction_house"
MAPPED = {
    "transactions": {
        "transaction_id", "order_id", "lot_id", "refund", "refund_of", "margin", "cost", "category", "currency",
        "loaded_at",
    },
    "customers": {"registered_at", "credit_limit", "opted_out", "manager_rating", "stated_needs", "market_total"},
    "interactions": {"interaction_id", "responded", "feedback_score"},
    "lots": {
        "sale_id", "consignor_id", "closes_at", "estimate_low", "estimate_high", "hammer", "commission", "outcome",
    },
    "bids": {"bid_id"},
    "invoices": {"lot_id", "paid_at", "disputed_at", "cancelled_at", "written_off_at", "deposit"},
}
ATTRIBUTES = {
    "industry": "coalesce(industry, 'unknown')",
    "company_size": "CASE WHEN employees >= 250 THEN 'large' WHEN employees >= 50 THEN 'medium' "
                    "WHEN employees > 0 THEN 'small' ELSE 'unknown' END",
    "region": "coalesce(region, 'unknown')",
    "acquisition_channel": "acquisition_channel",
}


def files(source):
    """SQL of the rows of all files of a source."""
    return f"read_parquet('{HOUSE}/{source}/dt=*/*.parquet', union_by_name = TRUE, hive_partitioning = FALSE)"


def day(moment):
    """SQL of the date in London."""
    return f"CAST(timezone('Europe/London', {moment}) AS DATE)"


def bucket(as_of, date, missing):
    """SQL of where a row ends."""
    return f"""CASE WHEN {date} > DATE '{as_of}' THEN 'after_as_of' WHEN {missing} THEN 'quarantined'
                    ELSE 'used' END AS bucket"""


def pounds(amount):
    """SQL of an amount of a sale in pence, at the rate of its day; pounds are pounds."""
    return f"""CASE WHEN currency = 'GBP' THEN unscaled({amount})
                    ELSE half_even(unscaled({amount}) * unscaled(rate), CAST(1000000 AS HUGEINT)) END"""


def rows_sql(as_of):
    """SQL of the rows of every source."""
    sold = day("hammer_at")
    return {
        "transactions": f"""
            SELECT {bucket(as_of, 'day', 'customer_id IS NULL OR minor IS NULL OR minor < 1')}, *
            FROM (
                SELECT CAST(buyer_id AS BIGINT) AS customer_id, sale_line_id AS transaction_id, sale_id AS order_id,
                       lot_id, {sold} AS day, {pounds('(hammer_price + buyers_premium)')} AS minor,
                       is_return AS marked, return_of AS refund_of, {pounds('buyers_premium')} AS margin,
                       {pounds('handling_cost')} AS cost, department AS category
                FROM {files('sales')} s
                ASOF LEFT JOIN (SELECT currency AS code, rate_date, gbp_per_unit AS rate
                                FROM '{HOUSE}/reference/exchange_rates.parquet') r
                  ON r.code = s.currency AND {sold} >= r.rate_date)
        """,
        "customers": f"""
            SELECT 'used' AS bucket, client_id AS customer_id, created_at AS registered_at,
                   unscaled(credit_limit) AS credit_limit, coalesce(NOT marketing_consent, FALSE) AS opted_out,
                   manager_rating, needs AS stated_needs, unscaled(annual_art_spend) AS market_total,
                   {', '.join(f'{sql} AS {name}' for name, sql in ATTRIBUTES.items())}
            FROM {files('customers')}
        """,
        "interactions": f"""
            SELECT {bucket(as_of, day('happened_at'), 'client_id IS NULL')}, client_id AS customer_id, interaction_id,
                   {day('happened_at')} AS day, lower(kind) AS kind, responded, CAST(score AS DOUBLE) AS feedback_score
            FROM {files('interactions')}
        """,
        "lots": f"""
            SELECT 'used' AS bucket, consignor_id AS customer_id, lot_id, sale_id, closes_at,
                   {day('closes_at')} AS closes_day, unscaled(estimate_low) AS estimate_low,
                   unscaled(estimate_high) AS estimate_high, unscaled(hammer_price) AS hammer,
                   unscaled(sellers_commission) AS commission, outcome
            FROM {files('lots')}
        """,
        "bids": f"""
            SELECT {bucket(as_of, day('bid_at'), 'bidder_id IS NULL')}, bidder_id AS customer_id, bid_id, lot_id,
                   {day('bid_at')} AS day, bid_at AS instant, unscaled(bid_amount) AS minor
            FROM {files('bids')}
        """,
        "invoices": f"""
            SELECT {bucket(as_of, 'issued_on', 'FALSE')}, client_id AS customer_id, invoice_no AS invoice_id, lot_id,
                   issued_on AS day, due_on AS due, unscaled(gross_amount) AS minor, settled_on AS paid,
                   disputed_on AS disputed, cancelled_on AS cancelled, written_off_on AS written_off,
                   unscaled(deposit) AS deposit
            FROM {files('invoices')}
        """,
    }


def case(name, as_of, rows, totals, extra=()):
    """The house at `as_of`."""
    own = (
        ("underbidder", "coalesce(lots_won, 0) = 0 AND underbids >= 2", "flag"),
        ("late_payer", "coalesce(late_share, 0) > 0.5 AND invoices >= 3", "flag"),
        ("premium_share", "gross_margin::DOUBLE / nullif(total_revenue::DOUBLE, 0)", "quotient"),
        ("yearly_trend", "revenue_365d - revenue_prev_365d", "wide_money"),
    )
    return RealCase(
        name=name,
        pipeline=ROOT / "pipelines/auction_house.yaml",
        features=Features(
            as_of, 2, MAPPED, "BIGINT", "BIGINT", time_unit="week", windows=(30, 90, 365), attributes=tuple(ATTRIBUTES),
            references=(("industry", ("market_demand",)),), own=own,
        ),
        rows_sql=rows_sql(as_of),
        rows=rows,
        totals=totals,
        references=(
            f"SELECT sector AS entry_key, month AS valid_from, demand_index AS market_demand "
            f"FROM '{HOUSE}/reference/market_demand.parquet'",
        ),
        extra=extra,
    )


# What data/auction_house/README.md and the truth about the customers say.
LAST_NIGHT = case(
    "auction house",
    "2024-12-31",
    rows={
        "transactions": {"input": 3_293, "used": 3_271, "duplicate": 20, "quarantined": 2},
        "customers": {"input": 600, "used": 600},
        "interactions": {"input": 7_070, "used": 7_033, "duplicate": 25, "quarantined": 12},
        "lots": {"input": 3_755, "used": 3_734, "duplicate": 21},
        "bids": {"input": 8_777, "used": 8_725, "duplicate": 36, "quarantined": 16},
        "invoices": {"input": 3_204, "used": 3_204},
    },
    totals={
        "SELECT count(*) FROM expected": 600,
        f"""SELECT count(*) FROM '{HOUSE}/truth_customers.parquet'
            LEFT JOIN (SELECT customer_id, count(DISTINCT day) AS days FROM purchases GROUP BY 1) USING (customer_id)
            WHERE purchase_days <> coalesce(days, 0)""": 0,
        f"""SELECT count(*) FROM '{HOUSE}/truth_customers.parquet' t JOIN expected e USING (customer_id)
            WHERE (t.industry, t.company_size) IS DISTINCT FROM (e.industry, e.company_size)""": 0,
    },
)
# A year and a half before, with the customers of the last night: much of what is in the files was not yet known.
BACK_THEN = case(
    "auction house, back-dated",
    "2023-06-30",
    rows={},
    totals={},
    extra=tuple(
        f"--set=sources.{source}.path={HOUSE}/{source}/dt=2024-12-31/*.parquet" for source in ("customers", "invoices")
    ),
)

CASES = (LAST_NIGHT, BACK_THEN)
