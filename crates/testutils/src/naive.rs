//! The customer fold as one would write it on a first day: maps, filters, sums, no thought of speed.

use std::collections::{BTreeMap, BTreeSet};

use appraise_schema::money::divide_half_even;
use appraise_schema::{PurchasePeriod, TimeUnit};

use crate::transactions::Transaction;

/// What the naive fold is asked for.
#[derive(Debug, Clone)]
pub struct Question {
    /// Date of the run, days since 1970-01-01.
    pub as_of: i32,
    /// Stretch of time in which purchases count as one.
    pub period: PurchasePeriod,
    /// Unit of recency and customer age.
    pub time_unit: TimeUnit,
    /// Windows in days.
    pub windows: Vec<i32>,
}

/// One cell: `None` is NULL; money and counts are whole numbers, recency and age are doubles.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A count, a date, or money in minor units.
    Whole(Option<i128>),
    /// A double.
    Double(Option<f64>),
}

/// The columns of one customer, by name.
pub type Row = BTreeMap<String, Cell>;

/// The feature row of every customer, by customer.
#[must_use]
pub fn fold(transactions: &[Transaction], question: &Question) -> BTreeMap<i64, Row> {
    let mut by_customer: BTreeMap<i64, Vec<&Transaction>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for row in transactions {
        if row.id.is_none_or(|id| seen.insert((row.customer, id))) {
            by_customer.entry(row.customer).or_default().push(row);
        }
    }
    by_customer.into_iter().map(|(customer, rows)| (customer, features(&rows, question))).collect()
}

fn features(rows: &[&Transaction], question: &Question) -> Row {
    let (refunds, bought): (Vec<&Transaction>, Vec<&Transaction>) = rows.iter().partition(|row| row.is_refund());
    let mut out = Row::new();
    let mut whole = |name: &str, value: Option<i128>| {
        out.insert(name.to_owned(), Cell::Whole(value));
    };
    let revenue = sum(bought.iter().map(|row| row.amount));
    let refunded = sum(refunds.iter().map(|row| row.amount.abs()));
    let first = bought.iter().map(|row| row.day).min();
    let last = bought.iter().map(|row| row.day).max();
    let mut spend: BTreeMap<i32, i128> = BTreeMap::new();
    for row in &bought {
        *spend.entry(question.period.index(row.day)).or_default() += i128::from(row.amount);
    }
    let first_spend = spend.values().next().copied();
    let periods = wide(spend.len());
    let orders = distinct_orders(&bought);
    let repeat = first_spend.map(|first| revenue - first);
    whole("first_purchase_date", first.map(i128::from));
    whole("last_purchase_date", last.map(i128::from));
    whole("days_since_last_purchase", last.map(|day| i128::from(question.as_of - day)));
    whole("frequency", first.map(|_| periods - 1));
    whole("monetary_value", repeat.and_then(|repeat| divide_half_even(repeat, periods - 1)));
    whole("orders", Some(orders));
    whole("lines", Some(wide(bought.len())));
    whole("purchase_periods", Some(periods));
    whole("total_revenue", Some(revenue));
    whole("average_order_value", divide_half_even(revenue, orders));
    whole("first_purchase_amount", first_spend);
    whole("largest_purchase", spend.values().max().copied());
    whole("refund_count", Some(wide(refunds.len())));
    whole("refund_total", Some(refunded));
    whole("net_revenue", Some(revenue - refunded));
    whole("gross_margin", margin(rows));
    for &days in &question.windows {
        for (infix, from) in [("", question.as_of - days), ("prev_", question.as_of - 2 * days)] {
            let within: Vec<&Transaction> =
                bought.iter().filter(|row| row.day > from && row.day <= from + days).copied().collect();
            let active: BTreeSet<i32> = within.iter().map(|row| row.day).collect();
            whole(&format!("orders_{infix}{days}d"), Some(distinct_orders(&within)));
            whole(&format!("revenue_{infix}{days}d"), Some(sum(within.iter().map(|row| row.amount))));
            whole(&format!("active_days_{infix}{days}d"), Some(wide(active.len())));
        }
    }
    let units = |to: Option<i32>| {
        let (from, to) = (question.period.index(first?), question.period.index(to?));
        Some(f64::from(to - from) * question.period.length_days() / question.time_unit.days())
    };
    out.insert("recency".to_owned(), Cell::Double(units(last)));
    out.insert("customer_age".to_owned(), Cell::Double(units(Some(question.as_of))));
    out
}

fn margin(rows: &[&Transaction]) -> Option<i128> {
    let known: Vec<i128> = rows
        .iter()
        .filter_map(|row| row.margin.map(|m| i128::from(if row.is_refund() { -m.abs() } else { m })))
        .collect();
    (!known.is_empty()).then(|| known.iter().sum())
}

fn distinct_orders(bought: &[&Transaction]) -> i128 {
    let named: BTreeSet<i64> = bought.iter().filter_map(|row| row.order).collect();
    wide(named.len()) + wide(bought.iter().filter(|row| row.order.is_none()).count())
}

fn sum(amounts: impl Iterator<Item = i64>) -> i128 {
    amounts.map(i128::from).sum()
}

fn wide(count: usize) -> i128 {
    i128::try_from(count).unwrap_or(i128::MAX)
}
