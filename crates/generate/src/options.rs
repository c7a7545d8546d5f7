//! What is asked of the generator.

use appraise_schema::as_of::date_of;
use appraise_schema::{AsOf, PurchasePeriod};
use serde::Serialize;

use crate::error::GenerateError;

/// Most customers: their numbers fit a 32-bit integer, as a file of a drifted schema has them.
pub const MAX_CUSTOMERS: u64 = 1_000_000_000;
/// Most days of history: ids leave room for a purchase on every one.
pub const MAX_DAYS: i32 = 40 * 366;

/// How the files of dumps that add up are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Partition {
    /// A folder for every calendar month, as `dt=2024-01`.
    Month,
    /// A folder for every calendar year, as `dt=2024`.
    Year,
    /// One folder.
    None,
}

impl Partition {
    /// Number of the partition of `day`; consecutive partitions have consecutive numbers.
    pub(crate) fn index(self, day: i32) -> i32 {
        let month = PurchasePeriod::Month.index(day);
        match self {
            Self::Month => month,
            Self::Year => month.div_euclid(12),
            Self::None => 0,
        }
    }

    /// Folder of partition `index`, with a slash at its end where there is one.
    pub(crate) fn folder(self, index: i32) -> String {
        let (year, month) = (1970 + index.div_euclid(12), index.rem_euclid(12) + 1);
        match self {
            Self::Month => format!("dt={year:04}-{month:02}/"),
            Self::Year => format!("dt={:04}/", 1970 + index),
            Self::None => String::new(),
        }
    }
}

/// What to generate.
#[derive(Debug, Clone, Serialize)]
pub struct Options {
    /// Number of customers, prospects included.
    pub customers: u64,
    /// Decides every draw.
    pub seed: u64,
    /// First day on which somebody buys.
    #[serde(serialize_with = "as_text")]
    pub from: AsOf,
    /// Last day of anything: the night of the dumps.
    #[serde(serialize_with = "as_text")]
    pub to: AsOf,
    /// Threads to work with; decides speed alone.
    #[serde(skip)]
    pub threads: usize,
    /// How files are cut.
    pub partition: Partition,
    /// Whether deliveries repeat rows, come late, lack keys and drift.
    pub dirt: bool,
    /// Whether groups of customers buy and spend alike.
    pub homogeneous: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields by reference")]
fn as_text<S: serde::Serializer>(date: &AsOf, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}

impl Options {
    /// Checks what the types do not say.
    ///
    /// # Errors
    ///
    /// Names the option and what it may be.
    pub(crate) fn check(&self) -> Result<(), GenerateError> {
        let refuse = |message: String| Err(GenerateError::Option { message });
        if !(1..=MAX_CUSTOMERS).contains(&self.customers) {
            return refuse(format!("{} customers: expected 1 to {MAX_CUSTOMERS}", self.customers));
        }
        let days = self.to.day() - self.from.day() + 1;
        if days < 1 {
            return refuse(format!(
                "history from {} to {}: expected a first day not after the last",
                self.from, self.to
            ));
        }
        if days > MAX_DAYS || self.from.day() < -MAX_DAYS {
            let (from, to) = (self.from, self.to);
            return refuse(format!("history from {from} to {to}: expected {MAX_DAYS} days at most, from 1930 on"));
        }
        if self.dirt && self.partition == Partition::None {
            return refuse("dirt in one folder: late rows need files by month or year to be late in".to_owned());
        }
        Ok(())
    }

    /// Number of days of history.
    pub(crate) fn days(&self) -> u64 {
        u64::try_from(self.to.day() - self.from.day() + 1).unwrap_or(1)
    }
}

/// `day` as `2024-12-31`.
pub(crate) fn iso(day: i32) -> String {
    date_of(day).map(|date| date.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_named_after_their_days() {
        let day = "2024-02-29".parse::<AsOf>().unwrap().day();
        let folder = |partition: Partition| partition.folder(partition.index(day));
        assert_eq!(folder(Partition::Month), "dt=2024-02/");
        assert_eq!(folder(Partition::Year), "dt=2024/");
        assert_eq!(folder(Partition::None), "");
        assert_eq!(Partition::Month.folder(Partition::Month.index(-1)), "dt=1969-12/");
        assert_eq!(Partition::Year.folder(Partition::Year.index(-1)), "dt=1969/");
    }
}
