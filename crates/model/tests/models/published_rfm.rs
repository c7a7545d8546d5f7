//! RFM scores of the R package rfm's customers, and those of an independent script for every tie rule.

use std::sync::Arc;

use appraise_model::{AbcConfig, ModelConfig, ModelPlan, RF_GRID, RfmConfig, ScoreMethod, Ties, Valued, XyzConfig};
use appraise_schema::{ColumnSpec, ColumnType, KeyType, Share, TableContract};
use arrow::array::{Float64Array, RecordBatch};
use serde_json::Value;

use crate::customers::{Customer, as_of, buyer, contract, features, fit, plan, rows, scores, texts, truth};

/// The customers of `rfm_variants.csv` in its order, with one order per period and whole amounts as money.
fn published_customers() -> Vec<Customer> {
    let number = |text: &str| text.parse::<i64>().unwrap();
    rows("rfm_variants.csv")
        .iter()
        .map(|row| {
            let days = i32::try_from(number(&row["R"])).unwrap();
            buyer(&row["customer_id"], days, number(&row["F"]), number(&row["M"]) * 100)
        })
        .collect()
}

fn published(file: &str, column: &str) -> Vec<Option<i32>> {
    rows(file).iter().map(|row| Some(row[column].parse().unwrap())).collect()
}

fn by_ties(ties: Ties) -> RfmConfig {
    let method = ScoreMethod::Quantile { ties };
    RfmConfig {
        recency: method.clone(),
        frequency: method.clone(),
        monetary: method,
        separate_one_time: false,
        ..RfmConfig::default()
    }
}

#[test]
fn every_tie_rule_meets_the_published_scores_of_995_customers() {
    let customers = published_customers();
    assert_eq!(customers.len(), 995);
    for (ties, name) in [(Ties::Low, "minrank"), (Ties::Mid, "mid"), (Ties::High, "maxrank"), (Ties::Split, "ntile")] {
        let valued = fit(&by_ties(ties), &customers);
        for (score, letter) in [("r_score", "R"), ("f_score", "F"), ("m_score", "M")] {
            let column = format!("{letter}_{name}");
            assert_eq!(scores(&valued, score), published("rfm_variants.csv", &column), "{column}");
        }
    }
}

/// Its rows are in another order than the variants': they are matched by customer.
fn in_order_of_customers(file: &str, column: &str) -> Vec<Option<String>> {
    let rows = rows(file);
    published_customers()
        .iter()
        .map(|customer| rows.iter().find(|row| row["customer_id"] == customer.id).map(|row| row[column].clone()))
        .collect()
}

/// The package's cut-offs: a score is reached at its lower bound. Amounts are whole, days are counted from the
/// other end, and its F scores are those of `ties: low`.
fn r_package() -> RfmConfig {
    let bounds = rows("r_rfm_thresholds.csv");
    let number = |text: &str| text.parse::<f64>().unwrap();
    #[expect(clippy::cast_possible_truncation, reason = "thresholds of days and cents are small")]
    let round = |value: f64| value as i64;
    let days = bounds.iter().take(4).rev().map(|row| round(number(&row["recency_upper"]).ceil()) - 1);
    let cents = bounds.iter().skip(1).map(|row| round((number(&row["monetary_lower"]) * 100.0).round()));
    RfmConfig {
        recency: ScoreMethod::Thresholds { cuts: days.collect() },
        monetary: ScoreMethod::Thresholds { cuts: cents.collect() },
        ..by_ties(Ties::Low)
    }
}

#[test]
fn scores_of_the_r_package_are_met_by_its_thresholds_and_ties_low() {
    let valued = fit(&r_package(), &published_customers());
    for (ours, theirs) in [("r_score", "recency_score"), ("f_score", "frequency_score"), ("m_score", "monetary_score")]
    {
        let ours: Vec<Option<String>> =
            scores(&valued, ours).into_iter().map(|score| score.map(|score| score.to_string())).collect();
        assert_eq!(ours, in_order_of_customers("r_rfm_scores.csv", theirs), "{theirs}");
    }
    assert_eq!(texts(&valued, "rfm_cell"), in_order_of_customers("r_rfm_scores.csv", "rfm_score"));
}

