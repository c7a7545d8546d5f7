//! Checks of batches: one slice for each indicator, all of a length.

use crate::Error;

/// The number of rows of a batch.
pub(crate) fn rows(columns: &[&[f64]], indicators: usize) -> Result<usize, Error> {
    if columns.len() != indicators {
        return Err(Error::Indicators { what: "columns", expected: indicators, found: columns.len() });
    }
    let expected = columns.first().map_or(0, |column| column.len());
    match columns.iter().position(|column| column.len() != expected) {
        Some(indicator) => Err(Error::Rows { indicator, expected, found: columns[indicator].len() }),
        None => Ok(expected),
    }
}

/// Refuses a batch with a value that is not `valid`.
pub(crate) fn check(
    columns: &[&[f64]],
    what: &'static str,
    needed: &'static str,
    valid: impl Fn(f64) -> bool,
) -> Result<(), Error> {
    for (indicator, column) in columns.iter().enumerate() {
        if let Some(&value) = column.iter().find(|&&value| !valid(value)) {
            return Err(Error::Value { what, needed, indicator, value });
        }
    }
    Ok(())
}

/// Refuses columns that are not oriented and between 0 and 1.
pub(crate) fn check_normalised(columns: &[&[f64]], what: &'static str) -> Result<(), Error> {
    check(columns, what, "values from 0 to 1", |value| (0.0..=1.0).contains(&value))
}

/// The value from 0 to 1; 0 for NaN.
#[expect(clippy::manual_clamp, reason = "clamp would keep NaN")]
pub(crate) fn clip(value: f64) -> f64 {
    value.max(0.0).min(1.0)
}

/// Counts the rows of one or two passes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Passes {
    first: Option<u64>,
    rows: u64,
}

impl Passes {
    pub(crate) fn add(&mut self, rows: usize) {
        self.rows += rows as u64;
    }

    /// Whether the first pass has ended.
    pub(crate) fn is_second(self) -> bool {
        self.first.is_some()
    }

    /// Rows of the pass that is under way.
    pub(crate) fn rows(self) -> u64 {
        self.rows
    }

    /// Ends the first pass.
    pub(crate) fn begin_second(&mut self) {
        self.first = Some(self.rows);
        self.rows = 0;
    }

    /// Refuses a second pass that had other rows than the first, and too few rows.
    pub(crate) fn check(self, what: &'static str, needed: u64) -> Result<(), Error> {
        if self.rows < needed {
            return Err(Error::TooFewRows { what, needed, rows: self.rows });
        }
        match self.first {
            Some(first) if first != self.rows => Err(Error::Passes { first, second: self.rows }),
            _ => Ok(()),
        }
    }
}
