//! The special functions against values computed with 50 digits, and the draws against their means.
#![allow(clippy::unreadable_literal, reason = "doubles as they are printed")]

use proptest::prelude::*;
use rand_pcg::Pcg64;

use super::*;

/// Fails unless the error is below `tolerance` relative, absolute where the value is below 1.
fn close(what: &str, found: f64, truth: f64, tolerance: f64) {
    let error = (found - truth).abs() / truth.abs().max(1.0);
    assert!(error <= tolerance, "{what}: {found:e}, not {truth:e}: error {error:e}");
}

#[test]
fn ln_gamma_is_right() {
    let truth = [
        (0.001, 6.907178885383853),
        (0.5, 0.5723649429247001),
        (1.0000001, -5.772155829918507e-8),
        (1.5, -0.12078223763524522),
        (1.9999999, -4.2278430309861296e-8),
        (2.5, 0.2846828704729192),
        (10.0, 12.80182748008147),
        (171.5, 709.1431630309282),
        (5000.25, 37584.75559523289),
        (10000.0, 82099.71749644238),
    ];
    for (a, value) in truth {
        close(&format!("ln gamma of {a}"), ln_gamma(a), value, 1e-15);
        // Near its zeros the relative error is as small.
        assert!(((ln_gamma(a) - value) / value).abs() < 1e-14);
    }
}

#[test]
fn derivatives_of_ln_gamma_are_right() {
    let truth = [
        (0.001, -1000.5755719318103, 1000001.6425331958),
        (0.1, -10.423754940411076, 101.43329915079275),
        (0.75, -1.0858608797864722, 2.5418796476716063),
        (1.0, -0.5772156649015329, 1.6449340668482264),
        (2.5, 0.7031566406452432, 0.49035775610023485),
        (9.999, 2.2516474172057355, 0.10517738667672887),
        (10.0, 2.251752589066721, 0.10516633568168575),
        (33.3, 3.490467238520243, 0.030485444095338887),
        (5000.25, 8.517143191833028, 0.00020000999983325833),
        (10000.0, 9.210290371142849, 0.00010000500016666666),
    ];
    for (a, first, second) in truth {
        close(&format!("digamma of {a}"), digamma(a), first, 1e-15);
        assert!((trigamma(a) / second - 1.0).abs() < 1e-15, "trigamma of {a}: {}", trigamma(a));
    }
}

#[test]
fn ratios_of_gamma_do_not_cancel() {
    let truth = [
        (0.001, 1.0, -6.907755278982137),
        (0.001, 5000.0, 37575.72765389326),
        (0.243, 3.0, -0.3893517675749433),
        (0.5, 40.0, 107.90071012614068),
        (2.5, 17.0, 37.57640363848818),
        (9.99, 1e-8, 2.250700373357586e-8),
        (0.3, 2.7, -0.4026508142581301),
        (10000.0, 1.0, 9.210340371976182),
        (10000.0, 0.125, 1.1512870776786646),
        (10000.0, 5000.0, 47133.47574617155),
        (123.456, 4321.0, 32413.478122573742),
        (1000000.0, 0.001, 0.013815510058464191),
        (1000000000.0, 20.0, 414.46531692892825),
    ];
    for (a, n, value) in truth {
        let found = ln_gamma_ratio(a, n);
        let error = (found - value).abs();
        assert!(error <= 1e-14 * value.abs() + 1e-17, "{a} and {n}: {found:e}, not {value:e}");
    }
}

