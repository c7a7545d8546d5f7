//! What nothing refers to any more: snapshots that another one stands for, staging of runs that are gone.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use appraise_schema::AsOf;

use crate::error::ExportError;
use crate::layout::{ContentId, Layout, RunId, SUCCESS};
use crate::publish::Publisher;
use crate::run_record::{RunRecord, list_runs, lives};
use crate::snapshot::{entries, read_pointer};

/// A snapshot that no pointer names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superseded {
    /// Its date.
    pub as_of: AsOf,
    /// Its content.
    pub content_id: ContentId,
    /// Its folder.
    pub path: PathBuf,
    /// When the newest run that published or found it started (RFC 3339, UTC); `None` when no record names it.
    pub last_run: Option<String>,
}

/// The snapshots that neither the pointer of their date nor that of the newest date names, by date and content id. Those of a date
/// without a pointer were published without moving one, and are not superseded.
///
/// # Errors
/// When folders, pointers or run records can't be read.
pub fn superseded(layout: &Layout) -> Result<Vec<Superseded>, ExportError> {
    let runs = list_runs(layout)?;
    let mut found = Vec::new();
    for date in entries(&layout.snapshots())? {
        let Ok(as_of) = date.parse::<AsOf>() else { continue };
        let Some((_, current)) = read_pointer(&layout.date_pointer(as_of))? else { continue };
        for name in entries(&layout.date(as_of))? {
            let Ok(content_id) = name.parse::<ContentId>() else { continue };
            if content_id == current.content_id || is_newest(layout, as_of, &content_id)? {
                continue;
            }
            let of = |run: &&RunRecord| run.content_id.as_ref() == Some(&content_id);
            let last_run = runs.iter().filter(of).map(|run| run.started_at.clone()).max();
            let path = layout.snapshot(as_of, &content_id);
            found.push(Superseded { as_of, content_id, path, last_run });
        }
    }
    Ok(found)
}

fn is_newest(layout: &Layout, as_of: AsOf, content_id: &ContentId) -> Result<bool, ExportError> {
    let newest = read_pointer(&layout.pointer())?;
    Ok(newest.is_some_and(|(date, pointer)| date == as_of && pointer.content_id == *content_id))
}

/// The staging folders of runs that are gone.
///
/// # Errors
/// When folders or locks can't be read.
pub fn dead_staging(layout: &Layout) -> Result<Vec<PathBuf>, ExportError> {
    let mut dead = Vec::new();
    for name in entries(&layout.all_staging())? {
        let Ok(run_id) = name.parse::<RunId>() else { continue };
        if !lives(&layout.run(&run_id))? {
            dead.push(layout.staging(&run_id));
        }
    }
    Ok(dead)
}

/// Bytes that removing `folder` frees: those of its files that have no other name.
///
/// # Errors
/// When it can't be listed.
pub fn freed_bytes(folder: &Path) -> Result<u64, ExportError> {
    let mut bytes = 0;
    for name in entries(folder)? {
        let path = folder.join(name);
        let status = path.symlink_metadata().map_err(|error| ExportError::io("look at", &path, error))?;
        bytes += match (status.is_dir(), status.nlink()) {
            (true, _) => freed_bytes(&path)?,
            (false, 1) => status.len(),
            (false, _) => 0,
        };
    }
    Ok(bytes)
}

impl Publisher {
    /// Removes a snapshot that is [`superseded`] still: first what says that it is finished, so that nobody takes the rest for whole.
    /// Gives whether it was removed.
    ///
    /// # Errors
    /// When the lock is held for too long, or a step fails.
    pub fn remove_superseded(&self, snapshot: &Superseded) -> Result<bool, ExportError> {
        let _lock = self.lock()?;
        if !superseded(&self.layout)?.iter().any(|now| now.path == snapshot.path) {
            return Ok(false);
        }
        let success = snapshot.path.join(SUCCESS);
        self.disk.remove_file(&success)?;
        self.disk.sync_dir(&snapshot.path)?;
        self.disk.remove_tree(&snapshot.path)?;
        Ok(true)
    }
}
