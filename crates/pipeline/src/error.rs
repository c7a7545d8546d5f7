//! Why a run failed, and the exit code that says so to a scheduler.

use std::any::Any;

use appraise_export::{ErrorKind as ExportKind, ExportError};
use appraise_feature_engineering::FoldError;
use appraise_ingest::{ErrorKind as IngestKind, IngestError};
use appraise_model::ModelError;
use appraise_schema::table::ContractError;

/// A run that did not publish.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Reading the inputs failed, or a data check did.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The customer fold failed.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// Two parts of the pipeline claim one column.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// A model can't be fitted or applied.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Publishing failed.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Rows could not be put into a table: a defect of the program.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// Rows of one customer share a transaction id but differ in content.
    #[error("customer {customer}: {} have one `transaction_id` but different content", rows.join(", "))]
    Conflict {
        /// The customer's key.
        customer: String,
        /// The rows, each with its file.
        rows: Vec<String>,
    },
    /// A dump of the run's date that is not there.
    #[error("{source}; the dump may yet come")]
    NotThereYet {
        /// What was looked for.
        source: IngestError,
    },
    /// An input changed while it was read.
    #[error("`{path}` changed while it was read")]
    InputChanged {
        /// The file.
        path: String,
    },
    /// The books do not balance: a defect of the program.
    #[error(transparent)]
    Unbalanced(#[from] appraise_schema::accounting::Unbalanced),
    /// A stage panicked: a defect of the program.
    #[error("internal error: {message}")]
    Panic {
        /// What the panic said.
        message: String,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl RunError {
    /// The error of a stage that panicked.
    pub(crate) fn panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Self::Panic { message: text.unwrap_or("a stage gave up").to_owned() }
    }

    /// The process's exit code. An interruption has that of SIGINT; the caller knows the signal better.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Ingest(error) => match error.kind() {
                IngestKind::Input => 4,
                IngestKind::Check => 5,
                IngestKind::NotThere => 7,
                IngestKind::Internal => 1,
                IngestKind::Interrupted => 130,
            },
            Self::Conflict { .. } | Self::Fold(FoldError::Conflict { .. } | FoldError::MoneyOverflow { .. }) => 5,
            Self::Fold(FoldError::PartitionTooLarge { .. }) => 9,
            Self::Fold(FoldError::Interrupted) | Self::Interrupted => 130,
            Self::Fold(FoldError::Contract { .. }) | Self::Arrow(_) | Self::Unbalanced(_) | Self::Panic { .. } => 1,
            Self::Contract(_) | Self::Model(_) => 3,
            Self::Export(error) => match error.kind() {
                ExportKind::Publish | ExportKind::Damaged => 6,
                ExportKind::Locked => 8,
                ExportKind::NoSnapshot => 4,
                ExportKind::Conflict | ExportKind::Rows => 1,
            },
            Self::InputChanged { .. } | Self::NotThereYet { .. } => 7,
        }
    }

    /// Whether running again without a change may help.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self.exit_code(), 7 | 8 | 130)
    }

    /// How to mend it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Ingest(error) => error.hint(),
            Self::Fold(error) => error.hint().map(str::to_owned),
            Self::Model(error) => error.hint(),
            Self::Export(error) => error.hint(),
            Self::Panic { .. } => Some("please report it; `--log-level debug` says where it happened".to_owned()),
            Self::Conflict { .. } => {
                Some("map an id that names one row for good, or leave `transaction_id` out".to_owned())
            }
            Self::NotThereYet { .. } => Some("run again once the dump is there".to_owned()),
            Self::InputChanged { .. } => Some("run again once the dump is complete".to_owned()),
            _ => None,
        }
    }
}
