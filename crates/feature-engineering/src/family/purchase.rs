//! Family `purchase`: when, how often and how much a customer bought.
//!
//! `frequency`, `recency`, `customer_age` and `monetary_value` are the sufficient statistics of Fader, Hardie & Lee
//! (2005), "Counting Your Customers the Easy Way": x, tₓ, T and the mean spend of the repeat periods. Purchases
//! of one period count once. A refund is never a purchase. Amounts of nothing are purchases.
//!
//! Every number comes from sums, counts and extremes of integers, so transactions of one day may come in any order.

mod season;
pub(super) mod spend;
mod trend;
mod windows;

#[cfg(test)]
pub(super) mod fixture;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use appraise_schema::event::{Form, NO_ID};
use appraise_schema::money::mean_half_even;
use appraise_schema::{ColumnSpec, ColumnType, PurchasePeriod, SourceKind};
use arrow::array::{ArrayRef, Date32Array, Decimal64Array, Float64Array, Int32Array, Int64Array, new_null_array};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::DataType;

use self::season::Season;
use self::spend::{each_spend, gross_margin, has_gross_margin, margin_needs, refund_total, sum};
use self::trend::Trend;
use self::windows::Window;
use super::{Context, Family, FamilyColumns, Need};
use crate::column::{Amounts, fitting};
use crate::config::FeatureConfig;
use crate::error::FoldError;
use crate::history::{History, Transactions};
use crate::lots::LotBook;

const TREND: [&str; 2] = ["spend_slope", "spend_slope_se"];
const SEASON: [&str; 4] = ["q1_revenue_share", "q2_revenue_share", "q3_revenue_share", "q4_revenue_share"];
const GROSS_MARGIN: &str = "gross_margin";
/// So many order ids are compared each with each sooner than they are sorted.
const FEW: usize = 16;

/// The family's columns.
pub(crate) fn columns(config: &FeatureConfig) -> FamilyColumns {
    if !config.has(SourceKind::Transactions) {
        return FamilyColumns::default();
    }
    let money = ColumnType::customer_money(config.money.scale());
    let currency = config.money.unit();
    let mut fixed = core_columns(config);
    let double = ColumnType::Float64;
    let per_period = format!("{currency} per period");
    let maybe = ColumnSpec::nullable;
    let meaning = "least-squares slope of the spend of each period up to as_of; NULL with fewer than 2 periods";
    fixed.push(maybe(TREND[0], double, &per_period, meaning));
    fixed.push(maybe(TREND[1], double, &per_period, "standard error of spend_slope; NULL with fewer than 3 periods"));
    for (quarter, name) in (1..).zip(SEASON) {
        let meaning = format!("share of the revenue that stands in calendar quarter {quarter}; NULL without revenue");
        fixed.push(maybe(name, double, "", &meaning));
    }
    if has_gross_margin(config) {
        let meaning =
            "margins of purchases, less those of refunds and rescinded purchases, plus commission on own lots";
        fixed.push(maybe(GROSS_MARGIN, money, currency, meaning));
    }
    let own = config.windows.iter().flat_map(|window| windows::columns(*window, money, currency)).collect();
    FamilyColumns { fixed, own }
}

