//! Plans and reads the sources, one after the other.

use std::collections::BTreeMap;

use appraise_feature_engineering::{FoldError, Scatter, ScatterWriter};
use appraise_ingest::{EventSink, IngestError, Origin, ReadOptions, ReadPlan, SourceConfig, read};
use appraise_schema::{Accounting, EventBatch, KeyType, SourceKind};

use crate::error::RunError;
use crate::feature_plan::FeaturePlan;
use crate::inputs::{Inputs, shown_paths};
use crate::ledger::Ledger;
use crate::run::{RunOptions, Watch};
use crate::session::Session;
use crate::spec::resolved::{Pipeline, Source};
use crate::stages::{self, Shared};

/// What ingest is asked for of every source; `previous_rows` are those of an earlier run.
pub(crate) fn configs(
    pipeline: &Pipeline,
    shared: &Shared,
    previous_rows: &BTreeMap<SourceKind, u64>,
) -> Result<BTreeMap<SourceKind, SourceConfig>, RunError> {
    // Which columns are read does not depend on the type of the key, which only the files tell.
    let features = stages::features(pipeline, shared.as_of, KeyType::Integer, &shared.tables);
    let features = FeaturePlan::new(features, &pipeline.features.own)?.config;
    let config = |(&kind, source): (&SourceKind, &Source)| {
        let previous = previous_rows.get(&kind).copied();
        (kind, stages::source(pipeline, kind, source, features.layout(kind), shared, previous))
    };
    Ok(pipeline.sources.iter().map(config).collect())
}

/// How every source is read, and the type of customer keys of the run.
#[derive(Debug)]
pub(crate) struct ReadPlans<'a> {
    pub(crate) plans: BTreeMap<SourceKind, ReadPlan<'a>>,
    pub(crate) configs: &'a BTreeMap<SourceKind, SourceConfig>,
    pub(crate) key_type: KeyType,
}

impl<'a> ReadPlans<'a> {
    /// Binds the mapping of every source to its files. Ids that are compared across sources must be of one type.
    pub(crate) fn new(inputs: &'a Inputs, configs: &'a BTreeMap<SourceKind, SourceConfig>) -> Result<Self, RunError> {
        let mut plans = BTreeMap::new();
        for (kind, config) in configs {
            let files = inputs.sources.get(kind).map(Vec::as_slice).unwrap_or_default();
            let plan = ReadPlan::new(files, config).map_err(|error| RunError::of_source(kind.name(), error))?;
            plans.insert(*kind, plan);
        }
        same_type(&plans, |_| Some("lot_id"))?;
        // Sources without keys of their own, such as lots of unknown consignors, follow the others.
        let key_type = same_type(&plans, |kind| Some(kind.key()))?.unwrap_or(KeyType::Integer);
        let keyed = |(kind, plan): (SourceKind, ReadPlan<'a>)| match plan.with_key_type(key_type) {
            Ok(plan) => Ok((kind, plan)),
            Err(error) => Err(RunError::of_source(kind.name(), error)),
        };
        Ok(Self { plans: plans.into_iter().map(keyed).collect::<Result<_, _>>()?, configs, key_type })
    }

    /// Rows of all sources.
    pub(crate) fn rows(&self) -> u64 {
        self.plans.values().map(ReadPlan::rows).sum()
    }

    /// Rows of each source.
    pub(crate) fn expected_rows(&self) -> BTreeMap<SourceKind, u64> {
        self.plans.iter().map(|(kind, plan)| (*kind, plan.rows())).collect()
    }
}

/// The one type of the ids in the column that `column` names of each source; `None` when no source has it.
fn same_type(
    plans: &BTreeMap<SourceKind, ReadPlan<'_>>,
    column: impl Fn(SourceKind) -> Option<&'static str>,
) -> Result<Option<KeyType>, RunError> {
    let mut first: Option<(String, KeyType)> = None;
    for (kind, plan) in plans {
        let Some(name) = column(*kind) else { continue };
        let Some(found) = plan.id_type(name) else { continue };
        let place = format!("{}.{name}", kind.name());
        match &first {
            None => first = Some((place, found)),
            Some((first, expected)) if *expected != found => {
                let first = (first.clone(), type_words(*expected));
                return Err(RunError::IdTypes { first, second: (place, type_words(found)) });
            }
            Some(_) => {}
        }
    }
    Ok(first.map(|(_, found)| found))
}

fn type_words(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::Integer => "an integer",
        KeyType::Text => "a text",
    }
}

/// How a read is carried out.
pub(crate) fn read_options(options: &RunOptions) -> ReadOptions {
    ReadOptions { threads: options.threads, batch_rows: options.batch_rows }
}

/// Reads every source, but for what the ledger holds, and scatters it; notes the books and the quarantine, also when checks
/// failed. Gives the books, and the rows in use.
pub(crate) fn read_all(
    session: &mut Session<'_>,
    plans: &ReadPlans<'_>,
    scatter: &mut Scatter,
    mut ledger: Option<&mut Ledger>,
    watch: &dyn Watch,
) -> Result<(BTreeMap<SourceKind, Accounting>, u64), RunError> {
    let nothing = BTreeMap::new();
    let mut books = BTreeMap::new();
    let mut used = 0;
    for (kind, plan) in &plans.plans {
        let kept = ledger.as_ref().and_then(|ledger| ledger.known(*kind));
        let (known, first_number) = kept.unwrap_or((&nothing, 0));
        let sink = |_| ScatterSink { writer: scatter.writer(*kind), first_number };
        let outcome = read(plan, read_options(session.options), known, sink, watch, &session.options.cancel);
        let (report, sinks) = match outcome {
            Ok(read) => read,
            Err(IngestError::ChecksFailed { failures, report }) => {
                let files = shown_paths(&session.loaded.pipeline, &report.files);
                session.note_read(*kind, &report, &files)?;
                let failed = IngestError::ChecksFailed { failures, report };
                return Err(RunError::of_source(kind.name(), failed));
            }
            Err(error) => return Err(RunError::of_source(kind.name(), error)),
        };
        let files = shown_paths(&session.loaded.pipeline, &report.files);
        session.note_read(*kind, &report, &files)?;
        let writers: Vec<_> = sinks.into_iter().map(|sink| sink.writer).collect();
        if let Some(ledger) = &mut ledger {
            ledger.keep(*kind, &report, &writers, scatter)?;
        }
        scatter.keep(writers)?;
        used += report.used();
        books.insert(*kind, report.accounting);
    }
    Ok((books, used))
}

/// Hands the events of one decoding thread to its scatter.
struct ScatterSink {
    writer: ScatterWriter,
    /// Number of the file at position 0.
    first_number: u32,
}

impl EventSink for ScatterSink {
    type Error = FoldError;

    fn accept(&mut self, batch: EventBatch, origin: Origin<'_>) -> Result<(), FoldError> {
        let position = u32::try_from(origin.file).unwrap_or(u32::MAX);
        self.writer.push(&batch, self.first_number.saturating_add(position))
    }
}
