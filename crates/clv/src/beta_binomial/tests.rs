//! Derivatives against differences, drawn customers, and data that say nothing of how customers differ.

use proptest::prelude::*;
use rand_pcg::Pcg64;

use super::{BetaBinomial, TrialCounts, Trials};
use crate::special::{beta, uniform};
use crate::{Evaluation, FitError};

fn seen(trials: u64, events: u64) -> Trials {
    Trials { trials, events }
}

/// Customers of a beta distribution, each with up to `most` trials.
fn drawn(customers: u64, most: u64, [a, b]: [f64; 2], seed: u64) -> TrialCounts {
    let mut random = Pcg64::new(u128::from(seed), 7);
    TrialCounts::new((0..customers).map(|i| {
        let p = beta(a, b, &mut random);
        let trials = 1 + i % most;
        let events = (0..trials).filter(|_| uniform(&mut random) < p).count() as u64;
        (seen(trials, events), 1.0)
    }))
}

#[test]
fn drawn_customers_give_their_parameters_back() {
    for (truth, seed) in [([0.6, 11.4], 1), ([2.0, 30.0], 2), ([0.3, 0.5], 3)] {
        let fit = BetaBinomial::fit(&drawn(40_000, 12, truth, seed)).unwrap();
        for ((found, error), wanted) in fit.parameters.iter().zip(fit.standard_errors).zip(truth) {
            assert!((found - wanted).abs() < 3.0 * error, "{truth:?}: {found} ± {error}");
            assert!(error < 0.1 * wanted, "{truth:?}: ± {error}");
        }
    }
}

#[test]
fn errors_cover_the_truth_as_often_as_they_say() {
    let truth = [0.6, 11.4];
    let within = |seed| {
        let fit = BetaBinomial::fit(&drawn(2_000, 10, truth, seed)).unwrap();
        let mean = |[a, b]: [f64; 2]| libm::log(a / b);
        let [[aa, ab], [_, bb]] = fit.covariance;
        (mean(fit.parameters) - mean(truth)).abs() < 1.96 * (aa + bb - 2.0 * ab).sqrt()
    };
    let covered = (0..200).filter(|&seed| within(seed)).count();
    assert!((180..=198).contains(&covered), "{covered} of 200");
}

#[test]
fn known_values_by_hand() {
    let model = BetaBinomial::new(1.0, 3.0).unwrap();
    // B(2, 4) / B(1, 3) = (1/20) / (1/3).
    assert!((model.log_likelihood(seen(2, 1)) - libm::log(3.0 / 20.0)).abs() < 1e-15);
    assert_eq!(model.log_likelihood(seen(0, 0)), 0.0);
    assert_eq!(model.probability(seen(0, 0)), 0.25);
    assert_eq!(model.probability(seen(4, 2)), 3.0 / 8.0);
    // All orders of n trials add up to 1.
    let sum: f64 =
        [1.0, 3.0, 3.0, 1.0].iter().zip(0..).map(|(n, d)| n * libm::exp(model.log_likelihood(seen(3, d)))).sum();
    assert!((sum - 1.0).abs() < 1e-15);
}

#[test]
fn equal_trials_count_once_and_customers_without_are_left_out() {
    let counts = TrialCounts::new([(seen(3, 1), 1.0), (seen(0, 0), 9.0), (seen(3, 1), 2.0), (seen(2, 5), 1.0)]);
    assert_eq!(counts.iter().collect::<Vec<_>>(), [(seen(2, 2), 1.0), (seen(3, 1), 3.0)]);
    assert_eq!((counts.customers(), counts.trials(), counts.events()), (4.0, 11.0, 5.0));
}

#[test]
fn what_says_nothing_of_differences_has_no_fit() {
    let of = |customers: &[(u64, u64, f64)]| {
        BetaBinomial::fit(&TrialCounts::new(customers.iter().map(|&(n, d, count)| (seen(n, d), count)))).unwrap_err()
    };
    assert!(matches!(of(&[]), FitError::TooFewCustomers { customers: 0, .. }));
    assert!(matches!(of(&[(5, 1, 1.0)]), FitError::TooFewCustomers { customers: 1, .. }));
    assert!(matches!(of(&[(5, 0, 10.0), (7, 0, 3.0)]), FitError::AllEqual { .. }));
    assert!(matches!(of(&[(5, 5, 10.0), (7, 7, 3.0)]), FitError::AllEqual { .. }));
    assert!(matches!(of(&[(5, 1, 10.0)]), FitError::AllEqual { .. }));
    // One trial each: only the mean is known.
    assert!(matches!(of(&[(1, 0, 90.0), (1, 1, 10.0)]), FitError::NotIdentified { .. }));
    // Fewer differences than chance would make: all customers are alike.
    assert!(matches!(of(&[(10, 1, 50.0), (20, 2, 50.0)]), FitError::NotIdentified { .. }));
}

#[test]
fn a_group_leans_on_all_by_the_strength() {
    let (own, all) = (drawn(60, 8, [2.0, 6.0], 4), drawn(5_000, 8, [0.5, 9.5], 5));
    let mean = |strength| {
        let [a, b] = BetaBinomial::fit_leaning(&own, &all, strength, [-1.0, 2.0]).unwrap().parameters;
        a / (a + b)
    };
    let means: Vec<f64> = [0.0, 50.0, 200.0, 1e6].into_iter().map(mean).collect();
    assert!(means.is_sorted_by(|a, b| a > b), "{means:?}");
    let [a, b] = BetaBinomial::fit(&all).unwrap().parameters;
    assert!((means[3] - a / (a + b)).abs() < 1e-3, "{means:?}");
}

proptest! {
    #[test]
    fn derivatives_are_those_of_differences(
        a in -4.0_f64..4.0, b in -4.0_f64..6.0, n in 0_u64..200, some in 0_u64..200,
    ) {
        let counts = TrialCounts::new([(seen(n, some), 2.0), (seen(3, 1), 1.0)]);
        let at = |a, b| -> Evaluation<2> { BetaBinomial::evaluate(&[a, b], &counts) };
        let (here, step) = (at(a, b), 1e-5);
        let near = |found: f64, wanted: f64| (found - wanted).abs() <= 1e-4 * wanted.abs().max(1.0);
        for (i, [low, high]) in [[at(a - step, b), at(a + step, b)], [at(a, b - step), at(a, b + step)]].iter().enumerate() {
            prop_assert!(near((high.value - low.value) / (2.0 * step), here.gradient[i]));
            for j in 0..2 {
                prop_assert!(near((high.gradient[j] - low.gradient[j]) / (2.0 * step), here.hessian[i][j]));
            }
        }
    }

    #[test]
    fn any_customers_give_finite_answers(
        customers in prop::collection::vec((any::<u64>(), any::<u64>(), 1_u32..1000), 0..6),
        a in -9.0_f64..9.0, b in -9.0_f64..9.0,
    ) {
        let model = BetaBinomial::new(libm::exp(a), libm::exp(b)).unwrap();
        for &(n, d, _) in &customers {
            prop_assert!(model.log_likelihood(seen(n, d)).is_finite());
            prop_assert!((0.0..=1.0).contains(&model.probability(seen(n, d))));
        }
        let counts = TrialCounts::new(customers.iter().map(|&(n, d, count)| (seen(n, d), f64::from(count))));
        if let Ok(fit) = BetaBinomial::fit(&counts) {
            prop_assert!(fit.parameters.iter().chain(&fit.standard_errors).all(|value| value.is_finite()));
        }
    }
}