/// The columns that every pipeline has and that cost next to nothing.
fn core_columns(config: &FeatureConfig) -> Vec<ColumnSpec> {
    let money = ColumnType::customer_money(config.money.scale());
    let currency = config.money.unit();
    let time = config.time_unit.name();
    let int = ColumnType::Int64;
    let double = ColumnType::Float64;
    let date = ColumnType::Date;
    let maybe = ColumnSpec::nullable;
    let always = ColumnSpec::required;
    vec![
        maybe("first_purchase_date", date, "", "local date of the first purchase that stands"),
        maybe("last_purchase_date", date, "", "local date of the last purchase that stands"),
        maybe("days_since_last_purchase", ColumnType::Int32, "days", "as_of - last_purchase_date"),
        maybe("frequency", int, "periods", "purchase periods after the first: repeat purchases"),
        maybe("recency", double, time, "from the first to the last purchase period"),
        maybe("customer_age", double, time, "from the first purchase period to as_of"),
        maybe("monetary_value", money, currency, "mean spend of the repeat periods; NULL without repeat purchases"),
        always(
            "orders",
            int,
            "orders",
            "distinct orders, reversed ones too; rows where no order id is mapped or given",
        ),
        always("lines", int, "rows", "transactions that are purchases, reversed ones too"),
        always("purchase_periods", int, "periods", "periods with at least one purchase that stands"),
        always("total_revenue", money, currency, "sum of purchases, refunds not deducted"),
        maybe("average_order_value", money, currency, "total_revenue / orders"),
        maybe("first_purchase_amount", money, currency, "spend of the first purchase period"),
        maybe("largest_purchase", money, currency, "largest spend of one purchase period"),
        always("refund_count", int, "rows", "refunds and rescinded purchases"),
        always("refund_total", money, currency, "sum of refunds and rescinded purchases, positive"),
        always("net_revenue", money, currency, "total_revenue - refund_total"),
        always("reversed_lines", int, "rows", "purchases that were reversed in full"),
        always("reversed_revenue", money, currency, "sum of the purchases that were reversed in full"),
    ]
}

/// What it reads.
pub(crate) fn needs(config: &FeatureConfig) -> Vec<Need> {
    let mut needs = Vec::new();
    let of_windows = config.windows.iter().flat_map(|window| windows::order_columns(*window));
    if keeps_orders(config) || of_windows.into_iter().any(|column| config.keeps(&column)) {
        needs.push((SourceKind::Transactions, "order_id".to_owned(), Form::Id));
    }
    if config.keeps(GROSS_MARGIN) {
        needs.extend(margin_needs());
    }
    needs
}

/// Whether distinct orders are to be counted, beside those of windows.
fn keeps_orders(config: &FeatureConfig) -> bool {
    config.keeps("orders") || config.keeps("average_order_value")
}

/// The fold of one partition.
#[derive(Debug)]
pub(crate) struct Purchase<'a> {
    lots: &'a LotBook,
    as_of: i32,
    scale: i8,
    period: PurchasePeriod,
    /// Days in one time unit.
    unit_days: f64,
    counts_orders: bool,
    /// Whether the customer has a purchase that stands; the validity of most columns.
    buyer: Vec<bool>,
    repeater: Vec<bool>,
    has_orders: Vec<bool>,
    first_day: Vec<i32>,
    last_day: Vec<i32>,
    days_since_last: Vec<i32>,
    frequency: Vec<i64>,
    recency: Vec<f64>,
    customer_age: Vec<f64>,
    monetary_value: Vec<i64>,
    orders: Vec<i64>,
    lines: Vec<i64>,
    periods: Vec<i64>,
    revenue: Vec<i64>,
    average_order: Vec<i64>,
    first_spend: Vec<i64>,
    largest_spend: Vec<i64>,
    refund_count: Vec<i64>,
    refund_total: Vec<i64>,
    net_revenue: Vec<i64>,
    reversed_lines: Vec<i64>,
    reversed_revenue: Vec<i64>,
    trend: Option<Trend>,
    season: Option<Season>,
    /// Whether `gross_margin` stands in the contract, whether or not it is kept.
    has_margin: bool,
    margin: Option<Amounts>,
    windows: Vec<Window>,
    /// Room to count distinct orders.
    distinct: Vec<u128>,
}

/// Spend by purchase period.
#[derive(Debug, Default)]
struct Periods {
    count: i64,
    first_spend: i64,
    largest_spend: i64,
}

