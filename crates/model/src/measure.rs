//! Columns of money or numbers as integers that sort: what customers are classed by.

use std::fmt;
use std::sync::Arc;

use appraise_schema::{ColumnSpec, ColumnType};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Decimal64Type, Decimal128Type, Float64Type, Int32Type, Int64Type};
use serde::{Deserialize, Serialize};

use crate::card::{CardValue, decimal_text};
use crate::columns::{absent, minor_per_unit};
use crate::error::ModelError;

/// What shares are counted in, so that sums and ranks compare exactly.
pub(crate) const SHARE_PARTS: i128 = 1_000_000_000;

/// What a column may be.
const EXPECTED: &str = "DECIMAL, INT32, INT64 or DOUBLE";

/// A value as a card shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MeasureValue {
    /// Money or a whole number.
    Exact(CardValue),
    /// A double.
    Double(f64),
}

impl fmt::Display for MeasureValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(value) => value.fmt(out),
            Self::Double(value) => value.fmt(out),
        }
    }
}

/// How the values of a column become *keys*, integers in the same order: 0 for 0, positive for what is above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Minor units at so many decimal places.
    Money(u8),
    Whole,
    /// The bits of a double, so that they sort.
    Double,
}

/// A column that customers are classed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Measure {
    pub(crate) column: String,
    kind: Kind,
}

impl Measure {
    /// The column `name` among `columns`; without a name `gross_margin`, and where that is not there `net_revenue`.
    ///
    /// # Errors
    /// [`ModelError::Column`] when it is absent or no number.
    pub(crate) fn or_margin(name: Option<&str>, columns: &[ColumnSpec]) -> Result<Self, ModelError> {
        let has_margin = columns.iter().any(|column| column.name == "gross_margin");
        Self::new(name.unwrap_or(if has_margin { "gross_margin" } else { "net_revenue" }), columns)
    }

    /// The column `name` among `columns`.
    ///
    /// # Errors
    /// [`ModelError::Column`] when it is absent or no number.
    pub(crate) fn new(name: &str, columns: &[ColumnSpec]) -> Result<Self, ModelError> {
        let kind = match columns.iter().find(|column| column.name == name).map(|column| column.column_type) {
            Some(ColumnType::Decimal { precision: 0..=18, scale }) => Kind::Money(scale),
            Some(ColumnType::Int32 | ColumnType::Int64) => Kind::Whole,
            Some(ColumnType::Float64 | ColumnType::Decimal { .. }) => Kind::Double,
            _ => return Err(absent(name, EXPECTED)),
        };
        Ok(Self { column: name.to_owned(), kind })
    }

    /// Whether sums of keys mean something: not those of doubles.
    pub(crate) fn is_exact(&self) -> bool {
        self.kind != Kind::Double
    }

    /// The keys of all rows; NULL where there is no value, or no finite one.
    ///
    /// # Errors
    /// [`ModelError::Column`] when the column is absent or of another type than was planned.
    pub(crate) fn keys(&self, batch: &RecordBatch) -> Result<Int64Array, ModelError> {
        let column = batch.column_by_name(&self.column).ok_or_else(|| absent(&self.column, EXPECTED))?;
        let keys = match (self.kind, column.data_type()) {
            (Kind::Money(_), DataType::Decimal64(..)) => {
                let money = column.as_primitive::<Decimal64Type>();
                Int64Array::new(money.values().clone(), money.nulls().cloned())
            }
            (Kind::Whole, DataType::Int32) => column.as_primitive::<Int32Type>().unary(i64::from),
            (Kind::Whole, DataType::Int64) => column.as_primitive::<Int64Type>().clone(),
            (Kind::Double, DataType::Float64) => doubles(column.as_primitive::<Float64Type>().iter()),
            (Kind::Double, DataType::Decimal128(_, scale)) => {
                let units = minor_per_unit(scale.unsigned_abs());
                let minor = column.as_primitive::<Decimal128Type>().iter();
                doubles(minor.map(|minor| minor.map(|minor| minor as f64 / units)))
            }
            _ => return Err(absent(&self.column, EXPECTED)),
        };
        Ok(keys)
    }

    /// What `key` weighs in sums, where no weight is above that of `largest`: exact numbers as they are, doubles in
    /// units of 2⁻⁶⁰ of the largest.
    #[expect(clippy::cast_possible_truncation, reason = "a share of 2⁶⁰")]
    pub(crate) fn weight(&self, key: i64, largest: i64) -> i128 {
        match self.kind {
            Kind::Double => (double_of(key) / double_of(largest) * (1_u64 << 60) as f64) as i128,
            Kind::Money(_) | Kind::Whole => i128::from(key),
        }
    }

    /// A sum of exact numbers as text.
    pub(crate) fn sum_text(&self, sum: i128) -> Option<String> {
        match self.kind {
            Kind::Money(scale) => Some(decimal_text(sum, scale)),
            Kind::Whole => Some(sum.to_string()),
            Kind::Double => None,
        }
    }

