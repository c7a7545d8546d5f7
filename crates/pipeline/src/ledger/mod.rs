//! The ledger: the mapped rows of all dumps that were read, so that a night reads only those that are new.
//!
//! It stands beside the tables, in `<output>/.ledger/<pipeline>/`. `LEDGER.json` names the dumps by path and digest, with what
//! was found in each, and the [segments](Segment) that hold their rows; it is replaced as a whole, and nothing that it names is
//! ever rewritten. What counts in a night is what is there that night: a dump that vanished or changed no longer counts, one
//! that is new, late or delivered again is read, whatever its date.
//!
//! A dump's rows are kept once they [are settled](appraise_ingest::FileBooks::is_settled): as long as one of its times lies
//! after `as_of`, its rows may mean something else tomorrow, and it is read again. Sources whose path names `${as_of}` are
//! another full copy every night and are not kept.
//!
//! Losing a ledger loses nothing: the dumps are read again. So whatever is wrong with it is a warning.

mod head;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use appraise_export::{ContentId, Disk, Layout};
use appraise_feature_engineering::{
    FeatureConfig, Scatter, ScatterOptions, ScatterWriter, Segment, partition_bits, write_segment,
};
use appraise_ingest::{FileBooks, ReadReport};
use appraise_schema::{AsOf, SourceKind, Symbols};
use serde::Serialize;
use serde_json::json;

use self::head::{FileHead, HEAD, Head, Identity, SegmentHead, SourceHead};
use crate::error::RunError;
use crate::inputs::{EXCHANGE_RATES, Inputs, shown_path, table_name};
use crate::session::{Session, versions};
use crate::sources::ReadPlans;
use crate::spec::resolved::Pipeline;

/// Held while the ledger is opened and while it is replaced.
const LOCK: &str = ".lock";
/// How the names of segments end.
const ROWS: &str = ".rows";
/// How the names of files of texts end.
const TEXTS: &str = "-texts.json";
/// A ledger of another number of partitions is used as long as they differ by at most so many bits.
const BITS_APART: u32 = 2;

/// What a run found in its ledger, for its record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LedgerUse {
    /// Dumps whose rows it held.
    files_known: u64,
    /// Dumps that it holds now and did not before.
    files_added: u64,
    /// Dumps that were read.
    files_read: u64,
    /// Dumps that it held and that are no longer there.
    files_gone: u64,
    /// Rows that were written.
    rows_written: u64,
}

/// The ledger of a run.
#[derive(Debug)]
pub(crate) struct Ledger {
    folder: PathBuf,
    disk: Disk,
    lock_timeout: Duration,
    run: String,
    as_of: AsOf,
    known_by: Option<AsOf>,
    /// Of the state that was read.
    generation: u64,
    /// Texts that had numbers.
    texts: usize,
    /// The state that was read; sources are taken out of it as they are bound.
    head: Head,
    /// The state that will be.
    next: Head,
    sources: BTreeMap<SourceKind, KeptSource>,
    /// Whether something could not be written.
    failed: bool,
    /// Whether the state that will be is the one that is.
    committed: bool,
    used: LedgerUse,
}

/// What is kept of one source, and what of it counts in this run.
#[derive(Debug, Default)]
struct KeptSource {
    /// As the head names them.
    segments: Vec<Segment>,
    /// Books of the files whose rows count, by position among the inputs.
    known: BTreeMap<usize, FileBooks>,
    /// Every file of the run, by position.
    files: Vec<Identity>,
    /// Number of the file at position 0, should it be new.
    first_number: u32,
}

impl Ledger {
    /// Makes the run's scatter, and reads the ledger, if one is kept and the run's inputs are named by their digests. The run's
    /// `symbols` must still be empty.
    pub(crate) fn open(
        session: &Session<'_>,
        plans: &ReadPlans<'_>,
        symbols: &Symbols,
        config: &FeatureConfig,
        options: ScatterOptions,
    ) -> (Scatter, Option<Self>) {
        if session.loaded.pipeline.ledger && !session.record.inputs.is_empty() {
            match Self::try_open(session, plans, symbols, config, options.clone()) {
                Ok((scatter, ledger)) => return (scatter, Some(ledger)),
                Err(error) => tracing::warn!(%error, "the run goes on without its ledger"),
            }
        }
        (Scatter::new(config, options), None)
    }

