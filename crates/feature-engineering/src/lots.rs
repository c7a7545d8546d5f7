//! The lots of a run, found by their identity: what bids and wins of all customers refer to.

use std::collections::HashMap;

use appraise_schema::event::{NO, NO_ID, NO_INSTANT, NO_MONEY, NO_SYMBOL, NamedColumns, YES};
use appraise_schema::{EventBatch, EventColumn, KeyColumn, KeyType, Layout, SourceKind};
use rayon::slice::ParallelSliceMut;

use crate::config::FeatureConfig;
use crate::dedupe::Duplicates as DroppedDuplicates;
use crate::error::FoldError;

/// A map by identity, which is a digest or a small number: a fast hash without a seed serves, and its order is never used.
pub(crate) type ById<V> = HashMap<u128, V, foldhash::fast::FixedState>;

/// One lot. What is not mapped, NULL or not yet known is the constant of [`appraise_schema::event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lot {
    /// Identity of its sale.
    pub sale: u128,
    /// When it closes, if that is not after `as_of`.
    pub closes_at: i64,
    /// Lower estimate.
    pub estimate_low: i64,
    /// Upper estimate.
    pub estimate_high: i64,
    /// The winning bid, if it closed.
    pub hammer: i64,
    /// The consignor's commission, if it closed.
    pub commission: i64,
    /// Whether it was sold; `None` while that is not known.
    pub sold: Option<bool>,
}

impl Default for Lot {
    fn default() -> Self {
        Self {
            sale: NO_ID,
            closes_at: NO_INSTANT,
            estimate_low: NO_MONEY,
            estimate_high: NO_MONEY,
            hammer: NO_MONEY,
            commission: NO_MONEY,
            sold: None,
        }
    }
}

/// All lots. Held in memory as a whole.
#[derive(Debug, Default)]
pub(crate) struct LotBook {
    /// By rising identity.
    pub(crate) lots: Vec<Lot>,
    /// Row number by identity.
    pub(crate) by_id: ById<u32>,
}

impl LotBook {
    /// Books the rows of `lots`, whatever their order and their cut into batches: one lot for each identity. Columns that
    /// `layout` does not hold read as NULL. `sold` is the symbol of the text `sold`, or [`NO_SYMBOL`].
    ///
    /// Also gives the lots that somebody consigned, in batches of the consignor's key and one column of the lot's row in
    /// the book ([`EventColumn::U32`]), and the used rows that gave way to another of the same lot: lots have no amount,
    /// so that tally is without money.
    ///
    /// # Errors
    /// [`FoldError::Conflict`] when rows share an identity but differ in content, and none of them is the newest where
    /// `config` lets the newest win.
    pub(crate) fn new(
        config: &FeatureConfig,
        layout: &Layout,
        batches: &[EventBatch],
        sold: u32,
    ) -> Result<(Self, Vec<EventBatch>, DroppedDuplicates), FoldError> {
        let columns: Vec<Columns<'_>> = batches.iter().map(|batch| Columns::new(layout, batch)).collect();
        let mut rows: Vec<Row> = (0..).zip(&columns).flat_map(|(batch, columns)| columns.rows(batch)).collect();
        // The newest last; all that tells rows of one lot apart is compared, so that the order of batches can't matter.
        rows.par_sort_unstable_by_key(|row| (row.id, row.loaded_at, row.content, row.kept));
        let outcomes = Outcomes::new(config, sold);
        let mut book = Self::default();
        let mut consigned = Consigned::new(config);
        let mut duplicates = DroppedDuplicates::default();
        for same in rows.chunk_by(|a, b| a.id == b.id) {
            let newest = newest(same, config.takes_latest(SourceKind::Lots))?;
            let used = same.iter().filter(|row| row.kept).count();
            duplicates.tally.rows += (used - usize::from(newest.kept)) as u64;
            if newest.kept {
                let (columns, row) = (&columns[newest.batch as usize], newest.place as usize);
                let number = book.lots.len();
                let number = u32::try_from(number).map_err(|_| FoldError::PartitionTooLarge { rows: number })?;
                book.lots.push(columns.lot(row, outcomes));
                book.by_id.insert(newest.id, number);
                consigned.push(columns.batch, row, number);
            }
        }
        Ok((book, consigned.finish(), duplicates))
    }

