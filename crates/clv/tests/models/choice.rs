//! The choice among the models, and models by name.

use crate::simulator::{Simulator, history};
use appraise_clv::{
    FOLDS, History, Horizon, MbgNbd, Patterns, PurchaseKind, PurchaseModel, Timing, choose, median_time_to_next,
};

/// Customers in folds by turns.
fn folds(customers: u32, life: impl Fn(&mut Simulator, f64) -> Vec<f64>) -> [Patterns; FOLDS] {
    let mut simulator = Simulator::new(11);
    let mut folds: [Vec<(History, f64)>; FOLDS] = Default::default();
    for customer in 0..customers {
        let t = 52.0 + f64::from(customer % 52);
        folds[customer as usize % FOLDS].push((history(&life(&mut simulator, t), t), 1.0));
    }
    folds.map(Patterns::new)
}

/// Customers who leave at any time, and buy so often that this shows.
#[test]
fn lives_of_pareto_nbd_are_told_apart() {
    let folds = folds(6000, |simulator, t| simulator.pareto_nbd([2.0, 3.0, 0.8, 20.0], t));
    let choice = choose(&PurchaseKind::CONTINUOUS, &folds).unwrap();
    assert_eq!(choice.kind, PurchaseKind::ParetoNbd, "{choice:?}");
    assert_eq!(choice.candidates.len(), 3);
    assert_eq!(choice.candidates[2].behind, (0.0, 0.0));
}

/// With few customers, who hardly ever leave, all models foretell alike.
#[test]
fn ties_go_to_the_first() {
    let folds = folds(1500, |simulator, t| simulator.beta_geometric([1.5, 30.0, 0.5, 10.0], false, t));
    let candidates = [PurchaseKind::ParetoNbd, PurchaseKind::BgNbd, PurchaseKind::MbgNbd];
    let choice = choose(&candidates, &folds).unwrap();
    assert_eq!(choice.kind, PurchaseKind::MbgNbd, "{choice:?}");
    let without = choose(&candidates[..2], &folds).unwrap();
    assert_eq!(without.kind, PurchaseKind::BgNbd, "{without:?}");
}

#[test]
fn no_candidate_that_fits_is_an_error() {
    let silent = Patterns::new([(History { x: 0.0, t_x: 0.0, t: 9.0 }, 5.0)]);
    let folds = [(); FOLDS].map(|()| silent.clone());
    let error = choose(&PurchaseKind::CONTINUOUS, &folds).unwrap_err();
    assert_eq!(error.to_string(), "mbg_nbd can't be fitted: none of 20 customers bought a second time");
}

#[test]
fn a_model_by_name_is_the_model() {
    for kind in PurchaseKind::ALL {
        assert_eq!(PurchaseKind::from_name(kind.name()), Some(kind));
        assert_eq!(kind.model([0.5, 6.0, 0.9, 1.6]).unwrap().kind(), kind);
        assert!(kind.model([0.5, 6.0, 0.0, 1.6]).is_err());
    }
    assert_eq!(PurchaseKind::from_name("nbd"), None);
    let parameters = [0.525, 6.183, 0.891, 1.614];
    let (any, own) = (PurchaseKind::MbgNbd.model(parameters).unwrap(), MbgNbd::from_parameters(parameters).unwrap());
    let history = History { x: 3.0, t_x: 20.0, t: 30.0 };
    let horizon = Horizon::new(52.0, 4.0, 0.1, Timing::Mid).unwrap();
    assert_eq!(any.parameters(), parameters);
    assert_eq!(any.p_alive(&history), own.p_alive(&history));
    assert_eq!(any.purchases_within(&horizon, &history), horizon.purchases(&own, &history));
    assert_eq!(any.median_time_to_next(&history, 1e4), median_time_to_next(&own, &history, 1e4));
}
