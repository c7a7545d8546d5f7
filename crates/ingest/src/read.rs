//! Decodes row groups in parallel and hands out the rows in use.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use appraise_schema::EventBatch;
use appraise_schema::panic::message;

use crate::error::IngestError;
use crate::findings::FileBooks;
use crate::outcome::ReadReport;
use crate::plan::ReadPlan;
use crate::reasons::RowRule;
use crate::row_group::{Unit, units};
use crate::worker::Worker;

/// How a read is carried out: none of it changes the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOptions {
    /// Decoding threads, at least one.
    pub threads: usize,
    /// Largest number of rows decoded at once; wide rows come in smaller batches.
    pub batch_rows: usize,
}

impl ReadOptions {
    /// Rows per batch: few enough to stay in a core's cache, enough that each of a scatter's partitions gets a run.
    pub const BATCH_ROWS: usize = 32_768;

    /// Options for `threads` threads.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self { threads, batch_rows: Self::BATCH_ROWS }
    }
}

/// Receives the events of one decoding thread.
pub trait EventSink: Send {
    /// Why it can't take more.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Takes a batch of rows, which is not empty, and hears where they stand.
    ///
    /// # Errors
    /// When it can't; the read ends.
    fn accept(&mut self, batch: EventBatch, origin: Origin<'_>) -> Result<(), Self::Error>;
}

/// Where the rows of a batch stand in the input.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Position of their file among the inputs.
    pub file: usize,
    /// Row of the file that `rows` counts from.
    pub first_row: u64,
    /// For each event its row, from `first_row`.
    pub rows: &'a [u32],
}

/// Hears how far a read is.
pub trait Progress: Sync {
    /// So many more rows were decoded, of so many more compressed bytes.
    fn advance(&self, rows: u64, bytes: u64);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn advance(&self, _rows: u64, _bytes: u64) {}
}

/// Reads all row groups of `plan` but those of files whose books are `known`, by position. `sink` makes the receiver of each thread, given its number; they come back
/// with the report, in that order. Which rows a sink receives, and in which order, depends on the threads' race;
/// the rows of all sinks together, and the report, do not.
///
/// # Errors
/// When a row group can't be decoded, a sink fails, a check of severity `error` fails, or `cancel` is set.
pub fn read<S: EventSink>(
    plan: &ReadPlan<'_>,
    options: ReadOptions,
    known: &BTreeMap<usize, FileBooks>,
    sink: impl Fn(usize) -> S,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<(ReadReport, Vec<S>), IngestError> {
    let units: Vec<Unit> = units(plan.inputs).into_iter().filter(|unit| !known.contains_key(&unit.file)).collect();
    for input in known.keys().filter_map(|&file| plan.inputs.get(file)) {
        progress.advance(input.rows, input.bytes);
    }
    let threads = options.threads.clamp(1, units.len().max(1));
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let sinks: Vec<S> = (0..threads).map(sink).collect();
    let (next, stop, units) = (&next, &stop, &units);
    let ended: Vec<_> = std::thread::scope(|scope| {
        let work = |mut sink: S| {
            move || {
                let mut worker = Worker::new(plan, options.batch_rows, progress, [cancel, stop]);
                let outcome = run(&mut worker, units, next, &mut sink);
                if outcome.is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                (sink, worker.books, outcome)
            }
        };
        let handles: Vec<_> = sinks.into_iter().map(|sink| scope.spawn(work(sink))).collect();
        handles.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    let mut read: BTreeMap<usize, FileBooks> = BTreeMap::new();
    let mut sinks = Vec::with_capacity(threads);
    let mut errors = Vec::new();
    for joined in ended {
        let (sink, found, outcome) =
            joined.map_err(|panic| IngestError::Worker { reason: message(&*panic).to_owned() })?;
        sinks.push(sink);
        for (file, books) in found {
            read.entry(file).or_default().merge(books);
        }
        errors.extend(outcome.err());
    }
    if let Some(error) = first_error(errors, cancel) {
        return Err(error);
    }
    Ok((report(plan, known, read)?, sinks))
}

fn run<S: EventSink>(
    worker: &mut Worker<'_>,
    units: &[Unit],
    next: &AtomicUsize,
    sink: &mut S,
) -> Result<(), (usize, Box<IngestError>)> {
    loop {
        let claimed = next.fetch_add(1, Ordering::Relaxed);
        let Some(&unit) = units.get(claimed) else { return Ok(()) };
        let outcome = catch_unwind(AssertUnwindSafe(|| worker.read_unit(unit, sink)));
        let outcome = outcome.unwrap_or_else(|panic| Err(worker.decode_error(unit, message(&*panic))));
        outcome.map_err(|error| (claimed, Box::new(error)))?;
    }
}

/// The error of the earliest row group; threads that stopped because another failed say nothing.
fn first_error(mut errors: Vec<(usize, Box<IngestError>)>, cancel: &AtomicBool) -> Option<IngestError> {
    let cancelled = cancel.load(Ordering::Relaxed);
    errors.retain(|(_, error)| cancelled || !matches!(**error, IngestError::Interrupted));
    errors.sort_by_key(|(unit, _)| *unit);
    errors.into_iter().next().map(|(_, error)| *error)
}

fn report(
    plan: &ReadPlan<'_>,
    known: &BTreeMap<usize, FileBooks>,
    mut read: BTreeMap<usize, FileBooks>,
) -> Result<ReadReport, IngestError> {
    let mut all = FileBooks::default();
    for (position, file) in (0_u32..).zip(0..plan.inputs.len()) {
        if let Some(books) = known.get(&file) {
            all.merge(books.clone().at(position));
        } else {
            // A file without rows has books, too.
            let books = read.entry(file).or_default();
            books.quarantine.sort_unstable_by_key(|row| row.row);
            all.merge(books.clone());
        }
    }
    all.check_quarantine(all.quarantine.len(), plan)?;
    let mut report = ReadReport {
        accounting: all.accounting(&plan.rules),
        files: plan.inputs.iter().map(|input| input.path.clone()).collect(),
        reasons: plan.rules.iter().map(RowRule::reason).collect(),
        quarantine: all.quarantine,
        newest_day: all.newest_day,
        checks: Vec::new(),
        read,
    };
    report.accounting.check()?;
    let failures = report.judge(plan.config, &plan.rules);
    if failures.is_empty() { Ok(report) } else { Err(IngestError::ChecksFailed { failures, report: Box::new(report) }) }
}
