//! Values of columns in words: why a rule was met.

use std::fmt::{self, Write};

use appraise_schema::as_of::date_of;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal64Array, Decimal128Array, Float64Array, Int32Array,
    Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Date32Type, Decimal64Type, Decimal128Type, Float64Type, Int32Type, Int64Type};

use crate::columns::absent;
use crate::error::ModelError;

/// Characters of a text that are shown.
const SHOWN: usize = 60;

/// The values of the columns that a rule reads.
pub(crate) struct Reasons<'a>(Vec<(&'a str, Values<'a>)>);

/// The values of one column.
enum Values<'a> {
    Boolean(&'a BooleanArray),
    Integer(&'a Int32Array),
    Long(&'a Int64Array),
    Money(&'a Decimal64Array, i8),
    Total(&'a Decimal128Array, i8),
    Double(&'a Float64Array),
    Date(&'a Date32Array),
    Text(&'a StringArray),
}

impl<'a> Reasons<'a> {
    /// The columns `names` of `batch`.
    ///
    /// # Errors
    /// [`ModelError::Column`] when one is absent, or of a type that no table has.
    pub(crate) fn new(names: &'a [String], batch: &'a RecordBatch) -> Result<Self, ModelError> {
        let column = |name: &'a String| {
            let values = batch.column_by_name(name).and_then(Values::of);
            Ok((name.as_str(), values.ok_or_else(|| absent(name, "a published one"))?))
        };
        names.iter().map(column).collect::<Result<_, _>>().map(Self)
    }

    /// Writes `column = value`, a comma between two, as they are in `row`.
    pub(crate) fn write(&self, out: &mut impl Write, row: usize) -> fmt::Result {
        for (place, (name, values)) in self.0.iter().enumerate() {
            if place > 0 {
                out.write_str(", ")?;
            }
            out.write_str(name)?;
            if values.array().is_null(row) {
                out.write_str(" is NULL")?;
            } else {
                out.write_str(" = ")?;
                values.write(out, row)?;
            }
        }
        Ok(())
    }
}

impl<'a> Values<'a> {
    fn of(column: &'a ArrayRef) -> Option<Self> {
        Some(match column.data_type() {
            DataType::Boolean => Self::Boolean(column.as_boolean()),
            DataType::Int32 => Self::Integer(column.as_primitive::<Int32Type>()),
            DataType::Int64 => Self::Long(column.as_primitive::<Int64Type>()),
            DataType::Decimal64(_, scale) => Self::Money(column.as_primitive::<Decimal64Type>(), *scale),
            DataType::Decimal128(_, scale) => Self::Total(column.as_primitive::<Decimal128Type>(), *scale),
            DataType::Float64 => Self::Double(column.as_primitive::<Float64Type>()),
            DataType::Date32 => Self::Date(column.as_primitive::<Date32Type>()),
            DataType::Utf8 => Self::Text(column.as_string::<i32>()),
            _ => return None,
        })
    }

    fn array(&self) -> &dyn Array {
        match self {
            Self::Boolean(array) => array,
            Self::Integer(array) => array,
            Self::Long(array) => array,
            Self::Money(array, _) => array,
            Self::Total(array, _) => array,
            Self::Double(array) => array,
            Self::Date(array) => array,
            Self::Text(array) => array,
        }
    }

    fn write(&self, out: &mut impl Write, row: usize) -> fmt::Result {
        match self {
            Self::Boolean(array) => write!(out, "{}", array.value(row)),
            Self::Integer(array) => write!(out, "{}", array.value(row)),
            Self::Long(array) => write!(out, "{}", array.value(row)),
            Self::Money(array, scale) => decimal(out, array.value(row).into(), *scale),
            Self::Total(array, scale) => decimal(out, array.value(row), *scale),
            Self::Double(array) => double(out, array.value(row)),
            Self::Date(array) => match date_of(array.value(row)) {
                Some(date) => write!(out, "{date}"),
                None => write!(out, "day {}", array.value(row)),
            },
            Self::Text(array) => text(out, array.value(row)),
        }
    }
}

fn decimal(out: &mut impl Write, unscaled: i128, scale: i8) -> fmt::Result {
    let sign = if unscaled < 0 { "-" } else { "" };
    let places = u32::from(scale.unsigned_abs());
    let (digits, unit) = (unscaled.unsigned_abs(), 10_u128.pow(places.min(38)));
    if places == 0 {
        return write!(out, "{sign}{digits}");
    }
    write!(out, "{sign}{}.{:0width$}", digits / unit, digits % unit, width = places as usize)
}

/// Four decimal places, and as an exponent what would have none of its digits among them.
fn double(out: &mut impl Write, value: f64) -> fmt::Result {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e15).contains(&size) {
        let rounded = (value * 1e4).round() / 1e4;
        return write!(out, "{}", if size < 1e9 { rounded } else { value });
    }
    write!(out, "{value:.3e}")
}

fn text(out: &mut impl Write, value: &str) -> fmt::Result {
    out.write_char('\'')?;
    for (place, character) in value.chars().enumerate() {
        match character {
            _ if place == SHOWN => {
                out.write_char('…')?;
                break;
            }
            '\'' => out.write_str("''")?,
            control if control.is_control() => out.write_char(' ')?,
            other => out.write_char(other)?,
        }
    }
    out.write_char('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(write: impl Fn(&mut String) -> fmt::Result) -> String {
        let mut out = String::new();
        write(&mut out).unwrap();
        out
    }

    #[test]
    fn values_read_as_people_write_them() {
        let doubles = [(0.831_23, "0.8312"), (0.0, "0"), (-2.0, "-2"), (1234.5, "1234.5"), (1e-7, "1.000e-7")];
        for (value, words) in doubles {
            assert_eq!(shown(|out| double(out, value)), words);
        }
        assert_eq!(shown(|out| double(out, f64::MAX)), "1.798e308");
        for (unscaled, scale, words) in [
            (-5, 2, "-0.05"),
            (1234, 0, "1234"),
            (100, 2, "1.00"),
            (i128::MIN, 0, "-170141183460469231731687303715884105728"),
        ] {
            assert_eq!(shown(|out| decimal(out, unscaled, scale)), words);
        }
        assert_eq!(shown(|out| text(out, "d'Or\n")), "'d''Or '");
        assert_eq!(shown(|out| text(out, &"ä".repeat(61))), format!("'{}…'", "ä".repeat(60)));
    }
}