    fn try_open(
        session: &Session<'_>,
        plans: &ReadPlans<'_>,
        symbols: &Symbols,
        config: &FeatureConfig,
        options: ScatterOptions,
    ) -> Result<(Scatter, Self), RunError> {
        let pipeline = &session.loaded.pipeline;
        let (disk, folder) = (session.publisher.disk.clone(), session.publisher.layout.ledger(&pipeline.name));
        disk.create_dirs(&folder)?;
        let lock_timeout = session.publisher.lock_timeout;
        // What the head names is opened before another run can remove it.
        let _lock = disk.lock(&folder.join(LOCK), lock_timeout)?;
        let found = Head::read(&folder);
        let generation = found.as_ref().map_or(0, |head| head.generation);
        let bits = partition_bits(plans.rows());
        let suits = |head: &Head| head.versions == versions() && head.partition_bits.abs_diff(bits) <= BITS_APART;
        let usable = found.filter(|head| suits(head) && !session.options.full);
        let head = usable.and_then(|head| match read_symbols(&folder, &head, symbols) {
            Ok(texts) => Some((head, texts)),
            Err(error) => {
                tracing::warn!(%error, "the texts of the ledger can't be used: all dumps are read");
                None
            }
        });
        let (head, texts) = head.unwrap_or_else(|| (Head::empty(bits, versions()), 0));
        let options = ScatterOptions { partition_bits: Some(head.partition_bits), keep_origins: true, ..options };
        let scatter = Scatter::new(config, options);
        let next = head.after(generation);
        let mut ledger = Self {
            run: session.record.run_id.to_string(),
            as_of: session.options.as_of,
            known_by: pipeline.known_by,
            sources: BTreeMap::new(),
            failed: false,
            committed: false,
            used: LedgerUse::default(),
            folder,
            disk,
            lock_timeout,
            generation,
            texts,
            head,
            next,
        };
        ledger.bind(session, plans, &scatter);
        Ok((scatter, ledger))
    }

    fn lock(&self) -> Result<fs::File, RunError> {
        Ok(self.disk.lock(&self.folder.join(LOCK), self.lock_timeout)?)
    }

    /// Finds out which files of each source are known.
    fn bind(&mut self, session: &Session<'_>, plans: &ReadPlans<'_>, scatter: &Scatter) {
        let inputs = &session.record.inputs;
        let rates = table_name(EXCHANGE_RATES);
        let rates: Vec<&String> =
            inputs.iter().filter(|input| input.source == rates).map(|input| &input.digest).collect();
        let kept = session.loaded.pipeline.sources.iter().filter(|(_, source)| !source.dated);
        for (kind, plan) in kept.filter_map(|(kind, _)| Some((*kind, plans.plans.get(kind)?))) {
            let key = ContentId::of(&json!({ "rows": plan.signature(), "exchange_rates": rates })).to_string();
            let files = inputs.iter().filter(|input| input.source == kind.name());
            let mut source = KeptSource { files: files.map(Identity::of).collect(), ..KeptSource::default() };
            let found = self.head.sources.remove(kind.name()).filter(|head| head.key == key);
            let head = found.and_then(|head| self.open_segments(head, kind, scatter, &mut source));
            let head = head.unwrap_or_else(|| SourceHead { key, ..SourceHead::default() });
            source.first_number = head.next_number;
            let files = self.count(kind, head.files, &mut source);
            let numbers = source.files.len();
            let next_number = head.next_number.saturating_add(u32::try_from(numbers).unwrap_or(u32::MAX));
            self.next.sources.insert(kind.name().to_owned(), SourceHead { next_number, files, ..head });
            self.sources.insert(kind, source);
        }
    }

    /// Opens the segments of a source; what is damaged is not used.
    fn open_segments(
        &self,
        head: SourceHead,
        kind: SourceKind,
        scatter: &Scatter,
        source: &mut KeptSource,
    ) -> Option<SourceHead> {
        let mut rows: BTreeMap<u32, u64> = BTreeMap::new();
        for segment in &head.segments {
            match Segment::open(&self.folder.join(&segment.name), scatter, kind) {
                Ok(segment) => {
                    segment.rows_by_file().into_iter().for_each(|(file, of)| *rows.entry(file).or_default() += of);
                    source.segments.push(segment);
                }
                Err(error) => {
                    let (source_name, path) = (kind.name(), &segment.name);
                    tracing::warn!(source = source_name, path, %error, "a segment of the ledger can't be used: all dumps are read");
                    source.segments.clear();
                    return None;
                }
            }
        }
        // Withdrawn rows are kept beside those that count.
        let is_short = |file: &&FileHead| rows.get(&file.number).copied().unwrap_or(0) < file.books.used_rows();
        if let Some(file) = head.files.iter().find(is_short) {
            let path = file.identity.path.as_str();
            tracing::warn!(source = kind.name(), path, "rows of a dump are missing in the ledger: all dumps are read");
            source.segments.clear();
            return None;
        }
        Some(head)
    }

