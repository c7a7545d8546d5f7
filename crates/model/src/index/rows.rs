//! The customers of a batch as rows of indicators.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal64Type, Float64Type, Int32Type, Int64Type};

use super::card::IndicatorCard;
use super::{Index, IndexCustomers, IndicatorPlan};
use crate::columns::{absent, typed};
use crate::error::ModelError;

/// The column that tells who has orders.
pub(super) const ORDERS: &str = "orders";

/// The rows of `batch` who have an index.
pub(super) fn chosen(customers: IndexCustomers, batch: &RecordBatch) -> Result<Vec<usize>, ModelError> {
    match customers {
        IndexCustomers::All => Ok((0..batch.num_rows()).collect()),
        IndexCustomers::Buyers => {
            let orders = typed(batch, ORDERS, &DataType::Int64)?.as_primitive::<Int64Type>();
            Ok((0..batch.num_rows()).filter(|&row| orders.is_valid(row) && orders.value(row) > 0).collect())
        }
    }
}

/// The values of an indicator in `rows`, in the column's units and cut at the cap; NaN for NULL.
pub(super) fn values(plan: &IndicatorPlan, batch: &RecordBatch, rows: &[usize]) -> Result<Vec<f64>, ModelError> {
    let name = &plan.indicator.column;
    let column = batch.column_by_name(name).ok_or_else(|| absent(name, "a number"))?;
    let of = |value: &dyn Fn(usize) -> f64| {
        rows.iter().map(|&row| if column.is_valid(row) { value(row) } else { f64::NAN }).collect::<Vec<_>>()
    };
    let mut values = match column.data_type() {
        DataType::Int32 => {
            let column = column.as_primitive::<Int32Type>();
            of(&|row| f64::from(column.value(row)))
        }
        DataType::Int64 => {
            let column = column.as_primitive::<Int64Type>();
            of(&|row| column.value(row) as f64)
        }
        DataType::Float64 => {
            let column = column.as_primitive::<Float64Type>();
            of(&|row| column.value(row))
        }
        DataType::Decimal64(..) => {
            let column = column.as_primitive::<Decimal64Type>();
            of(&|row| column.value(row) as f64 / plan.per_unit)
        }
        DataType::Boolean => {
            let column = column.as_boolean();
            of(&|row| f64::from(u8::from(column.value(row))))
        }
        _ => return Err(absent(name, "a number")),
    };
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
        let chosen = chosen(index.config.customers, batch)?;
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
