"""The pipeline file of a random house, and what it means in SQL."""

import json

import delivery
from features import Features
from random_house import REQUIRED
from random_house_dumps import MONEY, RATE_PLACES, TIMES, loaded_kind

FILTER = "status <> 'void'"
ATTRIBUTES = {
    "industry": "industry",
    "company_size": "CASE WHEN employees >= 250 THEN 'large' WHEN employees >= 50 THEN 'medium' ELSE 'small' END",
}
# What the model needs, and some columns of several families.
ONLY = (
    "first_purchase_date", "last_purchase_date", "days_since_last_purchase", "orders", "purchase_periods",
    "total_revenue", "net_revenue", "refund_count", "reversed_lines", "gap_cv", "top_category", "engagement",
    "underbids", "win_rate", "late_share", "margin_year_1", "industry", "contribution", "tenure_days",
)
# Canonical names that the reference's relations call otherwise.
RELATION_NAMES = {
    "time": "day", "amount": "minor", "refund": "marked", "due_at": "due", "paid_at": "paid", "disputed_at": "disputed",
    "cancelled_at": "cancelled", "written_off_at": "written_off", "consignor_id": "customer_id",
}


def canonical(house, source):
    """The canonical columns that the pipeline maps of `source`, sorted."""
    names = house.mapped[source] | REQUIRED[source]
    if source in house.latest or house.known_by:
        names.add("loaded_at")
    if source == "transactions" and house.currency:
        names.add("currency")
    return sorted(names)


def own_columns(house):
    """(name, SQL in the pipeline file, SQL in DuckDB, kind) of the columns of the pipeline's own."""
    if house.only or "transactions" not in house.mapped:
        return []
    own = [("idle_weeks", "FLOOR(days_since_last_purchase / 7)", "floor(days_since_last_purchase / 7)", "quotient")]
    own.append(("net_share", "net_revenue / NULLIF(total_revenue, 0)",
                "net_revenue::DOUBLE / nullif(total_revenue, 0)::DOUBLE", "quotient"))
    own.append(("came_back", "purchase_periods > 1 AND net_revenue > 0", "purchase_periods > 1 AND net_revenue > 0",
                "flag"))
    own.append(("net_percent", "net_share * 100", "net_share * 100", "quotient"))
    return own


def features(house):
    """What the pipeline asks of the fold."""
    has_customers = "customers" in house.mapped
    return Features(
        house.as_of,
        house.scale,
        {source: set(canonical(house, source)) for source in house.mapped},
        "BIGINT" if house.key == "int" else "VARCHAR",
        "BIGINT" if house.ids == "int" else "VARCHAR",
        house.period,
        house.time_unit,
        house.windows,
        attributes=tuple(ATTRIBUTES) if has_customers else (),
        references=(("industry", ("market_demand",)),) if has_customers else (),
        half_life=float(house.half_life),
        kind_weights={kind: float(weight) for kind, weight in house.kind_weights.items()},
        default_days=house.default_days,
        late_bid_seconds=house.late_bid_seconds,
        no_show_days=house.no_show_days,
        leave_out=house.leave_out,
        only=ONLY if house.only else None,
        own=tuple((name, sql, kind) for name, _, sql, kind in own_columns(house)),
    )


def pipeline_text(house, folder, columns):
    """The pipeline file of the house; YAML reads JSON. `columns` are the names of all built columns."""
    built = {
        "purchase_period": house.period,
        "time_unit": house.time_unit,
        "windows": [f"{days}d" for days in house.windows],
    }
    if "interactions" in house.mapped:
        built["interaction"] = {"half_life": f"{house.half_life}d", "kind_weights": house.kind_weights}
    if "invoices" in house.mapped:
        built["credit"] = {"default_after": f"{house.default_days}d"}
    if "bids" in house.mapped:
        built["bidding"] = {
            "late_bid_seconds": house.late_bid_seconds,
            "no_show_after": f"{house.no_show_days}d",
        }
    if house.leave_out:
        built["leave_out"] = list(house.leave_out)
    if house.only:
        built["only"] = [name for name in ONLY if name in columns]
    if own_columns(house):
        built["columns"] = {name: sql for name, sql, _, _ in own_columns(house)}
    pipeline = {
        "version": 1,
        "name": f"house_{house.seed}",
        "timezone": house.zone,
        "money": {"unit": "GBP", "scale": house.scale},
        "sources": {source: source_spec(house, source, folder) for source in house.mapped},
        "features": built,
        "export": {"path": "out"},
    }
    if "transactions" in house.mapped:
        pipeline["model"] = {"rfm": {}}
    if house.known_by:
        pipeline["known_by"] = house.known_by
    references = reference_specs(house, folder)
    if references:
        pipeline["references"] = references
    return json.dumps(pipeline, indent=2, ensure_ascii=False) + "\n"


