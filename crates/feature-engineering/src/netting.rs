//! Which purchases stand, and which were reversed in full: the three rules of `docs/features.md`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use appraise_schema::Layout;
use appraise_schema::event::{NO_DAY, NO_ID, NO_MONEY, NO_SYMBOL, NamedColumns, YES, is_refund};

use crate::rows::Rows;

/// What a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// A purchase that stands.
    Standing,
    /// A purchase that refunds reverse in full.
    Reversed,
    /// A purchase of a lot whose invoice was cancelled unpaid.
    Rescinded,
    /// A refund.
    Refund,
}

/// The transactions of a partition, as the rules see them.
pub(crate) struct Netting<'a> {
    days: &'a [i32],
    amounts: &'a [i64],
    marked: Option<&'a [u8]>,
    refund_of: Option<&'a [u128]>,
    transactions: Option<&'a [u128]>,
    orders: Option<&'a [u128]>,
    lots: Option<&'a [u128]>,
    margins: Option<&'a [i64]>,
    costs: Option<&'a [i64]>,
    /// Categories and quantities, where both are mapped.
    items: Option<(&'a [u32], &'a [f64])>,
    /// Whether a row of the partition is a refund.
    any_refund: bool,
}

/// Category, absolute quantity and absolute amount: what a mirrored refund has in common with its purchase.
type Item = (u32, u64, u64);

impl<'a> Netting<'a> {
    /// The rules' view of `rows`; items are compared only where `mirrors` says so.
    pub(crate) fn new(layout: &Layout, rows: &'a Rows, mirrors: bool) -> Self {
        let columns = NamedColumns::new(layout, &rows.columns);
        let (amounts, marked) = (columns.money("amount").unwrap_or_default(), columns.flags("refund"));
        let items = columns.symbols("category").zip(columns.numbers("quantity")).filter(|_| mirrors);
        let any_refund = amounts.iter().any(|&amount| amount < 0) || marked.is_some_and(|marked| marked.contains(&YES));
        Self {
            days: columns.days("time").unwrap_or_default(),
            amounts,
            marked,
            refund_of: columns.ids("refund_of"),
            transactions: columns.ids("transaction_id"),
            orders: columns.ids("order_id"),
            lots: columns.ids("lot_id"),
            margins: columns.money("margin"),
            costs: columns.money("cost"),
            items,
            any_refund,
        }
    }

    /// Whether a row of the partition is a refund.
    pub(crate) fn any_refund(&self) -> bool {
        self.any_refund
    }

    fn is_refund(&self, row: usize) -> bool {
        is_refund(self.amounts[row], self.marked.map(|marked| marked[row]))
    }

    /// The class of each of one customer's `rows`, which come by day. `rescinded` are the lots whose invoices the customer
    /// left unpaid and cancelled.
    pub(crate) fn classify(&self, rows: &[u32], rescinded: &BTreeSet<u128>, classes: &mut Vec<Class>) {
        classes.clear();
        classes.extend(rows.iter().map(
            |&row| {
                if self.is_refund(row as usize) { Class::Refund } else { Class::Standing }
            },
        ));
        if classes.contains(&Class::Refund) {
            self.named(rows, classes);
            self.mirrored(rows, classes);
        }
        if let Some(lots) = self.lots.filter(|_| !rescinded.is_empty()) {
            for (class, &row) in classes.iter_mut().zip(rows) {
                if *class == Class::Standing && rescinded.contains(&lots[row as usize]) {
                    *class = Class::Rescinded;
                }
            }
        }
    }

