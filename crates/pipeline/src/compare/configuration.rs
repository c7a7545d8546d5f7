//! What was asked of the models that made a snapshot.
//!
//! A snapshot says what was asked of it in its manifest, but not in the words of a pipeline file. Two places have those: the
//! pipeline at hand, and the records of the runs. A place is believed when what it asks for is what the manifest says.

use std::path::Path;
use std::sync::Arc;

use appraise_export::{Layout, RunRecord, Snapshot, list_runs};
use appraise_model::ModelConfig;
use serde_json::Value;

use crate::error::RunError;
use crate::spec::{Loaded, Overrides, load_text};
use crate::stages;

/// Sections of the manifest's parameters that the models depend on.
const SECTIONS: [&str; 3] = ["money", "features", "model"];

/// What was asked of the models of `base`, to be asked of the features of `new`. Groups are left out: they have no part in the
/// values of customers.
///
/// # Errors
/// [`RunError::NotComparable`], saying why, when it can't be told or can't be asked.
pub(super) fn of(loaded: &Loaded, base: &Snapshot, new: &Snapshot) -> Result<ModelConfig, RunError> {
    let unit = |snapshot: &Snapshot| snapshot.manifest.parameters.pointer("/features/time_unit").cloned();
    if unit(base) != unit(new) {
        return Err(RunError::NotComparable { why: "`features.time_unit` is not the same in both".to_owned() });
    }
    let found = if made(loaded, base) { Some(loaded.clone()) } else { of_a_run(base)? };
    let model = found.and_then(|found| stages::model(&found.pipeline));
    let model = model.ok_or_else(|| RunError::NotComparable {
        why: "the pipeline is not the one that made the base, and no record of a run says how it was made".to_owned(),
    })?;
    Ok(ModelConfig { groups: Vec::new(), ..model })
}

/// Whether the models of `snapshot` were asked for what `loaded` asks for.
fn made(loaded: &Loaded, snapshot: &Snapshot) -> bool {
    let semantic = loaded.pipeline.semantic();
    let masked: Value = serde_json::from_str(&loaded.mask(&semantic.to_string())).unwrap_or_default();
    SECTIONS.iter().all(|section| masked.get(section) == snapshot.manifest.parameters.get(section))
}

/// The pipeline in the newest record, of the runs beside `snapshot`, that tells how it was made.
fn of_a_run(snapshot: &Snapshot) -> Result<Option<Loaded>, RunError> {
    // <root>/snapshots/<as_of>/<content_id>
    let Some(root) = snapshot.path.ancestors().nth(3) else { return Ok(None) };
    let id = &snapshot.manifest.content_id;
    let runs = list_runs(&Layout::new(root))?;
    let of_snapshot = runs.iter().rev().filter(|run| run.content_id.as_ref() == Some(id));
    Ok(of_snapshot.filter_map(loaded_again).find(|loaded| made(loaded, snapshot)))
}

/// The resolved pipeline of `run` as a pipeline again. Everything is filled in there, so `${` stands for itself.
fn loaded_again(run: &RunRecord) -> Option<Loaded> {
    let text = run.parameters.get("pipeline")?.to_string().replace("${", "$${");
    let file: Arc<str> = format!("runs/{}/run.json", run.run_id).into();
    load_text(&file, &text, Path::new(""), &Overrides::default()).ok()
}
