//! The value index: published scores and ranks, a naive computation, and what holds for any customers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use appraise_model::{
    BoundsRule, Combination, Direction, IndexConfig, IndexCustomers, IndexGroup, Indicator, Missing, ModelCard,
    ModelConfig, ModelError, ModelPlan, Objective, ObjectiveConfig, RandomIndex, Ranking, SiblingWeights, Transform,
    Valued,
};
use appraise_schema::{ColumnSpec, ColumnType, KeyType, TableContract};
use arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use proptest::prelude::*;
use serde_json::Value;

use crate::customers::{as_of, buyer, contract, doubles, features, no_buyer, texts};

/// Customers with indicators: whether each has orders, and the columns by name.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) buys: Vec<bool>,
    columns: BTreeMap<String, Vec<Option<f64>>>,
}

impl Table {
    pub(crate) fn contract(&self) -> TableContract {
        let TableContract { name, meaning, mut columns } = contract(KeyType::Text);
        let double = |name: &String| ColumnSpec::nullable(name, ColumnType::Float64, "", "an indicator");
        columns.extend(self.columns.keys().map(double));
        TableContract::new(&name, &meaning, columns).unwrap()
    }

    pub(crate) fn batches(&self, batch_size: usize) -> Vec<RecordBatch> {
        let customer = |(row, buys): (usize, &bool)| {
            let id = format!("c{row:04}");
            if *buys { buyer(&id, 1, 1, 100) } else { no_buyer(&id, 0) }
        };
        let customers: Vec<_> = self.buys.iter().enumerate().map(customer).collect();
        let starts = (0..customers.len()).step_by(batch_size);
        let batch = |first: usize| {
            let rows = first..(first + batch_size).min(customers.len());
            let mut columns = features(KeyType::Text, &customers[rows.clone()], batch_size)[0].columns().to_vec();
            let double =
                |values: &Vec<Option<f64>>| Arc::new(Float64Array::from(values[rows.clone()].to_vec())) as ArrayRef;
            columns.extend(self.columns.values().map(double));
            RecordBatch::try_new(self.contract().arrow(), columns).unwrap()
        };
        starts.map(batch).collect()
    }

    fn plan(&self, config: &IndexConfig) -> ModelPlan {
        ModelPlan::new(&ModelConfig { index: Some(config.clone()), ..ModelConfig::default() }, &self.contract())
            .unwrap()
    }

    pub(crate) fn value(&self, config: &IndexConfig, batch_size: usize) -> Result<Valued, ModelError> {
        self.plan(config).fit_and_apply(as_of(), &self.batches(batch_size))
    }
}

fn indicator(column: &str, direction: Direction) -> Indicator {
    Indicator { column: column.to_owned(), direction, transform: None, missing: Missing::Median, cap: None }
}

/// Groups of so many of the `indicators` each, with these weights within them.
fn grouped(indicators: &[Indicator], weights: &[f64], sizes: &[usize]) -> (Vec<IndexGroup>, SiblingWeights) {
    let mut first = 0;
    let mut of_groups = Vec::new();
    let group = |(number, size): (usize, &usize)| {
        let range = first..first + size;
        first = range.end;
        of_groups.push(weights[range.clone()].iter().sum());
        IndexGroup {
            name: format!("group{number}"),
            indicators: indicators[range.clone()].to_vec(),
            weights: SiblingWeights::Manual(weights[range].to_vec()),
        }
    };
    let groups = sizes.iter().enumerate().map(group).collect();
    (groups, SiblingWeights::Manual(of_groups))
}

pub(crate) fn config(indicators: &[Indicator], weights: &[f64], sizes: &[usize]) -> IndexConfig {
    let (groups, group_weights) = grouped(indicators, weights, sizes);
    IndexConfig {
        customers: IndexCustomers::Buyers,
        groups,
        group_weights,
        bounds: BoundsRule::MinMax,
        objective: None,
        ranking: Ranking::Saw,
        tiers: [("best", 0.05), ("good", 0.15), ("fair", 0.3), ("rest", 0.5)]
            .map(|(name, share)| (name.to_owned(), share))
            .to_vec(),
    }
}

