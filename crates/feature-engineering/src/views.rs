//! A partition's columns under their names, and the history of each customer cut from them.

use std::ops::Range;

use appraise_schema::SourceKind;
use appraise_schema::event::NamedColumns;

use crate::config::FeatureConfig;
use crate::history::{Bids, History, Interactions, Invoices, Profile, ProfileColumns, Transactions};
use crate::partition::Partition;

/// The columns of a partition, looked up once.
#[derive(Debug)]
pub(crate) struct Views<'a> {
    partition: &'a Partition,
    /// Number of the partition's first customer in the table.
    first: u64,
    transactions: Option<(&'a [u32], Transactions<'a>)>,
    interactions: Option<(&'a [u32], Interactions<'a>)>,
    bids: Option<(&'a [u32], Bids<'a>)>,
    invoices: Option<(&'a [u32], Invoices<'a>)>,
    consigned: Option<(&'a [u32], &'a [u32])>,
    profiles: Option<(&'a [u32], ProfileColumns<'a>)>,
}

impl<'a> Views<'a> {
    /// The views of `partition`, whose customers are numbered from `first`.
    pub(crate) fn new(config: &FeatureConfig, partition: &'a Partition, first: u64) -> Self {
        let table = |kind| {
            partition
                .tables
                .get(&kind)
                .map(|table| (table.starts.as_slice(), Columns(NamedColumns::new(&table.layout, &table.columns))))
        };
        Self {
            partition,
            first,
            transactions: table(SourceKind::Transactions).map(|(starts, c)| (starts, c.transactions())),
            interactions: table(SourceKind::Interactions).map(|(starts, c)| (starts, c.interactions())),
            bids: table(SourceKind::Bids).map(|(starts, c)| (starts, c.bids())),
            invoices: table(SourceKind::Invoices).map(|(starts, c)| (starts, c.invoices())),
            consigned: table(SourceKind::Lots).map(|(starts, c)| (starts, c.0.symbols("").unwrap_or_default())),
            profiles: table(SourceKind::Customers).map(|(starts, c)| (starts, c.profiles(&config.attributes))),
        }
    }

    /// Turns `history`, which is empty or another customer's of this partition, to customer `c`: sources that are not read
    /// stay empty.
    pub(crate) fn turn<'s>(&'s self, history: &mut History<'s>, c: usize) {
        let range = |starts: &[u32]| starts[c] as usize..starts[c + 1] as usize;
        history.customer = self.first + c as u64;
        if let Some((starts, transactions)) = &self.transactions {
            let all = range(starts);
            match &self.partition.splits {
                None => history.purchases = transactions.part(all),
                Some(splits) => {
                    let split = splits[c];
                    let [standing, reversed, rescinded] =
                        [split.standing, split.reversed, split.rescinded].map(|end| end as usize);
                    history.purchases = transactions.part(all.start..standing);
                    history.reversed = transactions.part(standing..rescinded);
                    history.rescinded = rescinded - reversed;
                    history.refunds = transactions.part(rescinded..all.end);
                }
            }
        }
        if let Some((starts, interactions)) = &self.interactions {
            history.interactions = interactions.part(range(starts));
        }
        if let Some((starts, bids)) = &self.bids {
            history.bids = bids.part(range(starts));
        }
        if let Some((starts, invoices)) = &self.invoices {
            history.invoices = invoices.part(range(starts));
        }
        if let Some((starts, consigned)) = &self.consigned {
            history.consigned = &consigned[range(starts)];
        }
        if let Some((starts, columns)) = &self.profiles {
            // Rows come by `valid_from`: the last one is in force.
            history.profile = range(starts).last().map(|row| Profile { columns, row });
        }
    }
}

/// The columns of one source's table by name.
struct Columns<'a>(NamedColumns<'a, 'a>);

