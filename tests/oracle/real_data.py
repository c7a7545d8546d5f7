"""The data sets of `data/`: their rows in SQL, and the published totals that they must add up to."""

from dataclasses import dataclass, field
from pathlib import Path

from features import Features

ROOT = Path(__file__).resolve().parents[2]
GRAVES = ROOT / "data/graves-art-sales/graves_sales.parquet"
CDNOW = ROOT / "data/cdnow/cdnow_master.parquet"
CDNOW_SAMPLE = ROOT / "data/cdnow/cdnow_sample.parquet"
RETAIL = ROOT / "data/online-retail/online_retail.parquet"


def sales(*optional):
    """The mapped columns of transactions with the required ones and these."""
    return {"transactions": {"customer_id", "time", "amount", *optional}}


@dataclass(frozen=True)
class RealCase:
    """One data set.

    `pipeline` is a file of the project, or the text of one. `rows_sql` gives the rows of each source, `rows` how many
    end in which bucket, where any do. `references` holds the SQL of reference tables (`entry_key`, `valid_from` and
    their columns), `extra` further arguments of the program. `totals` maps SQL over `expected` (money in minor
    units) and `booked_transactions` to the literal that it must give.
    """

    name: str
    pipeline: object
    features: Features
    rows_sql: dict
    rows: dict
    totals: dict = field(default_factory=dict)
    references: tuple = ()
    extra: tuple = ()


ART_AUCTIONS = RealCase(
    name="art auctions",
    pipeline=ROOT / "pipelines/art_auctions.yaml",
    features=Features("1913-12-31", 0, sales("transaction_id", "category"), windows=(30, 90, 365)),
    rows_sql={
        "transactions": f"""
            SELECT CASE WHEN (outcome = 'sold') IS NOT TRUE THEN 'filtered'
                        WHEN sale_date > DATE '1913-12-31' THEN 'after_as_of'
                        WHEN coalesce(trim(purchaser), '') = '' OR sale_date IS NULL OR price_pence IS NULL
                             OR sale_date < DATE '1700-01-01' OR price_pence < 1 THEN 'quarantined'
                        ELSE 'used' END AS bucket,
                   purchaser AS customer_id, CAST(row_id AS VARCHAR) AS transaction_id, sale_date AS day,
                   CAST(price_pence AS HUGEINT) AS minor, artist AS category
            FROM '{GRAVES}'
        """
    },
    rows={"transactions": {
        "input": 25_034, "used": 17_484, "filtered": 7_311, "after_as_of": 3, "quarantined": 236,
    }},
    totals={
        "SELECT count(*) FROM expected": 3_079,
        "SELECT sum(total_revenue) FROM expected": 1_746_363_648,
        "SELECT sum(frequency) FROM expected": 8_507,
        "SELECT count(*) FROM expected WHERE frequency = 0": 2_079,
    },
)

CDNOW_MASTER = RealCase(
    name="cdnow",
    pipeline=ROOT / "pipelines/cdnow.yaml",
    features=Features("1998-06-30", 2, sales("quantity"), time_unit="week", windows=(30, 90, 365)),
    rows_sql={
        "transactions": f"""
            SELECT 'used' AS bucket, customer_id, CAST(date AS DATE) AS day,
                   CAST(round_even(dollar_value * 100, 0) AS HUGEINT) AS minor, number_of_cds AS quantity
            FROM '{CDNOW}'
        """
    },
    rows={"transactions": {"input": 69_659, "used": 69_659}},
    totals={
        "SELECT count(*) FROM expected": 23_570,
        "SELECT sum(lines) FROM expected": 69_659,
        "SELECT sum(total_revenue) FROM expected": 250_031_563,
        "SELECT count(*) FROM expected WHERE frequency = 0": 12_054,
        "SELECT sum(frequency) FROM expected": 44_021,
        "SELECT count(*) FROM expected WHERE lines = 1": 11_908,
    },
)

