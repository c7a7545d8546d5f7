//! What later runs use again: digests of inputs, the rows of `customer_features`, fitted models.
//!
//! ```text
//! <output>/.cache/digests.json                          digests of input files
//! <output>/.cache/features/<key>-<run_id>/customer_features/   the encoded table, linked with the snapshots that hold it
//! <output>/.cache/features/<key>-<run_id>/card.json     the models that were fitted to it last
//! <output>/.cache/features/<key>-<run_id>/entry.json    the books of the run that made it; written last
//! ```
//!
//! Nothing here decides a result: what is missing, damaged or of other inputs is computed anew, and what is used again has
//! the bytes that would be computed.

pub(crate) mod digests;
mod entry;
mod fits;
mod planned;
mod sealed;

use appraise_export::{ContentId, Layout, Publisher, RunId, Staging};
use appraise_model::ModelPlan;
use appraise_schema::AsOf;
use serde_json::json;

use crate::batch_store::BatchStore;
use crate::clock::Clock;
use crate::error::RunError;
use crate::inputs::{Identity, Inputs};
use crate::memory::Budget;
use crate::plan::{Footers, PublishedTables};
use crate::run::{self, RunOptions, Watch};
use crate::session::{Session, previous_rows, publisher, versions};
use crate::sources::ReadPlans;
use crate::spec::Loaded;
use crate::spec::resolved::Pipeline;
use crate::values::Values;

use entry::entries;
pub(crate) use entry::{Entry, dispensable};
pub(crate) use fits::{Fits, KeptFits, fit_keys};
pub use planned::PlannedStage;
pub(crate) use planned::{planned, with_ingest};

/// Version of the form of all that is kept; what has another one is computed anew.
const FORMAT: u32 = 1;

/// `customer_features` of a run, encoded in its staging folder.
pub(crate) struct Features {
    /// What is to be published.
    pub(crate) tables: PublishedTables,
    /// The rows.
    pub(crate) rows: BatchStore,
    /// What they were made of.
    pub(crate) key: ContentId,
    /// Where they are kept, if they are.
    pub(crate) entry: Option<Entry>,
}

impl Features {
    /// Fits of `plan` that were kept with the rows, and need not be repeated.
    pub(crate) fn fits(&self, session: &mut Session<'_>, plan: &ModelPlan) -> Option<KeptFits> {
        let entry = self.entry.as_ref()?;
        let kept = Fits::find(entry, &fit_keys(&session.loaded.pipeline, plan, &self.key))?;
        let sections: Vec<&str> = kept.sections.iter().map(String::as_str).collect();
        session.note_reused(format!("{}: the same rows and parameters as fitted before", sections.join(", ")));
        Some(kept)
    }
}

/// Keeps the fits of `plan`, and the intervals of groups, with the rows they were fitted to.
pub(crate) fn keep_fits(session: &Session<'_>, features: &Features, plan: &ModelPlan, values: &Values) {
    if let Some(entry) = &features.entry {
        let keys = fit_keys(&session.loaded.pipeline, plan, &features.key);
        unless_failed(Fits::keep(&session.publisher, entry, keys, values));
    }
}

/// A run does not fail for what it can't leave to later ones.
fn unless_failed<T>(kept: Result<T, RunError>) -> Option<T> {
    kept.inspect_err(|error| tracing::warn!(%error, "features or fits were not kept for later runs")).ok()
}

/// What decides the rows of `customer_features`, their files, and the books of their run.
pub(crate) fn features_key(
    pipeline: &Pipeline,
    layout: &Layout,
    as_of: AsOf,
    identity: &Identity,
) -> Result<ContentId, RunError> {
    let previous = previous_rows(pipeline, layout, as_of)?;
    let previous: Vec<_> = previous.into_iter().map(|(kind, rows)| json!([kind.name(), rows])).collect();
    Ok(ContentId::of(&json!({
        "format": FORMAT,
        "versions": versions(),
        "as_of": as_of.to_string(),
        "inputs": identity.identities,
        "pipeline": pipeline.semantic_of_features(),
        "previous_rows": previous,
    })))
}

/// The newest entry with the rows that `key` names.
pub(crate) fn find(publisher: &Publisher, key: &ContentId) -> Result<Option<Entry>, RunError> {
    Ok(entries(publisher)?.into_iter().rev().find(|entry| entry.body.key == *key))
}

