//! Family `purchase`: when, how often and how much a customer bought.
//!
//! `frequency`, `recency`, `customer_age` and `monetary_value` are the sufficient statistics of Fader, Hardie & Lee
//! (2005), "Counting Your Customers the Easy Way": x, tₓ, T and the mean spend of the repeat periods. Purchases
//! of one period count once. A refund is never a purchase. Amounts of nothing are purchases.
//!
//! Every number is a sum, a count or an extreme of integers, so transactions of one day may come in any order.

use std::ops::Range;
use std::sync::Arc;

use appraise_schema::money::{MAX_CUSTOMER_MINOR, mean_half_even};
use appraise_schema::{ColumnSpec, ColumnType, EventBatch, PurchasePeriod, WindowDays};
use arrow::array::{ArrayRef, Date32Array, Decimal64Array, Float64Array, Int32Array, Int64Array};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};

use crate::config::FeatureConfig;
use crate::family::{Family, History};
use crate::fold::FoldError;

/// The six columns of one trailing window.
#[derive(Debug)]
struct WindowColumns {
    days: i32,
    current: WindowValues,
    previous: WindowValues,
}

/// Orders, revenue and active days of one stretch of days, a value per customer.
#[derive(Debug, Default)]
struct WindowValues {
    orders: Vec<i64>,
    revenue: Vec<i64>,
    active_days: Vec<i64>,
}

/// The fold of one partition.
#[derive(Debug)]
pub(crate) struct Purchase {
    as_of: i32,
    scale: i8,
    period: PurchasePeriod,
    /// Days in one time unit.
    unit_days: f64,
    /// Whether the customer has a purchase; the validity of most columns.
    buyer: Vec<bool>,
    repeater: Vec<bool>,
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
    margin: Option<Margins>,
    windows: Vec<WindowColumns>,
    scratch: Scratch,
}

/// `gross_margin`, NULL where no row of the customer has one.
#[derive(Debug, Default)]
struct Margins {
    values: Vec<i64>,
    known: Vec<bool>,
}

/// The purchases of the customer at hand, once refunds are left out, and room to count distinct orders.
#[derive(Debug, Default)]
struct Scratch {
    days: Vec<i32>,
    amounts: Vec<i64>,
    orders: Vec<u128>,
    distinct: Vec<u128>,
}

/// Spend by purchase period.
struct Periods {
    count: i64,
    first_spend: i64,
    largest_spend: i64,
    total: i64,
}

impl Periods {
    /// Ends a period with its spend.
    fn close(&mut self, of_period: i64) {
        if self.count == 0 {
            self.first_spend = of_period;
        }
        self.count += 1;
        self.largest_spend = self.largest_spend.max(of_period);
    }
}

impl Purchase {
    /// The family's columns.
    pub(crate) fn columns(config: &FeatureConfig) -> Vec<ColumnSpec> {
        let money = ColumnType::customer_money(config.money.scale());
        let currency = config.money.unit();
        let time = config.time_unit.name();
        let int = ColumnType::Int64;
        let double = ColumnType::Float64;
        let date = ColumnType::Date;
        let maybe = ColumnSpec::nullable;
        let always = ColumnSpec::required;
        let mut columns = vec![
            maybe("first_purchase_date", date, "", "local date of the first purchase"),
            maybe("last_purchase_date", date, "", "local date of the last purchase"),
            maybe("days_since_last_purchase", ColumnType::Int32, "days", "as_of - last_purchase_date"),
            maybe("frequency", int, "periods", "purchase periods after the first: repeat purchases"),
            maybe("recency", double, time, "from the first to the last purchase period"),
            maybe("customer_age", double, time, "from the first purchase period to as_of"),
            maybe("monetary_value", money, currency, "mean spend of the repeat periods; NULL without repeat purchases"),
            always("orders", int, "orders", "distinct orders; rows where no order id is mapped or given"),
            always("lines", int, "rows", "transactions that are purchases"),
            always("purchase_periods", int, "periods", "periods with at least one purchase"),
            always("total_revenue", money, currency, "sum of purchases, refunds not deducted"),
            maybe("average_order_value", money, currency, "total_revenue / orders"),
            maybe("first_purchase_amount", money, currency, "spend of the first purchase period"),
            maybe("largest_purchase", money, currency, "largest spend of one purchase period"),
            always("refund_count", int, "rows", "transactions that are refunds"),
            always("refund_total", money, currency, "sum of refunds, positive"),
            always("net_revenue", money, currency, "total_revenue - refund_total"),
        ];
        if config.mapped.margin {
            let meaning = "margin of purchases less margin of refunds; NULL when no transaction has one";
            columns.push(maybe("gross_margin", money, currency, meaning));
        }
        for window in &config.windows {
            columns.extend(window_columns(*window, money, currency));
        }
        columns
    }

