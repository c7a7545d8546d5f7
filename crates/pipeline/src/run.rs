//! One run, from dumps to published tables. Read [`night`] from top to bottom to learn the system.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use appraise_export::{ContentId, Facts, Input, Outcome, Published, RunStatus, list_runs};
use appraise_feature_engineering::{Folded, Scatter, ScatterWriter, fold};
use appraise_ingest::{
    EventSink, IngestError, InputFile, Origin, Progress, ReadOptions, ReadPlan, ReadReport, TransactionsConfig, digest,
    discover, read,
};
use appraise_model::Valued;
use appraise_schema::{AsOf, EventBatch};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::conflict::locate;
use crate::error::RunError;
use crate::plan::PublishedTables;
use crate::session::{Session, stillborn, versions};
use crate::spec::Loaded;
use crate::stages;
use crate::summary::Summary;

/// How a run is carried out. Apart from the date, none of it changes a table.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The date customers are valued at.
    pub as_of: AsOf,
    /// Threads that decode. The folding, sorting and encoding ones are those of the global rayon pool.
    pub threads: usize,
    /// Most rows decoded at once.
    pub batch_rows: usize,
    /// How long to wait for another run that commits.
    pub lock_timeout_s: u64,
    /// Whether the published pointers move to the new snapshot.
    pub move_pointers: bool,
    /// Set from outside to stop the run.
    pub cancel: Arc<AtomicBool>,
    /// The exit code of a run that was stopped, set before `cancel`; 0 stands for that of SIGINT.
    pub cancel_code: Arc<AtomicU8>,
}

impl RunOptions {
    /// The exit code of a run that was stopped.
    pub(crate) fn interrupted_code(&self) -> u8 {
        match self.cancel_code.load(Ordering::SeqCst) {
            0 => 130,
            code => code,
        }
    }

    /// Fails once the run was asked to stop.
    pub(crate) fn check_cancelled(&self) -> Result<(), RunError> {
        if self.cancel.load(Ordering::Relaxed) { Err(RunError::Interrupted) } else { Ok(()) }
    }
}

