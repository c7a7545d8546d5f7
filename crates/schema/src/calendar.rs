//! Purchase periods, time units and trailing windows.

use std::fmt;
use std::str::FromStr;

use chrono::Datelike;

use crate::as_of::date_of;
use crate::scalar::ScalarError;

/// The stretch of time in which all purchases of a customer count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PurchasePeriod {
    /// A calendar day.
    Day,
    /// An ISO week, Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
}

impl PurchasePeriod {
    /// Index of the period that holds `day` (days since 1970-01-01). Consecutive periods have consecutive
    /// indices; days outside the years 0001–9999 are clamped to them.
    #[inline]
    #[must_use]
    pub fn index(self, day: i32) -> i32 {
        match self {
            Self::Day => day,
            // 1970-01-01 was a Thursday: three days after the Monday of its ISO week.
            Self::Week => (day + 3).div_euclid(7),
            Self::Month => match date_of(day) {
                Some(date) => (date.year() - 1970) * 12 + date.month0().cast_signed(),
                None => 0,
            },
        }
    }

    /// Length of one period in days; a month is 365.25 / 12.
    #[inline]
    #[must_use]
    pub fn length_days(self) -> f64 {
        match self {
            Self::Day => 1.0,
            Self::Week => 7.0,
            Self::Month => 30.4375,
        }
    }
}

/// The stretch of time whose spend is compared with that of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpendPeriod {
    /// An ISO week, Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar quarter.
    Quarter,
    /// A calendar year.
    Year,
}

impl SpendPeriod {
    /// Index of the period that holds `day` (days since 1970-01-01). Consecutive periods have consecutive indices.
    #[inline]
    #[must_use]
    pub fn index(self, day: i32) -> i32 {
        match self {
            Self::Week => PurchasePeriod::Week.index(day),
            Self::Month => PurchasePeriod::Month.index(day),
            Self::Quarter => PurchasePeriod::Month.index(day).div_euclid(3),
            Self::Year => PurchasePeriod::Month.index(day).div_euclid(12),
        }
    }

    /// Index of the first period that is not over at the end of `day`.
    #[must_use]
    pub fn first_incomplete(self, day: i32) -> i32 {
        let index = self.index(day);
        index + i32::from(self.index(day.saturating_add(1)) != index)
    }

    /// The period's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }
}

/// The number of the quarter that holds `day`, counted back from `as_of`: 0 for the latest, which ends with `as_of`. A quarter is
/// three months of 365.25 / 12 days, so it is ⌊16 · (`as_of` − day) / 1461⌋; 0 for later days, too.
#[inline]
#[must_use]
pub fn quarters_ago(as_of: i32, day: i32) -> u32 {
    let days = (i64::from(as_of) - i64::from(day)).max(0);
    u32::try_from(16 * days / 1461).unwrap_or(u32::MAX)
}

/// The unit of `recency` and `customer_age`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// One day.
    Day,
    /// Seven days.
    Week,
}

impl TimeUnit {
    /// Days in one unit.
    #[must_use]
    pub fn days(self) -> f64 {
        match self {
            Self::Day => 1.0,
            Self::Week => 7.0,
        }
    }

    /// The unit's name in column metadata.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "days",
            Self::Week => "weeks",
        }
    }
}

/// A trailing window of N days: the days in `(as_of − N, as_of]`. Written `90d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowDays(u32);

impl WindowDays {
    /// Longest window: ten times 365 days and a leap week.
    pub const MAX: u32 = 3_660;

    /// Number of days.
    #[must_use]
    pub fn days(self) -> u32 {
        self.0
    }
}

impl FromStr for WindowDays {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let error = || ScalarError::new(text, "a window in days such as `90d`, from 1d to 3660d");
        let digits = text.strip_suffix('d').ok_or_else(error)?;
        if digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        match digits.parse::<u32>() {
            Ok(days) if (1..=Self::MAX).contains(&days) => Ok(Self(days)),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for WindowDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::as_of::epoch_day;
    use chrono::NaiveDate;

    fn day(y: i32, m: u32, d: u32) -> i32 {
        epoch_day(NaiveDate::from_ymd_opt(y, m, d).unwrap())
    }

    #[test]
    fn iso_weeks_begin_on_monday_before_and_after_1970() {
        let week = |d| PurchasePeriod::Week.index(d);
        assert_eq!(week(day(1970, 1, 4)), week(day(1970, 1, 1)));
        assert_eq!(week(day(1970, 1, 5)), week(day(1970, 1, 1)) + 1);
        assert_eq!(week(day(1969, 12, 29)), week(day(1970, 1, 1)));
        assert_eq!(week(day(1969, 12, 28)), week(day(1970, 1, 1)) - 1);
    }

    #[test]
    fn months_are_consecutive_across_years() {
        let month = |d| PurchasePeriod::Month.index(d);
        assert_eq!(month(day(1970, 1, 31)), 0);
        assert_eq!(month(day(1969, 12, 31)), -1);
        assert_eq!(month(day(2024, 1, 1)) - month(day(2023, 12, 31)), 1);
        assert_eq!(month(day(1, 1, 1)), -1969 * 12);
    }

    #[test]
    fn a_spend_period_is_complete_at_the_end_of_its_last_day() {
        use SpendPeriod::{Month, Quarter, Week, Year};
        for period in [Month, Quarter, Year] {
            let new_year = period.index(day(2024, 1, 1));
            assert_eq!(period.index(day(2023, 12, 31)), new_year - 1);
            assert_eq!(period.first_incomplete(day(2023, 12, 31)), new_year);
            assert_eq!(period.first_incomplete(day(2023, 12, 30)), new_year - 1);
            assert_eq!(period.first_incomplete(day(9999, 12, 31)), period.index(day(9999, 12, 31)) + 1);
        }
        assert_eq!(Quarter.index(day(1969, 12, 31)), -1);
        assert_eq!(Quarter.index(day(2024, 6, 30)) + 1, Quarter.index(day(2024, 7, 1)));
        assert_eq!(Week.first_incomplete(day(2024, 1, 7)), Week.index(day(2024, 1, 8)));
        assert_eq!(Week.first_incomplete(day(2024, 1, 6)), Week.index(day(2024, 1, 6)));
    }

    #[test]
    fn four_quarters_are_a_year_and_sixteen_leave_no_rest() {
        for (days, quarter) in
            [(0, 0), (91, 0), (92, 1), (182, 1), (183, 2), (365, 3), (366, 4), (1460, 15), (1461, 16)]
        {
            assert_eq!(quarters_ago(20_000, 20_000 - days), quarter, "{days}");
        }
        assert_eq!(quarters_ago(0, 5), 0);
        assert_eq!(quarters_ago(i32::MAX, i32::MIN), 47_035_918);
    }

    #[test]
    fn a_window_is_a_positive_number_of_days() {
        assert_eq!("90d".parse::<WindowDays>().unwrap().days(), 90);
        for text in ["0d", "90", "d", "-1d", "090d", "3661d", "1y"] {
            assert!(text.parse::<WindowDays>().is_err(), "{text}");
        }
    }
}
