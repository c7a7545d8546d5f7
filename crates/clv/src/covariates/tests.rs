//! Derivatives against differences.

use super::*;
use crate::MbgNbd;

fn data() -> CovariatePatterns {
    let z = [[0.5, 1.0], [-1.0, 0.0], [2.0, 1.0]];
    let histories = [(2.0, 10.0, 30.0), (0.0, 0.0, 25.0), (5.0, 29.0, 31.0), (1.0, 3.0, 40.0)];
    let customers = z.iter().flat_map(|z| {
        histories.iter().map(move |&(x, t_x, t)| (z.as_slice(), History { x, t_x, t }, 1.0 + z[0] * z[0]))
    });
    CovariatePatterns::new(customers).unwrap()
}

fn derivatives_are_slopes<M: Covariates>(at: [f64; 8]) {
    let data = data();
    let likelihood = Likelihood { data: &data, scaled: M::SCALED, evaluate: M::evaluate };
    let exact = likelihood.evaluate(&at);
    let step = 1e-5;
    for k in 0..8 {
        let (mut less, mut more) = (at, at);
        less[k] -= step;
        more[k] += step;
        let (less, more) = (likelihood.evaluate(&less), likelihood.evaluate(&more));
        let slope = (more.value - less.value) / (2.0 * step);
        assert!((slope - exact.gradient[k]).abs() <= 1e-6 * (1.0 + slope.abs()), "{k}: {slope}");
        for i in 0..8 {
            let slope = (more.gradient[i] - less.gradient[i]) / (2.0 * step);
            assert!((slope - exact.hessian[k][i]).abs() <= 1e-6 * (1.0 + slope.abs()), "{k} {i}: {slope}");
        }
    }
}

#[test]
fn derivatives() {
    derivatives_are_slopes::<MbgNbd>([-0.6, 1.5, -0.2, 0.9, 0.3, -0.2, 0.1, 0.4]);
    derivatives_are_slopes::<ParetoNbd>([-0.6, 2.3, -0.5, 2.4, 0.3, -0.2, 0.1, 0.4]);
}

#[test]
fn covariates_outside_their_domain_are_refused() {
    let history = History { x: 1.0, t_x: 2.0, t: 3.0 };
    let refused =
        |rows: &[&[f64]]| CovariatePatterns::new(rows.iter().map(|z| (*z, history, 1.0))).unwrap_err().to_string();
    assert_eq!(refused(&[]), "a customer has 1 to 8 covariates, not 0");
    assert_eq!(refused(&[&[0.0; 9]]), "a customer has 1 to 8 covariates, not 9");
    assert_eq!(refused(&[&[0.0], &[0.0, 1.0]]), "all customers have the same number of covariates, not 1 and 2");
    assert_eq!(refused(&[&[0.0, f64::NAN]]), "covariate 2 has to be finite, not NaN");
    let same = CovariatePatterns::new([([3.0].as_slice(), history, 1.0), (&[3.0], history, 2.0)]).unwrap();
    let error = maximise_with_covariates::<MbgNbd>(&same).unwrap_err();
    assert_eq!(error.to_string(), "covariate 1 is 3 for all customers");
}
