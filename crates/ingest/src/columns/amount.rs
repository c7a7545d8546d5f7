//! Amounts: from integers, decimals and floats to minor units.
//!
//! Integers are whole units. Decimals are rescaled, floats multiplied; both round half to even.

use appraise_schema::money::{MAX_CUSTOMER_MINOR, divide_half_even};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type, i256,
};
use arrow::error::ArrowError;

use super::{Values, nulls_of};

/// A float off its minor unit by less is exact (in minor units).
const EXACT_WITHIN: f64 = 1e-6;

/// What became of one amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reading {
    Exact,
    /// Rounded to the minor unit.
    Inexact,
    /// An expression overflowed or a CAST failed.
    Unreadable,
    NotFinite,
    Overflow,
    /// Of a currency that is not known, or has no rate.
    Unconverted,
}

/// A column of amounts in minor units of the pipeline's currency, signed as delivered.
#[derive(Debug, Clone)]
pub(crate) struct Amounts {
    /// Meaningless where NULL or not read.
    pub(crate) minor: ScalarBuffer<i64>,
    pub(crate) nulls: Option<NullBuffer>,
    /// What became of every row; `None` when all are exact. Meaningless where NULL.
    pub(crate) readings: Option<Vec<Reading>>,
}

impl Amounts {
    /// Brings `values` to `scale` decimal places.
    pub(crate) fn new(values: &Values, scale: u8) -> Result<Self, ArrowError> {
        let (minor, mut readings) = convert(&values.array, scale)?;
        if let Some(faults) = &values.faults {
            let readings = readings.get_or_insert_with(|| vec![Reading::Exact; minor.len()]);
            faults.set_indices().for_each(|row| readings[row] = Reading::Unreadable);
        }
        Ok(Self { minor, nulls: nulls_of(values.array.as_ref()), readings })
    }

    /// The amount of `row` when it can be read.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<i64> {
        let valid = self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let read = self.readings.as_ref().is_none_or(|r| matches!(r[row], Reading::Exact | Reading::Inexact));
        (valid && read).then(|| self.minor[row])
    }
}

type Converted = (ScalarBuffer<i64>, Option<Vec<Reading>>);

/// Whether amounts can have this type.
pub(crate) fn accepts(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_floating() && *data_type != DataType::Float16 || is_decimal(data_type)
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..)
    )
}

fn convert(array: &ArrayRef, scale: u8) -> Result<Converted, ArrowError> {
    Ok(match array.data_type() {
        DataType::Int8 => small::<Int8Type>(array, 0, scale),
        DataType::Int16 => small::<Int16Type>(array, 0, scale),
        DataType::Int32 => small::<Int32Type>(array, 0, scale),
        DataType::Int64 => small::<Int64Type>(array, 0, scale),
        DataType::UInt8 => small::<UInt8Type>(array, 0, scale),
        DataType::UInt16 => small::<UInt16Type>(array, 0, scale),
        DataType::UInt32 => small::<UInt32Type>(array, 0, scale),
        DataType::UInt64 => wide::<UInt64Type>(array, 0, scale, |value| Some(i128::from(value))),
        DataType::Decimal64(_, from) if i32::from(*from) == i32::from(scale) => shared(array),
        DataType::Decimal32(_, from) => small::<Decimal32Type>(array, *from, scale),
        DataType::Decimal64(_, from) => small::<Decimal64Type>(array, *from, scale),
        DataType::Decimal128(_, from) => wide::<Decimal128Type>(array, *from, scale, Some),
        DataType::Decimal256(_, from) => widest(array, *from, scale),
        DataType::Float32 => floats::<Float32Type>(array, scale, f64::from(f32::EPSILON)),
        DataType::Float64 => floats::<Float64Type>(array, scale, f64::EPSILON),
        other => return Err(ArrowError::CastError(format!("{other} is no amount"))),
    })
}

/// Already minor units in 64 bits: shared, after a look at the largest.
fn shared(array: &ArrayRef) -> Converted {
    let minor = array.as_primitive::<Decimal64Type>().values().clone();
    let largest = minor.iter().fold(0_u64, |largest, value| largest.max(value.unsigned_abs()));
    let readings = (largest > MAX_CUSTOMER_MINOR.unsigned_abs())
        .then(|| minor.iter().map(|&value| reading(within(i128::from(value)).is_some(), false)).collect());
    (minor, readings)
}

fn reading(fits: bool, rounded: bool) -> Reading {
    match (fits, rounded) {
        (false, _) => Reading::Overflow,
        (true, false) => Reading::Exact,
        (true, true) => Reading::Inexact,
    }
}