pub(crate) fn integers(valued: &Valued, column: &str) -> Vec<Option<i64>> {
    let column = |batch: &RecordBatch| batch.column_by_name(column).unwrap().as_primitive::<Int64Type>().clone();
    valued.batches.iter().flat_map(|batch| column(batch).iter().collect::<Vec<_>>()).collect()
}

pub(crate) fn published(file: &str) -> String {
    let folder = std::env::var_os("APPRAISE_TRUTH")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/truth"), PathBuf::from);
    let path = folder.join("mcdm").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// The published decision matrix, its directions as the file of weights states them.
pub(crate) fn published_table() -> (Table, Vec<Indicator>) {
    let meta: Value = serde_json::from_str(&published("weights.json")).unwrap();
    let text = published("decision_matrix_60x8.csv");
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let criteria: Vec<String> =
        meta["meta"]["criteria"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    let of = |name: &String| {
        let position = names.iter().position(|column| column == name).unwrap();
        rows.iter().map(|row| Some(row[position].parse().unwrap())).collect::<Vec<Option<f64>>>()
    };
    // Names of its own: some of the file's are those of features.
    let columns = criteria.iter().map(|name| (format!("x_{name}"), of(name))).collect();
    let direction = |of: &f64| if *of > 0.0 { Direction::Benefit } else { Direction::Cost };
    let directions = numbers(&meta["meta"]["types"]);
    let indicators =
        criteria.iter().zip(&directions).map(|(name, of)| indicator(&format!("x_{name}"), direction(of))).collect();
    (Table { buys: vec![true; rows.len()], columns }, indicators)
}

#[test]
fn scores_and_ranks_are_the_published_ones() {
    let (table, indicators) = published_table();
    let scores: Value = serde_json::from_str(&published("scores.json")).unwrap();
    let rankings = [
        (Ranking::Saw, "pymcdm.WSM(SAW).minmax_normalization", 1.0),
        (Ranking::Topsis, "pymcdm.TOPSIS.vector_normalization", 1.0),
        (Ranking::Vikor { v: 0.5 }, "pymcdm.VIKOR.v=0.5", -1.0),
        (Ranking::Gra { zeta: 0.5 }, "numpy.GRA(zeta=0.5)", 1.0),
    ];
    for (set, of) in scores["scores"].as_object().unwrap() {
        let weights = numbers(&of["weights"]);
        for (ranking, name, sign) in rankings {
            let methods = of["methods"].as_object().unwrap();
            let method = &methods[name];
            let config = IndexConfig { ranking, ..config(&indicators, &weights, &[3, 4, 1]) };
            let valued = table.value(&config, 7).unwrap();
            let expected = numbers(&method["scores"]);
            let found = doubles(&valued, "value_index");
            for (found, expected) in found.iter().zip(&expected) {
                let expected = if sign < 0.0 { 1.0 - expected } else { *expected };
                assert!((found.unwrap() - expected).abs() <= 1e-12, "{set} {name}: {found:?}, {expected}");
            }
            let ranks: Vec<f64> =
                integers(&valued, "value_rank").into_iter().map(|rank| rank.unwrap() as f64).collect();
            assert_eq!(ranks, numbers(&method["ranks_average_ties"]), "{set} {name}");
        }
    }
}

#[test]
fn the_datas_weights_are_the_published_ones() {
    let (table, indicators) = published_table();
    let published: Value = serde_json::from_str(&published("weights.json")).unwrap();
    for (method, name) in [
        (Objective::Entropy, "pymcdm.entropy_weights"),
        (Objective::Critic, "pymcdm.critic_weights_on_minmax_oriented"),
        (Objective::Std, "pymcdm.standard_deviation_on_minmax"),
        (Objective::Merec, "pymcdm.merec_weights"),
        (Objective::Equal, "pymcdm.equal_weights"),
    ] {
        let objective = Some(ObjectiveConfig { method, combination: Combination::Additive { alpha: 0.25 } });
        let ours = [0.1, 0.15, 0.25, 0.05, 0.2, 0.1, 0.05, 0.1];
        let config = IndexConfig { objective, ..config(&indicators, &ours, &[8]) };
        let card = table.value(&config, 100).unwrap().card.index.unwrap();
        let expected = numbers(&published["weights"][name]["weights"]);
        let found = card.objective.unwrap().weights;
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-12), "{name}: {found:?}, {expected:?}");
        let mixed = |(ours, theirs): (&f64, &f64)| 0.25 * ours + 0.75 * theirs;
        let both = ours.iter().zip(&expected).map(mixed);
        assert!(card.combined.weights.iter().zip(both).all(|(a, b)| (a - b).abs() <= 1e-12), "{name}");
    }
}

