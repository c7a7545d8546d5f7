//! Which purchases do not stand.

use std::collections::{BTreeMap, BTreeSet};

use appraise_schema::SourceKind;

use super::Question;
use super::cell::sum;
use crate::batch::identity;
use crate::world::{Invoice, Transaction};

/// What became of a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It counts.
    Stands,
    /// Refunds took it back.
    Refunded,
    /// Its invoice was cancelled and not paid.
    Rescinded,
}

/// The fate of each of one customer's purchases.
pub(super) fn fates(
    question: &Question,
    purchases: &[&Transaction],
    refunds: &[&Transaction],
    invoices: &[&Invoice],
) -> Vec<Fate> {
    let maps = |source, column| question.maps(source, column);
    let mut fates = vec![Fate::Stands; purchases.len()];
    for purchase in named(purchases, refunds) {
        fates[purchase] = Fate::Refunded;
    }
    if maps(SourceKind::Transactions, "category") && maps(SourceKind::Transactions, "quantity") {
        mirror(question, purchases, refunds, &mut fates);
    }
    let lots = maps(SourceKind::Transactions, "lot_id") && maps(SourceKind::Invoices, "lot_id");
    if lots && maps(SourceKind::Invoices, "cancelled_at") {
        rescind(purchases, invoices, &mut fates);
    }
    fates
}

/// Purchases whose transaction, order or lot is named by refunds that are worth them.
fn named(purchases: &[&Transaction], refunds: &[&Transaction]) -> BTreeSet<usize> {
    let mut refunded: BTreeMap<i64, i128> = BTreeMap::new();
    for refund in refunds {
        if let Some(id) = refund.refund_of {
            *refunded.entry(id).or_default() += i128::from(refund.amount.abs());
        }
    }
    let mut reversed = BTreeSet::new();
    for (id, total) in refunded {
        let of = |name: fn(&Transaction) -> Option<i64>| -> Vec<usize> {
            (0..purchases.len()).filter(|&purchase| name(purchases[purchase]) == Some(id)).collect()
        };
        let meant = [of(|row| row.transaction_id), of(|row| row.order_id), of(|row| row.lot_id)];
        let meant = meant.into_iter().find(|purchases| !purchases.is_empty()).unwrap_or_default();
        if total >= sum(meant.iter().map(|&purchase| purchases[purchase].amount)) {
            reversed.extend(meant);
        }
    }
    reversed
}

/// Each refund that names nothing, by day, takes the latest standing purchase that it mirrors.
fn mirror(question: &Question, purchases: &[&Transaction], refunds: &[&Transaction], fates: &mut [Fate]) {
    let mut nameless: Vec<&Transaction> = refunds.iter().filter(|refund| refund.refund_of.is_none()).copied().collect();
    nameless.sort_by_key(|refund| refund.day);
    let id = |id: Option<i64>| id.map(|id| identity(id, question.key_type));
    for refund in nameless {
        let mut mirrored: Vec<usize> = (0..purchases.len())
            .filter(|&purchase| fates[purchase] == Fate::Stands)
            .filter(|&purchase| purchases[purchase].day <= refund.day && mirrors(refund, purchases[purchase]))
            .collect();
        mirrored.sort_by_key(|&purchase| {
            let row = purchases[purchase];
            (-row.day, id(row.order_id), id(row.transaction_id), id(row.lot_id), row.margin, row.cost)
        });
        if let Some(&purchase) = mirrored.first() {
            fates[purchase] = Fate::Refunded;
        }
    }
}

fn mirrors(refund: &Transaction, purchase: &Transaction) -> bool {
    let quantity = |row: &Transaction| row.quantity.map(f64::abs);
    refund.category.is_some()
        && refund.category == purchase.category
        && quantity(refund).is_some()
        && quantity(refund) == quantity(purchase)
        && refund.amount.abs() == purchase.amount
}

/// Standing purchases of lots whose invoice was cancelled and not paid.
fn rescind(purchases: &[&Transaction], invoices: &[&Invoice], fates: &mut [Fate]) {
    let cancelled = invoices.iter().filter(|invoice| invoice.cancelled_at.is_some() && invoice.paid_at.is_none());
    let lots: BTreeSet<i64> = cancelled.filter_map(|invoice| invoice.lot_id).collect();
    for (purchase, fate) in purchases.iter().zip(fates) {
        if *fate == Fate::Stands && purchase.lot_id.is_some_and(|lot| lots.contains(&lot)) {
            *fate = Fate::Rescinded;
        }
    }
}
