//! The rows of `customer_features` of one run, with the books of that run.

use std::path::PathBuf;

use appraise_export::run_record::Check;
use appraise_export::{ContentId, KeptFile, Publisher, RunId, RunStatus, WrittenTable, list_runs};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::sealed;
use crate::error::RunError;
use crate::session::Session;

/// Name of the file that makes an entry complete.
const ENTRY: &str = "entry.json";

/// An entry of the cache.
pub(crate) struct Entry {
    /// Where it stands.
    pub(crate) folder: PathBuf,
    /// What it says.
    pub(crate) body: Body,
}

/// What an entry says.
#[derive(Serialize, Deserialize)]
pub(crate) struct Body {
    /// What the rows were made of.
    pub(crate) key: ContentId,
    /// The run that made them.
    pub(crate) run_id: RunId,
    /// The files of the table.
    pub(crate) files: Vec<KeptFile>,
    /// Where every input row of that run ended.
    pub(crate) accounting: Map<String, Value>,
    /// What that run found in its inputs.
    pub(crate) checks: Vec<Check>,
}

impl Entry {
    /// Keeps `table`, which is staged, with the books of the session's run: its checks from number `first_check` on.
    pub(super) fn keep(
        session: &Session<'_>,
        key: &ContentId,
        table: &WrittenTable,
        first_check: usize,
    ) -> Result<Self, RunError> {
        let run_id = &session.record.run_id;
        let folder = folder(&session.publisher).join(format!("{key}-{run_id}"));
        let body = Body {
            key: key.clone(),
            run_id: run_id.clone(),
            files: table.kept_files(),
            accounting: session.record.accounting.clone(),
            checks: session.record.checks.iter().skip(first_check).cloned().collect(),
        };
        session.publisher.keep(table, &folder, ENTRY, &sealed::bytes(&body)?)?;
        Ok(Self { folder, body })
    }

    /// Rows of all files.
    pub(crate) fn rows(&self) -> u64 {
        self.body.files.iter().map(|file| file.description.rows).sum()
    }
}

fn folder(publisher: &Publisher) -> PathBuf {
    publisher.layout.cache().join("features")
}

/// The complete entries, the oldest run's first.
pub(crate) fn entries(publisher: &Publisher) -> Result<Vec<Entry>, RunError> {
    let complete = |folder: PathBuf| Some(Entry { body: sealed::read(&folder.join(ENTRY))?, folder });
    let mut entries: Vec<Entry> = folders(publisher)?.into_iter().filter_map(complete).collect();
    entries.sort_by(|a, b| a.body.run_id.cmp(&b.body.run_id));
    Ok(entries)
}

fn folders(publisher: &Publisher) -> Result<Vec<PathBuf>, RunError> {
    let root = folder(publisher);
    let names = appraise_export::snapshot::entries(&root)?;
    Ok(names.into_iter().map(|name| root.join(name)).collect())
}

/// Folders that nothing needs: entries but the `keep` newest, and those that no living run will complete.
pub(crate) fn dispensable(publisher: &Publisher, keep: usize) -> Result<Vec<PathBuf>, RunError> {
    let complete = entries(publisher)?;
    let newest: Vec<&PathBuf> = complete.iter().rev().take(keep).map(|entry| &entry.folder).collect();
    let runs = list_runs(&publisher.layout)?;
    let lives = |folder: &PathBuf| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let of = |run_id: &RunId| name.ends_with(&format!("-{run_id}"));
        runs.iter().any(|run| run.status == RunStatus::Running && of(&run.run_id))
    };
    let folders = folders(publisher)?.into_iter();
    Ok(folders.filter(|folder| !newest.contains(&folder) && !lives(folder)).collect())
}

/// Removes what is [`dispensable`].
pub(super) fn prune(publisher: &Publisher, keep: usize) -> Result<(), RunError> {
    dispensable(publisher, keep)?.iter().try_for_each(|folder| Ok(publisher.remove_folder(folder)?))
}
