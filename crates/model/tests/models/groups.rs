//! Groups of customers: what is made of columns of their members.

use std::collections::BTreeMap;
use std::sync::Arc;

use appraise_model::{
    BoundsRule, Direction, IndexConfig, IndexCustomers, IndexGroup, Indicator, KnownIntervals, Missing, ModelConfig,
    ModelPlan, Ranking, RfmConfig, SiblingWeights,
};
use appraise_schema::{ColumnSpec, ColumnType, KeyType, TableContract};
use arrow::array::{Array, ArrayRef, AsArray, Decimal64Array, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};
use proptest::prelude::*;

use crate::customers::{Customer, as_of, buyer, contract, features, no_buyer, rule};

/// What other models would say of a customer.
#[derive(Debug, Clone)]
struct Extra {
    class: Option<&'static str>,
    default: Option<f64>,
    loss: Option<i64>,
}

const MONEY: [&str; 2] = ["expected_loss", "credit_adjusted_clv"];

fn extended() -> TableContract {
    let TableContract { name, meaning, mut columns } = contract(KeyType::Text);
    let of = |name: &str, column_type| ColumnSpec::nullable(name, column_type, "", "of another model");
    columns.push(of("abc_class", ColumnType::String));
    columns.push(of("probability_of_default", ColumnType::Float64));
    columns.extend(MONEY.map(|name| of(name, ColumnType::customer_money(2))));
    TableContract::new(&name, &meaning, columns).unwrap()
}

fn batches(customers: &[(Customer, Extra)], batch_size: usize) -> Vec<RecordBatch> {
    let batch = |chunk: &[(Customer, Extra)]| {
        let (customers, extras): (Vec<_>, Vec<_>) = chunk.iter().cloned().unzip();
        let mut columns = features(KeyType::Text, &customers, batch_size)[0].columns().to_vec();
        let losses: Decimal64Array = extras.iter().map(|extra| extra.loss).collect();
        let losses: ArrayRef = Arc::new(losses.with_precision_and_scale(18, 2).unwrap());
        columns.push(Arc::new(extras.iter().map(|extra| extra.class).collect::<StringArray>()));
        columns.push(Arc::new(extras.iter().map(|extra| extra.default).collect::<Float64Array>()));
        columns.extend([Arc::clone(&losses), losses]);
        RecordBatch::try_new(extended().arrow(), columns).unwrap()
    };
    customers.chunks(batch_size).map(batch).collect()
}

fn config() -> ModelConfig {
    let indicator = |column: &str| Indicator {
        column: column.to_owned(),
        direction: Direction::Benefit,
        transform: None,
        missing: Missing::Median,
        cap: None,
    };
    let group = |name: &str, column| IndexGroup {
        name: name.to_owned(),
        weights: SiblingWeights::Manual(vec![1.0]),
        indicators: vec![indicator(column)],
    };
    let index = IndexConfig {
        customers: IndexCustomers::Buyers,
        groups: vec![group("money", "net_revenue"), group("loyalty", "purchase_periods")],
        group_weights: SiblingWeights::Manual(vec![3.0, 1.0]),
        bounds: BoundsRule::MinMax,
        objective: None,
        ranking: Ranking::Saw,
        tiers: vec![("top".to_owned(), 0.2), ("rest".to_owned(), 0.8)],
    };
    ModelConfig {
        rfm: Some(RfmConfig::default()),
        index: Some(index),
        segments: vec![rule("large", "net_revenue >= 500")],
        groups: vec![vec!["value_tier".to_owned()], vec!["segment".to_owned(), "abc_class".to_owned()]],
        ..ModelConfig::default()
    }
}

