//! What holds for any data.

use appraise_mcdm::{
    Direction, Objective, RandomIndex, Ranking, additive, ahp, contribution, game_theory, multiplicative, normalise,
};
use proptest::prelude::*;

use crate::run::{METHODS, OBJECTIVES, objective, of, ranking, slices};
use crate::truth::Customers;

/// 2 to 60 customers of 1 to 6 indicators, with zeros where `zeros`, and weights.
fn customers(zeros: bool) -> impl Strategy<Value = (Customers, Vec<f64>)> {
    let positive = prop_oneof![(1_u32..20).prop_map(f64::from), 1e-3..1e9, 0.9..1.1];
    let value = prop_oneof![6 => positive.boxed(), u32::from(zeros) => Just(0.0).boxed()];
    (1_usize..7, 2_usize..61).prop_flat_map(move |(indicators, rows)| {
        let columns = prop::collection::vec(prop::collection::vec(value.clone(), rows), indicators);
        let directions =
            prop::collection::vec(prop::sample::select(&[Direction::Benefit, Direction::Cost][..]), indicators);
        let weights = prop::collection::vec(prop_oneof![8 => 0.01..10.0, 1 => Just(0.0)], indicators);
        (columns, directions, weights).prop_filter_map("no weights", |(columns, directions, weights)| {
            Some((Customers::new(directions, columns), normalise(&weights).ok()?))
        })
    })
}

fn is_weights(weights: &[f64]) -> bool {
    let sum: f64 = weights.iter().sum();
    weights.iter().all(|weight| (0.0..=1.0).contains(weight)) && sum <= 1.0 && sum > 1.0 - 1e-14
}

/// The straightforward computation of each method, from its definition.
fn naive(method: Objective, customers: &Customers) -> Vec<f64> {
    let (n, m) = (customers.raw.len(), customers.raw[0].len() as f64);
    let mean = |x: &[f64]| x.iter().sum::<f64>() / m;
    let covariance =
        |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(a, b)| (a - mean(x)) * (b - mean(y))).sum::<f64>() / m;
    let sd = |x: &[f64]| covariance(x, x).sqrt();
    let columns = &customers.normalised;
    let raw: Vec<f64> = match method {
        Objective::Equal => vec![1.0; n],
        Objective::Std => columns.iter().map(|column| sd(column)).collect(),
        Objective::Critic => columns
            .iter()
            .map(|x| {
                let others = columns.iter().filter(|y| sd(x) > 1e-9 && sd(y) > 1e-9);
                sd(x) * others.map(|y| 1.0 - covariance(x, y) / sd(x) / sd(y)).sum::<f64>()
            })
            .collect(),
        Objective::Entropy => customers
            .raw
            .iter()
            .map(|x| {
                let total: f64 = x.iter().sum();
                let terms = x.iter().map(|x| x / total).filter(|&p| p > 0.0).map(|p| p * p.ln());
                if total > 0.0 { 1.0 + terms.sum::<f64>() / m.ln() } else { 0.0 }
            })
            .collect(),
        Objective::Merec => {
            let normalised: Vec<Vec<f64>> = customers
                .raw
                .iter()
                .zip(&customers.directions)
                .map(|(x, direction)| match direction {
                    Direction::Benefit => x.iter().map(|v| x.iter().copied().fold(f64::MAX, f64::min) / v).collect(),
                    Direction::Cost => x.iter().map(|v| v / x.iter().copied().fold(0.0, f64::max)).collect(),
                })
                .collect();
            let performance = |row: usize, skipped: Option<usize>| {
                let terms = (0..n).filter(|&j| Some(j) != skipped).map(|j| normalised[j][row].ln().abs());
                (1.0 + terms.sum::<f64>() / n as f64).ln()
            };
            let effect = |j: usize| {
                (0..customers.raw[0].len())
                    .map(|row| (performance(row, Some(j)) - performance(row, None)).abs())
                    .sum::<f64>()
            };
            (0..n).map(effect).collect()
        }
    };
    raw
}

