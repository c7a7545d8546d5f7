//! Gamma-gamma against its true values.

use crate::truth::{Misses, Truth};
use appraise_clv::{GammaGamma, Spend};

#[test]
fn meets_its_true_values() {
    meets_truth(&Truth::read("gg.csv"));
    meets_truth(&Truth::read_own("drawn_gg.csv"));
}

/// Holds every row to the truth.
fn meets_truth(table: &Truth) {
    let columns = ["p", "q", "v", "x", "m", "loglik", "cond_exp_value", "pop_mean"].map(|name| table.numbers(name));
    let mut misses = Misses::default();
    for (row, flag) in table.column("flag").iter().enumerate() {
        let [p, q, v, x, mean, ll, conditional, population] = columns.each_ref().map(|column| column[row]);
        let model = GammaGamma::new(p, q, v).unwrap();
        let spend = Spend { x, m: mean };
        misses.log_likelihood("log likelihood", row, model.log_likelihood(&spend), ll);
        if flag.contains("cond_infinite") {
            assert_eq!(model.conditional_mean(&spend), None, "row {row}");
        } else {
            misses.relative("conditional mean", row, model.conditional_mean(&spend).unwrap(), conditional);
        }
        if flag.contains("pop_mean_infinite") {
            assert_eq!(model.mean(), None, "row {row}");
        } else {
            misses.relative("mean", row, model.mean().unwrap(), population);
        }
    }
    misses.report();
}

#[test]
fn scores_of_cdnow_customers_at_the_published_parameters() {
    let table = Truth::read("mpmath_scores_published_params.csv");
    let model = GammaGamma::new(6.25, 3.74, 15.44).unwrap();
    let [x, m, truth] = ["x", "m", "gg_cond_exp_value"].map(|name| table.numbers(name));
    let mut misses = Misses::default();
    for row in 0..table.rows() {
        let found = model.conditional_mean(&Spend { x: x[row], m: m[row] }).unwrap();
        misses.relative("conditional mean", row, found, truth[row]);
    }
    misses.report();
}
