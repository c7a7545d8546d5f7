//! Derivatives against differences, and what holds of every distribution.

use proptest::prelude::*;
use rand_pcg::Pcg64;

use super::*;
use crate::Patterns;

/// Customers of all kinds: without purchases, with one at the end, with many, with a long silence.
fn customers() -> Patterns {
    let histories = [
        (0.0, 0.0, 38.9, 12.0),
        (0.0, 0.0, 3.0, 5.0),
        (1.0, 1.7, 38.9, 3.0),
        (1.0, 30.0, 30.0, 1.0),
        (2.0, 30.4, 38.9, 2.0),
        (7.0, 29.4, 38.9, 1.0),
        (7.0, 3.0, 38.9, 1.5),
        (120.0, 20.0, 27.0, 1.0),
    ];
    Patterns::new(histories.map(|(x, t_x, t, count)| (History { x, t_x, t }, count)))
}

/// Holds the value to the sum over histories and each derivative to a difference quotient of the next lower one.
fn derivatives<const FROM_START: bool>() {
    let patterns = customers();
    for parameters in [[0.243, 4.414, 0.793, 2.426], [2.0, 50.0, 1.0, 0.3], [0.05, 0.7, 0.1, 9.0]] {
        let at = parameters.map(libm::log);
        let model = BetaGeometric::<FROM_START>::from_parameters(parameters).unwrap();
        let here = BetaGeometric::<FROM_START>::evaluate(&at, &patterns);
        let pairs = patterns.histories().iter().zip(patterns.counts());
        let sum: f64 = pairs.map(|(history, count)| count * model.log_likelihood(history)).sum();
        assert!((here.value / sum - 1.0).abs() < 1e-13, "{} not {sum}", here.value);
        for i in 0..4 {
            let step = 1e-4;
            let moved = |distance: f64| {
                let mut there = at;
                there[i] += distance;
                BetaGeometric::<FROM_START>::evaluate(&there, &patterns)
            };
            let around = [moved(-2.0 * step), moved(-step), moved(step), moved(2.0 * step)];
            let slope = |v: [f64; 4]| (v[0] - 8.0 * v[1] + 8.0 * v[2] - v[3]) / (12.0 * step);
            let first = slope(around.map(|evaluation| evaluation.value));
            assert!((here.gradient[i] - first).abs() < 1e-7, "{i}: {} not {first}", here.gradient[i]);
            for j in 0..4 {
                let second = slope(around.map(|evaluation| evaluation.gradient[j]));
                assert!((here.hessian[i][j] - second).abs() < 1e-7, "{i} {j}: {} not {second}", here.hessian[i][j]);
            }
        }
    }
}

#[test]
fn derivatives_are_right() {
    derivatives::<false>();
    derivatives::<true>();
}

#[test]
fn many_times_at_once_are_as_one_at_a_time() {
    let model = MbgNbd::from_parameters([0.525, 6.183, 0.891, 1.614]).unwrap();
    let history = History { x: 2.0, t_x: 20.0, t: 30.0 };
    let times: Vec<f64> = (1..14).map(|month| 4.345 * f64::from(month)).chain([1e5]).collect();
    let mut expected = vec![0.0; times.len()];
    let alive = model.p_alive_and_expected_at(&history, &times, &mut expected);
    assert_eq!(alive, model.p_alive(&history));
    for (t, purchases) in times.iter().zip(&expected) {
        let single = model.expected_purchases(&history, *t);
        assert!((purchases / single - 1.0).abs() < 1e-11, "{purchases} not {single}");
    }
    assert_eq!(model.expected_purchases(&history, 0.0), 0.0);
}

#[test]
fn nobody_is_lost_before_a_chance_to_be() {
    let history = History { x: 0.0, t_x: 0.0, t: 500.0 };
    let parameters = [0.243, 4.414, 0.793, 2.426];
    assert_eq!(BgNbd::from_parameters(parameters).unwrap().p_alive(&history), 1.0);
    assert!(MbgNbd::from_parameters(parameters).unwrap().p_alive(&history) < 0.6);
    let error = MbgNbd::from_parameters([1.0, 0.0, 1.0, 1.0]).unwrap_err();
    assert_eq!(error.to_string(), "mbg_nbd needs alpha to be a finite number above 0, not 0");
    assert!(BgNbd::from_parameters([1.0, 1.0, f64::NAN, 1.0]).is_err());
}