/// Scores of the package's own test, from the lowest to the highest that a segment admits: recency, then
/// frequency and monetary alike.
const R_SEGMENTS: &[(&str, [i32; 2], [i32; 2])] = &[
    ("Champions", [4, 5], [4, 5]),
    ("Loyal Customers", [2, 5], [3, 5]),
    ("Potential Loyalist", [3, 5], [1, 3]),
    ("New Customers", [4, 5], [1, 1]),
    ("Promising", [3, 4], [1, 1]),
    ("Need Attention", [2, 3], [2, 3]),
    ("About To Sleep", [2, 3], [1, 2]),
    ("At Risk", [1, 2], [2, 5]),
    ("Can't Lose Them", [1, 1], [4, 5]),
    ("Lost", [1, 2], [1, 2]),
];

#[test]
fn segments_of_the_r_package_are_met_customer_by_customer() {
    let when = |[r0, r1]: [i32; 2], [low, high]: [i32; 2]| {
        format!(
            "r_score BETWEEN {r0} AND {r1} AND f_score BETWEEN {low} AND {high} AND m_score BETWEEN {low} AND {high}"
        )
    };
    let rules: Vec<(&str, String)> = R_SEGMENTS.iter().map(|(name, r, fm)| (*name, when(*r, *fm))).collect();
    let rules: Vec<(&str, &str)> = rules.iter().map(|(name, when)| (*name, when.as_str())).collect();
    let features = features(KeyType::Text, &published_customers(), 300);
    let valued = plan(r_package(), &rules).fit_and_apply(as_of(), &features).unwrap();
    let theirs = in_order_of_customers("r_rfm_segments.csv", "segment").into_iter();
    let theirs: Vec<Option<String>> =
        theirs.map(|segment| segment.map(|segment| segment.replace("Others", "unassigned"))).collect();
    assert_eq!(texts(&valued, "segment"), theirs);
    let segments = valued.card.segments.unwrap();
    assert_eq!((segments.rules[0].customers, segments.unassigned), (158, 48));
}

#[test]
fn the_rf_grid_meets_the_published_segments() {
    let features = features(KeyType::Text, &published_customers(), 400);
    let valued = plan(by_ties(Ties::Mid), RF_GRID).fit_and_apply(as_of(), &features).unwrap();
    let ours = |name: &str| {
        match name {
            "loyal_customers" => "loyal",
            "potential_loyalists" => "potential_loyalist",
            "new_customers" => "new",
            other => other,
        }
        .to_owned()
    };
    let theirs: Vec<Option<String>> =
        rows("rfm_variants.csv").iter().map(|row| Some(ours(&row["segment_RF_mid"]))).collect();
    assert_eq!(texts(&valued, "segment"), theirs);
}

/// F ranked within each R score, M within each cell of both.
fn nested() -> RfmConfig {
    let within = ScoreMethod::Nested { ties: Ties::Mid };
    RfmConfig { frequency: within.clone(), monetary: within, ..by_ties(Ties::Mid) }
}

#[test]
fn nested_scores_meet_the_published_ones_also_by_their_card() {
    let customers = published_customers();
    let valued = fit(&nested(), &customers);
    let again = plan(nested(), &[]).apply(&valued.card, &features(KeyType::Text, &customers, 333)).unwrap();
    let summary: Value = serde_json::from_str(&truth("rfm_abc_summary.json")).unwrap();
    let card = valued.card.rfm.as_ref().unwrap();
    for (score, name, fitted) in [
        ("r_score", "R_nest", &card.recency),
        ("f_score", "F_nest", &card.frequency),
        ("m_score", "M_nest", &card.monetary),
    ] {
        assert_eq!(scores(&valued, score), published("rfm_variants.csv", name), "{name}");
        assert_eq!(scores(&again, score), scores(&valued, score), "{name}");
        let counts = fitted.scores.iter().map(|score| (score.score.to_string(), Value::from(score.customers)));
        assert_eq!(Value::Object(counts.collect()), summary["score_counts"][name], "{name}");
    }
    assert_eq!((card.frequency.nested.len(), card.monetary.nested.len()), (1 + 5, 1 + 25));
}

