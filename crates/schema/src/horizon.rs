//! How far ahead a value reaches.

use std::fmt;
use std::str::FromStr;

use crate::scalar::ScalarError;

/// A span of time ahead. Written `90d`, `13w`, `24mo` or `2y`; a year is 12 months, 365.25 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    count: u32,
    unit: Unit,
}

/// What a horizon counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Days,
    Weeks,
    Months,
    Years,
}

impl Horizon {
    /// One year.
    pub const YEAR: Self = Self { count: 12, unit: Unit::Months };

    const EXPECTED: &'static str = "a horizon such as `24mo`, `90d`, `13w` or `2y`, of 1 to 9999 units";

    /// So many days.
    ///
    /// # Errors
    /// When there are none, or more than 9999.
    pub fn from_days(days: u32) -> Result<Self, ScalarError> {
        format!("{days}d").parse()
    }

    /// Its length in days.
    #[must_use]
    pub fn days(self) -> f64 {
        365.25 * self.years()
    }

    /// The nearest number of days, at least one.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a horizon has at most 9999 years")]
    pub fn whole_days(self) -> u32 {
        self.days().round().max(1.0) as u32
    }

    /// Its length in years.
    #[must_use]
    pub fn years(self) -> f64 {
        let count = f64::from(self.count);
        match self.unit {
            Unit::Days => count / 365.25,
            Unit::Weeks => 7.0 * count / 365.25,
            Unit::Months => count / 12.0,
            Unit::Years => count,
        }
    }
}

impl FromStr for Horizon {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let error = || ScalarError::new(text, Self::EXPECTED);
        let digits = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
        let unit = match &text[digits.len()..] {
            "d" => Unit::Days,
            "w" => Unit::Weeks,
            "mo" => Unit::Months,
            "y" => Unit::Years,
            _ => return Err(error()),
        };
        let plain = digits.len() <= 4 && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
        let count = digits.parse().ok().filter(|_| plain).ok_or_else(error)?;
        Ok(Self { count, unit })
    }
}

impl fmt::Display for Horizon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Days => "d",
            Unit::Weeks => "w",
            Unit::Months => "mo",
            Unit::Years => "y",
        };
        write!(f, "{}{unit}", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_horizon_is_a_number_of_days_weeks_months_or_years() {
        let years = |text: &str| text.parse::<Horizon>().map(Horizon::years);
        assert_eq!(years("24mo"), Ok(2.0));
        assert_eq!(years("2y"), Ok(2.0));
        assert_eq!(years("1461d"), Ok(4.0));
        assert_eq!(years("1461w"), Ok(28.0));
        for text in ["0mo", "012mo", "mo", "12", "12m", "-1y", "10000d", "1.5y", "12 mo", "+1y", ""] {
            assert!(text.parse::<Horizon>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_horizon_is_written_as_it_was_read() {
        for text in ["90d", "13w", "24mo", "9999y"] {
            assert_eq!(text.parse::<Horizon>().map(|horizon| horizon.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Horizon::YEAR.years(), 1.0);
    }
}