    /// Notes the books of files whose rows count; gives the files that are still there.
    fn count(&mut self, kind: SourceKind, files: Vec<FileHead>, source: &mut KeptSource) -> Vec<FileHead> {
        let there: BTreeMap<&Identity, usize> = source.files.iter().zip(0..).collect();
        let mut present = Vec::with_capacity(files.len());
        for file in files {
            let Some(&position) = there.get(&file.identity) else {
                tracing::warn!(
                    source = kind.name(),
                    path = file.identity.path,
                    "a dump is no longer there, or has changed: its rows of before do not count"
                );
                self.used.files_gone += 1;
                continue;
            };
            if file.books.is_settled(self.as_of, self.known_by) {
                source.known.insert(position, file.books.clone());
                self.used.files_known += 1;
            }
            present.push(file);
        }
        present
    }

    /// The books of the files of `kind` that need not be read, by position, and the number of the file at position 0, should it
    /// be new; the others follow. `None` for a source that is not kept.
    pub(crate) fn known(&self, kind: SourceKind) -> Option<(&BTreeMap<usize, FileBooks>, u32)> {
        self.sources.get(&kind).map(|source| (&source.known, source.first_number))
    }

    /// Keeps what was read of a source, and adds what was kept of it before to `scatter`.
    ///
    /// # Errors
    /// When lots that were kept can't be read, or do not fit the memory.
    pub(crate) fn keep(
        &mut self,
        kind: SourceKind,
        report: &ReadReport,
        writers: &[ScatterWriter],
        scatter: &mut Scatter,
    ) -> Result<(), RunError> {
        let (Some(source), Some(next)) = (self.sources.remove(&kind), self.next.sources.get_mut(kind.name())) else {
            return Ok(());
        };
        let fresh = |(&position, books): (&usize, &FileBooks)| {
            let position_number = u32::try_from(position).unwrap_or(u32::MAX);
            let number = source.first_number.saturating_add(position_number);
            Some(FileHead { number, identity: source.files.get(position)?.clone(), books: books.clone() })
        };
        let (as_of, known_by) = (self.as_of, self.known_by);
        let counts: BTreeSet<u32> =
            next.files.iter().filter(|file| file.books.is_settled(as_of, known_by)).map(|file| file.number).collect();
        let known: BTreeSet<Identity> = next.files.iter().map(|file| file.identity.clone()).collect();
        let settled = report.read.iter().filter(|(_, books)| books.is_settled(as_of, known_by));
        let fresh: Vec<FileHead> = settled.filter_map(fresh).filter(|file| !known.contains(&file.identity)).collect();
        let rows = fresh.iter().map(|file| file.books.rows()).sum();
        self.used.files_added += fresh.len() as u64;
        self.used.files_read += report.read.len() as u64;
        next.files.extend(fresh);
        if !self.failed {
            let name = format!("{}-{}{ROWS}", self.run, kind.name());
            match next.grow(&self.folder.join(name), kind, scatter, (writers, rows), &source.segments) {
                Ok(rows) => self.used.rows_written += rows,
                Err(error) => {
                    tracing::warn!(%error, "the rows of this run are not kept");
                    self.failed = true;
                }
            }
        }
        for segment in source.segments {
            let left_out = segment.rows_by_file().into_keys().filter(|file| !counts.contains(file)).collect();
            scatter.add_segment(kind, &Arc::new(segment.without(left_out)))?;
        }
        Ok(())
    }

    /// Makes what was kept the ledger's new state. What can't be written is not kept: the next run reads it again.
    pub(crate) fn commit(mut self, symbols: &Symbols) -> LedgerUse {
        let outcome = if self.failed { Ok(()) } else { self.try_commit(symbols) };
        if let Err(error) = outcome {
            tracing::warn!(%error, "the rows of this run are not kept");
        }
        self.used
    }

    fn try_commit(&mut self, symbols: &Symbols) -> Result<(), RunError> {
        let texts = symbols.texts();
        if texts.len() != self.texts || self.next.symbols.is_none() {
            let name = format!("{}{TEXTS}", self.run);
            let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
            let json = serde_json::to_vec(&texts).map_err(|error| failed(&self.folder.join(&name), error.into()))?;
            self.disk.write_new(&self.folder.join(&name), &json)?;
            self.next.symbols = Some(name);
        }
        self.disk.sync_dir(&self.folder)?;
        let _lock = self.lock()?;
        let now = || Head::read(&self.folder).map_or(0, |head| head.generation);
        if now() != self.generation {
            tracing::info!("another run has moved the ledger on: the rows of this one are not kept");
            return Ok(());
        }
        let written = self.next.write(&self.folder, &self.disk);
        // A step may fail behind the one that put the new head into its place.
        self.committed = written.is_ok() || now() == self.next.generation;
        written?;
        // Under the lock nobody is about to open what is no longer needed; who has it open reads on. What other runs are
        // writing they will not commit: the generation has moved on.
        let needed: BTreeSet<String> = self.next.needs().into_iter().map(str::to_owned).collect();
        self.sweep(|name| !needed.contains(name));
        Ok(())
    }

