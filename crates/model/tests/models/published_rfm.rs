//! RFM scores of the R package rfm's customers, and those of an independent script for every tie rule.

use appraise_model::{RF_GRID, RfmConfig, ScoreMethod, Ties};
use appraise_schema::KeyType;

use crate::customers::{Customer, as_of, buyer, features, fit, plan, rows, scores, texts};

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
