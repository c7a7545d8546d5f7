"""The pipeline file of a random data set, and what it means in SQL."""

from random_data import decimal_places

# Amounts that are computed, of columns with two decimal places.
EXPRESSIONS = {"product": "price * pieces", "case": "CASE WHEN kind = 'refund' THEN -price ELSE price END"}


def pipeline_text(options, path):
    """The pipeline file of the data set."""
    columns = {"customer_id": "client", "time": "happened", "amount": amount_expression(options)}
    for name, column, mapped in (
        ("order_id", "receipt", options.order),
        ("margin", "profit", options.margin),
        ("transaction_id", "line", options.transaction),
        ("refund", options.refund, options.refund),
        ("category", "channel", options.seed % 2),
    ):
        if mapped:
            columns[name] = column
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
        f"features: {{ purchase_period: {options.period}, time_unit: {options.time_unit}, windows: [{windows}] }}"
    )
    lines += ["model: { rfm: {} }", "export: { path: out }", ""]
    return "\n".join(lines)


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
    scale = options.scale
    if kind in ("int32", "int64"):
        return f"CAST({expression} AS HUGEINT) * {10**scale}"
    if kind == "double":
        rounded = f"CAST(round_even({expression} * {10**scale}, 0) AS HUGEINT)"
        return f"CASE WHEN isfinite({expression}) THEN {rounded} END"
    places = 2 if kind in EXPRESSIONS else decimal_places(options, kind)
    if places > scale:
        return f"half_even(unscaled({expression}), CAST({10 ** (places - scale)} AS HUGEINT))"
    return f"unscaled({expression}) * {10 ** (scale - places)}"


def day_sql(options):
    """SQL of the local date in the pipeline's zone."""
    if options.time == "date":
        return "happened"
    moment = "floor_micros(happened)" if options.time.endswith("ns") else "CAST(happened AS TIMESTAMP)"
    if options.time.startswith("utc"):
        return f"CAST(timezone('{options.zone}', timezone('UTC', {moment})) AS DATE)"
    if options.source_zone == options.zone:
        return f"CAST({moment} AS DATE)"
    return f"CAST(timezone('{options.zone}', timezone('{options.source_zone}', {moment})) AS DATE)"


def rows_sql(options, path):
    """SQL of `source_rows` (see reference.py)."""
    blank = "trim(client) = ''" if options.not_blank and not options.key.startswith("int") else "FALSE"
    early = f"day < DATE '{options.earliest}'" if options.earliest else "FALSE"
    small = f"minor < {options.least * 10**options.scale}" if options.least is not None else "FALSE"
    missing = "CAST(NULL AS VARCHAR)"
    order = "CAST(receipt AS VARCHAR)" if options.order else missing
    line = "CAST(line AS VARCHAR)" if options.transaction else missing
    margin = minor_sql(options, "profit", options.margin) if options.margin else "CAST(NULL AS HUGEINT)"
    return f"""
        WITH mapped AS (
            SELECT client AS customer_id, {line} AS transaction_id, {order} AS order_id, {day_sql(options)} AS day,
                   {minor_sql(options, amount_expression(options), options.amount)} AS minor,
                   {f"({options.refund})" if options.refund else "FALSE"} AS marked, {margin} AS margin,
                   ({options.where or "TRUE"}) IS TRUE AS kept, {blank} AS blank
            FROM read_parquet('{path}', hive_partitioning = {options.hive}, hive_types_autocast = FALSE))
        SELECT CASE WHEN NOT kept THEN 'filtered'
                    WHEN day > DATE '{options.as_of}' THEN 'after_as_of'
                    WHEN customer_id IS NULL OR blank OR day IS NULL OR day < DATE '0001-01-01' OR minor IS NULL
                         OR {early} OR {small} THEN 'quarantined'
                    ELSE 'used' END AS bucket,
               customer_id, transaction_id, order_id, day, minor, marked, margin
        FROM mapped
    """
