//! What decoding threads find beside the events, file by file, added up over batches and threads.

use std::collections::BTreeMap;

use appraise_schema::{Accounting, AsOf, Bucket, Tally};
use serde::{Deserialize, Serialize};

use crate::columns::amount::Amounts;
use crate::error::IngestError;
use crate::plan::ReadPlan;
use crate::quarantine::{MAX_ROWS, QuarantineRow};
use crate::reasons::{AFTER_AS_OF, AFTER_KNOWN_BY, FILTERED, FIRST_RULE, RowRule, USED};

/// What was found in one file, or in several, beside the events: the books, the quarantined rows, the newest day. It says
/// the same on every later day, as soon as it [is settled](FileBooks::is_settled).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileBooks {
    /// By state of the row; those behind the last have no rows.
    #[serde(with = "tallies")]
    tallies: Vec<Tally>,
    pub(crate) refund_rows: u64,
    pub(crate) inexact_amounts: u64,
    /// By position of the rule.
    pub(crate) warnings: BTreeMap<usize, u64>,
    pub(crate) quarantine: Vec<QuarantineRow>,
    /// Local day of the newest used row.
    pub(crate) newest_day: Option<i32>,
    /// The latest local day of all times that tell what is known when, of all rows.
    pub(crate) latest_day: Option<i32>,
    /// The latest local day of delivery, where that decides.
    pub(crate) latest_load: Option<i32>,
}

/// Tallies as `[state, rows, minor units as text, rows without money]`, of the states that have rows.
mod tallies {
    use appraise_schema::Tally;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(tallies: &[Tally], to: S) -> Result<S::Ok, S::Error> {
        let counted = (0_u8..=u8::MAX).zip(tallies).filter(|(_, tally)| tally.rows > 0);
        let rows = counted.map(|(state, tally)| (state, tally.rows, tally.minor.to_string(), tally.rows_without_money));
        rows.collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Tally>, D::Error> {
        let mut tallies = Vec::new();
        for (state, rows, minor, rows_without_money) in Vec::<(u8, u64, String, u64)>::deserialize(from)? {
            let minor = minor.parse().map_err(D::Error::custom)?;
            *super::tally_of(&mut tallies, state) = Tally { rows, minor, rows_without_money };
        }
        Ok(tallies)
    }
}

/// The tally of `state`, made where it is not there yet.
fn tally_of(tallies: &mut Vec<Tally>, state: u8) -> &mut Tally {
    let state = usize::from(state);
    if tallies.len() <= state {
        tallies.resize(state + 1, Tally::default());
    }
    &mut tallies[state]
}

impl FileBooks {
    /// Whether the rows mean the same on every day from `as_of` and `known_by` on: no time in them lies behind.
    #[must_use]
    pub fn is_settled(&self, as_of: AsOf, known_by: Option<AsOf>) -> bool {
        self.latest_day.is_none_or(|day| day <= as_of.day())
            && known_by.is_none_or(|known_by| self.latest_load.is_none_or(|day| day <= known_by.day()))
    }

    /// Rows that were read.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.rows).sum()
    }

    /// Rows that count, duplicates among them.
    #[must_use]
    pub fn used_rows(&self) -> u64 {
        self.tallies.get(usize::from(USED)).map_or(0, |tally| tally.rows)
    }

    /// Adds what was found elsewhere.
    pub(crate) fn merge(&mut self, other: Self) {
        for (state, tally) in (0_u8..=u8::MAX).zip(&other.tallies).filter(|(_, tally)| tally.rows > 0) {
            tally_of(&mut self.tallies, state).merge(tally);
        }
        for (rule, rows) in other.warnings {
            *self.warnings.entry(rule).or_default() += rows;
        }
        self.refund_rows += other.refund_rows;
        self.inexact_amounts += other.inexact_amounts;
        self.quarantine.extend(other.quarantine);
        self.newest_day = self.newest_day.max(other.newest_day);
        self.latest_day = self.latest_day.max(other.latest_day);
        self.latest_load = self.latest_load.max(other.latest_load);
    }

    /// The same books, of the file at `position` among the inputs.
    pub(crate) fn at(mut self, position: u32) -> Self {
        self.quarantine.iter_mut().for_each(|row| row.file = position);
        self
    }

    /// Fails when `rows` quarantined ones are more than are worth keeping.
    pub(crate) fn check_quarantine(&self, rows: usize, plan: &ReadPlan<'_>) -> Result<(), IngestError> {
        let Some(first) = self.quarantine.first().filter(|_| rows > MAX_ROWS) else { return Ok(()) };
        let reason = plan.rules.get(usize::from(first.reason)).map(|rule| rule.reason().name);
        Err(IngestError::TooManyQuarantined {
            limit: MAX_ROWS,
            file: plan.inputs.get(first.file as usize).map(|input| input.path.clone()).unwrap_or_default(),
            row: first.row,
            reason: reason.unwrap_or_default(),
        })
    }

