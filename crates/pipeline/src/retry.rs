//! Continues a run that did not publish, as it was asked for: its date and parameters are those of its record, and what it made before it
//! ended is used again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use appraise_export::{Disk, ExportError, Layout, RunId, RunRecord, RunStatus, list_runs, recover};
use appraise_schema::AsOf;
use serde_json::Value;

use crate::spec::resolved::Refit;
use crate::spec::{Loaded, Overrides, Problem, load, load_text};

/// A run that can't be continued.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// The pipeline file is not valid.
    #[error("the pipeline is not valid")]
    Invalid(Vec<Problem>),
    /// Run records can't be read.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// There is no such run, or none that failed.
    #[error("{what} in `{}`", runs.display())]
    NoRun {
        /// What is missing.
        what: String,
        /// Folder of the run records.
        runs: PathBuf,
    },
    /// The run has published, or runs still.
    #[error("run {run_id} {how}")]
    Ended {
        /// The run.
        run_id: RunId,
        /// How it stands.
        how: &'static str,
    },
    /// The record does not give the parameters back.
    #[error("run {run_id} can't be repeated from its record: {why}")]
    Lost {
        /// The run.
        run_id: RunId,
        /// What is wrong.
        why: String,
    },
}

impl RetryError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Invalid(_) | Self::Export(_) => None,
            Self::NoRun { .. } => Some("`appraise runs` lists the runs"),
            Self::Ended { .. } | Self::Lost { .. } => Some("start a new one with `appraise run`"),
        }
    }
}

/// A run to be continued.
#[derive(Debug)]
pub struct Retry {
    /// The run that ended too early.
    pub run_id: RunId,
    /// Its date.
    pub as_of: AsOf,
    /// Its pipeline, as it was resolved then.
    pub loaded: Loaded,
}

/// The run `run_id` of the pipeline at `path`, or its newest one that failed, was interrupted or died. `output` takes the place of the
/// file's root of the published tables.
///
/// # Errors
/// When there is no such run, it published or runs still, or its record does not give its parameters back.
pub fn retry(path: &Path, output: Option<&PathBuf>, run_id: Option<&RunId>) -> Result<Retry, RetryError> {
    let overrides = Overrides { output: output.cloned(), ..Overrides::default() };
    let now = load(path, &overrides).map_err(RetryError::Invalid)?;
    let layout = Layout::at(&now.pipeline.export.path);
    // A run that died is told from one that runs.
    recover(&layout, &Disk::default())?;
    let of_pipeline = |run: &RunRecord| run.pipeline == now.pipeline.name;
    let mut runs = list_runs(&layout)?.into_iter().rev().filter(of_pipeline);
    let (run, what) = match run_id {
        Some(run_id) => {
            (runs.find(|run| run.run_id == *run_id), format!("there is no run {run_id} of `{}`", now.pipeline.name))
        }
        None => (runs.find(failed), format!("there is no run of `{}` that failed", now.pipeline.name)),
    };
    let run = run.ok_or_else(|| RetryError::NoRun { what, runs: layout.runs() })?;
    let ended = |how| Err(RetryError::Ended { run_id: run.run_id.clone(), how });
    match run.status {
        RunStatus::Succeeded | RunStatus::NothingNew | RunStatus::Reused => return ended("has published"),
        RunStatus::Running => return ended("runs still"),
        RunStatus::Failed | RunStatus::Interrupted | RunStatus::Died => {}
    }
    let (as_of, loaded) =
        recorded(path, overrides, &run).map_err(|why| RetryError::Lost { run_id: run.run_id.clone(), why })?;
    Ok(Retry { run_id: run.run_id, as_of, loaded })
}

fn failed(run: &RunRecord) -> bool {
    matches!(run.status, RunStatus::Failed | RunStatus::Interrupted | RunStatus::Died)
}

/// The date and the pipeline of `run`. Values of the environment are not recorded, and read again.
fn recorded(path: &Path, overrides: Overrides, run: &RunRecord) -> Result<(AsOf, Loaded), String> {
    let as_of: AsOf = run.as_of.parse().map_err(|error| format!("{error}"))?;
    let mut resolved = run.parameters.get("pipeline").cloned().unwrap_or_default();
    escape(&mut resolved);
    let file: Arc<str> = format!("{}, as run {} recorded it", path.display(), run.run_id).into();
    let overrides = Overrides { as_of: Some(as_of), ..overrides };
    let folder = path.parent().unwrap_or(Path::new(""));
    let text = serde_json::to_string_pretty(&resolved).map_err(|error| error.to_string())?;
    let loaded = load_text(&file, &text, folder, &overrides);
    let mut loaded = loaded.map_err(|problems| problems.first().map(ToString::to_string).unwrap_or_default())?;
    if loaded.resolved_json().get("pipeline") != run.parameters.get("pipeline") {
        return Err("its parameters would be others".to_owned());
    }
    if let Some(card) = run.parameters.get("model_card").and_then(Value::as_str) {
        loaded.pipeline.model.refit = Refit::Card(card.into());
    }
    Ok((as_of, loaded))
}

/// Texts as a pipeline file would write them: references to the environment stay.
fn escape(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace("${", "$${").replace("$${env:", "${env:"),
        Value::Array(items) => items.iter_mut().for_each(escape),
        Value::Object(entries) => entries.values_mut().for_each(escape),
        _ => {}
    }
}
