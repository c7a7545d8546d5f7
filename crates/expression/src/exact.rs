//! Exact arithmetic on integers and decimals: checked `i128` on unscaled values, at most 38 digits.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Decimal128Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Decimal128Type, Float64Type};

use appraise_schema::money::divide_half_even;

use crate::column::{Column, Outcome, collect_boolean, collect_exact, collect_numbers};
use crate::tree::{Comparison, Operation};

/// One more than the largest exact number: 10^38.
const LIMIT: i128 = 10_i128.pow(38);

/// The powers of ten that fit 128 bits.
const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// 10^`exponent`, if it fits 128 bits.
pub(crate) fn power_of_ten(exponent: u32) -> Option<i128> {
    POWERS.get(usize::try_from(exponent).ok()?).copied()
}

/// `left` * `right`, if it fits 128 bits.
fn product(left: i128, right: i128) -> Option<i128> {
    match (i64::try_from(left), i64::try_from(right)) {
        // The product of 64-bit numbers always fits, and needs no call.
        (Ok(left), Ok(right)) => Some(i128::from(left) * i128::from(right)),
        _ => left.checked_mul(right),
    }
}

/// `value` if it has at most 38 digits.
pub(crate) fn within_limit(value: i128) -> Option<i128> {
    (-LIMIT < value && value < LIMIT).then_some(value)
}

/// `value` at another scale, rounded half to even where digits are lost.
pub(crate) fn rescale(value: i128, from: u8, to: u8) -> Option<i128> {
    if to == from {
        return within_limit(value);
    }
    if to > from {
        return within_limit(product(value, power_of_ten(u32::from(to - from))?)?);
    }
    // Beyond 10^38 nothing is left of any value.
    divide_half_even(value, power_of_ten(u32::from(from - to))?)
}

/// The double nearest to `value` / 10^`scale`.
pub(crate) fn to_double(value: i128, scale: u8) -> f64 {
    if scale == 0 {
        return value as f64;
    }
    // Both sides are doubles without loss, so that one division rounds once.
    if value.unsigned_abs() <= 1 << 53 && scale <= 22 {
        return value as f64 / 10_f64.powi(i32::from(scale));
    }
    format!("{value}e-{scale}").parse().unwrap_or(f64::NAN)
}

/// Compares numbers of different scales; never overflows.
fn compare(left: (i128, u8), right: (i128, u8)) -> Ordering {
    if left.1 == right.1 {
        return left.0.cmp(&right.0);
    }
    let scaled = |value: i128, by: u8| {
        let by = power_of_ten(u32::from(by)).and_then(|power| product(value, power));
        by.unwrap_or(if value < 0 { i128::MIN } else { i128::MAX })
    };
    let (left_scale, right_scale) = (left.1, right.1);
    let left = scaled(left.0, right_scale.saturating_sub(left_scale));
    left.cmp(&scaled(right.0, left_scale.saturating_sub(right_scale)))
}

/// A column of exact numbers.
#[derive(Clone, Copy)]
struct Numbers<'a> {
    values: &'a [i128],
    nulls: Option<&'a NullBuffer>,
    scale: u8,
}

impl<'a> Numbers<'a> {
    fn of(array: &'a ArrayRef) -> Result<Self, String> {
        let array: &Decimal128Array =
            array.as_primitive_opt::<Decimal128Type>().ok_or("an exact number was expected")?;
        Ok(Self { values: array.values(), nulls: array.nulls(), scale: array.scale().unsigned_abs() })
    }

    fn get(self, row: usize) -> Option<i128> {
        self.nulls.is_none_or(|nulls| nulls.is_valid(row)).then(|| self.values[row])
    }
}

/// Applies an operator of one operand; `digits` is what ROUND keeps after the point.
pub(crate) fn unary(operation: Operation, operand: &Column, digits: i32, scale: u8) -> Result<Column, String> {
    let numbers = Numbers::of(&operand.values)?;
    let compute = |value: i128| match operation {
        Operation::Negate => Some(-value),
        Operation::Abs => Some(value.abs()),
        Operation::Floor => Some(value.div_euclid(power_of_ten(u32::from(numbers.scale))?)),
        Operation::Ceil => Some(-(-value).div_euclid(power_of_ten(u32::from(numbers.scale))?)),
        _ => round(value, numbers.scale, digits),
    };
    let rows = numbers.values.len();
    let computed = collect_exact(rows, scale, |row| match numbers.get(row) {
        Some(value) => Outcome::or_fault(compute(value)),
        None => Outcome::Null,
    })?;
    Ok(computed.with_faults(operand.faults.as_ref()))
}

/// `value` rounded half to even at `digits` after the point, at the lesser of both scales (0 at least).
fn round(value: i128, scale: u8, digits: i32) -> Option<i128> {
    let dropped = i32::from(scale) - digits;
    if dropped <= 0 {
        return Some(value);
    }
    let Some(unit) = power_of_ten(dropped.unsigned_abs()) else {
        return Some(0);
    };
    let rounded = divide_half_even(value, unit)?;
    let zeros = power_of_ten(digits.min(0).unsigned_abs())?;
    within_limit(rounded.checked_mul(zeros)?)
}

