//! Weights by the data and combinations, against pymcdm and scikit-criteria.

use appraise_mcdm::{Error, Objective, additive, game_theory, multiplicative};

use crate::run::{OBJECTIVES, objective, of};
use crate::truth::{Customers, json, meet, numbers};

/// Left out of the truth: raw CRITIC (costs are not turned round), raw standard deviations (one column has 0.85 of the
/// weight), Spearman's CRITIC, and methods that there are none of here.
const MET: [(&str, Objective); 9] = [
    ("pymcdm.equal_weights", Objective::Equal),
    ("pymcdm.entropy_weights", Objective::Entropy),
    ("pymcdm.merec_weights", Objective::Merec),
    ("pymcdm.critic_weights_on_minmax_oriented", Objective::Critic),
    ("pymcdm.standard_deviation_on_minmax", Objective::Std),
    ("skcriteria.EqualWeighter()", Objective::Equal),
    ("skcriteria.EntropyWeighter()", Objective::Entropy),
    ("skcriteria.CRITIC(correlation='pearson',scale=True)", Objective::Critic),
    ("skcriteria.MEREC()", Objective::Merec),
];

#[test]
fn weights_are_those_of_other_libraries() {
    let (customers, truth) = (Customers::read(), json("weights.json"));
    for (name, method) in MET {
        let columns = of(method.input(), &customers.raw, &customers.normalised);
        let found = objective(method, &customers.directions, columns, &[]).unwrap();
        assert!(!found.uninformative);
        meet(name, &found.weights, &numbers(&truth["weights"][name]["weights"]));
    }
}

#[test]
fn cuts_of_batches_change_no_bit() {
    let customers = Customers::read();
    for method in OBJECTIVES {
        let columns = of(method.input(), &customers.raw, &customers.normalised);
        let whole = objective(method, &customers.directions, columns, &[]).unwrap();
        for lengths in [&[1, 0, 7, 30][..], &[59], &[1; 60]] {
            assert_eq!(objective(method, &customers.directions, columns, lengths).unwrap(), whole, "{method:?}");
        }
    }
}

#[test]
fn combinations_are_the_true_ones() {
    let truth = &json("whatif.json")["whatif"]["combination"];
    let (subjective, objective) = (numbers(&truth["subjective"]), numbers(&truth["objective(entropy)"]));
    let found = additive(&subjective, &objective, 0.5).unwrap();
    meet("additive", &found, &numbers(&truth["additive_alpha0.5"]));
    let found = multiplicative(&subjective, &objective).unwrap();
    meet("multiplicative", &found, &numbers(&truth["multiplicative"]));
    // The subjective share is negative here; the truth takes the sizes of the shares, which is refused here.
    let refused = game_theory(&subjective, &objective).unwrap_err();
    let Error::NegativeShare { subjective, objective } = refused else { panic!("{refused}") };
    meet("game theory", &[-subjective, objective], &numbers(&truth["game_theory"]["alpha"]));
}

#[test]
fn combinations_that_there_are_none_of_are_refused() {
    assert_eq!(
        multiplicative(&[1.0, 0.0], &[0.0, 1.0]).unwrap_err().to_string(),
        "all products of subjective and objective weights are 0"
    );
    assert!(matches!(additive(&[1.0], &[1.0], 1.5), Err(Error::Parameter { parameter: "alpha", .. })));
    assert!(matches!(additive(&[1.0], &[1.0, 2.0], 0.5), Err(Error::Indicators { .. })));
    assert!(matches!(additive(&[1.0, -1.0], &[1.0, 2.0], 0.5), Err(Error::Weight { indicator: 1, .. })));
    assert!(matches!(additive(&[0.0, 0.0], &[1.0, 2.0], 0.5), Err(Error::AllZero { .. })));
    let refused = game_theory(&[0.55, 0.45], &[0.6, 0.4]).unwrap_err();
    assert!(matches!(refused, Error::NegativeShare { .. }), "{refused}");
    let even = game_theory(&[1.0, 1.0], &[0.6, 0.4]).unwrap();
    assert_eq!((even.weights, even.alpha), (vec![0.6, 0.4], 0.0));
    // Mirrored sets share alike: s·s = o·o = 0.54 and s·o = 0.18.
    let mirrored = game_theory(&[0.7, 0.2, 0.1], &[0.1, 0.2, 0.7]).unwrap();
    meet("mirrored", &mirrored.weights, &[0.4, 0.2, 0.4]);
    // s·s = 0.54, s·o = 0.27, o·o = 0.38: a ∝ 0.38 · 0.27 = 0.1026, b ∝ 0.54 · 0.11 = 0.0594.
    let uneven = game_theory(&[0.7, 0.2, 0.1], &[0.2, 0.5, 0.3]).unwrap();
    meet("uneven", &[uneven.alpha], &[0.1026 / (0.1026 + 0.0594)]);
    let same = game_theory(&[1.0, 3.0], &[0.25, 0.75]).unwrap();
    assert_eq!((same.weights, same.alpha), (vec![0.25, 0.75], 0.5));
}
