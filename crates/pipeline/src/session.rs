//! The books of one run: its record, its stages, its quarantine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use appraise_export::run_record::{Check, Stage, accounting};
use appraise_export::{
    ContentId, Layout, Published, Publisher, RunId, RunLog, RunRecord, RunStatus, TableWriter, list_runs, recover,
};
use appraise_feature_engineering::{FoldError, Folded};
use appraise_ingest::{ReadReport, Severity, quarantine};
use appraise_schema::{Accounting, AsOf, SourceKind};
use serde_json::{Map, Value, json};

use crate::cache::Entry;
use crate::clock::{Clock, cpu_s};
use crate::error::RunError;
use crate::feature_plan::FeaturePlanError;
use crate::ledger::Ledger;
use crate::memory;
use crate::run::RunOptions;
use crate::sources::ReadPlans;
use crate::spec::Loaded;
use crate::spec::resolved::{Compression, Pipeline};
use crate::stages;
use crate::summary::{self, Rows, Summary};

/// An open run. It keeps the run's lock until it is closed.
pub(crate) struct Session<'a> {
    pub(crate) loaded: &'a Loaded,
    pub(crate) options: &'a RunOptions,
    pub(crate) publisher: Publisher,
    pub(crate) record: RunRecord,
    pub(crate) clock: &'a dyn Clock,
    log: RunLog,
    quarantine: Option<TableWriter>,
    tables: Map<String, Value>,
    /// Why some of the running stage need not be done.
    reused: Option<String>,
}

impl<'a> Session<'a> {
    /// Opens the run's record, after closing those of runs that died.
    pub(crate) fn open(loaded: &'a Loaded, options: &'a RunOptions, clock: &'a dyn Clock) -> Result<Self, RunError> {
        let publisher = publisher(loaded, options);
        for run_id in recover(&publisher.layout, &publisher.disk)? {
            tracing::warn!(run_id = run_id.as_str(), "an earlier run died; its record is closed");
        }
        let record = started(loaded, options, clock);
        let log = RunLog::start(&publisher.layout, &publisher.disk, &record)?;
        tracing::info!(run_id = record.run_id.as_str(), as_of = %options.as_of, "run started");
        Ok(Self { loaded, options, publisher, record, clock, log, quarantine: None, tables: Map::new(), reused: None })
    }

    /// Runs one stage and notes how long it took. `work` gives its result and the rows that went out.
    pub(crate) fn stage<T>(
        &mut self,
        name: &str,
        rows_in: u64,
        work: impl FnOnce(&mut Self) -> Result<(T, u64), RunError>,
    ) -> Result<T, RunError> {
        self.options.check_cancelled()?;
        let (begun, cpu_before) = (self.clock.elapsed_s(), cpu_s());
        let outcome = work(self);
        let wall_s = milliseconds(self.clock.elapsed_s() - begun);
        let cpu_s = cpu_s().zip(cpu_before).map(|(after, before)| milliseconds(after - before));
        let (status, rows_out) = match &outcome {
            Ok((_, rows_out)) => (RunStatus::Succeeded, *rows_out),
            Err(_) => (RunStatus::Failed, 0),
        };
        let reused = self.reused.take();
        self.record.stages.push(Stage { name: name.to_owned(), status, wall_s, cpu_s, rows_in, rows_out, reused });
        tracing::info!(stage = name, wall_s, cpu_s, rows_in, rows_out, "stage ended");
        outcome.map(|(result, _)| result)
    }

    /// Notes why some of the running stage need not be done.
    pub(crate) fn note_reused(&mut self, why: String) {
        self.reused = Some(why);
    }

    /// Notes the stages whose work an earlier run did, with its books.
    pub(crate) fn note_kept(&mut self, entry: &Entry) {
        let (run_id, rows) = (&entry.body.run_id, entry.rows());
        let why = format!("same inputs and settings as in run {run_id}");
        tracing::info!(run_id = run_id.as_str(), rows, "customer_features are those of an earlier run");
        for name in ["ingest", "features", "encode"] {
            self.record.stages.push(Stage {
                name: name.to_owned(),
                status: RunStatus::Reused,
                wall_s: 0.0,
                cpu_s: None,
                rows_in: 0,
                rows_out: rows,
                reused: Some(why.clone()),
            });
        }
        self.record.accounting.clone_from(&entry.body.accounting);
        self.record.checks.extend(entry.body.checks.iter().cloned());
        self.note_quarantine_of(run_id);
    }