/// Applies `+`, `-`, `*` or `%`.
pub(crate) fn arithmetic(operation: Operation, left: &Column, right: &Column, scale: u8) -> Result<Column, String> {
    let (a, b) = (Numbers::of(&left.values)?, Numbers::of(&right.values)?);
    let raise = |of: Numbers| power_of_ten(u32::from(scale.saturating_sub(of.scale))).unwrap_or(LIMIT);
    let (raise_a, raise_b) = (raise(a), raise(b));
    let compute = |x: i128, y: i128| {
        if operation == Operation::Multiply {
            return product(x, y).and_then(within_limit);
        }
        let (x, y) = (product(x, raise_a)?, product(y, raise_b)?);
        let result = match operation {
            Operation::Add => x.checked_add(y),
            Operation::Subtract => x.checked_sub(y),
            _ => x.checked_rem(y),
        };
        result.and_then(within_limit)
    };
    let computed = collect_exact(a.values.len(), scale, |row| match (a.get(row), b.get(row)) {
        (Some(_), Some(0)) if operation == Operation::Remainder => Outcome::Null,
        (Some(x), Some(y)) => Outcome::or_fault(compute(x, y)),
        _ => Outcome::Null,
    })?;
    Ok(computed.with_faults(left.faults.as_ref()).with_faults(right.faults.as_ref()))
}

/// `left` / `right` as a double; NULL where `right` is 0.
pub(crate) fn divide(left: &Column, right: &Column) -> Result<Column, String> {
    let (a, b) = (Numbers::of(&left.values)?, Numbers::of(&right.values)?);
    let scale = a.scale.max(b.scale);
    let quotient = |x: i128, y: i128| match (rescale(x, a.scale, scale), rescale(y, b.scale, scale)) {
        (Some(x), Some(y)) => to_double(x, 0) / to_double(y, 0),
        _ => to_double(x, a.scale) / to_double(y, b.scale),
    };
    let (values, faults) = collect_numbers::<Float64Type>(a.values.len(), |row| match (a.get(row), b.get(row)) {
        (Some(x), Some(y)) if y != 0 => Outcome::Value(quotient(x, y)),
        _ => Outcome::Null,
    });
    let computed = Column { values: Arc::new(values), faults };
    Ok(computed.with_faults(left.faults.as_ref()).with_faults(right.faults.as_ref()))
}

/// Compares exact numbers of any scales.
pub(crate) fn comparison(comparison: Comparison, left: &Column, right: &Column) -> Result<Column, String> {
    let (a, b) = (Numbers::of(&left.values)?, Numbers::of(&right.values)?);
    let holds = |ordering: Ordering| match comparison {
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual | Comparison::Distinct => ordering.is_ne(),
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
    };
    let computed = collect_boolean(a.values.len(), |row| match (a.get(row), b.get(row)) {
        (Some(x), Some(y)) => Outcome::Value(holds(compare((x, a.scale), (y, b.scale)))),
        (x, y) if comparison == Comparison::Distinct => Outcome::Value(x.is_some() != y.is_some()),
        _ => Outcome::Null,
    });
    Ok(computed.with_faults(left.faults.as_ref()).with_faults(right.faults.as_ref()))
}

/// `value IN (list)`: NULL where nothing is equal but something is NULL.
pub(crate) fn among(value: &Column, list: &[Column]) -> Result<Column, String> {
    let number = Numbers::of(&value.values)?;
    let items = list.iter().map(|item| Numbers::of(&item.values)).collect::<Result<Vec<_>, _>>()?;
    let mut computed = collect_boolean(number.values.len(), |row| {
        let Some(x) = number.get(row) else {
            return Outcome::Null;
        };
        let mut unknown = false;
        for item in &items {
            match item.get(row) {
                Some(y) if compare((x, number.scale), (y, item.scale)).is_eq() => return Outcome::Value(true),
                Some(_) => {}
                None => unknown = true,
            }
        }
        if unknown { Outcome::Null } else { Outcome::Value(false) }
    });
    for column in list.iter().chain([value]) {
        computed = computed.with_faults(column.faults.as_ref());
    }
    Ok(computed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rescaling_rounds_half_to_even_and_stops_at_38_digits() {
        assert_eq!(rescale(125, 2, 1), Some(12));
        assert_eq!(rescale(-135, 2, 1), Some(-14));
        assert_eq!(rescale(1, 0, 37), Some(10_i128.pow(37)));
        assert_eq!(rescale(10, 0, 37), None);
        assert_eq!(rescale(i128::from(i64::MAX), 38, 0), Some(0));
    }

    #[test]
    fn rounding_keeps_zeros_before_the_point() {
        assert_eq!(round(1250, 1, -1), Some(120));
        assert_eq!(round(250, 0, -2), Some(200));
        assert_eq!(round(255, 2, 1), Some(26));
        assert_eq!(round(255, 2, 5), Some(255));
        assert_eq!(round(9, 38, -38), Some(0));
    }

    #[test]
    fn comparison_is_exact_where_aligning_would_overflow() {
        assert_eq!(compare((LIMIT - 1, 0), (1, 38)), Ordering::Greater);
        assert_eq!(compare((1 - LIMIT, 0), (LIMIT - 1, 38)), Ordering::Less);
        assert_eq!(compare((10, 1), (1, 0)), Ordering::Equal);
        assert_eq!(compare((0, 38), (0, 0)), Ordering::Equal);
    }

    #[test]
    fn doubles_are_the_nearest() {
        assert_eq!(to_double(25, 1), 2.5);
        assert_eq!(to_double(1, 30), 1e-30);
        assert_eq!(to_double(9_007_199_254_740_993_000, 3), 9_007_199_254_740_993_f64);
    }
}
