//! The customers of a batch as rows of indicators.

use arrow::array::RecordBatch;

use super::card::IndicatorCard;
use super::{Index, IndicatorPlan};
use crate::columns::numbers;
use crate::error::ModelError;

/// The values of an indicator in `rows`, in the column's units and cut at the cap; NaN for NULL.
pub(super) fn values(plan: &IndicatorPlan, batch: &RecordBatch, rows: &[usize]) -> Result<Vec<f64>, ModelError> {
    let mut values = numbers(&plan.indicator.column, plan.kind, batch, rows)?;
    if let Some(cap) = plan.indicator.cap {
        // Comparing leaves NaN as it is.
        values.iter_mut().filter(|value| **value > cap).for_each(|value| *value = cap);
    }
    Ok(values)
}

/// The customers of a batch who have an index, with their indicators.
pub(super) struct Rows {
    /// Their rows in the batch.
    pub(super) chosen: Vec<usize>,
    /// The indicators, in the columns' units; what was NULL is what it counts as.
    pub(super) raw: Vec<Vec<f64>>,
    /// The indicators from 0, the worst, to 1, the best.
    pub(super) normalised: Vec<Vec<f64>>,
}

impl Rows {
    /// The customers of `batch` on the scales of `fitted`.
    pub(super) fn new(index: &Index, fitted: &[IndicatorCard], batch: &RecordBatch) -> Result<Self, ModelError> {
        let chosen = index.config.customers.rows(batch)?;
        let (mut raw, mut normalised) = (Vec::with_capacity(fitted.len()), Vec::with_capacity(fitted.len()));
        for (plan, fitted) in index.indicators.iter().zip(fitted) {
            let mut values = values(plan, batch, &chosen)?;
            values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = fitted.missing);
            normalised.push(fitted.scale().normalise_column(&values));
            raw.push(values);
        }
        Ok(Self { chosen, raw, normalised })
    }

    /// The indicators as a ranking by raw columns takes them: transformed.
    pub(super) fn transformed(&self, fitted: &[IndicatorCard]) -> Vec<Vec<f64>> {
        let columns = self.raw.iter().zip(fitted);
        columns.map(|(column, of)| column.iter().map(|&value| of.transform.apply(value)).collect()).collect()
    }
}

/// Columns as slices.
pub(super) fn slices(columns: &[Vec<f64>]) -> Vec<&[f64]> {
    columns.iter().map(Vec::as_slice).collect()
}
