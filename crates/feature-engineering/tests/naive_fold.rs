//! The fold against a naive one, on random histories, however they are cut, shuffled and shared among writers.
#![expect(clippy::unwrap_used, reason = "a test that can't set up its table should fail")]

use std::collections::BTreeMap;

use appraise_feature_engineering::{FeatureConfig, Folded, MappedColumns, Scatter, contract, fold};
use appraise_schema::event::KeyType;
use appraise_schema::{Money, PurchasePeriod, TimeUnit};
use appraise_testutils::naive::{self, Cell, Question, Row};
use appraise_testutils::transactions::{Transaction, batch, text_key};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Date32Type, Decimal64Type, Float64Type, Int32Type, Int64Type};
use proptest::prelude::*;

const AS_OF: &str = "2024-02-29";
const AS_OF_DAY: i32 = 19_782;

fn config(key_type: KeyType, period: PurchasePeriod, time_unit: TimeUnit) -> FeatureConfig {
    FeatureConfig {
        as_of: AS_OF.parse().unwrap(),
        money: Money::new("GBP", 2).unwrap(),
        purchase_period: period,
        time_unit,
        windows: vec!["7d".parse().unwrap(), "30d".parse().unwrap()],
        key_type,
        mapped: MappedColumns { order: true, margin: true, transaction: true },
        only: None,
    }
}

/// How the same rows reach the fold.
#[derive(Debug, Clone)]
struct Route {
    expected_rows: u64,
    writers: usize,
    batch_rows: usize,
}

fn run(config: &FeatureConfig, rows: &[Transaction], route: &Route) -> Folded {
    let contract = contract(config).unwrap();
    let scatter = Scatter::new(config.key_type, config.mapped, route.expected_rows, route.writers);
    let mut writers: Vec<_> = (0..route.writers).map(|_| scatter.writer()).collect();
    for (i, chunk) in rows.chunks(route.batch_rows).enumerate() {
        writers[i % route.writers].push(&batch(chunk, config.key_type));
    }
    fold(config, &contract, &scatter, writers, &|| true).unwrap()
}

fn table(config: &FeatureConfig, folded: &Folded) -> RecordBatch {
    concat_batches(&contract(config).unwrap().arrow(), &folded.batches).unwrap()
}

