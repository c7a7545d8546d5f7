//! Gamma-gamma against its true values.

use crate::truth::{Misses, Truth, path};
use appraise_clv::{GammaGamma, Spend, Spends};
use serde_json::Value;

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

#[test]
fn fits_cdnow_as_the_reference_does() {
    let table = Truth::read("lt_cdnow_summary_monetary.csv");
    let [x, m] = ["frequency", "monetary_value"].map(|name| table.numbers(name));
    let spends = Spends::new((0..table.rows()).map(|row| (Spend { x: x[row], m: m[row] }, 1.0)));
    assert_eq!(spends.customers(), 946.0);
    println!("correlation {:?}", spends.correlation());
    let fit = GammaGamma::fit(&spends).unwrap();
    println!("{fit:?}");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path("reference_mle.json")).unwrap()).unwrap();
    let reference = &json["gamma_gamma"];
    for (i, parameter) in GammaGamma::PARAMETERS.iter().enumerate() {
        let truth = reference["params"][parameter].as_f64().unwrap();
        assert!((fit.parameters[i] / truth - 1.0).abs() <= 1e-6, "{parameter} {} not {truth}", fit.parameters[i]);
        let truth = reference["se_delta_method_logparams"][parameter].as_f64().unwrap();
        let error = (fit.standard_errors[i] / truth - 1.0).abs();
        assert!(error <= 1e-4, "error of {parameter} {} not {truth}", fit.standard_errors[i]);
    }
    let truth = reference["loglik"].as_f64().unwrap();
    assert!((fit.log_likelihood - truth).abs() <= 1e-8, "{} not {truth}", fit.log_likelihood);
    assert!(fit.gradient_norm <= 1e-9);
}
