//! One run, from dumps to published tables. Read [`night`] from top to bottom to learn the system.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use appraise_export::{ContentId, Facts, Input, Outcome, Published, RunStatus, Snapshot, Staging};
use appraise_feature_engineering::ScatterOptions;
use appraise_ingest::Progress;
use appraise_schema::{AsOf, TableContract};
use serde_json::{Value, json};

use crate::backtest::{BacktestOptions, backtest};
use crate::batch_store::BatchStore;
use crate::cache;
use crate::changes;
use crate::clock::Clock;
use crate::compare;
use crate::conflict::locate;
use crate::error::RunError;
use crate::feature_table::build;
use crate::inputs::Inputs;
use crate::ledger::Ledger;
use crate::memory::Budget;
use crate::plan::PublishedTables;
use crate::references;
use crate::refit::frozen;
use crate::session::{Session, stillborn, versions};
use crate::sources::{self, ReadPlans, read_all};
use crate::spec::Loaded;
use crate::spec::resolved::BacktestGate;
use crate::stages::{self, Shared};
use crate::summary::Summary;
use crate::values::{Values, fit, value};

/// The gate that judges lifetime values, as the pipeline file and the records name it.
const BACKTEST_GATE: &str = "gates.backtest";

/// How a run is carried out. Apart from the date, none of it changes a table.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The date customers are valued at.
    pub as_of: AsOf,
    /// Threads that decode. The folding, sorting and encoding ones are those of the global rayon pool.
    pub threads: usize,
    /// Most rows decoded at once.
    pub batch_rows: usize,
    /// Bytes of memory that the run may take, about.
    pub memory_limit: u64,
    /// Folder of what does not fit in memory.
    pub temp_dir: PathBuf,
    /// How long to wait for another run that commits.
    pub lock_timeout_s: u64,
    /// Whether the published pointers move to the new snapshot.
    pub move_pointers: bool,
    /// Whether all dumps are read, whatever the ledger holds.
    pub full: bool,
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
    let (loaded, options) = (session.loaded, session.options);
    let (pipeline, as_of) = (&loaded.pipeline, options.as_of);
    let budget = Budget::new(options.memory_limit, options.threads)?;

    let inputs = session.stage("discover", 0, |_| Ok(counted(Inputs::find(pipeline)?, Inputs::rows)))?;
    let base = changes::base(pipeline, &session.publisher.layout, as_of)?;
    let (identity, frozen) = session.stage("digest", 0, |session| {
        watch.begin("digest", 0, inputs.bytes());
        let digests = inputs.digests(pipeline, &session.publisher, options)?;
        let frozen = frozen(pipeline, &session.publisher, as_of)?;
        let card = frozen.as_ref().map(|frozen| frozen.sha256.as_str());
        Ok(((inputs.identity(pipeline, as_of, digests, card, base.as_ref()), frozen), 0))
    })?;
    session.note_content(&identity.content_id);
    if let Some(published) = session.publisher.find(as_of, &identity.content_id)? {
        session.note_published(&published)?;
        return Ok(RunStatus::NothingNew);
    }

    session.record.inputs.clone_from(&identity.listed);
    let mut staging = session.publisher.stage(&session.record.run_id)?;
    let kept = cache::features(session, &inputs, &identity, &mut staging, budget, watch)?;
    let cache::Features { tables, rows: features, .. } = &kept;
    for lint in &tables.lint {
        if lint.finding.is_certain() { tracing::warn!("{lint}") } else { tracing::debug!("{lint}") }
    }
    let customers = features.rows();
    let model = tables.model.as_ref();
    let fitted = session.stage("fit", customers, |session| {
        watch.begin("fit", customers, 0);
        Ok((model.map(|model| fit(session, model, &kept, frozen.as_ref())).transpose()?, customers))
    })?;
    let mut values = session.stage("model", customers, |session| {
        watch.begin("model", customers, 0);
        let values =
            model.zip(fitted).map(|(model, fitted)| value(session, model, (fitted.0, &fitted.1), features, budget));
        Ok((values.transpose()?, customers))
    })?;
    if let (Some(model), Some(values), None) = (model, &values, &frozen) {
        cache::keep_fits(session, &kept, model, values);
    }
    changes::add(session, tables, values.as_mut(), base.as_ref(), budget)?;
    session.save()?;
    if let Some(gate) = &pipeline.gates.backtest
        && session.is_due(BACKTEST_GATE, gate.every_days)?
    {
        session.stage("backtest", customers, |session| Ok((judge(session, gate, watch)?, customers)))?;
    }
    if let (Some(gate), Some(model), Some(values)) = (&pipeline.gates.compare, model, &values) {
        session.stage("compare", customers, |session| {
            Ok((compare::judge(session, gate, model.contract(), &values.rows)?, customers))
        })?;
    }
    let published = session.stage("publish", customers, |session| {
        let rows = customers * tables.contracts().skip(1).count() as u64;
        watch.begin("publish", rows, 0);
        let facts = facts(session, identity.content_id, identity.listed, base.as_ref());
        Ok((publish(session, staging, tables, values.as_ref(), facts, watch)?, rows))
    })?;
    session.note_published(&published)?;
    Ok(if published.outcome == Outcome::Published { RunStatus::Succeeded } else { RunStatus::NothingNew })
}

