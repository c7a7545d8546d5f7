//! Conversions between types, exact or a fault.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Decimal128Array, StringArray};
use arrow::datatypes::{ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, TimestampMicrosecondType};
use chrono::{DateTime, Duration, NaiveDate};

use crate::column::{Column, Outcome, collect, collect_boolean, collect_exact, collect_numbers};
use crate::exact::{power_of_ten, rescale, to_double, within_limit};
use crate::literal;
use crate::sql_type::SqlType;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// `column`, which is of type `from`, as type `to`. A value that does not convert is a fault, or NULL where
/// `lenient`.
pub(crate) fn cast(column: &Column, from: SqlType, to: SqlType, lenient: bool) -> Result<Column, String> {
    let source = Source { array: column.values.clone(), from };
    let converted = match to {
        SqlType::Boolean => collect_boolean(source.array.len(), |row| source.at(row, |v| boolean(&v))),
        SqlType::Integer => collect_exact(source.array.len(), 0, |row| {
            source.at(row, |value| exact(&value, 0).filter(|whole| i64::try_from(*whole).is_ok()))
        })?,
        SqlType::Decimal { precision, scale } => {
            let limit = power_of_ten(u32::from(precision)).ok_or("a decimal of at most 38 digits was expected")?;
            let fits = |value: &i128| value.unsigned_abs() < limit.unsigned_abs();
            collect_exact(source.array.len(), scale, |row| source.at(row, |v| exact(&v, scale).filter(fits)))?
        }
        SqlType::Double => source.numbers::<Float64Type>(|value| double(&value)),
        SqlType::Text => {
            let (values, faults) =
                collect::<String, StringArray>(source.array.len(), |row| source.at(row, |value| text(&value)));
            Column { values: Arc::new(values), faults }
        }
        SqlType::Date => source.numbers::<Date32Type>(|value| date(&value)),
        SqlType::Timestamp { utc } => {
            let stamps = source.numbers::<TimestampMicrosecondType>(|value| timestamp(&value, utc));
            let values = stamps.values.as_primitive::<TimestampMicrosecondType>().clone();
            Column { values: Arc::new(values.with_timezone_opt(utc.then_some("UTC"))), ..stamps }
        }
    };
    let converted = if lenient { Column::sound(converted.values) } else { converted };
    Ok(converted.with_faults(column.faults.as_ref()))
}

/// One value of any type.
enum Value<'a> {
    Boolean(bool),
    Exact(i128, u8),
    Double(f64),
    Text(&'a str),
    Date(i32),
    Timestamp(i64, bool),
}

/// A column whose values are read one by one.
struct Source {
    array: ArrayRef,
    from: SqlType,
}

impl Source {
    fn at<T>(&self, row: usize, convert: impl Fn(Value) -> Option<T>) -> Outcome<T> {
        if self.array.is_null(row) {
            return Outcome::Null;
        }
        Outcome::or_fault(self.value(row).and_then(convert))
    }

    fn value(&self, row: usize) -> Option<Value<'_>> {
        let array = &self.array;
        Some(match self.from {
            SqlType::Boolean => Value::Boolean(array.as_boolean_opt()?.value(row)),
            SqlType::Integer | SqlType::Decimal { .. } => {
                let array: &Decimal128Array = array.as_primitive_opt::<Decimal128Type>()?;
                Value::Exact(array.value(row), array.scale().unsigned_abs())
            }
            SqlType::Double => Value::Double(array.as_primitive_opt::<Float64Type>()?.value(row)),
            SqlType::Text => Value::Text(array.as_string_opt::<i32>()?.value(row)),
            SqlType::Date => Value::Date(array.as_primitive_opt::<Date32Type>()?.value(row)),
            SqlType::Timestamp { utc } => {
                Value::Timestamp(array.as_primitive_opt::<TimestampMicrosecondType>()?.value(row), utc)
            }
        })
    }

    fn numbers<T: ArrowPrimitiveType>(&self, convert: impl Fn(Value) -> Option<T::Native>) -> Column {
        let (values, faults) = collect_numbers::<T>(self.array.len(), |row| self.at(row, &convert));
        Column { values: Arc::new(values), faults }
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(value) => Some(*value),
        Value::Exact(value, _) => Some(*value != 0),
        Value::Double(value) => (!value.is_nan()).then_some(*value != 0.0),
        Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Some(true),
            "false" | "f" | "0" => Some(false),
            _ => None,
        },
        Value::Date(_) | Value::Timestamp(..) => None,
    }
}

