//! Derivatives against differences, and what holds of any parameters.

use proptest::prelude::*;
use rand_pcg::Pcg64;

use super::{GammaGamma, Spend, Spends};
use crate::evaluation::assert_slopes;

/// From 10^low to 10^high, evenly in the logarithm.
fn decades(low: f64, high: f64) -> impl Strategy<Value = f64> {
    (low..high).prop_map(|log| 10.0_f64.powf(log))
}

proptest! {
    #[test]
    fn everything_is_finite(p in decades(-3.0, 4.0), q in decades(-3.0, 4.0), v in decades(-6.0, 8.0),
            x in 1_u32..5000, m in decades(-12.0, 12.0)) {
        let model = GammaGamma::new(p, q, v).unwrap();
        let spend = Spend { x: f64::from(x), m };
        let value = model.log_likelihood(&spend);
        prop_assert!(value.is_finite());
        prop_assert!(model.conditional_mean(&spend).is_none_or(|mean| mean.is_finite() && mean > 0.0));
        prop_assert_eq!(model.mean().is_some(), q > 1.0);
        let evaluation = GammaGamma::evaluate(&[p, q, v].map(f64::ln), &Spends::new([(spend, 1.0)]));
        prop_assert!((evaluation.value - value).abs() <= 1e-9 * value.abs().max(1.0), "{} {value}", evaluation.value);
        prop_assert!(evaluation.gradient.iter().all(|g| g.is_finite()));
        prop_assert!(evaluation.hessian.as_flattened().iter().all(|h| h.is_finite()));
        let drawn = model.simulate(&spend, 3, &mut Pcg64::new(1, u128::from(x)));
        prop_assert!(drawn.is_finite() && drawn >= 0.0);
    }
}

/// A few spends, with different numbers of customers.
fn spends() -> Spends {
    let spends =
        [(1.0, 12.5), (1.0, 80.0), (2.0, 30.0), (2.0, 33.3), (7.0, 5.0), (40.0, 36.0), (0.0, 0.0), (2.0, -1.0)];
    Spends::new(spends.map(|(x, m)| (Spend { x, m }, 1.0 + x)))
}

#[test]
fn customers_without_a_spend_are_left_out() {
    assert_eq!(spends().spends().len(), 6);
    assert_eq!(spends().customers(), 2.0 + 2.0 + 3.0 + 3.0 + 8.0 + 41.0);
}

#[test]
fn derivatives_are_those_of_differences() {
    let spends = spends();
    assert_slopes(
        |at| GammaGamma::evaluate(at, &spends),
        &[[1.8, 1.3, 2.7], [-1.0, 2.0, 5.0], [0.0, -1.0, -2.0], [4.0, 3.0, 1.0]],
    );
}

#[test]
fn simulated_spend_has_the_expected_mean() {
    let model = GammaGamma::new(6.25, 3.74, 15.44).unwrap();
    let spend = Spend { x: 3.0, m: 22.0 };
    let mut random = Pcg64::new(7, 11);
    let draws = 100_000;
    let (mut sum, mut squares) = (0.0, 0.0);
    for _ in 0..draws {
        let number = model.simulate(&spend, 4, &mut random);
        sum += number;
        squares += number * number;
    }
    let n = f64::from(draws);
    let (mean, truth) = (sum / n, 4.0 * model.conditional_mean(&spend).unwrap());
    let error = ((squares / n - mean * mean) / n).sqrt();
    assert!((mean - truth).abs() < 4.0 * error, "{mean} {truth} {error}");
    assert_eq!(model.simulate(&spend, 0, &mut random), 0.0);
}

#[test]
fn correlation_is_pearsons() {
    let line = Spends::new([(1.0, 10.0), (2.0, 20.0), (3.0, 30.0)].map(|(x, m)| (Spend { x, m }, 2.0)));
    assert!((line.correlation().unwrap() - 1.0).abs() < 1e-15);
    let flat = Spends::new([(1.0, 10.0), (2.0, 10.0)].map(|(x, m)| (Spend { x, m }, 1.0)));
    assert_eq!(flat.correlation(), None);
    let cross = [(1.0, 1.0), (1.0, 3.0), (3.0, 1.0), (3.0, 3.0)].map(|(x, m)| (Spend { x, m }, 1.0));
    assert_eq!(Spends::new(cross).correlation(), Some(0.0));
}

#[test]
fn a_fit_needs_spends_that_differ() {
    let alone = Spends::new([(Spend { x: 1.0, m: 10.0 }, 1.0)]);
    assert_eq!(GammaGamma::fit(&alone).unwrap_err().to_string(), "gamma_gamma can't be fitted to 1 customers");
    let alike = Spends::new([(Spend { x: 1.0, m: 10.0 }, 5.0)]);
    let message = GammaGamma::fit(&alike).unwrap_err().to_string();
    assert_eq!(message, "gamma_gamma can't be fitted: all 5 customers have the same history");
}
