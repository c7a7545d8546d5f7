//! The date of a run, or a range of them.

use std::str::FromStr;

use appraise_pipeline::backfill::day_after;
use appraise_schema::{AsOf, ScalarError};

/// Between the first and the last date of a range.
const TO: &str = "..";

/// One date, `2026-01-31`, or all dates from the first to the last, `2026-01-01..2026-01-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dates {
    first: AsOf,
    last: AsOf,
    is_range: bool,
}

impl Dates {
    /// Whether a range was written, be it of one date.
    pub(crate) fn is_range(self) -> bool {
        self.is_range
    }

    /// The first date.
    pub(crate) fn first(self) -> AsOf {
        self.first
    }

    /// The dates, from the first on.
    pub(crate) fn iter(self) -> impl Iterator<Item = AsOf> {
        std::iter::successors(Some(self.first), |date| day_after(*date)).take_while(move |date| *date <= self.last)
    }
}

impl FromStr for Dates {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let Some((first, last)) = text.split_once(TO) else {
            let date = text.parse()?;
            return Ok(Self { first: date, last: date, is_range: false });
        };
        let (first, last) = (first.parse()?, last.parse()?);
        if first > last {
            return Err(ScalarError::new(text, "a range: its first date stands before its last"));
        }
        Ok(Self { first, last, is_range: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_both_ends_and_every_date_between() {
        let dates = |text: &str| text.parse::<Dates>().unwrap().iter().map(|date| date.to_string()).collect::<Vec<_>>();
        assert_eq!(dates("2024-02-28..2024-03-01"), ["2024-02-28", "2024-02-29", "2024-03-01"]);
        assert_eq!(dates("2024-12-31..2024-12-31"), dates("2024-12-31"));
        assert_eq!(dates("9999-12-30..9999-12-31").len(), 2);
        for text in ["", "..", "2024-01-01..", "..2024-01-01", "2024-01-02..2024-01-01", "2024-01-01...2024-01-02"] {
            assert!(text.parse::<Dates>().is_err(), "{text}");
        }
        assert!(!"2024-12-31".parse::<Dates>().unwrap().is_range());
    }
}
