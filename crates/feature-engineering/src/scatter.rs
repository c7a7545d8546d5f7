//! Events are scattered once, by the hash of the customer key, into partitions; beyond a budget they wait on disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use appraise_schema::event::{EventBatch, Form, KeyColumn, KeyType};
use appraise_schema::{Layout, SourceKind, hash};

use crate::config::FeatureConfig;
use crate::error::FoldError;
use crate::rows::{Rows, row_bytes};
use crate::segment::{Origin, Segment, note_origin};
use crate::spill::SpillFile;

/// Rows a partition aims at, so that its columns stay in a core's cache while it is folded.
const PARTITION_ROWS: u64 = 40_000;
/// Most partitions: beyond it the write cursors of a scatter no longer fit the cache.
const MAX_PARTITION_BITS: u32 = 11;

/// How a scatter is carried out. None of it changes a result.
#[derive(Debug, Clone)]
pub struct ScatterOptions {
    /// Rows of each source, about.
    pub expected_rows: BTreeMap<SourceKind, u64>,
    /// Writers of each source.
    pub threads: usize,
    /// Bytes that may wait in memory to be folded; what is more waits on disk.
    pub memory_bytes: u64,
    /// Folder of the files on disk.
    pub temp_dir: PathBuf,
    /// Bits of the partitions' numbers, where rows join that were scattered before; else the expected rows tell them.
    pub partition_bits: Option<u32>,
    /// Whether it is kept which dump each row came from: what a [segment](crate::Segment) of them asks for.
    pub keep_origins: bool,
}

/// Which bits of the hash tell the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bits {
    /// Bits that were used before, from the highest on.
    pub(crate) skip: u32,
    /// Bits of the partition's number.
    pub(crate) count: u32,
}

impl Bits {
    fn partition(self, hash: u64) -> u16 {
        // A shift by 64 would overflow: one partition holds everything.
        if self.count == 0 { 0 } else { u16::try_from((hash << self.skip) >> (64 - self.count)).unwrap_or(0) }
    }

    pub(crate) fn partitions(self) -> usize {
        1 << self.count
    }
}

/// What all writers of a scatter share.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) key_type: KeyType,
    /// The layout of every source that is read.
    pub(crate) layouts: BTreeMap<SourceKind, Layout>,
    pub(crate) bits: Bits,
    rows_per_bucket: BTreeMap<SourceKind, usize>,
    pub(crate) options: ScatterOptions,
    /// Bytes that wait in memory.
    held: AtomicU64,
}

/// The events of a run, scattered.
#[derive(Debug)]
pub struct Scatter {
    pub(crate) shape: Arc<Shape>,
    pub(crate) kept: Vec<ScatterWriter>,
    /// Rows of earlier runs.
    pub(crate) segments: Vec<(SourceKind, Arc<Segment>)>,
}

/// Bits of the number of partitions that suit `rows` rows.
#[must_use]
pub fn partition_bits(rows: u64) -> u32 {
    let partitions = (rows / PARTITION_ROWS).max(1).next_power_of_two();
    partitions.trailing_zeros().min(MAX_PARTITION_BITS)
}

impl Scatter {
    /// Plans a scatter of the sources that `config` maps.
    #[must_use]
    pub fn new(config: &FeatureConfig, options: ScatterOptions) -> Self {
        let layouts: BTreeMap<_, _> = config.mapped.keys().map(|&source| (source, config.layout(source))).collect();
        let wanted = || partition_bits(options.expected_rows.values().sum());
        let count = options.partition_bits.map_or_else(wanted, |bits| bits.min(MAX_PARTITION_BITS));
        let bits = Bits { skip: 0, count };
        Self::shaped(config.key_type, layouts, bits, options)
    }

    pub(crate) fn shaped(
        key_type: KeyType,
        layouts: BTreeMap<SourceKind, Layout>,
        bits: Bits,
        options: ScatterOptions,
    ) -> Self {
        let buckets = (options.threads.max(1) as u64) << bits.count;
        let expected = |source| options.expected_rows.get(source).copied().unwrap_or(0);
        let all: u64 = layouts.iter().map(|(source, layout)| expected(source) * row_bytes(layout) as u64).sum();
        // Room is made for all rows and an eighth more, or for what may wait in memory.
        let eighths = (options.memory_bytes.saturating_mul(3) / all.max(1)).min(9);
        let rows = |source| usize::try_from(expected(source) * eighths / 8 / buckets).unwrap_or(0);
        let rows_per_bucket = layouts.keys().map(|source| (*source, rows(source))).collect();
        let held = AtomicU64::new(0);
        let shape = Shape { key_type, layouts, bits, rows_per_bucket, options, held };
        Self { shape: Arc::new(shape), kept: Vec::new(), segments: Vec::new() }
    }

