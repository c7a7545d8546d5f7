//! One partition: its rows grouped by customer, without duplicates, each customer's in order of time.

use std::collections::{BTreeMap, BTreeSet};

use appraise_schema::event::{EventColumn, Form, NamedColumns};
use appraise_schema::{Layout, SourceKind};

use crate::config::FeatureConfig;
use crate::dedupe::{Duplicates, drop_duplicates};
use crate::error::FoldError;
use crate::group::{Groups, SourceGroups, group};
use crate::netting::{Class, Netting, rescinded_lots};
use crate::rows::{Keys, Rows};

/// The sign bit of a day: flipped, days sort as unsigned numbers.
const SIGN: u32 = 1 << 31;

/// One source's rows in the order of customers, then local date; of transactions, those that stand first.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) layout: Layout,
    /// In the order of the layout.
    pub(crate) columns: Vec<EventColumn>,
    /// The rows of customer `c` are `starts[c]..starts[c + 1]`.
    pub(crate) starts: Vec<u32>,
}

/// Where the standing, reversed and rescinded transactions of a customer end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Split {
    pub(crate) standing: u32,
    pub(crate) reversed: u32,
    pub(crate) rescinded: u32,
}

/// A partition ready to be folded.
#[derive(Debug)]
pub(crate) struct Partition {
    keys: BTreeMap<usize, Keys>,
    customers: Vec<(usize, u32)>,
    pub(crate) tables: BTreeMap<SourceKind, Table>,
    /// One per customer; `None` when every transaction stands.
    pub(crate) splits: Option<Vec<Split>>,
    /// What was dropped, by source.
    pub(crate) duplicates: BTreeMap<SourceKind, Duplicates>,
}

impl Partition {
    /// Groups, deduplicates, nets and orders the rows of all sources.
    ///
    /// # Errors
    /// [`FoldError::Conflict`] when rows share their identity but not their content.
    pub(crate) fn new(config: &FeatureConfig, sources: Vec<(SourceKind, Layout, Rows)>) -> Result<Self, FoldError> {
        let rows: usize = sources.iter().map(|(_, _, rows)| rows.len()).sum();
        if u32::try_from(rows).is_err() {
            return Err(FoldError::PartitionTooLarge { rows });
        }
        let keys: Vec<&Keys> = sources.iter().map(|(_, _, rows)| &rows.key).collect();
        let Groups { mut customers, sources: mut groups } = group(&keys);
        let mut duplicates = BTreeMap::new();
        for ((source, layout, rows), groups) in sources.iter().zip(&mut groups) {
            let dropped = drop_duplicates(*source, layout, rows, groups)?;
            if dropped != Duplicates::default() {
                duplicates.insert(*source, dropped);
            }
            order_by_day(*source, layout, rows, groups);
        }
        drop_customers_without_rows(&mut customers, &mut groups);
        let splits = net(config, &sources, &mut groups);
        let mut partition = Self { keys: BTreeMap::new(), customers, tables: BTreeMap::new(), splits, duplicates };
        for (position, ((source, layout, rows), groups)) in sources.into_iter().zip(groups).enumerate() {
            let columns = rows.columns.into_iter().map(|column| pick(column, &groups.rows)).collect();
            partition.tables.insert(source, Table { layout, columns, starts: groups.starts });
            partition.keys.insert(position, rows.key);
        }
        if let Some(table) = partition.tables.get_mut(&SourceKind::Transactions) {
            absolute(table);
        }
        Ok(partition)
    }

    /// Number of customers.
    pub(crate) fn customers(&self) -> usize {
        self.customers.len()
    }

    /// The integer keys of all customers, in order; empty for text keys.
    pub(crate) fn integer_keys(&self) -> impl Iterator<Item = i64> {
        self.customers.iter().filter_map(|(source, row)| match self.keys.get(source) {
            Some(Keys::Integer(keys)) => Some(keys[*row as usize]),
            _ => None,
        })
    }

    /// The key of customer `c` as text, for tables and messages.
    pub(crate) fn key_text(&self, c: usize) -> String {
        let (source, row) = self.customers[c];
        self.keys.get(&source).map(|keys| keys.shown(row as usize)).unwrap_or_default()
    }
}

/// The picked values of a column.
fn pick(column: EventColumn, rows: &[u32]) -> EventColumn {
    fn of<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
        rows.iter().map(|&row| values[row as usize]).collect()
    }
    match column {
        EventColumn::I32(values) => EventColumn::I32(of(&values, rows)),
        EventColumn::I64(values) => EventColumn::I64(of(&values, rows)),
        EventColumn::F64(values) => EventColumn::F64(of(&values, rows)),
        EventColumn::U128(values) => EventColumn::U128(of(&values, rows)),
        EventColumn::U64(values) => EventColumn::U64(of(&values, rows)),
        EventColumn::U32(values) => EventColumn::U32(of(&values, rows)),
        EventColumn::U8(values) => EventColumn::U8(of(&values, rows)),
    }
}

