//! What a run asks of the fold.

use std::collections::BTreeSet;

use appraise_schema::{AsOf, KeyType, Money, PurchasePeriod, TimeUnit, WindowDays};

/// The optional columns that the pipeline maps: they decide which feature columns exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MappedColumns {
    /// `order_id` is mapped.
    pub order: bool,
    /// `margin` is mapped.
    pub margin: bool,
    /// `transaction_id` is mapped: duplicates are dropped.
    pub transaction: bool,
}

/// Everything that decides the columns and values of `customer_features`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureConfig {
    /// Date of the run.
    pub as_of: AsOf,
    /// Unit of all money columns.
    pub money: Money,
    /// Stretch of time in which purchases count as one.
    pub purchase_period: PurchasePeriod,
    /// Unit of `recency` and `customer_age`.
    pub time_unit: TimeUnit,
    /// Trailing windows, ascending and distinct.
    pub windows: Vec<WindowDays>,
    /// Type of the customer key.
    pub key_type: KeyType,
    /// Optional columns that are mapped.
    pub mapped: MappedColumns,
    /// The only feature columns to keep, where not all are wanted; `as_of` and `customer_id` are always there.
    pub only: Option<BTreeSet<String>>,
}

impl FeatureConfig {
    /// Whether the feature `column` is wanted.
    pub(crate) fn keeps(&self, column: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(column))
    }
}