proptest! {
    #[test]
    fn objective_weights_are_weights((customers, _) in customers(false), cut in 0_usize..60) {
        for method in OBJECTIVES {
            let columns = of(method.input(), &customers.raw, &customers.normalised);
            let found = objective(method, &customers.directions, columns, &[]).unwrap();
            prop_assert!(is_weights(&found.weights), "{method:?}: {found:?}");
            prop_assert_eq!(&objective(method, &customers.directions, columns, &[cut, 3]).unwrap(), &found);
            let naive = naive(method, &customers);
            let total: f64 = naive.iter().sum();
            if total > 1e-4 {
                prop_assert!(!found.uninformative);
                for (found, naive) in found.weights.iter().zip(&naive) {
                    prop_assert!((found - naive / total).abs() < 1e-9, "{method:?}: {found} {}", naive / total);
                }
            }
        }
    }

    #[test]
    fn scores_are_scores((customers, weights) in customers(true), cut in 0_usize..60) {
        for method in METHODS {
            let columns = of(method.input(), &customers.raw, &customers.normalised);
            let references = ranking(method, &customers.directions, &weights, columns, &[]).unwrap();
            prop_assert_eq!(&ranking(method, &customers.directions, &weights, columns, &[cut, 1]).unwrap(), &references);
            let scores = references.scores(&weights, &slices(columns)).unwrap();
            for (row, score) in scores.iter().enumerate() {
                prop_assert!((0.0..=1.0).contains(score), "{method:?}: {score}");
                let values: Vec<f64> = columns.iter().map(|column| column[row]).collect();
                prop_assert_eq!(references.score(&weights, &values).unwrap().to_bits(), score.to_bits());
                for (other, other_score) in scores.iter().enumerate() {
                    let both = || customers.normalised.iter().map(|column| (column[row], column[other]));
                    if both().all(|(a, b)| a == b) && columns.iter().all(|column| column[row] == column[other]) {
                        prop_assert_eq!(score.to_bits(), other_score.to_bits());
                    }
                    if both().all(|(a, b)| a >= b) {
                        prop_assert!(*score >= *other_score - 1e-12, "{method:?}: {score} {other_score}");
                    }
                }
                if method == Ranking::Saw {
                    let contributions = weights.iter().zip(&values).map(|(&weight, &value)| contribution(weight, value));
                    let sum = contributions.fold(0.0, |sum, contribution| sum + contribution);
                    prop_assert_eq!(sum.to_bits(), score.to_bits());
                }
            }
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter((customers, weights) in customers(true), turn in 1_usize..60) {
        let mut raw = customers.raw.clone();
        let rows = raw[0].len();
        for column in &mut raw {
            column.rotate_left(turn % rows);
        }
        let turned = Customers::new(customers.directions.clone(), raw);
        for method in METHODS {
            let of_all = |customers: &Customers| {
                let columns = of(method.input(), &customers.raw, &customers.normalised).to_vec();
                let references = ranking(method, &customers.directions, &weights, &columns, &[]).unwrap();
                references.scores(&weights, &slices(&columns)).unwrap()
            };
            let (mut scores, turned) = (of_all(&customers), of_all(&turned));
            scores.rotate_left(turn % rows);
            for (score, turned) in scores.iter().zip(&turned) {
                prop_assert!((score - turned).abs() < 1e-9, "{method:?}: {score} {turned}");
            }
        }
    }

    #[test]
    fn combinations_are_weights(
        (s, o) in (1_usize..8).prop_flat_map(|n| {
            (prop::collection::vec(0.0..1.0, n), prop::collection::vec(prop_oneof![3 => 0.0..1.0, 1 => Just(0.0)], n))
        }),
        alpha in 0.0..=1.0,
    ) {
        if let Ok(found) = additive(&s, &o, alpha) {
            prop_assert!(is_weights(&found));
        }
        if let Ok(found) = multiplicative(&s, &o) {
            prop_assert!(is_weights(&found));
        }
        if let Ok(found) = game_theory(&s, &o) {
            prop_assert!(is_weights(&found.weights) && (0.0..=1.0).contains(&found.alpha));
            // The coefficients solve the two equations, but for a common factor.
            let (s, o) = (normalise(&s).unwrap(), normalise(&o).unwrap());
            let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
            let left = |x: &[f64]| found.alpha * dot(x, &s) + (1.0 - found.alpha) * dot(x, &o);
            prop_assert!((left(&s) * dot(&o, &o) - left(&o) * dot(&s, &s)).abs() < 1e-9);
        }
    }

    #[test]
    fn consistent_judgements_give_back_their_weights(weights in prop::collection::vec(0.1..10.0, 1..11)) {
        let judgements: Vec<Vec<f64>> =
            weights.iter().map(|a| weights.iter().map(|b| a / b).collect()).collect();
        let found = ahp(&judgements, RandomIndex::Saaty1980, false).unwrap();
        let expected = normalise(&weights).unwrap();
        prop_assert!(crate::truth::difference(&found.weights, &expected) < 1e-13);
        prop_assert!(found.consistency_ratio < 1e-13);
    }

    #[test]
    fn any_judgements_have_an_eigenvector(judgements in prop::collection::vec((-5.9..5.9).prop_map(|power| 10_f64.powf(power)), 45), n in 1_usize..11) {
        let mut matrix = vec![vec![1.0; n]; n];
        let mut judgements = judgements.into_iter();
        for (i, j) in (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))) {
            let judgement: f64 = judgements.next().unwrap();
            (matrix[i][j], matrix[j][i]) = (judgement, 1.0 / judgement);
        }
        let found = ahp(&matrix, RandomIndex::AlonsoLamata2006, true).unwrap();
        for (row, weight) in matrix.iter().zip(&found.weights) {
            let product: f64 = row.iter().zip(&found.weights).map(|(a, w)| a * w).sum();
            prop_assert!((product / (found.lambda_max * weight) - 1.0).abs() < 1e-9);
        }
    }
}
