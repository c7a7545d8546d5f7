//! A generated auction house, whose truth is known: whether customers pay as their grades say, what they owe and may lose, and
//! whom the potential puts first.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use serde_json::Value;
use tempfile::tempdir;

use crate::program::{folder, run, say};
use crate::tables::{integers, read, sum, texts};

const PIPELINE: &str = "pipelines/auction_house.yaml";
/// What is foretold, and when it is seen how it came.
const CUT: &str = "2024-03-31";
const LATER: &str = "2024-12-31";
/// Days since 1970-01-01 of the two.
const CUT_DAY: i128 = 19_813;
const LATER_DAY: i128 = 20_088;
/// Days after which an open invoice is in default.
const GRACE: i128 = 90;

fn doubles(table: &RecordBatch, column: &str) -> Vec<Option<f64>> {
    table.column_by_name(column).unwrap().as_primitive::<Float64Type>().iter().collect()
}

fn ids(table: &RecordBatch, column: &str) -> Vec<i128> {
    integers(table, column).into_iter().map(Option::unwrap).collect()
}

/// A column of the truth about customers.
fn truth(dumps: &Path, column: &str) -> BTreeMap<i128, f64> {
    let place = tempdir().unwrap();
    std::fs::copy(dumps.join("truth_customers.parquet"), place.path().join("truth.parquet")).unwrap();
    let table = read(place.path());
    let values = doubles(&table, column).into_iter().map(|value| value.unwrap_or(0.0));
    ids(&table, "customer_id").into_iter().zip(values).collect()
}

/// Values the house as of a date, all dumps being those of the last night.
fn value(dumps: &Path, as_of: &str, output: &Path) -> Value {
    let mut set = vec![format!("params.dumps={}", dumps.display())];
    for source in ["customers", "invoices"] {
        set.push(format!("sources.{source}.path={}/{source}/dt={LATER}/*.parquet", dumps.display()));
    }
    let more: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).collect();
    run(PIPELINE, as_of, output, &more).expect(0).summary()
}

fn generate(dumps: &Path) {
    let dumps = dumps.to_str().unwrap();
    say(&["generate", dumps, "--customers", "20000", "--seed", "11", "--dirt"]).expect(0);
}

/// Invoices that were issued after the cut, and are judged by the last night: how many of each customer, and how many of
/// these were never paid.
fn later_invoices(dumps: &Path) -> BTreeMap<i128, (f64, f64)> {
    let table = read(&dumps.join(format!("invoices/dt={LATER}")));
    let [issued, due, settled, cancelled] =
        ["issued_on", "due_on", "settled_on", "cancelled_on"].map(|column| integers(&table, column));
    let mut later: BTreeMap<i128, (f64, f64)> = BTreeMap::new();
    for (row, customer) in ids(&table, "client_id").into_iter().enumerate() {
        let judged = issued[row] > Some(CUT_DAY) && due[row].is_some_and(|due| due <= LATER_DAY - GRACE);
        if judged && cancelled[row].is_none() {
            let of = later.entry(customer).or_default();
            of.0 += 1.0;
            of.1 += f64::from(u8::from(settled[row].is_none()));
        }
    }
    later
}

/// α + β of the narrowest group of the card.
fn concentration(card: &Value, group: &[Option<String>]) -> f64 {
    let groups = card["credit"]["groups"].as_array().unwrap();
    let of = |depth: usize| groups.iter().find(|of| of["group"] == serde_json::json!(group[..depth]));
    let nearest = (0..=group.len()).rev().find_map(of).unwrap();
    nearest["alpha"].as_f64().unwrap() + nearest["beta"].as_f64().unwrap()
}