impl<'a> Columns<'a> {
    fn transactions(&self) -> Transactions<'a> {
        Transactions {
            days: self.0.days("time").unwrap_or_default(),
            amounts: self.0.money("amount").unwrap_or_default(),
            ids: self.0.ids("transaction_id"),
            orders: self.0.ids("order_id"),
            lots: self.0.ids("lot_id"),
            categories: self.0.symbols("category"),
            margins: self.0.money("margin"),
            costs: self.0.money("cost"),
        }
    }

    fn interactions(&self) -> Interactions<'a> {
        Interactions {
            days: self.0.days("time").unwrap_or_default(),
            kinds: self.0.symbols("kind").unwrap_or_default(),
            responded: self.0.flags("responded"),
            feedback: self.0.numbers("feedback_score"),
        }
    }

    fn bids(&self) -> Bids<'a> {
        Bids {
            days: self.0.days("time").unwrap_or_default(),
            instants: self.0.instants("time"),
            lots: self.0.ids("lot_id").unwrap_or_default(),
            amounts: self.0.money("amount").unwrap_or_default(),
        }
    }

    fn invoices(&self) -> Invoices<'a> {
        Invoices {
            days: self.0.days("time").unwrap_or_default(),
            amounts: self.0.money("amount").unwrap_or_default(),
            due: self.0.days("due_at").unwrap_or_default(),
            lots: self.0.ids("lot_id"),
            paid: self.0.days("paid_at"),
            disputed: self.0.days("disputed_at"),
            cancelled: self.0.days("cancelled_at"),
            written_off: self.0.days("written_off_at"),
            deposits: self.0.money("deposit"),
        }
    }

    fn profiles(&self, attributes: &[String]) -> ProfileColumns<'a> {
        ProfileColumns {
            registered_at: self.0.days("registered_at"),
            credit_limit: self.0.money("credit_limit"),
            opted_out: self.0.flags("opted_out"),
            manager_rating: self.0.numbers("manager_rating"),
            stated_needs: self.0.symbols("stated_needs"),
            market_total: self.0.money("market_total"),
            attributes: attributes.iter().map(|name| self.0.symbols(name)).collect(),
        }
    }
}

/// The part of a column, which may have been left out as a whole.
fn part<'a, T>(column: &'a [T], range: &Range<usize>) -> &'a [T] {
    if column.is_empty() { &[] } else { &column[range.clone()] }
}

fn part_of<'a, T>(column: Option<&'a [T]>, range: &Range<usize>) -> Option<&'a [T]> {
    column.map(|column| &column[range.clone()])
}

impl Transactions<'_> {
    fn part(&self, rows: Range<usize>) -> Self {
        let rows = &rows;
        Self {
            days: part(self.days, rows),
            amounts: part(self.amounts, rows),
            ids: part_of(self.ids, rows),
            orders: part_of(self.orders, rows),
            lots: part_of(self.lots, rows),
            categories: part_of(self.categories, rows),
            margins: part_of(self.margins, rows),
            costs: part_of(self.costs, rows),
        }
    }
}

impl Interactions<'_> {
    fn part(&self, rows: Range<usize>) -> Self {
        let rows = &rows;
        Self {
            days: part(self.days, rows),
            kinds: part(self.kinds, rows),
            responded: part_of(self.responded, rows),
            feedback: part_of(self.feedback, rows),
        }
    }
}

impl Bids<'_> {
    fn part(&self, rows: Range<usize>) -> Self {
        let rows = &rows;
        Self {
            days: part(self.days, rows),
            instants: part_of(self.instants, rows),
            lots: part(self.lots, rows),
            amounts: part(self.amounts, rows),
        }
    }
}

impl Invoices<'_> {
    fn part(&self, rows: Range<usize>) -> Self {
        let rows = &rows;
        Self {
            days: part(self.days, rows),
            amounts: part(self.amounts, rows),
            due: part(self.due, rows),
            lots: part_of(self.lots, rows),
            paid: part_of(self.paid, rows),
            disputed: part_of(self.disputed, rows),
            cancelled: part_of(self.cancelled, rows),
            written_off: part_of(self.written_off, rows),
            deposits: part_of(self.deposits, rows),
        }
    }
}
