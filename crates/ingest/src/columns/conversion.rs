//! Amounts of other currencies in the pipeline's.
//!
//! An integer or decimal amount is multiplied with the rate exactly and rounded once, half to even, to the pipeline's
//! minor unit; its own places are not rounded before. A float has no places of its own: its minor units are converted.

use appraise_schema::event::NO_MONEY;
use appraise_schema::{ExchangeRates, Rate};
use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, i256};
use arrow::error::ArrowError;

use super::Values;
use super::amount::{Amounts, Reading, rescale, shrink};
use super::id::{IdValues, Ids};
use super::time::Days;

/// The rate of the pipeline's own currency.
const ONE: Rate = Rate { unscaled: 1, scale: 0 };

/// The rate of every row; `None` where the currency or the date is not known, or there is no rate for them.
pub(crate) fn rates(rates: &ExchangeRates, unit: &str, currency: &Ids, days: &Days) -> Vec<Option<Rate>> {
    let rate = |row: usize, text: &str| {
        if text == unit { Some(ONE) } else { rates.in_force(text, days.day[row]) }
    };
    let known = |row: usize| currency.has(row) && days.has(row);
    (0..days.day.len())
        .map(|row| match &currency.values {
            _ if !known(row) => None,
            IdValues::Text(texts) => rate(row, texts.value(row)),
            IdValues::Integer(values) => rate(row, &values[row].to_string()),
        })
        .collect()
}

/// `amounts`, which were read from `values`, converted by the rate of each row.
pub(crate) fn convert(
    amounts: &Amounts,
    values: &Values,
    rates: &[Option<Rate>],
    scale: u8,
) -> Result<Amounts, ArrowError> {
    let digits = Digits::new(&values.array, amounts)?;
    let mut minor = amounts.minor.to_vec();
    let mut readings = amounts.readings.clone().unwrap_or_else(|| vec![Reading::Exact; minor.len()]);
    for (row, rate) in rates.iter().enumerate() {
        let read = !matches!(readings[row], Reading::Unreadable | Reading::NotFinite);
        if !read || amounts.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) || *rate == Some(ONE) {
            continue;
        }
        let Some(rate) = rate else {
            readings[row] = Reading::Unconverted;
            continue;
        };
        (minor[row], readings[row]) = match digits.times(row, *rate, scale) {
            // That a conversion rounds says nothing of the amount.
            Some(minor) => (minor, if digits.exact() { Reading::Exact } else { readings[row] }),
            None => (NO_MONEY, Reading::Overflow),
        };
    }
    let readings = readings.iter().any(|reading| *reading != Reading::Exact).then_some(readings);
    Ok(Amounts { minor: minor.into(), nulls: amounts.nulls.clone(), readings })
}

/// The digits of amounts before they are brought to minor units.
enum Digits<'a> {
    Narrow(ArrayRef, i8),
    Wide(&'a ArrayRef, i8),
    /// Floats are in minor units already.
    Minor(&'a Amounts),
}

impl<'a> Digits<'a> {
    fn new(array: &'a ArrayRef, amounts: &'a Amounts) -> Result<Self, ArrowError> {
        Ok(match array.data_type() {
            DataType::Decimal256(_, from) => Self::Wide(array, *from),
            DataType::Decimal32(_, from) | DataType::Decimal64(_, from) | DataType::Decimal128(_, from) => {
                Self::Narrow(cast(array, &DataType::Decimal128(38, *from))?, *from)
            }
            other if other.is_floating() => Self::Minor(amounts),
            _ => Self::Narrow(cast(array, &DataType::Decimal128(38, 0))?, 0),
        })
    }

    /// Whether no amount was rounded before it is converted.
    fn exact(&self) -> bool {
        !matches!(self, Self::Minor(_))
    }

    /// The amount of `row` times `rate` in minor units; `None` when it is too large.
    fn times(&self, row: usize, rate: Rate, scale: u8) -> Option<i64> {
        let (digits, from) = match self {
            Self::Narrow(array, from) => (array.as_primitive::<Decimal128Type>().value(row), i32::from(*from)),
            Self::Wide(array, from) => {
                let digits = array.as_primitive::<Decimal256Type>().value(row);
                return wide(digits, rate, i32::from(scale) - i32::from(*from) - i32::from(rate.scale));
            }
            Self::Minor(amounts) => (i128::from(amounts.get(row)?), i32::from(scale)),
        };
        let places = i32::from(scale) - from - i32::from(rate.scale);
        match digits.checked_mul(rate.unscaled) {
            Some(product) => match rescale(product, places) {
                (_, Reading::Overflow) => None,
                (minor, _) => Some(minor),
            },
            None => wide(i256::from_i128(digits), rate, places),
        }
    }
}

fn wide(digits: i256, rate: Rate, places: i32) -> Option<i64> {
    let product = digits.checked_mul(i256::from_i128(rate.unscaled))?;
    match product.to_i128() {
        Some(product) => match rescale(product, places) {
            (_, Reading::Overflow) => None,
            (minor, _) => Some(minor),
        },
        None => shrink(product, places).map(|(minor, _)| minor),
    }
}
