//! Removes what nothing refers to: kept features beyond what is asked for, superseded snapshots, a ledger that is no longer kept, staging
//! of dead runs.

use std::path::PathBuf;

use appraise_export::garbage::{Superseded, dead_staging, freed_bytes, superseded};
use appraise_export::{Layout, Publisher, list_runs};
use chrono::{DateTime, Days};
use serde::Serialize;

use crate::cache::dispensable;
use crate::error::RunError;
use crate::spec::resolved::Pipeline;

/// Something that nothing refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Garbage {
    /// `features`, `snapshot`, `ledger` or `staging`.
    pub kind: &'static str,
    /// The folder.
    pub path: PathBuf,
    /// Bytes that removing it frees; files that have another name, as kept features and snapshots share them, free none.
    pub bytes: u64,
    /// Why nothing refers to it.
    pub why: String,
    #[serde(skip)]
    snapshot: Option<Superseded>,
}

/// What nothing refers to below the output of `pipeline`. A superseded snapshot counts once its newest run started `grace_days` or more
/// before the newest run of all, by the run records; one that no record names does not count.
///
/// # Errors
/// When the output can't be read.
pub fn garbage(pipeline: &Pipeline, grace_days: u32) -> Result<Vec<Garbage>, RunError> {
    let publisher = publisher(pipeline);
    let layout = &publisher.layout;
    let mut found = Vec::new();
    let mut add = |kind, path: PathBuf, why, snapshot| {
        let bytes = freed_bytes(&path)?;
        found.push(Garbage { kind, path, bytes, why, snapshot });
        Ok::<_, RunError>(())
    };
    for path in dispensable(&publisher, pipeline.cache.keep)? {
        add("features", path, format!("the newest {} are kept", pipeline.cache.keep), None)?;
    }
    let time = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    let newest = list_runs(layout)?.iter().filter_map(|run| time(&run.started_at)).max();
    let until = newest.and_then(|newest| newest.checked_sub_days(Days::new(u64::from(grace_days))));
    for snapshot in superseded(layout)? {
        let last = snapshot.last_run.as_deref().and_then(time);
        if last.zip(until).is_some_and(|(last, until)| last <= until) {
            let why = format!(
                "another one stands for {}; last run {}",
                snapshot.as_of,
                snapshot.last_run.as_deref().unwrap_or_default()
            );
            add("snapshot", snapshot.path.clone(), why, Some(snapshot))?;
        }
    }
    let ledger = layout.ledger(&pipeline.name);
    if !pipeline.ledger && ledger.is_dir() {
        add("ledger", ledger, "the pipeline keeps none".to_owned(), None)?;
    }
    for path in dead_staging(layout)? {
        add("staging", path, "its run is gone".to_owned(), None)?;
    }
    Ok(found)
}

/// Removes `garbage`; gives what was removed. A snapshot that a pointer names by now stays.
///
/// # Errors
/// When something can't be removed; what comes before it is.
pub fn remove(pipeline: &Pipeline, garbage: Vec<Garbage>) -> Result<Vec<Garbage>, RunError> {
    let publisher = publisher(pipeline);
    let mut removed = Vec::new();
    for piece in garbage {
        let gone = if let Some(snapshot) = &piece.snapshot {
            publisher.remove_superseded(snapshot)?
        } else {
            publisher.remove_folder(&piece.path)?;
            true
        };
        removed.extend(gone.then_some(piece));
    }
    Ok(removed)
}

fn publisher(pipeline: &Pipeline) -> Publisher {
    Publisher::new(Layout::at(&pipeline.export.path))
}
