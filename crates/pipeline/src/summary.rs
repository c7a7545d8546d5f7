//! The one line of JSON that ends a run, on success and on failure.

use std::collections::BTreeMap;

use appraise_export::{RunRecord, RunStatus};
use appraise_schema::{Bucket, SourceKind};
use serde::Serialize;
use serde_json::{Map, Value};

/// What a scheduler reads from the last line of stdout. Keys are written in the order of the fields.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Name of the run.
    pub run_id: String,
    /// How it ended.
    pub status: RunStatus,
    /// Exit code of the process.
    pub exit_code: u8,
    /// Whether running again without a change may help.
    pub retryable: bool,
    /// The error; empty when there is none.
    pub message: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Name of the pipeline.
    pub pipeline: String,
    /// The date customers are valued at.
    pub as_of: String,
    /// Seconds from start to end.
    pub wall_s: f64,
    /// Greatest resident memory.
    pub peak_memory_bytes: Option<u64>,
    /// Folder of the snapshot.
    pub snapshot: Option<String>,
    /// Bytes that waited on disk.
    pub spilled_bytes: Option<u64>,
    /// Input rows of the transactions and where they ended; `None` when the run did not get to count them.
    pub rows: Option<Rows>,
    /// The same of every source, by name.
    pub sources: BTreeMap<String, Rows>,
    /// Folder and rows of every table, by name.
    pub tables: Map<String, Value>,
}

/// Input rows by the bucket they ended in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// All rows.
    pub input: u64,
    /// Rows that count.
    pub used: u64,
    /// Rows that were delivered after `known_by`; not written where there is none.
    #[serde(skip_serializing_if = "is_zero")]
    pub after_known_by: u64,
    /// Rows that `where` left out.
    pub filtered: u64,
    /// Rows later than `as_of`.
    pub after_as_of: u64,
    /// Rows that came twice.
    pub duplicate: u64,
    /// Rows that failed a check.
    pub quarantined: u64,
}

impl Rows {
    /// Reads the books of a source back from a run record.
    #[must_use]
    pub fn of(record: &RunRecord, source: &str) -> Option<Self> {
        let books = record.accounting.get(source)?;
        let bucket = |bucket: Bucket| books["buckets"][bucket.name()]["rows"].as_u64();
        Some(Self {
            input: books["input"]["rows"].as_u64()?,
            used: bucket(Bucket::Used)?,
            after_known_by: bucket(Bucket::AfterKnownBy).unwrap_or_default(),
            filtered: bucket(Bucket::Filtered)?,
            after_as_of: bucket(Bucket::AfterAsOf)?,
            duplicate: bucket(Bucket::Duplicate)?,
            quarantined: bucket(Bucket::Quarantined)?,
        })
    }
}

/// The books of every source in a run record.
pub(crate) fn by_source(record: &RunRecord) -> BTreeMap<String, Rows> {
    record.accounting.keys().filter_map(|source| Some((source.clone(), Rows::of(record, source)?))).collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Summary {
    /// The summary of a run by its closed record.
    #[must_use]
    pub fn new(record: &RunRecord, tables: Map<String, Value>) -> Self {
        Self {
            run_id: record.run_id.as_str().to_owned(),
            status: record.status,
            exit_code: record.exit_code.unwrap_or(1),
            retryable: record.retryable,
            message: record.message.clone(),
            hint: record.hint.clone(),
            pipeline: record.pipeline.clone(),
            as_of: record.as_of.clone(),
            wall_s: record.wall_s.unwrap_or_default(),
            peak_memory_bytes: record.peak_memory_bytes,
            snapshot: record.snapshot.clone(),
            spilled_bytes: record.spilled_bytes,
            rows: Rows::of(record, SourceKind::Transactions.name()),
            sources: by_source(record),
            tables,
        }
    }
}
