//! Columns of a table by name and type.

use appraise_mcdm::Transform;
use appraise_schema::money::MAX_CUSTOMER_MINOR;
use appraise_schema::{ColumnSpec, ColumnType, hash};
use arrow::array::{Array, ArrayRef, AsArray, Decimal64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Decimal64Type, Float64Type, Int32Type, Int64Type};

use crate::error::ModelError;

/// The column of customers' keys.
pub(crate) const CUSTOMER_ID: &str = "customer_id";
/// The column that tells who has orders.
pub(crate) const ORDERS: &str = "orders";

/// What columns of money are said to be.
pub(crate) const MONEY: &str = "DECIMAL(18, scale)";

/// Column `name` of `batch`.
///
/// # Errors
/// [`ModelError::Column`] when it is absent or of another type.
pub(crate) fn typed<'a>(batch: &'a RecordBatch, name: &str, data_type: &DataType) -> Result<&'a ArrayRef, ModelError> {
    let found = batch.column_by_name(name).filter(|column| column.data_type() == data_type);
    found.ok_or_else(|| absent(name, &data_type.to_string()))
}

/// The error of a column that is absent or of another type.
pub(crate) fn absent(column: &str, expected: &str) -> ModelError {
    ModelError::Column { column: column.to_owned(), expected: expected.to_owned() }
}

/// The column of money `name` of `batch`.
///
/// # Errors
/// [`ModelError::Column`] when it is absent or no money of customers.
pub(crate) fn money<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Decimal64Array, ModelError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Decimal64Type>());
    column.ok_or_else(|| absent(name, MONEY))
}

/// The text columns `names` of `batch`.
///
/// # Errors
/// [`ModelError::Column`] for the first that is absent or no text.
pub(crate) fn texts<'a>(names: &[String], batch: &'a RecordBatch) -> Result<Vec<&'a StringArray>, ModelError> {
    let text = |name: &String| {
        let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        column.ok_or_else(|| absent(name, "STRING"))
    };
    names.iter().map(text).collect()
}

/// The values of a row in text columns.
pub(crate) fn values_of<'a>(columns: &'a [&StringArray], row: usize) -> impl Iterator<Item = Option<&'a str>> {
    columns.iter().map(move |column| column.is_valid(row).then(|| column.value(row)))
}

/// Minor units in a whole unit of money with `scale` decimal places.
pub(crate) fn minor_per_unit(scale: u8) -> f64 {
    libm::pow(10.0, f64::from(scale))
}

/// `minor` in whole minor units, rounded half to even; `None` when it does not fit the money of a customer.
#[expect(clippy::cast_possible_truncation, reason = "what fits 18 digits fits 64 bits")]
pub(crate) fn whole_minor(minor: f64) -> Option<i64> {
    let rounded = libm::rint(minor);
    // As a double the bound is one above itself.
    let fits = rounded.abs() <= MAX_CUSTOMER_MINOR as f64;
    fits.then(|| (rounded as i64).clamp(-MAX_CUSTOMER_MINOR, MAX_CUSTOMER_MINOR))
}

/// The hash of the key of the customer in `row`.
pub(crate) fn key_hash(batch: &RecordBatch, row: usize) -> u64 {
    let keys = batch.column_by_name(CUSTOMER_ID);
    let integer = keys.and_then(|keys| keys.as_primitive_opt::<Int64Type>()).map(|keys| keys.value(row));
    let text = keys.and_then(|keys| keys.as_string_opt::<i32>()).map(|keys| keys.value(row));
    integer.map(hash::of_integer).or_else(|| text.map(|text| hash::of_text(text.as_bytes()))).unwrap_or_default()
}

/// The rows of `batch` who have orders.
///
/// # Errors
/// [`ModelError::Column`] when there is no such column.
pub(crate) fn buyers(batch: &RecordBatch) -> Result<Vec<usize>, ModelError> {
    let orders = typed(batch, ORDERS, &DataType::Int64)?.as_primitive::<Int64Type>();
    Ok((0..batch.num_rows()).filter(|&row| orders.is_valid(row) && orders.value(row) > 0).collect())
}

/// A column that counts as numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum NumberKind {
    /// Money, with minor units in a whole one.
    Money(f64),
    /// Numbers and truth values, which are 0 and 1.
    Plain,
}

impl NumberKind {
    /// The kind of column `name` among `columns`.
    ///
    /// # Errors
    /// [`ModelError::Column`] when it is absent or no number.
    pub(crate) fn of(name: &str, columns: &[ColumnSpec]) -> Result<Self, ModelError> {
        match columns.iter().find(|column| column.name == name).map(|column| column.column_type) {
            Some(ColumnType::Decimal { precision: ..=18, scale }) => Ok(Self::Money(minor_per_unit(scale))),
            Some(ColumnType::Int32 | ColumnType::Int64 | ColumnType::Float64 | ColumnType::Boolean) => Ok(Self::Plain),
            _ => Err(absent(name, "INT32, INT64, DOUBLE, DECIMAL(18, scale) or BOOLEAN")),
        }
    }

    /// What is done to values unless something else is asked for.
    pub(crate) fn default_transform(self) -> Transform {
        match self {
            Self::Money(_) => Transform::Log1p,
            Self::Plain => Transform::Identity,
        }
    }
}

/// The values of column `name` in `rows`, money in whole units; NaN for NULL.
///
/// # Errors
/// [`ModelError::Column`] when it is absent or no number.
pub(crate) fn numbers(
    name: &str,
    kind: NumberKind,
    batch: &RecordBatch,
    rows: &[usize],
) -> Result<Vec<f64>, ModelError> {
    let column = batch.column_by_name(name).ok_or_else(|| absent(name, "a number"))?;
    let of = |value: &dyn Fn(usize) -> f64| {
        rows.iter().map(|&row| if column.is_valid(row) { value(row) } else { f64::NAN }).collect::<Vec<_>>()
    };
    Ok(match (column.data_type(), kind) {
        (DataType::Int32, _) => {
            let column = column.as_primitive::<Int32Type>();
            of(&|row| f64::from(column.value(row)))
        }
        (DataType::Int64, _) => {
            let column = column.as_primitive::<Int64Type>();
            of(&|row| column.value(row) as f64)
        }
        (DataType::Float64, _) => {
            let column = column.as_primitive::<Float64Type>();
            of(&|row| column.value(row))
        }
        (DataType::Decimal64(..), NumberKind::Money(minor_per_unit)) => {
            let column = column.as_primitive::<Decimal64Type>();
            of(&|row| column.value(row) as f64 / minor_per_unit)
        }
        (DataType::Boolean, _) => {
            let column = column.as_boolean();
            of(&|row| f64::from(u8::from(column.value(row))))
        }
        _ => return Err(absent(name, "a number")),
    })
}
