"""What the columns of a dump mean: SQL for local dates, instants and money of every type that Parquet delivers."""

# The zone that a session must have, so that casts of instants do not depend on the machine.
SESSION = "SET TimeZone = 'UTC'; SET threads = 2"


def wall_time(column, kind):
    """SQL of a column of timestamps of `kind`, such as 'naive ns' or 'utc ms', as TIMESTAMP of microseconds."""
    return f"floor_micros({column})" if kind.endswith("ns") else f"CAST({column} AS TIMESTAMP)"


def day_sql(column, kind, source_zone, zone):
    """SQL of the local date in the pipeline's `zone`; `kind` is 'date' or that of a timestamp."""
    if kind == "date":
        return column
    if kind.startswith("naive") and source_zone == zone:
        return f"CAST({wall_time(column, kind)} AS DATE)"
    return f"CAST(timezone('{zone}', {instant_sql(column, kind, source_zone, zone)}) AS DATE)"


def instant_sql(column, kind, source_zone, zone):
    """SQL of the instant; of a date, its first moment in the pipeline's `zone`."""
    if kind == "date":
        return f"timezone('{zone}', CAST({column} AS TIMESTAMP))"
    of = "UTC" if kind.startswith("utc") else source_zone
    return f"timezone('{of}', {wall_time(column, kind)})"


def minor_sql(expression, kind, places, scale):
    """SQL of an amount in minor units at `scale`, NULL where it has none.

    `kind` is 'int…' for whole units, 'double', or anything else for decimals of `places` places.
    """
    if kind.startswith("int"):
        return f"CAST({expression} AS HUGEINT) * {10**scale}"
    if kind == "double":
        rounded = f"CAST(round_even({expression} * {10**scale}, 0) AS HUGEINT)"
        return f"CASE WHEN isfinite({expression}) THEN {rounded} END"
    if places > scale:
        return f"half_even(unscaled({expression}), CAST({10 ** (places - scale)} AS HUGEINT))"
    return f"unscaled({expression}) * {10 ** (scale - places)}"

