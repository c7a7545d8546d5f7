//! Fits of the public data sets against reference fits, which were polished to a gradient of 1e-11.

use crate::truth::{Truth, path};
use appraise_clv::{BgNbd, History, MbgNbd, Patterns, PurchaseModel, maximise};
use serde_json::Value;

#[test]
fn bg_nbd_fits_cdnow_as_the_reference_does() {
    fits::<BgNbd>("bg_nbd", &cdnow(), 1e-6);
}

#[test]
fn mbg_nbd_fits_cdnow_as_the_reference_does() {
    fits::<MbgNbd>("mbg_nbd", &cdnow(), 1e-6);
}

/// The customers of CDNOW, in weeks.
fn cdnow() -> Patterns {
    let table = Truth::read("lt_cdnow_summary.csv");
    let [x, t_x, t] = ["frequency", "recency", "T"].map(|name| table.numbers(name));
    Patterns::new((0..table.rows()).map(|row| (History { x: x[row], t_x: t_x[row], t: t[row] }, 1.0)))
}

/// Holds the fit to the reference.
fn fits<M: PurchaseModel>(name: &str, patterns: &Patterns, tolerance: f64) {
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path("reference_mle.json")).unwrap()).unwrap();
    let reference = &json[name];
    let fit = maximise::<M>(patterns).unwrap();
    println!("{fit:?}");
    for (i, parameter) in M::PARAMETERS.iter().enumerate() {
        let truth = reference["params"][parameter].as_f64().unwrap();
        let error = (fit.parameters[i] / truth - 1.0).abs();
        assert!(error <= tolerance, "{parameter} {} not {truth}: {error:e}", fit.parameters[i]);
        let truth = reference["se_delta_method_logparams"][parameter].as_f64().unwrap();
        let error = (fit.standard_errors[i] / truth - 1.0).abs();
        assert!(error <= 1e-4, "error of {parameter} {} not {truth}: {error:e}", fit.standard_errors[i]);
    }
    let truth = reference["loglik"].as_f64().unwrap();
    assert!((fit.log_likelihood - truth).abs() <= 1e-8, "{} not {truth}", fit.log_likelihood);
    assert!(fit.gradient_norm <= 1e-9);
}