/// The valued customers and their groups.
fn run(config: &ModelConfig, table: &[RecordBatch]) -> (Vec<RecordBatch>, RecordBatch) {
    let plan = ModelPlan::new(config, &extended()).unwrap();
    let mut fitted = plan.fit(as_of(), table).unwrap();
    let valued = fitted.apply(table).unwrap();
    (valued, fitted.group_values(as_of(), &KnownIntervals::default()).unwrap().unwrap().rows)
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    batch.column_by_name(column).unwrap().as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

fn doubles(batch: &RecordBatch, column: &str) -> Vec<Option<f64>> {
    batch.column_by_name(column).unwrap().as_primitive::<Float64Type>().iter().collect()
}

/// The mean as it is defined: values are added in the order of customers.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let known: Vec<f64> = values.flatten().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

fn random_customers() -> impl Strategy<Value = Vec<(Customer, Extra)>> {
    let extra = (0..4_usize, prop::option::of(0.0..1.0), prop::option::of(-1_000_000_i64..1_000_000)).prop_map(
        |(class, default, loss)| Extra { class: [None, Some("A"), Some("B"), Some("C")][class], default, loss },
    );
    let customer = (prop::bool::weighted(0.7), 0..900_i32, 1..6_i64, 0..100_000_i64);
    prop::collection::vec((customer, extra), 1..60).prop_map(|rows| {
        let customer = |(number, ((buys, days, periods, cents), extra)): (usize, (Base, Extra))| {
            let id = format!("c{number:04}");
            (if buys { buyer(&id, days, periods, cents) } else { no_buyer(&id, 1) }, extra)
        };
        rows.into_iter().enumerate().map(customer).collect()
    })
}

/// Whether the customer buys, days since the last purchase, purchase periods, cents.
type Base = (bool, i32, i64, i64);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn groups_are_sums_means_and_counts_of_their_members(customers in random_customers(), batch_size in 1..30_usize) {
        let config = config();
        let table = batches(&customers, batch_size);
        // The index is not fitted to customers without orders.
        prop_assume!(customers.iter().any(|(customer, _)| customer.orders > 0));
        let (valued, groups) = run(&config, &table);
        let whole = run(&config, &batches(&customers, 1000)).1;
        prop_assert_eq!(&groups, &whole);

        let of_customers = |column: &str| valued.iter().flat_map(|batch| texts(batch, column)).collect::<Vec<_>>();
        let (tiers, segments) = (of_customers("value_tier"), of_customers("segment"));
        let score = |column: &str| valued.iter().flat_map(|batch| doubles(batch, column)).collect::<Vec<_>>();
        let defaults = customers.iter().map(|(_, extra)| extra.default).collect::<Vec<_>>();
        let means: BTreeMap<&str, Vec<Option<f64>>> = BTreeMap::from([
            ("mean_rfm_score", score("rfm_score")),
            ("mean_value_index", score("value_index")),
            ("mean_index_money", score("index_money")),
            ("mean_index_loyalty", score("index_loyalty")),
            ("mean_probability_of_default", defaults),
        ]);
        let (sets, of_tier) = (texts(&groups, "group_set"), texts(&groups, "value_tier"));
        let (of_segment, of_class) = (texts(&groups, "segment"), texts(&groups, "abc_class"));
        let mut members_of_sets = BTreeMap::<_, usize>::new();
        for (row, set) in sets.iter().flatten().enumerate() {
            let is_member = |customer: &usize| match set.as_str() {
                "all" => true,
                "value_tier" => tiers[*customer] == of_tier[row],
                _ => segments[*customer] == of_segment[row]
                    && customers[*customer].1.class.map(str::to_owned) == of_class[row],
            };
            let members: Vec<usize> = (0..customers.len()).filter(is_member).collect();
            prop_assert!(!members.is_empty());
            *members_of_sets.entry(set.clone()).or_default() += members.len();
            for (name, values) in &means {
                let expected = mean(members.iter().map(|&member| values[member]));
                prop_assert_eq!(doubles(&groups, name)[row], expected, "{} of {}", name, set);
            }
            let best = members.iter().filter(|&&member| customers[member].1.class == Some("A")).count();
            let counts = groups.column_by_name("a_class_customers").unwrap().as_primitive::<Int64Type>();
            prop_assert_eq!(counts.value(row), i64::try_from(best).unwrap());
            let known: Vec<i64> = members.iter().filter_map(|&member| customers[member].1.loss).collect();
            for name in MONEY {
                let column = groups.column_by_name(name).unwrap().as_primitive::<Decimal128Type>();
                let found = column.is_valid(row).then(|| column.value(row));
                prop_assert_eq!(found, (!known.is_empty()).then(|| known.iter().map(|cents| i128::from(*cents)).sum()));
            }
        }
        for members in members_of_sets.values() {
            prop_assert_eq!(*members, customers.len());
        }
    }
}

#[test]
fn columns_that_no_model_gives_are_not_there() {
    let config = ModelConfig { groups: vec![vec!["id".to_owned()]], ..ModelConfig::default() };
    let TableContract { name, meaning, mut columns } = contract(KeyType::Text);
    // Of these names, but of other types.
    columns.push(ColumnSpec::nullable("abc_class", ColumnType::Int64, "", "a number"));
    columns.push(ColumnSpec::nullable("expected_loss", ColumnType::Float64, "", "a share"));
    columns.push(ColumnSpec::nullable("id", ColumnType::String, "", "an attribute"));
    let plan = ModelPlan::new(&config, &TableContract::new(&name, &meaning, columns).unwrap()).unwrap();
    let names: Vec<&str> = plan.group_contract().unwrap().columns.iter().map(|column| column.name.as_str()).collect();
    for absent in ["a_class_customers", "expected_loss", "mean_rfm_score", "mean_value_index", "chain_value"] {
        assert!(!names.contains(&absent), "{names:?}");
    }
    let missing = ModelConfig { groups: vec![vec!["orders".to_owned()]], ..ModelConfig::default() };
    assert!(ModelPlan::new(&missing, &extended()).err().unwrap().to_string().contains("`orders` of type STRING"));
}