    /// A writer of `source` for one thread.
    #[must_use]
    pub fn writer(&self, source: SourceKind) -> ScatterWriter {
        let layout = self.shape.layouts.get(&source).cloned().unwrap_or_default();
        let buckets = if source == SourceKind::Lots { 0 } else { self.shape.bits.partitions() };
        let room = self.shape.rows_per_bucket.get(&source).copied().unwrap_or(0);
        self.writer_of(source, &layout, buckets, room)
    }

    /// A writer of the lots' rows in the book, by consignor.
    pub(crate) fn consigned_writer(&self) -> ScatterWriter {
        self.writer_of(SourceKind::Lots, &consigned_layout(), self.shape.bits.partitions(), 0)
    }

    /// A writer of rows that were scattered before.
    pub(crate) fn part_writer(&self, source: SourceKind, layout: &Layout) -> ScatterWriter {
        self.writer_of(source, layout, self.shape.bits.partitions(), 0)
    }

    fn writer_of(&self, source: SourceKind, layout: &Layout, buckets: usize, room: usize) -> ScatterWriter {
        let shape = &self.shape;
        let bucket = |_| {
            let mut rows = Rows::new(shape.key_type, layout);
            rows.reserve(room);
            rows
        };
        ScatterWriter {
            shape: Arc::clone(shape),
            source,
            buckets: (0..buckets).map(bucket).collect(),
            origins: vec![Vec::new(); if shape.options.keep_origins { buckets } else { 0 }],
            lots: Vec::new(),
            lot_origins: Vec::new(),
            spill: None,
            held: 0,
            partition_of: Vec::new(),
            order: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Takes back the writers of a source once it is read; rows that would leave little room for the next source go to
    /// disk.
    ///
    /// # Errors
    /// [`FoldError::Spill`] when they can't be written.
    pub fn keep(&mut self, writers: Vec<ScatterWriter>) -> Result<(), FoldError> {
        self.kept.extend(writers);
        if self.shape.held.load(Ordering::Relaxed) * 4 > self.shape.options.memory_bytes {
            self.spill_all()?;
        }
        Ok(())
    }

    /// Adds the rows of an earlier run, which stay in their file.
    ///
    /// # Errors
    /// [`FoldError::Segment`] when lots, which are held in memory, can't be read, [`FoldError::Memory`] when they do not fit.
    pub fn add_segment(&mut self, source: SourceKind, segment: &Arc<Segment>) -> Result<(), FoldError> {
        if source != SourceKind::Lots {
            self.segments.push((source, Arc::clone(segment)));
            return Ok(());
        }
        let mut writer = self.writer(source);
        writer.push(&segment.lots(self)?, 0)?;
        self.keep(vec![writer])
    }

    /// Writes everything that waits in memory to disk.
    pub(crate) fn spill_all(&mut self) -> Result<(), FoldError> {
        self.kept.iter_mut().filter(|writer| !writer.buckets.is_empty()).try_for_each(ScatterWriter::spill)?;
        self.kept.iter_mut().for_each(ScatterWriter::free);
        Ok(())
    }

    /// Number of partitions.
    #[must_use]
    pub fn partitions(&self) -> usize {
        self.shape.bits.partitions()
    }

    /// Bits of the partitions' numbers.
    #[must_use]
    pub fn partition_bits(&self) -> u32 {
        self.shape.bits.count
    }

    /// Bytes that wait on disk.
    #[must_use]
    pub fn spilled_bytes(&self) -> u64 {
        self.kept.iter().filter_map(|writer| writer.spill.as_ref()).map(SpillFile::written).sum()
    }
}

/// Scatters the batches of one source into one thread's partitions.
#[derive(Debug)]
pub struct ScatterWriter {
    pub(crate) shape: Arc<Shape>,
    pub(crate) source: SourceKind,
    pub(crate) buckets: Vec<Rows>,
    /// Where the rows of each bucket came from; empty if that is not kept.
    origins: Vec<Vec<Origin>>,
    /// Lots are not scattered: they are looked up by bids and wins of all customers.
    pub(crate) lots: Vec<EventBatch>,
    /// The dump of each batch of lots.
    lot_origins: Vec<u32>,
    pub(crate) spill: Option<SpillFile>,
    held: u64,
    partition_of: Vec<u16>,
    order: Vec<u32>,
    ends: Vec<u32>,
}

impl ScatterWriter {
    /// Scatters one batch of at most 2³² − 1 rows of dump number `file`.
    ///
    /// # Errors
    /// [`FoldError::Spill`] when memory is full and the disk too, [`FoldError::Memory`] when the lots alone exceed the
    /// budget.
    pub fn push(&mut self, batch: &EventBatch, file: u32) -> Result<(), FoldError> {
        if self.buckets.is_empty() {
            self.lot_origins.push(file);
            return self.push_lots(batch);
        }
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
        let mut start = 0;
        for (origins, &end) in self.origins.iter_mut().zip(&self.ends) {
            if start < end {
                note_origin(origins, file, (end - start) as usize);
            }
            start = end;
        }
        self.account(batch)
    }

    /// Shows the rows of `partition`, piece by piece, and where they came from; `part` is room for those on disk.
    pub(crate) fn each_piece(
        &self,
        partition: usize,
        part: &mut Rows,
        show: &mut dyn FnMut(&Rows, &[Origin]),
    ) -> Result<(), FoldError> {
        for (lots, &file) in self.lots.iter().zip(&self.lot_origins) {
            let rows = Rows::of_lots(lots);
            show(&rows, &[(file, u32::try_from(rows.len()).unwrap_or(u32::MAX))]);
        }
        if let (Some(rows), Some(origins)) = (self.buckets.get(partition), self.origins.get(partition)) {
            show(rows, origins);
        }
        for (spill, run) in self.spill.iter().flat_map(|spill| (0..spill.runs()).map(move |run| (spill, run))) {
            part.clear();
            spill.read(run, partition, part)?;
            show(part, spill.origins(run, partition));
        }
        Ok(())
    }

    /// Adds `batch` to what is held, and goes to disk when that is too much: vectors take up to twice their length.
    fn account(&mut self, batch: &EventBatch) -> Result<(), FoldError> {
        let texts = if let KeyColumn::Text { bytes, .. } = &batch.key { bytes.len() } else { 0 };
        let layout = self.shape.layouts.get(&self.source);
        let bytes = (batch.len() * layout.map_or(8, row_bytes) + texts) as u64;
        self.held += bytes;
        let held = self.shape.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if held * 2 <= self.shape.options.memory_bytes || self.held * 2 < held / self.shape.options.threads as u64 {
            return Ok(());
        }
        self.spill()
    }

    fn push_lots(&mut self, batch: &EventBatch) -> Result<(), FoldError> {
        self.lots.push(batch.clone());
        let bytes = (batch.len() * self.shape.layouts.get(&self.source).map_or(8, row_bytes)) as u64;
        let held = self.shape.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.held += bytes;
        let limit = self.shape.options.memory_bytes;
        // The book of lots is made beside the batches.
        if self.held * 2 > limit {
            return Err(FoldError::Memory { what: "lots".to_owned(), needed: held * 2, limit });
        }
        Ok(())
    }

    /// Writes all rows to disk.
    fn spill(&mut self) -> Result<(), FoldError> {
        if self.held == 0 {
            return Ok(());
        }
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => none.insert(SpillFile::new(&self.shape.options.temp_dir)?),
        };
        spill.write(&mut self.buckets, &mut self.origins)?;
        self.shape.held.fetch_sub(self.held, Ordering::Relaxed);
        self.held = 0;
        Ok(())
    }

    /// Gives back the room of rows that went to disk.
    fn free(&mut self) {
        if self.held == 0 {
            self.buckets.iter_mut().for_each(Rows::free);
        }
    }

    /// Partition of every row.
    fn assign(&mut self, keys: &KeyColumn) {
        let bits = self.shape.bits;
        self.partition_of.clear();
        match keys {
            KeyColumn::Integer(keys) => {
                self.partition_of.extend(keys.iter().map(|&key| bits.partition(hash::of_integer(key))));
            }
            KeyColumn::Text { offsets, bytes } => {
                let texts = offsets.windows(2).map(|w| &bytes[w[0] as usize..w[1] as usize]);
                self.partition_of.extend(texts.map(|text| bits.partition(hash::of_text(text))));
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

    /// Rows and bytes of one partition, in memory and on disk.
    pub(crate) fn size(&self, partition: usize) -> (usize, usize) {
        let memory = self.buckets.get(partition).map_or((0, 0), |rows| (rows.len(), rows.bytes()));
        let disk = self.spill.as_ref().map_or((0, 0), |spill| spill.size(partition));
        (memory.0 + disk.0, memory.1 + disk.1)
    }
}

/// The layout of consigned lots within a scatter: the row in the book of lots.
pub(crate) fn consigned_layout() -> Layout {
    let mut layout = Layout::default();
    layout.add("", Form::Symbol);
    layout
}