    /// The lot of this identity.
    #[must_use]
    pub(crate) fn find(&self, lot: u128) -> Option<&Lot> {
        self.by_id.get(&lot).map(|&row| &self.lots[row as usize])
    }

    /// The lot in row `row`.
    #[must_use]
    pub(crate) fn at(&self, row: u32) -> &Lot {
        &self.lots[row as usize]
    }
}

/// One row of `lots`, as far as it decides which row of a lot counts.
#[derive(Debug, Clone, Copy)]
struct Row {
    id: u128,
    loaded_at: i64,
    content: u64,
    /// Whether the row's filter is true.
    kept: bool,
    /// Its batch, and its place there.
    batch: u32,
    place: u32,
}

/// The row that counts of those of one lot, which come by rising `loaded_at`.
fn newest(same: &[Row], latest: bool) -> Result<Row, FoldError> {
    let newest = same[same.len() - 1];
    let rivals = same.iter().filter(|row| !latest || row.loaded_at == newest.loaded_at);
    if rivals.into_iter().any(|row| row.content != newest.content) {
        return Err(FoldError::Conflict { source_kind: SourceKind::Lots, customer: String::new(), id: newest.id });
    }
    Ok(newest)
}

/// By which columns a lot counts as sold.
#[derive(Debug, Clone, Copy)]
enum Outcomes {
    /// By `outcome`: this symbol means sold.
    Stated(u32),
    /// By `hammer`, once the time of close is known.
    HammeredByClose,
    /// By `hammer`.
    Hammered,
}

impl Outcomes {
    fn new(config: &FeatureConfig, sold: u32) -> Self {
        if config.maps(SourceKind::Lots, "outcome") {
            Self::Stated(sold)
        } else if config.maps(SourceKind::Lots, "closes_at") {
            Self::HammeredByClose
        } else {
            Self::Hammered
        }
    }

    /// Whether a lot was sold; `None` while that is not known.
    fn sold(self, outcome: u32, hammer: i64, closes_at: i64) -> Option<bool> {
        let hammered = hammer != NO_MONEY;
        match self {
            Self::Stated(sold) => (outcome != NO_SYMBOL).then_some(outcome == sold),
            Self::HammeredByClose => (hammered || closes_at != NO_INSTANT).then_some(hammered),
            Self::Hammered => Some(hammered),
        }
    }
}

/// The columns of one batch; `None` where the layout has none.
struct Columns<'a> {
    batch: &'a EventBatch,
    id: &'a [u128],
    content: Option<&'a [u64]>,
    loaded_at: Option<&'a [i64]>,
    withdrawn: Option<&'a [u8]>,
    sale: Option<&'a [u128]>,
    closes_at: Option<&'a [i64]>,
    estimate_low: Option<&'a [i64]>,
    estimate_high: Option<&'a [i64]>,
    hammer: Option<&'a [i64]>,
    commission: Option<&'a [i64]>,
    outcome: Option<&'a [u32]>,
}

impl<'a> Columns<'a> {
    fn new(layout: &Layout, batch: &'a EventBatch) -> Self {
        let columns = NamedColumns::new(layout, &batch.columns);
        Self {
            batch,
            id: columns.ids("lot_id").unwrap_or_default(),
            content: columns.contents(),
            loaded_at: columns.instants("loaded_at"),
            withdrawn: columns.withdrawn(),
            sale: columns.ids("sale_id"),
            closes_at: columns.instants("closes_at"),
            estimate_low: columns.money("estimate_low"),
            estimate_high: columns.money("estimate_high"),
            hammer: columns.money("hammer"),
            commission: columns.money("commission"),
            outcome: columns.symbols("outcome"),
        }
    }

