//! Customers to value: a table of features with the columns that the models read, and the published examples.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use appraise_expression::Parsed;
use appraise_model::{ModelConfig, ModelPlan, RfmConfig, SegmentRule, Valued};
use appraise_schema::{AsOf, ColumnSpec, ColumnType, KeyType, TableContract};
use arrow::array::{ArrayRef, AsArray, Date32Array, Decimal64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int32Type};

/// A customer. Without `orders` there is no last purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) days: i32,
    pub(crate) periods: i64,
    pub(crate) orders: i64,
    pub(crate) cents: i64,
    pub(crate) refunds: i64,
}

/// A buyer with one order per purchase period.
pub(crate) fn buyer(id: &str, days: i32, periods: i64, cents: i64) -> Customer {
    Customer { id: id.to_owned(), days, periods, orders: periods, cents, refunds: 0 }
}

/// A customer without orders.
pub(crate) fn no_buyer(id: &str, refunds: i64) -> Customer {
    Customer { id: id.to_owned(), days: 0, periods: 0, orders: 0, cents: -100 * refunds, refunds }
}

pub(crate) fn as_of() -> AsOf {
    "2006-12-31".parse().unwrap()
}

/// Contract of the features; money has two places.
pub(crate) fn contract(key_type: KeyType) -> TableContract {
    let money = ColumnType::customer_money(2);
    let columns = vec![
        ColumnSpec::as_of(),
        ColumnSpec::customer_id(key_type),
        ColumnSpec::nullable("first_purchase_date", ColumnType::Date, "", "date of the first purchase"),
        ColumnSpec::nullable("last_purchase_date", ColumnType::Date, "", "date of the last purchase"),
        ColumnSpec::nullable("days_since_last_purchase", ColumnType::Int32, "days", "as_of - last_purchase_date"),
        ColumnSpec::required("purchase_periods", ColumnType::Int64, "", "periods with a purchase"),
        ColumnSpec::required("orders", ColumnType::Int64, "", "orders"),
        ColumnSpec::required("total_revenue", money, "GBP", "purchases"),
        ColumnSpec::required("net_revenue", money, "GBP", "purchases less refunds"),
        ColumnSpec::required("refund_count", ColumnType::Int64, "", "refunds"),
    ];
    TableContract::new("customer_features", "one row per customer", columns).unwrap()
}

/// The customers as features, `batch_size` to a batch.
pub(crate) fn features(key_type: KeyType, customers: &[Customer], batch_size: usize) -> Vec<RecordBatch> {
    customers.chunks(batch_size).map(|chunk| batch(key_type, chunk)).collect()
}

fn batch(key_type: KeyType, customers: &[Customer]) -> RecordBatch {
    let as_of_day = as_of().day();
    let bought = |customer: &Customer| customer.orders > 0;
    let day = |customer: &Customer| bought(customer).then_some(as_of_day - customer.days);
    let ids: ArrayRef = match key_type {
        KeyType::Integer => {
            Arc::new(customers.iter().map(|customer| customer.id.parse::<i64>().unwrap()).collect::<Int64Array>())
        }
        KeyType::Text => Arc::new(customers.iter().map(|customer| Some(&customer.id)).collect::<StringArray>()),
    };
    let money = |cents: fn(&Customer) -> i64| -> ArrayRef {
        let cents = Decimal64Array::from_iter_values(customers.iter().map(cents));
        Arc::new(cents.with_precision_and_scale(18, 2).unwrap())
    };
    let count = |count: fn(&Customer) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(customers.iter().map(count)))
    };
    let days = customers.iter().map(|customer| bought(customer).then_some(customer.days));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(vec![as_of_day; customers.len()])),
        ids,
        Arc::new(customers.iter().map(day).collect::<Date32Array>()),
        Arc::new(customers.iter().map(day).collect::<Date32Array>()),
        Arc::new(days.collect::<Int32Array>()),
        count(|customer| customer.periods),
        count(|customer| customer.orders),
        money(|customer| customer.cents.max(0)),
        money(|customer| customer.cents),
        count(|customer| customer.refunds),
    ];
    RecordBatch::try_new(contract(key_type).arrow(), columns).unwrap()
}

pub(crate) fn rule(name: &str, when: &str) -> SegmentRule {
    SegmentRule { name: name.to_owned(), when: Parsed::parse(when).unwrap() }
}

/// A plan with RFM scores and segment rules.
pub(crate) fn plan(rfm: RfmConfig, rules: &[(&str, &str)]) -> ModelPlan {
    let segments = rules.iter().map(|(name, when)| rule(name, when)).collect();
    ModelPlan::new(&ModelConfig { rfm: Some(rfm), segments, ..ModelConfig::default() }, &contract(KeyType::Text))
        .unwrap()
}

/// Fits `rfm` to the customers, in batches of 100, and values them.
pub(crate) fn fit(rfm: &RfmConfig, customers: &[Customer]) -> Valued {
    plan(rfm.clone(), &[]).fit_and_apply(as_of(), &features(KeyType::Text, customers, 100)).unwrap()
}

/// An integer column of all rows.
pub(crate) fn scores(valued: &Valued, column: &str) -> Vec<Option<i32>> {
    let column = |batch: &RecordBatch| batch.column_by_name(column).unwrap().as_primitive::<Int32Type>().clone();
    valued.batches.iter().flat_map(|batch| column(batch).iter().collect::<Vec<_>>()).collect()
}

/// A text column of all rows.
pub(crate) fn texts(valued: &Valued, column: &str) -> Vec<Option<String>> {
    let text = |value: Option<&str>| value.map(str::to_owned);
    let column = |batch: &RecordBatch| {
        batch.column_by_name(column).unwrap().as_string::<i32>().iter().map(text).collect::<Vec<_>>()
    };
    valued.batches.iter().flat_map(column).collect()
}

/// A column of doubles of all rows.
pub(crate) fn doubles(valued: &Valued, column: &str) -> Vec<Option<f64>> {
    let column = |batch: &RecordBatch| batch.column_by_name(column).unwrap().as_primitive::<Float64Type>().clone();
    valued.batches.iter().flat_map(|batch| column(batch).iter().collect::<Vec<_>>()).collect()
}

/// The file of published values; `APPRAISE_TRUTH` names another folder to read them from.
pub(crate) fn truth(file: &str) -> String {
    let folder = std::env::var_os("APPRAISE_TRUTH")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/truth"), PathBuf::from);
    let path = folder.join("rfm").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Rows of a published CSV file by column name. Its fields hold no commas.
pub(crate) fn rows(file: &str) -> Vec<BTreeMap<String, String>> {
    let text = truth(file);
    let fields = |line: &str| line.split(',').map(|field| field.trim_matches('"').to_owned()).collect::<Vec<_>>();
    let mut lines = text.lines();
    let header = fields(lines.next().unwrap());
    lines.map(|line| header.iter().cloned().zip(fields(line)).collect()).collect()
}
