//! Rows of published tables, for those who compare snapshots with each other.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use appraise_schema::{ColumnSpec, TableContract};
use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::error::ExportError;
use crate::layout::MODEL_CARD;
use crate::manifest::Column;
use crate::snapshot::Snapshot;

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 1 << 15;

impl Snapshot {
    /// The contract of table `name`, as the manifest tells it.
    ///
    /// # Errors
    /// When the snapshot has no such table, or its columns are of types that are not published.
    pub fn contract(&self, name: &str) -> Result<TableContract, ExportError> {
        let refuse = |why: String| ExportError::Table { table: name.to_owned(), why };
        let table = self.manifest.table(name).ok_or_else(|| refuse("the snapshot has no such table".to_owned()))?;
        let spec = |column: &Column| {
            let column_type = column.column_type.parse().map_err(|error| refuse(format!("{error}")))?;
            let spec = ColumnSpec::nullable(&column.name, column_type, &column.unit, &column.meaning);
            Ok(ColumnSpec { nullable: column.nullable, ..spec })
        };
        let columns = table.columns.iter().map(spec).collect::<Result<_, ExportError>>()?;
        TableContract::new(name, &table.meaning, columns).map_err(|error| refuse(error.to_string()))
    }

    /// The columns of table `name` that `keep` names, in batches in the order of the rows; nothing else is decoded. They are of
    /// the types of the contract.
    ///
    /// # Errors
    /// When the snapshot has no such table; each batch, when its file can't be read.
    pub fn rows(&self, name: &str, keep: impl Fn(&str) -> bool) -> Result<TableRows, ExportError> {
        let mut contract = self.contract(name)?;
        contract.columns.retain(|column| keep(&column.name));
        let files = self.manifest.table(name).into_iter().flat_map(|table| &table.files);
        let files: Vec<PathBuf> = files.map(|file| self.path.join(&file.path)).collect();
        Ok(TableRows { files: files.into_iter(), open: None, schema: contract.arrow() })
    }

    /// The text of the model card; `None` where no model was on.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn model_card(&self) -> Result<Option<String>, ExportError> {
        let path = self.path.join(MODEL_CARD);
        let read = |_| fs::read_to_string(&path).map_err(|error| ExportError::damaged(&path, error.to_string()));
        self.manifest.model_card.as_ref().map(read).transpose()
    }
}

/// The rows of a published table, file after file.
#[derive(Debug)]
pub struct TableRows {
    files: std::vec::IntoIter<PathBuf>,
    open: Option<(PathBuf, ParquetRecordBatchReader)>,
    schema: SchemaRef,
}

impl TableRows {
    fn open(&self, path: &Path) -> Result<ParquetRecordBatchReader, ExportError> {
        let file = File::open(path).map_err(|error| ExportError::damaged(path, error.to_string()))?;
        let damaged = |error: parquet::errors::ParquetError| ExportError::damaged(path, error.to_string());
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
        let names = self.schema.fields().iter().map(|field| field.name().as_str());
        let mask = ProjectionMask::columns(builder.parquet_schema(), names);
        builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(damaged)
    }

    /// `batch` in the types of the contract: readers are told wider decimals than we hold.
    fn typed(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let column = |field: &Arc<arrow::datatypes::Field>| {
            let column = batch.column_by_name(field.name());
            let column = column.ok_or_else(|| ArrowError::SchemaError(format!("no column `{}`", field.name())))?;
            if column.data_type() == field.data_type() {
                Ok(Arc::clone(column))
            } else {
                cast(column, field.data_type())
            }
        };
        let columns = self.schema.fields().iter().map(column).collect::<Result<_, _>>()?;
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

impl Iterator for TableRows {
    type Item = Result<RecordBatch, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((path, reader)) = &mut self.open {
                if let Some(batch) = reader.next() {
                    let path = path.clone();
                    let typed = batch.and_then(|batch| self.typed(&batch));
                    return Some(typed.map_err(|error| ExportError::damaged(&path, error.to_string())));
                }
                self.open = None;
            }
            let path = self.files.next()?;
            match self.open(&path) {
                Ok(reader) => self.open = Some((path, reader)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
