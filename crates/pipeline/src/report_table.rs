//! A table of figures while its columns are named.

use std::sync::Arc;

use appraise_schema::{AsOf, ColumnSpec, ColumnType, TableContract};
use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};

use crate::error::RunError;
use crate::feature_plan::FeaturePlanError;

/// Name, type, unit and meaning of a column.
type Named<'n> = (&'n str, ColumnType, &'n str, &'n str);

/// The columns so far, with their values.
#[derive(Debug, Default)]
pub(crate) struct ReportColumns {
    specs: Vec<ColumnSpec>,
    arrays: Vec<ArrayRef>,
}

impl ReportColumns {
    /// A column.
    pub(crate) fn push(&mut self, spec: ColumnSpec, array: ArrayRef) {
        self.specs.push(spec);
        self.arrays.push(array);
    }

    /// A column without NULL.
    pub(crate) fn add(&mut self, (name, column_type, unit, meaning): Named<'_>, array: ArrayRef) {
        self.push(ColumnSpec::required(name, column_type, unit, meaning), array);
    }

    /// A column that may be NULL.
    pub(crate) fn add_nullable(&mut self, (name, column_type, unit, meaning): Named<'_>, array: ArrayRef) {
        self.push(ColumnSpec::nullable(name, column_type, unit, meaning), array);
    }

    /// A column of dates, as reports write them.
    pub(crate) fn dates<'t>(&mut self, name: &str, meaning: &str, dates: impl Iterator<Item = &'t str>) {
        let days = dates.map(|date| date.parse::<AsOf>().ok().map(AsOf::day));
        self.add((name, ColumnType::Date, "", meaning), Arc::new(days.collect::<Date32Array>()));
    }

    /// A column of counts.
    pub(crate) fn counts(&mut self, name: &str, unit: &str, meaning: &str, values: impl Iterator<Item = u64>) {
        let values = values.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
        self.add((name, ColumnType::Int64, unit, meaning), Arc::new(Int64Array::from_iter_values(values)));
    }

    /// A column of texts.
    pub(crate) fn texts<'t>(&mut self, name: &str, meaning: &str, values: impl Iterator<Item = &'t str>) {
        self.add((name, ColumnType::String, "", meaning), Arc::new(StringArray::from_iter_values(values)));
    }

    /// A column of texts that may be NULL.
    pub(crate) fn nullable_texts<'t>(
        &mut self,
        name: &str,
        meaning: &str,
        values: impl Iterator<Item = Option<&'t str>>,
    ) {
        self.add_nullable((name, ColumnType::String, "", meaning), Arc::new(values.collect::<StringArray>()));
    }

    /// A column of finite doubles, NULL where there is none.
    pub(crate) fn doubles(&mut self, name: &str, unit: &str, meaning: &str, values: impl Iterator<Item = Option<f64>>) {
        let values = values.map(|value| value.filter(|value| value.is_finite()));
        self.add_nullable((name, ColumnType::Float64, unit, meaning), Arc::new(values.collect::<Float64Array>()));
    }

    /// The table of these columns.
    ///
    /// # Errors
    /// When a name is not portable or stands twice, or columns are of different lengths.
    pub(crate) fn table(self, name: &str, meaning: &str) -> Result<(TableContract, RecordBatch), RunError> {
        let contract = TableContract::new(name, meaning, self.specs).map_err(FeaturePlanError::from)?;
        let rows = RecordBatch::try_new(contract.arrow(), self.arrays)?;
        Ok((contract, rows))
    }
}
