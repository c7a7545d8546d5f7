//! Scenarios from raw rows: each is the run with its settings, in every figure, and what is no scenario is refused.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::RecordBatch;
use tempfile::tempdir;

use crate::program::{folder, run, say};
use crate::tables::{doubles, integers, read, texts};

const PIPELINE: &str = "pipelines/auction_house.yaml";
const AS_OF: &str = "2024-12-31";
const BINS: f64 = 4096.0;

/// `appraise what-if` of the house with its tables in `out`.
fn what_if(out: &Path, more: &[&str]) -> serde_json::Value {
    let arguments = ["what-if", PIPELINE, "--as-of", AS_OF, "--json", "--out", out.to_str().unwrap()];
    say(&[&arguments[..], more].concat()).expect(0).summary()
}

/// `customer_values` of a run of the house with settings, a line each.
fn values(output: &Path, settings: &str) -> RecordBatch {
    // The gate judges lifetime values at an earlier date, whatever is set; it takes the time of two runs.
    let mut more = vec!["--set", "gates={}"];
    more.extend(settings.lines().flat_map(|set| ["--set", set]));
    let summary = run(PIPELINE, AS_OF, output, &more).expect(0).summary();
    read(&folder(&summary, "customer_values"))
}

/// Rows of a table of scenarios that are of scenario `number`, of `column`.
fn of_scenario(table: &RecordBatch, number: i128, column: &str) -> Vec<usize> {
    let (numbers, columns) = (integers(table, "scenario"), texts(table, "class_column"));
    (0..table.num_rows())
        .filter(|&row| numbers[row] == Some(number) && columns[row].as_deref() == Some(column))
        .collect()
}

/// Compares the figures of scenario `number` with the tables of the runs that it and the base stand for.
fn assert_is_run(out: &Path, number: i128, base: &RecordBatch, scenario: &RecordBatch) {
    let classes = read(&out.join("scenario_segments"));
    let moves = read(&out.join("scenario_moves"));
    for column in ["value_tier", "segment", "abc_class", "lifecycle", "credit_grade", "value_cell"] {
        let (before, after) = (texts(base, column), texts(scenario, column));
        let (revenue, clv) = (integers(scenario, "net_revenue"), integers(scenario, "clv"));
        let mut expected: BTreeMap<Option<String>, (i128, i128, i128)> = BTreeMap::new();
        let mut pairs: BTreeMap<(Option<String>, Option<String>), i128> = BTreeMap::new();
        for row in 0..after.len() {
            let total = expected.entry(after[row].clone()).or_default();
            *total = (total.0 + 1, total.1 + revenue[row].unwrap(), total.2 + clv[row].unwrap_or(0));
            if before[row] != after[row] {
                *pairs.entry((before[row].clone(), after[row].clone())).or_default() += 1;
            }
        }
        let names = texts(&classes, "class_value");
        let of = |name: &str| integers(&classes, name);
        let (customers, revenue, clv) = (of("customers"), of("net_revenue"), of("clv"));
        let (entered, left) = (of("entered_customers"), of("left_customers"));
        let rows = of_scenario(&classes, number, column);
        for &row in &rows {
            let (count, sum, value) = expected.remove(&names[row]).unwrap_or_default();
            assert_eq!(
                (customers[row], revenue[row], clv[row]),
                (Some(count), Some(sum), Some(value)),
                "{column} {:?}",
                names[row]
            );
            let into: i128 =
                pairs.iter().filter(|((_, to), _)| *to == names[row]).map(|(_, customers)| customers).sum();
            let out: i128 =
                pairs.iter().filter(|((from, _), _)| *from == names[row]).map(|(_, customers)| customers).sum();
            assert_eq!((entered[row], left[row]), (Some(into), Some(out)));
        }
        assert!(!rows.is_empty() && expected.is_empty(), "{column}: {expected:?}");
        let (from, to, customers) =
            (texts(&moves, "from_class"), texts(&moves, "to_class"), integers(&moves, "customers"));
        let found = of_scenario(&moves, number, column).into_iter();
        let found: BTreeMap<_, _> =
            found.map(|row| ((from[row].clone(), to[row].clone()), customers[row].unwrap())).collect();
        assert_eq!(found, pairs, "{column}");
    }
    assert_ranks_alike(out, number, base, scenario);
}

/// The rows of the best tenth, by the definition.
fn top(index: &[Option<f64>]) -> Vec<bool> {
    let mut known: Vec<f64> = index.iter().flatten().copied().collect();
    known.sort_by(|a, b| b.total_cmp(a));
    let least = known[known.len().div_ceil(10) - 1];
    index.iter().map(|score| score.is_some_and(|score| score >= least)).collect()
}

