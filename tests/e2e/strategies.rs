//! The auction house's strategies: who has one has a row, caps and hold-outs hold, and who is suppressed is left alone.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use serde_json::Value;
use tempfile::tempdir;

use crate::program::{folder, run, say};
use crate::tables::{integers, read, texts};

const PIPELINE: &str = "pipelines/auction_house.yaml";
const AS_OF: &str = "2024-12-31";

fn column(table: &RecordBatch, name: &str) -> Vec<String> {
    texts(table, name).into_iter().map(Option::unwrap_or_default).collect()
}

/// Rows of a strategy with a status, as their places.
fn places(actions: &RecordBatch, strategy: &str, status: &str) -> Vec<usize> {
    let (strategies, statuses) = (column(actions, "strategy"), column(actions, "status"));
    (0..actions.num_rows()).filter(|&row| strategies[row] == strategy && statuses[row] == status).collect()
}

#[test]
fn who_has_a_strategy_has_one_row_that_says_what_is_done_and_why() {
    let output = tempdir().unwrap();
    let summary = run(PIPELINE, AS_OF, output.path(), &[]).expect(0).summary();
    let (values, actions) = (read(&folder(&summary, "customer_values")), read(&folder(&summary, "customer_actions")));
    let names = ["customer_id", "segment", "strategy"];
    let of_table = |table: &RecordBatch| {
        let columns = names.map(|name| column(table, name));
        (0..table.num_rows()).map(|row| columns.clone().map(|of| of[row].clone())).collect::<Vec<_>>()
    };
    let with_strategy: Vec<_> = of_table(&values).into_iter().filter(|[_, _, strategy]| !strategy.is_empty()).collect();
    assert_eq!(of_table(&actions), with_strategy, "the rows of those who have one, in their order");
    assert_eq!(summary["tables"]["customer_actions"]["rows"], actions.num_rows());
    let strategies: BTreeSet<String> = column(&actions, "strategy").into_iter().collect();
    assert_eq!(strategies.into_iter().collect::<Vec<_>>(), ["collect", "convert", "court", "retire", "win_back"]);

    let (segments, reasons) = (column(&actions, "segment"), column(&actions, "reason"));
    let because = texts(&actions, "status_reason");
    for (row, status) in column(&actions, "status").iter().enumerate() {
        assert!(reasons[row].contains(&format!("segment {}: ", segments[row])), "{}", reasons[row]);
        assert_eq!(because[row].is_none(), status == "act");
    }
    let collect = places(&actions, "collect", "act")[0];
    assert!(reasons[collect].starts_with("owes us money, or walked away from lots; segment "), "{}", reasons[collect]);
    caps_hold(&actions);
    books_agree(&summary, &actions);
    let snapshot = summary["snapshot"].as_str().unwrap();
    say(&["verify", "--output", output.path().to_str().unwrap(), snapshot]).expect(0);
    let dictionary = std::fs::read_to_string(format!("{snapshot}/DICTIONARY.md")).unwrap();
    assert!(dictionary.contains("customer_actions") && dictionary.contains("expected_gain"));
}

fn caps_hold(actions: &RecordBatch) {
    let gains = integers(actions, "expected_gain");
    for (strategy, cap) in [("court", 40), ("win_back", 15)] {
        let (act, capped) = (places(actions, strategy, "act"), places(actions, strategy, "capped"));
        assert!(act.len() == cap || (act.len() < cap && capped.is_empty()), "{strategy}: {}", act.len());
        let least = act.iter().map(|&row| gains[row]).min();
        let most = capped.iter().map(|&row| gains[row]).max();
        assert!(most <= least, "{strategy}: {most:?} {least:?}");
    }
    assert!(!places(actions, "court", "capped").is_empty() && !places(actions, "convert", "act").is_empty());
}

/// The card's sums are those of the rows.
fn books_agree(summary: &Value, actions: &RecordBatch) {
    let card = format!("{}/model_card.json", summary["snapshot"].as_str().unwrap());
    let card: Value = serde_json::from_slice(&std::fs::read(card).unwrap()).unwrap();
    let budgets = integers(actions, "budget");
    for of in card["strategies"]["strategies"].as_array().unwrap() {
        let name = of["strategy"].as_str().unwrap();
        for status in ["act", "control", "capped", "suppressed"] {
            assert_eq!(of[status], places(actions, name, status).len(), "{name} {status}");
        }
        let spent: i128 = places(actions, name, "act").iter().filter_map(|&row| budgets[row]).sum();
        match of["spend"].as_str() {
            Some(total) => assert_eq!(total.replace('.', "").parse::<i128>().unwrap(), spent, "{name}"),
            None => assert_eq!(spent, 0, "{name}"),
        }
    }
    let rules = card["strategies"]["suppress"].as_array().unwrap();
    let met: u64 = rules.iter().map(|rule| rule["customers"].as_u64().unwrap()).sum();
    assert_eq!(met, column(actions, "status").iter().filter(|status| *status == "suppressed").count() as u64);
}

#[test]
fn who_is_suppressed_is_left_alone_and_the_control_group_stays_the_same() {
    let output = tempdir().unwrap();
    let night = |as_of: &str, more: &[&str]| {
        let summary = run(PIPELINE, as_of, output.path(), more).expect(0).summary();
        (read(&folder(&summary, "customer_actions")), read(&folder(&summary, "customer_features")))
    };
    // All customers have one strategy; dumps of the first night are those of the second.
    let all = [
        "--set",
        "model.strategies={ call: { for: [unassigned], actions: [call], control_share: 20% } }",
        "--set",
        "model.segments=[{ name: nobody, when: orders < 0 }]",
        "--set",
        "model.suppress=opted_out",
        "--set",
        "model.groups=[[industry]]",
    ];
    let (actions, features) = night(AS_OF, &all);
    let opted_out: BTreeMap<String, bool> = column(&features, "customer_id")
        .into_iter()
        .zip(texts(&features, "opted_out"))
        .map(|(id, out)| (id, out.as_deref() == Some("true")))
        .collect();
    let (ids, statuses) = (column(&actions, "customer_id"), column(&actions, "status"));
    assert_eq!(ids.len(), opted_out.len());
    for (id, status) in ids.iter().zip(&statuses) {
        assert_eq!(status == "suppressed", opted_out[id], "{id}");
    }
    let control = |actions: &RecordBatch| {
        let ids = column(actions, "customer_id");
        places(actions, "call", "control").into_iter().map(|row| ids[row].clone()).collect::<BTreeSet<_>>()
    };
    let first = control(&actions);
    let open = ids.len() - statuses.iter().filter(|status| *status == "suppressed").count();
    // A fifth, within four standard deviations.
    let (expected, deviation) = (0.2 * open as f64, (0.16 * open as f64).sqrt());
    assert!((first.len() as f64 - expected).abs() < 4.0 * deviation, "{} of {open}", first.len());

    let more = [&all[..], &["--set", "model.rfm.score_weights.r=0.5"]].concat();
    let (another, _) = night(AS_OF, &more);
    assert_eq!(control(&another), first);
}
