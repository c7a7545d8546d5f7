//! Reads published tables with the Parquet reader alone.

use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// All rows of the table in `folder`.
pub(crate) fn read(folder: &Path) -> RecordBatch {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut batches = Vec::new();
    for file in &files {
        assert!(file.extension().is_some_and(|extension| extension == "parquet"), "{}", file.display());
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().build().unwrap();
        batches.extend(reader.map(Result::unwrap));
    }
    let schema = ParquetRecordBatchReaderBuilder::try_new(File::open(&files[0]).unwrap()).unwrap().schema().clone();
    concat_batches(&schema, &batches).unwrap()
}

/// A column of whole numbers, dates or money as integers; NULL is `None`.
pub(crate) fn integers(table: &RecordBatch, column: &str) -> Vec<Option<i128>> {
    let array = table.column_by_name(column).unwrap_or_else(|| panic!("no column {column}"));
    match array.data_type() {
        DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
            let wide = cast(array, &DataType::Decimal128(38, *scale)).unwrap();
            wide.as_primitive::<Decimal128Type>().iter().collect()
        }
        DataType::Date32 => {
            let days = cast(&cast(array, &DataType::Int32).unwrap(), &DataType::Int64).unwrap();
            days.as_primitive::<Int64Type>().iter().map(|value| value.map(i128::from)).collect()
        }
        _ => {
            let wide = cast(array, &DataType::Int64).unwrap();
            wide.as_primitive::<Int64Type>().iter().map(|value| value.map(i128::from)).collect()
        }
    }
}

/// Sum of a column; NULL counts nothing.
pub(crate) fn sum(table: &RecordBatch, column: &str) -> i128 {
    integers(table, column).into_iter().flatten().sum()
}

/// Rows in which a column is `value`.
pub(crate) fn count(table: &RecordBatch, column: &str, value: i128) -> usize {
    integers(table, column).into_iter().filter(|cell| *cell == Some(value)).count()
}

/// A column of text; NULL is `None`.
pub(crate) fn texts(table: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let array = cast(table.column_by_name(column).unwrap(), &DataType::Utf8).unwrap();
    array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

/// A column of doubles; NULL is `None`.
pub(crate) fn doubles(table: &RecordBatch, column: &str) -> Vec<Option<f64>> {
    table
        .column_by_name(column)
        .unwrap_or_else(|| panic!("no column {column}"))
        .as_primitive::<Float64Type>()
        .iter()
        .collect()
}
