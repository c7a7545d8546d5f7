//! How each column is encoded and compressed.
//!
//! Plain values and dictionaries only: every target warehouse reads them. `DELTA_BINARY_PACKED` would halve
//! the cost of counts and money once more, and `BYTE_STREAM_SPLIT` that of doubles, but Spark 3.5
//! cannot read the second, and the documents of BigQuery and Redshift name neither.
//!
//! Encoding is a large part of a run's CPU, most of it spent by Zstandard on plain values and by hashing
//! values into dictionaries. Measured on one core, 2 million rows, CPU milliseconds and megabytes written:
//!
//! | column | Zstandard 3, dictionary to 16 KiB | Zstandard 1, the same | to 1 MiB | none |
//! |---|---|---|---|---|
//! | hashed integer key | 39 / 15.9 | 29 / 15.9 | 40 / 16.4 | **31 / 15.9** |
//! | order count | 44 / 1.2 | 37 / 1.2 | **32 / 1.2** | 64 / 1.6 |
//! | date in three years | 44 / 2.6 | 41 / 2.6 | **42 / 2.6** | 59 / 3.2 |
//! | date in fourteen years | 72 / 4.1 | 47 / 4.3 | **35 / 3.3** | 51 / 4.3 |
//! | largest purchase | 109 / 4.8 | 70 / 4.0 | 72 / 4.2 | **67 / 4.0** |
//! | money, half of it 0 | 82 / 3.2 | 66 / 2.9 | 156 / 3.0 | **68 / 2.9** |
//! | mean of days as double | 126 / 5.8 | 100 / 6.1 | **51 / 3.7** | 107 / 6.1 |
//! | mean of money as double | 154 / 8.4 | 117 / 9.2 | 141 / 9.6 | **99 / 9.1** |
//! | quotient of small counts | 38 / 1.2 | 41 / 1.2 | **38 / 1.2** | 73 / 2.9 |
//! | one of 6 segments | 67 / 0.7 | 72 / 0.7 | **73 / 0.7** | 149 / 0.8 |
//! | one of 200,000 texts | 326 / 6.7 | 208 / 6.8 | 203 / 7.0 | **210 / 6.8** |
//!
//! So Zstandard runs at level 1, and a column gets a dictionary of up to 1 MiB where values repeat: where at
//! most one in eight values of the file's first slice is distinct. The slice is cut by the number of rows
//! alone, and the rows stand in the order of a hash, so that it is a fair sample and the same for any run.
//! The date of the run and the key go plain.

use std::collections::HashSet;
use std::hash::Hash;

use appraise_schema::{ColumnSpec, ColumnType, TableContract};
use arrow::array::{Array, ArrowPrimitiveType, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal64Type, Decimal128Type, Field, Float64Type, Int32Type, Int64Type, Schema,
};
use parquet::arrow::add_encoded_arrow_schema_to_metadata;
use parquet::basic::{self, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::canonical::KEY_COLUMN;

/// Compression of table files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Zstandard, level 1.
    #[default]
    Zstd,
    /// Snappy: larger files, for readers that lack Zstandard.
    Snappy,
}

/// The name in the footer. Readers of the Java library ignore statistics of text columns unless it has
/// this form.
const CREATED_BY: &str = concat!("appraise version ", env!("CARGO_PKG_VERSION"));

/// Largest dictionary of a row group: about 130,000 amounts.
const DICTIONARY_BYTES: usize = 1 << 20;

/// A dictionary pays where a distinct value comes with at least so many values.
const VALUES_PER_DISTINCT: usize = 8;

/// Share of absent keys that the bloom filter lets pass.
const BLOOM_FALSE_POSITIVES: f64 = 0.01;

/// Distinct keys that a bloom filter has room for while it is filled: those of the largest row group.
/// The Parquet library folds it to the size that the keys really in it need.
const BLOOM_KEYS: u64 = 1 << 20;

