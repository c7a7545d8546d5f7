//! Derivatives against differences, and what holds of any parameters.

use proptest::prelude::*;
use rand_pcg::Pcg64;

use super::ParetoNbd;
use crate::evaluation::assert_slopes;
use crate::{History, Patterns, PurchaseModel};

/// From 10^low to 10^high, evenly in the logarithm.
fn decades(low: f64, high: f64) -> impl Strategy<Value = f64> {
    (low..high).prop_map(|log| 10.0_f64.powf(log))
}

fn model() -> impl Strategy<Value = ParetoNbd> {
    let any = || decades(-3.0, 4.0);
    (any(), any(), any(), any(), 0..8).prop_map(|(r, alpha, s, beta, like)| {
        let beta = match like {
            0 => alpha,
            1 => alpha * (1.0 + 1e-9),
            _ => beta,
        };
        let s = if like == 2 { 1.0 } else { s };
        ParetoNbd::new(r, alpha, s, beta).unwrap()
    })
}

fn history() -> impl Strategy<Value = History> {
    let x = prop_oneof![Just(0.0), (0_u32..30).prop_map(f64::from), (0_u32..5000).prop_map(f64::from)];
    let share = prop_oneof![Just(1.0), 0.0..1.0, decades(-12.0, -1.0).prop_map(|gap| 1.0 - gap)];
    (x, share, decades(-6.0, 4.7)).prop_map(|(x, share, t)| {
        let t_x = if x == 0.0 { 0.0 } else { share * t };
        History { x, t_x, t }
    })
}

proptest! {
    #[test]
    fn everything_is_finite(model in model(), history in history(), t in decades(-3.0, 4.7), delta in decades(-6.0, 1.0)) {
        prop_assert!(model.log_likelihood(&history).is_finite());
        prop_assert!(model.log_p_alive(&history) <= 0.0 && model.log_p_alive(&history).is_finite());
        let (alive, dead) = (model.p_alive(&history), model.p_dead(&history));
        prop_assert!((alive + dead - 1.0).abs() < 1e-12, "{alive} {dead}");
        let new = model.expected_purchases_new(t);
        prop_assert!(new > 0.0 && new.is_finite());
        let mean = model.expected_purchases(&history, t);
        prop_assert!(mean >= 0.0 && mean.is_finite());
        let dert = model.dert(&history, delta).unwrap();
        prop_assert!(dert >= 0.0 && dert.is_finite());
        let evaluation = ParetoNbd::evaluate(&model.parameters().map(f64::ln), &Patterns::new([(history, 1.0)]));
        let value = model.log_likelihood(&history);
        prop_assert!((evaluation.value - value).abs() <= 1e-9 * value.abs().max(1.0), "{} {value}", evaluation.value);
        prop_assert!(evaluation.gradient.iter().all(|g| g.is_finite()));
        prop_assert!(evaluation.hessian.as_flattened().iter().all(|h| h.is_finite()));
    }

    #[test]
    fn probabilities_of_purchases_add_up(model in model(), history in history(), t in decades(-3.0, 4.0)) {
        let mut probabilities = [0.0; 40];
        model.purchase_probabilities_new(t, &mut probabilities);
        prop_assert!(probabilities.iter().all(|p| (0.0..=1.0 + 1e-12).contains(p)));
        prop_assert!(probabilities.iter().sum::<f64>() <= 1.0 + 1e-11);
        let few: f64 = probabilities.iter().enumerate().map(|(n, p)| n as f64 * p).sum();
        prop_assert!(few <= model.expected_purchases_new(t) * (1.0 + 1e-10));
        model.purchase_probabilities(&history, t, &mut probabilities);
        prop_assert!(probabilities.iter().sum::<f64>() <= 1.0 + 1e-11);
    }
}