#[test]
fn simulated_purchases_have_the_expected_mean_and_distribution() {
    let mut random = Pcg64::new(3, 5);
    for parameters in [[0.8, 4.0, 0.8, 2.4], [3.0, 1.0, 1.5, 9.0]] {
        let model = MbgNbd::from_parameters(parameters).unwrap();
        let history = History { x: 3.0, t_x: 9.0, t: 11.0 };
        let (number, t) = (40_000, 12.0);
        let draws: Vec<u64> = (0..number).map(|_| model.simulate(&history, t, &mut random)).collect();
        let draws: Vec<f64> = draws.into_iter().map(|draw| draw as f64).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(number);
        let variance = draws.iter().map(|draw| (draw - mean) * (draw - mean)).sum::<f64>() / f64::from(number);
        let error = (variance / f64::from(number)).sqrt();
        let expected = model.expected_purchases(&history, t);
        assert!((mean - expected).abs() < 4.0 * error, "{mean} not {expected} ± {error}");
        let mut probabilities = [0.0; 6];
        model.purchase_probabilities(&history, t, &mut probabilities);
        for (k, probability) in (0_u8..).zip(probabilities) {
            let share = draws.iter().filter(|draw| **draw == f64::from(k)).count() as f64 / f64::from(number);
            let error = (probability * (1.0 - probability) / f64::from(number)).sqrt();
            assert!((share - probability).abs() < 4.0 * error, "{k}: {share} not {probability} ± {error}");
        }
    }
}

/// Sums and means of the distribution of purchases against the expectation.
fn distribution<const FROM_START: bool>() {
    for parameters in [[0.5, 6.0, 0.9, 1.6], [3.0, 40.0, 1.0, 0.5], [0.01, 0.5, 4.0, 100.0]] {
        let model = BetaGeometric::<FROM_START>::from_parameters(parameters).unwrap();
        for t in [0.001, 1.0, 26.0, 90.0] {
            let mut probabilities = vec![0.0; 8000];
            model.purchase_probabilities_new(t, &mut probabilities);
            let sum: f64 = probabilities.iter().sum();
            let mean: f64 = (0_u32..).zip(&probabilities).map(|(k, probability)| f64::from(k) * probability).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{sum} at {t}");
            let expected = model.expected_purchases_new(t);
            assert!((mean / expected - 1.0).abs() < 1e-10, "{mean} not {expected} at {t}");
            let none = model.log_p_none_new(t);
            assert!((none - libm::log(probabilities[0])).abs() < 1e-14);
            // A short distribution is the beginning of a long one.
            let mut few = [0.0; 3];
            model.purchase_probabilities_new(t, &mut few);
            for (one, other) in few.iter().zip(&probabilities) {
                assert!((one / other - 1.0).abs() < 1e-12, "{one} not {other}");
            }
        }
    }
}

#[test]
fn distributions_add_up() {
    distribution::<false>();
    distribution::<true>();
}

/// Holds all results for one history to be finite, and in their range.
fn finite<const FROM_START: bool>(parameters: [f64; 4], history: &History, t: f64) -> Result<(), TestCaseError> {
    let model = BetaGeometric::<FROM_START>::from_parameters(parameters).unwrap();
    prop_assert!(model.log_likelihood(history).is_finite());
    prop_assert!(model.log_p_alive(history).is_finite() && model.log_p_alive(history) <= 0.0);
    prop_assert!((0.0..=1.0).contains(&model.p_alive(history)));
    for purchases in [model.expected_purchases_new(t), model.expected_purchases(history, t)] {
        prop_assert!(purchases.is_finite() && purchases >= 0.0, "{purchases}");
    }
    let mut probabilities = [0.0; 12];
    model.purchase_probabilities(history, t, &mut probabilities);
    let sum: f64 = probabilities.iter().sum();
    prop_assert!(probabilities.iter().all(|probability| (0.0..=1.0).contains(probability)), "{probabilities:?}");
    prop_assert!(sum <= 1.0 + 1e-12, "{sum}");
    let patterns = Patterns::new([(*history, 2.0)]);
    let evaluation = BetaGeometric::<FROM_START>::evaluate(&parameters.map(libm::log), &patterns);
    let likelihood = 2.0 * model.log_likelihood(history);
    prop_assert!((evaluation.value - likelihood).abs() <= 1e-9 * likelihood.abs().max(1.0));
    prop_assert!(evaluation.gradient.iter().chain(evaluation.hessian.as_flattened()).all(|value| value.is_finite()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn results_are_finite(
        logs in prop::array::uniform4(-6.9..9.2_f64),
        x in prop_oneof![Just(0.0), Just(1.0), (2..5000_u32).prop_map(f64::from)],
        share in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64],
        (end, t) in (-6.9..10.8_f64, -14.0..14.0_f64),
    ) {
        let (end, t) = (libm::exp(end), libm::exp(t));
        let history = History { x, t_x: if x > 0.0 { share * end } else { 0.0 }, t: end };
        finite::<false>(logs.map(libm::exp), &history, t)?;
        finite::<true>(logs.map(libm::exp), &history, t)?;
    }
}
