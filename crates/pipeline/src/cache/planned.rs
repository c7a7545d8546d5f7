//! What a run would use again, without doing any work.

use std::collections::BTreeSet;

use appraise_export::{Layout, Publisher};
use appraise_schema::AsOf;
use serde::Serialize;

use super::{Fits, digests, features_key, find, fit_keys};
use crate::changes;
use crate::error::RunError;
use crate::inputs::Inputs;
use crate::ledger;
use crate::plan::PublishedTables;
use crate::refit::{Frozen, frozen};
use crate::spec::resolved::Pipeline;

/// What a run would do at a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedStage {
    /// Its name.
    pub stage: &'static str,
    /// `reuse`, `compute`, or `reuse in part`.
    pub action: &'static str,
    /// Why.
    pub why: String,
}

const REUSE: &str = "reuse";
const IN_PART: &str = "reuse in part";
const COMPUTE: &str = "compute";

/// What a run of `pipeline` at `as_of` would do at each stage. Inputs whose digests are not remembered count as changed.
///
/// # Errors
/// When what earlier runs left can't be read.
pub(crate) fn planned(
    pipeline: &Pipeline,
    as_of: AsOf,
    inputs: &Inputs,
    tables: &PublishedTables,
) -> Result<Vec<PlannedStage>, RunError> {
    let publisher = Publisher::new(Layout::at(&pipeline.export.path));
    let frozen = frozen(pipeline, &publisher, as_of)?;
    let all = |action, why: &str| {
        let stage = |stage| PlannedStage { stage, action, why: why.to_owned() };
        ["digest", "features", "fit", "model", "publish"].map(stage).to_vec()
    };
    if pipeline.cache.keep == 0 {
        return Ok(with_fit(all(COMPUTE, "nothing is kept for later runs"), frozen.as_ref()));
    }
    let Some(digests) = digests::remembered(&publisher, &inputs.paths()) else {
        return Ok(with_fit(all(COMPUTE, "an input is new, or changed since it was last read"), frozen.as_ref()));
    };
    let card = frozen.as_ref().map(|frozen| frozen.sha256.as_str());
    let base = changes::base(pipeline, &publisher.layout, as_of)?;
    let identity = inputs.identity(pipeline, as_of, digests, card, base.as_ref());
    if publisher.layout.snapshot(as_of, &identity.content_id).join(appraise_export::layout::SUCCESS).exists() {
        return Ok(all(REUSE, "the same content is published"));
    }
    let mut stages = all(COMPUTE, "the models or their parameters are not those of what is published");
    let mut set = |stage: &str, action, why: String| {
        for planned in stages.iter_mut().filter(|planned| planned.stage == stage) {
            (planned.action, planned.why) = (action, why.clone());
        }
    };
    set("digest", REUSE, "all inputs are as they were last read".to_owned());
    let key = features_key(pipeline, &publisher.layout, as_of, &identity)?;
    match find(&publisher, &key)? {
        None => {
            set("features", COMPUTE, "no kept features are of these inputs and settings".to_owned());
            set("fit", COMPUTE, "the features are computed".to_owned());
        }
        Some(entry) => {
            set("features", REUSE, format!("same inputs and settings as in run {}", entry.body.run_id));
            if let Some(model) = &tables.model {
                let keys = fit_keys(pipeline, model, &key);
                let kept = Fits::find(&entry, &keys).map(|kept| kept.sections).unwrap_or_default();
                let anew: BTreeSet<&str> =
                    keys.keys().map(String::as_str).filter(|name| !kept.contains(*name)).collect();
                let names = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(", ");
                let same = names(kept.iter().map(String::as_str).collect());
                match (kept.is_empty(), anew.is_empty()) {
                    (true, _) => set("fit", COMPUTE, "no fit of these models is kept".to_owned()),
                    (false, true) => set("fit", REUSE, format!("{same}: same features and parameters")),
                    (false, false) => {
                        let why = format!("{same}: same features and parameters; fitted anew: {}", names(anew));
                        set("fit", IN_PART, why);
                    }
                }
            }
        }
    }
    Ok(with_fit(stages, frozen.as_ref()))
}

/// `stages` with what the run would read of the dumps, before the features.
pub(crate) fn with_ingest(mut stages: Vec<PlannedStage>, pipeline: &Pipeline, inputs: &Inputs) -> Vec<PlannedStage> {
    let Some(features) = stages.iter().position(|stage| stage.stage == "features") else { return stages };
    let (action, why) = match ledger::planned(pipeline, inputs) {
        _ if stages[features].action == REUSE => (REUSE, "the features are".to_owned()),
        None => (COMPUTE, "no ledger of dumps that were read is kept".to_owned()),
        Some((known, dumps)) => {
            let action = if known == 0 { COMPUTE } else { IN_PART };
            (action, format!("the ledger holds {known} of {dumps} dumps, by path and size"))
        }
    };
    stages.insert(features, PlannedStage { stage: "ingest", action, why });
    stages
}

/// `stages`, whose fit is that of `frozen`.
fn with_fit(mut stages: Vec<PlannedStage>, frozen: Option<&Frozen>) -> Vec<PlannedStage> {
    if let Some(Frozen { card, path, .. }) = frozen {
        for fit in stages.iter_mut().filter(|stage| stage.stage == "fit") {
            (fit.action, fit.why) = (REUSE, format!("as fitted at {}, of `{path}`", card.as_of));
        }
    }
    stages
}
