//! The customers of a snapshot, valued by the models of another one.

use appraise_export::Snapshot;
use appraise_model::compare::{Compared, Totals};
use appraise_model::{FittedModels, ModelCard, ModelConfig, ModelPlan};
use appraise_schema::AsOf;
use arrow::array::RecordBatch;

use super::rows;
use crate::error::RunError;

/// The table that models are fitted and applied to.
const FEATURES: &str = "customer_features";

/// The totals of the customers of `new` by the models of `base`: by its card, and by its configuration `config` fitted to the
/// customers of `new`. Calls the expression engine: not for use inside a rayon job.
///
/// # Errors
/// When the features of `new` lack a column that the models read, or they can't be fitted or applied.
pub(super) fn rescore(
    config: &ModelConfig,
    base: &Snapshot,
    new: &Snapshot,
    compared: &Compared,
) -> Result<[Totals; 2], RunError> {
    let card =
        base.model_card()?.ok_or_else(|| RunError::NotComparable { why: "the base has no model card".to_owned() })?;
    let card = ModelCard::from_json(&card)?;
    let as_of: AsOf =
        new.manifest.as_of.parse().map_err(|error| RunError::NotComparable { why: format!("{error}") })?;
    let plan = ModelPlan::new(config, &new.contract(FEATURES)?)?;
    let inputs = plan.fit_inputs();
    let fitted_to: Vec<RecordBatch> = rows(new, FEATURES, |name| inputs.contains(name))?.collect::<Result<_, _>>()?;
    let by_card = totals(plan.thaw(&card, &fitted_to)?, &plan, new, compared)?;
    let by_fit = totals(plan.fit(as_of, &fitted_to)?, &plan, new, compared)?;
    Ok([by_card, by_fit])
}

/// The totals of the customers of `new`, valued batch by batch.
fn totals(
    mut fitted: FittedModels<'_>,
    plan: &ModelPlan,
    new: &Snapshot,
    compared: &Compared,
) -> Result<Totals, RunError> {
    let inputs = plan.inputs();
    let mut totals = Totals::new(compared);
    for batch in rows(new, FEATURES, |name| inputs.contains(name))? {
        for valued in fitted.apply(&[batch?])? {
            totals.observe(compared, &valued)?;
        }
        drop(fitted.take_action_drafts());
    }
    Ok(totals)
}