#[test]
fn a_cell_that_nobody_was_fitted_in_takes_the_cut_offs_of_all_buyers() {
    // Whoever bought lately bought often: nobody scores R5 F1.
    let customers: Vec<Customer> = (1..=10_i32)
        .map(|place| buyer(&format!("c{place}"), place, i64::from(11 - place), i64::from(place) * 100))
        .collect();
    let config = RfmConfig { frequency: by_ties(Ties::Mid).frequency, ..nested() };
    let card = fit(&config, &customers).card;
    // The best of all has 5; the two of R5 F5 share 2 and 4 between them.
    let later = [buyer("new", 1, 1, 1_000), buyer("known", 1, 10, 1_000)];
    let valued = plan(config, &[]).apply(&card, &features(KeyType::Text, &later, 2)).unwrap();
    assert_eq!(texts(&valued, "rfm_cell"), [Some("515".to_owned()), Some("554".to_owned())]);
}

/// The published customers with the `spend_cv` of the script, classed.
fn classed() -> Valued {
    let customers = published_customers();
    let TableContract { name, meaning, mut columns } = contract(KeyType::Text);
    columns.push(ColumnSpec::nullable("spend_cv", ColumnType::Float64, "", "of the script"));
    let contract = TableContract::new(&name, &meaning, columns).unwrap();
    let variation =
        rows("rfm_variants.csv").iter().map(|row| row["xyz_cv"].parse::<f64>().ok()).collect::<Float64Array>();
    let base = &features(KeyType::Text, &customers, customers.len())[0];
    let columns = base.columns().iter().cloned().chain([Arc::new(variation) as _]).collect();
    let table = RecordBatch::try_new(contract.arrow(), columns).unwrap();
    let [a, b] = [0.8, 0.95].map(|share| Share::from_fraction(share).unwrap());
    let abc = Some(AbcConfig { measure: None, a, b });
    let config = ModelConfig { abc, xyz: Some(XyzConfig::default()), ..ModelConfig::default() };
    ModelPlan::new(&config, &contract).unwrap().fit_and_apply(as_of(), &[table]).unwrap()
}

/// The script goes row by row, so it tears two pairs of equal customers apart; here they share the better class.
#[test]
fn abc_classes_are_those_before_but_for_two_customers_whose_equals_are_better() {
    let valued = classed();
    let ours: Vec<String> = texts(&valued, "abc_class").into_iter().map(Option::unwrap).collect();
    let theirs = rows("rfm_variants.csv");
    let mut torn = Vec::new();
    for (row, class) in theirs.iter().zip(&ours) {
        let better = theirs.iter().filter(|other| other["M"] == row["M"]).map(|other| &other["abc_before"]).min();
        assert_eq!(Some(class), better, "{}", row["customer_id"]);
        torn.extend((*class != row["abc_before"]).then(|| format!("{} {}", row["customer_id"], row["M"])));
    }
    assert_eq!(torn, ["Laurel Morar 230", "Zola Nolan 375"]);
    let summary: Value = serde_json::from_str(&truth("rfm_abc_summary.json")).unwrap();
    let of = |class: &str| summary["abc_before"][class].as_u64().unwrap();
    let counts: Vec<u64> = valued.card.abc.unwrap().classes.iter().map(|class| class.customers).collect();
    assert_eq!(counts, [of("A") + 1, of("B"), of("C") - 1]);
}

#[test]
fn xyz_classes_are_the_published_ones() {
    let valued = classed();
    let theirs: Vec<Option<String>> = rows("rfm_variants.csv").iter().map(|row| Some(row["xyz"].clone())).collect();
    assert_eq!(texts(&valued, "xyz_class"), theirs);
    let counts: Vec<u64> = valued.card.xyz.unwrap().classes.iter().map(|class| class.customers).collect();
    assert_eq!(counts, [0, 8, 987]);
}
