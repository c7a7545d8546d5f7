//! The one error type of this crate, in kinds that a caller maps to exit codes.

use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;

/// What a caller has to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Writing, syncing, renaming or reading back failed; what was published before is intact.
    Publish,
    /// Another run holds the output.
    Locked,
    /// Other bytes stand under the same content id: the same inputs gave two results.
    Conflict,
    /// A snapshot was asked for that is not there.
    NoSnapshot,
    /// Published files are not what their manifest says.
    Damaged,
    /// The rows break the contract of their table: a defect of the stage that made them.
    Rows,
}

/// Everything that can go wrong between tables in memory and published files.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A step on the file system failed.
    #[error("{step} failed on `{}`: {source}", path.display())]
    Io {
        /// What was tried, such as `rename`.
        step: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A table file could not be encoded or decoded.
    #[error("Parquet file `{}`: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: ParquetError,
    },
    /// A file read back before the commit is not what was written.
    #[error("`{}` was read back with {found}, but {expected} was written", path.display())]
    ReadBack {
        /// The file in the staging folder.
        path: PathBuf,
        /// What the file holds.
        found: String,
        /// What it should hold.
        expected: String,
    },
    /// Another process held the lock for as long as the caller would wait.
    #[error("`{}` is held by another run; waited {waited_ms} ms", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long the lock was waited for.
        waited_ms: u128,
    },
    /// The content id is taken by other bytes.
    #[error("`{}` already holds other bytes: {difference}", path.display())]
    Conflict {
        /// The published snapshot.
        path: PathBuf,
        /// The first file that differs.
        difference: String,
    },
    /// No snapshot answers to a name.
    #[error("no snapshot `{wanted}` in `{}`: {why}", output.display())]
    NoSnapshot {
        /// The name as it was given.
        wanted: String,
        /// Root of the published tables.
        output: PathBuf,
        /// What exists instead.
        why: String,
    },
    /// A published file contradicts the snapshot's own description.
    #[error("`{}` is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A table that no contract allows.
    #[error("table `{table}`: {why}")]
    Table {
        /// The table.
        table: String,
        /// What is wrong with it.
        why: String,
    },
    /// A value that the contract of its table forbids.
    #[error("table `{table}`, column `{column}`, row {row}: {found}, expected {expected}")]
    Value {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Number of the row in the table, from 0.
        row: u64,
        /// The value.
        found: String,
        /// What the contract allows.
        expected: &'static str,
    },
}

impl ExportError {
    pub(crate) fn io(step: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { step, path: path.to_owned(), source }
    }

    /// An error of the Parquet library, taken apart where a failed write lies beneath it.
    pub(crate) fn parquet(path: &Path, source: ParquetError) -> Self {
        match source {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(io) => Self::io("write", path, *io),
                Err(other) => Self::Parquet { path: path.to_owned(), source: ParquetError::External(other) },
            },
            source => Self::Parquet { path: path.to_owned(), source },
        }
    }

    pub(crate) fn damaged(path: &Path, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.into() }
    }

    /// What a caller has to tell apart.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } | Self::Parquet { .. } | Self::ReadBack { .. } => ErrorKind::Publish,
            Self::Locked { .. } => ErrorKind::Locked,
            Self::Conflict { .. } => ErrorKind::Conflict,
            Self::NoSnapshot { .. } => ErrorKind::NoSnapshot,
            Self::Damaged { .. } => ErrorKind::Damaged,
            Self::Table { .. } | Self::Value { .. } => ErrorKind::Rows,
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some("free some space and run again; what was published before is intact".to_owned())
                }
                io::ErrorKind::PermissionDenied => Some("the output folder must be writable".to_owned()),
                _ => None,
            },
            Self::Locked { .. } => Some("run again when the other run has ended, or wait longer".to_owned()),
            Self::Conflict { .. } => Some(
                "the same inputs and settings gave other bytes: keep both, and report it with both manifests"
                    .to_owned(),
            ),
            Self::Damaged { .. } => Some("remove what is damaged and run again".to_owned()),
            Self::NoSnapshot { .. } => {
                Some("a snapshot is `current`, `previous`, a date, date@id or a path".to_owned())
            }
            _ => None,
        }
    }
}