fn within(value: i128) -> Option<i64> {
    i64::try_from(value).ok().filter(|minor| minor.unsigned_abs() <= MAX_CUSTOMER_MINOR.unsigned_abs())
}

/// Numbers of at most 64 bits at `from` decimal places.
fn small<T>(array: &ArrayRef, from: i8, scale: u8) -> Converted
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    let values = array.as_primitive::<T>().values();
    let places = i32::from(scale) - i32::from(from);
    let factor = 10_i64.checked_pow(places.unsigned_abs());
    match factor {
        Some(factor) if places >= 0 => {
            let limit = MAX_CUSTOMER_MINOR / factor;
            collect(values, |&value| {
                let value: i64 = value.into();
                let fits = (-limit..=limit).contains(&value);
                (if fits { value * factor } else { 0 }, reading(fits, false))
            })
        }
        Some(factor) => collect(values, |&value| {
            let (minor, rounded) = divide(value.into(), factor);
            let fits = minor.unsigned_abs() <= MAX_CUSTOMER_MINOR.unsigned_abs();
            (if fits { minor } else { 0 }, reading(fits, rounded))
        }),
        None => collect(values, |&value| {
            let value: i64 = value.into();
            (0, reading(places < 0 || value == 0, places < 0 && value != 0))
        }),
    }
}

/// `value / factor` rounded half to even, and whether anything was cut off.
#[inline]
fn divide(value: i64, factor: i64) -> (i64, bool) {
    let (quotient, remainder) = (value / factor, value % factor);
    let (rest, part) = (factor.unsigned_abs() - remainder.unsigned_abs(), remainder.unsigned_abs());
    let up = part > rest || (part == rest && quotient % 2 != 0);
    (if up { quotient + value.signum() } else { quotient }, remainder != 0)
}

fn wide<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    from: i8,
    scale: u8,
    value_of: impl Fn(T::Native) -> Option<i128>,
) -> Converted {
    let places = i32::from(scale) - i32::from(from);
    collect(array.as_primitive::<T>().values(), |&value| match value_of(value) {
        Some(value) => rescale(value, places),
        None => (0, Reading::Overflow),
    })
}

/// `value` with `places` more decimal places.
pub(super) fn rescale(value: i128, places: i32) -> (i64, Reading) {
    let factor = 10_i128.checked_pow(places.unsigned_abs());
    let (minor, rounded) = match factor {
        Some(1) => (Some(value), false),
        Some(factor) if places > 0 => (value.checked_mul(factor), false),
        Some(factor) => (divide_half_even(value, factor), value % factor != 0),
        None if places > 0 => ((value == 0).then_some(0), false),
        None => (Some(0), value != 0),
    };
    let minor = minor.and_then(within);
    (minor.unwrap_or(0), reading(minor.is_some(), rounded))
}

fn widest(array: &ArrayRef, from: i8, scale: u8) -> Converted {
    let places = i32::from(scale) - i32::from(from);
    collect(array.as_primitive::<Decimal256Type>().values(), |&value| match value.to_i128() {
        Some(value) => rescale(value, places),
        None => shrink(value, places).unwrap_or((0, Reading::Overflow)),
    })
}

/// A value beyond 128 bits that becomes small enough by losing places; `None` when it does not.
pub(super) fn shrink(value: i256, places: i32) -> Option<(i64, Reading)> {
    let factor = i256::from_i128(10).checked_pow(places.checked_neg().and_then(|p| u32::try_from(p).ok())?)?;
    let quotient = value.checked_div(factor)?;
    let remainder = value.checked_rem(factor)?.wrapping_abs();
    let rest = factor.checked_sub(remainder)?;
    let quotient = quotient.to_i128()?;
    let up = remainder > rest || (remainder == rest && quotient % 2 != 0);
    let away = if value.is_negative() { -1 } else { 1 };
    let minor = within(if up { quotient + away } else { quotient })?;
    Some((minor, reading(true, remainder != i256::ZERO)))
}