/// A number rounds half to even; a text has to fit without rounding.
fn exact(value: &Value, scale: u8) -> Option<i128> {
    match value {
        Value::Boolean(value) => rescale(i128::from(*value), 0, scale),
        Value::Exact(value, from) => rescale(*value, *from, scale),
        Value::Double(value) => nearest(*value, scale),
        Value::Text(text) => {
            let (value, from) = literal::exact(text.trim())?;
            let converted = rescale(value, from, scale)?;
            let kept = from <= scale || rescale(converted, scale, from) == Some(value);
            kept.then_some(converted)
        }
        Value::Date(_) | Value::Timestamp(..) => None,
    }
}

/// A double as it is written in its fewest digits, rounded half to even at `scale`.
fn nearest(value: f64, scale: u8) -> Option<i128> {
    if !value.is_finite() {
        return None;
    }
    let written = format!("{value:e}");
    let (digits, exponent) = written.split_once('e')?;
    let (unscaled, point) = literal::exact(digits)?;
    let from = i32::from(point) - exponent.parse::<i32>().ok()?;
    match u8::try_from(from) {
        Ok(from) if u32::from(from.saturating_sub(scale)) <= 38 => rescale(unscaled, from, scale),
        _ if from > 0 => Some(0),
        _ => {
            let zeros = power_of_ten(from.unsigned_abs() + u32::from(scale))?;
            within_limit(unscaled.checked_mul(zeros)?)
        }
    }
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Boolean(value) => Some(f64::from(*value)),
        Value::Exact(value, scale) => Some(to_double(*value, *scale)),
        Value::Double(value) => Some(*value),
        Value::Text(text) => literal::double(text.trim()),
        Value::Date(_) | Value::Timestamp(..) => None,
    }
}

fn date(value: &Value) -> Option<i32> {
    match value {
        Value::Date(day) => Some(*day),
        Value::Timestamp(micros, _) => i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok(),
        Value::Text(text) => literal::date(text.trim()),
        _ => None,
    }
}

/// A text that names a zone is an instant, not local time.
fn timestamp(value: &Value, utc: bool) -> Option<i64> {
    match value {
        Value::Date(day) => i64::from(*day).checked_mul(MICROS_PER_DAY),
        Value::Timestamp(micros, _) => Some(*micros),
        Value::Text(text) => {
            literal::timestamp(text.trim()).filter(|(_, zoned)| utc || !zoned).map(|(micros, _)| micros)
        }
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Boolean(value) => value.to_string(),
        Value::Exact(value, scale) => written(*value, *scale),
        Value::Double(value) => format!("{value:?}"),
        Value::Text(text) => (*text).to_owned(),
        Value::Date(day) => calendar(*day)?.to_string(),
        Value::Timestamp(micros, utc) => {
            let at = DateTime::from_timestamp_micros(*micros)?.naive_utc();
            format!("{}{}", at.format("%Y-%m-%d %H:%M:%S%.f"), if *utc { "Z" } else { "" })
        }
    })
}

fn calendar(day: i32) -> Option<NaiveDate> {
    NaiveDate::default().checked_add_signed(Duration::try_days(i64::from(day))?)
}

/// All digits of the scale: 1.50 stays 1.50.
fn written(value: i128, scale: u8) -> String {
    if scale == 0 {
        return value.to_string();
    }
    let width = usize::from(scale) + 1;
    let digits = format!("{:0>width$}", value.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    format!("{}{whole}.{fraction}", if value < 0 { "-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_round_as_they_are_written() {
        assert_eq!(nearest(2.675, 2), Some(268));
        assert_eq!(nearest(0.125, 2), Some(12));
        assert_eq!(nearest(-1e-300, 2), Some(0));
        assert_eq!(nearest(1e20, 2), Some(10_i128.pow(22)));
        assert_eq!([nearest(1e38, 0), nearest(f64::NAN, 0), nearest(f64::INFINITY, 0)], [None; 3]);
    }

    #[test]
    fn decimals_are_written_with_all_their_digits() {
        assert_eq!(written(-5, 2), "-0.05");
        assert_eq!(written(150, 2), "1.50");
        assert_eq!(written(-7, 0), "-7");
    }
}