/// The properties of a file of the table of `contract` that begins with the rows of `slice`.
pub(crate) fn properties(
    contract: &TableContract,
    compression: Compression,
    slice: &[RecordBatch],
) -> Result<WriterProperties, ParquetError> {
    let codec = match compression {
        Compression::Zstd => basic::Compression::ZSTD(ZstdLevel::try_new(1)?),
        Compression::Snappy => basic::Compression::SNAPPY,
    };
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(codec)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::Page);
    for (position, column) in contract.columns.iter().enumerate() {
        let path = ColumnPath::from(column.name.as_str());
        let dictionary = position > KEY_COLUMN && repeats(slice, position);
        builder = builder.set_column_dictionary_enabled(path.clone(), dictionary);
        if position == KEY_COLUMN && is_key(column) {
            builder = builder
                .set_column_bloom_filter_fpp(path.clone(), BLOOM_FALSE_POSITIVES)
                .set_column_bloom_filter_max_ndv(path, BLOOM_KEYS);
        }
    }
    let mut properties = builder.build();
    add_encoded_arrow_schema_to_metadata(&readers_schema(contract), &mut properties);
    Ok(properties)
}

/// Whether values of the column come often enough in the rows of `slice` for a dictionary. NULL is no value.
fn repeats(slice: &[RecordBatch], position: usize) -> bool {
    let columns: Vec<&dyn Array> = slice.iter().map(|batch| batch.column(position).as_ref()).collect();
    let values: usize = columns.iter().map(|column| column.len() - column.null_count()).sum();
    let most = values / VALUES_PER_DISTINCT;
    let Some(first) = columns.first() else { return false };
    match first.data_type() {
        DataType::Int32 => at_most(most, primitives::<Int32Type>(&columns)),
        DataType::Date32 => at_most(most, primitives::<Date32Type>(&columns)),
        DataType::Int64 => at_most(most, primitives::<Int64Type>(&columns)),
        DataType::Decimal64(..) => at_most(most, primitives::<Decimal64Type>(&columns)),
        DataType::Decimal128(..) => at_most(most, primitives::<Decimal128Type>(&columns)),
        DataType::Float64 => at_most(most, primitives::<Float64Type>(&columns).map(f64::to_bits)),
        DataType::Utf8 => at_most(most, columns.iter().flat_map(|column| column.as_string::<i32>().iter().flatten())),
        _ => false,
    }
}

/// The values of a column in pieces, without NULL.
fn primitives<'a, T: ArrowPrimitiveType>(columns: &'a [&dyn Array]) -> impl Iterator<Item = T::Native> + 'a {
    columns.iter().flat_map(|column| column.as_primitive::<T>().iter().flatten())
}

/// Whether `values` holds no more than `most` distinct values; stops as soon as it has met more.
fn at_most<T: Eq + Hash>(most: usize, mut values: impl Iterator<Item = T>) -> bool {
    let mut distinct = HashSet::with_capacity(most + 1);
    values.all(|value| !distinct.insert(value) || distinct.len() <= most)
}

fn is_key(column: &ColumnSpec) -> bool {
    matches!(column.column_type, ColumnType::Int64 | ColumnType::String)
}

/// The schema that readers on arrow are told. Decimals of 64 bits are told as 128 bits wide: many readers
/// know no narrower ones and would refuse the file. In the file they are INT64 either way.
pub(crate) fn readers_schema(contract: &TableContract) -> Schema {
    let schema = contract.arrow();
    let widened = |field: &std::sync::Arc<Field>| match *field.data_type() {
        DataType::Decimal64(precision, scale) => {
            field.as_ref().clone().with_data_type(DataType::Decimal128(precision, scale))
        }
        _ => field.as_ref().clone(),
    };
    Schema::new(schema.fields().iter().map(widened).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_distinct_value_in_eight_is_few_enough() {
        assert!(at_most(2, [1, 2, 1, 2].into_iter()));
        assert!(!at_most(1, [1, 1, 2].into_iter()));
        assert!(at_most(0, std::iter::empty::<i64>()));
    }
}
