//! A table that is made column by column.

use std::sync::Arc;

use appraise_schema::{ColumnSpec, ColumnType, TableContract};
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};

use crate::error::RunError;
use crate::feature_plan::FeaturePlanError;

/// A table while its columns are named.
#[derive(Default)]
pub(crate) struct TableColumns {
    specs: Vec<ColumnSpec>,
    arrays: Vec<ArrayRef>,
}

impl TableColumns {
    /// A column.
    pub(crate) fn push(&mut self, spec: ColumnSpec, array: ArrayRef) {
        self.specs.push(spec);
        self.arrays.push(array);
    }

    /// A column without NULL: name, type, unit, meaning.
    pub(crate) fn add(&mut self, (name, column_type, unit, meaning): (&str, ColumnType, &str, &str), array: ArrayRef) {
        self.push(ColumnSpec::required(name, column_type, unit, meaning), array);
    }

    /// A column of counts without NULL.
    pub(crate) fn counts(&mut self, name: &str, unit: &str, meaning: &str, values: impl Iterator<Item = u64>) {
        let values = values.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
        self.add((name, ColumnType::Int64, unit, meaning), Arc::new(Int64Array::from_iter_values(values)));
    }

    /// A column of text without NULL.
    pub(crate) fn texts<'t>(&mut self, name: &str, meaning: &str, values: impl Iterator<Item = &'t str>) {
        self.add((name, ColumnType::String, "", meaning), Arc::new(StringArray::from_iter_values(values)));
    }

    /// A column of finite doubles, NULL where there is none.
    pub(crate) fn doubles(&mut self, name: &str, unit: &str, meaning: &str, values: impl Iterator<Item = Option<f64>>) {
        let values = values.map(|value| value.filter(|value| value.is_finite()));
        self.push(
            ColumnSpec::nullable(name, ColumnType::Float64, unit, meaning),
            Arc::new(values.collect::<Float64Array>()),
        );
    }

    /// The table with its contract.
    ///
    /// # Errors
    /// When columns do not fit together.
    pub(crate) fn table(self, name: &str, meaning: &str) -> Result<(TableContract, RecordBatch), RunError> {
        let contract = TableContract::new(name, meaning, self.specs).map_err(FeaturePlanError::from)?;
        let rows = RecordBatch::try_new(contract.arrow(), self.arrays)?;
        Ok((contract, rows))
    }
}
