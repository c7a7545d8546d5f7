//! How each column is encoded and compressed.
//!
//! Plain values and dictionaries only: every target warehouse reads them. Encoding is a large part of a
//! run's CPU, most of it spent by Zstandard on plain values and by hashing values into dictionaries that
//! overflow. Measured on one core, 2 million rows, Zstandard 3, CPU milliseconds and megabytes written:
//!
//! | column | dictionary to 1 MiB | to 16 KiB | none | delta, for comparison |
//! |---|---|---|---|---|
//! | date of the run | 23 / 0.0 | 22 / 0.0 | **8 / 0.0** | 21 / 0.0 |
//! | hashed integer key | 43 / 16.5 | 30 / 16.0 | **33 / 16.0** | 71 / 16.1 |
//! | order count | 70 / 1.5 | **64 / 1.5** | 69 / 1.9 | 37 / 1.8 |
//! | date in three years | 49 / 2.5 | **41 / 2.5** | 82 / 3.4 | 44 / 2.8 |
//! | revenue | 219 / 6.5 | **160 / 6.2** | 152 / 6.2 | 36 / 5.3 |
//! | revenue of a window, mostly 0 | 261 / 3.1 | **120 / 2.9** | 121 / 2.9 | 91 / 3.9 |
//! | money in round sums | 71 / 1.5 | **67 / 1.5** | 117 / 2.7 | 55 / 4.3 |
//! | mean as double | 150 / 8.0 | **122 / 7.5** | 118 / 7.5 | |
//! | one of 25 scores as double | 36 / 1.3 | **37 / 1.3** | 73 / 2.9 | |
//! | one of 6 segments | **99 / 0.7** | 100 / 0.7 | 130 / 2.5 | |
//!
//! So the date of the run and the key go plain, text may fill a dictionary of 1 MiB, and all else tries a
//! small one, which a column of many values overflows soon. `DELTA_BINARY_PACKED` would halve the cost of
//! money once more, but several loaders still refuse it. A table of 2 million rows and 25 such columns takes
//! 2.2 CPU seconds and 80 MB in all.

use appraise_schema::{ColumnSpec, ColumnType, TableContract};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::add_encoded_arrow_schema_to_metadata;
use parquet::basic::{self, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::canonical::KEY_COLUMN;

/// Compression of table files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Zstandard, level 3.
    #[default]
    Zstd,
    /// Snappy: larger files, for readers that lack Zstandard.
    Snappy,
}

/// The name in the footer. Readers of the Java library ignore statistics of text columns unless it has
/// this form.
const CREATED_BY: &str = concat!("appraise version ", env!("CARGO_PKG_VERSION"));

/// Largest dictionary of a column that is not text: about 2,000 amounts or 4,000 counts.
const SMALL_DICTIONARY_BYTES: usize = 16 << 10;

/// Share of absent keys that the bloom filter lets pass.
const BLOOM_FALSE_POSITIVES: f64 = 0.01;

/// Distinct keys that a bloom filter has room for while it is filled: those of the largest row group.
/// The Parquet library folds it to the size that the keys really in it need.
const BLOOM_KEYS: u64 = 1 << 20;

/// The properties of all files of the table of `contract`.
pub(crate) fn properties(contract: &TableContract, compression: Compression) -> Result<WriterProperties, ParquetError> {
    let codec = match compression {
        Compression::Zstd => basic::Compression::ZSTD(ZstdLevel::try_new(3)?),
        Compression::Snappy => basic::Compression::SNAPPY,
    };
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(codec)
        .set_statistics_enabled(EnabledStatistics::Page);
    for (position, column) in contract.columns.iter().enumerate() {
        let path = ColumnPath::from(column.name.as_str());
        builder = builder.set_column_dictionary_enabled(path.clone(), position > KEY_COLUMN);
        if column.column_type != ColumnType::String {
            builder = builder.set_column_dictionary_page_size_limit(path.clone(), SMALL_DICTIONARY_BYTES);
        }
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