    /// The rows that name a lot, as part of batch number `batch`.
    fn rows(&self, batch: u32) -> impl Iterator<Item = Row> {
        let named = (0_u32..).zip(self.id).filter(|&(_, &id)| id != NO_ID);
        named.map(move |(number, &id)| {
            let row = number as usize;
            Row {
                id,
                loaded_at: value(self.loaded_at, row, NO_INSTANT),
                content: value(self.content, row, 0),
                kept: value(self.withdrawn, row, NO) != YES,
                batch,
                place: number,
            }
        })
    }

    fn lot(&self, row: usize, outcomes: Outcomes) -> Lot {
        let closes_at = value(self.closes_at, row, NO_INSTANT);
        let hammer = value(self.hammer, row, NO_MONEY);
        Lot {
            sale: value(self.sale, row, NO_ID),
            closes_at,
            estimate_low: value(self.estimate_low, row, NO_MONEY),
            estimate_high: value(self.estimate_high, row, NO_MONEY),
            hammer,
            commission: value(self.commission, row, NO_MONEY),
            sold: outcomes.sold(value(self.outcome, row, NO_SYMBOL), hammer, closes_at),
        }
    }
}

/// The value in `row`, or that of a column that is not there.
fn value<T: Copy>(column: Option<&[T]>, row: usize, missing: T) -> T {
    column.map_or(missing, |column| column[row])
}

/// Rows of one batch of consigned lots.
const BATCH_ROWS: usize = 1 << 16;

/// Gathers consigned lots in batches.
struct Consigned {
    mapped: bool,
    key: KeyColumn,
    rows: Vec<u32>,
    batches: Vec<EventBatch>,
}

impl Consigned {
    fn new(config: &FeatureConfig) -> Self {
        Self {
            mapped: config.maps(SourceKind::Lots, "consignor_id"),
            key: KeyColumn::new(config.key_type),
            rows: Vec::new(),
            batches: Vec::new(),
        }
    }

    /// Adds the lot in row `number` of the book when its row in `batch` names a consignor.
    fn push(&mut self, batch: &EventBatch, row: usize, number: u32) {
        if !self.mapped || batch.has_key.as_ref().is_some_and(|has_key| !has_key[row]) {
            return;
        }
        push_key(&mut self.key, &batch.key, row);
        self.rows.push(number);
        if self.rows.len() == BATCH_ROWS {
            self.close_batch();
        }
    }

    fn close_batch(&mut self) {
        let empty = match self.key {
            KeyColumn::Integer(_) => KeyColumn::new(KeyType::Integer),
            KeyColumn::Text { .. } => KeyColumn::new(KeyType::Text),
        };
        let key = std::mem::replace(&mut self.key, empty);
        let rows = EventColumn::U32(std::mem::take(&mut self.rows));
        self.batches.push(EventBatch { key, has_key: None, columns: vec![rows] });
    }

    fn finish(mut self) -> Vec<EventBatch> {
        if !self.rows.is_empty() {
            self.close_batch();
        }
        self.batches
    }
}

/// Appends the key in `row` of `from`, a column of the same type.
fn push_key(keys: &mut KeyColumn, from: &KeyColumn, row: usize) {
    match (keys, from) {
        (KeyColumn::Integer(keys), KeyColumn::Integer(from)) => keys.push(from[row]),
        (KeyColumn::Text { offsets, bytes }, KeyColumn::Text { offsets: starts, bytes: from }) => {
            let (start, end) = (starts[row], starts[row + 1]);
            bytes.extend_from_slice(&from[start as usize..end as usize]);
            offsets.push(offsets.last().map_or(0, |last| last + end - start));
        }
        _ => debug_assert!(false, "keys of two types in one run"),
    }
}

#[cfg(test)]
mod tests;
