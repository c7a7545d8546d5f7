//! The unit that amounts are counted in.

use crate::scalar::ScalarError;

/// Digits of DECIMAL columns that hold the money of one customer.
pub const CUSTOMER_PRECISION: u8 = 18;
/// Digits of DECIMAL columns that hold totals over many customers.
pub const TOTAL_PRECISION: u8 = 38;

/// The currency of a pipeline and the number of decimal places of its minor unit.
///
/// All amounts are integers of that minor unit inside appraise and `DECIMAL(18, scale)` outside: with
/// scale 2 and unit GBP, 12.34 is held as 1234.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    unit: String,
    scale: u8,
}

impl Money {
    /// Largest number of decimal places.
    pub const MAX_SCALE: u8 = 9;

    /// A currency `unit` with `scale` decimal places.
    ///
    /// # Errors
    /// When `unit` is blank or `scale` exceeds [`Money::MAX_SCALE`].
    pub fn new(unit: &str, scale: u8) -> Result<Self, ScalarError> {
        if unit.trim().is_empty() {
            return Err(ScalarError::new(unit, "a currency or unit such as `GBP` or `pence`"));
        }
        if scale > Self::MAX_SCALE {
            return Err(ScalarError::new(&scale.to_string(), "a number of decimal places from 0 to 9"));
        }
        Ok(Self { unit: unit.to_owned(), scale })
    }

    /// Name of the unit, for people and metadata.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Decimal places of the minor unit.
    #[must_use]
    pub fn scale(&self) -> u8 {
        self.scale
    }
}

/// Largest amount of minor units that fits DECIMAL(18, s), by absolute value.
pub const MAX_CUSTOMER_MINOR: i64 = 999_999_999_999_999_999;

/// `numerator / denominator`, rounded half to even, for a sum of money over a count.
/// A `denominator` below 1 gives 0: there is no mean of nothing.
#[inline]
#[must_use]
pub fn mean_half_even(numerator: i64, denominator: i64) -> i64 {
    if denominator < 1 {
        return 0;
    }
    let (quotient, remainder) = (numerator / denominator, (numerator % denominator).abs());
    let rest = denominator - remainder;
    let up = remainder > rest || (remainder == rest && quotient % 2 != 0);
    if up { quotient + numerator.signum() } else { quotient }
}

/// `numerator / denominator`, rounded half to even; `None` when `denominator` is 0.
#[must_use]
pub fn divide_half_even(numerator: i128, denominator: i128) -> Option<i128> {
    if denominator == 0 {
        return None;
    }
    let quotient = numerator.checked_div(denominator)?;
    let remainder = (numerator % denominator).unsigned_abs();
    let rest = denominator.unsigned_abs() - remainder;
    let up = remainder > rest || (remainder == rest && quotient % 2 != 0);
    let away = if (numerator < 0) == (denominator < 0) { 1 } else { -1 };
    Some(if up { quotient + away } else { quotient })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let halves = [(1, 2, 0), (3, 2, 2), (5, 2, 2), (-1, 2, 0), (-3, 2, -2), (3, -2, -2), (7, 3, 2), (8, 3, 3)];
        for (n, d, want) in halves {
            assert_eq!(divide_half_even(n, d), Some(want), "{n}/{d}");
        }
        assert_eq!(divide_half_even(1, 0), None);
    }

    proptest! {
        #[test]
        fn rounding_never_moves_by_more_than_half(n in -1_000_000_i128..1_000_000, d in 1_i128..1000) {
            let q = divide_half_even(n, d).unwrap();
            prop_assert!((2 * (n - q * d)).abs() <= d);
            let narrow = mean_half_even(i64::try_from(n).unwrap(), i64::try_from(d).unwrap());
            prop_assert_eq!(i128::from(narrow), q);
        }
    }
}
