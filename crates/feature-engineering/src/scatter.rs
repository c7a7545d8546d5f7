//! Events are scattered once, by the hash of the customer key, into partitions.

use appraise_schema::event::{EventBatch, KeyColumn, KeyType};
use appraise_schema::hash;

use crate::config::MappedColumns;

/// Rows a partition aims at, so that its columns stay in a core's cache while it is folded.
const PARTITION_ROWS: u64 = 40_000;
/// Most partitions: beyond it the write cursors of a scatter no longer fit the cache.
const MAX_PARTITION_BITS: u32 = 11;

/// The customer keys of a partition's rows.
#[derive(Debug)]
pub(crate) enum Keys {
    /// Integer keys.
    Integer(Vec<i64>),
    /// Text keys: key `i` ends at `ends[i]` of `bytes` and begins where the one before ends.
    Text { ends: Vec<usize>, bytes: Vec<u8> },
}

impl Keys {
    fn new(key_type: KeyType) -> Self {
        match key_type {
            KeyType::Integer => Self::Integer(Vec::new()),
            KeyType::Text => Self::Text { ends: Vec::new(), bytes: Vec::new() },
        }
    }

    fn take(&mut self, keys: &KeyColumn, picked: &[u32]) {
        match (self, keys) {
            (Self::Integer(target), KeyColumn::Integer(keys)) => gather(target, keys, picked),
            (Self::Text { ends, bytes: target }, KeyColumn::Text { offsets, bytes }) => {
                for &row in picked {
                    let row = row as usize;
                    target.extend_from_slice(&bytes[offsets[row] as usize..offsets[row + 1] as usize]);
                    ends.push(target.len());
                }
            }
            _ => debug_assert!(false, "a run has one key type"),
        }
    }

    fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Integer(keys), Self::Integer(mut more)) => keys.append(&mut more),
            (Self::Text { ends, bytes }, Self::Text { ends: more_ends, bytes: mut more }) => {
                let base = bytes.len();
                ends.extend(more_ends.iter().map(|end| base + end));
                bytes.append(&mut more);
            }
            _ => debug_assert!(false, "a run has one key type"),
        }
    }
}

/// Appends the values of the `picked` rows.
fn gather<T: Copy>(target: &mut Vec<T>, column: &[T], picked: &[u32]) {
    target.extend(picked.iter().map(|&row| column[row as usize]));
}

/// The rows of one partition that one writer has seen, column by column.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) key: Keys,
    pub(crate) day: Vec<i32>,
    pub(crate) amount: Vec<i64>,
    /// Empty while no row was a refund.
    pub(crate) refund: Vec<bool>,
    pub(crate) order: Vec<u128>,
    pub(crate) margin: Vec<i64>,
    pub(crate) transaction_id: Vec<u128>,
    pub(crate) transaction_content: Vec<u64>,
}

impl Rows {
    pub(crate) fn new(key_type: KeyType) -> Self {
        Self {
            key: Keys::new(key_type),
            day: Vec::new(),
            amount: Vec::new(),
            refund: Vec::new(),
            order: Vec::new(),
            margin: Vec::new(),
            transaction_id: Vec::new(),
            transaction_content: Vec::new(),
        }
    }

    pub(crate) fn reserve(&mut self, rows: usize, mapped: MappedColumns) {
        if let Keys::Integer(keys) = &mut self.key {
            keys.reserve(rows);
        }
        self.day.reserve(rows);
        self.amount.reserve(rows);
        if mapped.order {
            self.order.reserve(rows);
        }
        if mapped.margin {
            self.margin.reserve(rows);
        }
        if mapped.transaction {
            self.transaction_id.reserve(rows);
            self.transaction_content.reserve(rows);
        }
    }

    /// Appends the rows of `batch` that are numbered in `picked`.
    fn take(&mut self, batch: &EventBatch, picked: &[u32]) {
        self.key.take(&batch.key, picked);
        gather(&mut self.day, &batch.day, picked);
        gather(&mut self.amount, &batch.amount, picked);
        if let Some(order) = &batch.order {
            gather(&mut self.order, order, picked);
        }
        if let Some(margin) = &batch.margin {
            gather(&mut self.margin, margin, picked);
        }
        if let Some(transaction) = &batch.transaction {
            self.transaction_id.extend(picked.iter().map(|&row| transaction[row as usize].id));
            self.transaction_content.extend(picked.iter().map(|&row| transaction[row as usize].content));
        }
        if let Some(refund) = &batch.refund {
            // Rows of earlier batches without the column were no refunds.
            self.refund.resize(self.day.len() - picked.len(), false);
            gather(&mut self.refund, refund, picked);
        }
    }

