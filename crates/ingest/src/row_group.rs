//! Decodes one row group into batches of bounded size.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{Array, DictionaryArray, Int32Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::{Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use crate::discover::InputFile;
use crate::error::IngestError;
use crate::mapping::FileMapping;
use crate::pages::check_pages;

/// Decoded bytes of a batch to aim for, by the footer's word.
const BATCH_BYTES: u64 = 16 << 20;
/// Rows decoded at once even when they are wide.
const LEAST_ROWS: usize = 128;

/// One row group of one file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) file: usize,
    pub(crate) row_group: usize,
    /// Row of the file that the row group starts with.
    pub(crate) first_row: u64,
}

/// All row groups of `inputs`, in order.
pub(crate) fn units(inputs: &[InputFile]) -> Vec<Unit> {
    let mut units = Vec::new();
    for (file, input) in inputs.iter().enumerate() {
        let mut first_row = 0;
        for (row_group, group) in input.metadata.row_groups().iter().enumerate() {
            units.push(Unit { file, row_group, first_row });
            first_row += u64::try_from(group.num_rows()).unwrap_or_default();
        }
    }
    units
}

/// A failure to decode a row group of `input`.
pub(crate) fn failed(input: &InputFile, mapping: &FileMapping, row_group: usize, reason: &str) -> IngestError {
    IngestError::Decode {
        path: input.path.clone(),
        row_group,
        columns: mapping.decoded().join(", "),
        reason: reason.to_owned(),
    }
}

/// Decodes the wanted columns of `unit` in batches of at most `wish` rows and hands each to `visit`, with the row of the
/// file that it starts with and the compressed bytes that it stands for.
pub(crate) fn decode(
    input: &InputFile,
    mapping: &FileMapping,
    unit: Unit,
    wish: usize,
    mut visit: impl FnMut(&RecordBatch, u64, u64) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let failed = |reason: &str| failed(input, mapping, unit.row_group, reason);
    let group = input.metadata.row_group(unit.row_group);
    let expected = u64::try_from(group.num_rows()).unwrap_or_default();
    let file = File::open(&input.path).map_err(|source| IngestError::Io { path: input.path.clone(), source })?;
    let options = ArrowReaderOptions::new().with_schema(Arc::clone(&mapping.schema));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(&input.metadata), options)
        .map_err(|error| failed(&error.to_string()))?;
    let mask = ProjectionMask::roots(metadata.parquet_schema(), mapping.roots.iter().copied());
    let sizes = check_pages(&file, input.bytes, group, &mask).map_err(|reason| failed(&reason))?;
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .with_row_groups(vec![unit.row_group])
        .with_projection(mask)
        .with_batch_size(batch_rows(wish, sizes.decoded, expected))
        .build()
        .map_err(|error| failed(&error.to_string()))?;
    let mut row = 0;
    for batch in reader {
        let batch =
            batch.and_then(|batch| with_partitions(batch, mapping)).map_err(|error| failed(&error.to_string()))?;
        let rows = batch.num_rows() as u64;
        visit(&batch, unit.first_row + row, sizes.stored * rows / expected.max(1))?;
        row += rows;
    }
    if row == expected {
        return Ok(());
    }
    Err(failed(&format!("it holds {row} rows, its footer says {expected}")))
}

/// Rows at once, so that a batch stays near [`BATCH_BYTES`].
fn batch_rows(wish: usize, decoded: u64, rows: u64) -> usize {
    let per_row = (decoded / rows.max(1)).max(1);
    let fitting = usize::try_from(BATCH_BYTES / per_row).unwrap_or(usize::MAX);
    wish.clamp(1, u32::MAX as usize).min(fitting.max(LEAST_ROWS))
}

/// Adds the columns that the file's folders give, as dictionaries of one value.
fn with_partitions(batch: RecordBatch, mapping: &FileMapping) -> Result<RecordBatch, arrow::error::ArrowError> {
    if mapping.partitions.is_empty() {
        return Ok(batch);
    }
    let rows = batch.num_rows();
    let mut columns = batch.columns().to_vec();
    for (_, value) in &mapping.partitions {
        let keys = Int32Array::from(vec![value.as_ref().map(|_| 0); rows]);
        let values = StringArray::from_iter_values(value.iter());
        columns.push(Arc::new(DictionaryArray::try_new(keys, Arc::new(values))?));
    }
    let mut fields: Vec<Field> = batch.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    for ((name, _), column) in mapping.partitions.iter().zip(&columns[batch.num_columns()..]) {
        fields.push(Field::new(name, column.data_type().clone(), true));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}
