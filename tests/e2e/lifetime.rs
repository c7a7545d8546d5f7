//! Lifetime values from raw rows: the published fits, groups that add up, the judgement of a backtest and its gate.

use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::program::{folder, run, say};
use crate::tables::{doubles, integers, read, sum, texts};

const CDNOW: &str = "pipelines/cdnow.yaml";
/// The published sample: every tenth of those who bought first early in 1997, in weeks.
const SAMPLE: [&str; 4] = [
    "--set",
    "sources.transactions.path=../data/cdnow/cdnow_sample.parquet",
    "--set",
    "sources.transactions.columns.customer_id=sample_id",
];

fn card(summary: &Value) -> Value {
    let snapshot = Path::new(summary["snapshot"].as_str().unwrap());
    serde_json::from_slice(&std::fs::read(snapshot.join("model_card.json")).unwrap()).unwrap()
}

/// Runs the sample with lifetime values as of the end of its calibration.
fn sample(output: &Path, clv: &str) -> Value {
    let set = format!("model.clv={clv}");
    run(CDNOW, "1997-09-30", output, &[&SAMPLE[..], &["--set", &set]].concat()).expect(0).summary()
}

fn close(found: &Value, published: f64, half_a_digit: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - published).abs() <= half_a_digit, "{found} is not {published}");
}

#[test]
fn bg_nbd_of_fader_hardie_and_lee_from_raw_rows() {
    let output = tempdir().unwrap();
    let summary = sample(output.path(), "{ purchases: bg_nbd, horizon: 39w, probabilities: 3 }");
    let clv = &card(&summary)["clv"];
    let fit = &clv["purchases"]["all"];
    for (name, published) in [("r", 0.24259), ("alpha", 4.41360), ("a", 0.79292), ("b", 2.42591)] {
        close(&fit["parameters"][name], published, 5e-6);
    }
    close(&fit["log_likelihood"], -9582.4292, 5e-5);
    let spend = &clv["spend"]["fit"];
    for (name, published) in [("p", 6.25), ("q", 3.74), ("v", 15.44)] {
        close(&spend["parameters"][name], published, 0.0051);
    }
    assert_eq!((&spend["customers"], &clv["fitted_customers"]), (&Value::from(946), &Value::from(2_357)));

    let values = read(&folder(&summary, "customer_values"));
    let features = read(&folder(&summary, "customer_features"));
    let of_first = texts(&values, "customer_id").iter().position(|id| id.as_deref() == Some("0001")).unwrap();
    assert_eq!(texts(&features, "customer_id")[of_first].as_deref(), Some("0001"));
    assert_eq!(integers(&features, "frequency")[of_first], Some(2));
    // E[Y(39) | 2, 30.43, 38.86] of the paper.
    assert!((doubles(&values, "expected_purchases")[of_first].unwrap() - 1.226).abs() < 5e-4);
    let none_to_three: f64 =
        (0..=3).map(|n| doubles(&values, &format!("probability_of_{n}_purchases"))[of_first].unwrap()).sum();
    assert!((0.9..1.0).contains(&none_to_three), "{none_to_three}");
    // Of whoever never came back, this model can't tell whether they left.
    let frequency = integers(&features, "frequency");
    for (frequency, alive) in frequency.iter().zip(doubles(&values, "p_alive")) {
        assert_eq!(alive.is_none(), *frequency == Some(0));
    }
}

#[test]
fn pareto_nbd_of_fader_and_hardie_from_raw_rows() {
    let output = tempdir().unwrap();
    let summary = sample(output.path(), "{ purchases: pareto_nbd, horizon: 39w }");
    let fit = &card(&summary)["clv"]["purchases"]["all"];
    close(&fit["log_likelihood"], -9594.9762, 5e-5);
    for (name, published) in [("r", 0.553), ("alpha", 10.578), ("s", 0.606), ("beta", 11.669)] {
        close(&fit["parameters"][name], published, 6e-4);
    }
    let values = read(&folder(&summary, "customer_values"));
    assert!(doubles(&values, "dert").iter().flatten().all(|dert| *dert > 0.0));
}

