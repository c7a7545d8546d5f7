//! Derivatives against differences, and what holds of any parameters.

use proptest::prelude::*;
use rand_pcg::Pcg64;

use super::BgBb;
use crate::evaluation::assert_slopes;
use crate::{History, Patterns, PurchaseModel};

/// From 10^low to 10^high, evenly in the logarithm.
fn decades(low: f64, high: f64) -> impl Strategy<Value = f64> {
    (low..high).prop_map(|log| 10.0_f64.powf(log))
}

fn model() -> impl Strategy<Value = BgBb> {
    let any = || decades(-3.0, 4.0);
    let gamma = prop_oneof![8 => any(), 1 => Just(1.0), 1 => decades(-12.0, -2.0).prop_map(|d| 1.0 - d)];
    (any(), any(), gamma, any()).prop_map(|(alpha, beta, gamma, delta)| BgBb::new(alpha, beta, gamma, delta).unwrap())
}

fn history() -> impl Strategy<Value = History> {
    let n = prop_oneof![8 => decades(0.0, 3.0), 1 => decades(0.0, 4.7)];
    (n, 0.0..=1.0, 0.0..=1.0).prop_map(|(n, last, share): (f64, f64, f64)| {
        let t = n.floor();
        let t_x = (last * t).round();
        let x = if t_x == 0.0 { 0.0 } else { (share * t_x).round().clamp(1.0, 5000.0) };
        History { x, t_x, t }
    })
}

proptest! {
    #[test]
    fn everything_is_finite(model in model(), history in history(), m in decades(0.0, 4.7), d in decades(-6.0, 1.0)) {
        prop_assert!(model.log_likelihood(&history).is_finite());
        let log_alive = model.log_p_alive(&history);
        prop_assert!(log_alive <= 0.0 && log_alive.is_finite());
        let (alive, dead) = (model.p_alive_n(&history), model.p_dead_n(&history));
        prop_assert!((alive + dead - 1.0).abs() < 1e-12, "{alive} {dead}");
        let new = model.expected_purchases_new(m);
        prop_assert!(new > 0.0 && new <= m.floor() * (1.0 + 1e-12), "{new}");
        let mean = model.expected_purchases(&history, m);
        prop_assert!(mean >= 0.0 && mean.is_finite());
        let dert = model.dert(&history, d).unwrap();
        prop_assert!(dert >= 0.0 && dert.is_finite());
        let evaluation = BgBb::evaluate(&model.parameters().map(f64::ln), &Patterns::new([(history, 1.0)]));
        let value = model.log_likelihood(&history);
        prop_assert!((evaluation.value - value).abs() <= 1e-9 * value.abs().max(1.0), "{} {value}", evaluation.value);
        prop_assert!(evaluation.gradient.iter().all(|g| g.is_finite()));
        prop_assert!(evaluation.hessian.as_flattened().iter().all(|h| h.is_finite()));
    }

    #[test]
    fn probabilities_of_purchases_add_up(model in model(), history in history(), m in decades(0.0, 3.0)) {
        let mut probabilities = [0.0; 20];
        model.purchase_probabilities_new(m, &mut probabilities);
        prop_assert!(probabilities.iter().all(|p| (0.0..=1.0 + 1e-11).contains(p)), "{probabilities:?}");
        let total: f64 = probabilities.iter().sum();
        prop_assert!(total <= 1.0 + 1e-10);
        prop_assert!(m >= 20.0 || total >= 1.0 - 1e-10, "{total}");
        let mean: f64 = probabilities.iter().enumerate().map(|(n, p)| n as f64 * p).sum();
        let truth = model.expected_purchases_new(m);
        prop_assert!(mean <= truth * (1.0 + 1e-10) && (m >= 20.0 || mean >= truth * (1.0 - 1e-10)), "{mean} {truth}");
        model.purchase_probabilities(&history, m, &mut probabilities);
        prop_assert!(probabilities.iter().sum::<f64>() <= 1.0 + 1e-10);
    }
}

#[test]
fn derivatives_are_those_of_differences() {
    let histories =
        [(0.0, 0.0, 6.0), (1.0, 1.0, 6.0), (3.0, 4.0, 6.0), (3.0, 6.0, 6.0), (2.0, 2.0, 7.0), (9.0, 30.0, 60.0)];
    let patterns = Patterns::new(histories.map(|(x, t_x, t)| (History { x, t_x, t }, 1.0 + x)));
    assert_slopes(
        |at| BgBb::evaluate(at, &patterns),
        &[[0.2, -0.3, -0.4, 1.0], [2.0, 1.0, 0.0, 3.0], [-3.0, 2.0, -2.0, -1.0]],
    );
}

#[test]
fn simulated_purchases_have_the_expected_mean() {
    let model = BgBb::new(1.2, 0.75, 0.66, 2.78).unwrap();
    let history = History { x: 3.0, t_x: 5.0, t: 6.0 };
    let mut random = Pcg64::new(7, 11);
    let draws = 100_000;
    let (mut sum, mut squares) = (0.0, 0.0);
    for _ in 0..draws {
        let number = model.simulate(&history, 5.0, &mut random) as f64;
        sum += number;
        squares += number * number;
    }
    let n = f64::from(draws);
    let (mean, truth) = (sum / n, model.expected_purchases(&history, 5.0));
    let error = ((squares / n - mean * mean) / n).sqrt();
    assert!((mean - truth).abs() < 4.0 * error, "{mean} {truth} {error}");
}

#[test]
fn parameters_have_to_be_above_0() {
    let error = BgBb::new(1.0, 1.0, f64::NAN, 1.0).unwrap_err();
    assert_eq!(error.to_string(), "bg_bb needs gamma to be a finite number above 0, not NaN");
}