def source_spec(house, source, folder):
    """The entry of `sources`."""
    spec = {
        "path": f"{folder}/{source}_*.parquet",
        "zone": house.zones[source],
        "where": FILTER,
        "columns": {name: name for name in canonical(house, source)},
        "tolerate": "100%",
    }
    if source in house.latest:
        spec["duplicates"] = "latest"
    if source == "customers":
        spec["attributes"] = ATTRIBUTES
    return spec


def reference_specs(house, folder):
    """The entries of `references`."""
    specs = {}
    if "customers" in house.mapped:
        specs["market"] = {
            "path": f"{folder}/market.parquet",
            "on": {"industry": "sector"},
            "valid_from": "month",
            "columns": {"market_demand": "demand_index"},
        }
    if house.currency:
        specs["exchange_rates"] = {
            "path": f"{folder}/rates.parquet",
            "on": {"currency": "code"},
            "valid_from": "day",
            "columns": {"rate": "rate"},
        }
    return specs


def column_sql(house, source, name):
    """SQL of one canonical column under the name that the relation has for it."""
    target = RELATION_NAMES.get(name, name)
    if name == "loaded_at":
        return f"{delivery.instant_sql(name, loaded_kind(house, source), house.zones[source], house.zone)} AS {name}"
    if name in TIMES:
        day = delivery.day_sql(name, house.times[source], house.zones[source], house.zone)
        instant = delivery.instant_sql(name, house.times[source], house.zones[source], house.zone)
        if name == "closes_at":
            return f"{instant} AS closes_at, {day} AS closes_day"
        return f"{day} AS day, {instant} AS instant" if source == "bids" else f"{day} AS {target}"
    if name in MONEY:
        minor = delivery.minor_sql(name, house.money, house.places, house.scale)
        if source == "transactions" and house.currency:
            minor = converted_sql(house, name, minor)
        return f"{minor} AS {target}"
    return f"{name} AS {target}"


def converted_sql(house, name, minor):
    """SQL of the amount `name` of transactions in the pipeline's currency; `minor` is it in its own minor units.

    Decimals are converted with all their places and rounded once, floats are rounded to minor units before.
    """
    exact = (minor, house.scale) if house.money == "double" else (f"unscaled({name})", house.places)
    divisor = 10 ** (exact[1] + RATE_PLACES - house.scale)
    converted = f"half_even({exact[0]} * unscaled(exchange_rate), CAST({divisor} AS HUGEINT))"
    return f"CASE WHEN currency = 'GBP' THEN {minor} ELSE {converted} END"


def rows_sql(house, source, folder):
    """SQL of the rows of a source (see sources.py)."""
    names = canonical(house, source)
    listed = ", ".join(column_sql(house, source, name) for name in names)
    if source == "customers":
        listed += "".join(f", {sql} AS {name}" for name, sql in ATTRIBUTES.items())
    if source == "lots" and "consignor_id" not in names:
        listed += f", CAST(NULL AS {'BIGINT' if house.key == 'int' else 'VARCHAR'}) AS customer_id"
    rows = f"read_parquet('{folder}/{source}_*.parquet')"
    if source == "transactions" and house.currency:
        day = delivery.day_sql("time", house.times[source], house.zones[source], house.zone)
        rows = f"""(SELECT * EXCLUDE (local_day, day, code), rate AS exchange_rate
                    FROM (SELECT *, {day} AS local_day FROM {rows}) t
                    ASOF LEFT JOIN '{folder}/rates.parquet' r ON r.code = t.currency AND t.local_day >= r.day)"""
    dated = {"customers": "valid_from" if "valid_from" in names else None, "lots": None}.get(source, "day")
    late = f"{dated} > DATE '{house.as_of}'" if dated else "FALSE"
    unknown = "FALSE"
    if house.known_by:
        unknown = f"CAST(timezone('{house.zone}', loaded_at) AS DATE) > DATE '{house.known_by}'"
    missing = " OR ".join(f"{RELATION_NAMES.get(name, name)} IS NULL" for name in sorted(REQUIRED[source]))
    return f"""
        WITH mapped AS (SELECT {listed}, ({FILTER}) IS TRUE AS kept FROM {rows})
        SELECT CASE WHEN {unknown} THEN 'after_known_by'
                    WHEN NOT kept THEN 'filtered'
                    WHEN {late} THEN 'after_as_of'
                    WHEN {missing} THEN 'quarantined'
                    ELSE 'used' END AS bucket, * EXCLUDE (kept)
        FROM mapped
    """
