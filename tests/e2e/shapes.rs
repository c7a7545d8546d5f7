//! Inputs of an awkward shape, within little memory.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
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
features: { leave_out: [timing, loyalty] }
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
    start_with(&PIPELINE.replace("leave_out: [timing, loyalty]", "only: [orders, total_revenue]"), limit, fill)
}

fn start_with(text: &str, limit: u64, fill: impl Fn(&Path)) -> Said {
    let place = tempdir().unwrap();
    let dumps = place.path().join("dumps");
    std::fs::create_dir(&dumps).unwrap();
    fill(&dumps);
    let pipeline = place.path().join("shapes.yaml");
    std::fs::write(&pipeline, text).unwrap();
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

/// A file of a few hundred kilobytes whose texts, each of a megabyte, would spread out to 30 GB.
fn write_bomb(path: &Path) {
    let rows = 30_000;
    let texts = StringArray::from(vec!["x".repeat(1 << 20), "y".repeat(1 << 20)]);
    let keys: Int32Array = (0..rows).map(|row| row % 2).collect();
    let long: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::new(texts)));
    let day: ArrayRef = Arc::new(Date32Array::from(vec![19_000; usize::try_from(rows).unwrap()]));
    let price: ArrayRef = Arc::new((0..i64::from(rows)).collect::<Int64Array>());
    let batch = RecordBatch::try_from_iter([("client", long), ("day", day), ("price", price)]).unwrap();
    let properties = WriterProperties::builder()
        .set_dictionary_page_size_limit(64 << 20)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert!(path.metadata().unwrap().len() < 1 << 20);
}

#[test]
fn a_small_file_of_huge_texts_is_quarantined() {
    for columns in ["customer_id: client,", "customer_id: price, category: client,"] {
        let pipeline = PIPELINE.replace("customer_id: client,", columns);
        let said = start_with(&pipeline, 2 * TIGHT, |dumps| write_bomb(&dumps.join("a.parquet"))).expect(5);
        assert!(said.stderr.contains("_too_long: 30000"), "{}", said.stderr);
        let peak = said.summary()["peak_memory_bytes"].as_u64().unwrap();
        assert!(peak <= 2 * TIGHT, "{peak} bytes at the peak");
    }
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
