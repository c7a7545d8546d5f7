//! Columns of a table by name and type.

use appraise_schema::hash;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int64Type};

use crate::error::ModelError;

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

/// The hash of the customer's key in `row`.
pub(crate) fn key_hash(batch: &RecordBatch, row: usize) -> u64 {
    let keys = batch.column_by_name("customer_id");
    let integer = keys.and_then(|keys| keys.as_primitive_opt::<Int64Type>()).map(|keys| keys.value(row));
    let text = keys.and_then(|keys| keys.as_string_opt::<i32>()).map(|keys| keys.value(row));
    integer.map(hash::of_integer).or_else(|| text.map(|text| hash::of_text(text.as_bytes()))).unwrap_or_default()
}

/// Minor units in a whole unit of money with `scale` decimal places.
pub(crate) fn minor_per_unit(scale: u8) -> f64 {
    libm::pow(10.0, f64::from(scale))
}