    /// The value of `key`.
    pub(crate) fn value(&self, key: i64) -> MeasureValue {
        match self.kind {
            Kind::Money(scale) => MeasureValue::Exact(CardValue::new(key, Some(scale))),
            Kind::Whole => MeasureValue::Exact(CardValue::new(key, None)),
            Kind::Double => MeasureValue::Double(double_of(key)),
        }
    }

    /// Inverse of [`Measure::value`].
    ///
    /// # Errors
    /// [`ModelError::CardValue`] when it is no such value.
    pub(crate) fn key(&self, value: &MeasureValue) -> Result<i64, ModelError> {
        match (self.kind, value) {
            (Kind::Money(scale), MeasureValue::Exact(value)) => value.integer(Some(scale), &self.column),
            (Kind::Whole, MeasureValue::Exact(value)) => value.integer(None, &self.column),
            (Kind::Double, MeasureValue::Double(value)) if value.is_finite() => Ok(key_of(*value)),
            _ => Err(ModelError::CardValue {
                what: self.column.clone(),
                value: value.to_string(),
                expected: if self.is_exact() { "money as text, or an integer" } else { "a number with a point" },
            }),
        }
    }

    /// The key of a decimal number as people write it, `None` when it is none or has too many places.
    pub(crate) fn written(&self, text: &str) -> Option<i64> {
        match self.kind {
            Kind::Money(scale) => {
                let (whole, places) = text.split_once('.').unwrap_or((text, ""));
                if !whole.ends_with(|digit: char| digit.is_ascii_digit()) {
                    return None;
                }
                let places = places.trim_end_matches('0');
                let missing = usize::from(scale).checked_sub(places.len())?;
                format!("{whole}{places}{}", "0".repeat(missing)).parse().ok()
            }
            Kind::Whole => text.parse().ok(),
            Kind::Double => text.parse().ok().filter(|value: &f64| value.is_finite()).map(key_of),
        }
    }
}

/// A share from 0 to 1 in whole parts of [`SHARE_PARTS`].
#[expect(clippy::cast_possible_truncation, reason = "a share is from 0 to 1")]
pub(crate) fn share_parts(share: f64) -> i128 {
    (share * SHARE_PARTS as f64).round() as i128
}

fn doubles(values: impl Iterator<Item = Option<f64>>) -> Int64Array {
    values.map(|value| value.filter(|value| value.is_finite()).map(key_of)).collect()
}

/// The bits of a double, the negative ones turned round; −0 is 0.
fn key_of(value: f64) -> i64 {
    turned((value + 0.0).to_bits().cast_signed())
}

fn double_of(key: i64) -> f64 {
    f64::from_bits(turned(key).cast_unsigned())
}

fn turned(bits: i64) -> i64 {
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// A column of the names of numbers; `None` is NULL.
pub(crate) fn labels(names: &[&str], rows: impl Iterator<Item = Option<usize>>) -> ArrayRef {
    Arc::new(rows.map(|row| row.map(|number| names[number])).collect::<arrow::array::StringArray>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn measure(kind: Kind) -> Measure {
        Measure { column: "m".to_owned(), kind }
    }

    proptest! {
        #[test]
        fn doubles_sort_as_their_keys(a in any::<f64>(), b in any::<f64>()) {
            if a.is_finite() && b.is_finite() {
                prop_assert_eq!(key_of(a).cmp(&key_of(b)), (a + 0.0).total_cmp(&(b + 0.0)));
                prop_assert_eq!(double_of(key_of(a)), a);
                prop_assert_eq!(key_of(a) > 0, a > 0.0);
            }
        }

        #[test]
        fn values_come_back_from_a_card(key in any::<i64>()) {
            for kind in [Kind::Money(2), Kind::Whole, Kind::Double] {
                let measure = measure(kind);
                if kind != Kind::Double || double_of(key).is_finite() {
                    let text = serde_json::to_string(&measure.value(key)).unwrap();
                    let value: MeasureValue = serde_json::from_str(&text).unwrap();
                    prop_assert_eq!(measure.key(&value).unwrap(), key_of_or(kind, key), "{}", text);
                }
            }
        }
    }

    /// −0 is the one double with two keys.
    fn key_of_or(kind: Kind, key: i64) -> i64 {
        if kind == Kind::Double { key_of(double_of(key)) } else { key }
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let money = |text| measure(Kind::Money(2)).written(text);
        assert_eq!(["12", "12.5", "-0.50", "0.010"].map(money), [Some(1_200), Some(1_250), Some(-50), Some(1)]);
        assert_eq!(["12.345", "", "a", "1e3"].map(money), [None; 4]);
        assert_eq!((measure(Kind::Whole).written("7"), measure(Kind::Whole).written("7.5")), (Some(7), None));
        assert_eq!(measure(Kind::Double).written("0.5"), Some(key_of(0.5)));
    }
}