    /// A fold with room for `customers` rows.
    pub(crate) fn new(config: &FeatureConfig, customers: usize) -> Self {
        let window = |window: &WindowDays| WindowColumns {
            days: window.days().cast_signed(),
            current: WindowValues::with_capacity(customers),
            previous: WindowValues::with_capacity(customers),
        };
        let ints = || Vec::with_capacity(customers);
        Self {
            as_of: config.as_of.day(),
            scale: config.money.scale().cast_signed(),
            period: config.purchase_period,
            unit_days: config.time_unit.days(),
            buyer: Vec::with_capacity(customers),
            repeater: Vec::with_capacity(customers),
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
            margin: config.mapped.margin.then(Margins::default),
            windows: config.windows.iter().map(window).collect(),
            scratch: Scratch::default(),
        }
    }

    fn push_purchases(&mut self, purchases: &History<'_>, refund_total: i64) -> Result<(), FoldError> {
        let spend = by_period(self.period, purchases)?;
        let revenue = spend.total;
        let orders = distinct_orders(purchases, 0..purchases.days.len(), &mut self.scratch.distinct);
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
        self.orders.push(orders);
        self.lines.push(count(purchases.days.len()));
        self.periods.push(spend.count);
        self.revenue.push(revenue);
        self.average_order.push(mean_half_even(revenue, orders));
        self.first_spend.push(spend.first_spend);
        self.largest_spend.push(spend.largest_spend);
        self.net_revenue.push(money("net_revenue", i128::from(revenue) - i128::from(refund_total))?);
        for window in &mut self.windows {
            window.push(self.as_of, purchases, &mut self.scratch.distinct);
        }
        Ok(())
    }
}

