//! Why a fold stopped.

use std::error::Error;
use std::path::PathBuf;

use appraise_schema::SourceKind;

/// Why a fold stopped.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// Rows of one customer (of lots: rows of all) share an id but differ in content.
    #[error("{}: customer {customer}: an id stands twice with different content", source_kind.name())]
    Conflict {
        /// Where the rows are from.
        source_kind: SourceKind,
        /// The customer's key; empty for lots.
        customer: String,
        /// Identity of the id (see [`appraise_schema::hash`]); 0 where the customer alone names the row.
        id: u128,
    },
    /// A sum exceeds DECIMAL(18, scale).
    #[error("customer {customer}: {column} of {minor} minor units exceeds 18 digits")]
    MoneyOverflow {
        /// The customer's key.
        customer: String,
        /// The feature that overflowed.
        column: &'static str,
        /// The sum.
        minor: i128,
    },
    /// More rows of one partition than a row number holds.
    #[error("one partition holds {rows} rows, more than 4,294,967,295")]
    PartitionTooLarge {
        /// Its rows.
        rows: usize,
    },
    /// What must be in memory at once does not fit the limit.
    #[error("{what} take {needed} bytes of memory at once, {limit} are left of the limit")]
    Memory {
        /// What takes them.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes there are.
        limit: u64,
    },
    /// Rows could not be written to or read from the folder for temporary files.
    #[error("temporary files in `{}`: {source}", folder.display())]
    Spill {
        /// The folder.
        folder: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// Rows of an earlier run could not be read or kept.
    #[error("rows kept in `{}`: {source}", path.display())]
    Segment {
        /// Their file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// The receiver of the rows failed.
    #[error("{source}")]
    Emit {
        /// Its error.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The caller asked to stop.
    #[error("interrupted while folding")]
    Interrupted,
    /// A fold wrote columns that are not those of its contract: a defect of the program.
    #[error("a feature family broke its contract")]
    Contract {
        /// What arrow found.
        #[from]
        source: arrow::error::ArrowError,
    },
}

impl FoldError {
    /// An overflow of `column`; the customer is filled in by the driver.
    pub(crate) fn overflow(column: &'static str, minor: i128) -> Self {
        Self::MoneyOverflow { customer: String::new(), column, minor }
    }

    pub(crate) fn of_customer(self, key: impl FnOnce() -> String) -> Self {
        match self {
            Self::MoneyOverflow { column, minor, .. } => Self::MoneyOverflow { customer: key(), column, minor },
            other => other,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Conflict { .. } => {
                Some("map an id that names one row for good, or map `loaded_at` and say `duplicates: latest`")
            }
            Self::MoneyOverflow { .. } => Some("check the amounts, or lower `money.scale`"),
            Self::Memory { .. } => Some("raise --memory-limit, or map fewer columns"),
            Self::Spill { .. } => Some("free space there, or name another folder with --temp-dir"),
            Self::Segment { .. } => Some("run again: the rows are read from the dumps then"),
            Self::PartitionTooLarge { .. } | Self::Emit { .. } | Self::Interrupted | Self::Contract { .. } => None,
        }
    }
}