    /// The books.
    pub(crate) fn accounting(&self, rules: &[RowRule]) -> Accounting {
        let mut books = Accounting::default();
        for (state, tally) in self.tallies.iter().enumerate().filter(|(_, tally)| tally.rows > 0) {
            books.input.merge(tally);
            let bucket = match u8::try_from(state).unwrap_or(u8::MAX) {
                USED => Bucket::Used,
                FILTERED => Bucket::Filtered,
                AFTER_AS_OF => Bucket::AfterAsOf,
                AFTER_KNOWN_BY => Bucket::AfterKnownBy,
                _ => Bucket::Quarantined,
            };
            books.tally_mut(bucket).merge(tally);
            if let Some(rule) = state.checked_sub(usize::from(FIRST_RULE)).and_then(|rule| rules.get(rule)) {
                *books.quarantine_reasons.entry(rule.reason().name).or_default() += tally.rows;
            }
        }
        let named = |(rule, rows): (&usize, &u64)| Some((rules.get(*rule)?.reason().name, *rows));
        books.warnings = self.warnings.iter().filter_map(named).collect();
        books.refund_rows = self.refund_rows;
        books.inexact_amounts = self.inexact_amounts;
        books
    }

    /// Adds every row to the tally of its state, with its money where the source has amounts; says whether rows may have
    /// been quarantined.
    pub(crate) fn count(&mut self, state: &[u8], amounts: Option<&Amounts>) -> bool {
        let Some(amounts) = amounts else {
            for &state in state {
                tally_of(&mut self.tallies, state).rows += 1;
            }
            return state.iter().any(|&state| state >= FIRST_RULE);
        };
        if amounts.nulls.is_some() || amounts.readings.is_some() {
            for (row, &state) in state.iter().enumerate() {
                tally_of(&mut self.tallies, state).add(amounts.get(row));
            }
            return state.iter().any(|&state| state >= FIRST_RULE);
        }
        let minor = &amounts.minor[..];
        let mut rest = state.len() as u64;
        for (state, common) in [USED, FILTERED].into_iter().zip(common_tallies(state, minor)) {
            rest -= common.rows;
            tally_of(&mut self.tallies, state).merge(&common);
        }
        if rest > 0 {
            for (&state, &minor) in state.iter().zip(minor).filter(|(state, _)| **state > FILTERED) {
                tally_of(&mut self.tallies, state).add(Some(minor));
            }
        }
        rest > 0
    }
}

/// Rows and money of the used and of the filtered rows. One pass without branches; blocks are small enough that
/// 64-bit sums of small amounts can't wrap.
fn common_tallies(state: &[u8], minor: &[i64]) -> [Tally; 2] {
    // 2^16 rows of less than 2^47 stay below 2^63.
    const BLOCK: usize = 1 << 16;
    const SMALL: i64 = 1 << 47;
    let mut tallies = [Tally::default(); 2];
    for (state, minor) in state.chunks(BLOCK).zip(minor.chunks(BLOCK)) {
        // The bits of all absolute values together are below a power of two just when each value is.
        let bits = minor.iter().fold(0, |bits, &minor| bits | (minor ^ (minor >> 63)));
        if bits >= SMALL {
            for (&state, &minor) in state.iter().zip(minor).filter(|(state, _)| **state <= FILTERED) {
                tallies[usize::from(state)].add(Some(minor));
            }
            continue;
        }
        let (mut rows, mut sums) = ([0_i64; 2], [0_i64; 2]);
        for (&state, &minor) in state.iter().zip(minor) {
            for (place, common) in [USED, FILTERED].into_iter().enumerate() {
                let mask = i64::from(state == common).wrapping_neg();
                rows[place] = rows[place].wrapping_sub(mask);
                sums[place] = sums[place].wrapping_add(minor & mask);
            }
        }
        for ((tally, rows), sum) in tallies.iter_mut().zip(rows).zip(sums) {
            tally.merge(&Tally { rows: rows.unsigned_abs(), minor: i128::from(sum), rows_without_money: 0 });
        }
    }
    tallies
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tallies_are_those_of_a_plain_sum(
            rows in prop::collection::vec((0_u8..6, any::<i64>(), any::<bool>()), 0..200),
        ) {
            let state: Vec<u8> = rows.iter().map(|(state, _, _)| *state).collect();
            let minor = rows.iter().map(|(_, minor, small)| if *small { minor % 1000 } else { *minor });
            let minor: Vec<i64> = minor.collect();
            let amounts = Amounts { minor: minor.clone().into(), nulls: None, readings: None };
            let mut books = FileBooks::default();
            prop_assert_eq!(books.count(&state, Some(&amounts)), state.iter().any(|state| *state > FILTERED));
            for (tally, found) in (0..6).zip(0_u8..).map(|(at, state)| (books.tallies.get(at).copied(), state)) {
                let mut want = Tally::default();
                let of_state = state.iter().zip(&minor).filter(|(state, _)| **state == found);
                of_state.for_each(|(_, &minor)| want.add(Some(minor)));
                prop_assert_eq!(tally.unwrap_or_default(), want);
            }
            let text = serde_json::to_string(&books).unwrap();
            prop_assert_eq!(serde_json::from_str::<FileBooks>(&text).unwrap().accounting(&[]), books.accounting(&[]));
        }
    }
}
