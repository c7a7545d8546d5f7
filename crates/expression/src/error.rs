//! What can go wrong: in the text of an expression, and in evaluating it.

use thiserror::Error;

/// A place in the text of an expression, both numbers counted from 1 (columns in characters).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    /// The first character of the text.
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// Why a text is not an expression of the subset, or does not fit the columns it is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What is wrong, in lower case, with the value that is.
    pub message: String,
    /// Line within the text, counted from 1.
    pub line: usize,
    /// Character within that line, counted from 1.
    pub column: usize,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
}

impl ExpressionError {
    /// An error at `at` without a hint.
    pub(crate) fn at(at: Position, message: impl Into<String>) -> Self {
        Self { message: message.into(), line: at.line, column: at.column, hint: None }
    }

    /// The same error with advice.
    pub(crate) fn hinted(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Why a bound expression could not be evaluated on a batch: the batch is not what it was bound to, or the
/// engine failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EvaluationError {
    /// The batch lacks a column that the expression reads.
    #[error("the expression `{expression}` reads column `{column}`, which the batch does not have")]
    MissingColumn {
        /// Text of the expression.
        expression: String,
        /// Exact name of the column.
        column: String,
    },
    /// A column of the batch has another type than the one the expression was bound to.
    #[error("the expression `{expression}` expects column `{column}` as {expected}, the batch has {found}")]
    ColumnType {
        /// Text of the expression.
        expression: String,
        /// Exact name of the column.
        column: String,
        /// SQL type at bind time.
        expected: String,
        /// Arrow type in the batch.
        found: String,
    },
    /// The engine refused or panicked.
    #[error("the expression `{expression}` could not be evaluated: {reason}")]
    Engine {
        /// Text of the expression.
        expression: String,
        /// The engine's own words.
        reason: String,
    },
}
