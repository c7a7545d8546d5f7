//! Scenarios from options and files: the published weights, what is refused and how.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::scenarios::{Asked, Change, Draw, Scenario, ScenarioError, scenarios};
use crate::spec::overrides::Overrides;
use crate::spec::{Loaded, load_text};

/// The published weights, as the pipeline file has them.
const PIPELINE: &str = "version: 1
name: published
timezone: UTC
money: { unit: EUR, scale: 2 }
sources:
  transactions:
    path: none/*.parquet
    columns: { customer_id: c, time: t, amount: a }
features:
  columns: { recency_days: orders + 1, monetary: orders + 2, profit_contribution: orders + 3, engagement: orders + 4,
    potential: orders + 5, default_risk: orders + 6, days_to_pay: orders + 7 }
model:
  clv: { horizon: 12mo, margin: 30% }
  index:
    tree:
      all:
        recency_days: {}
        frequency: {}
        monetary: {}
        profit_contribution: {}
        engagement: {}
        potential: {}
        default_risk: {}
        days_to_pay: {}
    weights: { recency_days: 0.1, frequency: 0.15, monetary: 0.25, profit_contribution: 0.15, engagement: 0.1,
      potential: 0.1, default_risk: 0.1, days_to_pay: 0.05 }
    tiers: { best: 20%, rest: 80% }
export: { path: out }
";

/// A pipeline file in a folder.
struct File {
    folder: tempfile::TempDir,
    path: PathBuf,
    base: Loaded,
}

impl File {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.yaml");
        std::fs::write(&path, text).unwrap();
        let base = load_text(&Arc::from("p.yaml"), text, Path::new(""), &Overrides::default()).unwrap();
        Self { folder, path, base }
    }

    fn ask(&self, asked: &Asked) -> Result<Vec<Scenario>, ScenarioError> {
        scenarios(&self.path, &Overrides::default(), &self.base, asked)
    }

    fn vary(&self, vary: &[&str], keep_proportions: bool) -> Result<Vec<Scenario>, ScenarioError> {
        let vary = vary.iter().map(ToString::to_string).collect();
        self.ask(&Asked { vary, keep_proportions, ..Asked::default() })
    }

    fn named(&self, text: &str) -> Result<Vec<Scenario>, ScenarioError> {
        let path = self.folder.path().join("scenarios.yaml");
        std::fs::write(&path, text).unwrap();
        self.ask(&Asked { file: Some(path), ..Asked::default() })
    }

    fn draw(&self, number: u32, seed: u64) -> Vec<Scenario> {
        let draw = Some(Draw { number, concentration: 50.0, seed });
        self.ask(&Asked { draw, ..Asked::default() }).unwrap()
    }
}

/// The weights of the only group.
fn weights(scenario: &Scenario) -> Vec<f64> {
    let Change::Weights(index) = &scenario.change else { panic!("{scenario:?} changes more than weights") };
    index.groups[0].weights.weights(index.groups[0].indicators.len()).unwrap().0
}

fn said(error: ScenarioError) -> String {
    match error {
        ScenarioError::Usage { message, hint } => format!("{message} ({hint})"),
        ScenarioError::Problems(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn one_weight_at_a_time_gives_the_published_weights_in_both_conventions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/truth/mcdm/whatif.json");
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let names: Vec<&str> =
        truth["meta"]["criteria"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let number = |value: &Value| value.as_f64().unwrap();
    let file = File::new(PIPELINE);
    let cases = truth["whatif"]["one_at_a_time"].as_object().unwrap();
    assert_eq!(cases.len(), 112);
    for (case, expected) in cases {
        let parts: Vec<&str> = case.split('|').collect();
        let base = number(&truth["base_weights"][names.iter().position(|name| *name == parts[0]).unwrap()]);
        let changed = base * parts[1].trim_start_matches('x').parse::<f64>().unwrap();
        let keep = parts[2] == "fix_target_others_proportional";
        assert!(keep || parts[2] == "renormalise");
        let found = file.vary(&[&format!("model.index.weights.{}={changed}", parts[0])], keep).unwrap();
        let expected: Vec<f64> = expected["weights"].as_array().unwrap().iter().map(number).collect();
        let found = weights(&found[0]);
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-12), "{case}: {found:?}");
    }
}

#[test]
fn a_grid_takes_all_combinations_the_last_path_fastest() {
    let file = File::new(PIPELINE);
    let found = file.vary(&["model.clv.margin=20%,30%", "model.index.weights.monetary=0.1..0.3/0.1"], false).unwrap();
    let names: Vec<&str> = found.iter().map(|scenario| scenario.name.as_str()).collect();
    assert_eq!(names.len(), 6);
    assert_eq!(names[1], "clv.margin=20%, index.weights.monetary=0.2");
    assert_eq!((found[5].number, names[5]), (6, "clv.margin=30%, index.weights.monetary=0.3"));
    let weighed = |scenario: &Scenario| matches!(scenario.change, Change::Weights(_));
    // The margin of the file itself changes weights alone.
    assert_eq!(found.iter().map(weighed).collect::<Vec<_>>(), [false, false, false, true, true, true]);
    let both = ["model.index.weights.monetary=0.5", "model.index.weights.frequency=0.5"];
    let found = weights(&file.vary(&both, true).unwrap()[0]);
    assert!((found[1] - 0.5).abs() < 1e-15 && (found[2] - 0.5).abs() < 1e-15 && found[0] == 0.0, "{found:?}");
}

#[test]
fn draws_are_those_of_their_number_and_seed() {
    let file = File::new(PIPELINE);
    let (some, more) = (file.draw(17, 7), file.draw(300, 7));
    assert_eq!(some[16].sets, more[16].sets);
    assert_ne!(some[16].sets, file.draw(17, 8)[16].sets);
    assert_eq!(more[16].name, "draw 17");
    assert_eq!(some[16].sets.len(), 8, "an only group has no weight to draw");
    for (of, base) in [0.1, 0.15, 0.25, 0.15, 0.1, 0.1, 0.1, 0.05].into_iter().enumerate() {
        let drawn: Vec<f64> = more.iter().map(|scenario| weights(scenario)[of]).collect();
        let mean = drawn.iter().sum::<f64>() / 300.0;
        let error = (base * (1.0 - base) / 51.0 / 300.0_f64).sqrt();
        assert!((mean - base).abs() < 4.0 * error, "{mean}, not {base} ± {error}");
    }
    // What is printed gives the same index, to the bit.
    let grouped = File::new(&PIPELINE.replace("        monetary: {}", "      more:\n        monetary: {}"));
    for scenario in grouped.draw(5, 7) {
        let set = |set: &String| set.replacen('=', ": ", 1);
        let values: Vec<String> = scenario.sets.iter().map(set).collect();
        assert_eq!(values.len(), 10, "two groups of two and six");
        let again = grouped.named(&format!("scenarios: {{ again: {{ {} }} }}", values.join(", "))).unwrap();
        let index = |of: &Scenario| match &of.change {
            Change::Weights(index) => index.clone(),
            Change::Models(_) => panic!("{of:?} changes more than weights"),
        };
        assert_eq!(index(&scenario), index(&again[0]));
    }
}

#[test]
fn a_file_names_scenarios() {
    let file = File::new(PIPELINE);
    let found = file
        .named("scenarios:\n  cautious: { model.clv.discount_rate: 15%/y, model.clv.margin: '20%' }\n  keen: { model.index.tiers: { best: 10%, rest: 90% } }\n")
        .unwrap();
    assert_eq!(found[0].name, "cautious");
    assert_eq!(found[0].sets, ["model.clv.discount_rate=15%/y", "model.clv.margin=\"20%\""]);
    let Change::Models(keen) = &found[1].change else { panic!("tiers are no weights") };
    assert_eq!(keen.index.as_ref().unwrap().tiers[0].1, 0.1);
    for (text, words) in [
        ("scenario: {}", "did you mean `scenarios`?"),
        ("scenarios: 3", "expected a mapping of scenarios"),
        ("scenarios: { a: 3 }", "scenarios.a: expected a mapping of paths to values, found an integer"),
        ("[1]", "found a list"),
        ("scenarios: { a: { model.rfm.bin: 3 } }", "scenario `a`: --set model.rfm.bin"),
        ("scenarios: { a: { model.clv.margin: much } }", "`customer_features` has no column `much`"),
    ] {
        let said = said(file.named(text).unwrap_err());
        assert!(said.contains(words), "{text}: {said}");
    }
}

#[test]
fn what_is_no_scenario_is_refused_by_name() {
    let file = File::new(PIPELINE);
    for (vary, keep, words) in [
        ("model.index.weights.monetery=1", false, "did you mean `monetary`?"),
        ("model.index.weights.monetery=0.1", true, "did you mean `monetary`?"),
        ("model.idnex.weights.monetary=1", false, "unknown key `idnex`\n  hint: did you mean `index`?"),
        ("features.windows=[7d]", false, "changes parameters of `model` alone (set a path below `model.`"),
        ("model=1", false, "changes parameters of `model` alone"),
        ("params.x=1", false, "changes parameters of `model` alone"),
        ("model.groups=[]", false, "does not look at `model.groups` (run with --set instead"),
        ("model.index.weights.monetary=1.5", true, "`1.5` is no share (with --keep proportions"),
        ("model.index.weights.monetary=much", true, "`much` is no share"),
        ("model.clv.margin=20%", true, "none is varied"),
        ("model.clv.margin=0..1/0.00001", false, "more than 10000 values"),
        ("model.clv.margin", false, "expected PATH=VALUES"),
        ("model.index.weights.monetary=-1", false, "scenario `index.weights.monetary=-1`"),
    ] {
        let said = said(file.vary(&[vary], keep).unwrap_err());
        assert!(said.contains(words), "{vary}: {said}");
    }
    let range = "model.clv.margin=1%..90%/0.1%";
    assert!(
        said(file.vary(&[range, "model.index.weights.monetary=1..99/1"], false).unwrap_err()).contains("grid of more")
    );
    assert!(
        said(file.vary(&["model.clv.margin=1%", "model.clv.margin=2%"], false).unwrap_err()).contains("given twice")
    );
    assert!(said(file.ask(&Asked::default()).unwrap_err()).contains("no scenario is asked for"));
    let judged = PIPELINE
        .replace("        days_to_pay: {}\n", "        days_to_pay: {}\n      other:\n        orders: {}\n")
        .replace("    tiers:", "    ahp: { judgements: { groups: [[1, 3], [1/3, 1]] } }\n    tiers:");
    let draw = Some(Draw { number: 3, concentration: 9.0, seed: 1 });
    let refused = File::new(&judged).ask(&Asked { draw, ..Asked::default() }).unwrap_err();
    assert!(said(refused).contains("the weights of `groups` come from judgements"));
}
