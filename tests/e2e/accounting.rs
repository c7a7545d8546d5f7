//! The pipelines on real data give the published numbers, to the row and the minor unit.

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::program::{folder, run};
use crate::tables::{count, integers, read, sum, texts};

fn rows(input: u64, used: u64, filtered: u64, after_as_of: u64, quarantined: u64) -> Value {
    json!({
        "input": input, "used": used, "filtered": filtered, "after_as_of": after_as_of, "duplicate": 0,
        "quarantined": quarantined
    })
}

#[test]
fn art_auctions_1709_to_1913() {
    let output = tempdir().unwrap();
    let summary = run("pipelines/art_auctions.yaml", "1913-12-31", output.path(), &[]).expect(0).summary();
    assert_eq!(summary["rows"], rows(25_034, 17_484, 7_311, 3, 236));
    let features = read(&folder(&summary, "customer_features"));
    assert_eq!(features.num_rows(), 3_079);
    assert_eq!(sum(&features, "total_revenue"), 1_746_363_648);
    assert_eq!(sum(&features, "frequency"), 8_507);
    assert_eq!(count(&features, "frequency", 0), 2_079);
    let first = integers(&features, "first_purchase_date").into_iter().flatten().min();
    assert!(first.is_some_and(|day| (-98_616..-72_000).contains(&day)), "1700 to 1772 in epoch days, not {first:?}");
    let quarantine = read(&folder(&summary, "quarantine"));
    assert_eq!(quarantine.num_rows(), 236);
    assert_eq!(
        texts(&quarantine, "reason").iter().filter(|reason| reason.as_deref() == Some("time_missing")).count(),
        87
    );
    let values = read(&folder(&summary, "customer_values"));
    assert_eq!(values.num_rows(), 3_079);
    assert!(texts(&values, "segment").iter().all(|segment| segment.as_deref().is_some_and(|s| s != "unassigned")));
}

#[test]
fn cdnow_master_to_june_1998() {
    let output = tempdir().unwrap();
    let summary = run("pipelines/cdnow.yaml", "1998-06-30", output.path(), &[]).expect(0).summary();
    assert_eq!(summary["rows"], rows(69_659, 69_659, 0, 0, 0));
    let features = read(&folder(&summary, "customer_features"));
    assert_eq!(features.num_rows(), 23_570);
    assert_eq!(sum(&features, "total_revenue"), 250_031_563);
    assert_eq!(sum(&features, "lines"), 69_659);
    assert_eq!(count(&features, "frequency", 0), 12_054);
    assert_eq!(sum(&features, "frequency"), 44_021);
}

#[test]
fn cdnow_sample_calibration_in_weeks() {
    let output = tempdir().unwrap();
    let sample = [
        "--set",
        "sources.transactions.path=../data/cdnow/cdnow_sample.parquet",
        "--set",
        "sources.transactions.columns.customer_id=sample_id",
        "--set",
        "features.time_unit=week",
    ];
    let summary = run("pipelines/cdnow.yaml", "1997-09-30", output.path(), &sample).expect(0).summary();
    let features = read(&folder(&summary, "customer_features"));
    assert_eq!(features.num_rows(), 2_357);
    assert_eq!(features.num_rows() - count(&features, "frequency", 0), 946);
    assert_eq!(sum(&features, "frequency"), 2_457);
}

#[test]
fn online_retail_with_cancellations() {
    let output = tempdir().unwrap();
    let summary = run("pipelines/online_retail.yaml", "2011-12-09", output.path(), &[]).expect(0).summary();
    assert_eq!(summary["rows"], rows(541_909, 406_789, 2_517, 0, 132_603));
    let features = read(&folder(&summary, "customer_features"));
    let orders = integers(&features, "orders");
    assert_eq!(orders.iter().filter(|orders| **orders > Some(0)).count(), 4_338);
    assert_eq!(orders.iter().filter(|orders| **orders == Some(0)).count(), 33);
    assert_eq!(sum(&features, "orders"), 18_532);
    assert_eq!(sum(&features, "lines"), 397_884);
    assert_eq!(sum(&features, "refund_count"), 8_905);
    assert_eq!(sum(&features, "total_revenue"), 8_911_407_904);
    assert_eq!(count(&features, "customer_id", 0), 0, "rows without a customer are nobody's");
    let record = std::fs::read(output.path().join("runs").join(summary["run_id"].as_str().unwrap()).join("run.json"));
    let record: Value = serde_json::from_slice(&record.unwrap()).unwrap();
    let books = &record["accounting"]["transactions"];
    assert_eq!(books["refund_rows"], 8_905);
    let money = |value: &Value| value["money"].as_str().unwrap().replace('.', "").parse::<i128>().unwrap();
    let buckets: i128 = books["buckets"].as_object().unwrap().values().map(money).sum();
    assert_eq!(buckets, money(&books["input"]));
}
