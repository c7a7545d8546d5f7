//! The date of a run.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};

use crate::scalar::ScalarError;

/// Days from 1970-01-01 to `date`; negative before.
#[must_use]
pub fn epoch_day(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 719_163
}

/// The calendar date `day` days after 1970-01-01, when it lies in the years 0001 to 9999.
#[must_use]
pub fn date_of(day: i32) -> Option<NaiveDate> {
    day.checked_add(719_163)
        .and_then(NaiveDate::from_num_days_from_ce_opt)
        .filter(|date| (1..=9999).contains(&date.year()))
}

/// First day of the years that appraise accepts (0001-01-01), in days since 1970-01-01.
pub const FIRST_DAY: i32 = -719_162;
/// Last day of the years that appraise accepts (9999-12-31), in days since 1970-01-01.
pub const LAST_DAY: i32 = 2_932_896;

/// The calendar date that a run values customers at. Events of that day still count.
///
/// It always comes from the caller: nothing in appraise asks the clock what day it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AsOf(NaiveDate);

impl AsOf {
    /// The date.
    #[must_use]
    pub fn date(self) -> NaiveDate {
        self.0
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub fn day(self) -> i32 {
        epoch_day(self.0)
    }
}

impl FromStr for AsOf {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let error = || ScalarError::new(text, "a calendar date such as 2024-12-31, from year 0001 to 9999");
        let shape = text.len() == 10
            && text.bytes().enumerate().all(|(i, b)| match i {
                4 | 7 => b == b'-',
                _ => b.is_ascii_digit(),
            });
        if !shape {
            return Err(error());
        }
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .filter(|date| (1..=9999).contains(&date.year()))
            .map(Self)
            .ok_or_else(error)
    }
}

impl fmt::Display for AsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_the_first_and_last_day_of_years_1_and_9999() {
        assert_eq!(epoch_day(NaiveDate::from_ymd_opt(1, 1, 1).unwrap()), FIRST_DAY);
        assert_eq!(epoch_day(NaiveDate::from_ymd_opt(9999, 12, 31).unwrap()), LAST_DAY);
        assert_eq!(date_of(FIRST_DAY - 1), None);
        assert_eq!(date_of(LAST_DAY + 1), None);
        assert_eq!(date_of(i32::MAX), None);
        assert_eq!(date_of(0), NaiveDate::from_ymd_opt(1970, 1, 1));
    }

    #[test]
    fn only_a_whole_iso_date_is_an_as_of() {
        assert_eq!("1913-12-31".parse::<AsOf>().unwrap().day(), -20_455);
        for text in ["1913-12-1", "1913-02-29", "0000-01-01", "today", "1913-12-31T00:00", "+913-12-31"] {
            assert!(text.parse::<AsOf>().is_err(), "{text}");
        }
    }
}
