//! Rows of a customer that share their identity: one of them counts.

use appraise_schema::event::{NO_DAY, NO_ID, NO_INSTANT, NamedColumns, YES, is_refund};
use appraise_schema::{Layout, SourceKind, Tally};

use crate::error::FoldError;
use crate::group::SourceGroups;
use crate::rows::Rows;

/// Rows and money that were dropped as duplicates of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Duplicates {
    /// Rows and their signed amounts.
    pub tally: Tally,
    /// Those of the rows that are refunds.
    pub refunds: u64,
}

impl Duplicates {
    /// Adds what another part dropped.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        self.refunds += other.refunds;
    }
}

/// What tells rows of a source apart.
struct Identity<'a> {
    ids: Option<&'a [u128]>,
    /// Of customers, whose rows are told apart by their date.
    days: Option<&'a [i32]>,
    contents: &'a [u64],
    /// With `duplicates: latest`.
    loaded: Option<&'a [i64]>,
    withdrawn: Option<&'a [u8]>,
    amounts: Option<&'a [i64]>,
    /// Only transactions can be refunds.
    has_refunds: bool,
    marked: Option<&'a [u8]>,
}

impl<'a> Identity<'a> {
    /// `None` when the source's rows have no identity.
    fn new(source: SourceKind, layout: &Layout, rows: &'a Rows) -> Option<Self> {
        let columns = NamedColumns::new(layout, &rows.columns);
        let contents = columns.contents()?;
        let ids = source.identity().and_then(|name| columns.ids(name));
        if ids.is_none() && source != SourceKind::Customers {
            return None;
        }
        let withdrawn = columns.withdrawn();
        Some(Self {
            ids,
            days: columns.days("valid_from"),
            contents,
            loaded: columns.instants("loaded_at").filter(|_| withdrawn.is_some()),
            withdrawn,
            amounts: source.amount().and_then(|name| columns.money(name)),
            has_refunds: source == SourceKind::Transactions,
            marked: columns.flags("refund"),
        })
    }

    /// `None` for a row that is alone.
    fn id(&self, row: usize) -> Option<u128> {
        match self.ids {
            Some(ids) => Some(ids[row]).filter(|id| *id != NO_ID),
            None => Some(self.days.map_or(1, |days| u128::from(days[row].abs_diff(NO_DAY)) + 1)),
        }
    }

    fn loaded(&self, row: usize) -> i64 {
        self.loaded.map_or(NO_INSTANT, |loaded| loaded[row])
    }

    fn is_withdrawn(&self, row: usize) -> bool {
        self.withdrawn.is_some_and(|withdrawn| withdrawn[row] == YES)
    }

    /// Sorts equal identities together, the row that counts first, and equal contents together.
    fn rank(&self, row: u32) -> (Option<u128>, std::cmp::Reverse<i64>, u64, bool) {
        let row = row as usize;
        (self.id(row), std::cmp::Reverse(self.loaded(row)), self.contents[row], self.is_withdrawn(row))
    }

    fn drop(&self, row: usize, dropped: &mut Duplicates) {
        if self.is_withdrawn(row) {
            return;
        }
        let amount = self.amounts.map_or(0, |amounts| amounts[row]);
        dropped.tally.add(Some(amount));
        let is_refund = self.has_refunds && is_refund(amount, self.marked.map(|marked| marked[row]));
        dropped.refunds += u64::from(is_refund);
    }
}

/// Drops rows of a customer whose identity another row has: one with the same content, or one that was loaded later. A row
/// that its filter withdrew drops those before it and goes, too.
///
/// # Errors
/// [`FoldError::Conflict`] when rows share their identity but not their content, and none of them is the latest.
pub(crate) fn drop_duplicates(
    source: SourceKind,
    layout: &Layout,
    rows: &Rows,
    groups: &mut SourceGroups,
) -> Result<Duplicates, FoldError> {
    let mut dropped = Duplicates::default();
    let Some(identity) = Identity::new(source, layout, rows) else { return Ok(dropped) };
    let mut ranked = Vec::new();
    groups.retain(|of_customer| {
        if of_customer.len() > 1 {
            ranked.clear();
            ranked.extend(of_customer.iter().map(|&row| (identity.rank(row), row)));
            ranked.sort_unstable();
            of_customer.iter_mut().zip(&ranked).for_each(|(row, (_, sorted))| *row = *sorted);
        }
        let mut kept = 0;
        let mut winner: Option<usize> = None;
        for position in 0..of_customer.len() {
            let row = of_customer[position] as usize;
            let id = identity.id(row);
            if let Some(before) = winner.filter(|&before| id.is_some() && identity.id(before) == id) {
                if identity.loaded(before) == identity.loaded(row)
                    && identity.contents[before] != identity.contents[row]
                {
                    let customer = rows.key.shown(row);
                    return Err(FoldError::Conflict { source_kind: source, customer, id: id.unwrap_or(NO_ID) });
                }
                identity.drop(row, &mut dropped);
                continue;
            }
            winner = Some(row);
            if !identity.is_withdrawn(row) {
                of_customer[kept] = of_customer[position];
                kept += 1;
            }
        }
        Ok(kept)
    })?;
    Ok(dropped)
}