impl Family for Purchase {
    fn fold(&mut self, history: &History<'_>) -> Result<(), FoldError> {
        let (refund_count, refund_total) = refunds(history);
        let refund_total = money("refund_total", refund_total)?;
        self.refund_count.push(refund_count);
        self.refund_total.push(refund_total);
        if let (Some(margin), Some(margins)) = (&mut self.margin, history.margins) {
            margin.push(margins, history.refunds)?;
        }
        if refund_count == 0 {
            return self.push_purchases(history, refund_total);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let purchases = scratch.purchases(history);
        let result = self.push_purchases(&purchases, refund_total);
        scratch.distinct = std::mem::take(&mut self.scratch.distinct);
        self.scratch = scratch;
        result
    }

    fn finish(self: Box<Self>) -> Vec<ArrayRef> {
        let buyers = NullBuffer::new(BooleanBuffer::from(self.buyer));
        let repeaters = NullBuffer::new(BooleanBuffer::from(self.repeater));
        let scale = self.scale;
        let date = |days| Arc::new(Date32Array::new(ScalarBuffer::from(days), Some(buyers.clone()))) as ArrayRef;
        let double = |values| Arc::new(Float64Array::new(ScalarBuffer::from(values), Some(buyers.clone()))) as ArrayRef;
        let buyer_money = |values| decimals(values, Some(buyers.clone()), scale);
        let days_since = Int32Array::new(ScalarBuffer::from(self.days_since_last), Some(buyers.clone()));
        let frequency = Int64Array::new(ScalarBuffer::from(self.frequency), Some(buyers.clone()));
        let mut columns: Vec<ArrayRef> = vec![
            date(self.first_day),
            date(self.last_day),
            Arc::new(days_since),
            Arc::new(frequency),
            double(self.recency),
            double(self.customer_age),
            decimals(self.monetary_value, Some(repeaters), scale),
            integers(self.orders),
            integers(self.lines),
            integers(self.periods),
            decimals(self.revenue, None, scale),
            buyer_money(self.average_order),
            buyer_money(self.first_spend),
            buyer_money(self.largest_spend),
            integers(self.refund_count),
            decimals(self.refund_total, None, scale),
            decimals(self.net_revenue, None, scale),
        ];
        columns.extend(self.margin.map(|margin| {
            let known = NullBuffer::new(BooleanBuffer::from(margin.known));
            decimals(margin.values, Some(known), scale)
        }));
        for window in self.windows {
            columns.extend(window.current.finish(scale));
            columns.extend(window.previous.finish(scale));
        }
        columns
    }
}

impl Scratch {
    /// The purchases of `history`, refunds left out.
    fn purchases(&mut self, history: &History<'_>) -> History<'_> {
        let refunds = history.refunds.unwrap_or(&[]);
        let bought = |i: &usize| !refunds.get(*i).copied().unwrap_or(false);
        let rows = || (0..history.days.len()).filter(bought);
        self.days.clear();
        self.days.extend(rows().map(|i| history.days[i]));
        self.amounts.clear();
        self.amounts.extend(rows().map(|i| history.amounts[i]));
        self.orders.clear();
        if let Some(orders) = history.orders {
            self.orders.extend(rows().map(|i| orders[i]));
        }
        History {
            days: &self.days,
            amounts: &self.amounts,
            refunds: None,
            orders: history.orders.map(|_| self.orders.as_slice()),
            margins: None,
        }
    }
}

impl Margins {
    fn push(&mut self, margins: &[i64], refunds: Option<&[bool]>) -> Result<(), FoldError> {
        let mut sum = 0_i128;
        let mut known = false;
        for (row, &margin) in margins.iter().enumerate() {
            if margin == EventBatch::NO_MARGIN {
                continue;
            }
            known = true;
            let refund = refunds.is_some_and(|refunds| refunds[row]);
            sum += if refund { -i128::from(margin).abs() } else { i128::from(margin) };
        }
        self.values.push(money("gross_margin", sum)?);
        self.known.push(known);
        Ok(())
    }
}

impl WindowColumns {
    fn push(&mut self, as_of: i32, purchases: &History<'_>, distinct: &mut Vec<u128>) {
        let first_after = |day: i32| purchases.days.partition_point(|&d| d <= day);
        let start = first_after(as_of - self.days);
        let start_before = first_after(as_of - 2 * self.days);
        self.current.push(purchases, start..purchases.days.len(), distinct);
        self.previous.push(purchases, start_before..start, distinct);
    }
}

impl WindowValues {
    fn with_capacity(customers: usize) -> Self {
        Self {
            orders: Vec::with_capacity(customers),
            revenue: Vec::with_capacity(customers),
            active_days: Vec::with_capacity(customers),
        }
    }

    fn push(&mut self, purchases: &History<'_>, rows: Range<usize>, distinct: &mut Vec<u128>) {
        let days = &purchases.days[rows.clone()];
        let changes = days.windows(2).filter(|pair| pair[0] != pair[1]).count();
        self.active_days.push(count(changes + usize::from(!days.is_empty())));
        // A part of purchases that are never negative and whose sum was checked.
        self.revenue.push(purchases.amounts[rows.clone()].iter().sum());
        self.orders.push(distinct_orders(purchases, rows, distinct));
    }

