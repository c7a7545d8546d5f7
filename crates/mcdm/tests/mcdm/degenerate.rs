//! Few rows, equal rows, extreme and impossible numbers.

use appraise_mcdm::{
    BoundsRule, Direction, Error, Objective, ObjectiveFit, Ranking, RankingFit, Scale, Transform, equal, normalise,
};

use crate::run::{METHODS, OBJECTIVES, objective, of, ranking, slices};
use crate::truth::Customers;

const DIRECTIONS: [Direction; 2] = [Direction::Benefit, Direction::Cost];

#[test]
fn objective_weights_need_two_rows() {
    for method in OBJECTIVES {
        for rows in 0..2 {
            let found = objective(method, &DIRECTIONS, &[vec![1.0; rows], vec![1.0; rows]], &[]);
            if method == Objective::Equal {
                assert_eq!(found.unwrap().weights, [0.5, 0.5]);
            } else {
                assert!(matches!(found, Err(Error::TooFewRows { needed: 2, .. })), "{method:?}: {found:?}");
            }
        }
        assert_eq!(ObjectiveFit::new(method, &[]).unwrap_err(), Error::NoIndicators);
    }
}

#[test]
fn constant_columns_weigh_nothing() {
    let columns = [vec![0.2, 0.4, 0.9, 0.3], vec![0.1; 4], vec![0.5, 0.1, 0.3, 0.9]];
    let without = [columns[0].clone(), columns[2].clone()];
    let directions = [Direction::Benefit, Direction::Cost, Direction::Benefit];
    for method in OBJECTIVES.into_iter().filter(|&method| method != Objective::Equal) {
        let found = objective(method, &directions, &columns, &[]).unwrap();
        assert_eq!(found.weights[1], 0.0, "{method:?}");
        assert!(!found.uninformative);
        if method != Objective::Merec {
            let fewer = objective(method, &[Direction::Benefit; 2], &without, &[]).unwrap();
            let others = [found.weights[0], found.weights[2]];
            assert!(crate::truth::difference(&others, &fewer.weights) < 1e-15, "{method:?}");
        }
        let constant = objective(method, &directions, &[vec![0.1; 5], vec![0.7; 5], vec![1.0; 5]], &[]).unwrap();
        assert_eq!((constant.weights, constant.uninformative), (equal(3).unwrap(), true), "{method:?}");
    }
}

#[test]
fn perfectly_correlated_columns_are_in_no_conflict() {
    let column = vec![0.0, 0.3, 1.0, 0.7];
    let half: Vec<f64> = column.iter().map(|value| 0.5 * value).collect();
    let columns = [column, half, vec![0.0; 4]];
    let found = objective(Objective::Critic, &[Direction::Benefit; 3], &columns, &[]).unwrap();
    assert_eq!((found.weights, found.uninformative), (vec![0.5, 0.5, 0.0], true));
}

