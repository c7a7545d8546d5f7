//! Run records: what every run did, also when it failed or died.
//!
//! `runs/<run_id>/run.json` is written when a run starts and again when it ends. While the run lives it
//! holds a lock on `runs/<run_id>/.lock`, so that another run can tell a dead one from a slow one.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use appraise_schema::accounting::{Accounting, Bucket};
use appraise_schema::{TableContract, Tally};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::canonical::{TEMPORARY_SUFFIX, TableWriter, WrittenTable};
use crate::disk::{Disk, read_if_there};
use crate::encoding::Compression;
use crate::error::ExportError;
use crate::garbage::dead_staging;
use crate::layout::{ContentId, Layout, RUN_RECORD, RunId};
use crate::manifest::{Input, json_bytes};
use crate::snapshot::entries;

/// Folder of the rejected rows of a run.
pub const QUARANTINE: &str = "quarantine";

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It has not ended.
    Running,
    /// It has published.
    Succeeded,
    /// The same content was published already.
    NothingNew,
    /// It ended with an error.
    Failed,
    /// It was stopped by a signal.
    Interrupted,
    /// It ended without a word; a later run found out.
    Died,
    /// Of a stage: what it makes was there already.
    Reused,
}

/// One stage of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Name, such as `ingest`.
    pub name: String,
    /// How it stands.
    pub status: RunStatus,
    /// Time it took, in seconds.
    pub wall_s: f64,
    /// Processor time of all threads, in seconds, where the system tells.
    #[serde(default)]
    pub cpu_s: Option<f64>,
    /// Rows that came in.
    pub rows_in: u64,
    /// Rows that went out.
    pub rows_out: u64,
    /// Why what it makes was there already; `None` where all was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused: Option<String>,
}

/// One data check of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Name, such as `time_in_range`.
    pub name: String,
    /// `warn` or `error`.
    pub severity: String,
    /// Whether the share of failed rows is within what is tolerated.
    pub passed: bool,
    /// Rows that failed.
    pub rows_failed: u64,
    /// What was found, in one sentence.
    pub message: String,
}

/// `run.json`. Keys are written in the order of the fields; a key that is missing on reading has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Name of the run.
    pub run_id: RunId,
    /// How it stands.
    pub status: RunStatus,
    /// Exit code of the process; `None` while it runs and when it died.
    #[serde(default)]
    pub exit_code: Option<u8>,
    /// Whether running again without a change may help.
    #[serde(default)]
    pub retryable: bool,
    /// The error, empty when there is none.
    #[serde(default)]
    pub message: String,
    /// What the user can do about the error.
    #[serde(default)]
    pub hint: Option<String>,
    /// Name of the pipeline.
    #[serde(default)]
    pub pipeline: String,
    /// The date customers are valued at.
    #[serde(default)]
    pub as_of: String,
    /// When the run started: RFC 3339, UTC.
    #[serde(default)]
    pub started_at: String,
    /// When it ended.
    #[serde(default)]
    pub ended_at: Option<String>,
    /// Time it took, in seconds.
    #[serde(default)]
    pub wall_s: Option<f64>,
    /// Greatest resident memory, in bytes.
    #[serde(default)]
    pub peak_memory_bytes: Option<u64>,
    /// Bytes that waited on disk because memory was full.
    #[serde(default)]
    pub spilled_bytes: Option<u64>,
    /// The snapshot's folder below the output root.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// The snapshot's content id.
    #[serde(default)]
    pub content_id: Option<ContentId>,
    /// The stages in order.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// Where every input row ended, by source; see [`accounting`].
    #[serde(default)]
    pub accounting: Map<String, Value>,
    /// The data checks.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// How the inputs' columns differ from what was expected or seen before.
    #[serde(default)]
    pub drift: Value,
    /// What was read.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// Dumps whose rows were kept from earlier runs, dumps that were read, rows that were kept for later ones; NULL without a ledger.
    #[serde(default)]
    pub ledger: Value,
    /// Name and version of what decides the bytes.
    #[serde(default)]
    pub versions: Map<String, Value>,
    /// The resolved parameters.
    #[serde(default)]
    pub parameters: Value,
}

