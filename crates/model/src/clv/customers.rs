//! Customers as the probability models see them.

use appraise_clv::History;
use arrow::array::{Array, AsArray, Date32Array, Decimal64Array, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Decimal64Type, Float64Type, Int64Type};

use super::config::{ClvConfig, LAST_YEAR, Margin};
use crate::columns::{key_hash, minor_per_unit, typed};
use crate::error::ModelError;

/// Fitted customers are first seen so many days after the start of a history that was cut.
const ENTRY_KNOWN_DAYS: i32 = 365;

/// The columns of a batch that purchases and spend are read from.
pub(crate) struct Customers<'a> {
    batch: &'a RecordBatch,
    orders: &'a Int64Array,
    purchase_periods: &'a Int64Array,
    first: &'a Date32Array,
    frequency: &'a Int64Array,
    recency: &'a Float64Array,
    customer_age: &'a Float64Array,
    monetary_value: &'a Decimal64Array,
    last_year: Option<&'a Int64Array>,
    margin: Option<&'a Float64Array>,
    /// Minor units of money in a whole one.
    minor_per_unit: f64,
    /// What times are multiplied by: 1, or opportunities per unit of time.
    time_factor: f64,
    history_start: Option<i32>,
}

/// The columns that are always read.
pub(super) const INPUTS: &[&str] = &[
    "customer_id",
    "orders",
    "purchase_periods",
    "first_purchase_date",
    "frequency",
    "recency",
    "customer_age",
    "monetary_value",
];

impl<'a> Customers<'a> {
    /// The customers of `batch`; money has `scale` places, and `discrete` says that time counts purchase periods.
    ///
    /// # Errors
    /// [`ModelError::Column`] when one is absent or of another type.
    pub(crate) fn new(
        config: &ClvConfig,
        scale: u8,
        discrete: bool,
        batch: &'a RecordBatch,
    ) -> Result<Self, ModelError> {
        let integers = |name| typed(batch, name, &DataType::Int64).map(AsArray::as_primitive::<Int64Type>);
        let doubles = |name| typed(batch, name, &DataType::Float64).map(AsArray::as_primitive::<Float64Type>);
        let money = typed(batch, "monetary_value", &DataType::Decimal64(18, scale.cast_signed()))?;
        let last_year = config.fallback.is_some_and(|fallback| fallback.inputs().contains(&LAST_YEAR));
        Ok(Self {
            batch,
            orders: integers("orders")?,
            purchase_periods: integers("purchase_periods")?,
            first: typed(batch, "first_purchase_date", &DataType::Date32)?.as_primitive::<Date32Type>(),
            frequency: integers("frequency")?,
            recency: doubles("recency")?,
            customer_age: doubles("customer_age")?,
            monetary_value: money.as_primitive::<Decimal64Type>(),
            last_year: if last_year { Some(integers(LAST_YEAR)?) } else { None },
            margin: match &config.margin {
                Margin::Column(name) => Some(doubles(name)?),
                Margin::Share(_) => None,
            },
            minor_per_unit: minor_per_unit(scale),
            time_factor: if discrete { config.unit_days / config.period_days } else { 1.0 },
            history_start: config.history_start,
        })
    }

    /// The purchases of the customer in `row`; `None` of one none of whose purchases stands.
    pub(crate) fn history(&self, row: usize) -> Option<History> {
        if self.purchase_periods.value(row) == 0 || self.customer_age.is_null(row) {
            return None;
        }
        let time = |column: &Float64Array| {
            let time = column.value(row) * self.time_factor;
            // Opportunities are counted.
            if self.time_factor == 1.0 { time } else { time.round() }
        };
        let (t_x, t) = (time(self.recency), time(self.customer_age));
        Some(History { x: self.frequency.value(row) as f64, t_x, t: t.max(t_x) })
    }

    /// Whether the customer never bought anything, not even what came back.
    pub(crate) fn is_prospect(&self, row: usize) -> bool {
        self.orders.value(row) == 0
    }

    /// Mean spend of a repeat period in whole units of money; `None` without one.
    pub(crate) fn mean_spend(&self, row: usize) -> Option<f64> {
        self.monetary_value.is_valid(row).then(|| self.monetary_value.value(row) as f64 / self.minor_per_unit)
    }

    /// Whether the customer's first purchase is known to be the first.
    pub(crate) fn entry_is_known(&self, row: usize) -> bool {
        let after = |start: i32| self.first.value(row) >= start.saturating_add(ENTRY_KNOWN_DAYS);
        self.history_start.is_none_or(after)
    }

    /// Days with a purchase in the last 365, where they are read.
    pub(crate) fn last_year(&self, row: usize) -> Option<f64> {
        self.last_year.filter(|days| days.is_valid(row)).map(|days| days.value(row) as f64)
    }

    /// The customer's own margin.
    pub(crate) fn margin(&self, row: usize) -> Option<f64> {
        self.margin.filter(|margin| margin.is_valid(row)).map(|margin| margin.value(row)).filter(|m| m.is_finite())
    }

    /// The hash of the customer's key.
    pub(crate) fn key_hash(&self, row: usize) -> u64 {
        key_hash(self.batch, row)
    }
}
