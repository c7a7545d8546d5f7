//! Every input row ends in exactly one bucket; the buckets add up to the input.

use std::collections::BTreeMap;

/// Where a row ended. The first that applies counts, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// It was delivered after `known_by`.
    AfterKnownBy,
    /// `where` was not true (NULL is not true).
    Filtered,
    /// Its local date lies after `as_of`.
    AfterAsOf,
    /// A required value was missing or unreadable, a CAST or a check failed.
    Quarantined,
    /// A row with the same customer, transaction id and content was used already.
    Duplicate,
    /// It counts.
    Used,
}

impl Bucket {
    /// All buckets in order.
    pub const ALL: [Self; 6] =
        [Self::AfterKnownBy, Self::Filtered, Self::AfterAsOf, Self::Quarantined, Self::Duplicate, Self::Used];

    /// The bucket's name in `run.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AfterKnownBy => "after_known_by",
            Self::Filtered => "filtered",
            Self::AfterAsOf => "after_as_of",
            Self::Quarantined => "quarantined",
            Self::Duplicate => "duplicate",
            Self::Used => "used",
        }
    }
}

/// Rows and money of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Number of rows.
    pub rows: u64,
    /// Sum of the rows' amounts as delivered (signed), in minor units.
    pub minor: i128,
    /// Rows whose amount could not be read: counted without money.
    pub rows_without_money: u64,
}

impl Tally {
    /// Adds one row; `amount` is its signed amount in minor units, `None` when it can't be read.
    pub fn add(&mut self, amount: Option<i64>) {
        self.rows += 1;
        match amount {
            Some(minor) => self.minor += i128::from(minor),
            None => self.rows_without_money += 1,
        }
    }

    /// Adds all rows of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.minor += other.minor;
        self.rows_without_money += other.rows_without_money;
    }

    fn subtract(&mut self, other: &Self) {
        self.rows -= other.rows;
        self.minor -= other.minor;
        self.rows_without_money -= other.rows_without_money;
    }
}

/// The books of one source: what came in, and where it ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accounting {
    /// All rows that were decoded.
    pub input: Tally,
    /// Rows and money per bucket.
    pub buckets: BTreeMap<Bucket, Tally>,
    /// Quarantined rows by the reason of their first failed check, such as `time_missing`.
    pub quarantine_reasons: BTreeMap<String, u64>,
    /// Used rows that are refunds.
    pub refund_rows: u64,
    /// Amounts that came as floats off the minor unit by more than 1e-6, or as decimals with more places.
    pub inexact_amounts: u64,
    /// Rows that failed a check of severity `warn` and were kept, by check.
    pub warnings: BTreeMap<String, u64>,
}

/// The books do not balance: a defect of the program, never of the data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "row accounting does not balance: {input_rows} input rows worth {input_minor}, {bucket_rows} rows worth {bucket_minor} in the buckets"
)]
pub struct Unbalanced {
    /// Rows that came in.
    pub input_rows: u64,
    /// Their money.
    pub input_minor: i128,
    /// Rows in the buckets.
    pub bucket_rows: u64,
    /// Their money.
    pub bucket_minor: i128,
}

impl Accounting {
    /// Rows and money of `bucket`.
    #[must_use]
    pub fn tally(&self, bucket: Bucket) -> Tally {
        self.buckets.get(&bucket).copied().unwrap_or_default()
    }

    /// The tally of `bucket`, to add to.
    pub fn tally_mut(&mut self, bucket: Bucket) -> &mut Tally {
        self.buckets.entry(bucket).or_default()
    }

    /// Adds the books of another part of the same source.
    pub fn merge(&mut self, other: &Self) {
        self.input.merge(&other.input);
        for (bucket, tally) in &other.buckets {
            self.tally_mut(*bucket).merge(tally);
        }
        for (reason, rows) in &other.quarantine_reasons {
            *self.quarantine_reasons.entry(reason.clone()).or_default() += rows;
        }
        for (check, rows) in &other.warnings {
            *self.warnings.entry(check.clone()).or_default() += rows;
        }
        self.refund_rows += other.refund_rows;
        self.inexact_amounts += other.inexact_amounts;
    }

    /// Moves `rows` from used to duplicate, once the fold has met them; `refund_rows` of them are refunds.
    pub fn move_duplicates(&mut self, rows: &Tally, refund_rows: u64) {
        self.tally_mut(Bucket::Used).subtract(rows);
        self.tally_mut(Bucket::Duplicate).merge(rows);
        self.refund_rows -= refund_rows;
    }

    /// Checks that rows and money of the buckets add up to the input.
    ///
    /// # Errors
    /// [`Unbalanced`] when they do not.
    pub fn check(&self) -> Result<(), Unbalanced> {
        let mut sum = Tally::default();
        self.buckets.values().for_each(|tally| sum.merge(tally));
        if sum == self.input {
            return Ok(());
        }
        Err(Unbalanced {
            input_rows: self.input.rows,
            input_minor: self.input.minor,
            bucket_rows: sum.rows,
            bucket_minor: sum.minor,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_balance_until_a_row_is_lost() {
        let mut books = Accounting::default();
        for (bucket, amount) in [(Bucket::Used, Some(5)), (Bucket::Used, Some(7)), (Bucket::Filtered, None)] {
            books.input.add(amount);
            books.tally_mut(bucket).add(amount);
        }
        assert_eq!(books.check(), Ok(()));
        books.move_duplicates(&Tally { rows: 1, minor: 7, rows_without_money: 0 }, 0);
        assert_eq!(books.check(), Ok(()));
        assert_eq!(books.tally(Bucket::Used).minor, 5);
        books.input.add(Some(1));
        assert!(books.check().is_err());
    }
}
