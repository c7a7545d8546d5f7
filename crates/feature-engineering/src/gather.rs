//! Brings the rows of each partition together, from memory and from disk, a few partitions at a time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use appraise_schema::event::{EventBatch, KeyColumn};
use appraise_schema::{KeyType, Layout, SourceKind};

use crate::config::FeatureConfig;
use crate::error::FoldError;
use crate::partition::Partition;
use crate::rows::{Keys, Rows};
use crate::scatter::{Bits, Scatter, ScatterOptions, ScatterWriter, consigned_layout};
use crate::segment::Segment;
use crate::spill::SpillFile;

/// Memory that folding takes, as a multiple of the rows: they are copied once in order, beside the finished columns.
const FOLD_FACTOR: u64 = 3;
/// A partition that does not fit is split by so many more bits at once.
const MAX_SPLIT_BITS: u32 = 10;
/// Positions of customers: partition, part of a split partition, place.
const PARTITION_SHIFT: u32 = 48;
const PART_SHIFT: u32 = 32;

/// Rows on disk, shared by the parts of a scatter.
type Files = Arc<Vec<(SourceKind, Stored)>>;

/// Rows on disk: of this run, or of earlier ones.
#[derive(Debug)]
enum Stored {
    Spilled(SpillFile),
    Segment(Arc<Segment>),
}

impl Stored {
    /// Rows and bytes of one partition, at most.
    fn size(&self, partition: usize) -> (usize, usize) {
        match self {
            Self::Spilled(file) => file.size(partition),
            Self::Segment(segment) => segment.size(partition),
        }
    }

    /// Appends the rows of one partition to `target`.
    fn read(&self, partition: usize, target: &mut Rows) -> Result<(), FoldError> {
        match self {
            Self::Spilled(file) => (0..file.runs()).try_for_each(|run| file.read(run, partition, target)),
            Self::Segment(segment) => segment.read(partition, target),
        }
    }
}

/// What is folded at once: a partition, or a part of one that was split.
#[derive(Debug)]
pub(crate) struct Part {
    /// Position of its first customer in the table: it rises from part to part.
    pub(crate) first: u64,
    /// Bytes of its rows.
    bytes: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Rows in memory, and those in partition number `usize` of some files.
    Waiting(Vec<(SourceKind, Rows)>, Files, usize),
    Ready(Box<Partition>),
    Taken,
}

/// All parts of a scatter.
#[derive(Debug)]
pub(crate) struct Gather {
    key_type: KeyType,
    layouts: Arc<BTreeMap<SourceKind, Layout>>,
    parts: Vec<Part>,
    memory_bytes: u64,
}

impl Gather {
    /// Takes over a scatter; partitions that do not fit the memory are split.
    ///
    /// # Errors
    /// [`FoldError::Memory`] when the rows of one customer alone do not fit.
    pub(crate) fn new(scatter: Scatter) -> Result<Self, FoldError> {
        let options = scatter.shape.options.clone();
        let memory_bytes = options.memory_bytes;
        let mut layouts = scatter.shape.layouts.clone();
        if let Some(lots) = layouts.get_mut(&SourceKind::Lots) {
            *lots = consigned_layout();
        }
        let layouts = Arc::new(layouts);
        let key_type = scatter.shape.key_type;
        let mut gather = Self { key_type, layouts: Arc::clone(&layouts), parts: Vec::new(), memory_bytes };
        let bits = scatter.shape.bits;
        for (number, part) in (0_u64..).zip(parts_of(scatter.kept, scatter.segments, bits)) {
            let first = number << PARTITION_SHIFT;
            if part.bytes * FOLD_FACTOR <= memory_bytes {
                gather.parts.push(Part { first, ..part });
                continue;
            }
            for (number, part) in (0_u64..).zip(gather.split(part, bits, &options)?) {
                if part.bytes * FOLD_FACTOR > memory_bytes {
                    let what = "the rows of one customer".to_owned();
                    return Err(FoldError::Memory { what, needed: part.bytes * FOLD_FACTOR, limit: memory_bytes });
                }
                gather.parts.push(Part { first: first | (number << PART_SHIFT), ..part });
            }
        }
        Ok(gather)
    }

    /// Scatters the rows of one partition again, by further bits of the hash.
    fn split(&self, part: Part, bits: Bits, options: &ScatterOptions) -> Result<Vec<Part>, FoldError> {
        let State::Waiting(memory, files, number) = part.state else { return Ok(Vec::new()) };
        let wanted = (part.bytes * FOLD_FACTOR * 4 / self.memory_bytes.max(1)).max(2).next_power_of_two();
        let finer = Bits { skip: bits.skip + bits.count, count: wanted.trailing_zeros().min(MAX_SPLIT_BITS) };
        let key_type = self.key_type;
        let options =
            ScatterOptions { expected_rows: BTreeMap::new(), threads: 1, keep_origins: false, ..options.clone() };
        let mut scatter = Scatter::shaped(key_type, self.layouts.as_ref().clone(), finer, options);
        let mut writers: BTreeMap<SourceKind, ScatterWriter> = BTreeMap::new();
        let mut push = |source: SourceKind, rows: Rows| {
            let layout = self.layouts.get(&source).cloned().unwrap_or_default();
            let writer = writers.entry(source).or_insert_with(|| scatter.part_writer(source, &layout));
            writer.push(&batch(rows)?, 0)
        };
        for (source, rows) in memory {
            push(source, rows)?;
        }
        for (source, file) in files.iter() {
            let layout = self.layouts.get(source).cloned().unwrap_or_default();
            let mut rows = Rows::new(key_type, &layout);
            file.read(number, &mut rows)?;
            push(*source, rows)?;
        }
        scatter.keep(writers.into_values().collect())?;
        // The parts wait their turn on disk.
        scatter.spill_all()?;
        Ok(parts_of(scatter.kept, Vec::new(), finer))
    }

