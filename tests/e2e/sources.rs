//! Several sources in one run: what each contributes, what they must share, and a memory limit that they do not fit.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use parquet::arrow::ArrowWriter;
use tempfile::{TempDir, tempdir};

use crate::program::{folder, run, say};
use crate::tables::{integers, read, texts};

const PIPELINE: &str = "\
version: 1
name: house
money: { unit: GBP, scale: 2 }
known_by: 2024-06-30
sources:
  transactions:
    path: sales.parquet
    columns: { transaction_id: line, customer_id: client, time: day, amount: price, currency: ccy, loaded_at: loaded }
    duplicates: latest
  customers:
    path: clients.parquet
    columns: { customer_id: client, registered_at: since }
    attributes: { industry: branch }
    checks: { registered_at: { min: 1960-01-01 } }
    tolerate: 100%
  interactions:
    path: contacts.parquet
    columns: { customer_id: client, time: day, kind: kind }
references:
  exchange_rates: { path: rates.parquet, on: { currency: ccy }, columns: { rate: rate } }
  demand: { path: demand.parquet, on: { industry: branch }, valid_from: day, columns: { demand_index: idx } }
features:
  windows: [90d]
  interaction: { kind_weights: { call: 3 } }
  columns:
    in_demand: demand_index > 1
    calls_per_line: \"CAST(interactions_call AS DOUBLE) / lines\"
model: { rfm: {}, segments: [{ name: hot, when: in_demand AND total_revenue > 10 }] }
export: { path: out }
";

/// Days since 1970-01-01 of 2024-01-01.
const NEW_YEAR: i32 = 19_723;

pub(crate) fn write(folder: &Path, name: &str, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(folder.join(name)).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

pub(crate) fn numbers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

pub(crate) fn words(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

pub(crate) fn days(values: &[i32]) -> ArrayRef {
    Arc::new(values.iter().map(|day| Some(NEW_YEAR + day)).collect::<Date32Array>())
}

/// A small house. Client 1 buys in two currencies, 2 only calls, 3 is only known, 4 is not known before his time.
fn house() -> TempDir {
    let folder = tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("house.yaml"), PIPELINE).unwrap();
    let sales = vec![
        ("line", numbers(&[10, 11, 11, 12])),
        ("client", numbers(&[1, 1, 1, 1])),
        ("day", days(&[0, 9, 9, 20])),
        ("price", numbers(&[100, 50, 40, 7])),
        ("ccy", words(&["GBP", "EUR", "EUR", "GBP"])),
        ("loaded", days(&[1, 10, 11, 300])),
    ];
    write(path, "sales.parquet", sales);
    let clients = vec![
        ("client", numbers(&[1, 3, 4])),
        ("since", days(&[-30, -20, -30_000])),
        ("branch", words(&["art", "wine", "art"])),
    ];
    write(path, "clients.parquet", clients);
    let contacts =
        vec![("client", numbers(&[1, 2, 2])), ("day", days(&[5, 6, 7])), ("kind", words(&["call", "call", "visit"]))];
    write(path, "contacts.parquet", contacts);
    let rates: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 0.5]));
    write(path, "rates.parquet", vec![("ccy", words(&["GBP", "EUR"])), ("rate", rates)]);
    let demand = vec![
        ("branch", words(&["art", "art", "wine"])),
        ("day", days(&[-100, 10, -100])),
        ("idx", Arc::new(Float64Array::from(vec![0.5, 1.5, 0.8])) as ArrayRef),
    ];
    write(path, "demand.parquet", demand);
    folder
}

fn start(house: &TempDir, more: &[&str]) -> crate::program::Said {
    let pipeline = house.path().join("house.yaml");
    run(pipeline.to_str().unwrap(), "2024-03-31", &house.path().join("out"), more)
}

