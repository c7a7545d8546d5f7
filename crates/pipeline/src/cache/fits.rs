//! Fitted models of the same customers.

use std::collections::{BTreeMap, BTreeSet};

use appraise_export::{ContentId, Publisher};
use appraise_model::{KnownIntervals, ModelCard, ModelPlan};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::entry::Entry;
use super::sealed;
use crate::error::RunError;
use crate::spec::resolved::Pipeline;
use crate::values::Values;

/// Name of the file with the fits.
const CARD: &str = "card.json";

/// A card, and what each section of it was fitted to.
#[derive(Serialize, Deserialize)]
pub(crate) struct Fits {
    /// By section; see [`fit_keys`].
    keys: BTreeMap<String, ContentId>,
    /// What was fitted.
    card: ModelCard,
    /// The intervals of the groups.
    intervals: KnownIntervals,
}

/// Fits that need not be repeated.
pub(crate) struct KeptFits {
    /// What was fitted.
    pub(crate) card: ModelCard,
    /// The sections of the card that hold for this run.
    pub(crate) sections: BTreeSet<String>,
    /// Intervals of groups, by what they follow from.
    pub(crate) intervals: KnownIntervals,
}

/// What decides the fit of each model whose section can be taken from a card: the rows, its own parameters, and what decides
/// the models whose columns it reads.
pub(crate) fn fit_keys(pipeline: &Pipeline, plan: &ModelPlan, features: &ContentId) -> BTreeMap<String, ContentId> {
    let semantic = pipeline.semantic();
    let mut keys = BTreeMap::new();
    for (section, before) in plan.sections() {
        let before: Option<Vec<&ContentId>> = before.iter().map(|&name| keys.get(name)).collect();
        let Some(before) = before else { continue };
        let parameters: &Value = &semantic["model"][section];
        let key = json!({ "features": features, "section": section, "parameters": parameters, "before": before });
        keys.insert(section.to_owned(), ContentId::of(&key));
    }
    keys
}

impl Fits {
    /// Keeps the card of `values` beside the rows that it was fitted to.
    pub(crate) fn keep(
        publisher: &Publisher,
        entry: &Entry,
        keys: BTreeMap<String, ContentId>,
        values: &Values,
    ) -> Result<(), RunError> {
        sealed::write(
            publisher,
            &entry.folder.join(CARD),
            &Self { keys, card: values.card.clone(), intervals: values.intervals.clone() },
        )
    }

    /// The fits beside the rows of `entry` that are those of `keys`.
    pub(crate) fn find(entry: &Entry, keys: &BTreeMap<String, ContentId>) -> Option<KeptFits> {
        let fits: Self = sealed::read(&entry.folder.join(CARD))?;
        let same = |section: &&String| fits.keys.get(*section) == keys.get(*section);
        let sections: BTreeSet<String> = keys.keys().filter(same).cloned().collect();
        (!sections.is_empty()).then_some(KeptFits { card: fits.card, sections, intervals: fits.intervals })
    }
}