fn assert_ranks_alike(out: &Path, number: i128, base: &RecordBatch, scenario: &RecordBatch) {
    let table = read(&out.join("scenarios"));
    let row = integers(&table, "scenario").iter().position(|of| *of == Some(number)).unwrap();
    let (before, after) = (doubles(base, "value_index"), doubles(scenario, "value_index"));
    let (of_base, of_scenario) = (top(&before), top(&after));
    let both = of_base.iter().zip(&of_scenario).filter(|(a, b)| **a && **b).count();
    let share = both as f64 / of_base.iter().filter(|top| **top).count() as f64;
    assert_eq!(doubles(&table, "top_decile_overlap")[row], Some(share));
    // Kendall's τ-b over all pairs; the house has fewer buyers than the sample has room for.
    let pairs: Vec<(f64, f64)> = before.iter().zip(&after).filter_map(|(a, b)| Some(((*a)?, (*b)?))).collect();
    assert!(pairs.len() > 100 && pairs.len() <= 10_000);
    let sign = |difference: f64| if difference == 0.0 { 0.0 } else { difference.signum() };
    let (mut agreement, mut told, mut told_there) = (0.0, 0.0, 0.0);
    for (place, one) in pairs.iter().enumerate() {
        for other in &pairs[..place] {
            let (x, y) = (sign(one.0 - other.0), sign(one.1 - other.1));
            agreement += x * y;
            told += x * x;
            told_there += y * y;
        }
    }
    let tau = agreement / (f64::sqrt(told) * f64::sqrt(told_there));
    assert!((doubles(&table, "kendall_tau_b")[row].unwrap() - tau).abs() < 1e-12);
    assert_eq!(integers(&table, "ranked_customers")[row], Some(after.iter().flatten().count() as i128));
}

/// The rank that stands for each customer's bin of scores, by the definition.
fn binned_ranks(index: &[Option<f64>]) -> Vec<Option<i128>> {
    let bin = |score: f64| (score * BINS).floor().min(BINS - 1.0);
    let rank = |of: f64| {
        let better = index.iter().flatten().filter(|other| bin(**other) > bin(of)).count();
        let same = index.iter().flatten().filter(|other| bin(**other) == bin(of)).count();
        (better + 1 + (same - 1) / 2) as i128
    };
    index.iter().map(|score| score.map(rank)).collect()
}

#[test]
fn drawn_scenarios_are_the_runs_with_their_settings() {
    let place = tempdir().unwrap();
    let out = place.path().join("drawn");
    let draws = ["--draw", "dirichlet", "--n", "3", "--concentration", "8", "--seed", "7"];
    let line = what_if(&out, &draws);
    assert_eq!(line["scenarios"].as_array().unwrap().len(), 3);
    assert_eq!(line["scenarios"][0]["is_fitted"], false);
    let scenarios = read(&out.join("scenarios"));
    let settings = texts(&scenarios, "settings");
    assert_eq!(settings[1].as_ref().unwrap().lines().count(), 15, "five groups of two indicators");
    let base = values(&place.path().join("base"), "");
    // With the features that this run has kept no dump is read, and the figures are the same.
    let (output, kept) = (place.path().join("base"), place.path().join("kept"));
    let arguments = ["what-if", PIPELINE, "--as-of", AS_OF, "--json", "--out", kept.to_str().unwrap()];
    let said = say(&[&arguments, &draws[..], &["--output", output.to_str().unwrap()]].concat()).expect(0);
    assert!(!said.stderr.contains("ingest"), "{}", said.stderr);
    assert_eq!(said.summary()["scenarios"], line["scenarios"]);
    assert_eq!(read(&kept.join("customer_robustness")), read(&out.join("customer_robustness")));
    assert_eq!(std::fs::read_dir(output.join(".staging")).unwrap().count(), 0);
    let runs: Vec<RecordBatch> = (1..=3)
        .map(|number| values(&place.path().join(number.to_string()), settings[number].as_ref().unwrap()))
        .collect();
    assert_is_run(&out, 0, &base, &base);
    for (number, run) in (1..).zip(&runs) {
        assert_is_run(&out, number, &base, run);
    }
    assert!(integers(&scenarios, "tier_moves")[1].unwrap() > 0);
    assert_eq!(integers(&scenarios, "segment_moves")[1], Some(0));

    // How firm each customer's place is: of three ranks the ends are the best and the worst.
    let robust = read(&out.join("customer_robustness"));
    let tops: Vec<Vec<bool>> = runs.iter().map(|run| top(&doubles(run, "value_index"))).collect();
    let ranks: Vec<_> = runs.iter().map(|run| binned_ranks(&doubles(run, "value_index"))).collect();
    let index = doubles(&base, "value_index");
    let ranked: Vec<usize> = (0..index.len()).filter(|&row| index[row].is_some()).collect();
    assert_eq!(robust.num_rows(), ranked.len());
    let (ids, all_ids) = (texts(&robust, "customer_id"), texts(&base, "customer_id"));
    let (tiers, all_tiers) = (texts(&robust, "value_tier"), texts(&base, "value_tier"));
    let (places, all_places) = (integers(&robust, "base_rank"), integers(&base, "value_rank"));
    let shares = doubles(&robust, "top_decile_probability");
    let (low, high) = (integers(&robust, "rank_low"), integers(&robust, "rank_high"));
    let (changes, to) = (doubles(&robust, "least_change"), texts(&robust, "least_change_tier"));
    for (place, &row) in ranked.iter().enumerate() {
        assert_eq!((&ids[place], &tiers[place], places[place]), (&all_ids[row], &all_tiers[row], all_places[row]));
        let times = tops.iter().filter(|top| top[row]).count();
        assert_eq!(shares[place], Some(times as f64 / 3.0));
        let of: Vec<i128> = ranks.iter().map(|ranks| ranks[row].unwrap()).collect();
        assert_eq!((low[place], high[place]), (of.iter().min().copied(), of.iter().max().copied()));
        assert!(changes[place].is_none_or(|change| change.abs() <= 1.0) && to[place] != tiers[place]);
    }
    assert!(changes.iter().flatten().any(|change| change.abs() < 0.05));

    let again = place.path().join("again");
    what_if(&again, &[&draws[..], &["--threads", "1"]].concat());
    for table in ["scenarios", "scenario_segments", "scenario_moves", "customer_robustness"] {
        let bytes = |folder: &Path| std::fs::read(folder.join(table).join("part-00000.parquet")).unwrap();
        assert_eq!(bytes(&out), bytes(&again), "{table}: any number of threads gives the same bytes");
    }
    assert!(std::fs::read_to_string(out.join("DICTIONARY.md")).unwrap().contains("least_change"));
}

