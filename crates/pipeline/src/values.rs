//! `customer_values`: the models, fitted to all customers and applied to them part by part.

use std::path::Path;

use appraise_model::{ActionCaps, FittedModels, KnownIntervals, ModelCard, ModelPlan};
use arrow::array::RecordBatch;

use crate::batch_store::{BatchStore, BatchStoreWriter};
use crate::cache::Features;
use crate::error::RunError;
use crate::memory::Budget;
use crate::refit::Frozen;
use crate::session::Session;

/// Customers with their values, and the card of the models that gave them.
pub(crate) struct Values {
    /// What was fitted, and how many customers met each segment rule.
    pub(crate) card: ModelCard,
    /// Rows of `customer_values`.
    pub(crate) rows: BatchStore,
    /// Rows of `group_values`, where there are groups.
    pub(crate) groups: Option<BatchStore>,
    /// The intervals of the groups.
    pub(crate) intervals: KnownIntervals,
    /// Rows of `customer_actions`, where there are strategies.
    pub(crate) actions: Option<BatchStore>,
    /// Rows of `customer_changes`, where they are asked for, once they are known.
    pub(crate) changes: Option<BatchStore>,
}

/// Fits the models of `plan` to `features`, but for fits that were kept, or takes them from the card `frozen`; gives also the
/// intervals of groups that were kept. Calls the expression engine: not for use inside a rayon job.
///
/// # Errors
/// When a model can't be fitted.
pub(crate) fn fit<'p>(
    session: &mut Session<'_>,
    plan: &'p ModelPlan,
    features: &Features,
    frozen: Option<&Frozen>,
) -> Result<(FittedModels<'p>, KnownIntervals), RunError> {
    let table = fit_table(plan, &features.rows)?;
    let as_of = session.options.as_of;
    let nothing = KnownIntervals::default();
    if let Some(Frozen { card, path, .. }) = frozen {
        session.note_reused(format!("cut-offs and parameters as fitted at {}, of `{path}`", card.as_of));
        return Ok((plan.thaw(card, &table)?, nothing));
    }
    let Some(kept) = features.fits(session, plan) else { return Ok((plan.fit(as_of, &table)?, nothing)) };
    Ok((plan.fit_again(as_of, &table, &kept.card, &kept.sections)?, kept.intervals))
}

/// The columns of `features` that fitting `plan` reads.
///
/// # Errors
/// When rows that wait on disk can't be read.
pub(crate) fn fit_table(plan: &ModelPlan, features: &BatchStore) -> Result<Vec<RecordBatch>, RunError> {
    let inputs = plan.fit_inputs();
    features.narrowed(|name| inputs.contains(name))?.collect()
}

/// Values the customers of `features` by the models of `plan`. Calls the expression engine: not for use inside a rayon job.
///
/// # Errors
/// When a model can't be applied, or rows do not fit the disk.
pub(crate) fn value(
    session: &mut Session<'_>,
    plan: &ModelPlan,
    (mut fitted, known): (FittedModels<'_>, &KnownIntervals),
    features: &BatchStore,
    budget: Budget,
) -> Result<Values, RunError> {
    let options = session.options;
    let store = |schema| BatchStoreWriter::new(schema, budget.values_bytes, &options.temp_dir);
    let mut writer = store(plan.contract().arrow());
    let mut drafts = plan.action_drafts().map(store);
    let inputs = plan.inputs();
    // Batches are valued in parallel, as many as there are threads.
    let mut waiting = Vec::with_capacity(options.threads);
    for batch in features.narrowed(|name| inputs.contains(name))? {
        options.check_cancelled()?;
        waiting.push(batch?);
        if waiting.len() >= options.threads {
            apply(&mut fitted, &mut waiting, &mut writer, drafts.as_mut())?;
        }
    }
    apply(&mut fitted, &mut waiting, &mut writer, drafts.as_mut())?;
    let rows = writer.finish()?;
    session.note_spilled(rows.spilled_bytes());
    let mut groups = fitted.group_values(options.as_of, known)?;
    groups.iter().flat_map(|groups| &groups.doubts).for_each(|doubt| tracing::warn!("groups: {doubt}"));
    let intervals = groups.as_mut().map(|groups| std::mem::take(&mut groups.intervals)).unwrap_or_default();
    let groups = groups.map(|groups| held(groups.rows, &options.temp_dir)).transpose()?;
    let actions = match (drafts, plan.action_contract(), fitted.action_caps()) {
        (Some(drafts), Some(contract), Some(caps)) => {
            Some(settled(session, &drafts.finish()?, caps, store(contract.arrow()))?)
        }
        _ => None,
    };
    Ok(Values { card: fitted.into_card(), rows, groups, intervals, actions, changes: None })
}

/// The rows of `customer_actions`, once it is known whom the caps leave out.
fn settled(
    session: &mut Session<'_>,
    drafts: &BatchStore,
    mut caps: ActionCaps,
    mut writer: BatchStoreWriter,
) -> Result<BatchStore, RunError> {
    for batch in drafts.batches()? {
        session.options.check_cancelled()?;
        writer.push(caps.settle(&batch?)?)?;
    }
    let actions = writer.finish()?;
    session.note_spilled(drafts.spilled_bytes() + actions.spilled_bytes());
    Ok(actions)
}

/// A small table in memory.
fn held(batch: RecordBatch, temp_dir: &Path) -> Result<BatchStore, RunError> {
    let mut writer = BatchStoreWriter::new(batch.schema(), u64::MAX, temp_dir);
    writer.push(batch)?;
    writer.finish()
}

fn apply(
    fitted: &mut FittedModels<'_>,
    waiting: &mut Vec<RecordBatch>,
    writer: &mut BatchStoreWriter,
    drafts: Option<&mut BatchStoreWriter>,
) -> Result<(), RunError> {
    let valued = fitted.apply(waiting)?;
    waiting.clear();
    if let Some(drafts) = drafts {
        fitted.take_action_drafts().into_iter().try_for_each(|batch| drafts.push(batch))?;
    }
    valued.into_iter().try_for_each(|batch| writer.push(batch))
}