/// Invoices foretold at the cut are those that were not yet issued then: how a bill that was open at the cut came out depends on
/// its having been open, which the probability of default of a new bill does not know.
#[test]
fn each_grade_pays_as_foretold_and_the_expected_loss_is_the_true_one() {
    let place = tempdir().unwrap();
    let dumps = place.path().join("dumps");
    generate(&dumps);
    let summary = value(&dumps, CUT, &place.path().join("out"));
    let values = read(&folder(&summary, "customer_values"));
    let features = read(&folder(&summary, "customer_features"));
    let snapshot = Path::new(summary["snapshot"].as_str().unwrap());
    let card: Value = serde_json::from_slice(&std::fs::read(snapshot.join("model_card.json")).unwrap()).unwrap();

    let later = later_invoices(&dumps);
    let [industry, size, grade] = [(&features, "industry"), (&features, "company_size"), (&values, "credit_grade")]
        .map(|(table, column)| texts(table, column));
    let (chance, seen) = (doubles(&values, "probability_of_default"), integers(&features, "invoices_matured"));
    // By grade: customers, invoices, defaults foretold with their variance, and those that came.
    let mut grades: BTreeMap<String, [f64; 5]> = BTreeMap::new();
    let customers = ids(&values, "customer_id");
    assert_eq!(customers, ids(&features, "customer_id"));
    for (row, customer) in customers.iter().enumerate() {
        let of = grades.entry(grade[row].clone().unwrap()).or_default();
        of[0] += 1.0;
        let Some((invoices, defaults)) = later.get(customer) else { continue };
        let p = chance[row].unwrap();
        // Beta-binomial: all invoices of a customer have one probability, which is not known for certain.
        let sum = concentration(&card, &[industry[row].clone(), size[row].clone()]) + seen[row].unwrap() as f64;
        of[1] += invoices;
        of[2] += invoices * p;
        of[3] += invoices * p * (1.0 - p) * (sum + invoices) / (sum + 1.0);
        of[4] += defaults;
    }
    assert_eq!(grades.keys().collect::<Vec<_>>(), ["A", "B", "C", "D"]);
    for (grade, [customers, invoices, foretold, variance, came]) in &grades {
        let half = 1.96 * variance.sqrt();
        println!(
            "{grade}: {customers} customers, {invoices} invoices, foretold {foretold:.1} ± {half:.1}, came {came}"
        );
        assert!((came - foretold).abs() <= half, "{grade}: foretold {foretold} ± {half}, came {came}");
    }
    for of in card["credit"]["grades"].as_array().unwrap() {
        assert_eq!(of["customers"].as_f64(), Some(grades[of["grade"].as_str().unwrap()][0]));
    }

    check_adjusted(&values, &features);
    let [open, lost] = ["exposure", "exposure_in_default"].map(|column| integers(&features, column));
    let probability = truth(&dumps, "default_probability");
    let true_loss: f64 = customers
        .iter()
        .enumerate()
        .map(|(row, customer)| 0.6 * (probability[customer] * open[row].unwrap() as f64 + lost[row].unwrap() as f64))
        .sum();
    let not_in_default = |of: f64| of - 0.6 * sum(&features, "exposure_in_default") as f64;
    let found = sum(&values, "expected_loss") as f64;
    println!("expected loss {found:.0}, by true probabilities {true_loss:.0}");
    assert!((found / true_loss - 1.0).abs() < 0.1, "{found} {true_loss}");
    // What is in default already is the same in both.
    let ratio = not_in_default(found) / not_in_default(true_loss);
    assert!((ratio - 1.0).abs() < 0.1, "{ratio} of what is not in default yet");
}

/// clv is discounted purchases · spend · margin, so what defaults lose of it follows from it.
fn check_adjusted(values: &RecordBatch, features: &RecordBatch) {
    let money = |column| integers(values, column);
    let (clv, adjusted, loss) = (money("clv"), money("credit_adjusted_clv"), money("expected_loss"));
    let (chance, margin) = (doubles(values, "probability_of_default"), doubles(features, "premium_share"));
    let mut compared = 0;
    for row in 0..clv.len() {
        assert_eq!(clv[row].is_some(), adjusted[row].is_some());
        if let (Some(clv), Some(adjusted), Some(margin)) = (clv[row], adjusted[row], margin[row]) {
            let wanted = clv as f64 * (1.0 - 0.6 * chance[row].unwrap() / margin) - loss[row].unwrap() as f64;
            assert!((adjusted as f64 - wanted).abs() <= 3.0 + 1e-9 * wanted.abs(), "{adjusted} {wanted}");
            compared += 1;
        }
    }
    assert!(compared > 10_000, "{compared}");
}

/// Mean ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    for tie in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let mean = from as f64 + (tie.len() - 1) as f64 / 2.0;
        tie.iter().for_each(|row| ranks[*row] = mean);
        from += tie.len();
    }
    ranks
}

fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let [a, b] = [a, b].map(ranks);
    let middle = (a.len() - 1) as f64 / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum::<f64>();
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

/// True is what the house was drawn with: the pounds that a customer is expected to bring in the 365 days after the last one,
/// nothing of whoever has dropped out or never buys.
#[test]
fn the_expected_potential_ranks_customers_better_than_rfm_and_past_revenue() {
    let place = tempdir().unwrap();
    let dumps = place.path().join("dumps");
    generate(&dumps);
    let summary = value(&dumps, LATER, &place.path().join("out"));
    let values = read(&folder(&summary, "customer_values"));
    let truth = truth(&dumps, "expected_value_next_year");
    let wanted: Vec<f64> = ids(&values, "customer_id").iter().map(|customer| truth[customer]).collect();
    let money = |column| integers(&values, column).into_iter().map(|cell| cell.unwrap_or(0) as f64).collect::<Vec<_>>();
    let score = doubles(&values, "rfm_score").into_iter().map(Option::unwrap_or_default).collect();
    let columns = [
        ("expected_potential_value", money("expected_potential_value")),
        ("rfm_score", score),
        ("net_revenue", money("net_revenue")),
        ("potential_value", money("potential_value")),
        ("clv", money("clv")),
    ];
    let buyers: Vec<usize> =
        integers(&values, "orders").iter().enumerate().filter(|(_, n)| **n > Some(0)).map(|(row, _)| row).collect();
    let everybody: Vec<usize> = (0..wanted.len()).collect();
    for (who, rows) in [("everybody", everybody), ("buyers", buyers)] {
        let of = |values: &[f64]| rows.iter().map(|row| values[*row]).collect::<Vec<_>>();
        let found = columns.each_ref().map(|(name, values)| (*name, spearman(&of(values), &of(&wanted))));
        println!("{who}: {found:.3?}");
        assert!(found[0].1 > found[1].1 + 0.1 && found[0].1 > found[2].1 + 0.1, "{who}: {found:?}");
    }
}
