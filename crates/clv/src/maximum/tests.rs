//! Searches that succeed, that must not, and that are the same whatever they run on.

use rand_pcg::Pcg64;

use super::*;
use crate::special::{beta, exponential, gamma, uniform};
use crate::{BgNbd, History, MbgNbd};

/// Customers of a BG/NBD with purchases at any time.
fn simulated(customers: usize, parameters: [f64; 4], seed: u128) -> Patterns {
    let mut random = Pcg64::new(seed, 1);
    Patterns::new((0..customers).map(|_| {
        let rate = gamma(parameters[0], parameters[1], &mut random);
        let dropout = beta(parameters[2], parameters[3], &mut random);
        let t = libm::round(52.0 + 52.0 * uniform(&mut random));
        let (mut x, mut t_x, mut now) = (0.0, 0.0, 0.0);
        loop {
            now += exponential(&mut random) / rate;
            if now > t {
                break;
            }
            (x, t_x) = (x + 1.0, now);
            if uniform(&mut random) < dropout {
                break;
            }
        }
        (History { x, t_x, t }, 1.0)
    }))
}

#[test]
fn data_that_say_nothing_are_refused() {
    let history = |x, t_x, t| History { x, t_x, t };
    let fit = |patterns: Vec<(History, f64)>| maximise::<BgNbd>(&Patterns::new(patterns)).unwrap_err();
    let one = fit(vec![(history(3.0, 5.0, 9.0), 1.0)]);
    assert_eq!(one, FitError::TooFewCustomers { model: "bg_nbd", customers: 1 });
    assert_eq!(fit(vec![]), FitError::TooFewCustomers { model: "bg_nbd", customers: 0 });
    let none = fit(vec![(history(0.0, 0.0, 9.0), 40.0), (history(0.0, 0.0, 7.0), 2.0)]);
    assert_eq!(none, FitError::NoRepeaters { model: "bg_nbd", customers: 42 });
    let equal = fit(vec![(history(2.0, 3.0, 9.0), 40.0)]);
    assert_eq!(equal, FitError::AllEqual { model: "bg_nbd", customers: 40 });
}

#[test]
fn runaway_parameters_are_refused() {
    // Less spread than the purchases of customers of one rate, and nobody is lost.
    let customers = (0..60_u8).map(|i| {
        let last = 9.0 + f64::from(i) / 60.0;
        (History { x: 4.0 + f64::from(i % 2), t_x: last, t: 10.0 }, 1.0)
    });
    let patterns = Patterns::new(customers);
    for error in [maximise::<BgNbd>(&patterns).unwrap_err(), maximise::<MbgNbd>(&patterns).unwrap_err()] {
        assert!(matches!(error, FitError::NotIdentified { .. }), "{error}");
    }
}

#[test]
fn a_search_that_starts_on_a_sample_ends_at_the_same_maximum() {
    let patterns = simulated(24_000, [0.8, 10.0, 0.8, 2.5], 5);
    assert!(patterns.histories().len() >= 2 * SAMPLE, "{}", patterns.histories().len());
    let fit = maximise::<BgNbd>(&patterns).unwrap();
    let search = Search { model: "bg_nbd", names: BgNbd::PARAMETERS, customers: fit.customers, patterns: fit.patterns };
    let whole = search.run(&BgNbd::starts(&patterns), |at| BgNbd::evaluate(at, &patterns)).unwrap();
    for i in 0..4 {
        assert!((fit.log_parameters[i] - whole.log_parameters[i]).abs() < 1e-8);
        let distance = (fit.parameters[i] - [0.8, 10.0, 0.8, 2.5][i]) / fit.standard_errors[i];
        assert!(distance.abs() < 4.0, "{i}: {distance} standard errors off");
    }
    assert!((fit.log_likelihood - whole.log_likelihood).abs() < 1e-8);
    assert!(fit.iterations < whole.iterations && fit.gradient_norm < 1e-9);
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let patterns = simulated(20_000, [0.5, 8.0, 1.5, 4.0], 9);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| maximise::<MbgNbd>(&patterns).unwrap())
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn the_sample_stands_for_all_customers() {
    let patterns = simulated(30_000, [0.8, 10.0, 0.8, 2.5], 6);
    let sample = patterns.sample(SAMPLE);
    assert!(sample.histories().len() <= SAMPLE);
    assert!((sample.customers() - 30_000.0).abs() < 1e-6);
    let mean = |patterns: &Patterns| {
        let pairs = patterns.histories().iter().zip(patterns.counts());
        pairs.map(|(history, count)| history.x * count).sum::<f64>() / patterns.customers()
    };
    assert!((mean(&sample) / mean(&patterns) - 1.0).abs() < 1e-3);
}

#[test]
fn a_saddle_and_a_plateau_are_left_uphill() {
    // −(u² − 1)² − v² has maxima at u = ±1 and a saddle at 0; the start lies on its far side, where it is flat.
    let evaluate = |at: &[f64; 2]| {
        let [u, v] = *at;
        Evaluation {
            value: -(u * u - 1.0) * (u * u - 1.0) - v * v,
            gradient: [-4.0 * u * (u * u - 1.0), -2.0 * v],
            hessian: [[4.0 - 12.0 * u * u, 0.0], [0.0, -2.0]],
        }
    };
    let search = Search { model: "saddle", names: ["u", "v"], customers: 1.0, patterns: 1 };
    let maximum = search.run(&[[0.01, 3.0], [-9.0, 1.0]], evaluate).unwrap();
    assert!((maximum.log_parameters[0].abs() - 1.0).abs() < 1e-9 && maximum.log_parameters[1].abs() < 1e-9);
    assert!((maximum.covariance[0][0] - 0.125).abs() < 1e-8);
}

#[test]
fn a_likelihood_that_rises_for_ever_is_refused() {
    // In u: a bump at 0, and beyond it a slope that rises ever less; v has its maximum at 0.
    let evaluate = |at: &[f64; 2]| {
        let [u, v] = *at;
        let (bump, slope) = (libm::exp(-u * u), libm::exp(-0.5 * (u - 6.0)));
        Evaluation {
            value: bump - slope - v * v,
            gradient: [-2.0 * u * bump + 0.5 * slope, -2.0 * v],
            hessian: [[(4.0 * u * u - 2.0) * bump - 0.25 * slope, 0.0], [0.0, -2.0]],
        }
    };
    let search = Search { model: "slope", names: ["u", "v"], customers: 1.0, patterns: 1 };
    let error = search.run(&[[6.0, 0.0]], evaluate).unwrap_err();
    assert!(matches!(error, FitError::NotIdentified { .. }), "{error}");
}
