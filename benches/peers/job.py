"""What the benchmark computes: one place for every program."""

AS_OF = "2024-12-31"
FIRST_MONTH = (2022, 1)
MONTHS = 36
WINDOWS = (90, 365)

# Columns of the answer: their names in the peers' files, and in customer_features.
COLUMNS = {
    "first_day": "first_purchase_date",
    "last_day": "last_purchase_date",
    "active_days": "purchase_periods",
    "orders": "orders",
    "revenue": "total_revenue",
    "largest_day": "largest_purchase",
    "orders_90d": "orders_90d",
    "revenue_90d": "revenue_90d",
    "orders_365d": "orders_365d",
    "revenue_365d": "revenue_365d",
}