#[test]
fn every_source_adds_its_customers_and_has_its_books() {
    let house = house();
    let summary = start(&house, &[]).expect(0).summary();
    let features = read(&folder(&summary, "customer_features"));
    let clients = integers(&features, "customer_id");
    let row = |client: i128| clients.iter().position(|found| *found == Some(client));
    let (first, second, third) = (row(1).unwrap(), row(2).unwrap(), row(3).unwrap());
    assert_eq!((clients.len(), row(4)), (3, None), "4 fails its check and is in no other source");

    // 100 GBP, and the newest delivery of line 11: 40 EUR at 0.5. Line 12 was delivered after `known_by`.
    assert_eq!(integers(&features, "total_revenue")[first], Some(12_000));
    assert_eq!(integers(&features, "lines")[first], Some(2));
    assert_eq!(integers(&features, "interactions_call")[second], Some(1));
    assert_eq!(texts(&features, "industry"), {
        let mut expected = vec![None; 3];
        (expected[first], expected[third]) = (Some("art".to_owned()), Some("wine".to_owned()));
        expected
    });
    let demand = features.column_by_name("demand_index").unwrap().as_primitive::<Float64Type>();
    assert_eq!((demand.value(first), demand.is_null(second), demand.value(third)), (1.5, true, 0.8));
    let hot = features.column_by_name("in_demand").unwrap().as_boolean();
    assert_eq!((hot.value(first), hot.is_null(second), hot.value(third)), (true, true, false));
    let names: Vec<_> = features.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names[names.len() - 2..], ["in_demand", "calls_per_line"]);

    let sales = &summary["sources"]["transactions"];
    let counted = ["input", "used", "duplicate", "after_known_by"].map(|key| sales[key].as_u64().unwrap());
    assert_eq!(counted, [4, 2, 1, 1]);
    assert_eq!(&summary["rows"], sales);
    assert_eq!(summary["sources"]["customers"]["quarantined"], 1);
    assert_eq!(summary["sources"]["interactions"]["used"], 3);
    let quarantine = read(&folder(&summary, "quarantine"));
    assert_eq!(texts(&quarantine, "source"), [Some("customers".to_owned())]);
    let segments = texts(&read(&folder(&summary, "customer_values")), "segment");
    assert_eq!(segments.iter().filter(|segment| segment.as_deref() == Some("hot")).count(), 1);
    start(&house, &["--exit-skip", "99"]).expect(99);
}

#[test]
fn a_change_in_any_source_is_another_content() {
    let house = house();
    let first = start(&house, &[]).expect(0).summary();
    write(
        house.path(),
        "demand.parquet",
        vec![
            ("branch", words(&["art"])),
            ("day", days(&[0])),
            ("idx", Arc::new(Float64Array::from(vec![0.1])) as ArrayRef),
        ],
    );
    let second = start(&house, &[]).expect(0).summary();
    assert_ne!(first["snapshot"], second["snapshot"]);
    let sets = ["--set", "features.interaction.half_life=5d"];
    assert_ne!(start(&house, &sets).expect(0).summary()["snapshot"], second["snapshot"]);
}

#[test]
fn keys_of_two_types_are_refused_with_both_sources() {
    let house = house();
    let text_key = ["--set", "sources.customers.columns.customer_id=CAST(client AS VARCHAR)"];
    let said = start(&house, &text_key).expect(4);
    for words in ["`transactions.customer_id` is an integer", "`customers.customer_id` is a text", "CAST"] {
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
}

#[test]
fn a_conflict_names_its_source_and_rows() {
    let house = house();
    let fail = ["--set", "sources.transactions.duplicates=fail"];
    let said = start(&house, &fail).expect(5);
    for words in ["transactions: customer 1", "row 1 of `sales.parquet`", "row 2 of `sales.parquet`", "transaction_id"]
    {
        assert!(said.stderr.contains(words), "no `{words}` in {}", said.stderr);
    }
}

#[test]
fn a_memory_limit_that_is_too_small_is_exit_code_9_with_advice() {
    let house = house();
    let said = start(&house, &["--memory-limit", "100MiB", "--threads", "1"]).expect(9);
    assert!(said.stderr.contains("--memory-limit") && said.stderr.contains("256 MiB"), "{}", said.stderr);
    say(&["run", "x.yaml", "--as-of", "2024-01-01", "--memory-limit", "lots"]).expect(2);
}