impl RunRecord {
    /// The record of a run that starts at `started_at` (RFC 3339, UTC).
    #[must_use]
    pub fn started(run_id: RunId, pipeline: &str, as_of: &str, started_at: &str) -> Self {
        Self {
            run_id,
            status: RunStatus::Running,
            exit_code: None,
            retryable: false,
            message: String::new(),
            hint: None,
            pipeline: pipeline.to_owned(),
            as_of: as_of.to_owned(),
            started_at: started_at.to_owned(),
            ended_at: None,
            wall_s: None,
            peak_memory_bytes: None,
            spilled_bytes: None,
            snapshot: None,
            content_id: None,
            stages: Vec::new(),
            accounting: Map::new(),
            checks: Vec::new(),
            drift: Value::Null,
            inputs: Vec::new(),
            ledger: Value::Null,
            versions: Map::new(),
            parameters: Value::Null,
        }
    }
}

/// The books of one source as JSON; money is decimal text at `scale` places.
#[must_use]
pub fn accounting(books: &Accounting, scale: u8) -> Value {
    let tally = |tally: &Tally| {
        json!({
            "rows": tally.rows,
            "money": decimal(tally.minor, scale),
            "rows_without_money": tally.rows_without_money,
        })
    };
    let bucket = |bucket: Bucket| (bucket.name().to_owned(), tally(&books.tally(bucket)));
    let buckets: Map<String, Value> = Bucket::ALL.into_iter().map(bucket).collect();
    json!({
        "input": tally(&books.input),
        "buckets": buckets,
        "quarantine_reasons": books.quarantine_reasons,
        "refund_rows": books.refund_rows,
        "inexact_amounts": books.inexact_amounts,
        "warnings": books.warnings,
    })
}