fn cell(column: &dyn Array, row: usize) -> Cell {
    let null = column.is_null(row);
    let whole = |value: i128| Cell::Whole((!null).then_some(value));
    match column.data_type() {
        DataType::Int32 => whole(column.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => whole(column.as_primitive::<Int64Type>().value(row).into()),
        DataType::Date32 => whole(column.as_primitive::<Date32Type>().value(row).into()),
        DataType::Decimal64(18, 2) => whole(column.as_primitive::<Decimal64Type>().value(row).into()),
        DataType::Float64 => Cell::Double((!null).then(|| column.as_primitive::<Float64Type>().value(row))),
        other => panic!("no such column type: {other}"),
    }
}

fn rows_by_key(table: &RecordBatch) -> BTreeMap<String, Row> {
    let key = |row: usize| match table.column(1).data_type() {
        DataType::Int64 => text_key(table.column(1).as_primitive::<Int64Type>().value(row)),
        _ => table.column(1).as_string::<i32>().value(row).to_owned(),
    };
    let cells = |row: usize| {
        let fields = table.schema();
        (2..table.num_columns()).map(|c| (fields.field(c).name().clone(), cell(table.column(c), row))).collect()
    };
    (0..table.num_rows()).map(|row| (key(row), cells(row))).collect()
}

fn transaction() -> impl Strategy<Value = Transaction> {
    let day = prop_oneof![8 => AS_OF_DAY - 70..=AS_OF_DAY, 1 => Just(-719_162), 1 => -90_000..0_i32];
    let amount = prop_oneof![8 => -500_i64..5_000, 1 => Just(0), 1 => Just(100_000_000_000_000)];
    let optional = |strategy: std::ops::Range<i64>| prop::option::weighted(0.7, strategy);
    (-6_i64..6, day, amount, prop::bool::weighted(0.1), optional(0..4), optional(-9..90), optional(0..60)).prop_map(
        |(customer, day, amount, refund, order, margin, id)| Transaction {
            customer,
            day,
            amount,
            refund,
            order,
            margin,
            id,
        },
    )
}

/// Rows that repeat a transaction id repeat the whole row.
fn transactions() -> impl Strategy<Value = Vec<Transaction>> {
    prop::collection::vec(transaction(), 1..120).prop_map(|mut rows| {
        let mut first: BTreeMap<(i64, i64), Transaction> = BTreeMap::new();
        for row in &mut rows {
            if let Some(id) = row.id {
                *row = first.entry((row.customer, id)).or_insert_with(|| row.clone()).clone();
            }
        }
        rows
    })
}

fn route() -> impl Strategy<Value = Route> {
    let rows = prop_oneof![Just(1_u64), Just(100_000), Just(1_000_000)];
    (rows, 1_usize..4, 1_usize..50).prop_map(|(expected_rows, writers, batch_rows)| Route {
        expected_rows,
        writers,
        batch_rows,
    })
}

fn periods() -> impl Strategy<Value = (PurchasePeriod, TimeUnit)> {
    let period = prop_oneof![Just(PurchasePeriod::Day), Just(PurchasePeriod::Week), Just(PurchasePeriod::Month)];
    (period, prop_oneof![Just(TimeUnit::Day), Just(TimeUnit::Week)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_column_equals_the_naive_fold(rows in transactions(), route in route(), (period, unit) in periods()) {
        let question = Question { as_of: AS_OF_DAY, period, time_unit: unit, windows: vec![7, 30] };
        let expected: BTreeMap<String, Row> =
            naive::fold(&rows, &question).into_iter().map(|(key, row)| (text_key(key), row)).collect();
        for key_type in [KeyType::Integer, KeyType::Text] {
            let config = config(key_type, period, unit);
            let folded = run(&config, &rows, &route);
            prop_assert_eq!(rows_by_key(&table(&config, &folded)), expected.clone());
        }
    }

    #[test]
    fn the_table_does_not_depend_on_the_route(
        rows in transactions(),
        routes in prop::collection::vec(route(), 2),
        order in any::<prop::sample::Index>(),
    ) {
        let config = config(KeyType::Text, PurchasePeriod::Day, TimeUnit::Day);
        let mut turned = rows.clone();
        turned.rotate_left(order.index(rows.len()));
        turned.reverse();
        let one = table(&config, &run(&config, &rows, &routes[0]));
        let other = table(&config, &run(&config, &turned, &routes[1]));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn duplicates_are_counted_with_their_money(rows in transactions(), route in route()) {
        let config = config(KeyType::Integer, PurchasePeriod::Day, TimeUnit::Day);
        let doubled: Vec<Transaction> = rows.iter().chain(&rows).cloned().collect();
        let without_id = rows.iter().filter(|row| row.id.is_none());
        let once = run(&config, &rows, &route).duplicates;
        let twice = run(&config, &doubled, &route).duplicates;
        let named: i128 = rows.iter().filter(|row| row.id.is_some()).map(|row| i128::from(row.amount)).sum();
        prop_assert_eq!(twice.rows - once.rows, (rows.len() - without_id.count()) as u64);
        prop_assert_eq!(twice.minor - once.minor, named);
    }
}

#[test]
fn the_same_id_with_other_content_is_a_conflict() {
    let config = config(KeyType::Integer, PurchasePeriod::Day, TimeUnit::Day);
    let row = |customer, amount| Transaction {
        customer,
        day: 0,
        amount,
        refund: false,
        order: None,
        margin: None,
        id: Some(-77),
    };
    let scatter = Scatter::new(KeyType::Integer, config.mapped, 2, 1);
    let fold_of = |rows: &[Transaction]| {
        let mut writer = scatter.writer();
        writer.push(&batch(rows, KeyType::Integer));
        fold(&config, &contract(&config).unwrap(), &scatter, vec![writer], &|| true)
    };
    let error = fold_of(&[row(5, 1), row(5, 2)]).unwrap_err();
    assert_eq!(error.to_string(), "customer 5: a transaction id stands twice with different content");
    assert_eq!(fold_of(&[row(5, 1), row(6, 2)]).unwrap().rows(), 2, "identity is customer and id");
}

#[test]
fn a_sum_beyond_18_digits_names_the_customer() {
    let config = config(KeyType::Integer, PurchasePeriod::Day, TimeUnit::Day);
    let row = |day| Transaction {
        customer: 9,
        day,
        amount: 999_999_999_999_999_999,
        refund: false,
        order: None,
        margin: None,
        id: None,
    };
    let scatter = Scatter::new(KeyType::Integer, config.mapped, 2, 1);
    let mut writer = scatter.writer();
    writer.push(&batch(&[row(0), row(1)], KeyType::Integer));
    let error = fold(&config, &contract(&config).unwrap(), &scatter, vec![writer], &|| true).unwrap_err();
    let expected = "customer 9: total_revenue of 1999999999999999998 minor units exceeds 18 digits";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn nobody_gives_an_empty_table() {
    let config = config(KeyType::Text, PurchasePeriod::Day, TimeUnit::Day);
    let folded = run(&config, &[], &Route { expected_rows: 0, writers: 2, batch_rows: 10 });
    assert_eq!(folded.rows(), 0);
    assert!(folded.batches.is_empty());
}

#[test]
fn only_the_wanted_columns_are_kept() {
    let row = Transaction { customer: 1, day: 0, amount: 5, refund: false, order: None, margin: None, id: None };
    let all = config(KeyType::Integer, PurchasePeriod::Day, TimeUnit::Day);
    let only = ["orders_7d", "total_revenue"].map(str::to_owned);
    let some = FeatureConfig { only: Some(only.into_iter().collect()), ..all };
    let table = table(&some, &run(&some, &[row], &Route { expected_rows: 1, writers: 1, batch_rows: 1 }));
    let names: Vec<String> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["as_of", "customer_id", "total_revenue", "orders_7d"]);
    assert_eq!(cell(table.column(2), 0), Cell::Whole(Some(5)));
    assert_eq!(cell(table.column(3), 0), Cell::Whole(Some(0)));
}
