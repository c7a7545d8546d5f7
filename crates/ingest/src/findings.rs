//! What decoding threads find beside the events, added up over batches and threads.

use std::collections::BTreeMap;

use appraise_schema::{Accounting, Bucket, Tally};

use crate::columns::amount::Amounts;
use crate::error::IngestError;
use crate::plan::ReadPlan;
use crate::quarantine::{MAX_ROWS, QuarantineRow};
use crate::reasons::{AFTER_AS_OF, AFTER_KNOWN_BY, FILTERED, FIRST_RULE, RowRule, USED};

/// States of rows: four buckets and the rules.
const STATES: usize = 256;

/// What a worker found beside the events.
#[derive(Debug)]
pub(crate) struct Findings {
    /// By state of the row.
    tallies: Vec<Tally>,
    pub(crate) refund_rows: u64,
    pub(crate) inexact_amounts: u64,
    /// By position of the rule.
    pub(crate) warnings: BTreeMap<usize, u64>,
    pub(crate) quarantine: Vec<QuarantineRow>,
    /// Local day of the newest used row.
    pub(crate) newest_day: Option<i32>,
}

impl Default for Findings {
    fn default() -> Self {
        Self {
            tallies: vec![Tally::default(); STATES],
            refund_rows: 0,
            inexact_amounts: 0,
            warnings: BTreeMap::new(),
            quarantine: Vec::new(),
            newest_day: None,
        }
    }
}

impl Findings {
    pub(crate) fn merge(&mut self, other: Self) {
        for (tally, other) in self.tallies.iter_mut().zip(&other.tallies) {
            tally.merge(other);
        }
        for (rule, rows) in other.warnings {
            *self.warnings.entry(rule).or_default() += rows;
        }
        self.refund_rows += other.refund_rows;
        self.inexact_amounts += other.inexact_amounts;
        self.quarantine.extend(other.quarantine);
        self.newest_day = self.newest_day.max(other.newest_day);
    }

    /// Fails when there are more quarantined rows than are worth keeping.
    pub(crate) fn check_quarantine(&self, plan: &ReadPlan<'_>) -> Result<(), IngestError> {
        let Some(first) = self.quarantine.first().filter(|_| self.quarantine.len() > MAX_ROWS) else { return Ok(()) };
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
                self.tallies[usize::from(state)].rows += 1;
            }
            return state.iter().any(|&state| state >= FIRST_RULE);
        };
        if amounts.nulls.is_some() || amounts.readings.is_some() {
            for (row, &state) in state.iter().enumerate() {
                self.tallies[usize::from(state)].add(amounts.get(row));
            }
            return state.iter().any(|&state| state >= FIRST_RULE);
        }
        let minor = &amounts.minor[..];
        let mut rest = state.len() as u64;
        for (tally, common) in self.tallies.iter_mut().zip(common_tallies(state, minor)) {
            rest -= common.rows;
            tally.merge(&common);
        }
        if rest > 0 {
            for (&state, &minor) in state.iter().zip(minor).filter(|(state, _)| **state > FILTERED) {
                self.tallies[usize::from(state)].add(Some(minor));
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
            let mut findings = Findings::default();
            prop_assert_eq!(findings.count(&state, Some(&amounts)), state.iter().any(|state| *state > FILTERED));
            let mut want = Findings::default();
            for (&state, &minor) in state.iter().zip(&minor) {
                want.tallies[usize::from(state)].add(Some(minor));
            }
            prop_assert_eq!(findings.tallies, want.tallies);
        }
    }
}