impl<'a> Purchase<'a> {
    /// A fold with room for `customers` rows.
    pub(crate) fn new(config: &'a FeatureConfig, context: &'a Context, customers: usize) -> Self {
        let ints = || Vec::with_capacity(customers);
        let (as_of, scale, period) = (config.as_of.day(), config.money.scale(), config.purchase_period);
        let keeps = |names: &[&str]| names.iter().any(|name| config.keeps(name));
        let has_margin = has_gross_margin(config);
        Self {
            lots: &context.lots,
            as_of,
            scale: scale.cast_signed(),
            period,
            unit_days: config.time_unit.days(),
            counts_orders: keeps_orders(config),
            buyer: Vec::with_capacity(customers),
            repeater: Vec::with_capacity(customers),
            has_orders: Vec::with_capacity(customers),
            first_day: Vec::with_capacity(customers),
            last_day: Vec::with_capacity(customers),
            days_since_last: Vec::with_capacity(customers),
            frequency: ints(),
            recency: Vec::with_capacity(customers),
            customer_age: Vec::with_capacity(customers),
            monetary_value: ints(),
            orders: ints(),
            lines: ints(),
            periods: ints(),
            revenue: ints(),
            average_order: ints(),
            first_spend: ints(),
            largest_spend: ints(),
            refund_count: ints(),
            refund_total: ints(),
            net_revenue: ints(),
            reversed_lines: ints(),
            reversed_revenue: ints(),
            trend: keeps(&TREND).then(|| Trend::new(period, as_of, scale)),
            season: keeps(&SEASON).then(Season::default),
            has_margin,
            margin: (has_margin && keeps(&[GROSS_MARGIN])).then(|| Amounts::new(GROSS_MARGIN, scale)),
            windows: config.windows.iter().map(|window| Window::new(config, *window, customers)).collect(),
            distinct: Vec::new(),
        }
    }

    /// Purchases and refunds in all, whether they stand or not. Returns the revenue of the purchases that stand.
    fn push_totals(&mut self, history: &History<'_>) -> Result<i64, FoldError> {
        let (bought, reversed) = (&history.purchases, &history.reversed);
        // No amount is negative: once the total fits, so do all parts of it.
        let standing = sum(bought.amounts);
        let total = fitting("total_revenue", standing + sum(reversed.amounts))?;
        let standing = fitting("total_revenue", standing)?;
        let refunded = refund_total(history);
        let lines = bought.len() + reversed.len();
        let orders = if self.counts_orders {
            let ids = [bought.orders.unwrap_or(&[]), reversed.orders.unwrap_or(&[])];
            distinct_orders(lines, ids, &mut self.distinct)
        } else {
            0
        };
        self.has_orders.push(orders > 0);
        self.orders.push(orders);
        self.lines.push(count(lines));
        self.revenue.push(total);
        self.average_order.push(mean_half_even(total, orders));
        self.refund_count.push(count(history.refunds.len() + history.rescinded));
        self.refund_total.push(fitting("refund_total", refunded)?);
        self.net_revenue.push(fitting("net_revenue", i128::from(total) - refunded)?);
        self.reversed_lines.push(count(reversed.len()));
        self.reversed_revenue.push(total - standing);
        Ok(standing)
    }

    /// Purchases that stand, `revenue` in all.
    fn push_standing(&mut self, purchases: &Transactions<'_>, revenue: i64) {
        let spend = by_period(self.period, purchases);
        let (first, last) = match purchases.days {
            [first, .., last] => (*first, *last),
            [only] => (*only, *only),
            [] => (self.as_of, self.as_of),
        };
        let index = |day| self.period.index(day);
        let units = |from, to| f64::from(index(to) - index(from)) * self.period.length_days() / self.unit_days;
        let frequency = (spend.count - 1).max(0);
        self.buyer.push(spend.count > 0);
        self.repeater.push(frequency > 0);
        self.first_day.push(first);
        self.last_day.push(last);
        self.days_since_last.push(self.as_of - last);
        self.frequency.push(frequency);
        self.recency.push(units(first, last));
        self.customer_age.push(units(first, self.as_of));
        self.monetary_value.push(mean_half_even(revenue - spend.first_spend, frequency));
        self.periods.push(spend.count);
        self.first_spend.push(spend.first_spend);
        self.largest_spend.push(spend.largest_spend);
    }
}

