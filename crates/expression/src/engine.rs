//! What polars computes: texts, booleans, doubles, comparisons of everything but exact numbers, parts of dates.
//!
//! The largest subtree of such nodes is translated into one polars expression; whatever it reads that is not
//! such a node is computed first and becomes an input column.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::BooleanBuffer;
use polars::prelude::{
    Column as PolarsColumn, DataFrame, DataType, Expr, IntoLazy, NULL, RoundMode, TimeUnit, col, lit, when,
};

use crate::column::{Column, either};
use crate::evaluate::Run;
use crate::interchange::{nearest_i64, to_arrow, to_polars};
use crate::like::Pattern;
use crate::sql_type::SqlType;
use crate::tree::{Comparison, DatePart, Literal, Operation, Side};
use crate::typed::{Typed, TypedKind};

/// Whether the engine computes `operation` on these operands.
pub(crate) fn computes(operation: Operation, operands: &[Typed]) -> bool {
    let exact = operands.first().is_some_and(|operand| operand.sql_type.scale().is_some());
    match operation {
        // The engine's remainder would have the sign of the divisor.
        Operation::Remainder | Operation::IsNull | Operation::Coalesce | Operation::Greatest | Operation::Least => {
            false
        }
        _ => !exact,
    }
}

/// Evaluates a node that [`computes`] says is the engine's.
pub(crate) fn evaluate(run: &Run, node: &Typed) -> Result<Column, String> {
    let mut island = Island { run, inputs: Vec::new(), names: BTreeMap::new(), faults: None };
    let expression = island.expression(node)?;
    let values = select(run.rows(), island.inputs, expression, node.sql_type)?;
    Ok(Column { values, faults: island.faults })
}

/// One expression over `inputs`, each of `rows` rows.
fn select(rows: usize, inputs: Vec<PolarsColumn>, expression: Expr, sql_type: SqlType) -> Result<ArrayRef, String> {
    let failed = |error: polars::error::PolarsError| error.to_string();
    let frame = DataFrame::new(rows, inputs).map_err(failed)?;
    let result = frame.lazy().select([expression.alias("result")]).collect().map_err(failed)?;
    let series = result.column("result").map_err(failed)?.as_materialized_series();
    // An expression of literals alone has one row.
    if series.len() == rows {
        return to_arrow(series, sql_type);
    }
    to_arrow(&series.new_from_index(0, rows), sql_type)
}

/// A subtree on its way to polars.
struct Island<'a> {
    run: &'a Run<'a>,
    inputs: Vec<PolarsColumn>,
    /// Plain columns that are already inputs, under which name.
    names: BTreeMap<String, String>,
    faults: Option<BooleanBuffer>,
}

