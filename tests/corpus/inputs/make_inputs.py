#!/usr/bin/env python3
"""Writes the broken and extreme inputs of this folder, their pipelines and `cases.json`.

The results are committed; run this again after a change (tests/setup.sh prints the interpreter to use).
Each case of `cases.json` is one `appraise run PIPELINE ARGS... --output FOLDER`, run from this folder: the exit code
that it must have, texts that stderr must hold, and for runs that succeed the row accounting.
"""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
AS_OF = ["--as-of", "2024-12-31"]
ROWS = 10
PIPELINE = """\
version: 1
name: {name}
money: {{ unit: GBP, scale: 2 }}
sources:
  transactions:
    path: {path}
{where}    columns:
      transaction_id: line
      customer_id: client
      time: happened
      amount: {amount}
{checks}{tolerate}model: {{ rfm: {{}} }}
export: {{ path: out }}
"""
MISSING_INPUT, REJECTED, USAGE = 4, 5, 2


def columns(rows=ROWS):
    """The columns of a sound dump."""
    start = date(2024, 1, 1)
    return {
        "line": pa.array(range(rows), pa.int64()),
        "client": pa.array([f"C{n % 4}" for n in range(rows)], pa.string()),
        "happened": pa.array([start + timedelta(days=30 * n) for n in range(rows)], pa.date32()),
        "price": pa.array([Decimal(n + 1) / 4 for n in range(rows)], pa.decimal128(9, 2)),
        "status": pa.array(["paid"] * rows, pa.string()),
    }


def table(rows=ROWS, **changed):
    """A sound dump with some columns replaced."""
    return pa.table({**columns(rows), **changed})


def write(name, content, **options):
    """Writes one Parquet file below this folder."""
    target = HERE / f"{name}.parquet"
    target.parent.mkdir(exist_ok=True)
    pq.write_table(content, target, **options)
    return target


def write_unreadable():
    """Files that are not, or no longer, Parquet."""
    whole = write("truncated", table())
    whole.write_bytes(whole.read_bytes()[:-100])
    (HERE / "not_parquet.parquet").write_text("line,client\n1,C1\n", encoding="utf-8")
    (HERE / "zero_bytes.parquet").write_bytes(b"")
    (HERE / "only_magic.parquet").write_bytes(b"PAR1PAR1")
    broken = write("corrupt_page", table(), compression="none", use_dictionary=False, write_page_checksum=True)
    content = bytearray(broken.read_bytes())
    # A value of the page itself, behind its length; the page's statistics stand before it without one.
    spot = content.index(b"\x02\x00\x00\x00C0") + 4
    content[spot : spot + 2] = b"X9"
    broken.write_bytes(content)


def write_mistyped():
    """Columns of types that can't be what they are mapped to."""
    write("float_key", table(client=pa.array([float(n) for n in range(ROWS)])))
    write("list_key", table(client=pa.array([["C1"]] * ROWS)))
    write("text_time", table(happened=pa.array(["2024-05-01"] * ROWS)))
    write("text_amount", table(price=pa.array(["12.50"] * ROWS)))
    write("boolean_amount", table(price=pa.array([True] * ROWS)))
    moments = pa.array([datetime(2024, 5, 1, 12)] * ROWS, pa.timestamp("ns"))
    write("int96_time", table(happened=moments), use_deprecated_int96_timestamps=True)


def write_drifted():
    """Folders of two files that do not agree."""
    for name, changed in (
        ("drifted_amount", {"price": pa.array(["12.50"] * ROWS)}),
        ("drifted_key", {"client": pa.array(range(ROWS), pa.int64())}),
    ):
        write(f"{name}/1", table())
        write(f"{name}/2", table(**changed))
    write("removed_column/1", table())
    write("removed_column/2", table().drop_columns(["price"]))