    /// Stretches of parts that fit the memory together, of at most `at_once` parts.
    pub(crate) fn windows(&self, at_once: usize) -> Vec<Range<usize>> {
        let mut windows = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (position, part) in self.parts.iter().enumerate() {
            let more = part.bytes * FOLD_FACTOR;
            if position > start && (position - start == at_once || bytes + more > self.memory_bytes) {
                windows.push(start..position);
                (start, bytes) = (position, 0);
            }
            bytes += more;
        }
        windows.push(start..self.parts.len());
        windows
    }

    /// The parts of a window, to be prepared and folded in parallel.
    pub(crate) fn window(&mut self, window: Range<usize>) -> Vec<Part> {
        let take = |part: &mut Part| {
            let state = match &part.state {
                // What is on disk alone can be read again.
                State::Waiting(memory, files, number) if memory.iter().all(|(_, rows)| rows.len() == 0) => {
                    State::Waiting(Vec::new(), Arc::clone(files), *number)
                }
                _ => std::mem::replace(&mut part.state, State::Taken),
            };
            Part { first: part.first, bytes: part.bytes, state }
        };
        self.parts[window].iter_mut().map(take).collect()
    }

    /// Keeps a prepared part that was in memory for another look; one on disk is read again.
    pub(crate) fn put_back(&mut self, position: usize, partition: Partition) {
        let part = &mut self.parts[position];
        if matches!(part.state, State::Taken) {
            part.state = State::Ready(Box::new(partition));
        }
    }

    /// The layouts of the parts' rows.
    pub(crate) fn layouts(&self) -> Arc<BTreeMap<SourceKind, Layout>> {
        Arc::clone(&self.layouts)
    }
}

impl Part {
    /// Brings the rows together, groups and orders them.
    ///
    /// # Errors
    /// As [`Partition::new`], and [`FoldError::Spill`] when rows can't be read.
    pub(crate) fn prepare(
        self,
        config: &FeatureConfig,
        layouts: &BTreeMap<SourceKind, Layout>,
    ) -> Result<Partition, FoldError> {
        let (memory, files, number) = match self.state {
            State::Ready(partition) => return Ok(*partition),
            State::Waiting(memory, files, number) => (memory, files, number),
            State::Taken => (Vec::new(), Files::default(), 0),
        };
        let mut memory: BTreeMap<SourceKind, Vec<Rows>> =
            memory.into_iter().fold(BTreeMap::new(), |mut by_source, (source, rows)| {
                by_source.entry(source).or_insert_with(Vec::new).push(rows);
                by_source
            });
        let mut sources = Vec::with_capacity(layouts.len());
        for (&source, layout) in layouts {
            let pieces = memory.remove(&source).unwrap_or_default();
            let on_disk: usize =
                files.iter().filter(|(of, _)| *of == source).map(|(_, file)| file.size(number).0).sum();
            let more = on_disk + pieces.iter().skip(1).map(Rows::len).sum::<usize>();
            let mut pieces = pieces.into_iter();
            let mut rows = pieces.next().unwrap_or_else(|| Rows::new(config.key_type, layout));
            rows.reserve(more);
            for piece in pieces {
                rows.append(piece);
            }
            for (_, file) in files.iter().filter(|(of, _)| *of == source) {
                file.read(number, &mut rows)?;
            }
            sources.push((source, layout.clone(), rows));
        }
        Partition::new(config, sources)
    }
}

/// The partitions of some writers and of earlier runs.
fn parts_of(writers: Vec<ScatterWriter>, segments: Vec<(SourceKind, Arc<Segment>)>, bits: Bits) -> Vec<Part> {
    let mut memory: Vec<Vec<(SourceKind, Rows)>> = (0..bits.partitions()).map(|_| Vec::new()).collect();
    let mut bytes = vec![0_u64; bits.partitions()];
    for (partition, total) in bytes.iter_mut().enumerate() {
        *total += segments.iter().map(|(_, segment)| segment.size(partition).1 as u64).sum::<u64>();
    }
    let mut files: Vec<_> = segments.into_iter().map(|(source, segment)| (source, Stored::Segment(segment))).collect();
    for writer in writers {
        for (partition, total) in bytes.iter_mut().enumerate() {
            *total += writer.size(partition).1 as u64;
        }
        for (partition, rows) in memory.iter_mut().zip(writer.buckets) {
            partition.push((writer.source, rows));
        }
        files.extend(writer.spill.map(|file| (writer.source, Stored::Spilled(file))));
    }
    let files: Files = Arc::new(files);
    let part =
        |(number, (memory, bytes))| Part { first: 0, bytes, state: State::Waiting(memory, Arc::clone(&files), number) };
    memory.into_iter().zip(bytes).enumerate().map(part).collect()
}

/// Rows as a batch, to be scattered again.
pub(crate) fn batch(rows: Rows) -> Result<EventBatch, FoldError> {
    let key = match rows.key {
        Keys::Integer(keys) => KeyColumn::Integer(keys),
        Keys::Text { ends, bytes } => {
            let too_large = |_| FoldError::PartitionTooLarge { rows: ends.len() };
            let offsets = std::iter::once(&0).chain(&ends).map(|&end| u32::try_from(end)).collect::<Result<_, _>>();
            KeyColumn::Text { offsets: offsets.map_err(too_large)?, bytes }
        }
    };
    Ok(EventBatch { key, has_key: None, columns: rows.columns })
}