#[test]
fn missing_values_caps_and_transforms_count_as_stated() {
    let column = |values: [Option<f64>; 5]| values.to_vec();
    let table = Table {
        buys: vec![true, true, true, true, false],
        columns: BTreeMap::from([
            ("kept".to_owned(), column([Some(0.0), Some(10.0), Some(4.0), None, Some(99.0)])),
            ("late".to_owned(), column([Some(0.0), Some(50.0), Some(5.0), None, None])),
        ]),
    };
    let kept = Indicator { missing: Missing::Value(5.0), ..indicator("kept", Direction::Benefit) };
    let late = Indicator { cap: Some(20.0), missing: Missing::Worst, ..indicator("late", Direction::Cost) };
    let mut config = config(&[kept, late], &[3.0, 1.0], &[1, 1]);
    let valued = table.value(&config, 2).unwrap();
    let found = doubles(&valued, "value_index");
    assert!(
        found[..4].iter().zip([0.25, 0.75, 0.4875, 0.375]).all(|(a, b)| (a.unwrap() - b).abs() < 1e-15),
        "{found:?}"
    );
    assert_eq!(found[4], None);
    assert_eq!(integers(&valued, "value_rank"), [Some(4), Some(1), Some(2), Some(3), None]);
    assert_eq!(texts(&valued, "value_tier")[4], None);
    assert_eq!(doubles(&valued, "index_group1"), [Some(0.25), Some(0.0), Some(0.1875), Some(0.0), None]);
    assert_eq!(texts(&valued, "top_drag_1")[1].as_deref(), Some("late"));

    config.customers = IndexCustomers::All;
    config.groups[0].indicators[0].transform = Some(Transform::Log1p);
    let valued = table.value(&config, 2).unwrap();
    let expected = |kept: f64, late: f64| Some(0.75 * (f64::ln_1p(kept) / f64::ln_1p(99.0)) + 0.25 * late);
    let found = doubles(&valued, "value_index");
    let expected =
        [expected(0.0, 1.0), expected(10.0, 0.0), expected(4.0, 0.75), expected(5.0, 0.0), expected(99.0, 0.0)];
    assert!(
        found.iter().zip(expected).all(|(a, b)| (a.unwrap() - b.unwrap()).abs() < 1e-15),
        "{found:?}, {expected:?}"
    );
}