/// Drops customers all of whose rows are withdrawn.
fn drop_customers_without_rows(customers: &mut Vec<(usize, u32)>, groups: &mut [SourceGroups]) {
    let has_rows = |c: usize| groups.iter().any(|group| group.starts[c] < group.starts[c + 1]);
    let kept: Vec<bool> = (0..customers.len()).map(has_rows).collect();
    if !kept.contains(&false) {
        return;
    }
    // A customer without rows starts where the next one does.
    for group in groups {
        let mut kept = kept.iter().chain(&[true]);
        group.starts.retain(|_| kept.next().copied().unwrap_or(true));
    }
    let mut kept = kept.iter();
    customers.retain(|_| kept.next().copied().unwrap_or(true));
}

/// Amounts of refunds count without their sign.
fn absolute(table: &mut Table) {
    let position = table.layout.position("amount", Form::Money);
    if let Some(EventColumn::I64(amounts)) = position.and_then(|position| table.columns.get_mut(position)) {
        for amount in amounts {
            *amount = amount.saturating_abs();
        }
    }
}

/// Orders each customer's rows by day. Rows of one day stay in no particular order: they are a set.
fn order_by_day(source: SourceKind, layout: &Layout, rows: &Rows, groups: &mut SourceGroups) {
    let columns = NamedColumns::new(layout, &rows.columns);
    let Some(days) = source.time().and_then(|time| columns.days(time)) else { return };
    let mut keyed: Vec<u64> = Vec::new();
    for bounds in groups.starts.windows(2) {
        let of_customer = &mut groups.rows[bounds[0] as usize..bounds[1] as usize];
        if of_customer.len() < 2 {
            continue;
        }
        keyed.clear();
        // Day, shifted to sort as unsigned, above the row number.
        keyed.extend(of_customer.iter().map(|&row| {
            let day = days[row as usize].cast_unsigned() ^ SIGN;
            (u64::from(day) << 32) | u64::from(row)
        }));
        keyed.sort_unstable();
        for (row, key) in of_customer.iter_mut().zip(&keyed) {
            #[expect(clippy::cast_possible_truncation, reason = "the low half is the row number")]
            let low = *key as u32;
            *row = low;
        }
    }
}

/// Moves each customer's standing purchases before the reversed ones, those before the rescinded ones, and refunds to the
/// end. `None` when nothing moved.
fn net(
    config: &FeatureConfig,
    sources: &[(SourceKind, Layout, Rows)],
    groups: &mut [SourceGroups],
) -> Option<Vec<Split>> {
    let place = |kind| sources.iter().position(|(source, _, _)| *source == kind);
    let transactions = place(SourceKind::Transactions)?;
    let (_, layout, rows) = &sources[transactions];
    let netting = Netting::new(layout, rows, config.mirrors());
    let invoices = place(SourceKind::Invoices).filter(|_| config.rescinds());
    let cancelled = invoices.and_then(|invoices| Cancelled::new(&sources[invoices].1, &sources[invoices].2));
    if !netting.any_refund() && cancelled.is_none() {
        return None;
    }
    let customers = groups[transactions].starts.len() - 1;
    let mut splits = Vec::with_capacity(customers);
    let (mut classes, mut ordered) = (Vec::new(), Vec::new());
    for c in 0..customers {
        let lots = match (&cancelled, invoices) {
            (Some(cancelled), Some(invoices)) => cancelled.of(&groups[invoices], c),
            _ => BTreeSet::new(),
        };
        let SourceGroups { rows, starts } = &mut groups[transactions];
        let start = starts[c];
        let of_customer = &mut rows[start as usize..starts[c + 1] as usize];
        netting.classify(of_customer, &lots, &mut classes);
        let end_of = |class| start + u32::try_from(classes.iter().filter(|c| **c <= class).count()).unwrap_or(u32::MAX);
        splits.push(Split {
            standing: end_of(Class::Standing),
            reversed: end_of(Class::Reversed),
            rescinded: end_of(Class::Rescinded),
        });
        if !classes.is_sorted() {
            ordered.clear();
            ordered.extend(classes.iter().copied().zip(of_customer.iter().copied()));
            // Stable: within a class rows stay in order of day.
            ordered.sort_by_key(|(class, _)| *class);
            of_customer.iter_mut().zip(&ordered).for_each(|(row, (_, moved))| *row = *moved);
        }
    }
    Some(splits)
}

/// The columns of invoices that rescind purchases.
struct Cancelled<'a> {
    lots: &'a [u128],
    days: &'a [i32],
    paid: Option<&'a [i32]>,
}

impl<'a> Cancelled<'a> {
    fn new(layout: &Layout, rows: &'a Rows) -> Option<Self> {
        let columns = NamedColumns::new(layout, &rows.columns);
        let (lots, days) = (columns.ids("lot_id")?, columns.days("cancelled_at")?);
        let paid = columns.days("paid_at");
        Some(Self { lots, days, paid })
    }

    fn of(&self, groups: &SourceGroups, c: usize) -> BTreeSet<u128> {
        let rows = &groups.rows[groups.starts[c] as usize..groups.starts[c + 1] as usize];
        rescinded_lots(self.lots, self.days, self.paid, rows.iter().map(|&row| row as usize))
    }
}