def write_odd_rows():
    """Files that can be read, with rows that are few, missing or wrong."""
    write("sound", table())
    write("no_rows", table(0))
    write("one_row", table(1))
    write("no_customers", table(client=pa.nulls(ROWS, pa.string())))
    write("half_without_customer", table(client=pa.array(["C1", None] * (ROWS // 2))))
    write("conflicting_ids", table(line=pa.array([1] * ROWS, pa.int64()), client=pa.array(["C1"] * ROWS)))
    huge = [10**15] + [1] * (ROWS - 1)
    write("overflowing_amount", table(price=pa.array([Decimal(n) * 10**3 for n in huge], pa.decimal128(20, 0))))
    write("repeated_rows", pa.concat_tables([table(), table()]))


def case(name, exit_code, *stderr, path=None, rows=None, args=AS_OF, **parts):
    """Writes the pipeline of a case and returns its entry."""
    lines = {key: f"    {key}: {parts[key]}\n" if key in parts else "" for key in ("where", "checks", "tolerate")}
    text = PIPELINE.format(name=name, path=path or f"{name}.parquet", amount=parts.get("amount", "price"), **lines)
    (HERE / f"{name}.yaml").write_text(text, encoding="utf-8")
    entry = {"name": name, "pipeline": f"{name}.yaml", "args": args, "exit_code": exit_code}
    entry["stderr_contains"] = list(stderr)
    if rows is not None:
        names = ("input", "used", "filtered", "after_as_of", "duplicate", "quarantined")
        entry["rows"] = {bucket: rows.get(bucket, 0) for bucket in names}
    return entry


def unreadable_cases():
    """What can't be opened, or has not the promised columns: exit code 4."""
    for name in ("truncated", "not_parquet", "zero_bytes", "only_magic", "corrupt_page"):
        yield case(name, MISSING_INPUT, f"{name}.parquet")
    yield case("no_such_file", MISSING_INPUT, "no_such_file.parquet")
    yield case("no_match", MISSING_INPUT, "no_match/*.parquet", path="no_match/*.parquet")
    for name in ("float_key", "list_key"):
        yield case(name, MISSING_INPUT, f"{name}.parquet", "client")
    yield case("text_time", MISSING_INPUT, "text_time.parquet", "happened")
    yield case("int96_time", MISSING_INPUT, "int96_time.parquet", "happened", "INT96")
    for name in ("text_amount", "boolean_amount"):
        yield case(name, MISSING_INPUT, f"{name}.parquet", "price")
    yield case("missing_column", MISSING_INPUT, "`prize`", "`price`", path="sound.parquet", amount="prize")
    yield case(
        "missing_filter_column", MISSING_INPUT, "`state`", path="sound.parquet", where="\"state = 'paid'\""
    )
    for name, column in (("drifted_amount", "price"), ("drifted_key", "customer_id"), ("removed_column", "price")):
        yield case(name, MISSING_INPUT, "2.parquet", column, path=f"{name}/*.parquet")


def rejected_cases():
    """Data that a check refuses: exit code 5."""
    yield case("all_rows_fail", REJECTED, "amount", path="sound.parquet", checks="{ amount: { min: 1000 } }")
    yield case("half_without_customer", REJECTED, "customer_id", tolerate="10%")
    yield case("conflicting_ids", REJECTED, "transaction_id", "row 0 of `conflicting_ids.parquet`")


def sound_cases():
    """Extreme inputs that succeed."""
    yield case("no_rows", 0, rows={})
    yield case("one_row", 0, rows={"input": 1, "used": 1})
    yield case("no_customers", 0, rows={"input": 10, "quarantined": 10}, tolerate="100%")
    yield case("overflowing_amount", 0, rows={"input": 10, "used": 9, "quarantined": 1}, tolerate="10%")
    yield case("repeated_rows", 0, rows={"input": 20, "used": 10, "duplicate": 10})
    yield case(
        "all_filtered", 0, rows={"input": 10, "filtered": 10}, path="sound.parquet", where="\"status = 'void'\""
    )
    yield case(
        "all_after_as_of", 0, rows={"input": 10, "after_as_of": 10}, path="sound.parquet",
        args=["--as-of", "2023-12-31"],
    )
    yield case("drifted_columns_unused", 0, rows={"input": 20, "used": 10, "duplicate": 10},
               path="removed_column/*.parquet", amount="line")


def usage_cases():
    """Calls that are wrong whatever the data: exit code 2."""
    yield case("without_as_of", USAGE, "--as-of", path="sound.parquet", args=[])
    yield case("impossible_as_of", USAGE, "2024-02-30", path="sound.parquet", args=["--as-of", "2024-02-30"])


def main():
    """Writes everything."""
    write_unreadable()
    write_mistyped()
    write_drifted()
    write_odd_rows()
    cases = [*unreadable_cases(), *rejected_cases(), *sound_cases(), *usage_cases()]
    (HERE / "cases.json").write_text(json.dumps(cases, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
