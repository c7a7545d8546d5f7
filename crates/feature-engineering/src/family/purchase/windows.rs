//! Orders, revenue and active days of trailing windows, and of the windows before them.

use std::ops::Range;

use appraise_schema::{ColumnSpec, ColumnType, WindowDays};
use arrow::array::ArrayRef;

use super::{count, decimals, distinct_orders, integers};
use crate::config::FeatureConfig;
use crate::history::Transactions;

/// The names of the columns that count orders.
pub(super) fn order_columns(window: WindowDays) -> [String; 2] {
    ["", "prev_"].map(|infix| format!("orders_{infix}{window}"))
}

/// The six columns of one window.
pub(super) fn columns(window: WindowDays, money: ColumnType, currency: &str) -> Vec<ColumnSpec> {
    let mut columns = Vec::with_capacity(6);
    for (infix, stretch) in [("", format!("the last {} days", window.days())), ("prev_", before(window))] {
        let name = |what: &str| format!("{what}_{infix}{window}");
        let spec =
            |what: &str, kind, unit: &str, meaning: String| ColumnSpec::required(&name(what), kind, unit, &meaning);
        columns.push(spec("orders", ColumnType::Int64, "orders", format!("distinct orders of {stretch} that stand")));
        columns.push(spec("revenue", money, currency, format!("sum of purchases of {stretch} that stand")));
        let meaning = format!("days with a purchase in {stretch} that stands");
        columns.push(spec("active_days", ColumnType::Int64, "days", meaning));
    }
    columns
}

fn before(window: WindowDays) -> String {
    format!("the {0} days before the last {0}", window.days())
}

/// The six columns of one window.
#[derive(Debug)]
pub(super) struct Window {
    as_of: i32,
    days: i32,
    current: Stretch,
    previous: Stretch,
}

/// Three columns of one stretch of days; those that nobody wants are `None`.
#[derive(Debug)]
struct Stretch {
    orders: Option<Vec<i64>>,
    revenue: Option<Vec<i64>>,
    active_days: Option<Vec<i64>>,
}

impl Window {
    /// Empty columns with room for `customers` rows.
    pub(super) fn new(config: &FeatureConfig, window: WindowDays, customers: usize) -> Self {
        let stretch = |infix: &str| {
            let values =
                |what: &str| config.keeps(&format!("{what}_{infix}{window}")).then(|| Vec::with_capacity(customers));
            Stretch { orders: values("orders"), revenue: values("revenue"), active_days: values("active_days") }
        };
        Self {
            as_of: config.as_of.day(),
            days: window.days().cast_signed(),
            current: stretch(""),
            previous: stretch("prev_"),
        }
    }

    /// Whether a column of it is wanted.
    pub(super) fn is_wanted(&self) -> bool {
        self.current.is_wanted() || self.previous.is_wanted()
    }

    /// Adds a customer with these standing purchases. Their sum fits DECIMAL(18, scale).
    pub(super) fn push(&mut self, purchases: &Transactions<'_>, distinct: &mut Vec<u128>) {
        let first_after = |day: i32| purchases.days.partition_point(|&d| d <= day);
        let start = first_after(self.as_of - self.days);
        let start_before = first_after(self.as_of - 2 * self.days);
        self.current.push(purchases, start..purchases.days.len(), distinct);
        self.previous.push(purchases, start_before..start, distinct);
    }

    /// The columns of `customers` rows.
    pub(super) fn finish(self, scale: i8, customers: usize) -> impl Iterator<Item = ArrayRef> {
        [self.current, self.previous].into_iter().flat_map(move |stretch| stretch.finish(scale, customers))
    }
}

impl Stretch {
    fn is_wanted(&self) -> bool {
        self.orders.is_some() || self.revenue.is_some() || self.active_days.is_some()
    }

    fn push(&mut self, purchases: &Transactions<'_>, rows: Range<usize>, distinct: &mut Vec<u128>) {
        if let Some(orders) = &mut self.orders {
            let ids = purchases.orders.map_or(&[][..], |ids| &ids[rows.clone()]);
            orders.push(distinct_orders(rows.len(), [ids, &[]], distinct));
        }
        if let Some(revenue) = &mut self.revenue {
            revenue.push(purchases.amounts[rows.clone()].iter().sum());
        }
        if let Some(active_days) = &mut self.active_days {
            let days = &purchases.days[rows];
            let changes = days.windows(2).filter(|pair| pair[0] != pair[1]).count();
            active_days.push(count(changes + usize::from(!days.is_empty())));
        }
    }

    fn finish(self, scale: i8, customers: usize) -> [ArrayRef; 3] {
        let values = |column: Option<Vec<i64>>| column.unwrap_or_else(|| vec![0; customers]);
        [integers(values(self.orders)), decimals(values(self.revenue), None, scale), integers(values(self.active_days))]
    }
}
