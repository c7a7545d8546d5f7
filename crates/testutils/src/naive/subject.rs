//! One customer, as every family sees him.

use std::collections::{BTreeMap, BTreeSet};

use super::Question;
use super::cell::{sum, wide};
use super::distinct::is_refund;
use super::reversal::{Fate, fates};
use crate::world::{Bid, Customer, Interaction, Invoice, Lot, SourceRow, Transaction, World};

/// A purchase and what became of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purchase<'a> {
    pub(super) row: &'a Transaction,
    pub(super) fate: Fate,
}

/// The rows of one customer, and those of all others.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) question: &'a Question,
    pub(super) world: &'a World,
    pub(super) customer: i64,
    pub(super) purchases: Vec<Purchase<'a>>,
    pub(super) refunds: Vec<&'a Transaction>,
    pub(super) interactions: Vec<&'a Interaction>,
    pub(super) bids: Vec<&'a Bid>,
    pub(super) invoices: Vec<&'a Invoice>,
    /// Lots of which he is the consignor.
    pub(super) consigned: Vec<&'a Lot>,
    /// The row in force.
    pub(super) master: Option<&'a Customer>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(world: &'a World, question: &'a Question, customer: i64) -> Self {
        let (refunds, bought): (Vec<_>, Vec<_>) =
            of(&world.transactions, customer).into_iter().partition(|row| is_refund(row));
        let invoices = of(&world.invoices, customer);
        let fates = fates(question, &bought, &refunds, &invoices);
        Self {
            question,
            world,
            customer,
            purchases: bought.into_iter().zip(fates).map(|(row, fate)| Purchase { row, fate }).collect(),
            refunds,
            interactions: of(&world.interactions, customer),
            bids: of(&world.bids, customer),
            invoices,
            consigned: of(&world.lots, customer),
            master: of(&world.customers, customer).into_iter().max_by_key(|row| row.valid_from),
        }
    }

    /// Purchases that are not reversed.
    pub(super) fn standing(&self) -> Vec<&'a Transaction> {
        self.purchases.iter().filter(|purchase| purchase.fate == Fate::Stands).map(|purchase| purchase.row).collect()
    }

    /// Purchases that an invoice rescinded.
    pub(super) fn rescinded(&self) -> Vec<&'a Transaction> {
        self.purchases.iter().filter(|purchase| purchase.fate == Fate::Rescinded).map(|purchase| purchase.row).collect()
    }

    /// The date of the first standing purchase.
    pub(super) fn entry(&self) -> Option<i32> {
        self.standing().iter().map(|row| row.day).min()
    }

    /// The date of the last standing purchase.
    pub(super) fn last(&self) -> Option<i32> {
        self.standing().iter().map(|row| row.day).max()
    }

    /// Standing spend by period.
    pub(super) fn spend(&self) -> BTreeMap<i32, i128> {
        let mut spend = BTreeMap::new();
        for row in self.standing() {
            *spend.entry(self.question.period.index(row.day)).or_default() += i128::from(row.amount);
        }
        spend
    }

    /// Revenue of all purchases, less refunds and rescinded purchases.
    pub(super) fn net_revenue(&self) -> i128 {
        sum(self.purchases.iter().map(|purchase| purchase.row.amount)) - self.refund_total()
    }

    /// Refunds and rescinded purchases.
    pub(super) fn refund_total(&self) -> i128 {
        sum(self.refunds.iter().map(|row| row.amount.abs())) + sum(self.rescinded().iter().map(|row| row.amount))
    }

    /// Whether margins of any sort are mapped.
    pub(super) fn has_gross_margin(&self) -> bool {
        use appraise_schema::SourceKind::{Lots, Transactions};
        let maps = |source, column| self.question.maps(source, column);
        maps(Transactions, "margin") || (maps(Lots, "commission") && maps(Lots, "consignor_id"))
    }

    /// Margins of purchases, less those of refunds and rescinded purchases, plus commissions.
    pub(super) fn gross_margin(&self) -> Option<i128> {
        let earned = self.purchases.iter().filter_map(|purchase| purchase.row.margin);
        let taken_back = self.taken_back().into_iter().map(|margin| -margin);
        let commissions = self.consigned.iter().filter(|lot| self.is_sold(lot)).filter_map(|lot| lot.commission);
        let numbers: Vec<i64> = earned.chain(taken_back).chain(commissions).collect();
        (!numbers.is_empty()).then(|| sum(numbers.into_iter()))
    }

    /// Absolute margins of refunds and rescinded purchases.
    pub(super) fn taken_back(&self) -> Vec<i64> {
        let taken_back = self.refunds.iter().copied().chain(self.rescinded());
        taken_back.filter_map(|row| row.margin).map(i64::abs).collect()
    }

    /// Whether a lot was sold.
    pub(super) fn is_sold(&self, lot: &Lot) -> bool {
        if self.question.maps(appraise_schema::SourceKind::Lots, "outcome") {
            lot.outcome.as_deref() == Some("sold")
        } else {
            lot.hammer.is_some()
        }
    }
}

/// The rows of `customer`.
fn of<R: SourceRow>(rows: &[R], customer: i64) -> Vec<&R> {
    rows.iter().filter(|row| row.customer() == Some(customer)).collect()
}

/// Distinct orders of `rows`, plus those without an order.
pub(super) fn orders(rows: &[&Transaction]) -> i128 {
    let named: BTreeSet<i64> = rows.iter().filter_map(|row| row.order_id).collect();
    wide(named.len()) + wide(rows.iter().filter(|row| row.order_id.is_none()).count())
}
