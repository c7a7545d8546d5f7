//! Fits of the public data sets against reference fits, which were polished to a gradient of 1e-11.

use appraise_clv::{
    BgBb, BgNbd, GammaGamma, History, Maximum, MbgNbd, ParetoNbd, Patterns, PurchaseModel, Spend, Spends, maximise,
};
use serde_json::Value;

use crate::truth::{Truth, path};

#[test]
fn bg_nbd_fits_cdnow_as_the_reference_does() {
    equals("bg_nbd", BgNbd::PARAMETERS, &maximise::<BgNbd>(&cdnow()).unwrap(), 1e-6);
}

#[test]
fn mbg_nbd_fits_cdnow_as_the_reference_does() {
    equals("mbg_nbd", MbgNbd::PARAMETERS, &maximise::<MbgNbd>(&cdnow()).unwrap(), 1e-6);
}

#[test]
fn pareto_nbd_fits_cdnow_as_the_reference_does() {
    // The reference is by finite differences: good to about seven digits.
    equals("pareto_nbd", ParetoNbd::PARAMETERS, &maximise::<ParetoNbd>(&cdnow()).unwrap(), 1e-5);
}

#[test]
fn bg_bb_fits_the_donations_as_the_reference_does() {
    let table = Truth::read("lt_donations.csv");
    let columns = ["frequency", "recency", "periods", "weights"].map(|name| table.numbers(name));
    let customers = (0..table.rows()).map(|row| {
        let [x, t_x, t, weight] = columns.each_ref().map(|column| column[row]);
        (History { x, t_x, t }, weight)
    });
    let fit = maximise::<BgBb>(&Patterns::new(customers)).unwrap();
    equals("bg_bb_donations", BgBb::PARAMETERS, &fit, 1e-6);
}

#[test]
fn gamma_gamma_fits_cdnow_as_the_reference_does() {
    let table = Truth::read("lt_cdnow_summary_monetary.csv");
    let [x, m] = ["frequency", "monetary_value"].map(|name| table.numbers(name));
    let spends = Spends::new((0..table.rows()).map(|row| (Spend { x: x[row], m: m[row] }, 1.0)));
    assert_eq!(spends.customers(), 946.0);
    equals("gamma_gamma", GammaGamma::PARAMETERS, &GammaGamma::fit(&spends).unwrap(), 1e-6);
}

/// The customers of CDNOW, in weeks.
fn cdnow() -> Patterns {
    let table = Truth::read("lt_cdnow_summary.csv");
    let [x, t_x, t] = ["frequency", "recency", "T"].map(|name| table.numbers(name));
    Patterns::new((0..table.rows()).map(|row| (History { x: x[row], t_x: t_x[row], t: t[row] }, 1.0)))
}

/// Holds a fit to the reference: parameters to `tolerance`, standard errors to 1e-4, the log likelihood to 1e-8.
fn equals<const K: usize>(name: &str, parameters: [&str; K], fit: &Maximum<K>, tolerance: f64) {
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path("reference_mle.json")).unwrap()).unwrap();
    let reference = &json[name];
    for (i, parameter) in parameters.iter().enumerate() {
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
