//! Effects of covariates are found in customers who were drawn with them.

use crate::simulator::{Simulator, history};
use appraise_clv::{
    BgNbd, CovariateFit, CovariatePatterns, Covariates, History, MbgNbd, ParetoNbd, Patterns, maximise,
    maximise_with_covariates,
};

/// Customers with one covariate of two values and one of five, in odd units.
fn customers<M: Covariates>(
    parameters: [f64; 4],
    gamma: &[[f64; 2]; 2],
    life: impl Fn(&mut Simulator, [f64; 4], f64) -> Vec<f64>,
) -> Vec<([f64; 2], History)> {
    let mut simulator = Simulator::new(7);
    let mut customers = Vec::new();
    for customer in 0..8000 {
        let z = [f64::from(customer % 2), 1000.0 + 100.0 * f64::from(customer % 5)];
        let mut own = parameters;
        for ((index, sign), gamma) in M::SCALED.into_iter().zip(gamma) {
            own[index] *= (sign * (gamma[0] * z[0] + gamma[1] * z[1])).exp();
        }
        let t = 30.0 + f64::from(customer % 50);
        customers.push((z, history(&life(&mut simulator, own, t), t)));
    }
    customers
}

fn fit<M: Covariates>(customers: &[([f64; 2], History)]) -> CovariateFit {
    let data = customers.iter().map(|(z, history)| (z.as_slice(), *history, 1.0));
    maximise_with_covariates::<M>(&CovariatePatterns::new(data).unwrap()).unwrap()
}

/// All log parameters and effects lie within three standard errors of the truth.
fn finds<M: Covariates>(
    parameters: [f64; 4],
    gamma: [[f64; 2]; 2],
    life: impl Fn(&mut Simulator, [f64; 4], f64) -> Vec<f64>,
) {
    let customers = customers::<M>(parameters, &gamma, life);
    let fit = fit::<M>(&customers);
    let found = fit.log_parameters.iter().chain(&fit.gamma[0]).chain(&fit.gamma[1]);
    let truth = parameters.map(f64::ln);
    let truth = truth.iter().chain(&gamma[0]).chain(&gamma[1]);
    for (i, ((found, truth), error)) in found.zip(truth).zip(fit.standard_errors()).enumerate() {
        assert!((found - truth).abs() <= 3.0 * error, "{} {i}: {found} ± {error} for {truth}", M::NAME);
    }
    // What differs between customers is told apart from chance.
    let errors = fit.standard_errors();
    for (i, gamma) in fit.gamma.iter().flatten().enumerate() {
        assert!(gamma.abs() > 2.0 * errors[4 + i], "{} gamma {i}: {gamma} ± {}", M::NAME, errors[4 + i]);
    }
    let plain = maximise::<M>(&Patterns::new(customers.iter().map(|(_, history)| (*history, 1.0)))).unwrap();
    assert!(fit.log_likelihood > plain.log_likelihood + 20.0);
    let own: f64 = customers.iter().map(|(z, history)| fit.model::<M>(z).unwrap().log_likelihood(history)).sum();
    assert!((own - fit.log_likelihood).abs() <= 1e-9 * own.abs());
}

#[test]
fn finds_effects_in_bg_nbd() {
    let life = |simulator: &mut Simulator, own, t| simulator.beta_geometric(own, false, t);
    finds::<BgNbd>([0.8, 400.0, 0.02, 2.5], [[0.7, 0.004], [-0.8, 0.003]], life);
}

#[test]
fn finds_effects_in_pareto_nbd() {
    let life = |simulator: &mut Simulator, own, t| simulator.pareto_nbd(own, t);
    finds::<ParetoNbd>([0.8, 400.0, 0.7, 400.0], [[0.7, 0.004], [-0.8, 0.003]], life);
}

/// Without effects the likelihood is that of the plain model, but for chance.
#[test]
fn without_effects_the_fit_is_the_plain_one() {
    let life = |simulator: &mut Simulator, own, t| simulator.beta_geometric(own, true, t);
    let customers = customers::<MbgNbd>([0.525, 6.183, 0.891, 1.614], &[[0.0; 2]; 2], life);
    let fit = fit::<MbgNbd>(&customers);
    let plain = maximise::<MbgNbd>(&Patterns::new(customers.iter().map(|(_, history)| (*history, 1.0)))).unwrap();
    let gain = fit.log_likelihood - plain.log_likelihood;
    // Twice the gain has a chi-squared distribution with 4 degrees of freedom: below 14.9 in 99.5 of 100 cases.
    assert!((-1e-7..14.9 / 2.0).contains(&gain), "{gain}");
}
