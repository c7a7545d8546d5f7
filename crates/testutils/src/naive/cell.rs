//! Cells, rows, and when two of them agree.

use std::collections::BTreeMap;

use appraise_schema::money::divide_half_even;

/// One cell: `None` is NULL.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A count, a date, or money in minor units.
    Whole(Option<i128>),
    /// A double that is the quotient of two exact numbers: the same to the last bit.
    Quotient(Option<f64>),
    /// Any other double: the same but for rounding on the way.
    Double(Option<f64>),
    /// A text.
    Text(Option<String>),
    /// Yes or no.
    Flag(Option<bool>),
}

/// The columns of one customer, by name.
pub type Row = BTreeMap<String, Cell>;

/// Rounding on the way may move a double by this share of it.
const RELATIVE: f64 = 1e-9;
/// Or by this, near zero.
const ABSOLUTE: f64 = 1e-12;

/// Whether a cell that was read is what the naive fold `expected`.
#[must_use]
pub fn agree(expected: &Cell, read: &Cell) -> bool {
    match (expected, read) {
        (Cell::Double(Some(a)), Cell::Double(Some(b))) => (a - b).abs() <= ABSOLUTE.max(RELATIVE * a.abs()),
        (Cell::Quotient(a), Cell::Double(b)) => a == b,
        (a, b) => a == b,
    }
}

/// The row as it is filled.
#[derive(Debug, Default)]
pub(super) struct Columns(Row);

impl Columns {
    pub(super) fn whole(&mut self, name: impl Into<String>, value: Option<i128>) {
        self.0.insert(name.into(), Cell::Whole(value));
    }

    pub(super) fn day(&mut self, name: impl Into<String>, value: Option<i32>) {
        self.whole(name, value.map(i128::from));
    }

    pub(super) fn count(&mut self, name: impl Into<String>, value: usize) {
        self.whole(name, Some(wide(value)));
    }

    /// The quotient of two whole numbers.
    pub(super) fn ratio(&mut self, name: impl Into<String>, numerator: i128, denominator: i128) {
        self.quotient(name, quotient(numerator, denominator));
    }

    pub(super) fn quotient(&mut self, name: impl Into<String>, value: Option<f64>) {
        self.0.insert(name.into(), Cell::Quotient(value));
    }

    pub(super) fn double(&mut self, name: impl Into<String>, value: Option<f64>) {
        self.0.insert(name.into(), Cell::Double(value));
    }

    pub(super) fn text(&mut self, name: impl Into<String>, value: Option<String>) {
        self.0.insert(name.into(), Cell::Text(value));
    }

    pub(super) fn flag(&mut self, name: impl Into<String>, value: Option<bool>) {
        self.0.insert(name.into(), Cell::Flag(value));
    }

    /// Money over a count.
    pub(super) fn mean_money(&mut self, name: impl Into<String>, numerator: i128, denominator: i128) {
        self.whole(name, divide_half_even(numerator, denominator));
    }

    pub(super) fn into_row(self) -> Row {
        self.0
    }
}

/// The quotient of two whole numbers; none by 0.
pub(super) fn quotient(numerator: i128, denominator: i128) -> Option<f64> {
    (denominator != 0).then(|| numerator as f64 / denominator as f64)
}

/// The sum of amounts.
pub(super) fn sum(amounts: impl Iterator<Item = i64>) -> i128 {
    amounts.map(i128::from).sum()
}

/// A count as a whole number.
pub(super) fn wide(count: usize) -> i128 {
    i128::try_from(count).unwrap_or(i128::MAX)
}
