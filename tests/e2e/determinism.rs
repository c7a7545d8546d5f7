//! Same inputs, same bytes: whatever the threads, the batches, the order and the cut of the input.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use tempfile::tempdir;

use crate::program::{repository, run};

/// Digests of all table files and the model card, as the manifest of the published snapshot lists them.
pub(crate) fn digests(summary: &Value) -> BTreeMap<String, String> {
    let manifest = PathBuf::from(summary["snapshot"].as_str().unwrap()).join("manifest.json");
    let manifest: Value = serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
    let tables = manifest["tables"].as_array().unwrap().iter();
    let files = tables.flat_map(|table| table["files"].as_array().unwrap());
    let text = |file: &Value, key: &str| file[key].as_str().unwrap().to_owned();
    files.chain([&manifest["model_card"]]).map(|file| (text(file, "path"), text(file, "sha256"))).collect()
}

fn load(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

/// Writes `table` as files of the given numbers of rows, in small row groups.
fn split(table: &RecordBatch, folder: &Path, rows: &[usize]) {
    let mut start = 0;
    for (number, &rows) in rows.iter().enumerate() {
        let file = File::create(folder.join(format!("{:03}.parquet", 999 - number))).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(777)).build();
        let mut writer = ArrowWriter::try_new(file, table.schema(), Some(properties)).unwrap();
        writer.write(&table.slice(start, rows.min(table.num_rows() - start))).unwrap();
        writer.close().unwrap();
        start += rows;
    }
    assert!(start >= table.num_rows());
}

/// A fixed shuffle: rows by a multiplicative hash of their number.
fn shuffled(table: &RecordBatch) -> RecordBatch {
    let mut order: Vec<u32> = (0..u32::try_from(table.num_rows()).unwrap()).collect();
    order.sort_by_key(|row| row.wrapping_mul(2_654_435_761).rotate_left(7));
    take_record_batch(table, &UInt32Array::from(order)).unwrap()
}

fn same_bytes(pipeline: &str, as_of: &str, data: &str) {
    let output = tempdir().unwrap();
    let of = |name: &str, more: &[&str]| {
        let output = output.path().join(name);
        digests(&run(pipeline, as_of, &output, more).expect(0).summary())
    };
    let expected = of("plain", &[]);
    for threads in ["1", "2", "5"] {
        for batch_rows in ["1000", "65536"] {
            let name = format!("{threads}-{batch_rows}");
            let found = of(&name, &["--threads", threads, "--batch-rows", batch_rows]);
            assert_eq!(found, expected, "{threads} threads, {batch_rows} rows a batch");
        }
    }
    let table = shuffled(&load(&repository().join(data)));
    let rows = table.num_rows();
    for (name, cuts) in [("three", vec![rows / 7, rows / 2, rows]), ("one", vec![rows])] {
        let folder = output.path().join(format!("input-{name}"));
        std::fs::create_dir(&folder).unwrap();
        split(&table, &folder, &cuts);
        let path = format!("sources.transactions.path={}/*.parquet", folder.display());
        assert_eq!(of(name, &["--set", &path, "--threads", "2"]), expected, "shuffled, {name} files");
    }
}

#[test]
fn art_auctions_with_text_keys_and_transaction_ids() {
    same_bytes("pipelines/art_auctions.yaml", "1913-12-31", "data/graves-art-sales/graves_sales.parquet");
}

#[test]
fn cdnow_with_equal_rows() {
    same_bytes("pipelines/cdnow.yaml", "1998-06-30", "data/cdnow/cdnow_master.parquet");
}

#[test]
fn online_retail_with_integer_keys_orders_and_refunds() {
    same_bytes("pipelines/online_retail.yaml", "2011-12-09", "data/online-retail/online_retail.parquet");
}
