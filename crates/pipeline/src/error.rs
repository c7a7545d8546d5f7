//! Why a run failed, and the exit code that says so to a scheduler.

use std::any::Any;
use std::path::PathBuf;

use appraise_export::{ErrorKind as ExportKind, ExportError};
use appraise_expression::EvaluationError;
use appraise_feature_engineering::FoldError;
use appraise_ingest::{ErrorKind as IngestKind, IngestError};
use appraise_model::ModelError;
use appraise_schema::panic::message;

use crate::feature_plan::FeaturePlanError;

/// A run that did not publish.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Reading the inputs failed.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// Reading a source or a reference table failed, or a data check of it did.
    #[error("{of}: {source}")]
    Source {
        /// Its name.
        of: String,
        /// What happened.
        source: Box<IngestError>,
    },
    /// Two sources hold the same ids in different types.
    #[error("`{}` is {}, but `{}` is {}", first.0, first.1, second.0, second.1)]
    IdTypes {
        /// Source and column, and what its ids are.
        first: (String, &'static str),
        /// Another that must be alike.
        second: (String, &'static str),
    },
    /// The customer fold failed.
    #[error(transparent)]
    Fold(FoldError),
    /// The columns of `customer_features` do not fit together.
    #[error(transparent)]
    Features(#[from] FeaturePlanError),
    /// An own column can't be computed at all.
    #[error("column `{column}`: {source}")]
    Evaluation {
        /// The column.
        column: String,
        /// What happened.
        source: Box<EvaluationError>,
    },
    /// A model can't be fitted or applied.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The ledger can't be read or written; a run goes on without it.
    #[error("the ledger's `{}`: {source}", path.display())]
    Ledger {
        /// Its file.
        path: std::path::PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// Publishing failed.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Rows could not be put into a table: a defect of the program.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// Rows that share an id differ in content.
    #[error("{}: {}{} have one `{column}` but different content", of, customer_words(customer), rows.join(", "))]
    Conflict {
        /// The source.
        of: &'static str,
        /// The column that should tell rows apart.
        column: &'static str,
        /// The customer's key; empty where the id stands for itself.
        customer: String,
        /// The rows, each with its file.
        rows: Vec<String>,
    },
    /// A dump of the run's date that is not there.
    #[error("{of}: {source}; the dump may yet come")]
    NotThereYet {
        /// Name of the source or reference table.
        of: String,
        /// What was looked for.
        source: Box<IngestError>,
    },
    /// An input changed while it was read.
    #[error("`{path}` changed while it was read")]
    InputChanged {
        /// The file.
        path: String,
    },
    /// The memory limit is below what a run can do with.
    #[error("{} MiB of memory are too few for {threads} threads: at least {} MiB are needed", limit >> 20, needed >> 20)]
    Memory {
        /// Bytes that are needed.
        needed: u64,
        /// The limit.
        limit: u64,
        /// Decoding threads.
        threads: usize,
    },
    /// Finished rows could not be written to or read from the folder for temporary files.
    #[error("temporary files in `{}`: {source}", folder.display())]
    Spill {
        /// The folder.
        folder: PathBuf,
        /// What happened.
        source: std::io::Error,
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
    /// A model card that stands for a fit can't be read.
    #[error("model card `{path}`: {why}")]
    Card {
        /// Its file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// There is nothing that a backtest could judge.
    #[error("there is nothing to judge: {why}")]
    NothingToJudge {
        /// Why.
        why: String,
    },
    /// A scenario that can't be valued.
    #[error("scenario `{name}`: {source}")]
    Scenario {
        /// Its name.
        name: String,
        /// Why.
        source: Box<Self>,
    },
    /// More scenarios that need fits of their own than are fitted.
    #[error("{fits} scenarios need models of their own, at most {most} are fitted")]
    TooManyFits {
        /// How many there are.
        fits: usize,
        /// How many there may be.
        most: usize,
    },
    /// Two snapshots that can't be compared.
    #[error("the snapshots can't be compared: {why}")]
    NotComparable {
        /// Why.
        why: String,
    },
    /// A gate that was not passed: nothing is published.
    #[error("gate `{gate}`: {failures}")]
    Gate {
        /// Its path in the pipeline file.
        gate: &'static str,
        /// What it found.
        failures: String,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

fn ingest_code(error: &IngestError) -> u8 {
    match error.kind() {
        IngestKind::Input => 4,
        IngestKind::Check => 5,
        IngestKind::NotThere => 7,
        IngestKind::Internal => 1,
        IngestKind::Interrupted => 130,
    }
}

fn customer_words(customer: &str) -> String {
    if customer.is_empty() { String::new() } else { format!("customer {customer}: ") }
}

impl From<FoldError> for RunError {
    /// What the receiver of a fold's rows said is the run's own error.
    fn from(error: FoldError) -> Self {
        match error {
            FoldError::Emit { source } => match source.downcast::<Self>() {
                Ok(own) => *own,
                Err(source) => Self::Fold(FoldError::Emit { source }),
            },
            error => Self::Fold(error),
        }
    }
}

impl RunError {
    /// The error of a stage that panicked.
    pub(crate) fn panic(panic: &(dyn Any + Send)) -> Self {
        Self::Panic { message: message(panic).to_owned() }
    }

    /// The error of reading the source or table `of`; what the receiver of its rows said is the fold's error.
    pub(crate) fn of_source(of: &str, error: IngestError) -> Self {
        match error {
            IngestError::Sink(source) => match source.downcast::<FoldError>() {
                Ok(error) => (*error).into(),
                Err(source) => Self::Source { of: of.to_owned(), source: Box::new(IngestError::Sink(source)) },
            },
            IngestError::Interrupted => Self::Interrupted,
            source => Self::Source { of: of.to_owned(), source: Box::new(source) },
        }
    }

    /// The process's exit code. An interruption has that of SIGINT; the caller knows the signal better.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Ingest(error) => ingest_code(error),
            Self::Source { source, .. } => ingest_code(source),
            Self::Scenario { source, .. } => source.exit_code(),
            Self::TooManyFits { .. } => 2,
            Self::IdTypes { .. } | Self::Card { .. } | Self::NotComparable { .. } => 4,
            Self::Fold(error) => match error {
                FoldError::Conflict { .. } | FoldError::MoneyOverflow { .. } => 5,
                FoldError::PartitionTooLarge { .. } | FoldError::Memory { .. } | FoldError::Spill { .. } => 9,
                FoldError::Segment { .. } => 7,
                FoldError::Interrupted => 130,
                FoldError::Emit { .. } | FoldError::Contract { .. } => 1,
            },
            Self::Conflict { .. }
            | Self::Gate { .. }
            | Self::NothingToJudge { .. }
            | Self::Model(
                ModelError::Fit { .. }
                | ModelError::Covariates { .. }
                | ModelError::Clusters { .. }
                | ModelError::IndexFit { .. },
            ) => 5,
            Self::Memory { .. } | Self::Spill { .. } => 9,
            Self::Interrupted => 130,
            Self::Arrow(_) | Self::Evaluation { .. } | Self::Unbalanced(_) | Self::Panic { .. } => 1,
            Self::Features(_) | Self::Model(_) => 3,
            Self::Export(error) => match error.kind() {
                ExportKind::Publish | ExportKind::Damaged => 6,
                ExportKind::Locked => 8,
                ExportKind::NoSnapshot => 4,
                ExportKind::Conflict | ExportKind::Rows => 1,
            },
            Self::InputChanged { .. } | Self::NotThereYet { .. } | Self::Ledger { .. } => 7,
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
        let hint = match self {
            Self::Ingest(error) => return error.hint(),
            Self::Source { source, .. } => return source.hint(),
            Self::Fold(error) => return error.hint().map(str::to_owned),
            Self::Model(error) => return error.hint(),
            Self::Scenario { source, .. } => return source.hint(),
            Self::TooManyFits { .. } => {
                "vary fewer values; weights alone are free where the ranking is `saw`, and no rule reads the index"
            }
            Self::Export(error) => return error.hint(),
            Self::IdTypes { .. } => "map one of them with a CAST, so that equal ids are equal",
            Self::Card { .. } => "name a `model_card.json` of a snapshot, or fit anew with `model.refit: always`",
            Self::Panic { .. } => "please report it; `--log-level debug` says where it happened",
            Self::Conflict { .. } => {
                "map an id that names one row for good, or map `loaded_at` and say `duplicates: latest`"
            }
            Self::NotThereYet { .. } => "run again once the dump is there",
            Self::InputChanged { .. } => "run again once the dump is complete",
            Self::Memory { .. } => "raise --memory-limit, or lower --threads",
            Self::Spill { .. } => "free space there, or name another folder with --temp-dir",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
