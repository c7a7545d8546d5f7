//! The error of every validated scalar, and scalars too small for a file of their own.

use std::fmt;
use std::str::FromStr;

/// A text that is not a valid value of a scalar type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not {expected}")]
pub struct ScalarError {
    /// The text as it was given.
    pub value: String,
    /// What would have been right, to be read behind "is not".
    pub expected: &'static str,
}

impl ScalarError {
    /// Builds the error for `value`; `expected` reads behind "is not", as in "a date such as 2024-12-31".
    #[must_use]
    pub fn new(value: &str, expected: &'static str) -> Self {
        Self { value: value.to_owned(), expected }
    }
}

/// A share of a whole, from 0 to 1. Written `2%`, `0.5%` or `0.02`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// Nothing of the whole.
    pub const ZERO: Self = Self(0.0);

    /// One half of the whole.
    pub const HALF: Self = Self(0.5);

    const EXPECTED: &'static str = "a share from 0% to 100%, such as `2%` or `0.02`";

    /// A share from a fraction in `[0, 1]`.
    ///
    /// # Errors
    /// When `fraction` is NaN or lies outside `[0, 1]`.
    pub fn from_fraction(fraction: f64) -> Result<Self, ScalarError> {
        if (0.0..=1.0).contains(&fraction) {
            Ok(Self(fraction))
        } else {
            Err(ScalarError::new(&fraction.to_string(), Self::EXPECTED))
        }
    }

    /// The share as a fraction in `[0, 1]`.
    #[must_use]
    pub fn fraction(self) -> f64 {
        self.0
    }
}

/// What money a year later is worth less: 0.1 is 10 %. Written `10%/y`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct DiscountRate(f64);

impl DiscountRate {
    /// 10 % a year.
    pub const TENTH: Self = Self(0.1);

    /// The rate a year as a fraction.
    #[must_use]
    pub fn per_year(self) -> f64 {
        self.0
    }
}

impl FromStr for DiscountRate {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let error = || ScalarError::new(text, "a yearly rate such as `10%/y`, from 0%/y to 999%/y");
        let digits = text.strip_suffix("%/y").ok_or_else(error)?;
        let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain =
            |digits: &str, most| (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let percent = digits.parse::<f64>().ok().filter(|_| plain(whole, 3) && plain(places, 6));
        percent.map(|percent| Self(percent / 100.0)).ok_or_else(error)
    }
}

impl fmt::Display for DiscountRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Percent with at most six places come back as they were written.
        write!(f, "{}%/y", (self.0 * 1e8).round() / 1e6)
    }
}

impl FromStr for Share {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let error = || ScalarError::new(text, Self::EXPECTED);
        let trimmed = text.trim();
        let (digits, divisor) = match trimmed.strip_suffix('%') {
            Some(digits) => (digits.trim_end(), 100.0),
            None => (trimmed, 1.0),
        };
        let number: f64 = digits.parse().map_err(|_| error())?;
        Self::from_fraction(number / divisor).map_err(|_| error())
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0 * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_as_percent_or_fraction() {
        assert_eq!("2%".parse::<Share>().unwrap().fraction(), 0.02);
        assert_eq!("0.02".parse::<Share>().unwrap().fraction(), 0.02);
        assert_eq!("100 %".parse::<Share>().unwrap().fraction(), 1.0);
    }

    #[test]
    fn a_discount_rate_is_percent_a_year_and_is_written_as_it_was_read() {
        for (text, rate) in [("10%/y", 0.1), ("0%/y", 0.0), ("7.25%/y", 0.0725)] {
            let read: DiscountRate = text.parse().unwrap();
            assert_eq!((read.per_year(), read.to_string()), (rate, text.to_owned()));
        }
        for text in ["10%", "-1%/y", "%/y", "1e1%/y", "1.%/y", "1000%/y", ".5%/y"] {
            assert!(text.parse::<DiscountRate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_outside_the_whole_is_refused() {
        for text in ["101%", "-1%", "NaN", "", "%", "two"] {
            let error = text.parse::<Share>().unwrap_err();
            assert!(error.to_string().contains("is not a share"), "{error}");
        }
    }
}