impl Island<'_> {
    fn expression(&mut self, node: &Typed) -> Result<Expr, String> {
        match &node.kind {
            TypedKind::Literal(literal) => Ok(constant(literal, node.sql_type)),
            TypedKind::Operation(operation, operands)
                if computes(*operation, operands) && !self.run.by_dictionary(node) =>
            {
                self.operation(*operation, operands)
            }
            _ => self.input(node),
        }
    }

    fn input(&mut self, node: &Typed) -> Result<Expr, String> {
        if let TypedKind::Column(column) = &node.kind
            && let Some(name) = self.names.get(column)
        {
            return Ok(col(name.as_str()));
        }
        let name = format!("input {}", self.inputs.len());
        let computed = self.run.evaluate(node)?;
        self.faults = either(self.faults.take(), computed.faults.as_ref());
        self.inputs.push(to_polars(&name, &computed.values, node.sql_type)?.into());
        if let TypedKind::Column(column) = &node.kind {
            self.names.insert(column.clone(), name.clone());
        }
        Ok(col(name.as_str()))
    }

    fn operation(&mut self, operation: Operation, operands: &[Typed]) -> Result<Expr, String> {
        use Operation as O;
        match operation {
            O::Like { ignore_case, escape } => return self.like(operands, ignore_case, escape),
            O::Round => return self.round(operands),
            _ => {}
        }
        let mut inputs = operands.iter().map(|o| self.expression(o)).collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut next = || inputs.next().ok_or_else(|| format!("{} lacks an operand", operation.name()));
        let first = next()?;
        Ok(match operation {
            O::Add => first + next()?,
            O::Subtract => first - next()?,
            O::Multiply => first * next()?,
            O::Divide => {
                let divisor = next()?;
                let none = lit(NULL).cast(DataType::Float64);
                when(divisor.clone().eq(lit(0.0))).then(none).otherwise(first / divisor)
            }
            O::Negate => lit(-1.0) * first,
            O::Abs => first.abs(),
            O::Floor => first.floor(),
            O::Ceil => first.ceil(),
            O::Compare(comparison) => compare(comparison, first, next()?),
            O::In => inputs.map(|item| first.clone().eq(item)).reduce(Expr::or).unwrap_or_else(|| lit(false)),
            O::And => first.and(next()?),
            O::Or => first.or(next()?),
            O::Not => first.not(),
            O::IsTrue => first.eq_missing(lit(true)),
            O::IsFalse => first.eq_missing(lit(false)),
            _ => self::text_or_date(operation, first, &mut inputs)?,
        })
    }

    fn round(&mut self, operands: &[Typed]) -> Result<Expr, String> {
        let [value, digits] = operands else {
            return Err("ROUND lacks an operand".to_owned());
        };
        let value = self.expression(value)?;
        let digits = rounding_digits(digits);
        let mode = RoundMode::HalfToEven;
        Ok(if digits >= 0 {
            value.round(digits.unsigned_abs(), mode)
        } else {
            let unit = 10_f64.powi(-digits);
            (value / lit(unit)).round(0, mode) * lit(unit)
        })
    }

    fn like(&mut self, operands: &[Typed], ignore_case: bool, escape: Option<char>) -> Result<Expr, String> {
        let [value, pattern] = operands else {
            return Err("LIKE lacks an operand".to_owned());
        };
        let value = self.expression(value)?;
        let TypedKind::Literal(Literal::Text(pattern)) = &pattern.kind else {
            return Ok(lit(NULL).cast(DataType::Boolean));
        };
        let pattern = Pattern::parse(pattern, escape)?;
        Ok(match pattern {
            Pattern::Equals(text) if !ignore_case => value.eq(lit(text)),
            Pattern::StartsWith(text) if !ignore_case => value.str().starts_with(lit(text)),
            Pattern::EndsWith(text) if !ignore_case => value.str().ends_with(lit(text)),
            Pattern::Contains(text) if !ignore_case => value.str().contains_literal(lit(text)),
            other => value.str().contains(lit(other.regex(ignore_case)), true),
        })
    }
}

fn text_or_date(operation: Operation, first: Expr, rest: &mut impl Iterator<Item = Expr>) -> Result<Expr, String> {
    use Operation as O;
    let missing = || format!("{} lacks an operand", operation.name());
    let blank_null = |text: Expr| text.fill_null(lit(""));
    Ok(match operation {
        O::Lower => first.str().to_lowercase(),
        O::Upper => first.str().to_uppercase(),
        O::Length => first.str().len_chars().cast(DataType::Int64),
        O::Join => first + rest.next().ok_or_else(missing)?,
        O::Concat => rest.map(blank_null).fold(blank_null(first), |joined, text| joined + text),
        O::Trim(side) => {
            let what = rest.next().unwrap_or_else(|| lit(" "));
            match side {
                Side::Both => first.str().strip_chars(what),
                Side::Left => first.str().strip_chars_start(what),
                Side::Right => first.str().strip_chars_end(what),
            }
        }
        O::StartsWith => first.str().starts_with(rest.next().ok_or_else(missing)?),
        O::EndsWith => first.str().ends_with(rest.next().ok_or_else(missing)?),
        O::Replace => {
            let (from, to) = (rest.next().ok_or_else(missing)?, rest.next().ok_or_else(missing)?);
            first.str().replace_all(from, to, true)
        }
        O::Substring => substring(first, rest.next().ok_or_else(missing)?, rest.next()),
        O::DatePart(part) => match part {
            DatePart::Year => first.dt().year(),
            DatePart::Quarter => first.dt().quarter(),
            DatePart::Month => first.dt().month(),
            DatePart::Day => first.dt().day(),
        }
        .cast(DataType::Int64),
        O::DaysBetween => {
            let days = |date: Expr| date.cast(DataType::Int32).cast(DataType::Int64);
            days(rest.next().ok_or_else(missing)?) - days(first)
        }
        _ => return Err(format!("{} is not computed by the engine", operation.name())),
    })
}