#[test]
fn values_outside_a_domain_are_refused() {
    for (method, value) in [
        (Objective::Entropy, -1.0),
        (Objective::Entropy, f64::INFINITY),
        (Objective::Merec, 0.0),
        (Objective::Merec, f64::NAN),
        (Objective::Critic, 1.5),
        (Objective::Std, f64::NAN),
    ] {
        let found = objective(method, &DIRECTIONS, &[vec![1.0, 0.5], vec![0.5, value]], &[]).unwrap_err();
        assert!(matches!(found, Error::Value { indicator: 1, .. }), "{found}");
    }
    let found = objective(Objective::Entropy, &DIRECTIONS, &[vec![1.0, 0.5], vec![0.5, -2.0]], &[]).unwrap_err();
    assert_eq!(found.to_string(), "entropy needs finite values from 0: indicator 1 has -2");
    for method in METHODS {
        let found = ranking(method, &DIRECTIONS, &[0.5, 0.5], &[vec![1.0], vec![f64::NAN]], &[]).unwrap_err();
        assert!(matches!(found, Error::Value { indicator: 1, .. }), "{found}");
    }
    for method in [Ranking::Vikor { v: 1.1 }, Ranking::Vikor { v: f64::NAN }, Ranking::Gra { zeta: 0.0 }] {
        assert!(matches!(RankingFit::new(method, &DIRECTIONS, &[0.5, 0.5]), Err(Error::Parameter { .. })));
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let mut fit = ObjectiveFit::new(Objective::Std, &DIRECTIONS).unwrap();
    assert!(matches!(fit.add(&[&[0.5]]), Err(Error::Indicators { expected: 2, found: 1, .. })));
    assert!(matches!(fit.add(&[&[0.5], &[0.5, 0.1]]), Err(Error::Rows { indicator: 1, .. })));
    let mut fit = ObjectiveFit::new(Objective::Entropy, &DIRECTIONS).unwrap();
    fit.add(&[&[0.5, 0.1], &[0.5, 0.2]]).unwrap();
    assert!(fit.end_pass().unwrap());
    fit.add(&[&[0.5], &[0.5]]).unwrap();
    assert!(matches!(fit.end_pass(), Err(Error::TooFewRows { .. })));
    fit.add(&[&[0.5, 0.1], &[0.5, 0.2]]).unwrap();
    assert_eq!(fit.finish(), Err(Error::Passes { first: 2, second: 3 }));
    assert!(matches!(RankingFit::new(Ranking::Saw, &DIRECTIONS, &[1.0]), Err(Error::Indicators { .. })));
    let references = ranking(Ranking::Topsis, &DIRECTIONS, &[0.5, 0.5], &[vec![1.0], vec![2.0]], &[]).unwrap();
    assert!(matches!(references.score(&[1.0], &[1.0]), Err(Error::Indicators { what: "weights", .. })));
}

#[test]
fn rows_that_are_all_alike_score_nothing() {
    for rows in [1, 3] {
        for value in [0.0, 7.0, -3.0] {
            let customers = Customers::new(DIRECTIONS.to_vec(), vec![vec![value; rows], vec![value; rows]]);
            for method in METHODS {
                let columns = of(method.input(), &customers.raw, &customers.normalised);
                let references = ranking(method, &DIRECTIONS, &[0.5, 0.5], columns, &[]).unwrap();
                assert_eq!(references.scores(&[0.5, 0.5], &slices(columns)).unwrap(), vec![0.0; rows]);
                let other = references.score(&[0.5, 0.5], &[1.0, 0.0]).unwrap();
                assert!((0.0..=1.0).contains(&other), "{method:?}: {other}");
            }
        }
    }
    for method in METHODS {
        let none = ranking(method, &DIRECTIONS, &[0.5, 0.5], &[vec![], vec![]], &[]);
        assert_eq!(none.is_ok(), method == Ranking::Saw, "{method:?}");
    }
}

#[test]
fn extreme_values_give_finite_results() {
    let raw = vec![vec![f64::MAX, 1e-308, 5e-324, 1.0], vec![1e-320, f64::MAX, f64::MAX, f64::MAX]];
    let customers = Customers::new(DIRECTIONS.to_vec(), raw);
    for method in OBJECTIVES {
        let columns = of(method.input(), &customers.raw, &customers.normalised);
        let found = objective(method, &DIRECTIONS, columns, &[]).unwrap();
        assert!((found.weights.iter().sum::<f64>() - 1.0).abs() < 1e-15, "{method:?}: {found:?}");
    }
    for method in METHODS {
        let columns = of(method.input(), &customers.raw, &customers.normalised);
        let references = ranking(method, &DIRECTIONS, &[0.5, 0.5], columns, &[]).unwrap();
        let found = references.scores(&[0.5, 0.5], &slices(columns)).unwrap();
        assert!(found.iter().all(|score| (0.0..=1.0).contains(score)), "{method:?}: {found:?}");
        assert!(!serde_json::to_string(&references).unwrap().contains("null"));
    }
}

#[test]
fn weights_are_proportions() {
    assert_eq!(normalise(&[35.0, 15.0]).unwrap(), [0.7, 0.3]);
    assert_eq!(normalise(&[f64::MAX, f64::MAX]).unwrap(), [0.5, 0.5]);
    assert_eq!(normalise(&[5e-324, 5e-324]).unwrap(), [0.5, 0.5]);
    assert_eq!(normalise(&[]), Err(Error::NoIndicators));
    assert_eq!(
        normalise(&[1.0, f64::NAN]).unwrap_err().to_string(),
        "weight 1 is NaN: weights are finite numbers from 0"
    );
    assert_eq!(normalise(&[0.0, 0.0]).unwrap_err().to_string(), "all weights are 0");
}

#[test]
fn the_entropy_of_nearly_equal_values_keeps_its_digits() {
    // 1 − e of m values 1 ± d, half of each, is about d² / (2 ln m): the weights are as the squares of d.
    let column = |d: f64| vec![1.0 + d, 1.0 - d, 1.0 + d, 1.0 - d];
    let columns = [column(1e-6), column(2e-6)];
    let found = objective(Objective::Entropy, &[Direction::Benefit; 2], &columns, &[]).unwrap();
    assert!((found.weights[1] / found.weights[0] - 4.0).abs() < 1e-8, "{found:?}");
}

#[test]
fn rows_beyond_the_fit_count_as_its_ends() {
    let columns = [vec![1.0, 5.0, 3.0], vec![10.0, 30.0, 20.0]];
    let references = ranking(Ranking::Topsis, &DIRECTIONS, &[0.5, 0.5], &columns, &[]).unwrap();
    assert_eq!(references.score(&[0.5, 0.5], &[99.0, -99.0]).unwrap(), 1.0);
    assert_eq!(references.score(&[0.5, 0.5], &[-99.0, 99.0]).unwrap(), 0.0);
    assert_eq!(references.score(&[0.5, 0.5], &[99.0, 20.0]), references.score(&[0.5, 0.5], &[5.0, 20.0]));
    let normalised = [vec![0.2, 0.6, 0.4], vec![0.3, 0.5, 0.7]];
    for method in METHODS {
        if method == Ranking::Topsis {
            continue;
        }
        let references = ranking(method, &DIRECTIONS, &[0.5, 0.5], &normalised, &[]).unwrap();
        for row in [[0.0, 0.0], [1.0, 1.0], [f64::NAN, 0.5], [f64::INFINITY, f64::NEG_INFINITY]] {
            let score = references.score(&[0.5, 0.5], &row).unwrap();
            assert!((0.0..=1.0).contains(&score), "{method:?} {row:?}: {score}");
        }
    }
    let scale = Scale { direction: Direction::Benefit, transform: Transform::Identity, low: 0.0, high: 5.0 };
    assert_eq!(scale.normalise_column(&[-1.0, 2.5, 8.0]), [0.0, 0.5, 1.0]);
    assert_eq!(BoundsRule::default(), BoundsRule::Percentiles);
}