/// The rows of `customer_features` in `staging`: those that an earlier run made of the same, else built from the inputs and kept.
///
/// # Errors
/// When they can't be built or encoded.
pub(crate) fn features(
    session: &mut Session<'_>,
    inputs: &Inputs,
    identity: &Identity,
    staging: &mut Staging,
    budget: Budget,
    watch: &dyn Watch,
) -> Result<Features, RunError> {
    let pipeline = &session.loaded.pipeline;
    let key = features_key(pipeline, &session.publisher.layout, session.options.as_of, identity)?;
    let keep = pipeline.cache.keep;
    if keep > 0
        && let Some(kept) = kept(session, inputs, &key, staging)?
    {
        return Ok(kept);
    }
    let before = session.record.checks.len();
    let (tables, rows) = run::features(session, inputs, budget, watch)?;
    session.stage("encode", rows.rows(), |session| {
        watch.begin("encode", rows.rows(), 0);
        run::encode(session, staging, &tables.features.contract, &rows, watch)?;
        Ok(((), rows.rows()))
    })?;
    let table = staging.tables().first().filter(|_| keep > 0);
    let entry = table.and_then(|table| unless_failed(Entry::keep(session, &key, table, before)));
    if keep > 0 {
        unless_failed(entry::prune(&session.publisher, keep));
    }
    Ok(Features { tables, rows, key, entry })
}

/// The rows that an earlier run made of the same, with its books; `None` when there are none, or they are damaged.
fn kept(
    session: &mut Session<'_>,
    inputs: &Inputs,
    key: &ContentId,
    staging: &mut Staging,
) -> Result<Option<Features>, RunError> {
    let Some(entry) = find(&session.publisher, key)? else { return Ok(None) };
    let (pipeline, as_of) = (&session.loaded.pipeline, session.options.as_of);
    let footers = Footers::new(pipeline, as_of)?;
    let plans = ReadPlans::new(inputs, &footers.configs)?;
    let tables = footers.tables(pipeline, as_of, plans.key_type)?;
    let Some(rows) = adopt(&tables, &entry, staging) else {
        session.publisher.remove_folder(&entry.folder)?;
        return Ok(None);
    };
    session.note_drift(&plans);
    session.note_kept(&entry);
    Ok(Some(Features { tables, rows, key: key.clone(), entry: Some(entry) }))
}

/// The rows of `entry`, whose files are then in `staging`; `None` when they are damaged.
fn adopt(tables: &PublishedTables, entry: &Entry, staging: &mut Staging) -> Option<BatchStore> {
    let contract = &tables.features.contract;
    if let Err(error) = staging.adopt_table(contract, &entry.folder, &entry.body.files) {
        tracing::warn!(run_id = %entry.body.run_id, %error, "kept features are damaged; they are computed anew");
        return None;
    }
    let paths = staging.tables().first().map(appraise_export::WrittenTable::paths).unwrap_or_default();
    Some(BatchStore::of_table(contract.arrow(), paths, entry.rows()))
}

/// The features that a run of `loaded` would use again, for a question that publishes nothing; `None` when it would compute them.
/// Their files go with the staging folder.
///
/// # Errors
/// When inputs can't be found or read.
pub(crate) fn again(
    loaded: &Loaded,
    options: &RunOptions,
    clock: &dyn Clock,
) -> Result<Option<(PublishedTables, BatchStore, Staging)>, RunError> {
    let (pipeline, as_of) = (&loaded.pipeline, options.as_of);
    let publisher = publisher(loaded, options);
    if pipeline.cache.keep == 0 || !publisher.layout.cache().is_dir() {
        return Ok(None);
    }
    let inputs = Inputs::find(pipeline)?;
    let digests = inputs.digests(pipeline, &publisher, options)?;
    let identity = inputs.identity(pipeline, as_of, digests, None, None);
    let key = features_key(pipeline, &publisher.layout, as_of, &identity)?;
    let Some(entry) = find(&publisher, &key)? else { return Ok(None) };
    let mut staging = publisher.stage(&RunId::new(&clock.now(), std::process::id()))?;
    let footers = Footers::new(pipeline, as_of)?;
    let key_type = ReadPlans::new(&inputs, &footers.configs)?.key_type;
    let tables = footers.tables(pipeline, as_of, key_type)?;
    Ok(adopt(&tables, &entry, &mut staging).map(|rows| (tables, rows, staging)))
}
