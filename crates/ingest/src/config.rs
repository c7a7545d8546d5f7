//! What a pipeline asks of its transactions.

use std::collections::{BTreeMap, BTreeSet};

use appraise_expression::Parsed;
use appraise_schema::{AsOf, Money, Share};
use chrono_tz::Tz;

/// Where the transactions are, how their columns map onto ours, and what must hold of them.
#[derive(Debug, Clone)]
pub struct TransactionsConfig {
    /// Absolute paths of files or folders, or glob patterns.
    pub paths: Vec<String>,
    /// Canonical column (see [`appraise_schema::source::TRANSACTIONS`]) to the expression that gives it.
    pub columns: BTreeMap<String, Parsed>,
    /// Rows for which it is not true are left out.
    pub filter: Option<Parsed>,
    /// Zone of timestamps without one.
    pub source_zone: Tz,
    /// The pipeline's zone: days are its local dates.
    pub zone: Tz,
    /// Unit and scale of amounts.
    pub money: Money,
    /// Date of the run.
    pub as_of: AsOf,
    /// What must hold.
    pub checks: Vec<Check>,
    /// Share of the rows that passed the filter which may be quarantined.
    pub tolerate: Share,
}

/// How much a failed check matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Rows are quarantined; beyond the tolerated share the run fails.
    Error,
    /// Rows are kept and counted.
    Warn,
}

/// One check, with what happens when it fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What must hold.
    pub kind: CheckKind,
    /// How much it matters.
    pub severity: Severity,
    /// Share of the rows that passed the filter which may fail this check; without it they count towards
    /// [`TransactionsConfig::tolerate`].
    pub tolerate: Option<Share>,
}

/// What must hold of rows, or of the source as a whole.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckKind {
    /// A text column of every row holds more than white space.
    NotBlank {
        /// Canonical column: an id or text.
        column: String,
    },
    /// The local date lies in a range, bounds included, in days since 1970-01-01.
    TimeRange {
        /// First day.
        min: Option<i32>,
        /// Last day.
        max: Option<i32>,
    },
    /// The amount as delivered (signed) lies in a range, bounds included, in minor units.
    AmountRange {
        /// Smallest amount.
        min: Option<i64>,
        /// Largest amount.
        max: Option<i64>,
    },
    /// A column holds one of these values, integers as decimal digits; NULL passes.
    AcceptedValues {
        /// Canonical column: an id or text.
        column: String,
        /// The values.
        accepted: BTreeSet<String>,
    },
    /// Number of input rows.
    Rows {
        /// Fewest.
        min: Option<u64>,
        /// Most.
        max: Option<u64>,
        /// Largest change against `previous`, as a share of it.
        max_change: Option<f64>,
        /// Input rows of the newest published date before this one, where there is one.
        previous: Option<u64>,
    },
    /// The newest used event is at most so many days older than `as_of`.
    Freshness {
        /// Days.
        max_age_days: u32,
    },
}