    /// Removes files of the ledger that are waste; those that can't be removed now are with the next commit.
    fn sweep(&self, is_waste: impl Fn(&str) -> bool) {
        let names = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        for name in names.filter(|name| is_ours(name) && is_waste(name)) {
            if let Err(error) = self.disk.remove_file(&self.folder.join(&name)) {
                tracing::warn!(name, %error, "a file of the ledger that nothing needs is left behind");
            }
        }
    }

    /// Forgets everything, because something in it was not what was written: the next run reads all dumps.
    pub(crate) fn forget(session: &Session<'_>) {
        let folder = session.publisher.layout.ledger(&session.loaded.pipeline.name);
        if let Err(error) = session.publisher.disk.remove_file(&folder.join(HEAD)) {
            tracing::error!(%error, "the damaged ledger can't be removed: run with --full");
        }
    }
}

impl Drop for Ledger {
    /// Removes what this run has written and nothing names.
    fn drop(&mut self) {
        if !self.committed {
            let own = format!("{}-", self.run);
            self.sweep(|name| name.starts_with(&own));
        }
    }
}

/// How many of the dumps of `inputs` a run would find in its ledger, by path and size, and how many dumps there are; `None`
/// where no ledger is kept.
pub(crate) fn planned(pipeline: &Pipeline, inputs: &Inputs) -> Option<(usize, usize)> {
    let head = pipeline.ledger.then(|| Head::read(&Layout::at(&pipeline.export.path).ledger(&pipeline.name)))?;
    let kept = head.iter().flat_map(|head| &head.sources).flat_map(|(source, head)| {
        head.files.iter().map(move |file| (source.as_str(), file.identity.path.as_str(), file.identity.bytes))
    });
    let kept: BTreeSet<(&str, &str, u64)> = kept.collect();
    let dumps = inputs.sources.iter().flat_map(|(kind, files)| files.iter().map(move |file| (kind.name(), file)));
    let known = dumps.clone().filter(|(source, file)| {
        let path = shown_path(pipeline, &file.path).display().to_string();
        kept.contains(&(*source, path.as_str(), file.bytes))
    });
    Some((known.count(), dumps.count()))
}

/// Whether a file of the folder belongs to some state of the ledger.
fn is_ours(name: &str) -> bool {
    [ROWS, TEXTS].iter().any(|ending| name.ends_with(ending))
}

impl SourceHead {
    /// Writes the rows of new files, of which about so many of the `writers`' rows are, as a new segment to `path`. It takes over
    /// older ones: those that are small beside it, so that there are few, and those that hold more rows of files that are gone
    /// than of others. Gives the rows written.
    fn grow(
        &mut self,
        path: &Path,
        kind: SourceKind,
        scatter: &Scatter,
        (writers, mut rows): (&[ScatterWriter], u64),
        segments: &[Segment],
    ) -> Result<u64, RunError> {
        let live: BTreeSet<u32> = self.files.iter().map(|file| file.number).collect();
        let mut grows = rows > 0;
        let mut taken = Vec::with_capacity(segments.len());
        for segment in segments.iter().rev() {
            let by_file = segment.rows_by_file();
            let all: u64 = by_file.values().sum();
            let living: u64 = by_file.iter().filter(|(file, _)| live.contains(file)).map(|(_, rows)| rows).sum();
            grows &= living < rows * 2;
            let take = grows || living * 2 < all;
            rows += if take { living } else { 0 };
            taken.push(take);
        }
        taken.reverse();
        if rows == 0 && !taken.contains(&true) {
            return Ok(0);
        }
        let older: Vec<&Segment> = segments.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(s, _)| s).collect();
        let written = write_segment(path, scatter, kind, writers, &|file| live.contains(&file), &older)?;
        let mut taken = taken.into_iter();
        self.segments.retain(|_| taken.next() == Some(false));
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.segments.push(SegmentHead { name, rows: written });
        Ok(written)
    }
}

/// Gives the texts of a ledger the numbers that its rows name them by; `symbols` must be empty. Gives how many they are.
fn read_symbols(folder: &Path, head: &Head, symbols: &Symbols) -> Result<usize, RunError> {
    let Some(name) = &head.symbols else { return Ok(0) };
    let path = folder.join(name);
    let bytes = fs::read(&path).map_err(|source| failed(&path, source))?;
    let texts: Vec<String> = serde_json::from_slice(&bytes).map_err(|error| failed(&path, error.into()))?;
    for (number, text) in (1_u32..).zip(&texts) {
        if symbols.number(text) != Some(number) {
            return Err(failed(&path, std::io::Error::other("a text stands twice")));
        }
    }
    Ok(texts.len())
}

fn failed(path: &Path, source: std::io::Error) -> RunError {
    RunError::Ledger { path: path.to_owned(), source }
}
