//! What can go wrong between a dump and its events.

use std::path::PathBuf;

/// What kind of failure it is: it decides the exit code of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A dump is missing, unreadable, or its columns do not fit the mapping.
    Input,
    /// A data check failed; trying again gives the same.
    Check,
    /// A file went away or did not answer; trying again makes sense.
    NotThere,
    /// A defect of the program.
    Internal,
    /// The caller asked to stop.
    Interrupted,
}

/// A failure to turn dumps into events.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// A pattern that no file matches.
    #[error("no file matches `{pattern}`; the nearest folder that exists is `{}`", nearest.display())]
    NothingMatches {
        /// The path or pattern as configured.
        pattern: String,
        /// The nearest existing folder above it.
        nearest: PathBuf,
    },
    /// A path that is not a valid glob pattern.
    #[error("`{pattern}` is not a valid pattern: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused.
    #[error("can't read `{}`: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The refusal.
        source: std::io::Error,
    },
    /// A file that is no readable Parquet file.
    #[error("`{}` is not a readable Parquet file: {reason}", path.display())]
    NotParquet {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A row group that can't be decoded.
    #[error("can't decode row group {row_group} of `{}` (columns {columns}): {reason}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// Position of the row group in the file, from 0.
        row_group: usize,
        /// The columns that were being decoded.
        columns: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A canonical column that can't be had from a file.
    #[error("column `{canonical}` can't be read from `{}`: {reason}", path.display())]
    Column {
        /// Our name of the column, or `where`.
        canonical: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
        /// How to mend it.
        hint: Option<String>,
    },
    /// A column whose type in one file contradicts that in another.
    #[error("column `{canonical}` is {found} in `{}`, but {expected}", path.display())]
    TypeConflict {
        /// Our name of the column.
        canonical: String,
        /// The file that differs.
        path: PathBuf,
        /// Its type.
        found: String,
        /// The first file's type, and which file that is.
        expected: String,
    },
    /// A required column that the pipeline does not map, or a check of an unmapped column.
    #[error("column `{canonical}` is not mapped")]
    NotMapped {
        /// Our name of the column.
        canonical: String,
    },
    /// A column of a role that does not fit what is asked of it.
    #[error("column `{canonical}` does not fit: {reason}")]
    Misfit {
        /// Our name of the column.
        canonical: String,
        /// What was asked of it.
        reason: String,
    },
    /// More rules than rows can be told apart by.
    #[error("columns and checks make {count} rules, at most {limit} fit")]
    TooManyRules {
        /// Rules that the mapped columns and the checks make; a column brings up to four of its own.
        count: usize,
        /// Rules that fit.
        limit: usize,
    },
    /// A reference table that is too large to be held in memory.
    #[error("`{pattern}` has {rows} rows, a reference table has at most {limit}")]
    TooLarge {
        /// The paths as configured.
        pattern: String,
        /// Its rows.
        rows: u64,
        /// The largest number of rows.
        limit: u64,
    },
    /// A row of a reference table that can't be used.
    #[error("`{column}` of row {row} of `{}` is {value}: {expected}", path.display())]
    Reference {
        /// The file.
        path: PathBuf,
        /// Its row, from 0.
        row: u64,
        /// What the column is for.
        column: String,
        /// Its value.
        value: String,
        /// What it must be.
        expected: String,
    },
    /// An expression that failed as a whole, not for single rows.
    #[error("can't compute `{canonical}` for row group {row_group} of `{}`: {reason}", path.display())]
    Evaluation {
        /// Our name of the column, or `where`.
        canonical: String,
        /// The file.
        path: PathBuf,
        /// Position of the row group in the file, from 0.
        row_group: usize,
        /// What went wrong.
        reason: String,
    },
    /// Checks of severity `error` that failed.
    #[error("{}", failures.join("; "))]
    ChecksFailed {
        /// One sentence per failed check.
        failures: Vec<String>,
        /// The books and outcomes up to then, for the record of the run.
        report: Box<crate::outcome::ReadReport>,
    },
    /// More rows failed checks than are worth keeping.
    #[error("more than {limit} rows failed a check, first `{}` row {row}: {reason}", file.display())]
    TooManyQuarantined {
        /// The largest number kept.
        limit: usize,
        /// File of one of them.
        file: PathBuf,
        /// Its row, from 0.
        row: u64,
        /// Its reason.
        reason: String,
    },
    /// The receiver of the events failed.
    #[error("the receiver of the events failed: {0}")]
    Sink(Box<dyn std::error::Error + Send + Sync>),
    /// The books do not balance.
    #[error(transparent)]
    Unbalanced(#[from] appraise_schema::accounting::Unbalanced),
    /// A worker thread died outside of decoding.
    #[error("a worker thread failed: {reason}")]
    Worker {
        /// What it said.
        reason: String,
    },
    /// The caller asked to stop.
    #[error("interrupted while reading the input")]
    Interrupted,
}

impl IngestError {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        use std::io::ErrorKind as Io;
        match self {
            Self::Io { source, .. } => match source.kind() {
                Io::TimedOut | Io::Interrupted | Io::ResourceBusy | Io::StaleNetworkFileHandle | Io::NotFound => {
                    ErrorKind::NotThere
                }
                _ => ErrorKind::Input,
            },
            Self::ChecksFailed { .. } | Self::TooManyQuarantined { .. } => ErrorKind::Check,
            Self::Sink(_) | Self::Unbalanced(_) | Self::Worker { .. } => ErrorKind::Internal,
            Self::Interrupted => ErrorKind::Interrupted,
            _ => ErrorKind::Input,
        }
    }

    /// How to mend it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Column { hint, .. } => hint.clone(),
            Self::NothingMatches { .. } => {
                Some("check the path; folders are searched for files that end in `.parquet`".to_owned())
            }
            Self::TypeConflict { canonical, .. } => {
                Some(format!("map `{canonical}` with a CAST so that every file gives the same type"))
            }
            Self::TooManyQuarantined { .. } => {
                Some("the mapping or a check does not fit this dump; leave rows out of scope with `where`".to_owned())
            }
            Self::Reference { .. } => {
                Some("mend the table, or map it with a SQL expression that leaves such values out".to_owned())
            }
            Self::ChecksFailed { .. } => {
                Some("look into the quarantine table, mend the dump, or raise `tolerate`".to_owned())
            }
            _ => None,
        }
    }
}
