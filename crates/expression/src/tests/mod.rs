//! Tests of whole expressions, with batches to evaluate on and a reader of results.

mod evaluation;
mod properties;
mod refusals;

use std::sync::Arc;

use crate::{Evaluated, Parsed, SqlType};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, TimestampMicrosecondType};

/// A batch of named columns.
pub(crate) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

/// The columns most tests read: two rows, the second all NULL.
pub(crate) fn sample() -> RecordBatch {
    let decimal = |unscaled, precision, scale| {
        let values = Decimal128Array::from(vec![Some(unscaled), None]);
        Arc::new(values.with_precision_and_scale(precision, scale).unwrap()) as ArrayRef
    };
    batch(vec![
        ("a", Arc::new(Int32Array::from(vec![Some(2_000_000), None]))),
        ("b", Arc::new(Int32Array::from(vec![Some(3_000_000), None]))),
        ("big", Arc::new(Int64Array::from(vec![Some(i64::MAX), None]))),
        ("price", decimal(255, 18, 2)),
        ("rate", decimal(15, 5, 2)),
        ("x", Arc::new(Float64Array::from(vec![Some(2.5), None]))),
        ("t", Arc::new(StringArray::from(vec![Some("Hällo 100%"), None]))),
        ("yes", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("day", Arc::new(Date32Array::from(vec![Some(-1), None]))),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), None]))),
        ("Unit Price", Arc::new(Int64Array::from(vec![Some(7), None]))),
    ])
}

/// Names and types of the columns of `batch`.
pub(crate) fn types(batch: &RecordBatch) -> Vec<(String, SqlType)> {
    let fields = batch.schema();
    fields.fields().iter().map(|f| (f.name().clone(), SqlType::of(f.data_type()).unwrap())).collect()
}

/// The evaluation of `text` on `batch`.
pub(crate) fn evaluate(text: &str, batch: &RecordBatch) -> Evaluated {
    let bound = Parsed::parse(text).and_then(|parsed| parsed.bind(&types(batch)));
    let bound = bound.unwrap_or_else(|error| panic!("{text}: {error}"));
    let evaluated = bound.evaluate(batch).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(evaluated.values.len(), batch.num_rows(), "{text}");
    evaluated
}

/// The first row of the result of `text` on the sample, as text: `NULL`, `fault`, or the value.
pub(crate) fn first(text: &str) -> String {
    row(&evaluate(text, &sample()), 0)
}

/// One value as text.
pub(crate) fn row(evaluated: &Evaluated, row: usize) -> String {
    let values = &evaluated.values;
    if evaluated.faults.as_ref().is_some_and(|faults| faults.value(row)) {
        return "fault".to_owned();
    }
    if values.is_null(row) {
        return "NULL".to_owned();
    }
    match values.data_type() {
        DataType::Boolean => values.as_boolean().value(row).to_string(),
        DataType::Decimal128(38, _) => values.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Float64 => format!("{:?}", values.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => values.as_string::<i32>().value(row).to_owned(),
        DataType::Date32 => values.as_primitive::<Date32Type>().value_as_date(row).unwrap().to_string(),
        DataType::Timestamp(..) => {
            values.as_primitive::<TimestampMicrosecondType>().value_as_datetime(row).unwrap().to_string()
        }
        other => panic!("{other}"),
    }
}

/// Checks the first row of each expression on the sample.
pub(crate) fn check(cases: &[(&str, &str)]) {
    for (text, want) in cases {
        assert_eq!(first(text), *want, "{text}");
    }
}
