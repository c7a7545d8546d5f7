//! Two published snapshots side by side, counted again from their tables; and the gate that compares a night with the one before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use serde_json::Value;
use tempfile::tempdir;

use crate::program::{Said, folder, repository, run, say};
use crate::tables::{doubles, integers, read, sum, texts};

const CDNOW: &str = "pipelines/cdnow.yaml";
/// Every tenth of the customers, with a lifetime value, classes and an index.
const SETS: [&str; 6] = [
    "sources.transactions.path=../data/cdnow/cdnow_sample.parquet",
    "sources.transactions.columns.customer_id=sample_id",
    "model.clv={ horizon: 1y, margin: 30% }",
    "model.abc={ measure: clv }",
    "model.lifecycle={}",
    "model.index={ tree: { now: { total_revenue: {}, orders: {} }, then: { clv: {} } }, tiers: { gold: 20%, rest: 80% } }",
];

/// Publishes the sample as of a date, with further settings.
fn night(output: &Path, as_of: &str, more: &[&str]) -> Said {
    let sets: Vec<&str> = SETS.iter().chain(more).flat_map(|set| ["--set", set]).collect();
    run(CDNOW, as_of, output, &sets)
}

/// `appraise compare` of the pipeline file as it stands, which made none of the snapshots.
fn compare(output: &Path, more: &[&str]) -> Value {
    let pipeline = repository().join(CDNOW);
    let arguments =
        [&["compare", pipeline.to_str().unwrap()][..], more, &["--json", "--output", output.to_str().unwrap()]]
            .concat();
    say(&arguments).expect(0).summary()
}

fn values(summary: &Value) -> RecordBatch {
    read(&folder(summary, "customer_values"))
}