CALIBRATION_PIPELINE = f"""\
version: 1
name: cdnow_calibration
money: {{ unit: USD, scale: 2 }}
sources:
  transactions:
    path: {CDNOW_SAMPLE}
    columns: {{ customer_id: sample_id, time: date, amount: dollar_value }}
features: {{ time_unit: week, windows: [91d] }}
model: {{ rfm: {{}} }}
export: {{ path: out }}
"""

CDNOW_CALIBRATION = RealCase(
    name="cdnow sample, calibration",
    pipeline=CALIBRATION_PIPELINE,
    features=Features("1997-09-30", 2, sales(), time_unit="week", windows=(91,)),
    rows_sql={
        "transactions": f"""
            SELECT CASE WHEN date >= TIMESTAMP '1997-10-01' THEN 'after_as_of' ELSE 'used' END AS bucket,
                   sample_id AS customer_id, CAST(date AS DATE) AS day,
                   CAST(round_even(dollar_value * 100, 0) AS HUGEINT) AS minor
            FROM '{CDNOW_SAMPLE}'
        """
    },
    rows={"transactions": {"input": 6_919, "used": 4_960, "after_as_of": 1_959}},
    totals={
        "SELECT count(*) FROM expected": 2_357,
        "SELECT count(*) FROM expected WHERE frequency > 0": 946,
        "SELECT sum(frequency) FROM expected": 2_457,
        # Customer 1 of the papers' summary: x = 2, t_x = 30.43, T = 38.86 weeks.
        "SELECT [frequency, round(recency, 2), round(customer_age, 2)] FROM expected WHERE customer_id = '0001'":
            [2, 30.43, 38.86],
    },
)

ONLINE_RETAIL = RealCase(
    name="online retail",
    pipeline=ROOT / "pipelines/online_retail.yaml",
    features=Features(
        "2011-12-09", 3, sales("order_id", "refund", "category", "quantity"), "BIGINT", spend_period="month",
        windows=(30, 90)
    ),
    rows_sql={
        "transactions": f"""
            SELECT CASE WHEN (UnitPrice > 0) IS NOT TRUE THEN 'filtered'
                        WHEN CAST(InvoiceDate AS DATE) > DATE '2011-12-09' THEN 'after_as_of'
                        WHEN CustomerID IS NULL OR InvoiceDate IS NULL OR Quantity IS NULL THEN 'quarantined'
                        ELSE 'used' END AS bucket,
                   CustomerID AS customer_id, InvoiceNo AS order_id, CAST(InvoiceDate AS DATE) AS day,
                   CAST(round_even(UnitPrice * 1000, 0) AS HUGEINT) * Quantity AS minor,
                   starts_with(InvoiceNo, 'C') AS marked, StockCode AS category, Quantity AS quantity
            FROM '{RETAIL}'
        """
    },
    rows={"transactions": {
        "input": 541_909, "used": 406_789, "filtered": 2_517, "quarantined": 132_603,
    }},
    totals={
        "SELECT count(*) FROM expected WHERE orders > 0": 4_338,
        "SELECT count(*) FROM expected WHERE orders = 0": 33,
        "SELECT sum(lines) FROM expected": 397_884,
        "SELECT sum(orders) FROM expected": 18_532,
        "SELECT sum(total_revenue) FROM expected": 8_911_407_904,
        "SELECT sum(refund_count) FROM expected": 8_905,
        "SELECT [total_revenue, net_revenue] FROM expected WHERE customer_id = 16446": [168_472_500, 2_900],
        # 80,995 paper birds, sent back within the hour.
        "SELECT [reversed_lines, reversed_revenue, largest_purchase] FROM expected WHERE customer_id = 16446":
            [1, 168_469_600, 2_900],
    },
)

CASES = (ART_AUCTIONS, CDNOW_MASTER, CDNOW_CALIBRATION, ONLINE_RETAIL)
