//! ABC, XYZ and the lifecycle from raw rows: published totals and variations, and buyers of long ago.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use appraise_schema::AsOf;
use arrow::array::{ArrayRef, AsArray, Date32Array, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use parquet::arrow::ArrowWriter;
use serde_json::Value;
use tempfile::tempdir;

use crate::program::{folder, repository, run};
use crate::tables::{integers, read, sum, texts};

fn card(summary: &Value) -> Value {
    let snapshot = Path::new(summary["snapshot"].as_str().unwrap());
    serde_json::from_slice(&std::fs::read(snapshot.join("model_card.json")).unwrap()).unwrap()
}

/// The customers and sums of the classes of a card.
fn classes(card: &Value) -> Vec<(u64, String)> {
    let class = |class: &Value| (class["customers"].as_u64().unwrap(), class["sum"].as_str().unwrap().to_owned());
    card["abc"]["classes"].as_array().unwrap().iter().map(class).collect()
}

#[test]
fn auction_901_of_the_fcc_went_mostly_to_twelve_of_33() {
    let output = tempdir().unwrap();
    let summary = run("pipelines/mobility_fund.yaml", "2012-09-27", output.path(), &[]).expect(0).summary();
    assert_eq!((&summary["rows"]["input"], &summary["rows"]["used"]), (&Value::from(795), &Value::from(795)));
    let values = read(&folder(&summary, "customer_values"));
    assert_eq!((values.num_rows(), sum(&values, "net_revenue")), (33, 29_999_863_225));
    // The eleventh reaches 78.00 % of the sum, the twelfth 80.20 %, the 22nd 94.88 %, the 23rd 95.99 %.
    let sums = [(12, "240605652.21"), (11, "47349912.29"), (10, "12043067.75")];
    assert_eq!(classes(&card(&summary)), sums.map(|(customers, sum)| (customers, sum.to_owned())));
    let mut winners: Vec<_> = integers(&values, "net_revenue")
        .into_iter()
        .zip(texts(&values, "customer_id"))
        .zip(texts(&values, "abc_class"))
        .map(|((cents, name), class)| (cents.unwrap(), name.unwrap(), class.unwrap()))
        .collect();
    winners.sort_unstable_by(|a, b| b.cmp(a));
    let ends = [0, 11, 12, 22, 23, 32].map(|place| (winners[place].1.as_str(), winners[place].2.as_str()));
    let expected = [
        ("Allied Wireless Communications Corporation", "A"),
        ("Texas 10 LLC", "A"),
        ("Hardy Cellular Telephone Company", "B"),
        ("Standing Rock Telecommunications Inc.", "B"),
        ("GCI Communication Corp.", "C"),
        ("Eagle Telephone System Inc.", "C"),
    ];
    assert_eq!(ends, expected);
}

/// A published table of the R package's customers; `APPRAISE_TRUTH` names another folder to read it from.
fn published(file: &str) -> Vec<BTreeMap<String, String>> {
    let truth = std::env::var_os("APPRAISE_TRUTH").map_or_else(|| repository().join("tests/truth"), PathBuf::from);
    let text = std::fs::read_to_string(truth.join("rfm").join(file)).unwrap();
    let fields = |line: &str| line.split(',').map(|field| field.trim_matches('"').to_owned()).collect::<Vec<_>>();
    let mut lines = text.lines();
    let header = fields(lines.next().unwrap());
    lines.map(|line| header.iter().cloned().zip(fields(line)).collect()).collect()
}

/// The script takes the twelve quarters from 2004 to 2006 for everybody. A purchase of nothing on the first day makes them the
/// quarters since the first purchase.
fn write_orders(path: &Path) {
    let first = "2004-01-01".parse::<AsOf>().unwrap().day();
    let mut rows: Vec<(String, i32, f64)> = Vec::new();
    for order in published("r_rfm_data_orders.csv") {
        let date = order["order_date"].parse::<AsOf>().unwrap().day();
        rows.extend((date >= first).then(|| (order["customer_id"].clone(), date, order["revenue"].parse().unwrap())));
    }
    rows.extend(published("rfm_variants.csv").into_iter().map(|row| (row["customer_id"].clone(), first, 0.0)));
    let columns: [(&str, ArrayRef); 3] = [
        ("client", Arc::new(rows.iter().map(|row| Some(&row.0)).collect::<StringArray>())),
        ("day", Arc::new(rows.iter().map(|row| row.1).map(Some).collect::<Date32Array>())),
        ("revenue", Arc::new(rows.iter().map(|row| Some(row.2)).collect::<Float64Array>())),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn published_variations_of_spend_from_raw_orders() {
    let place = tempdir().unwrap();
    write_orders(&place.path().join("orders.parquet"));
    let pipeline = place.path().join("orders.yaml");
    let text = "\
version: 1
name: orders
money: { unit: USD, scale: 2 }
sources:
  transactions:
    path: orders.parquet
    columns: { customer_id: client, time: day, amount: revenue }
model: { xyz: {} }
export: { path: out }
";
    std::fs::write(&pipeline, text).unwrap();
    let output = place.path().join("out");
    let summary = run(pipeline.to_str().unwrap(), "2006-12-31", &output, &[]).expect(0).summary();
    let features = read(&folder(&summary, "customer_features"));
    let values = read(&folder(&summary, "customer_values"));
    let theirs: BTreeMap<String, _> =
        published("rfm_variants.csv").into_iter().map(|row| (row["customer_id"].clone(), row)).collect();
    assert_eq!((values.num_rows(), theirs.len()), (995, 995));
    let variation = features.column_by_name("spend_cv").unwrap().as_primitive::<Float64Type>();
    let classes = texts(&values, "xyz_class");
    for ((id, ours), class) in texts(&values, "customer_id").into_iter().zip(variation).zip(classes) {
        let row = &theirs[&id.unwrap()];
        let published: f64 = row["xyz_cv"].parse().unwrap();
        assert!((ours.unwrap() - published).abs() < 1e-12, "{row:?}: {ours:?}");
        assert_eq!(class.as_ref(), Some(&row["xyz"]), "{row:?}");
    }
}

#[test]
fn nobody_who_bought_long_ago_is_alive() {
    let output = tempdir().unwrap();
    let summary = run("pipelines/art_auctions.yaml", "1913-12-31", output.path(), &[]).expect(0).summary();
    let values = read(&folder(&summary, "customer_values"));
    let states = texts(&values, "lifecycle");
    let (days, segments) = (integers(&values, "days_since_last_purchase"), texts(&values, "segment"));
    for ((days, state), segment) in days.iter().zip(&states).zip(&segments) {
        assert!(state.is_some() && (*days <= Some(1_095) || state.as_deref() == Some("lost")), "{days:?}: {state:?}");
        assert_eq!(state.as_deref() == Some("lost"), segment.as_deref() == Some("gone"));
    }
    let rawlinson = texts(&values, "customer_id").iter().position(|id| id.as_deref() == Some("Rawlinson")).unwrap();
    assert_eq!(days[rawlinson], Some(63_115), "bought once, on 1741-03-12");
    assert_eq!(states[rawlinson].as_deref(), Some("lost"));
    let card = card(&summary);
    let counted: u64 =
        card["lifecycle"]["states"].as_array().unwrap().iter().map(|s| s["customers"].as_u64().unwrap()).sum();
    assert_eq!(counted, 3_079);
    let sums: i128 = classes(&card).iter().map(|(_, sum)| sum.parse::<i128>().unwrap()).sum();
    assert_eq!(sums, sum(&values, "net_revenue"));
}

/// Of the largest customers of a published analysis of the same rows.
const RETAIL: [(i128, i128, i128); 4] =
    [(18_102, 60, 259_657_300), (17_450, 46, 194_550_790), (16_446, 2, 168_472_500), (14_911, 201, 143_825_060)];

#[test]
fn published_spend_and_frequency_of_online_retail() {
    let output = tempdir().unwrap();
    let summary = run("pipelines/online_retail.yaml", "2011-12-09", output.path(), &[]).expect(0).summary();
    let values = read(&folder(&summary, "customer_values"));
    let (ids, orders) = (integers(&values, "customer_id"), integers(&values, "orders"));
    let revenue = integers(&values, "total_revenue");
    for (id, frequency, monetary) in RETAIL {
        let row = ids.iter().position(|found| *found == Some(id)).unwrap();
        assert_eq!((orders[row], revenue[row]), (Some(frequency), Some(monetary)), "customer {id}");
    }
    // Twelve minutes a champion: the large order was taken back.
    let row = ids.iter().position(|found| *found == Some(16_446)).unwrap();
    assert_eq!(integers(&values, "net_revenue")[row], Some(2_900));
    assert_eq!(texts(&values, "abc_class")[row].as_deref(), Some("C"));
    // Nothing of theirs stands: there is no rhythm and no spend to class.
    let (states, steady) = (texts(&values, "lifecycle"), texts(&values, "xyz_class"));
    let periods = integers(&values, "r_score");
    for ((state, steady), score) in states.iter().zip(steady).zip(periods) {
        assert_eq!(state.as_deref() == Some("prospect"), score.is_none());
        assert!(score.is_some() || steady.is_none());
    }
}