    fn finish(self, scale: i8) -> [ArrayRef; 3] {
        [integers(self.orders), decimals(self.revenue, None, scale), integers(self.active_days)]
    }
}

fn window_columns(window: WindowDays, money: ColumnType, currency: &str) -> Vec<ColumnSpec> {
    let mut columns = Vec::with_capacity(6);
    for (infix, stretch) in [("", format!("the last {} days", window.days())), ("prev_", before(window))] {
        let name = |what: &str| format!("{what}_{infix}{window}");
        let spec =
            |what: &str, kind, unit: &str, meaning: String| ColumnSpec::required(&name(what), kind, unit, &meaning);
        columns.push(spec("orders", ColumnType::Int64, "orders", format!("distinct orders of {stretch}")));
        columns.push(spec("revenue", money, currency, format!("sum of purchases of {stretch}")));
        columns.push(spec("active_days", ColumnType::Int64, "days", format!("days with a purchase in {stretch}")));
    }
    columns
}

fn before(window: WindowDays) -> String {
    format!("the {0} days before the last {0}", window.days())
}

/// Number and total of refunds, each with its absolute amount.
fn refunds(history: &History<'_>) -> (i64, i128) {
    let Some(refunds) = history.refunds else { return (0, 0) };
    let rows = refunds.iter().zip(history.amounts).filter(|(refund, _)| **refund);
    rows.fold((0, 0), |(count, total), (_, &amount)| (count + 1, total + i128::from(amount).abs()))
}

/// Spend by period; purchases come in order of day. No amount is negative, so that no part exceeds the checked total.
fn by_period(period: PurchasePeriod, purchases: &History<'_>) -> Result<Periods, FoldError> {
    let total = money("total_revenue", purchases.amounts.iter().map(|&amount| i128::from(amount)).sum())?;
    let mut spend = Periods { count: 0, first_spend: 0, largest_spend: 0, total };
    let mut rows = purchases.days.iter().zip(purchases.amounts);
    let Some((&first, &amount)) = rows.next() else { return Ok(spend) };
    let (mut day_before, mut current, mut of_period) = (first, period.index(first), amount);
    for (&day, &amount) in rows {
        if day != day_before && period.index(day) != current {
            spend.close(of_period);
            (current, of_period) = (period.index(day), 0);
        }
        day_before = day;
        of_period += amount;
    }
    spend.close(of_period);
    Ok(spend)
}

/// Distinct orders among `rows`; a row without an order id is an order of its own.
fn distinct_orders(purchases: &History<'_>, rows: Range<usize>, distinct: &mut Vec<u128>) -> i64 {
    let Some(orders) = purchases.orders else { return count(rows.len()) };
    distinct.clear();
    distinct.extend(orders[rows.clone()].iter().filter(|id| **id != 0));
    let without = rows.len() - distinct.len();
    distinct.sort_unstable();
    distinct.dedup();
    count(distinct.len() + without)
}

/// A sum of money that fits DECIMAL(18, scale).
fn money(column: &'static str, minor: i128) -> Result<i64, FoldError> {
    match i64::try_from(minor) {
        Ok(fits) if fits.unsigned_abs() <= MAX_CUSTOMER_MINOR.unsigned_abs() => Ok(fits),
        _ => Err(FoldError::overflow(column, minor)),
    }
}

/// A row count; one partition holds fewer than 2³² rows.
fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn integers(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

fn decimals(values: Vec<i64>, nulls: Option<NullBuffer>, scale: i8) -> ArrayRef {
    let array = Decimal64Array::new(ScalarBuffer::from(values), nulls);
    let precision = appraise_schema::money::CUSTOMER_PRECISION;
    // Precision 18 and a scale up to 9 are always valid for 64 bits.
    Arc::new(array.clone().with_precision_and_scale(precision, scale).unwrap_or(array))
}
