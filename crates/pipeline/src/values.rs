//! `customer_values`: the models, fitted to all customers and applied to them part by part.

use std::path::Path;

use appraise_model::{FittedModels, ModelCard, ModelPlan};
use arrow::array::RecordBatch;

use crate::batch_store::{BatchStore, BatchStoreWriter};
use crate::error::RunError;
use crate::memory::Budget;
use crate::session::Session;

/// Customers with their values, and the card of the models that gave them.
pub(crate) struct Values {
    /// What was fitted, and how many customers met each segment rule.
    pub(crate) card: ModelCard,
    /// Rows of `customer_values`.
    pub(crate) rows: BatchStore,
    /// Rows of `group_values`, where there are groups.
    pub(crate) groups: Option<BatchStore>,
}

/// Fits the models of `plan` to `features` and values the same customers. Calls the expression engine: not for use inside
/// a rayon job.
///
/// # Errors
/// When a model can't be fitted or applied, or rows do not fit the disk.
pub(crate) fn value(
    session: &mut Session<'_>,
    plan: &ModelPlan,
    features: &BatchStore,
    budget: Budget,
) -> Result<Values, RunError> {
    let options = session.options;
    let fit_inputs = plan.fit_inputs();
    let fit: Vec<RecordBatch> = features.narrowed(|name| fit_inputs.contains(name))?.collect::<Result<_, _>>()?;
    let mut fitted = plan.fit(options.as_of, &fit)?;
    drop(fit);
    let mut writer = BatchStoreWriter::new(plan.contract().arrow(), budget.values_bytes, &options.temp_dir);
    let inputs = plan.inputs();
    // Batches are valued in parallel, as many as there are threads.
    let mut waiting = Vec::with_capacity(options.threads);
    for batch in features.narrowed(|name| inputs.contains(name))? {
        options.check_cancelled()?;
        waiting.push(batch?);
        if waiting.len() >= options.threads {
            apply(&mut fitted, &mut waiting, &mut writer)?;
        }
    }
    apply(&mut fitted, &mut waiting, &mut writer)?;
    let rows = writer.finish()?;
    session.note_spilled(rows.spilled_bytes());
    let groups = fitted.group_values(options.as_of)?;
    groups.iter().flat_map(|groups| &groups.doubts).for_each(|doubt| tracing::warn!("groups: {doubt}"));
    let groups = groups.map(|groups| held(groups.rows, &options.temp_dir)).transpose()?;
    Ok(Values { card: fitted.into_card(), rows, groups })
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
) -> Result<(), RunError> {
    let valued = fitted.apply(waiting)?;
    waiting.clear();
    valued.into_iter().try_for_each(|batch| writer.push(batch))
}