/// What `DATE@ID` calls the snapshot of a run.
fn name(summary: &Value) -> String {
    let id = Path::new(summary["snapshot"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned();
    format!("{}@{id}", summary["as_of"].as_str().unwrap())
}

/// Money as a report writes it, in minor units.
fn minor(value: &Value) -> i128 {
    value.as_str().unwrap().replacen('.', "", 1).parse().unwrap()
}

/// The figure `part` of the effects on `column`, of `class` where customers are counted.
fn effect(report: &Value, column: &str, class: Option<&str>, part: &str) -> i128 {
    let rows = report["effects"].as_array().unwrap();
    let row = rows.iter().find(|row| row["column"] == column && row["class"].as_str() == class);
    let part = &row.unwrap_or_else(|| panic!("no {column} {class:?} in {report}"))[part];
    part.as_i64().map_or_else(|| minor(part), i128::from)
}

/// Millionths of a score, each rounded, in all.
#[expect(clippy::cast_possible_truncation, reason = "scores are small")]
fn millionths(table: &RecordBatch, column: &str) -> i128 {
    doubles(table, column).into_iter().flatten().map(|score| (score * 1e6).round_ties_even() as i128).sum()
}

type Seen<T> = BTreeMap<String, T>;
/// A class in the base and one in the new table.
type Cell<'c> = (Option<&'c str>, Option<&'c str>);

fn by_customer<T>(table: &RecordBatch, values: Vec<T>) -> Seen<T> {
    texts(table, "customer_id").into_iter().map(Option::unwrap).zip(values).collect()
}

#[test]
fn every_figure_is_that_of_the_two_tables() {
    let output = tempdir().unwrap();
    let base = night(output.path(), "1997-12-31", &[]).expect(0).summary();
    // Who only ever spent little is not there any more.
    let new = night(output.path(), "1998-06-30", &["sources.transactions.where=dollar_value > 15"]).expect(0).summary();
    let report = compare(output.path(), &[]);
    assert_eq!((&report["base"]["as_of"], &report["new"]["as_of"]), (&"1997-12-31".into(), &"1998-06-30".into()));
    let (base, new) = (values(&base), values(&new));

    // The migration matrix, by a map of customers.
    let cells = |table: &RecordBatch| {
        let classes = texts(table, "segment").into_iter().zip(integers(table, "clv"));
        by_customer(table, classes.map(|(class, clv)| (class.unwrap(), clv.unwrap_or_default())).collect())
    };
    let (of_base, of_new) = (cells(&base), cells(&new));
    let mut expected: BTreeMap<Cell<'_>, (u64, i128, i128)> = BTreeMap::new();
    for key in of_base.keys().chain(of_new.keys().filter(|key| !of_base.contains_key(*key))) {
        let (before, after) = (of_base.get(key), of_new.get(key));
        let cell = expected.entry((before.map(|of| of.0.as_str()), after.map(|of| of.0.as_str()))).or_default();
        *cell = (cell.0 + 1, cell.1 + before.map_or(0, |of| of.1), cell.2 + after.map_or(0, |of| of.1));
    }
    let matrix = report["migrations"].as_array().unwrap().iter().find(|of| of["column"] == "segment").unwrap();
    let found: BTreeMap<_, _> = matrix["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| {
            let sums = (cell["customers"].as_u64().unwrap(), minor(&cell["base_value"]), minor(&cell["new_value"]));
            ((cell["from"].as_str(), cell["to"].as_str()), sums)
        })
        .collect();
    assert_eq!(found, expected);
    let left = of_base.keys().filter(|key| !of_new.contains_key(*key)).count();
    assert!(left > 0 && report["customers"]["left"] == left);
    let columns: Vec<_> =
        report["migrations"].as_array().unwrap().iter().map(|of| of["column"].as_str().unwrap()).collect();
    assert_eq!(columns, ["segment", "value_tier", "abc_class", "lifecycle"]);

    // The bridge of all customers.
    let bridge = &report["bridges"][0];
    let step = |name: &str| minor(&bridge["all"][name]["value"]);
    let fell: i128 = of_base.iter().filter_map(|(key, of)| Some((of_new.get(key)?.1 - of.1).min(0))).sum();
    assert_eq!(bridge["column"], "clv");
    assert_eq!((step("start"), step("end"), step("fell")), (sum(&base, "clv"), sum(&new, "clv"), fell));
    let steps = ["left", "joined", "moved_out", "moved_in", "fell", "rose"];
    assert_eq!(step("start") + steps.iter().map(|name| step(name)).sum::<i128>(), step("end"));

    // The stability index of the RFM score.
    let (scores, later) = (doubles(&base, "rfm_score"), doubles(&new, "rfm_score"));
    let mut sorted: Vec<f64> = scores.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let class = |score: &Option<f64>| {
        score.map(|score| (1..10).filter(|k| sorted[(k * sorted.len()).div_ceil(10) - 1] < score).count())
    };
    let share = |of: &[Option<f64>], wanted| {
        (of.iter().filter(|score| class(score) == wanted).count() as f64 / of.len() as f64).max(1e-6)
    };
    let classes = (0..10).map(Some).chain([None]);
    let expected: f64 =
        classes.map(|of| (share(&scores, of), share(&later, of))).map(|(p, q)| (q - p) * (q / p).ln()).sum();
    let psi = report["psi"].as_array().unwrap().iter().find(|of| of["column"] == "rfm_score").unwrap();
    assert!((psi["psi"].as_f64().unwrap() - expected).abs() < 1e-9, "{psi} {expected}");
}

#[test]
fn effects_are_those_of_runs_that_scored_the_same_customers() {
    let (output, aside) = (tempdir().unwrap(), tempdir().unwrap());
    let weights = "model.rfm.score_weights={ r: 1, f: 1, m: 8 }";
    let base = night(output.path(), "1998-03-31", &[]).expect(0).summary();
    let new = night(output.path(), "1998-06-30", &[weights]).expect(0).summary();
    // What the base's configuration gives when it is fitted to the new customers: a run of its own.
    let refitted = night(aside.path(), "1998-06-30", &[]).expect(0).summary();
    let report = compare(output.path(), &["previous", "current"]);
    assert_eq!(report["effects_missing"], "");
    let (base, refitted, new) = (values(&base), values(&refitted), values(&new));
    let parts = ["base", "data", "cut_offs", "weights", "new"];
    let of = |column: &str, class: Option<&str>| parts.map(|part| effect(&report, column, class, part));
    for (column, total) in
        [("clv", sum as fn(&RecordBatch, &str) -> i128), ("rfm_score", millionths), ("value_index", millionths)]
    {
        let [start, data, cut_offs, weights, end] = of(column, None);
        assert_eq!((start, end), (total(&base, column), total(&new, column)), "{column}");
        assert_eq!(start + data + cut_offs, total(&refitted, column), "{column}");
        assert_eq!(weights, end - total(&refitted, column), "{column}");
    }
    assert!(of("rfm_score", None)[3] != 0 && of("clv", None)[3] == 0);
    // Quintiles are those of whoever is there: another fit, other scores.
    assert!(of("rfm_score", None)[2] != 0 && of("net_revenue", None)[2] == 0);
    let gold = |table: &RecordBatch| {
        texts(table, "value_tier").iter().filter(|tier| tier.as_deref() == Some("gold")).count() as i128
    };
    let [start, data, cut_offs, _, end] = of("value_tier", Some("gold"));
    assert_eq!((start, start + data + cut_offs, end), (gold(&base), gold(&refitted), gold(&new)));
}

#[test]
fn the_same_data_or_the_same_question_has_no_effect() {
    let output = tempdir().unwrap();
    let one = night(output.path(), "1998-03-31", &[]).expect(0).summary();
    let other =
        night(output.path(), "1998-03-31", &["model.rfm.bins=4", "model.segments=[{ name: big, when: m_score = 4 }]"]);
    let other = other.expect(0).summary();
    let later = night(output.path(), "1998-06-30", &[]).expect(0).summary();
    let none = |report: &Value, parts: &[&str]| {
        let rows = report["effects"].as_array().unwrap();
        let zero = |value: &Value| value.as_i64().map_or_else(|| minor(value), i128::from) == 0;
        assert!(rows.len() > 20 && rows.iter().all(|row| parts.iter().all(|part| zero(&row[*part]))), "{report}");
        rows.iter().any(|row| row["base"] != row["new"])
    };
    assert!(none(&compare(output.path(), &[&name(&one), &name(&other)]), &["data", "cut_offs"]));
    assert!(none(&compare(output.path(), &[&name(&one), &name(&later)]), &["weights"]));
    assert!(!none(&compare(output.path(), &[&name(&one), &name(&one)]), &["data", "cut_offs", "weights"]));

    // Scores by fixed cut-offs are the same whoever is fitted.
    let fixed = [
        "model.rfm.recency={ method: thresholds, cuts: [300, 200, 100, 50] }",
        "model.rfm.frequency={ method: thresholds, cuts: [2, 3, 4, 5] }",
        "model.rfm.monetary={ method: thresholds, cuts: [20, 40, 60, 100] }",
    ];
    let output = tempdir().unwrap();
    night(output.path(), "1998-03-31", &fixed).expect(0);
    night(output.path(), "1998-06-30", &fixed).expect(0);
    let report = compare(output.path(), &[]);
    assert!(effect(&report, "rfm_score", None, "data") != 0);
    assert_eq!(effect(&report, "rfm_score", None, "cut_offs"), 0);
}

#[test]
fn tables_and_text_tell_the_same_and_a_base_that_nobody_can_ask_again_is_named() {
    let place = tempdir().unwrap();
    let (output, out) = (place.path().join("tables"), place.path().join("compared"));
    night(&output, "1998-03-31", &[]).expect(0);
    night(&output, "1998-06-30", &[]).expect(0);
    let report = compare(&output, &["--out", out.to_str().unwrap()]);
    let count = |list: &str, of: &str| -> usize {
        report[list].as_array().unwrap().iter().map(|one| one[of].as_array().unwrap().len()).sum()
    };
    let table = |name: &str| read(&out.join(name));
    let (matrix, effects) = (table("compare_migration"), table("compare_effects"));
    assert_eq!(
        (matrix.num_rows(), table("compare_distributions").num_rows()),
        (count("migrations", "cells"), count("psi", "bins"))
    );
    assert_eq!(table("compare_bridge").num_rows(), 8 * (count("bridges", "segments") + 2));
    let all = |column: &str| sum(&effects, column);
    assert_eq!(
        all("base_figure") + all("data_effect") + all("cut_off_effect") + all("weight_effect"),
        all("new_figure")
    );
    assert_eq!(effects.num_rows(), report["effects"].as_array().unwrap().len());
    assert!(std::fs::read_to_string(out.join("DICTIONARY.md")).unwrap().contains("## compare_bridge"));

    let pipeline = repository().join(CDNOW);
    let arguments = ["compare", pipeline.to_str().unwrap(), "--output", output.to_str().unwrap()];
    let said = say(&arguments).expect(0).stdout;
    for line in ["what moved the figures", "distribution of", "segment: "] {
        assert!(said.contains(line), "{said}");
    }
    let refused = say(&[&arguments[..], &["--out", out.to_str().unwrap()]].concat()).expect(2);
    assert!(refused.stderr.contains("is there, and not empty"));

    std::fs::remove_dir_all(output.join("runs")).unwrap();
    let report = compare(&output, &[]);
    assert!(report["effects_missing"].as_str().unwrap().contains("no record of a run"), "{report}");
    assert_eq!(report["effects"], Value::Array(Vec::new()));
    assert!(count("psi", "bins") > 0);
    // The pipeline that made it needs no record.
    let sets: Vec<&str> = SETS.iter().flat_map(|set| ["--set", set]).collect();
    assert_eq!(compare(&output, &sets)["effects_missing"], "");

    let alone = place.path().join("alone");
    night(&alone, "1998-06-30", &[]).expect(0);
    let said = say(&["compare", pipeline.to_str().unwrap(), "--output", alone.to_str().unwrap()]).expect(4);
    assert!(said.stderr.contains("there is no date before 1998-06-30"), "{}", said.stderr);
}

#[test]
fn the_gate_stops_a_night_that_is_too_far_from_the_one_before() {
    let output = tempdir().unwrap();
    let checks = |summary: &Value| -> Vec<String> {
        let record: PathBuf = output.path().join("runs").join(summary["run_id"].as_str().unwrap()).join("run.json");
        let record: Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
        let checks = record["checks"].as_array().unwrap().iter().filter(|check| check["name"] == "gates.compare");
        checks.map(|check| format!("{} {} {}", check["name"], check["passed"], check["message"])).collect()
    };
    let strict = "gates.compare={ max_psi: 0.001, max_segment_shift: 0% }";
    let first = night(output.path(), "1998-03-31", &[strict]).expect(0).summary();
    assert_eq!(checks(&first).len(), 1);
    assert!(
        checks(&first)[0].contains("\"gates.compare\" true \"no earlier date is published with values"),
        "{:?}",
        checks(&first)
    );
    let failed = night(output.path(), "1998-06-30", &[strict]).expect(5).summary();
    let message = failed["message"].as_str().unwrap();
    assert!(
        message.contains("gate `gates.compare`: the distribution of `") && message.contains("of segment `"),
        "{message}"
    );
    assert!(checks(&failed)[0].starts_with("\"gates.compare\" false"));
    assert!(!output.path().join("snapshots/1998-06-30").exists());
    // An earlier date is compared with what is before it: nothing.
    night(output.path(), "1998-02-28", &[strict]).expect(0);

    let loose = "gates.compare={ max_psi: 9, max_segment_shift: 60% }";
    let passed = night(output.path(), "1998-06-30", &[loose]).expect(0).summary();
    let check = &checks(&passed)[0];
    // The gate reads what `compare` tells.
    let report = compare(output.path(), &[]);
    let psi = report["psi"].as_array().unwrap().iter().map(|of| of["psi"].as_f64().unwrap()).fold(0.0, f64::max);
    assert!(
        check.contains("against 1998-03-31@") && check.contains(&format!("greatest PSI {psi:.3}")),
        "{check} {psi}"
    );
}