/// Characters from position `start`, the first being 1; positions before it count towards the length.
fn substring(text: Expr, start: Expr, length: Option<Expr>) -> Expr {
    // Far beyond any text, and far from the ends of 64 bits.
    let near = |count: Expr| {
        let bound = 1_i64 << 40;
        let low = when(count.clone().lt(lit(-bound))).then(lit(-bound)).otherwise(count);
        when(low.clone().gt(lit(bound))).then(lit(bound)).otherwise(low)
    };
    let at_least = |count: Expr, least: i64| when(count.clone().lt(lit(least))).then(lit(least)).otherwise(count);
    let start = near(start);
    let from = at_least(start.clone(), 1);
    let end = start + length.map_or_else(|| lit(1_i64 << 41), near);
    text.str().slice(from.clone() - lit(1_i64), at_least(end - from, 0))
}

fn compare(comparison: Comparison, left: Expr, right: Expr) -> Expr {
    match comparison {
        Comparison::Equal => left.eq(right),
        Comparison::NotEqual => left.neq(right),
        Comparison::Less => left.lt(right),
        Comparison::LessOrEqual => left.lt_eq(right),
        Comparison::Greater => left.gt(right),
        Comparison::GreaterOrEqual => left.gt_eq(right),
        Comparison::Distinct => left.neq_missing(right),
    }
}

/// The digits a checked ROUND keeps.
pub(crate) fn rounding_digits(digits: &Typed) -> i32 {
    match digits.kind {
        TypedKind::Literal(Literal::Exact { unscaled, .. }) => i32::try_from(unscaled).unwrap_or(0),
        _ => 0,
    }
}

fn constant(literal: &Literal, sql_type: SqlType) -> Expr {
    match literal {
        Literal::Null => lit(NULL).cast(polars_type(sql_type)),
        Literal::Boolean(value) => lit(*value),
        Literal::Exact { unscaled, .. } => lit(nearest_i64(*unscaled)),
        Literal::Double(value) => lit(*value),
        Literal::Text(text) => lit(text.clone()),
        Literal::Date(day) => lit(*day).cast(DataType::Date),
        Literal::Timestamp { micros, .. } => lit(*micros).cast(DataType::Datetime(TimeUnit::Microseconds, None)),
    }
}

fn polars_type(sql_type: SqlType) -> DataType {
    match sql_type {
        SqlType::Boolean => DataType::Boolean,
        SqlType::Integer | SqlType::Decimal { .. } => DataType::Int64,
        SqlType::Double => DataType::Float64,
        SqlType::Text => DataType::String,
        SqlType::Date => DataType::Date,
        SqlType::Timestamp { .. } => DataType::Datetime(TimeUnit::Microseconds, None),
    }
}

/// Compares two columns of `sql_type`.
pub(crate) fn compare_columns(
    comparison: Comparison,
    left: &ArrayRef,
    right: &ArrayRef,
    sql_type: SqlType,
) -> Result<ArrayRef, String> {
    let inputs = vec![to_polars("left", left, sql_type)?.into(), to_polars("right", right, sql_type)?.into()];
    select(left.len(), inputs, compare(comparison, col("left"), col("right")), SqlType::Boolean)
}