#[test]
fn beta_functions_are_right() {
    let truth = [
        (0.001, 0.001, 7.600900817008347),
        (0.001, 10000.0, 6.897968594962708),
        (0.793, 2.426, -0.5115692885937033),
        (5.5, 5000.0, -42.889222760578726),
        (10000.0, 10000.0, -13866.28325676141),
        (10000.0, 0.01, 4.507376969330345),
        (30.0, 40.0, -48.30174909591612),
    ];
    for (a, b, value) in truth {
        close(&format!("ln beta of {a} and {b}"), ln_beta(a, b), value, 1e-14);
    }
    let truth = [
        (0.5, 3.0, 0.243, 0.02044435832818917),
        (0.9, 100.0, 0.243, 1.169649709551953e-6),
        (0.1, 2.0, 5.5, 0.13170859896793577),
        (0.99, 5000.0, 30.0, 0.0007682215551902396),
        (0.25, 1.0, 0.001, 0.00028764069593223196),
        (0.75, 40.0, 12.5, 0.39899598435505385),
    ];
    for (x, a, b, value) in truth {
        let found = beta_cdf(x, 1.0 - x, a, b);
        assert!((found / value - 1.0).abs() < 1e-12, "{x} of {a} and {b}: {found:e}, not {value:e}");
        close("the other side", beta_cdf(1.0 - x, x, b, a), 1.0 - value, 1e-14);
    }
    assert_eq!(
        (beta_cdf(0.0, 1.0, 2.0, 3.0), beta_cdf(1.0, 0.0, 2.0, 3.0), beta_cdf(0.3, 0.7, 0.0, 3.0)),
        (0.0, 1.0, 1.0)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The mean of p, of its square and of a function that is steep near 0.
    #[test]
    fn means_of_beta_numbers_are_right(ln_a in -6.9..9.2_f64, ln_b in -6.9..9.2_f64) {
        let (a, b) = (libm::exp(ln_a), libm::exp(ln_b));
        let mean = a / (a + b);
        prop_assert!((beta_mean(a, b, |p| p) / mean - 1.0).abs() < 1e-12);
        let square = mean * (a + 1.0) / (a + b + 1.0);
        prop_assert!((beta_mean(a, b, |p| p * p) / square - 1.0).abs() < 1e-12);
        let survival = ln_gamma_ratio(b, 2000.0) - ln_gamma_ratio(a + b, 2000.0);
        let survives = beta_mean(a, b, |p| libm::exp(2000.0 * libm::log1p(-p)));
        prop_assert!((survives - libm::exp(survival)).abs() < 1e-11, "{} {}", survives, libm::exp(survival));
    }
}

#[test]
fn draws_have_their_means_and_variances() {
    let mut random = Pcg64::new(42, 54);
    let mut check = |what: &str, mean: f64, variance: f64, draw: &mut dyn FnMut(&mut Pcg64) -> f64| {
        let number = 40_000;
        let draws: Vec<f64> = (0..number).map(|_| draw(&mut random)).collect();
        let found = draws.iter().sum::<f64>() / f64::from(number);
        let spread = draws.iter().map(|draw| (draw - found) * (draw - found)).sum::<f64>() / f64::from(number);
        let error = (variance / f64::from(number)).sqrt();
        assert!((found - mean).abs() < 4.0 * error, "mean of {what}: {found}, not {mean} ± {error}");
        assert!((spread / variance - 1.0).abs() < 0.2, "variance of {what}: {spread}, not {variance}");
    };
    check("uniform", 0.5, 1.0 / 12.0, &mut uniform);
    check("exponential", 1.0, 1.0, &mut exponential);
    for shape in [0.2, 1.0, 7.5] {
        check("gamma", shape / 2.0, shape / 4.0, &mut |random| gamma(shape, 2.0, random));
    }
    for (a, b) in [(0.3, 2.0), (4.0, 1.5)] {
        let sum = a + b;
        check("beta", a / sum, a * b / (sum * sum * (sum + 1.0)), &mut |random| beta(a, b, random));
    }
    for p in [0.2, 0.9] {
        check("geometric", 1.0 / p, (1.0 - p) / (p * p), &mut |random| geometric(p, random));
    }
    for mean in [0.3, 9.0, 10.5, 300.0] {
        check("poisson", mean, mean, &mut |random| poisson(mean, random));
    }
}

#[test]
fn draws_at_the_edges_are_numbers() {
    let mut random = Pcg64::new(1, 2);
    for _ in 0..1000 {
        assert!((0.0..=1.0).contains(&beta(1e-3, 1e-3, &mut random)));
        assert!(gamma(1e-3, 1e4, &mut random) >= 0.0);
        assert!(geometric(0.0, &mut random).is_infinite());
        assert_eq!(geometric(1.0, &mut random), 1.0);
    }
}

/// Shares of one number after another: their means are the shapes over their sum, their variances m (1 − m) / (sum + 1).
#[test]
fn shares_have_their_means_and_variances() {
    let (shapes, number) = ([10.0, 0.0, 0.5, 24.5], 20_000_u32);
    let draws: Vec<Vec<f64>> = (1..=number).map(|of| DirichletDraws::new(7, u64::from(of)).draw(&shapes)).collect();
    assert_eq!(draws[16], DirichletDraws::new(7, 17).draw(&shapes));
    assert_ne!(draws[16], DirichletDraws::new(8, 17).draw(&shapes));
    assert!(draws.iter().all(|draw| (draw.iter().sum::<f64>() - 1.0).abs() < 1e-14 && draw[1] == 0.0));
    for (of, shape) in shapes.iter().enumerate() {
        let expected = shape / 35.0;
        let variance = expected * (1.0 - expected) / 36.0;
        let mean = draws.iter().map(|draw| draw[of]).sum::<f64>() / f64::from(number);
        let spread = draws.iter().map(|draw| (draw[of] - mean) * (draw[of] - mean)).sum::<f64>() / f64::from(number);
        assert!((mean - expected).abs() <= 4.0 * (variance / f64::from(number)).sqrt(), "{mean}, not {expected}");
        assert!((spread - variance).abs() <= 0.1 * variance, "{spread}, not {variance}");
    }
    assert_eq!(DirichletDraws::new(1, 1).draw(&[0.0, 0.0]), [0.0, 0.0]);
    assert_eq!(DirichletDraws::new(1, 1).draw(&[1e-9]), [1.0]);
}