    /// Whether `gate` is to be judged at this date: `every` so many days after the newest date up to it whose run has passed it
    /// and was published, with the same gate and lifetime values by the same versions. What is not due is noted.
    pub(crate) fn is_due(&mut self, gate: &str, every: Option<u32>) -> Result<bool, RunError> {
        let Some(every) = every else { return Ok(true) };
        let judged = |run: &RunRecord| {
            let of = |run: &RunRecord| {
                ["/pipeline/gates/backtest", "/pipeline/model/clv"].map(|at| run.parameters.pointer(at).cloned())
            };
            run.pipeline == self.record.pipeline && run.versions == self.record.versions && of(run) == of(&self.record)
        };
        let passed = |run: &RunRecord| run.checks.iter().any(|check| check.name == gate && check.passed);
        let runs = list_runs(&self.publisher.layout)?;
        let published = runs.iter().filter(|run| run.status == RunStatus::Succeeded && passed(run) && judged(run));
        let dates =
            published.filter_map(|run| run.as_of.parse::<AsOf>().ok()).filter(|date| *date <= self.options.as_of);
        let Some(last) = dates.max() else { return Ok(true) };
        let days = self.options.as_of.day() - last.day();
        if i64::from(days) >= i64::from(every) {
            return Ok(true);
        }
        let message = format!("passed {days} days ago, as of {last}: judged every {every} days");
        tracing::info!(gate, "{message}");
        self.record.checks.push(Check {
            name: format!("{gate}.every"),
            severity: "warn".to_owned(),
            passed: true,
            rows_failed: 0,
            message,
        });
        Ok(false)
    }

    /// Notes what a gate found: `figures` in words, and what of it fails.
    pub(crate) fn note_gate(&mut self, gate: &str, failures: &[String], figures: &str) {
        tracing::info!(gate, "{figures}");
        self.record.checks.push(Check {
            name: gate.to_owned(),
            severity: "error".to_owned(),
            passed: failures.is_empty(),
            rows_failed: 0,
            message: if failures.is_empty() { figures.to_owned() } else { failures.join("; ") },
        });
    }

    /// Notes how the columns of the files differ.
    pub(crate) fn note_drift(&mut self, plans: &ReadPlans<'_>) {
        let mut drift = Vec::new();
        for (kind, plan) in &plans.plans {
            for line in plan.drift() {
                tracing::warn!(source = kind.name(), needed = line.needed, "schema drift: {line}");
                drift.push(json!({ "source": kind.name(), "needed": line.needed, "change": line.to_string() }));
            }
        }
        self.record.drift = drift.into();
    }

    /// Input rows of the newest date before this one that succeeded, of each source with a check that asks for them.
    pub(crate) fn previous_rows(&self) -> Result<BTreeMap<SourceKind, u64>, RunError> {
        previous_rows(&self.loaded.pipeline, &self.publisher.layout, self.options.as_of)
    }

    /// Notes the books and checks of a source, also of one that failed them, and its quarantined rows.
    pub(crate) fn note_read(
        &mut self,
        kind: SourceKind,
        report: &ReadReport,
        files: &[PathBuf],
    ) -> Result<(), RunError> {
        self.note_accounting(kind, &report.accounting);
        for check in report.checks.iter().filter(|check| !check.passed) {
            tracing::warn!(source = kind.name(), check = check.name, "{}", check.message);
        }
        let checks = report.checks.iter().map(|check| Check {
            name: format!("{}.{}", kind.name(), check.name),
            severity: if check.severity == Severity::Error { "error" } else { "warn" }.to_owned(),
            passed: check.passed,
            rows_failed: report.accounting.quarantine_reasons.get(&check.name).copied().unwrap_or_default(),
            message: check.message.clone(),
        });
        self.record.checks.extend(checks);
        let rows = &report.quarantine;
        let batch = quarantine::to_batch(self.options.as_of, kind.name(), files, &report.reasons, rows)?;
        let quarantine = match &mut self.quarantine {
            Some(writer) => writer,
            none => none.insert(self.log.quarantine(&quarantine::contract().map_err(FeaturePlanError::from)?)?),
        };
        Ok(quarantine.write(batch)?)
    }