#[test]
fn other_parameters_are_fitted_anew_and_are_runs_too() {
    let place = tempdir().unwrap();
    let file = place.path().join("scenarios.yaml");
    let text = "scenarios:
  lean: { model.clv.margin: 20%, model.lifecycle.new_days: 45, model.rfm.score_weights.m: 3 }
  all: { model.index.customers: all, model.abc.a: 60% }\n";
    std::fs::write(&file, text).unwrap();
    let out = place.path().join("out");
    let more = ["--vary", "model.index.ranking=topsis", "--scenarios", file.to_str().unwrap()];
    let line = what_if(&out, &more);
    let names: Vec<&str> =
        line["scenarios"].as_array().unwrap().iter().map(|of| of["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["index.ranking=topsis", "lean", "all"]);
    let settings = texts(&read(&out.join("scenarios")), "settings");
    let base = values(&place.path().join("base"), "");
    for number in 1..=3 {
        assert_eq!(line["scenarios"][number - 1]["is_fitted"], true);
        let run = values(&place.path().join(number.to_string()), settings[number].as_ref().unwrap());
        if number < 3 {
            assert_is_run(&out, number as i128, &base, &run);
        }
        let tiers = |of: &RecordBatch| texts(of, "value_tier");
        let moved = tiers(&base).iter().zip(tiers(&run)).filter(|(a, b)| **a != *b).count();
        assert_eq!(line["scenarios"][number - 1]["tier_moves"], moved);
    }
}

#[test]
fn rules_that_read_the_index_are_met_anew() {
    let place = tempdir().unwrap();
    let out = place.path().join("out");
    let rules =
        "model.segments=[{ name: best, when: \"value_tier = 'platinum'\" }, { name: rest, when: 'orders > 0' }]";
    let scenario = "model.index.weights.credit=60";
    let vary = ["--vary", scenario, "--set", rules, "--set", "model.strategies={}", "--set", "model.suppress={}"];
    let line = what_if(&out, &vary);
    let of = &line["scenarios"][0];
    assert_eq!((&of["is_fitted"], of["segment_moves"].as_u64().unwrap() > 0), (&true.into(), true));
    let lines = |last: &str| ["model.strategies={}", "model.suppress={}", rules, last].join("\n");
    let base = values(&place.path().join("base"), &lines("model.index.weights.credit=15"));
    let run = values(&place.path().join("run"), &lines(scenario));
    assert_is_run(&out, 1, &base, &run);
}

#[test]
fn a_summary_for_people_and_refusals_for_them() {
    let vary = "model.index.weights.loyalty=0.1..0.3/0.1";
    let told = say(&["what-if", PIPELINE, "--as-of", AS_OF, "--vary", vary, "--keep", "proportions"]).expect(0).stdout;
    for words in
        ["ranked by value_index", "3 scenarios: 0 fitted anew", "platinum", "index.weights.loyalty=0.3: ", "tau-b"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    for (more, code, words) in [
        (&["--vary", "model.clv.horzion=12mo"][..], 3, "did you mean `horizon`?"),
        (&["--vary", "features.windows=[7d]"], 2, "run with --set instead"),
        (&[], 2, "no scenario is asked for"),
        (&["--n", "3"], 2, "--draw"),
        (&["--draw", "dirichlet", "--n", "10001"], 2, "10000"),
        (&["--draw", "dirichlet", "--concentration", "0"], 2, "0.001"),
        (&["--draw", "dirichlet", "--n", "501", "--set", "model.index.ranking=vikor"], 2, "at most 500"),
        (&["--vary", "model.index.objective.method=merec"], 5, "scenario `index.objective.method=merec`"),
        (&["--scenarios", "nowhere.yaml"], 3, "nowhere.yaml"),
    ] {
        let said = say(&[&["what-if", PIPELINE, "--as-of", AS_OF], more].concat()).expect(code);
        assert!(said.stderr.contains(words), "{more:?}: {}", said.stderr);
    }
}