#[test]
fn judgements_make_weights_and_contradictions_are_refused() {
    let table = Table {
        buys: vec![true; 3],
        columns: ["a", "b", "c"].map(|name| (name.to_owned(), vec![Some(0.0), Some(1.0), Some(0.5)])).into(),
    };
    let indicators = ["a", "b", "c"].map(|name| indicator(name, Direction::Benefit));
    let judged = |matrix: [[f64; 3]; 3]| SiblingWeights::Judged {
        matrix: matrix.iter().map(|row| row.to_vec()).collect(),
        random_index: RandomIndex::Saaty1980,
        allow_inconsistent: false,
    };
    let mut config = config(&indicators, &[1.0; 3], &[3]);
    config.groups[0].weights = judged([[1.0, 2.0, 6.0], [0.5, 1.0, 3.0], [1.0 / 6.0, 1.0 / 3.0, 1.0]]);
    let card = table.value(&config, 9).unwrap().card.index.unwrap();
    assert!(card.combined.weights.iter().zip([0.6, 0.3, 0.1]).all(|(a, b)| (a - b).abs() < 1e-14));
    assert_eq!(card.judgements[0].of, "group0");
    config.groups[0].weights = judged([[1.0, 9.0, 1.0 / 9.0], [1.0 / 9.0, 1.0, 9.0], [9.0, 1.0 / 9.0, 1.0]]);
    let error = ModelPlan::new(&ModelConfig { index: Some(config), ..ModelConfig::default() }, &table.contract());
    assert!(error.err().unwrap().to_string().contains("group0"), "the judgements go round in a circle");
}

#[test]
fn columns_and_data_without_an_index_are_refused_by_name() {
    let table =
        Table { buys: vec![true; 3], columns: BTreeMap::from([("a".to_owned(), vec![Some(-1.0), Some(1.0), None])]) };
    let refused = |config: IndexConfig| {
        let plan = ModelPlan::new(&ModelConfig { index: Some(config), ..ModelConfig::default() }, &table.contract())?;
        plan.fit_and_apply(as_of(), &table.batches(2)).map(|_| ())
    };
    let message = |config| refused(config).unwrap_err().to_string();
    let text = indicator("customer_id", Direction::Benefit);
    assert!(message(config(&[text], &[1.0], &[1])).contains("customer_id"));
    let a = indicator("a", Direction::Benefit);
    assert!(message(config(&[a.clone(), a.clone()], &[1.0; 2], &[2])).contains("`a` twice"));
    let objective = Some(ObjectiveConfig { method: Objective::Entropy, combination: Combination::Multiplicative });
    let negative = IndexConfig { objective, ..config(std::slice::from_ref(&a), &[1.0], &[1]) };
    assert!(message(negative).contains("can't be fitted with `a`"));
    let tiers = vec![("best".to_owned(), 0.5)];
    assert!(message(IndexConfig { tiers, ..config(&[a], &[1.0], &[1]) }).contains("50% in all"));
}

pub(crate) fn random_table() -> impl Strategy<Value = Table> {
    let value = prop_oneof![
        1 => Just(None),
        2 => (-3..4_i32).prop_map(|value| Some(f64::from(value))),
        2 => (-1e9..1e9).prop_map(Some),
    ];
    let row = (prop::bool::weighted(0.8), [value.clone(), value.clone(), value.clone(), value]);
    prop::collection::vec(row, 0..60).prop_map(|rows| Table {
        buys: rows.iter().map(|(buys, _)| *buys).collect(),
        columns: (0..4).map(|of| (format!("x{of}"), rows.iter().map(|(_, values)| values[of]).collect())).collect(),
    })
}

