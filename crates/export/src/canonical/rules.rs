//! Checks and encodes the rows of one slice, all columns in parallel.

use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{Float64Type, Schema};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, compute_leaves};
use parquet::errors::ParquetError;
use rayon::prelude::*;

use crate::error::ExportError;

/// What the values of a slice have to keep.
pub(super) struct Rules<'a> {
    pub(super) table: &'a str,
    pub(super) schema: &'a Schema,
    /// Number of the slice's first row in the table.
    pub(super) first_row: u64,
}

impl Rules<'_> {
    /// Checks and encodes the rows of `pieces`, all columns in parallel.
    pub(super) fn encode(
        &self,
        group: &mut [ArrowColumnWriter],
        path: &Path,
        pieces: &[RecordBatch],
    ) -> Result<(), ExportError> {
        let column = |(position, encoder): (usize, &mut ArrowColumnWriter)| {
            let array = joined(pieces, position).map_err(|error| ExportError::parquet(path, error))?;
            self.check(position, &array)?;
            compute_leaves(self.schema.field(position), &array)
                .and_then(|leaves| leaves.iter().try_for_each(|leaf| encoder.write(leaf)))
                .map_err(|error| ExportError::parquet(path, error))
        };
        let results: Vec<Result<(), ExportError>> = group.par_iter_mut().enumerate().map(column).collect();
        // The first column's error, whichever thread met one first.
        results.into_iter().collect()
    }

    /// NULL only where the contract allows it, and doubles are finite.
    fn check(&self, position: usize, array: &ArrayRef) -> Result<(), ExportError> {
        let field = self.schema.field(position);
        let error = |row: usize, found: String, expected| ExportError::Value {
            table: self.table.to_owned(),
            column: field.name().clone(),
            row: self.first_row + row as u64,
            found,
            expected,
        };
        if !field.is_nullable() && array.null_count() > 0 {
            let row = (0..array.len()).find(|&row| array.is_null(row)).unwrap_or_default();
            return Err(error(row, "NULL".to_owned(), "a value"));
        }
        let Some(doubles) = array.as_primitive_opt::<Float64Type>() else { return Ok(()) };
        if doubles.values().iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        let odd = |(_, value): &(usize, Option<f64>)| value.is_some_and(|value| !value.is_finite());
        match doubles.iter().enumerate().find(odd) {
            Some((row, value)) => Err(error(row, value.unwrap_or_default().to_string(), "a finite number or NULL")),
            None => Ok(()),
        }
    }
}

fn joined(pieces: &[RecordBatch], position: usize) -> Result<ArrayRef, ParquetError> {
    let arrays: Vec<&dyn Array> = pieces.iter().map(|batch| batch.column(position).as_ref()).collect();
    Ok(concat(&arrays)?)
}
