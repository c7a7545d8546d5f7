//! Fits by groups: how much they lean on each other follows from the data.

use crate::simulator::{Simulator, history};
use appraise_clv::{BgNbd, FOLDS, GroupFits, History, POOL_STRENGTHS, Patterns, PurchaseModel, fit_groups, maximise};

/// A group of customers of the BG/NBD, in folds by turns.
fn group(simulator: &mut Simulator, parameters: [f64; 4], customers: usize) -> [Patterns; FOLDS] {
    let mut folds: [Vec<(History, f64)>; FOLDS] = Default::default();
    for customer in 0..customers {
        let t = 20.0 + 60.0 * simulator.uniform();
        folds[customer % FOLDS].push((history(&simulator.beta_geometric(parameters, false, t), t), 1.0));
    }
    folds.map(Patterns::new)
}

fn fit(seed: u64, groups: &[([f64; 4], usize)]) -> (Vec<[Patterns; FOLDS]>, GroupFits) {
    let mut simulator = Simulator::new(seed);
    let groups: Vec<_> =
        groups.iter().map(|&(parameters, customers)| group(&mut simulator, parameters, customers)).collect();
    let fits = fit_groups::<BgNbd>(&groups).unwrap();
    assert_eq!(fits.groups.len(), groups.len());
    assert_eq!(fits.held_out.iter().map(|held_out| held_out.strength).collect::<Vec<_>>(), POOL_STRENGTHS);
    (groups, fits)
}

fn merged<'a>(parts: impl IntoIterator<Item = &'a Patterns>) -> Patterns {
    Patterns::new(
        parts.into_iter().flat_map(|part| part.histories().iter().copied().zip(part.counts().iter().copied())),
    )
}

const USUAL: [f64; 4] = [0.8, 6.0, 0.8, 2.4];

#[test]
fn equal_groups_are_pooled() {
    let (groups, fits) = fit(1, &[(USUAL, 300); 6]);
    assert!(fits.strength >= 200.0, "{:?}", fits.held_out);
    let all = maximise::<BgNbd>(&merged(groups.iter().flatten())).unwrap();
    assert_eq!(fits.pooled, all);
}

#[test]
fn large_groups_that_differ_stand_alone() {
    let (groups, fits) = fit(2, &[(USUAL, 4000), ([3.0, 20.0, 1.0, 8.0], 4000), ([0.5, 2.0, 2.0, 3.0], 4000)]);
    assert!(fits.strength <= 50.0, "{:?}", fits.held_out);
    for (folds, fit) in groups.iter().zip(&fits.groups) {
        let alone = maximise::<BgNbd>(&merged(folds)).unwrap();
        assert!(fit.log_likelihood <= alone.log_likelihood + 1e-7);
        assert!(fit.log_likelihood >= alone.log_likelihood - 1.0);
        assert_eq!(fit.customers, 4000.0);
    }
}

/// A group in which nobody came back has no fit of its own: it leans on the others, and so do all with it.
#[test]
fn a_group_without_fit_rules_out_standing_alone() {
    let mut simulator = Simulator::new(3);
    let mut groups = vec![group(&mut simulator, USUAL, 3000), group(&mut simulator, [3.0, 20.0, 1.0, 8.0], 3000)];
    let silent = |t: f64| Patterns::new([(History { x: 0.0, t_x: 0.0, t }, 1.0)]);
    groups.push([silent(20.0), silent(30.0), silent(40.0), silent(50.0), Patterns::new([])]);
    let fits = fit_groups::<BgNbd>(&groups).unwrap();
    assert_eq!(fits.held_out[0].log_likelihood, None);
    assert!(fits.strength >= 50.0 && fits.strength.is_finite(), "{:?}", fits.held_out);

    // What was maximised is level at the group's parameters.
    let all = merged(groups.iter().flatten());
    for (folds, fit) in groups.iter().zip(&fits.groups) {
        let of_all = BgNbd::evaluate(&fit.log_parameters, &all);
        let own = BgNbd::evaluate(&fit.log_parameters, &merged(folds));
        for i in 0..4 {
            let slope = own.gradient[i] + fits.strength / all.customers() * of_all.gradient[i];
            assert!(slope.abs() <= 1e-6, "{slope}");
        }
    }
}

#[test]
fn no_fit_at_all_is_an_error() {
    let silent = Patterns::new([(History { x: 0.0, t_x: 0.0, t: 9.0 }, 5.0)]);
    assert!(fit_groups::<BgNbd>(&[[silent.clone(), silent.clone(), silent.clone(), silent.clone(), silent]]).is_err());
}