#[test]
fn derivatives_are_those_of_differences() {
    let histories = [
        (0.0, 0.0, 30.0),
        (1.0, 2.0, 39.0),
        (3.0, 30.0, 31.5),
        (3.0, 12.0, 31.5),
        (3.0, 31.5, 31.5),
        (40.0, 25.0, 300.0),
    ];
    let patterns = Patterns::new(histories.map(|(x, t_x, t)| (History { x, t_x, t }, 1.0 + x)));
    assert_slopes(
        |at| ParetoNbd::evaluate(at, &patterns),
        &[[-0.6, 2.4, -0.5, 2.5], [0.7, 1.0, 1.5, -1.0], [-3.0, 4.0, 0.0, 4.0], [2.0, -2.0, -2.0, 6.0]],
    );
}

#[test]
fn a_history_counts_the_same_alone_and_among_others() {
    let model = ParetoNbd::new(0.55, 74.0, 0.6, 82.0).unwrap();
    let histories = (0..2000_u32).map(|i| {
        let t = f64::from(i % 731);
        History { x: f64::from(i % 4), t_x: if i % 4 == 0 { 0.0 } else { (t * f64::from(i % 7) / 6.0).floor() }, t }
    });
    let patterns = Patterns::new(histories.map(|history| (history, 1.0)));
    let alone: f64 =
        patterns.histories().iter().zip(patterns.counts()).map(|(h, count)| count * model.log_likelihood(h)).sum();
    let together = ParetoNbd::evaluate(&model.parameters().map(f64::ln), &patterns).value;
    assert!((alone / together - 1.0).abs() < 1e-12, "{alone} {together}");
}

#[test]
fn the_mean_of_the_probabilities_is_the_expectation() {
    for (r, alpha, s, beta) in
        [(0.55, 10.6, 0.6, 11.7), (3.0, 4.0, 1.0, 4.0), (0.2, 0.5, 2.0, 40.0), (60.0, 30.0, 5.0, 3.0)]
    {
        let model = ParetoNbd::new(r, alpha, s, beta).unwrap();
        for t in [0.1, 3.0, 20.0] {
            let mut probabilities = vec![0.0; 3000];
            model.purchase_probabilities_new(t, &mut probabilities);
            let total: f64 = probabilities.iter().sum();
            assert!((total - 1.0).abs() < 1e-10, "{model:?} {t}: {total}");
            let mean: f64 = probabilities.iter().enumerate().map(|(n, p)| n as f64 * p).sum();
            let truth = model.expected_purchases_new(t);
            assert!((mean / truth - 1.0).abs() < 1e-9, "{model:?} {t}: {mean} {truth}");
        }
    }
}

#[test]
fn simulated_purchases_have_the_expected_mean() {
    let model = ParetoNbd::new(0.55, 10.6, 0.6, 11.7).unwrap();
    let history = History { x: 2.0, t_x: 30.0, t: 38.9 };
    let mut random = Pcg64::new(7, 11);
    let mut probabilities = [0.0; 3];
    model.purchase_probabilities(&history, 39.0, &mut probabilities);
    let draws = 200_000;
    let (mut sum, mut squares, mut counts) = (0.0, 0.0, [0.0; 3]);
    for _ in 0..draws {
        let number = model.simulate(&history, 39.0, &mut random) as f64;
        sum += number;
        squares += number * number;
        for (n, count) in counts.iter_mut().enumerate() {
            *count += f64::from(u8::from(number == n as f64));
        }
    }
    let n = f64::from(draws);
    let (mean, truth) = (sum / n, model.expected_purchases(&history, 39.0));
    let error = ((squares / n - mean * mean) / n).sqrt();
    assert!((mean - truth).abs() < 4.0 * error, "{mean} {truth} {error}");
    for (count, p) in counts.into_iter().zip(probabilities) {
        assert!((count / n - p).abs() < 4.0 * (p * (1.0 - p) / n).sqrt(), "{} {p}", count / n);
    }
}

#[test]
fn parameters_have_to_be_above_0() {
    let error = ParetoNbd::new(1.0, -1.0, 1.0, 1.0).unwrap_err();
    assert_eq!(error.to_string(), "pareto_nbd needs alpha to be a finite number above 0, not -1");
}
