//! A partition's columns under their names, and the history of each customer cut from them.

use std::ops::Range;

use appraise_schema::event::{EventColumn, Form};
use appraise_schema::{Layout, SourceKind};

use crate::config::FeatureConfig;
use crate::history::{Bids, History, Interactions, Invoices, Profile, ProfileColumns, Transactions};
use crate::partition::{Partition, Table};

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
        let table = |kind| partition.tables.get(&kind).map(|table| (table.starts.as_slice(), Columns(table)));
        Self {
            partition,
            first,
            transactions: table(SourceKind::Transactions).map(|(starts, c)| (starts, c.transactions())),
            interactions: table(SourceKind::Interactions).map(|(starts, c)| (starts, c.interactions())),
            bids: table(SourceKind::Bids).map(|(starts, c)| (starts, c.bids())),
            invoices: table(SourceKind::Invoices).map(|(starts, c)| (starts, c.invoices())),
            consigned: table(SourceKind::Lots).map(|(starts, c)| (starts, c.symbols("").unwrap_or_default())),
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
struct Columns<'a>(&'a Table);

impl<'a> Columns<'a> {
    fn column(&self, name: &str, form: Form) -> Option<&'a EventColumn> {
        let layout: &Layout = &self.0.layout;
        layout.position(name, form).map(|position| &self.0.columns[position])
    }

    fn days(&self, name: &str) -> Option<&'a [i32]> {
        if let Some(EventColumn::I32(values)) = self.column(name, Form::Day) { Some(values) } else { None }
    }

    fn instants(&self, name: &str) -> Option<&'a [i64]> {
        if let Some(EventColumn::I64(values)) = self.column(name, Form::Instant) { Some(values) } else { None }
    }

    fn money(&self, name: &str) -> Option<&'a [i64]> {
        if let Some(EventColumn::I64(values)) = self.column(name, Form::Money) { Some(values) } else { None }
    }

    fn ids(&self, name: &str) -> Option<&'a [u128]> {
        if let Some(EventColumn::U128(values)) = self.column(name, Form::Id) { Some(values) } else { None }
    }

    fn symbols(&self, name: &str) -> Option<&'a [u32]> {
        if let Some(EventColumn::U32(values)) = self.column(name, Form::Symbol) { Some(values) } else { None }
    }

    fn numbers(&self, name: &str) -> Option<&'a [f64]> {
        if let Some(EventColumn::F64(values)) = self.column(name, Form::Number) { Some(values) } else { None }
    }

    fn flags(&self, name: &str) -> Option<&'a [u8]> {
        if let Some(EventColumn::U8(values)) = self.column(name, Form::Flag) { Some(values) } else { None }
    }

    fn transactions(&self) -> Transactions<'a> {
        Transactions {
            days: self.days("time").unwrap_or_default(),
            amounts: self.money("amount").unwrap_or_default(),
            ids: self.ids("transaction_id"),
            orders: self.ids("order_id"),
            lots: self.ids("lot_id"),
            categories: self.symbols("category"),
            margins: self.money("margin"),
            costs: self.money("cost"),
        }
    }

    fn interactions(&self) -> Interactions<'a> {
        Interactions {
            days: self.days("time").unwrap_or_default(),
            kinds: self.symbols("kind").unwrap_or_default(),
            responded: self.flags("responded"),
            feedback: self.numbers("feedback_score"),
        }
    }

    fn bids(&self) -> Bids<'a> {
        Bids {
            days: self.days("time").unwrap_or_default(),
            instants: self.instants("time"),
            lots: self.ids("lot_id").unwrap_or_default(),
            amounts: self.money("amount").unwrap_or_default(),
        }
    }

    fn invoices(&self) -> Invoices<'a> {
        Invoices {
            days: self.days("time").unwrap_or_default(),
            amounts: self.money("amount").unwrap_or_default(),
            due: self.days("due_at").unwrap_or_default(),
            lots: self.ids("lot_id"),
            paid: self.days("paid_at"),
            disputed: self.days("disputed_at"),
            cancelled: self.days("cancelled_at"),
            written_off: self.days("written_off_at"),
            deposits: self.money("deposit"),
        }
    }

    fn profiles(&self, attributes: &[String]) -> ProfileColumns<'a> {
        ProfileColumns {
            registered_at: self.days("registered_at"),
            credit_limit: self.money("credit_limit"),
            opted_out: self.flags("opted_out"),
            manager_rating: self.numbers("manager_rating"),
            stated_needs: self.symbols("stated_needs"),
            market_total: self.money("market_total"),
            attributes: attributes.iter().map(|name| self.symbols(name)).collect(),
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