/// Stops the run when lifetime values would have foretold the last days too badly.
fn judge(session: &mut Session<'_>, gate: &BacktestGate, watch: &dyn Watch) -> Result<(), RunError> {
    let asked = BacktestOptions { holdout_days: gate.holdout_days, steps: 1 };
    let found = backtest(session.loaded, session.options, &asked, session.clock, watch)?;
    let failures = found.failures(gate);
    session.note_gate(BACKTEST_GATE, &failures, &found.figures());
    if failures.is_empty() {
        Ok(())
    } else {
        Err(RunError::Gate { gate: BACKTEST_GATE, failures: failures.join("; ") })
    }
}

/// Reads the inputs and folds them: what is to be published, and the rows of `customer_features`.
pub(crate) fn features(
    session: &mut Session<'_>,
    inputs: &Inputs,
    budget: Budget,
    watch: &dyn Watch,
) -> Result<(PublishedTables, BatchStore), RunError> {
    let (pipeline, options) = (&session.loaded.pipeline, session.options);
    let tables = references::read(pipeline, &options.cancel)?;
    let shared = Shared { as_of: options.as_of, symbols: Arc::default(), tables };
    let configs = sources::configs(pipeline, &shared, &session.previous_rows()?)?;
    let plans = ReadPlans::new(inputs, &configs)?;
    session.note_drift(&plans);
    let features = stages::features(pipeline, options.as_of, plans.key_type, &shared.tables);
    let tables = PublishedTables::new(pipeline, features)?;

    let (scatter, mut books, used) = session.stage("ingest", plans.rows(), |session| {
        watch.begin("ingest", plans.rows(), inputs.bytes());
        let scattering = scatter_options(options, &plans, budget);
        let (mut scatter, mut ledger) =
            Ledger::open(session, &plans, &shared.symbols, &tables.features.config, scattering);
        let read = read_all(session, &plans, &mut scatter, ledger.as_mut(), watch);
        session.close_quarantine()?;
        let (books, used) = read?;
        // What is kept is named by the digests, which are of the bytes that were there before the read.
        inputs.check_unchanged()?;
        session.record.ledger =
            ledger.map(|ledger| ledger.commit(&shared.symbols)).map_or(Value::Null, |used| json!(used));
        Ok(((scatter, books, used), used))
    })?;
    let (folded, features) = session.stage("features", used, |session| {
        let built = build(session, &tables.features, scatter, &shared.symbols, budget, watch);
        let (folded, features) = built.map_err(|error| locate(error, &plans, inputs, pipeline, options))?;
        Ok(counted((folded, features), |(_, features)| features.rows()))
    })?;
    session.note_duplicates(&mut books, &folded)?;
    Ok((tables, features))
}

/// A stage's result, with the rows that went out.
fn counted<T>(result: T, rows: impl Fn(&T) -> u64) -> (T, u64) {
    let rows = rows(&result);
    (result, rows)
}

fn scatter_options(options: &RunOptions, plans: &ReadPlans<'_>, budget: Budget) -> ScatterOptions {
    ScatterOptions {
        expected_rows: plans.expected_rows(),
        threads: options.threads,
        memory_bytes: budget.scatter_bytes,
        temp_dir: options.temp_dir.clone(),
        partition_bits: None,
        keep_origins: false,
    }
}

/// What decides the tables, as the manifest shows it: without secrets.
pub(crate) fn masked_semantic(loaded: &Loaded) -> Value {
    serde_json::from_str(&loaded.mask(&loaded.pipeline.semantic().to_string())).unwrap_or(Value::Null)
}

fn facts(session: &Session<'_>, content_id: ContentId, inputs: Vec<Input>, base: Option<&Snapshot>) -> Facts {
    Facts {
        pipeline: session.loaded.pipeline.name.clone(),
        as_of: session.options.as_of,
        content_id,
        versions: versions(),
        inputs,
        parameters: masked_semantic(session.loaded),
        base: base.map(Snapshot::as_base),
    }
}

/// Writes `rows` as the table of `contract` to `staging`.
pub(crate) fn encode(
    session: &Session<'_>,
    staging: &mut Staging,
    contract: &TableContract,
    rows: &BatchStore,
    watch: &dyn Watch,
) -> Result<(), RunError> {
    let mut writer = staging.table(contract)?;
    for batch in rows.batches()? {
        session.options.check_cancelled()?;
        let batch = batch?;
        let rows = batch.num_rows() as u64;
        writer.write(batch)?;
        watch.advance(rows, 0);
    }
    staging.add_table(writer.finish()?);
    Ok(())
}

/// Writes the tables behind the first and the model card to `staging`, and commits them together.
fn publish(
    session: &Session<'_>,
    mut staging: Staging,
    tables: &PublishedTables,
    values: Option<&Values>,
    facts: Facts,
    watch: &dyn Watch,
) -> Result<Published, RunError> {
    let stores = values.map(|values| &values.rows).into_iter();
    let stores = stores.chain(values.and_then(|values| values.groups.as_ref()));
    let stores = stores.chain(values.and_then(|values| values.actions.as_ref()));
    let stores = stores.chain(values.and_then(|values| values.changes.as_ref()));
    for (contract, store) in tables.contracts().skip(1).zip(stores) {
        encode(session, &mut staging, contract, store, watch)?;
    }
    if let Some(values) = values {
        staging.write_model_card(values.card.to_json()?.as_bytes())?;
    }
    session.options.check_cancelled()?;
    Ok(staging.commit(facts)?)
}
