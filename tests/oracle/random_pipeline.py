"""The pipeline file of a random data set, and what it means in SQL."""

import delivery
from features import Features
from random_data import decimal_places

# Amounts that are computed, of columns with two decimal places.
EXPRESSIONS = {"product": "price * pieces", "case": "CASE WHEN kind = 'refund' THEN -price ELSE price END"}


def pipeline_text(options, path):
    """The pipeline file of the data set."""
    columns = {name: column for name, column in mapped_columns(options).items() if column}
    lines = [
        "version: 1",
        f"name: random_{options.seed}",
        f"timezone: {options.zone}",
        f"money: {{ unit: GBP, scale: {options.scale} }}",
        "sources:",
        "  transactions:",
        f"    path: {path}",
    ]
    if options.source_zone != options.zone:
        lines.append(f"    zone: {options.source_zone}")
    if options.where:
        lines.append(f'    where: "{options.where}"')
    lines.append("    columns:")
    lines.extend(f'      {name}: "{expression}"' for name, expression in columns.items())
    lines.append("    tolerate: 100%")
    lines.extend(check_lines(options))
    windows = ", ".join(f"{n}d" for n in options.windows)
    lines.append(
        f"features: {{ purchase_period: {options.period}, time_unit: {options.time_unit}, windows: [{windows}], "
        f"spend_period: {spend_period(options)} }}"
    )
    lines += ["model: { rfm: {} }", "export: { path: out }", ""]
    return "\n".join(lines)


def mapped_columns(options):
    """{canonical column: its SQL in the pipeline file, None where it is not mapped}."""
    return {
        "customer_id": "client",
        "time": "happened",
        "amount": amount_expression(options),
        "order_id": "receipt" if options.order else None,
        "margin": "profit" if options.margin else None,
        "transaction_id": "line" if options.transaction else None,
        "refund": options.refund,
        "category": "channel" if options.seed % 2 else None,
    }


def check_lines(options):
    """The `checks` of the pipeline file."""
    lines = []
    if options.not_blank and not options.key.startswith("int"):
        lines.append("      customer_id: { not_blank: true }")
    if options.earliest:
        lines.append(f"      time: {{ min: {options.earliest} }}")
    if options.least is not None:
        lines.append(f"      amount: {{ min: {options.least} }}")
    return ["    checks:", *lines] if lines else []


def amount_expression(options):
    """The amount as the pipeline file and DuckDB both say it."""
    return EXPRESSIONS.get(options.amount, "price")


def minor_sql(options, expression, kind):
    """SQL of `expression` in minor units, NULL where it has none."""
    places = 2 if kind in EXPRESSIONS else decimal_places(options, kind)
    return delivery.minor_sql(expression, kind, places, options.scale)


def rows_sql(options, path):
    """SQL of the transactions (see sources.py)."""
    blank = "trim(client) = ''" if options.not_blank and not options.key.startswith("int") else "FALSE"
    early = f"day < DATE '{options.earliest}'" if options.earliest else "FALSE"
    small = f"minor < {options.least * 10**options.scale}" if options.least is not None else "FALSE"
    missing = "CAST(NULL AS VARCHAR)"
    order = "CAST(receipt AS VARCHAR)" if options.order else missing
    line = "CAST(line AS VARCHAR)" if options.transaction else missing
    margin = minor_sql(options, "profit", options.margin) if options.margin else "CAST(NULL AS HUGEINT)"
    day = delivery.day_sql("happened", options.time, options.source_zone, options.zone)
    return f"""
        WITH mapped AS (
            SELECT CAST(client AS {options.key_type}) AS customer_id, {line} AS transaction_id, {order} AS order_id,
                   {day} AS day,
                   {minor_sql(options, amount_expression(options), options.amount)} AS minor,
                   {f"({options.refund})" if options.refund else "FALSE"} AS marked, {margin} AS margin,
                   ({options.where or "TRUE"}) IS TRUE AS kept, {blank} AS blank, channel AS category
            FROM read_parquet('{path}', hive_partitioning = {options.hive}, hive_types_autocast = FALSE))
        SELECT CASE WHEN NOT kept THEN 'filtered'
                    WHEN day > DATE '{options.as_of}' THEN 'after_as_of'
                    WHEN customer_id IS NULL OR blank OR day IS NULL OR day < DATE '0001-01-01' OR minor IS NULL
                         OR {early} OR {small} THEN 'quarantined'
                    ELSE 'used' END AS bucket,
               customer_id, transaction_id, order_id, day, minor, marked, margin, category
        FROM mapped
    """


def features(options):
    """What the pipeline asks of the fold."""
    mapped = {name for name, column in mapped_columns(options).items() if column}
    return Features(
        options.as_of, options.scale, {"transactions": mapped}, options.key_type, period=options.period,
        time_unit=options.time_unit, windows=options.windows, spend_period=spend_period(options),
    )


def spend_period(options):
    """The period whose spend is compared."""
    return ("month", "quarter", "week", "year")[options.seed % 4]
