//! Operations that choose between values: CASE, COALESCE, GREATEST and LEAST. A value that is not chosen cannot
//! make its row fail.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::zip::zip;

use crate::column::{Column, either};
use crate::evaluate::Run;
use crate::tree::{Comparison, Operation};
use crate::typed::Typed;
use crate::{engine, exact};

/// The first branch whose condition is true, else `otherwise`.
pub(crate) fn case(run: &Run, branches: &[(Typed, Typed)], otherwise: &Typed) -> Result<Column, String> {
    let mut open = BooleanBuffer::new_set(run.rows());
    let mut faults = None;
    let mut chosen = Vec::with_capacity(branches.len());
    for (condition, result) in branches {
        let condition = run.evaluate(condition)?;
        let met = &open & &is_true(&condition.values)?;
        faults = either(faults, condition.faults.as_ref().map(|failed| &open & failed).as_ref());
        open = &open & &!&met;
        chosen.push((met, run.evaluate(result)?));
    }
    let Column { mut values, faults: failed } = run.evaluate(otherwise)?;
    faults = either(faults, failed.map(|failed| &open & &failed).as_ref());
    for (met, result) in chosen {
        faults = either(faults, result.faults.map(|failed| &met & &failed).as_ref());
        values = pick(met, &result.values, &values)?;
    }
    Ok(Column { values, faults })
}

/// The first value that is not NULL. A value that failed ends the search.
pub(crate) fn coalesce(run: &Run, operands: &[Typed]) -> Result<Column, String> {
    let mut operands = operands.iter();
    let mut sofar = run.evaluate(operands.next().ok_or("COALESCE lacks an operand")?)?;
    for operand in operands {
        let mut open = nulls(&sofar.values);
        if let Some(failed) = &sofar.faults {
            open = &open & &!failed;
        }
        if open.count_set_bits() == 0 {
            break;
        }
        let next = run.evaluate(operand)?;
        let faults = either(sofar.faults, next.faults.map(|failed| &open & &failed).as_ref());
        sofar = Column { values: pick(open, &next.values, &sofar.values)?, faults };
    }
    Ok(sofar)
}

/// The largest or smallest value that is not NULL.
pub(crate) fn extreme(run: &Run, operation: Operation, operands: &[Typed]) -> Result<Column, String> {
    let comparison = if operation == Operation::Greatest { Comparison::Greater } else { Comparison::Less };
    let mut nodes = operands.iter();
    let first = nodes.next().ok_or("GREATEST lacks an operand")?;
    let mut sofar = run.evaluate(first)?;
    for node in nodes {
        let next = run.evaluate(node)?;
        let better = if node.sql_type.scale().is_some() {
            exact::comparison(comparison, &next, &sofar)?.values
        } else {
            engine::compare_columns(comparison, &next.values, &sofar.values, node.sql_type)?
        };
        let better = &is_true(&better)? | &nulls(&sofar.values);
        let faults = either(sofar.faults, next.faults.as_ref());
        sofar = Column { values: pick(better, &next.values, &sofar.values)?, faults };
    }
    Ok(sofar)
}

/// Where `column` is NULL; a row that failed stays failed.
pub(crate) fn is_null(column: &Column) -> Column {
    let values = BooleanArray::new(nulls(&column.values), None);
    Column { values: Arc::new(values), faults: column.faults.clone() }
}

fn nulls(values: &ArrayRef) -> BooleanBuffer {
    values.logical_nulls().map_or_else(|| BooleanBuffer::new_unset(values.len()), |nulls| !nulls.inner())
}

/// Where `mask` is true, NULL being not.
fn is_true(mask: &ArrayRef) -> Result<BooleanBuffer, String> {
    let mask = mask.as_boolean_opt().ok_or("a BOOLEAN was expected")?;
    Ok(match mask.nulls() {
        Some(valid) => mask.values() & valid.inner(),
        None => mask.values().clone(),
    })
}

fn pick(mask: BooleanBuffer, yes: &ArrayRef, no: &ArrayRef) -> Result<ArrayRef, String> {
    zip(&BooleanArray::new(mask, None), yes, no).map_err(|error| error.to_string())
}
