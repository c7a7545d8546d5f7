//! Inputs of an awkward shape, within little memory.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use tempfile::tempdir;

use crate::program::{Said, run};

const PIPELINE: &str = "\
version: 1
name: shapes
money: { unit: GBP, scale: 2 }
sources:
  transactions:
    path: dumps
    columns: { customer_id: client, time: day, amount: price }
features: { only: [orders, total_revenue] }
export: { path: out }
";
/// Least memory that the program runs in.
const TIGHT: u64 = 256 << 20;
const ROWS: i64 = 4_000_000;

/// Writes rows `from..to` as one file of row groups of `group` rows; `client` gives the customer of each row.
fn write(path: &Path, from: i64, to: i64, group: usize, client: impl Fn(i64) -> i64) {
    let column = |value: &dyn Fn(i64) -> i64| Arc::new((from..to).map(value).collect::<Int64Array>()) as ArrayRef;
    let days = Date32Array::from_iter_values((from..to).map(|row| 19_000 + i32::try_from(row % 365).unwrap()));
    let columns =
        [("client", column(&client)), ("day", Arc::new(days) as ArrayRef), ("price", column(&|row| row % 100))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Runs the pipeline in `limit` bytes over what `fill` writes into the folder of dumps.
fn start(limit: u64, fill: impl Fn(&Path)) -> Said {
    let place = tempdir().unwrap();
    let dumps = place.path().join("dumps");
    std::fs::create_dir(&dumps).unwrap();
    fill(&dumps);
    let pipeline = place.path().join("shapes.yaml");
    std::fs::write(&pipeline, PIPELINE).unwrap();
    let limit = format!("{}MiB", limit >> 20);
    let more = ["--memory-limit", limit.as_str(), "--threads", "2"];
    run(pipeline.to_str().unwrap(), "2024-12-31", &place.path().join("out"), &more)
}

/// The summary of a run that succeeds within `limit`.
fn valued(limit: u64, fill: impl Fn(&Path)) -> Value {
    let summary = start(limit, fill).expect(0).summary();
    let peak = summary["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak <= limit, "{peak} bytes at the peak");
    summary
}

fn customers(summary: &Value) -> i64 {
    summary["tables"]["customer_features"]["rows"].as_i64().unwrap()
}

#[test]
fn one_customer_with_half_the_rows() {
    let fill = |dumps: &Path| {
        write(&dumps.join("a.parquet"), 0, ROWS, 500_000, |row| if row % 2 == 0 { 0 } else { row % 50_000 });
    };
    assert_eq!(customers(&valued(2 * TIGHT, fill)), 25_001);
    let said = start(TIGHT, fill).expect(9);
    assert!(
        said.stderr.contains("the rows of one customer") && said.stderr.contains("--memory-limit"),
        "{}",
        said.stderr
    );
}

#[test]
fn all_customers_distinct() {
    let summary = valued(TIGHT, |dumps| write(&dumps.join("a.parquet"), 0, ROWS, 500_000, |row| row));
    assert_eq!(customers(&summary), ROWS);
}

#[test]
fn one_huge_row_group() {
    let whole = usize::try_from(ROWS).unwrap();
    let summary = valued(TIGHT, |dumps| write(&dumps.join("a.parquet"), 0, ROWS, whole, |row| row % 1_000));
    assert_eq!(customers(&summary), 1_000);
}

#[test]
fn ten_thousand_tiny_files() {
    let summary = valued(TIGHT, |dumps| {
        for file in 0..10_000 {
            write(&dumps.join(format!("{file:05}.parquet")), file * 3, file * 3 + 3, 3, |row| row % 77);
        }
    });
    assert_eq!(customers(&summary), 77);
}