    fn refunds<'r>(&self, rows: &'r [u32], classes: &'r [Class]) -> impl Iterator<Item = (usize, u128)> + use<'r, 'a> {
        let named = self.refund_of;
        let refunds = rows.iter().zip(classes).filter(|(_, class)| **class == Class::Refund);
        refunds.map(move |(&row, _)| (row as usize, named.map_or(NO_ID, |named| named[row as usize])))
    }

    /// Refunds that name an id reverse all purchases of that id once they add up to them.
    fn named(&self, rows: &[u32], classes: &mut [Class]) {
        let mut sums: BTreeMap<u128, u128> = BTreeMap::new();
        for (row, id) in self.refunds(rows, classes).filter(|(_, id)| *id != NO_ID) {
            *sums.entry(id).or_default() += u128::from(self.amounts[row].unsigned_abs());
        }
        for (id, refunded) in sums {
            let of_id = |ids: Option<&[u128]>| -> Vec<usize> {
                let named = |place: &usize| ids.is_some_and(|ids| ids[rows[*place] as usize] == id);
                (0..rows.len()).filter(|place| !self.is_refund(rows[*place] as usize)).filter(named).collect()
            };
            let found = [self.transactions, self.orders, self.lots].into_iter().map(of_id);
            let Some(purchases) = found.into_iter().find(|purchases| !purchases.is_empty()) else { continue };
            let bought: u128 =
                purchases.iter().map(|&p| u128::from(self.amounts[rows[p] as usize].unsigned_abs())).sum();
            if refunded >= bought {
                for place in purchases {
                    classes[place] = Class::Reversed;
                }
            }
        }
    }

    fn item(&self, row: usize) -> Option<Item> {
        let (categories, quantities) = self.items?;
        let (category, quantity) = (categories[row], quantities[row]);
        (category != NO_SYMBOL && !quantity.is_nan())
            .then(|| (category, quantity.abs().to_bits(), self.amounts[row].unsigned_abs()))
    }

    /// What tells mirrored purchases of one day apart, NULL first: order, transaction, lot, margin, cost.
    fn rank(&self, row: usize) -> ([u128; 3], [i64; 2]) {
        let ids = [self.orders, self.transactions, self.lots].map(|ids| ids.map_or(NO_ID, |ids| ids[row]));
        (ids, [self.margins, self.costs].map(|amounts| amounts.map_or(NO_MONEY, |amounts| amounts[row])))
    }

    /// Refunds that name nothing reverse the latest purchase of the same item that is left.
    fn mirrored(&self, rows: &[u32], classes: &mut [Class]) {
        if self.items.is_none() {
            return;
        }
        let wanted: BTreeMap<Item, Vec<i32>> = self
            .refunds(rows, classes)
            .filter(|(_, id)| *id == NO_ID)
            .filter_map(|(row, _)| Some((self.item(row)?, self.days[row])))
            .fold(BTreeMap::new(), |mut wanted, (item, day)| {
                wanted.entry(item).or_insert_with(Vec::new).push(day);
                wanted
            });
        if wanted.is_empty() {
            return;
        }
        let mut standing: BTreeMap<Item, Vec<usize>> = BTreeMap::new();
        for place in (0..rows.len()).filter(|&place| classes[place] == Class::Standing) {
            if let Some(item) = self.item(rows[place] as usize).filter(|item| wanted.contains_key(item)) {
                standing.entry(item).or_default().push(place);
            }
        }
        for (item, days) in wanted {
            let Some(mut places) = standing.remove(&item) else { continue };
            // The latest comes last; of equally late ones the first by their other columns does.
            places.sort_by_key(|&place| (self.days[rows[place] as usize], Reverse(self.rank(rows[place] as usize))));
            for day in days {
                let before = places.partition_point(|&place| self.days[rows[place] as usize] <= day);
                if let Some(latest) = before.checked_sub(1) {
                    classes[places.remove(latest)] = Class::Reversed;
                }
            }
        }
    }
}

/// The lots of one customer's invoices that were cancelled and not paid.
pub(crate) fn rescinded_lots(
    lots: &[u128],
    cancelled: &[i32],
    paid: Option<&[i32]>,
    rows: impl Iterator<Item = usize>,
) -> BTreeSet<u128> {
    let unpaid = |row: usize| paid.is_none_or(|paid| paid[row] == NO_DAY);
    rows.filter(|&row| cancelled[row] != NO_DAY && lots[row] != NO_ID && unpaid(row)).map(|row| lots[row]).collect()
}
