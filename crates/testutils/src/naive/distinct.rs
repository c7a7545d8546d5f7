//! Rows that share an identity.

use std::collections::BTreeMap;

use appraise_schema::SourceKind;

use super::Question;
use crate::delivery::delivered;
use crate::world::{SourceRow, Transaction, World};

/// What is dropped of the rows of a source because another row with the same identity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Rows; those that the filter took already are none of them.
    pub rows: u64,
    /// The sum of their amounts, as delivered.
    pub minor: i128,
    /// Rows among them that are refunds.
    pub refunds: u64,
}

/// One row of each identity: the newest, unless it is withdrawn. Rows without an identity all stay.
#[must_use]
pub fn distinct(world: &World, question: &Question) -> World {
    World {
        transactions: rows(&world.transactions, question),
        customers: rows(&world.customers, question),
        interactions: rows(&world.interactions, question),
        lots: rows(&world.lots, question),
        bids: rows(&world.bids, question),
        invoices: rows(&world.invoices, question),
    }
}

fn rows<R: SourceRow>(rows: &[R], question: &Question) -> Vec<R> {
    let mut newest: BTreeMap<_, &R> = BTreeMap::new();
    for row in rows {
        if let Some(identity) = row.identity() {
            let counts = newest.entry(identity).or_insert(row);
            if question.takes_latest(R::SOURCE) && row.delivery().loaded_at > counts.delivery().loaded_at {
                *counts = row;
            }
        }
    }
    let nameless = rows.iter().filter(|row| row.identity().is_none());
    nameless.chain(newest.into_values()).filter(|row| !row.delivery().withdrawn).cloned().collect()
}

/// What of each source's rows is dropped.
#[must_use]
pub fn dropped(world: &World, question: &Question) -> BTreeMap<SourceKind, Dropped> {
    let all = delivered(world, question);
    let kept = distinct(&all, question);
    let refunds = |rows: &[Transaction]| count(rows.iter().filter(|row| !row.delivery.withdrawn && is_refund(row)));
    let refunds = refunds(&all.transactions) - refunds(&kept.transactions);
    [
        Dropped { refunds, ..less(&all.transactions, &kept.transactions) },
        less(&all.customers, &kept.customers),
        less(&all.interactions, &kept.interactions),
        less(&all.lots, &kept.lots),
        less(&all.bids, &kept.bids),
        less(&all.invoices, &kept.invoices),
    ]
    .into_iter()
    .zip(SourceKind::ALL)
    .map(|(dropped, source)| (source, dropped))
    .collect()
}

/// Whether a transaction counts as a refund.
pub(super) fn is_refund(row: &Transaction) -> bool {
    row.refund == Some(true) || row.amount < 0
}

fn less<R: SourceRow>(all: &[R], kept: &[R]) -> Dropped {
    let used: Vec<&R> = all.iter().filter(|row| !row.delivery().withdrawn).collect();
    let minor = |rows: &mut dyn Iterator<Item = &R>| rows.map(|row| i128::from(row.booked_amount())).sum::<i128>();
    Dropped {
        rows: count(used.iter()) - count(kept.iter()),
        minor: minor(&mut used.iter().copied()) - minor(&mut kept.iter()),
        refunds: 0,
    }
}

fn count<T>(rows: impl Iterator<Item = T>) -> u64 {
    rows.map(|_| 1).sum()
}
