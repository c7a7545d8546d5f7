//! What a feature family is, and the list of them.

use appraise_schema::ColumnSpec;
use arrow::array::ArrayRef;

use crate::config::FeatureConfig;
use crate::fold::FoldError;
use crate::purchase::Purchase;

/// One customer's transactions in order of local date. All slices have the same length, at least 1.
///
/// Transactions of one day are a set: their order within the slices means nothing.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// Local dates, ascending, days since 1970-01-01.
    pub days: &'a [i32],
    /// Amounts in minor units. Only refunds may be negative; they count with the absolute amount.
    pub amounts: &'a [i64],
    /// Which rows are refunds; `None` when none is.
    pub refunds: Option<&'a [bool]>,
    /// Identities of orders, 0 for none; `None` when `order_id` is not mapped.
    pub orders: Option<&'a [u128]>,
    /// Margins in minor units, [`appraise_schema::EventBatch::NO_MARGIN`] for NULL; `None` when not mapped.
    pub margins: Option<&'a [i64]>,
}

/// A feature family: columns, and the fold that fills one row of them per customer.
pub trait Family {
    /// Reads one customer's history and appends one value to every column.
    ///
    /// # Errors
    /// [`FoldError::MoneyOverflow`] when a sum exceeds DECIMAL(18, scale).
    fn fold(&mut self, history: &History<'_>) -> Result<(), FoldError>;

    /// The finished columns, in the order of the family's [`ColumnSpec`]s.
    fn finish(self: Box<Self>) -> Vec<ArrayRef>;
}

/// The families, in the order of their columns. A new one is a file, a variant here and its two arms below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FamilyKind {
    /// Recency, frequency, money, windows.
    Purchase,
}

impl FamilyKind {
    /// All families.
    pub(crate) const ALL: [Self; 1] = [Self::Purchase];

    /// The columns it writes under `config`.
    pub(crate) fn columns(self, config: &FeatureConfig) -> Vec<ColumnSpec> {
        match self {
            Self::Purchase => Purchase::columns(config),
        }
    }

    /// A fresh fold with room for `customers` rows.
    pub(crate) fn build(self, config: &FeatureConfig, customers: usize) -> Box<dyn Family> {
        match self {
            Self::Purchase => Box::new(Purchase::new(config, customers)),
        }
    }
}
