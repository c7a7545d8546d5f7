//! Scores and ranks against pymcdm, scikit-criteria and pyDecision.

use appraise_mcdm::{Ranking, References, contribution, ranks};

use crate::run::{METHODS, of, ranking, slices};
use crate::truth::{Customers, json, meet, numbers};

/// Left out of the truth: other normalisations than each method's own, methods that there are none of here, and
/// `skcriteria.TOPSIS.cenit(minmax)`, in which that library turns costs round twice.
const MET: [(&str, Ranking); 9] = [
    ("pymcdm.WSM(SAW).minmax_normalization", Ranking::Saw),
    ("pymcdm.TOPSIS.vector_normalization", Ranking::Topsis),
    ("skcriteria.TOPSIS.vector", Ranking::Topsis),
    ("pymcdm.VIKOR.v=0.5", Ranking::Vikor { v: 0.5 }),
    ("pymcdm.VIKOR.v=0.25", Ranking::Vikor { v: 0.25 }),
    ("pymcdm.VIKOR.v=1.0", Ranking::Vikor { v: 1.0 }),
    ("skcriteria.VIKOR.q", Ranking::Vikor { v: 0.5 }),
    ("numpy.GRA(zeta=0.5)", Ranking::Gra { zeta: 0.5 }),
    ("pyDecision.gra_method(x60)", Ranking::Gra { zeta: 0.5 }),
];

#[test]
fn scores_and_ranks_are_those_of_other_libraries() {
    let (customers, truth) = (Customers::read(), json("scores.json"));
    let sets = truth["scores"].as_object().unwrap();
    assert_eq!(sets.len(), 8);
    for (set, of_set) in sets {
        let weights = numbers(&of_set["weights"]);
        for (name, method) in MET {
            let columns = of(method.input(), &customers.raw, &customers.normalised);
            let references = ranking(method, &customers.directions, &weights, columns, &[17]).unwrap();
            let found = references.scores(&weights, &slices(columns)).unwrap();
            let of_method = &of_set["methods"][name];
            let mut scores = numbers(&of_method["scores"]);
            if of_method["best_is"] == "min" {
                for score in &mut scores {
                    *score = 1.0 - *score;
                }
            }
            meet(&format!("{set} {name}"), &found, &scores);
            // No two scores of the truth are equal, so the ranks are whole.
            let found: Vec<f64> = ranks(&found).iter().map(|&rank| rank as f64).collect();
            assert_eq!(found, numbers(&of_method["ranks_average_ties"]), "{set} {name}");
        }
    }
}

#[test]
fn regrets_are_those_of_scikit_criteria() {
    let (customers, truth) = (Customers::read(), json("scores.json"));
    for (set, of_set) in truth["scores"].as_object().unwrap() {
        let weights = numbers(&of_set["weights"]);
        let method = Ranking::Vikor { v: 0.5 };
        let found = ranking(method, &customers.directions, &weights, &customers.normalised, &[]).unwrap();
        let References::Vikor(found) = found else { panic!("{found:?}") };
        let extremes = |key: &str| {
            let values = numbers(&of_set["methods"]["skcriteria.VIKOR.q"][key]);
            [values.iter().copied().fold(f64::INFINITY, f64::min), values.iter().copied().fold(0.0, f64::max)]
        };
        meet(set, &[found.s_best, found.s_worst], &extremes("S"));
        meet(set, &[found.r_best, found.r_worst], &extremes("R"));
    }
}

#[test]
fn frozen_references_and_single_rows_give_the_same_bits() {
    let customers = Customers::read();
    let weights = numbers(&json("whatif.json")["base_weights"]);
    for method in METHODS {
        let columns = of(method.input(), &customers.raw, &customers.normalised);
        let fitted = ranking(method, &customers.directions, &weights, columns, &[]).unwrap();
        let cut = ranking(method, &customers.directions, &weights, columns, &[1, 2, 3, 40]).unwrap();
        assert_eq!(fitted, cut);
        let frozen: References = serde_json::from_str(&serde_json::to_string(&fitted).unwrap()).unwrap();
        assert_eq!(fitted, frozen);
        let scores = fitted.scores(&weights, &slices(columns)).unwrap();
        for (row, score) in scores.iter().enumerate() {
            let values: Vec<f64> = columns.iter().map(|column| column[row]).collect();
            assert_eq!(frozen.score(&weights, &values).unwrap().to_bits(), score.to_bits());
            if method == Ranking::Saw {
                let mut sum = 0.0;
                weights.iter().zip(&values).for_each(|(&weight, &value)| sum += contribution(weight, value));
                assert_eq!(sum.to_bits(), score.to_bits());
            }
        }
    }
    let unknown = r#"{"topsis":{"columns":[],"more":1}}"#;
    assert!(serde_json::from_str::<References>(unknown).unwrap_err().to_string().contains("unknown field"));
}