/// Hears how far a run is.
pub trait Watch: Progress {
    /// A stage begins; `rows` and `bytes` are what it will work through, 0 when unknown.
    fn begin(&self, stage: &'static str, rows: u64, bytes: u64);
}

/// Runs `loaded` and tells how it ended. Never fails without a summary.
pub fn run(loaded: &Loaded, options: &RunOptions, clock: &dyn Clock, watch: &dyn Watch) -> Summary {
    match Session::open(loaded, options, clock) {
        Ok(mut session) => {
            let outcome = catch_unwind(AssertUnwindSafe(|| night(&mut session, watch)));
            session.close(outcome.unwrap_or_else(|panic| Err(RunError::panic(&*panic))))
        }
        Err(error) => stillborn(loaded, options, clock, &error),
    }
}

/// The night's work: look, read, fold, value, publish.
fn night(session: &mut Session<'_>, watch: &dyn Watch) -> Result<RunStatus, RunError> {
    let as_of = session.options.as_of;
    let config = stages::ingest(&session.loaded.pipeline, as_of, previous_rows(session)?);

    let files =
        session.stage("discover", 0, |session| Ok(counted(look(session, &config)?, |files| total_rows(files))))?;
    let (inputs, content_id) = session.stage("digest", 0, |session| {
        watch.begin("digest", 0, files.iter().map(|file| file.bytes).sum());
        Ok((identify(session, &files)?, 0))
    })?;
    session.note_content(&content_id);
    if let Some(published) = session.publisher.find(as_of, &content_id)? {
        session.note_published(&published)?;
        return Ok(RunStatus::NothingNew);
    }

    let plan = ReadPlan::new(&files, &config)?;
    session.note_inputs(inputs.clone(), plan.drift());
    let features = stages::features(&session.loaded.pipeline, as_of, plan.key_type());
    let tables = PublishedTables::new(&session.loaded.pipeline, &features)?;
    for finding in &tables.lint {
        tracing::warn!("segments: {finding}");
    }

    let scatter = Scatter::new(features.key_type, features.mapped, plan.rows(), session.options.threads);
    let (report, writers) = session.stage("ingest", plan.rows(), |session| ingest(session, &plan, &scatter, watch))?;
    check_unchanged(&files)?;
    let folded = session.stage("features", report.used(), |session| {
        watch.begin("features", scatter.partitions() as u64, 0);
        let keep_going = || {
            watch.advance(1, 0);
            session.options.check_cancelled().is_ok()
        };
        let folded = fold(&features, &tables.features, &scatter, writers, &keep_going);
        let folded =
            folded.map_err(|error| locate(error, &plan, &shown_paths(session, &report.files), session.options));
        Ok(counted(folded?, Folded::rows))
    })?;
    let mut books = report.accounting;
    session.note_duplicates(&mut books, &folded.duplicates, folded.duplicate_refunds)?;
    let customers = folded.rows();
    let valued = session.stage("model", customers, |_| {
        watch.begin("model", customers, 0);
        let model = tables.model.as_ref();
        Ok((model.map(|model| model.fit_and_apply(as_of, &folded.batches)).transpose()?, customers))
    })?;
    session.save()?;
    let published = session.stage("publish", customers, |session| {
        let rows = customers * tables.contracts().count() as u64;
        watch.begin("publish", rows, 0);
        let facts = facts(session, content_id, inputs);
        Ok((publish(session, &tables, folded, valued, facts, watch)?, rows))
    })?;
    session.note_published(&published)?;
    Ok(if published.outcome == Outcome::Published { RunStatus::Succeeded } else { RunStatus::NothingNew })
}

/// A stage's result, with the rows that went out.
fn counted<T>(result: T, rows: impl Fn(&T) -> u64) -> (T, u64) {
    let rows = rows(&result);
    (result, rows)
}

/// The files that are there.
fn look(session: &Session<'_>, config: &TransactionsConfig) -> Result<Vec<InputFile>, RunError> {
    discover(&config.paths).map_err(|source| match source {
        IngestError::NothingMatches { .. } if session.loaded.pipeline.transactions.dated => {
            RunError::NotThereYet { source }
        }
        source => source.into(),
    })
}

fn total_rows(files: &[InputFile]) -> u64 {
    files.iter().map(|file| file.rows).sum()
}

/// The inputs as the manifest lists them, and the name of the content that they and the pipeline make.
fn identify(session: &Session<'_>, files: &[InputFile]) -> Result<(Vec<Input>, ContentId), RunError> {
    let paths: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    let digests = digest(&paths, session.options.threads, &session.options.cancel)?;
    let mut identities: Vec<String> = files
        .iter()
        .zip(&digests)
        .map(|(file, sha256)| json!({ "sha256": sha256, "partitions": file.partitions }).to_string())
        .collect();
    identities.sort_unstable();
    let content = json!({
        "versions": versions(),
        "pipeline": session.loaded.pipeline.semantic(),
        "as_of": session.options.as_of.to_string(),
        "inputs": identities,
    });
    let input = |(file, sha256): (&InputFile, String)| Input {
        path: shown_path(session, &file.path).display().to_string(),
        bytes: file.bytes,
        sha256,
        rows: file.rows,
    };
    Ok((files.iter().zip(digests).map(input).collect(), ContentId::of(&content)))
}

/// A path as the pipeline file would write it: the same on every machine.
fn shown_path(session: &Session<'_>, path: &Path) -> PathBuf {
    path.strip_prefix(&session.loaded.pipeline.folder).unwrap_or(path).to_owned()
}

/// [`shown_path`] of all `paths`.
fn shown_paths(session: &Session<'_>, paths: &[PathBuf]) -> Vec<PathBuf> {
    paths.iter().map(|path| shown_path(session, path)).collect()
}

/// Input rows of the newest date before this one that succeeded, where a check asks for them.
fn previous_rows(session: &Session<'_>) -> Result<Option<u64>, RunError> {
    if !stages::needs_previous_rows(&session.loaded.pipeline) {
        return Ok(None);
    }
    let as_of = session.options.as_of.to_string();
    let runs = list_runs(&session.publisher.layout)?;
    let before = runs.iter().filter(|run| run.status == RunStatus::Succeeded && run.as_of < as_of);
    let newest = before.max_by(|a, b| (&a.as_of, &a.started_at).cmp(&(&b.as_of, &b.started_at)));
    Ok(newest.map(|run| run.inputs.iter().map(|input| input.rows).sum()))
}

type Events = (ReadReport, Vec<ScatterWriter>);

/// Reads everything and scatters it; notes the books and the quarantine, also when checks failed.
fn ingest(
    session: &mut Session<'_>,
    plan: &ReadPlan<'_>,
    scatter: &Scatter,
    watch: &dyn Watch,
) -> Result<(Events, u64), RunError> {
    watch.begin("ingest", plan.rows(), session.record.inputs.iter().map(|input| input.bytes).sum());
    let options = ReadOptions { threads: session.options.threads, batch_rows: session.options.batch_rows };
    let sink = |_| ScatterSink(scatter.writer());
    match read(plan, options, sink, watch, &session.options.cancel) {
        Ok((report, sinks)) => {
            let files = shown_paths(session, &report.files);
            session.note_read(&report, &files)?;
            let used = report.used();
            Ok(((report, sinks.into_iter().map(|sink| sink.0).collect()), used))
        }
        Err(IngestError::ChecksFailed { failures, report }) => {
            let files = shown_paths(session, &report.files);
            session.note_read(&report, &files)?;
            Err(IngestError::ChecksFailed { failures, report }.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Hands the events of one decoding thread to its scatter.
struct ScatterSink(ScatterWriter);

impl EventSink for ScatterSink {
    type Error = Infallible;

    fn accept(&mut self, batch: EventBatch, _origin: Origin<'_>) -> Result<(), Infallible> {
        self.0.push(&batch);
        Ok(())
    }
}

/// The digest names the bytes that were there before the read: they must be there after it.
fn check_unchanged(files: &[InputFile]) -> Result<(), RunError> {
    for file in files {
        if !file.is_unchanged() {
            return Err(RunError::InputChanged { path: file.path.display().to_string() });
        }
    }
    Ok(())
}

fn facts(session: &Session<'_>, content_id: ContentId, inputs: Vec<Input>) -> Facts {
    let pipeline = &session.loaded.pipeline;
    let semantic = pipeline.semantic();
    let masked = serde_json::from_str(&session.loaded.mask(&semantic.to_string())).unwrap_or(Value::Null);
    Facts {
        pipeline: pipeline.name.clone(),
        as_of: session.options.as_of,
        content_id,
        versions: versions(),
        inputs,
        parameters: masked,
    }
}

/// Writes the tables and the model card, and commits them together.
fn publish(
    session: &Session<'_>,
    tables: &PublishedTables,
    folded: Folded,
    valued: Option<Valued>,
    facts: Facts,
    watch: &dyn Watch,
) -> Result<Published, RunError> {
    let mut staging = session.publisher.stage(&session.record.run_id)?;
    let (card, batches) = valued.map(|valued| (valued.card, valued.batches)).unzip();
    for (contract, batches) in tables.contracts().zip([Some(folded.batches), batches].into_iter().flatten()) {
        let mut writer = staging.table(contract)?;
        for batch in batches {
            session.options.check_cancelled()?;
            let rows = batch.num_rows() as u64;
            writer.write(batch)?;
            watch.advance(rows, 0);
        }
        staging.add_table(writer.finish()?);
    }
    if let Some(card) = card {
        staging.write_model_card(card.to_json()?.as_bytes())?;
    }
    session.options.check_cancelled()?;
    Ok(staging.commit(facts)?)
}