/// Floats: the product with 10^scale, rounded half to even. A product off a whole number by no more than
/// [`EXACT_WITHIN`], or by no more than two units in the last place of the type, is exact.
fn floats<T>(array: &ArrayRef, scale: u8, epsilon: f64) -> Converted
where
    T: ArrowPrimitiveType,
    T::Native: Into<f64>,
{
    let factor = 10_f64.powi(i32::from(scale));
    collect(array.as_primitive::<T>().values(), |&value| {
        let value: f64 = value.into();
        let product = value * factor;
        let rounded = product.round_ties_even();
        // 10^18 is one more than the largest amount, and exact as a double.
        let fits = rounded.abs() < 1e18;
        let off = (product - rounded).abs() > EXACT_WITHIN.max(product.abs() * epsilon * 2.0);
        let what = if value.is_finite() { reading(fits, off) } else { Reading::NotFinite };
        #[expect(clippy::cast_possible_truncation, reason = "whole and within range, else not used")]
        let minor = if fits { rounded as i64 } else { 0 };
        (minor, what)
    })
}

/// Converts every value; the readings are built only when one is not exact.
#[inline]
fn collect<V>(values: &[V], convert: impl Fn(&V) -> (i64, Reading)) -> Converted {
    let mut exact = true;
    let minor: Vec<i64> = values
        .iter()
        .map(|value| {
            let (minor, reading) = convert(value);
            exact &= reading == Reading::Exact;
            minor
        })
        .collect();
    let readings = (!exact).then(|| values.iter().map(|value| convert(value).1).collect());
    (minor.into(), readings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Decimal128Array, Decimal256Array, Float64Array, Int64Array};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn read(array: ArrayRef, scale: u8) -> Vec<(i64, Reading)> {
        let amounts = Amounts::new(&Values { array, faults: None }, scale).unwrap();
        let reading = |row: usize| amounts.readings.as_ref().map_or(Reading::Exact, |readings| readings[row]);
        (0..amounts.minor.len()).map(|row| (amounts.minor[row], reading(row))).collect()
    }

    #[test]
    fn floats_round_half_to_even_and_say_when_they_were_off() {
        let values = vec![0.125, 0.135, -0.125, 12.34, 2.675, 1e16, f64::NAN, f64::INFINITY, 999_999.99];
        let got = read(Arc::new(Float64Array::from(values)), 2);
        let want = [
            (12, Reading::Inexact),
            (14, Reading::Inexact),
            (-12, Reading::Inexact),
            (1234, Reading::Exact),
            (268, Reading::Inexact),
            (0, Reading::Overflow),
            (0, Reading::NotFinite),
            (0, Reading::NotFinite),
            (99_999_999, Reading::Exact),
        ];
        assert_eq!(got, want);
        assert_eq!(read(Arc::new(Float64Array::from(vec![2.675])), 3), [(2675, Reading::Exact)]);
    }

    #[test]
    fn integers_are_whole_units() {
        let values = vec![5, -7, 9_999_999_999_999_999, 10_000_000_000_000_000, i64::MIN];
        let got = read(Arc::new(Int64Array::from(values)), 2);
        let overflow = (0, Reading::Overflow);
        assert_eq!(got[..2], [(500, Reading::Exact), (-700, Reading::Exact)]);
        assert_eq!(got[2..], [(999_999_999_999_999_900, Reading::Exact), overflow, overflow]);
    }

    #[test]
    fn decimals_beyond_128_bits_are_read_when_their_places_go() {
        let huge = i256::from_i128(10).wrapping_pow(45);
        let array = Decimal256Array::from(vec![huge, huge.wrapping_neg()]).with_precision_and_scale(60, 30).unwrap();
        let want = 1_000_000_000_000_000 * 100;
        assert_eq!(read(Arc::new(array), 2), [(want, Reading::Exact), (-want, Reading::Exact)]);
    }

    proptest! {
        #[test]
        fn narrow_and_wide_decimals_agree(
            value in -999_999_999_999_i64..999_999_999_999,
            from in 0_i8..12,
            to in 0_u8..9,
        ) {
            let narrow = arrow::array::Decimal64Array::from(vec![value]).with_precision_and_scale(18, from).unwrap();
            let wide = Decimal128Array::from(vec![i128::from(value)]).with_precision_and_scale(38, from).unwrap();
            let narrow = read(Arc::new(narrow), to);
            prop_assert_eq!(&narrow, &read(Arc::new(wide), to));
            let (minor, reading) = narrow[0];
            if reading != Reading::Overflow {
                // |minor / 10^to − value / 10^from| ≤ half a minor unit, in integers.
                let left = i128::from(minor) * 10_i128.pow(u32::from(from.unsigned_abs()));
                let right = i128::from(value) * 10_i128.pow(u32::from(to));
                prop_assert!(2 * (left - right).abs() <= 10_i128.pow(u32::from(from.unsigned_abs())));
                prop_assert_eq!(reading == Reading::Exact, left == right);
            }
        }
    }
}
