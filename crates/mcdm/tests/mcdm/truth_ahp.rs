//! Judgements whose weights and consistency were published.

use appraise_mcdm::{AhpError, RandomIndex, ahp};
use serde_json::Value;

use crate::truth::{json, meet, numbers};

const TABLES: [(RandomIndex, &str, &str); 3] = [
    (RandomIndex::Saaty1980, "saaty1980", "CR_saaty1980"),
    (RandomIndex::SaatyLater, "saaty_later", "CR_saaty_later"),
    (RandomIndex::AlonsoLamata2006, "alonso_lamata2006", "CR_alonso_lamata"),
];

fn matrix(example: &Value) -> Vec<Vec<f64>> {
    example["matrix"].as_array().unwrap().iter().map(numbers).collect()
}

#[test]
fn weights_and_consistency_are_the_published_ones() {
    let truth = json("ahp.json");
    for (name, example) in truth["examples"].as_object().unwrap() {
        for (table, _, ratio) in TABLES {
            let found = ahp(&matrix(example), table, true).unwrap();
            meet(name, &found.weights, &numbers(&example["eigenvector"]));
            let of = |key: &str| example[key].as_f64().unwrap();
            let measures = [found.lambda_max, found.consistency_index, found.consistency_ratio];
            meet(name, &measures, &[of("lambda_max"), of("CI"), of(ratio)]);
            let published = numbers(&example["published"]["weights"]);
            for (found, published) in found.weights.iter().zip(published) {
                // One of the examples was cut, not rounded, to three places.
                assert!((found - published).abs() <= 1e-3, "{name}: {found} {published}");
            }
        }
    }
}

#[test]
fn contradicting_judgements_are_refused_unless_allowed() {
    let truth = json("ahp.json");
    for (name, example) in truth["examples"].as_object().unwrap() {
        let found = ahp(&matrix(example), RandomIndex::Saaty1980, false);
        if name == "saaty1990_house_8x8" {
            assert!(
                matches!(found, Err(AhpError::Inconsistent { ratio }) if (ratio - 0.169).abs() < 5e-4),
                "{found:?}"
            );
        } else {
            assert!(found.is_ok(), "{name}: {found:?}");
        }
    }
}

#[test]
fn the_tables_are_the_published_ones() {
    // A matrix with λ = n + 1 in one pair only shows each table's index: CR · RI = CI.
    let truth = json("ahp.json");
    for (table, name, _) in TABLES {
        for n in 3..=table.most_criteria() {
            let mut judgements = vec![vec![1.0; n]; n];
            (judgements[0][1], judgements[1][0]) = (5.0, 0.2);
            let found = ahp(&judgements, table, true).unwrap();
            let index = truth["RI"][name][n.to_string()].as_f64().unwrap();
            meet(name, &[found.consistency_ratio * index], &[found.consistency_index]);
        }
        let size = table.most_criteria();
        assert_eq!(truth["RI"][name].as_object().unwrap().keys().next_back().unwrap(), &size.to_string());
        let too_many = vec![vec![1.0; size + 1]; size + 1];
        assert!(matches!(ahp(&too_many, table, true), Err(AhpError::TooManyCriteria { .. })));
    }
}

#[test]
fn rounded_reciprocals_stand_for_the_exact_ones() {
    let exact =
        ahp(&[vec![1.0, 3.0, 8.0], vec![1.0 / 3.0, 1.0, 2.0], vec![0.125, 0.5, 1.0]], RandomIndex::Saaty1980, false);
    let rounded =
        ahp(&[vec![1.0, 3.0, 8.0], vec![0.33, 1.0, 2.0], vec![0.13, 0.5, 1.0]], RandomIndex::Saaty1980, false);
    assert_eq!(rounded.unwrap(), exact.unwrap());
    let turned = ahp(&[vec![1.0, 0.33], vec![3.0, 1.0]], RandomIndex::Saaty1980, false).unwrap();
    meet("turned", &turned.weights, &[0.25, 0.75]);
    assert_eq!((turned.consistency_index, turned.consistency_ratio), (0.0, 0.0));
}

#[test]
fn what_is_no_matrix_of_judgements_is_refused() {
    let refused = |judgements: &[Vec<f64>]| ahp(judgements, RandomIndex::Saaty1980, true).unwrap_err().to_string();
    assert_eq!(refused(&[]), "there are no judgements");
    assert_eq!(refused(&[vec![1.0, 2.0], vec![0.5]]), "row 2 of the judgements has 1 numbers where there are 2 rows");
    assert_eq!(
        refused(&[vec![1.0, -2.0], vec![-0.5, 1.0]]),
        "the judgement in row 1, column 2 is -2: judgements are numbers from 0.000001 to 1000000"
    );
    assert!(refused(&[vec![1.0, f64::NAN], vec![1.0, 1.0]]).contains("NaN"));
    assert_eq!(refused(&[vec![1.0, 2.0], vec![0.5, 2.0]]), "the judgement in row 2, column 2 is 2: the diagonal is 1");
    assert!(refused(&[vec![1.0, 2.0], vec![2.0, 1.0]]).contains("row 1, column 2 (2) and row 2, column 1 (2)"));
    assert_eq!(ahp(&[vec![1.0]], RandomIndex::Saaty1980, false).unwrap().weights, [1.0]);
}
