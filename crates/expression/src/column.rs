//! A computed column: its values and the rows that failed.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{ArrowPrimitiveType, Decimal128Type};

use crate::sql_type::MAX_PRECISION;

/// What became of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    Value(T),
    Null,
    Fault,
}

impl<T> Outcome<T> {
    /// A value, or a fault where there is none.
    pub(crate) fn or_fault(value: Option<T>) -> Self {
        value.map_or(Self::Fault, Self::Value)
    }
}

/// Values and the rows that failed, which are NULL in `values`.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) values: ArrayRef,
    pub(crate) faults: Option<BooleanBuffer>,
}

impl Column {
    /// Values of which none failed.
    pub(crate) fn sound(values: ArrayRef) -> Self {
        Self { values, faults: None }
    }

    /// The same values, failed also where `faults` says so.
    pub(crate) fn with_faults(self, faults: Option<&BooleanBuffer>) -> Self {
        Self { faults: either(self.faults, faults), ..self }
    }
}

/// Rows that failed in one of two.
pub(crate) fn either(left: Option<BooleanBuffer>, right: Option<&BooleanBuffer>) -> Option<BooleanBuffer> {
    match (left, right) {
        (Some(left), Some(right)) => Some(&left | right),
        (left, right) => left.or_else(|| right.cloned()),
    }
}

/// A mask of `rows` rows that is set at these.
fn marked(rows: usize, at: &[usize]) -> BooleanBuffer {
    let mut bits = BooleanBufferBuilder::new(rows);
    bits.append_n(rows, false);
    for row in at {
        bits.set_bit(*row, true);
    }
    bits.finish()
}

/// One value for each row from `outcome`.
pub(crate) fn collect<T, A>(rows: usize, mut outcome: impl FnMut(usize) -> Outcome<T>) -> (A, Option<BooleanBuffer>)
where
    A: FromIterator<Option<T>>,
{
    let mut failed = Vec::new();
    let values = (0..rows).map(|row| match outcome(row) {
        Outcome::Value(value) => Some(value),
        Outcome::Null => None,
        Outcome::Fault => {
            failed.push(row);
            None
        }
    });
    let values = values.collect();
    (values, (!failed.is_empty()).then(|| marked(rows, &failed)))
}

/// Numbers from `outcome`.
pub(crate) fn collect_numbers<T: ArrowPrimitiveType>(
    rows: usize,
    mut outcome: impl FnMut(usize) -> Outcome<T::Native>,
) -> (PrimitiveArray<T>, Option<BooleanBuffer>) {
    let mut missing = Vec::new();
    let mut failed = Vec::new();
    let values: Vec<T::Native> = (0..rows)
        .map(|row| {
            let outcome = outcome(row);
            if let Outcome::Value(value) = outcome {
                return value;
            }
            if matches!(outcome, Outcome::Fault) {
                failed.push(row);
            }
            missing.push(row);
            T::Native::default()
        })
        .collect();
    let nulls = (!missing.is_empty()).then(|| NullBuffer::new(!&marked(rows, &missing)));
    (PrimitiveArray::new(values.into(), nulls), (!failed.is_empty()).then(|| marked(rows, &failed)))
}

/// Exact numbers of a scale from `outcome`.
pub(crate) fn collect_exact(
    rows: usize,
    scale: u8,
    outcome: impl FnMut(usize) -> Outcome<i128>,
) -> Result<Column, String> {
    let (values, faults) = collect_numbers::<Decimal128Type>(rows, outcome);
    let values = values.with_precision_and_scale(MAX_PRECISION, scale.cast_signed()).map_err(|e| e.to_string())?;
    Ok(Column { values: Arc::new(values), faults })
}

/// A mask from `outcome`.
pub(crate) fn collect_boolean(rows: usize, outcome: impl FnMut(usize) -> Outcome<bool>) -> Column {
    let (values, faults) = collect::<bool, BooleanArray>(rows, outcome);
    Column { values: Arc::new(values), faults }
}