    /// Finishes the quarantine table, once no source is left to be read.
    pub(crate) fn close_quarantine(&mut self) -> Result<(), RunError> {
        let Some(writer) = self.quarantine.take() else { return Ok(()) };
        let written = writer.finish()?;
        self.log.keep_quarantine(&written)?;
        let folder = self.publisher.layout.run(&self.record.run_id).join("quarantine");
        self.note_table("quarantine", &folder, written.rows());
        Ok(())
    }

    /// Moves rows that the fold found to be duplicates, and checks that the books still balance.
    pub(crate) fn note_duplicates(
        &mut self,
        books: &mut BTreeMap<SourceKind, Accounting>,
        folded: &Folded,
    ) -> Result<(), RunError> {
        for (kind, books) in books {
            if let Some(dropped) = folded.duplicates.get(kind) {
                books.move_duplicates(&dropped.tally, dropped.refunds);
            }
            books.check()?;
            self.note_accounting(*kind, books);
        }
        Ok(())
    }

    /// Notes bytes that waited on disk.
    pub(crate) fn note_spilled(&mut self, bytes: u64) {
        *self.record.spilled_bytes.get_or_insert_default() += bytes;
    }

    /// Notes own columns that could not be computed for some of `customers`.
    pub(crate) fn note_faults(&mut self, faults: &[(String, u64)], customers: u64) {
        for (column, rows) in faults {
            let message = format!("`{column}` could not be computed for {rows} of {customers} customers and is NULL");
            tracing::warn!(column, "{message}");
            self.record.checks.push(Check {
                name: format!("features.columns.{column}"),
                severity: "warn".to_owned(),
                passed: false,
                rows_failed: *rows,
                message,
            });
        }
    }

    fn note_accounting(&mut self, kind: SourceKind, books: &Accounting) {
        let scale = self.loaded.pipeline.money.scale();
        self.record.accounting.insert(kind.name().to_owned(), accounting(books, scale));
    }

    fn note_table(&mut self, name: &str, folder: &Path, rows: u64) {
        self.tables.insert(name.to_owned(), json!({ "path": folder, "rows": rows }));
    }

    /// Saves the record as it stands: what is known before the commit outlives a crash behind it.
    pub(crate) fn save(&self) -> Result<(), RunError> {
        Ok(self.log.write(&self.record)?)
    }

    /// Notes the content that this run stands for.
    pub(crate) fn note_content(&mut self, content_id: &ContentId) {
        self.record.content_id = Some(content_id.clone());
    }

    /// Notes the snapshot and its tables. Of content that was there already, the books are those of the run that
    /// published it.
    pub(crate) fn note_published(&mut self, published: &Published) -> Result<(), RunError> {
        let manifest = &published.snapshot.manifest;
        self.record.snapshot = Some(published.snapshot.path.display().to_string());
        for table in &manifest.tables {
            self.note_table(&table.name, &published.snapshot.path.join(&table.name), table.rows);
        }
        if self.record.accounting.is_empty() {
            self.copy_books(&manifest.content_id)?;
        }
        Ok(())
    }

    fn copy_books(&mut self, content_id: &ContentId) -> Result<(), RunError> {
        let layout = &self.publisher.layout;
        let runs = list_runs(layout)?;
        let same = |run: &&RunRecord| run.content_id.as_ref() == Some(content_id) && !run.accounting.is_empty();
        let Some(earlier) = runs.iter().rev().find(same) else { return Ok(()) };
        self.record.accounting.clone_from(&earlier.accounting);
        self.record.inputs.clone_from(&earlier.inputs);
        self.note_quarantine_of(&earlier.run_id.clone());
        Ok(())
    }

    /// Notes the quarantined rows of an earlier run, whose books are this run's.
    fn note_quarantine_of(&mut self, run_id: &RunId) {
        let folder = self.publisher.layout.run(run_id).join("quarantine");
        if folder.is_dir() {
            let quarantined = summary::by_source(&self.record).values().map(|rows| rows.quarantined).sum();
            self.note_table("quarantine", &folder, quarantined);
        }
    }