#[test]
fn groups_add_up_to_their_members_and_hold_their_intervals() {
    let output = tempdir().unwrap();
    let sets = ["--set", "model.groups=[[segment]]", "--set", "model.clv={ horizon: 1y, margin: 30% }"];
    let summary = run(CDNOW, "1998-06-30", output.path(), &sets).expect(0).summary();
    let values = read(&folder(&summary, "customer_values"));
    let groups = read(&folder(&summary, "group_values"));
    let ids = texts(&groups, "group_id");
    assert_eq!(ids[0].as_deref(), Some("all"));
    for column in ["clv", "total_revenue", "net_revenue"] {
        let totals = integers(&groups, column);
        assert_eq!(totals[0], Some(sum(&values, column)), "{column}");
        assert_eq!(totals[1..].iter().flatten().sum::<i128>(), sum(&values, column), "{column}");
    }
    assert_eq!(integers(&groups, "customers")[0], Some(23_570));
    let champions = ids.iter().position(|id| id.as_deref() == Some("segment=champions")).unwrap();
    for row in [0, champions] {
        let of = |column: &str| integers(&groups, column)[row].unwrap();
        let expected = of("clv_expected_low")..of("clv_expected_high");
        assert!(expected.contains(&of("clv")), "{expected:?} {}", of("clv"));
        assert!(of("clv_realised_low") < expected.start && expected.end < of("clv_realised_high"));
    }
    let gini = doubles(&groups, "revenue_gini");
    assert!(gini.iter().flatten().all(|gini| (0.0..1.0).contains(gini)), "{gini:?}");
}

#[test]
fn a_backtest_tells_what_came_and_its_gate_stops_a_night() {
    let output = tempdir().unwrap();
    let repository = crate::program::repository();
    let pipeline = repository.join(CDNOW);
    let pipeline = pipeline.to_str().unwrap();
    let clv = "model.clv={ purchases: bg_nbd }";
    let said =
        say(&["backtest", pipeline, "--as-of", "1998-06-30", "--holdout", "39w", "--json", "--set", clv]).expect(0);
    let report = said.summary();
    assert_eq!((&report["cut"], &report["customers"]), (&Value::from("1997-09-30"), &Value::from(23_570)));
    let of_model = &report["purchases"][0];
    // Purchase days of all from October 1997 to June 1998, counted by a query.
    assert_eq!(of_model["actual"], 19_684.0);
    let bias = of_model["bias"].as_f64().unwrap();
    assert!((-0.2..0.0).contains(&bias), "{bias}");
    let shares = report["by_frequency"].as_array().unwrap();
    assert_eq!(shares.iter().map(|row| row["customers"].as_u64().unwrap()).sum::<u64>(), 23_570);
    assert!(!output.path().join("snapshots").exists());

    let gate = "gates.backtest={ holdout: 39w, max_bias: 5% }";
    let failed = run(CDNOW, "1998-06-30", output.path(), &["--set", clv, "--set", gate]).expect(5).summary();
    assert!(failed["message"].as_str().unwrap().contains("gates.backtest"), "{failed}");
    assert!(!output.path().join("CURRENT.json").exists());
    let gate = "gates.backtest={ holdout: 39w, max_bias: 20% }";
    run(CDNOW, "1998-06-30", output.path(), &["--set", clv, "--set", gate]).expect(0);
}

