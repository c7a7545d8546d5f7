//! Models that are not fitted to the customers of the run, but taken from the card of an earlier date.

use appraise_export::snapshot::{Snapshot, dates};
use appraise_export::{Publisher, digest, resolve};
use appraise_model::ModelCard;
use appraise_schema::AsOf;

use crate::error::RunError;
use crate::spec::resolved::{Pipeline, Refit};

/// The card whose cut-offs and parameters stand for a fit.
#[derive(Debug)]
pub(crate) struct Frozen {
    /// What was fitted.
    pub(crate) card: ModelCard,
    /// SHA-256 of the card's file.
    pub(crate) sha256: String,
    /// Where it stands.
    pub(crate) path: String,
}

/// The card that `pipeline` takes its models from at `as_of`, instead of fitting them; `None` when they are fitted.
///
/// It is that of the newest published date before `as_of`: never of `as_of` itself, so that running again has the same result. Only
/// snapshots of pipelines of the same name with models count.
///
/// # Errors
/// When a card can't be read or is not what was published.
pub(crate) fn frozen(pipeline: &Pipeline, publisher: &Publisher, as_of: AsOf) -> Result<Option<Frozen>, RunError> {
    let days = match &pipeline.model.refit {
        Refit::Always => return Ok(None),
        Refit::Card(path) => return read(&path.display().to_string(), None).map(Some),
        Refit::Never => None,
        Refit::EveryDays(days) => Some(*days),
    };
    let Some(snapshot) = newest_before(pipeline, publisher, as_of)? else {
        tracing::info!("no earlier date has fitted models: they are fitted");
        return Ok(None);
    };
    let Some(file) = &snapshot.manifest.model_card else { return Ok(None) };
    let path = snapshot.path.join(&file.path).display().to_string();
    let frozen = read(&path, Some(&file.sha256))?;
    let fitted: AsOf = frozen.card.as_of.parse().map_err(|error| broken(&path, format!("its date: {error}")))?;
    let age = as_of.day() - fitted.day();
    let young = days.is_none_or(|days| i64::from(age) < i64::from(days));
    tracing::info!(fitted = %fitted, age_days = age, "models are {}", if young { "those of that date" } else { "fitted anew" });
    Ok(young.then_some(frozen))
}

/// The snapshot with a model card that stands for the newest date before `as_of`.
fn newest_before(pipeline: &Pipeline, publisher: &Publisher, as_of: AsOf) -> Result<Option<Snapshot>, RunError> {
    for date in dates(&publisher.layout)?.into_iter().rev().filter(|date| *date < as_of) {
        let snapshot = resolve(&publisher.layout, &date.to_string())?;
        if snapshot.manifest.pipeline == pipeline.name && snapshot.manifest.model_card.is_some() {
            return Ok(Some(snapshot));
        }
    }
    Ok(None)
}

fn read(path: &str, sha256: Option<&str>) -> Result<Frozen, RunError> {
    let bytes = std::fs::read(path).map_err(|error| broken(path, error.to_string()))?;
    let found = digest::of_bytes(&bytes);
    if let Some(expected) = sha256.filter(|expected| **expected != found) {
        return Err(broken(path, format!("its SHA-256 is {found}, {expected} was published")));
    }
    let text = String::from_utf8(bytes).map_err(|error| broken(path, error.to_string()))?;
    let card = ModelCard::from_json(&text).map_err(|error| broken(path, error.to_string()))?;
    Ok(Frozen { card, sha256: found, path: path.to_owned() })
}

fn broken(path: &str, why: String) -> RunError {
    RunError::Card { path: path.to_owned(), why }
}
