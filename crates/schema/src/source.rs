//! The canonical columns that a pipeline maps its own onto.

/// What a canonical column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnRole {
    /// An id: integer or text.
    Id,
    /// A point in time: a date or a timestamp.
    Time,
    /// An amount of money: integer, decimal or float.
    Amount,
    /// Any number.
    Number,
    /// Text.
    Text,
    /// Yes or no.
    Flag,
}

/// A canonical column of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceColumn {
    /// Our name.
    pub name: &'static str,
    /// What it may hold.
    pub role: ColumnRole,
    /// Whether a pipeline must map it.
    pub required: bool,
    /// What it means, one sentence.
    pub meaning: &'static str,
}

const fn column(name: &'static str, role: ColumnRole, required: bool, meaning: &'static str) -> SourceColumn {
    SourceColumn { name, role, required, meaning }
}

/// The columns of `sources.transactions`.
pub const TRANSACTIONS: &[SourceColumn] = &[
    column("customer_id", ColumnRole::Id, true, "who bought: an integer or a text"),
    column("time", ColumnRole::Time, true, "when: a date or a timestamp"),
    column("amount", ColumnRole::Amount, true, "how much, in `money.unit`; negative amounts are refunds"),
    column("transaction_id", ColumnRole::Id, false, "names one row for good; rows that repeat it are duplicates"),
    column("order_id", ColumnRole::Id, false, "rows that share it are one order"),
    column("refund", ColumnRole::Flag, false, "whether the row is a refund; counts with the absolute amount"),
    column("margin", ColumnRole::Amount, false, "what the row earned, in `money.unit`"),
    column("category", ColumnRole::Text, false, "what was bought"),
    column("quantity", ColumnRole::Number, false, "how many were bought"),
];

/// Finds a column of a source by name.
#[must_use]
pub fn find(columns: &'static [SourceColumn], name: &str) -> Option<&'static SourceColumn> {
    columns.iter().find(|column| column.name == name)
}