/// `minor` units as decimal text with `scale` places.
fn decimal(minor: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let sign = if minor < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let point = if scale == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// The record of a living run. It keeps the run's lock until it is dropped.
#[derive(Debug)]
pub struct RunLog {
    layout: Layout,
    disk: Disk,
    run_id: RunId,
    _lock: File,
}

impl RunLog {
    /// Opens the folder of the run, which must not exist, and writes `record`.
    ///
    /// # Errors
    /// When a step fails; [`ExportError::Io`] with `AlreadyExists` when the run id is taken.
    pub fn start(layout: &Layout, disk: &Disk, record: &RunRecord) -> Result<Self, ExportError> {
        let folder = layout.run(&record.run_id);
        disk.create_dirs(&layout.runs())?;
        disk.create_dir(&folder)?;
        let lock_path = lock_path(&folder);
        let lock = disk.create_new(&lock_path)?;
        disk.run("lock", &lock_path, || lock.lock())?;
        let log = Self { layout: layout.clone(), disk: disk.clone(), run_id: record.run_id.clone(), _lock: lock };
        log.write(record)?;
        disk.sync_dir(&layout.runs())?;
        Ok(log)
    }

    /// Replaces the record.
    ///
    /// # Errors
    /// When a step fails.
    pub fn write(&self, record: &RunRecord) -> Result<(), ExportError> {
        write_record(&self.disk, &self.layout.run(&self.run_id), record)
    }

    /// A writer of the run's quarantine table.
    ///
    /// # Errors
    /// When its folder can't be created.
    pub fn quarantine(&self, contract: &TableContract) -> Result<TableWriter, ExportError> {
        let folder = self.layout.run(&self.run_id).join(QUARANTINE);
        TableWriter::create(&self.disk, folder, contract, Compression::Zstd)
    }

    /// Gives the files of the quarantine table their final names.
    ///
    /// # Errors
    /// When a file is not what was written, or a step fails.
    pub fn keep_quarantine(&self, table: &WrittenTable) -> Result<(), ExportError> {
        crate::verify::read_back(std::slice::from_ref(table))?;
        table.reveal(&self.disk)
    }
}

/// The records of all runs, by the time they started. Folders without a record are skipped.
///
/// # Errors
/// When a record can't be read.
pub fn list_runs(layout: &Layout) -> Result<Vec<RunRecord>, ExportError> {
    let mut records = Vec::new();
    for name in entries(&layout.runs())? {
        records.extend(read_record(&layout.runs().join(name))?);
    }
    records.sort_by(|a: &RunRecord, b| (&a.started_at, &a.run_id).cmp(&(&b.started_at, &b.run_id)));
    Ok(records)
}

/// Closes the records of runs that died, and removes what they had staged. Returns their names.
///
/// # Errors
/// When a step fails.
pub fn recover(layout: &Layout, disk: &Disk) -> Result<Vec<RunId>, ExportError> {
    let mut dead = Vec::new();
    for name in entries(&layout.runs())? {
        let Ok(run_id) = name.parse::<RunId>() else { continue };
        let folder = layout.run(&run_id);
        if lives(&folder)? {
            continue;
        }
        match read_record(&folder)? {
            Some(mut record) if record.status == RunStatus::Running => {
                record.status = RunStatus::Died;
                record.retryable = true;
                "the process ended without closing the run".clone_into(&mut record.message);
                remove_unfinished_quarantine(disk, &folder)?;
                write_record(disk, &folder, &record)?;
                dead.push(run_id);
            }
            _ => {}
        }
    }
    for folder in dead_staging(layout)? {
        disk.remove_tree(&folder)?;
    }
    Ok(dead)
}

fn remove_unfinished_quarantine(disk: &Disk, run_folder: &Path) -> Result<(), ExportError> {
    let folder = run_folder.join(QUARANTINE);
    if entries(&folder)?.iter().any(|name| name.ends_with(TEMPORARY_SUFFIX)) {
        disk.remove_tree(&folder)?;
    }
    Ok(())
}

/// Whether the process of the run in `folder` holds its lock.
pub(crate) fn lives(folder: &Path) -> Result<bool, ExportError> {
    let path = lock_path(folder);
    let lock = match File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        lock => lock.map_err(|error| ExportError::io("open lock", &path, error))?,
    };
    match lock.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(ExportError::io("lock", &path, error)),
    }
}

fn lock_path(folder: &Path) -> std::path::PathBuf {
    folder.join(".lock")
}

fn write_record(disk: &Disk, folder: &Path, record: &RunRecord) -> Result<(), ExportError> {
    let path = folder.join(RUN_RECORD);
    let bytes = json_bytes(record).map_err(|error| ExportError::io("write", &path, error.into()))?;
    disk.replace(&path, &bytes)
}

fn read_record(folder: &Path) -> Result<Option<RunRecord>, ExportError> {
    let path = folder.join(RUN_RECORD);
    if fs::metadata(folder).is_ok_and(|folder| !folder.is_dir()) {
        return Ok(None);
    }
    let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| ExportError::damaged(&path, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_with_its_places() {
        for (minor, scale, text) in [
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (123_456, 3, "123.456"),
            (-7, 0, "-7"),
            (i128::MIN, 38, "-1.70141183460469231731687303715884105728"),
        ] {
            assert_eq!(decimal(minor, scale), text);
        }
    }

    #[test]
    fn the_books_name_every_bucket() {
        let mut books = Accounting::default();
        books.input.add(Some(-1_250));
        books.tally_mut(Bucket::Quarantined).add(Some(-1_250));
        books.quarantine_reasons.insert("time_missing".to_owned(), 1);
        let value = accounting(&books, 2);
        assert_eq!(value["buckets"]["quarantined"], json!({"rows": 1, "money": "-12.50", "rows_without_money": 0}));
        assert_eq!(value["buckets"]["used"]["rows"], 0);
        assert_eq!(value["input"]["money"], "-12.50");
        assert_eq!(value["quarantine_reasons"]["time_missing"], 1);
    }
}