    /// Appends all rows of `other`.
    pub(crate) fn append(&mut self, mut other: Self) {
        let rows = self.day.len();
        let other_rows = other.day.len();
        self.key.append(other.key);
        self.day.append(&mut other.day);
        self.amount.append(&mut other.amount);
        self.order.append(&mut other.order);
        self.margin.append(&mut other.margin);
        self.transaction_id.append(&mut other.transaction_id);
        self.transaction_content.append(&mut other.transaction_content);
        if !self.refund.is_empty() || !other.refund.is_empty() {
            self.refund.resize(rows, false);
            other.refund.resize(other_rows, false);
            self.refund.append(&mut other.refund);
        }
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.day.len()
    }
}

/// The shape of a scatter: how many partitions, for which columns.
#[derive(Debug, Clone, Copy)]
pub struct Scatter {
    bits: u32,
    key_type: KeyType,
    mapped: MappedColumns,
    rows_per_bucket: usize,
}

impl Scatter {
    /// Plans a scatter of about `expected_rows` rows by `writers` writers. The numbers decide speed and memory,
    /// never a result.
    #[must_use]
    pub fn new(key_type: KeyType, mapped: MappedColumns, expected_rows: u64, writers: usize) -> Self {
        let partitions = (expected_rows / PARTITION_ROWS).max(1).next_power_of_two();
        let bits = partitions.trailing_zeros().min(MAX_PARTITION_BITS);
        let share = expected_rows / (u64::try_from(writers.max(1)).unwrap_or(1) << bits);
        let rows_per_bucket = usize::try_from(share + share / 8).unwrap_or(0);
        Self { bits, key_type, mapped, rows_per_bucket }
    }

    /// Number of partitions.
    #[must_use]
    pub fn partitions(&self) -> usize {
        1 << self.bits
    }

    /// A writer for one thread.
    #[must_use]
    pub fn writer(&self) -> ScatterWriter {
        let buckets = (0..self.partitions()).map(|_| {
            let mut rows = Rows::new(self.key_type);
            rows.reserve(self.rows_per_bucket, self.mapped);
            rows
        });
        ScatterWriter {
            scatter: *self,
            buckets: buckets.collect(),
            partition_of: Vec::new(),
            order: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Type of the customer key.
    pub(crate) fn key_type(&self) -> KeyType {
        self.key_type
    }

    fn partition(&self, hash: u64) -> u16 {
        // A shift by 64 would overflow: one partition holds everything.
        if self.bits == 0 { 0 } else { u16::try_from(hash >> (64 - self.bits)).unwrap_or(0) }
    }
}

/// Scatters batches into one thread's partitions.
#[derive(Debug)]
pub struct ScatterWriter {
    scatter: Scatter,
    pub(crate) buckets: Vec<Rows>,
    partition_of: Vec<u16>,
    order: Vec<u32>,
    ends: Vec<u32>,
}

impl ScatterWriter {
    /// Scatters one batch of at most 2³² − 1 rows.
    pub fn push(&mut self, batch: &EventBatch) {
        self.assign(&batch.key);
        self.sort_rows();
        let mut start = 0;
        for (rows, &end) in self.buckets.iter_mut().zip(&self.ends) {
            let end = end as usize;
            if start < end {
                rows.take(batch, &self.order[start..end]);
            }
            start = end;
        }
    }

    /// Partition of every row.
    fn assign(&mut self, keys: &KeyColumn) {
        let scatter = self.scatter;
        self.partition_of.clear();
        match keys {
            KeyColumn::Integer(keys) => {
                self.partition_of.extend(keys.iter().map(|&key| scatter.partition(hash::of_integer(key))));
            }
            KeyColumn::Text { offsets, bytes } => {
                let texts = offsets.windows(2).map(|w| &bytes[w[0] as usize..w[1] as usize]);
                self.partition_of.extend(texts.map(|text| scatter.partition(hash::of_text(text))));
            }
        }
    }

    /// Row numbers sorted by partition (a counting sort); `ends[p]` is the end of partition `p`.
    fn sort_rows(&mut self) {
        self.ends.clear();
        self.ends.resize(self.buckets.len() + 1, 0);
        for &partition in &self.partition_of {
            self.ends[usize::from(partition) + 1] += 1;
        }
        for partition in 1..self.ends.len() {
            self.ends[partition] += self.ends[partition - 1];
        }
        self.order.clear();
        self.order.resize(self.partition_of.len(), 0);
        // `ends[p]` is the start of partition p now and moves to its end.
        for (row, &partition) in (0_u32..).zip(&self.partition_of) {
            let cursor = &mut self.ends[usize::from(partition)];
            self.order[*cursor as usize] = row;
            *cursor += 1;
        }
    }
}
