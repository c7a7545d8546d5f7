//! One partition: its rows grouped by customer, without duplicates, each customer's in order of time.

use appraise_schema::Tally;

use crate::family::History;
use crate::fold::FoldError;
use crate::group::{Groups, group};
use crate::scatter::{Keys, Rows};

/// The sign bit of a day: flipped, days sort as unsigned numbers.
const SIGN: u32 = 1 << 31;

/// A partition ready to be folded: columns in the order of customers, then local date.
#[derive(Debug)]
pub(crate) struct Partition {
    keys: Keys,
    groups: Groups,
    day: Vec<i32>,
    amount: Vec<i64>,
    refund: Option<Vec<bool>>,
    order: Option<Vec<u128>>,
    margin: Option<Vec<i64>>,
    /// Rows and money that were dropped as duplicates.
    pub(crate) duplicates: Tally,
    /// Dropped rows that were refunds.
    pub(crate) duplicate_refunds: u64,
}

impl Partition {
    /// Groups, deduplicates and orders `rows`.
    ///
    /// # Errors
    /// [`FoldError::Conflict`] when rows of one customer share a transaction id but not their content.
    pub(crate) fn new(mut rows: Rows) -> Result<Self, FoldError> {
        if u32::try_from(rows.len()).is_err() {
            return Err(FoldError::PartitionTooLarge { rows: rows.len() });
        }
        if !rows.refund.is_empty() {
            rows.refund.resize(rows.len(), false);
        }
        let mut groups = group(&rows.key);
        let (duplicates, duplicate_refunds) = drop_duplicates(&rows, &mut groups)?;
        let day = order_by_day(&rows.day, &mut groups);
        let picked = &groups.rows;
        Ok(Self {
            day,
            amount: pick(&rows.amount, picked),
            refund: (!rows.refund.is_empty()).then(|| pick(&rows.refund, picked)),
            order: (!rows.order.is_empty()).then(|| pick(&rows.order, picked)),
            margin: (!rows.margin.is_empty()).then(|| pick(&rows.margin, picked)),
            keys: rows.key,
            groups,
            duplicates,
            duplicate_refunds,
        })
    }

    /// Number of customers.
    pub(crate) fn customers(&self) -> usize {
        self.groups.customers()
    }

    /// History of customer `c`.
    pub(crate) fn history(&self, c: usize) -> History<'_> {
        let range = self.groups.starts[c] as usize..self.groups.starts[c + 1] as usize;
        History {
            days: &self.day[range.clone()],
            amounts: &self.amount[range.clone()],
            refunds: self.refund.as_deref().map(|column| &column[range.clone()]),
            orders: self.order.as_deref().map(|column| &column[range.clone()]),
            margins: self.margin.as_deref().map(|column| &column[range]),
        }
    }

    /// The integer keys of all customers, in order; empty for text keys.
    pub(crate) fn integer_keys(&self) -> impl Iterator<Item = i64> {
        let keys = if let Keys::Integer(keys) = &self.keys { keys.as_slice() } else { &[] };
        (0..if keys.is_empty() { 0 } else { self.customers() }).map(|c| keys[self.groups.of(c)[0] as usize])
    }

    /// The key of customer `c` as text, for tables and messages.
    pub(crate) fn key_text(&self, c: usize) -> String {
        key_text(&self.keys, self.groups.of(c)[0])
    }
}

fn key_text(keys: &Keys, row: u32) -> String {
    let row = row as usize;
    match keys {
        Keys::Integer(keys) => keys[row].to_string(),
        Keys::Text { ends, bytes } => {
            let start = if row == 0 { 0 } else { ends[row - 1] };
            String::from_utf8_lossy(&bytes[start..ends[row]]).into_owned()
        }
    }
}

fn pick<T: Copy>(column: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|&row| column[row as usize]).collect()
}

/// Orders each customer's rows by day; gives the days in that order. Rows of one day stay in no particular order:
/// they are a set.
fn order_by_day(days: &[i32], groups: &mut Groups) -> Vec<i32> {
    let mut ordered = Vec::with_capacity(groups.rows.len());
    let mut keyed: Vec<u64> = Vec::new();
    for bounds in groups.starts.windows(2) {
        let rows = &mut groups.rows[bounds[0] as usize..bounds[1] as usize];
        keyed.clear();
        // Day, shifted to sort as unsigned, above the row number.
        keyed.extend(rows.iter().map(|&row| {
            let day = days[row as usize].cast_unsigned() ^ SIGN;
            (u64::from(day) << 32) | u64::from(row)
        }));
        keyed.sort_unstable();
        for (row, key) in rows.iter_mut().zip(&keyed) {
            #[expect(clippy::cast_possible_truncation, reason = "the halves are the day and the row number")]
            let (day, low) = ((*key >> 32) as u32, *key as u32);
            *row = low;
            ordered.push((day ^ SIGN).cast_signed());
        }
    }
    ordered
}

/// Drops rows of a customer whose transaction id came before with the same content.
fn drop_duplicates(rows: &Rows, groups: &mut Groups) -> Result<(Tally, u64), FoldError> {
    let mut dropped = Tally::default();
    let mut dropped_refunds = 0;
    if rows.transaction_id.is_empty() {
        return Ok((dropped, dropped_refunds));
    }
    let mut kept = 0_u32;
    let mut start = 0;
    let mut sorted: Vec<u32> = Vec::new();
    for c in 0..groups.customers() {
        let end = groups.starts[c + 1];
        sorted.clear();
        sorted.extend_from_slice(&groups.rows[start as usize..end as usize]);
        let identity = |row: u32| (rows.transaction_id[row as usize], rows.transaction_content[row as usize]);
        sorted.sort_unstable_by_key(|&row| identity(row));
        groups.starts[c] = kept;
        for position in 0..sorted.len() {
            let row = sorted[position];
            let (id, content) = identity(row);
            let before = if position == 0 { None } else { Some(identity(sorted[position - 1])) };
            match before {
                Some((id_before, content_before)) if id != 0 && id == id_before => {
                    if content != content_before {
                        return Err(FoldError::Conflict { customer: key_text(&rows.key, row), id });
                    }
                    dropped.add(Some(rows.amount[row as usize]));
                    dropped_refunds += u64::from(is_refund(rows, row));
                }
                _ => {
                    groups.rows[kept as usize] = row;
                    kept += 1;
                }
            }
        }
        start = end;
    }
    if let Some(last) = groups.starts.last_mut() {
        *last = kept;
    }
    groups.rows.truncate(kept as usize);
    Ok((dropped, dropped_refunds))
}

fn is_refund(rows: &Rows, row: u32) -> bool {
    rows.refund.get(row as usize).copied().unwrap_or(false)
}