impl Family for Purchase<'_> {
    fn fold(&mut self, history: &History<'_>) -> Result<(), FoldError> {
        let purchases = &history.purchases;
        let revenue = self.push_totals(history)?;
        self.push_standing(purchases, revenue);
        if let Some(trend) = &mut self.trend {
            trend.push(purchases);
        }
        if let Some(season) = &mut self.season {
            season.push(purchases, revenue);
        }
        if let Some(margin) = &mut self.margin {
            margin.push(gross_margin(history, self.lots))?;
        }
        for window in self.windows.iter_mut().filter(|window| window.is_wanted()) {
            window.push(purchases, &mut self.distinct);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<ArrayRef> {
        let customers = self.lines.len();
        let buyers = NullBuffer::new(BooleanBuffer::from(self.buyer));
        let scale = self.scale;
        let date = |days| Arc::new(Date32Array::new(ScalarBuffer::from(days), Some(buyers.clone()))) as ArrayRef;
        let double = |values| Arc::new(Float64Array::new(ScalarBuffer::from(values), Some(buyers.clone()))) as ArrayRef;
        let buyer_money = |values| decimals(values, Some(buyers.clone()), scale);
        let money = |values| decimals(values, None, scale);
        let money_of =
            |values, customers| decimals(values, Some(NullBuffer::new(BooleanBuffer::from(customers))), scale);
        let mut columns: Vec<ArrayRef> = vec![
            date(self.first_day),
            date(self.last_day),
            Arc::new(Int32Array::new(ScalarBuffer::from(self.days_since_last), Some(buyers.clone()))),
            Arc::new(Int64Array::new(ScalarBuffer::from(self.frequency), Some(buyers.clone()))),
            double(self.recency),
            double(self.customer_age),
            money_of(self.monetary_value, self.repeater),
            integers(self.orders),
            integers(self.lines),
            integers(self.periods),
            money(self.revenue),
            money_of(self.average_order, self.has_orders),
            buyer_money(self.first_spend),
            buyer_money(self.largest_spend),
            integers(self.refund_count),
            money(self.refund_total),
            money(self.net_revenue),
            integers(self.reversed_lines),
            money(self.reversed_revenue),
        ];
        // Columns that nobody wants still take their place.
        let unwanted = |count| vec![new_null_array(&DataType::Float64, customers); count];
        columns.extend(self.trend.map_or_else(|| unwanted(TREND.len()), |trend| trend.finish().to_vec()));
        columns.extend(self.season.map_or_else(|| unwanted(SEASON.len()), |season| season.finish().to_vec()));
        if self.has_margin {
            let margins = self.margin.map(Amounts::finish);
            columns.push(margins.unwrap_or_else(|| money(vec![0; customers])));
        }
        columns.extend(self.windows.into_iter().flat_map(|window| window.finish(scale, customers)));
        columns
    }
}

/// Spend by period; purchases come in order of day.
fn by_period(period: PurchasePeriod, purchases: &Transactions<'_>) -> Periods {
    let mut spend = Periods::default();
    each_spend(period, purchases, |_, of_period| {
        if spend.count == 0 {
            spend.first_spend = of_period;
        }
        spend.count += 1;
        spend.largest_spend = spend.largest_spend.max(of_period);
    });
    spend
}

/// Distinct orders among `rows` rows whose order ids, if they are mapped, are `ids`; a row without an order id is an
/// order of its own.
fn distinct_orders(rows: usize, ids: [&[u128]; 2], distinct: &mut Vec<u128>) -> i64 {
    distinct.clear();
    for part in ids {
        distinct.extend(part.iter().filter(|id| **id != NO_ID));
    }
    let without = rows - distinct.len();
    if distinct.len() <= FEW {
        let is_first = |row: &usize| !distinct[..*row].contains(&distinct[*row]);
        return count((0..distinct.len()).filter(is_first).count() + without);
    }
    distinct.sort_unstable();
    distinct.dedup();
    count(distinct.len() + without)
}

/// A row count; one partition holds fewer than 2³² rows.
fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn integers(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

fn decimals(values: Vec<i64>, nulls: Option<NullBuffer>, scale: i8) -> ArrayRef {
    let money = DataType::Decimal64(appraise_schema::money::CUSTOMER_PRECISION, scale);
    Arc::new(Decimal64Array::new(ScalarBuffer::from(values), nulls).with_data_type(money))
}