pub(crate) fn random_config() -> impl Strategy<Value = IndexConfig> {
    let indicator = |of: usize| {
        let missing = prop_oneof![Just(Missing::Median), Just(Missing::Worst), (-5.0..5.0).prop_map(Missing::Value)];
        let direction = prop_oneof![Just(Direction::Benefit), Just(Direction::Cost)];
        let transform = prop_oneof![Just(None), Just(Some(Transform::Log1p))];
        (direction, transform, missing, prop::option::of(-2.0..2e6)).prop_map(
            move |(direction, transform, missing, cap)| Indicator {
                column: format!("x{of}"),
                direction,
                transform,
                missing,
                cap,
            },
        )
    };
    let ranking = prop_oneof![
        3 => Just(Ranking::Saw),
        1 => Just(Ranking::Topsis),
        1 => Just(Ranking::Vikor { v: 0.5 }),
        1 => Just(Ranking::Gra { zeta: 0.5 }),
    ];
    let objective = prop_oneof![
        Just(None),
        Just(Some(ObjectiveConfig { method: Objective::Critic, combination: Combination::Additive { alpha: 0.6 } })),
        Just(Some(ObjectiveConfig { method: Objective::Std, combination: Combination::Additive { alpha: 0.0 } })),
    ];
    let indicators = (indicator(0), indicator(1), indicator(2), indicator(3));
    let bounds = prop_oneof![Just(BoundsRule::Percentiles), Just(BoundsRule::MinMax)];
    (indicators, prop::array::uniform4(0.01..9.0), ranking, objective, bounds, any::<bool>()).prop_map(
        |((a, b, c, d), weights, ranking, objective, bounds, all)| {
            let customers = if all { IndexCustomers::All } else { IndexCustomers::Buyers };
            IndexConfig { ranking, objective, bounds, customers, ..config(&[a, b, c, d], &weights, &[1, 2, 1]) }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// For any customers: contributions add up to the index, ranks and tiers follow it, and a card gives it again.
    #[test]
    fn an_index_holds_together(table in random_table(), config in random_config(), batch_size in 1..20_usize) {
        let Ok(valued) = table.value(&config, batch_size) else {
            // Weights by the data need two customers, rankings but the weighted mean one.
            let counted = |buys: &&bool| **buys || config.customers == IndexCustomers::All;
            prop_assert!(table.buys.iter().filter(counted).count() < 2);
            return Ok(());
        };
        let index = doubles(&valued, "value_index");
        let parts: Vec<Vec<Option<f64>>> = (0..3).map(|of| doubles(&valued, &format!("index_group{of}"))).collect();
        let ranks = integers(&valued, "value_rank");
        let tiers = texts(&valued, "value_tier");
        let known: Vec<f64> = index.iter().flatten().copied().collect();
        for (row, buys) in table.buys.iter().enumerate() {
            let Some(score) = index[row] else {
                prop_assert!(!buys && config.customers == IndexCustomers::Buyers);
                prop_assert!(ranks[row].is_none() && tiers[row].is_none());
                continue;
            };
            prop_assert!((0.0..=1.0).contains(&score));
            if config.ranking == Ranking::Saw {
                prop_assert_eq!(parts.iter().map(|part| part[row].unwrap()).sum::<f64>(), score);
            }
            let better = known.iter().filter(|other| **other > score).count();
            prop_assert_eq!(ranks[row], Some(i64::try_from(better).unwrap() + 1));
            let share = better as f64 / known.len() as f64;
            let expected = if share < 0.05 { "best" } else if share < 0.2 { "good" } else if share < 0.5 { "fair" } else { "rest" };
            prop_assert_eq!(tiers[row].as_deref(), Some(expected), "{} of {}", better, known.len());
        }
        let card = valued.card.index.as_ref().unwrap();
        prop_assert_eq!(card.customers, known.len() as u64);
        prop_assert_eq!(card.combined.tiers.iter().map(|tier| tier.customers).sum::<u64>(), card.customers);
        // Drivers are the greatest of weight · (n − mean n), which are the same for equal values.
        for (name, sign) in [("top_driver_1_contribution", 1.0), ("top_drag_1_contribution", -1.0)] {
            for lift in doubles(&valued, name).into_iter().flatten() {
                prop_assert!(lift * sign > 0.0);
            }
        }
        let whole = table.value(&config, 1000).unwrap();
        prop_assert_eq!(&whole.card, &valued.card);
        prop_assert_eq!(&doubles(&whole, "value_index"), &index);
        let frozen = ModelCard::from_json(&valued.card.to_json().unwrap()).unwrap();
        let again = table.plan(&config).apply(&frozen, &table.batches(3)).unwrap();
        prop_assert_eq!(&doubles(&again, "value_index"), &index);
        prop_assert_eq!(&integers(&again, "value_rank"), &ranks);
        prop_assert_eq!(&texts(&again, "value_tier"), &tiers);
        prop_assert_eq!(&texts(&again, "top_driver_2"), &texts(&valued, "top_driver_2"));
    }
}