    /// Closes the record with the run's outcome.
    pub(crate) fn close(mut self, outcome: Result<RunStatus, RunError>) -> Summary {
        match outcome {
            Ok(status) => {
                self.record.status = status;
                self.record.exit_code = Some(0);
            }
            Err(error) => {
                if matches!(error, RunError::Fold(FoldError::Segment { .. })) {
                    Ledger::forget(&self);
                }
                note_error(&mut self.record, &error, self.loaded);
                if self.record.status == RunStatus::Interrupted {
                    self.record.exit_code = Some(self.options.interrupted_code());
                }
            }
        }
        self.record.ended_at = Some(self.clock.now());
        self.record.wall_s = Some(self.clock.elapsed_s());
        self.record.peak_memory_bytes = memory::peak_bytes();
        if let Err(error) = self.log.write(&self.record) {
            tracing::error!(%error, "the run's record was not written");
        }
        Summary::new(&self.record, self.tables)
    }
}

/// Input rows of the newest date before `as_of` that succeeded, of each source with a check that asks for them.
pub(crate) fn previous_rows(
    pipeline: &Pipeline,
    layout: &Layout,
    as_of: AsOf,
) -> Result<BTreeMap<SourceKind, u64>, RunError> {
    let asking = pipeline.sources.iter().filter(|(_, source)| stages::needs_previous_rows(source));
    let mut asking = asking.map(|(kind, _)| *kind).peekable();
    if asking.peek().is_none() {
        return Ok(BTreeMap::new());
    }
    let as_of = as_of.to_string();
    let runs = list_runs(layout)?;
    let before = runs.iter().filter(|run| run.status == RunStatus::Succeeded && run.as_of < as_of);
    let newest = before.max_by(|a, b| (&a.as_of, &a.started_at).cmp(&(&b.as_of, &b.started_at)));
    let of_newest = |kind: SourceKind| Some((kind, Rows::of(newest?, kind.name())?.input));
    Ok(asking.filter_map(of_newest).collect())
}

fn note_error(record: &mut RunRecord, error: &RunError, loaded: &Loaded) {
    record.exit_code = Some(error.exit_code());
    record.status = if error.exit_code() == 130 { RunStatus::Interrupted } else { RunStatus::Failed };
    record.retryable = error.retryable();
    record.message = loaded.mask(&error.to_string());
    record.hint = error.hint();
}

/// The summary of a run that could not even open its record.
pub(crate) fn stillborn(loaded: &Loaded, options: &RunOptions, clock: &dyn Clock, error: &RunError) -> Summary {
    let mut record = started(loaded, options, clock);
    note_error(&mut record, error, loaded);
    record.wall_s = Some(clock.elapsed_s());
    record.peak_memory_bytes = memory::peak_bytes();
    Summary::new(&record, Map::new())
}

fn started(loaded: &Loaded, options: &RunOptions, clock: &dyn Clock) -> RunRecord {
    let now = clock.now();
    let run_id = RunId::new(&now, std::process::id());
    let mut record = RunRecord::started(run_id, &loaded.pipeline.name, &options.as_of.to_string(), &now);
    record.versions = versions().into_iter().map(|(name, version)| (name, version.into())).collect();
    record.parameters = loaded.resolved_json();
    record
}

/// Versions of what decides the bytes of the tables.
pub(crate) fn versions() -> Vec<(String, String)> {
    vec![
        ("appraise".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("tzdb".to_owned(), chrono_tz::IANA_TZDB_VERSION.to_owned()),
    ]
}

/// Publishes what runs of `loaded` make.
pub(crate) fn publisher(loaded: &Loaded, options: &RunOptions) -> Publisher {
    let export = &loaded.pipeline.export;
    let mut publisher = Publisher::new(Layout::at(&export.path));
    publisher.lock_timeout = Duration::from_secs(options.lock_timeout_s);
    publisher.move_pointers = options.move_pointers;
    publisher.compression = match export.compression {
        Compression::Zstd => appraise_export::Compression::Zstd,
        Compression::Snappy => appraise_export::Compression::Snappy,
    };
    publisher
}

/// `seconds` to the thousandth.
fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
