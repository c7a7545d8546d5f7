//! Caps: of all customers of a strategy, those of the highest rank are treated.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Int64Type, Schema};

use super::actions::{RANK, STATUS_ACT, STATUS_CAPPED};
use crate::columns::typed;
use crate::error::ModelError;

/// What customers are chosen by, greater is better: the rank, NULL last, then the earlier row.
type Merit = (Option<i64>, Reverse<u64>);

/// The best customers of a strategy so far, at most as many as it may treat.
#[derive(Debug)]
pub(super) struct Best {
    cap: u64,
    kept: BinaryHeap<Reverse<Merit>>,
    pub(super) offered: u64,
}

impl Best {
    /// None of the customers of a strategy that treats at most `cap`.
    pub(super) fn new(cap: Option<u64>) -> Self {
        Self { cap: cap.unwrap_or(u64::MAX), kept: BinaryHeap::new(), offered: 0 }
    }

    /// Offers the customer in draft number `row`.
    pub(super) fn offer(&mut self, rank: Option<i64>, row: u64) {
        self.offered += 1;
        if self.cap == u64::MAX {
            return;
        }
        self.kept.push(Reverse((rank, Reverse(row))));
        if self.kept.len() as u64 > self.cap {
            self.kept.pop();
        }
    }

    /// Customers who are treated.
    pub(super) fn treated(&self) -> u64 {
        self.offered.min(self.cap)
    }

    /// The last who is treated; `None` when all are.
    fn last(&self) -> Option<Merit> {
        let full = self.offered > self.cap;
        self.kept.peek().filter(|_| full).map(|Reverse(merit)| *merit)
    }
}

/// Whom the caps leave out: it makes rows of `customer_actions` of the drafts, in their order.
#[derive(Debug)]
pub struct ActionCaps {
    schema: Arc<Schema>,
    /// Of each strategy its name, and what those beyond its cap are told; `None` where nobody is beyond.
    strategies: Vec<(String, Option<(Merit, String)>)>,
    /// Drafts that were settled.
    settled: u64,
}

impl ActionCaps {
    /// `strategies` are names, the customers offered and what those beyond the cap are told.
    pub(super) fn new<'a>(schema: Arc<Schema>, strategies: impl Iterator<Item = (&'a str, &'a Best, String)>) -> Self {
        let strategies = strategies.map(|(name, best, why)| (name.to_owned(), best.last().map(|last| (last, why))));
        Self { schema, strategies: strategies.collect(), settled: 0 }
    }

    /// The rows of the next drafts.
    ///
    /// # Errors
    /// [`ModelError::Column`] when they are none.
    pub fn settle(&mut self, drafts: &RecordBatch) -> Result<RecordBatch, ModelError> {
        let text = |name| Ok::<_, ModelError>(typed(drafts, name, &DataType::Utf8)?.as_string::<i32>());
        let (strategy, status, reason) = (text("strategy")?, text("status")?, text("status_reason")?);
        let rank: &Int64Array = typed(drafts, RANK, &DataType::Int64)?.as_primitive::<Int64Type>();
        let mut statuses = StringBuilder::with_capacity(drafts.num_rows(), 8 * drafts.num_rows());
        let mut reasons = StringBuilder::new();
        for row in 0..drafts.num_rows() {
            let acts = status.value(row) == STATUS_ACT;
            let merit = (rank.is_valid(row).then(|| rank.value(row)), Reverse(self.settled + row as u64));
            let beyond = self.last_of(strategy, row).filter(|(last, _)| acts && merit < *last);
            if let Some((_, why)) = beyond {
                statuses.append_value(STATUS_CAPPED);
                reasons.append_value(why);
            } else {
                statuses.append_value(status.value(row));
                reasons.append_option(reason.is_valid(row).then(|| reason.value(row)));
            }
        }
        self.settled += drafts.num_rows() as u64;
        let (statuses, reasons): (ArrayRef, ArrayRef) = (Arc::new(statuses.finish()), Arc::new(reasons.finish()));
        let column = |name: &str| match name {
            "status" => Some(statuses.clone()),
            "status_reason" => Some(reasons.clone()),
            _ => drafts.column_by_name(name).cloned(),
        };
        let columns = self.schema.fields().iter().filter_map(|field| column(field.name())).collect();
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    fn last_of(&self, strategies: &StringArray, row: usize) -> Option<&(Merit, String)> {
        self.strategies.iter().find(|(name, _)| name == strategies.value(row))?.1.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_are_those_of_a_full_sort(ranks in prop::collection::vec(prop::option::of(-3_i64..4), 0..40), cap in 1_u64..12) {
            let mut best = Best::new(Some(cap));
            let mut all: Vec<Merit> = Vec::new();
            for (row, rank) in ranks.iter().enumerate() {
                best.offer(*rank, row as u64);
                all.push((*rank, Reverse(row as u64)));
            }
            all.sort_by(|a, b| b.cmp(a));
            let last = usize::try_from(cap).unwrap();
            prop_assert_eq!(best.last(), (all.len() > last).then(|| all[last - 1]));
            prop_assert_eq!(best.treated(), cap.min(all.len() as u64));
            prop_assert!(best.kept.len() as u64 <= cap);
        }
    }
}