#[test]
fn a_backtest_leaves_its_tables_together_in_a_folder() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("judged");
    let pipeline = crate::program::repository().join(CDNOW);
    let set = "model.clv={ purchases: bg_nbd, covariates: [first_purchase_amount, spree] }";
    let own = "features.columns.spree=first_purchase_amount > 50";
    let arguments = [
        &["backtest", pipeline.to_str().unwrap(), "--as-of", "1998-06-30", "--holdout", "39w", "--holdout", "13w"][..],
        &["--steps", "3", "--json", "--set", set, "--set", own, "--out", out.to_str().unwrap()],
        &SAMPLE,
    ]
    .concat();
    let said = say(&arguments).expect(0);
    let reports: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(reports.len(), 2);
    let table = |name: &str| read(&out.join(name));
    let all = |list: &str, key: &str| -> Vec<Option<f64>> {
        reports.iter().flat_map(|report| report[list].as_array().unwrap()).map(|row| row[key].as_f64()).collect()
    };
    let (quality, frequency) = (table("backtest_quality"), table("backtest_frequency"));
    let is_purchases = texts(&quality, "quantity").into_iter().map(|text| text.as_deref() == Some("purchases"));
    let mae = doubles(&quality, "mean_absolute_error").into_iter().zip(is_purchases);
    let mae: Vec<_> = mae.filter(|(_, purchases)| *purchases).map(|(mae, _)| mae).collect();
    assert_eq!(mae, all("purchases", "mae"));
    assert_eq!(doubles(&frequency, "actual"), all("by_frequency", "actual"));
    assert_eq!(doubles(&table("backtest_deciles"), "lift"), all("deciles", "lift"));
    let tracking = table("backtest_tracking");
    assert_eq!(doubles(&tracking, "predicted"), all("tracking", "predicted"));
    assert_eq!(integers(&tracking, "holdout_days"), [273; 3].into_iter().chain([91; 3]).map(Some).collect::<Vec<_>>());
    let first: Vec<_> = tracking.schema().fields().iter().take(2).map(|field| field.name().clone()).collect();
    assert_eq!(first, ["as_of", "cut_date"]);
    assert!(tracking.schema().field(4).metadata()["meaning"].starts_with("purchase periods"));
    let dictionary = std::fs::read_to_string(out.join("DICTIONARY.md")).unwrap();
    assert!(dictionary.contains("## backtest_deciles") && dictionary.contains("| `until_date` | DATE | no |"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");

    // What is there is not replaced; nothing is read for it.
    let refused = say(&arguments).expect(2);
    assert!(refused.stderr.contains("is there, and not empty"), "{}", refused.stderr);
}

#[test]
fn a_gate_of_every_some_days_is_judged_when_it_is_due() {
    let output = tempdir().unwrap();
    let night = |as_of: &str, clv: &str, gate: &str, code: i32| -> (usize, Vec<String>) {
        let sets =
            [format!("model.clv={{ purchases: bg_nbd{clv} }}"), format!("gates.backtest={{ holdout: 13w, {gate} }}")];
        let more = [&SAMPLE[..], &["--set", &sets[0], "--set", &sets[1]]].concat();
        let summary = run(CDNOW, as_of, output.path(), &more).expect(code).summary();
        let record = output.path().join("runs").join(summary["run_id"].as_str().unwrap()).join("run.json");
        let record: Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
        let stages = record["stages"].as_array().unwrap();
        let judged = stages.iter().filter(|stage| stage["name"] == "backtest").count();
        let checks = record["checks"].as_array().unwrap().iter();
        let of_gate = checks.filter(|check| check["name"].as_str().unwrap().starts_with("gates."));
        (judged, of_gate.map(|check| format!("{} {}", check["name"], check["message"])).collect())
    };
    let weekly = "max_bias: 90%, every: 7d";
    assert_eq!(night("1998-01-31", "", weekly, 0).0, 1, "nothing was judged before");
    let (judged, checks) = night("1998-02-06", "", weekly, 0);
    let message = "\"gates.backtest.every\" \"passed 6 days ago, as of 1998-01-31: judged every 7 days\"";
    assert_eq!((judged, checks), (0, vec![message.to_owned()]));
    assert_eq!(night("1998-02-07", "", weekly, 0).0, 1, "a week after the one that was judged, not the one published");
    assert_eq!(night("1998-02-08", "", weekly, 0).0, 0);
    // An earlier date knows nothing of what was judged later.
    assert_eq!(night("1998-01-30", "", weekly, 0).0, 1);
    // Other lifetime values or another gate have passed nothing yet, and what fails does not count.
    assert_eq!(night("1998-02-09", ", horizon: 9mo", weekly, 0).0, 1);
    let strict = "max_bias: 0%, every: 7d";
    assert_eq!(night("1998-02-10", "", strict, 5).0, 1);
    assert_eq!(night("1998-02-11", "", strict, 5).0, 1);
}

#[test]
fn covariates_of_the_pipeline_file_are_fitted_and_told() {
    let output = tempdir().unwrap();
    let clv = "{ purchases: pareto_nbd, covariates: [first_purchase_amount, spree] }";
    let own = ["--set", "features.columns.spree=CASE WHEN first_purchase_amount > 50 THEN 'yes' ELSE 'no' END"];
    let set = format!("model.clv={clv}");
    let more = [&SAMPLE[..], &own, &["--set", &set, "--set", "model.groups=[[spree]]"]].concat();
    let summary = run(CDNOW, "1998-06-30", output.path(), &more).expect(0).summary();
    let clv = &card(&summary)["clv"];
    let covariates = &clv["purchases"]["covariates"];
    assert_eq!(covariates["rates"], serde_json::json!(["lambda", "mu"]));
    assert_eq!(covariates["columns"][1]["encoding"]["most_frequent"], "no");
    // Whoever begins with more comes back more often.
    let effect = &covariates["columns"][0]["effects"][0];
    let (gamma, error) = (effect["gamma"][0].as_f64().unwrap(), effect["standard_errors"][0].as_f64().unwrap());
    assert!(gamma > 2.0 * error, "{gamma} ± {error}");
    let groups = read(&folder(&summary, "group_values"));
    assert!(doubles(&groups, "purchases_expected_low").iter().all(Option::is_none));
    assert!(doubles(&groups, "expected_purchases").iter().all(|expected| expected.unwrap() > 0.0));
}

#[test]
fn customers_without_a_fit_are_an_error_or_get_what_stands_in() {
    // Two weeks of first purchases: hardly anybody came back, nobody could have left.
    let output = tempdir().unwrap();
    let start = |clv: &str| run(CDNOW, "1997-01-02", output.path(), &["--set", &format!("model.clv={clv}")]);
    let failed = start("{ purchases: pareto_nbd }").expect(5).summary();
    assert!(failed["message"].as_str().unwrap().contains("clv.purchases"), "{failed}");
    let summary = start("{ purchases: pareto_nbd, fallback: mean }").expect(0).summary();
    assert_eq!(card(&summary)["clv"]["purchases"]["model"], "mean");
    let values = read(&folder(&summary, "customer_values"));
    assert!(texts(&values, "clv_note").iter().all(|note| note.as_deref() == Some("fallback")));
}

#[test]
fn prospects_have_a_value_of_their_own_that_is_in_no_clv() {
    let output = tempdir().unwrap();
    let summary = run("pipelines/auction_house.yaml", "2024-12-31", output.path(), &[]).expect(0).summary();
    let values = read(&folder(&summary, "customer_values"));
    let (orders, clv) = (integers(&values, "orders"), integers(&values, "clv"));
    let prospects = integers(&values, "prospect_value");
    for ((orders, clv), prospect) in orders.iter().zip(&clv).zip(&prospects) {
        assert_eq!(prospect.is_some(), *orders == Some(0));
        assert!(prospect.is_none_or(|value| value > 0) && (prospect.is_none() || clv.is_none()));
    }
    // Those of an industry are alike: one value for each of seven.
    let mut distinct: Vec<i128> = prospects.into_iter().flatten().collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert!((2..=7).contains(&distinct.len()), "{distinct:?}");
    let groups = read(&folder(&summary, "group_values"));
    assert_eq!(integers(&groups, "prospect_value")[0], Some(sum(&values, "prospect_value")));
}
