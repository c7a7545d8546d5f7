//! What a pipeline asks of one of its sources, and of its reference tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use appraise_expression::Parsed;
use appraise_schema::{AsOf, ExchangeRates, Layout, Money, Share, SourceKind, Symbols};
use chrono_tz::Tz;

/// Where the rows of a source are, how their columns map onto ours, what must hold of them, and what is wanted of them.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// What the rows are.
    pub kind: SourceKind,
    /// Absolute paths of files or folders, or glob patterns.
    pub paths: Vec<String>,
    /// Canonical column (see [`SourceKind::columns`]) to the expression that gives it.
    pub columns: BTreeMap<String, Parsed>,
    /// Further texts by name, none of which is that of a canonical column; only customers have such.
    pub attributes: Vec<(String, Parsed)>,
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
    /// Rows whose `loaded_at` lies after this day are left out; those without one are not.
    pub known_by: Option<AsOf>,
    /// What must hold.
    pub checks: Vec<Check>,
    /// Share of the rows that passed the filter which may be quarantined.
    pub tolerate: Share,
    /// The columns to hand on. Each must be mapped.
    pub layout: Layout,
    /// Where `currency` is mapped: what amounts of other currencies than `money`'s unit are converted by.
    pub exchange_rates: Option<Arc<ExchangeRates>>,
    /// The texts of the run.
    pub symbols: Arc<Symbols>,
}

/// Where a reference table is and how its columns map onto ours.
#[derive(Debug, Clone)]
pub struct ReferenceConfig {
    /// Absolute paths of files or folders, or glob patterns.
    pub paths: Vec<String>,
    /// The text that finds a row.
    pub on: Parsed,
    /// Since when a row is in force; without it every row always is.
    pub valid_from: Option<Parsed>,
    /// The numbers, by name.
    pub columns: Vec<(String, Parsed)>,
    /// Zone of timestamps without one.
    pub source_zone: Tz,
    /// The pipeline's zone: days are its local dates.
    pub zone: Tz,
}

/// Where the exchange rates are and how their columns map onto ours.
#[derive(Debug, Clone)]
pub struct ExchangeRatesConfig {
    /// Absolute paths of files or folders, or glob patterns.
    pub paths: Vec<String>,
    /// The currency.
    pub currency: Parsed,
    /// What one unit of it is worth in the pipeline's unit.
    pub rate: Parsed,
    /// Since when a rate is in force; without it every rate always is.
    pub valid_from: Option<Parsed>,
    /// Zone of timestamps without one.
    pub source_zone: Tz,
    /// The pipeline's zone: days are its local dates.
    pub zone: Tz,
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
    /// [`SourceConfig::tolerate`].
    pub tolerate: Option<Share>,
}

/// What must hold of rows, or of the source as a whole. NULL passes every check of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckKind {
    /// A text column of every row holds more than white space.
    NotBlank {
        /// Canonical column or attribute: an id or text.
        column: String,
    },
    /// The local date lies in a range, bounds included, in days since 1970-01-01.
    TimeRange {
        /// Canonical column: a time.
        column: String,
        /// First day.
        min: Option<i32>,
        /// Last day.
        max: Option<i32>,
    },
    /// The amount as delivered (signed, and converted to `money`'s unit) lies in a range, bounds included, in minor units.
    AmountRange {
        /// Canonical column: an amount.
        column: String,
        /// Smallest amount.
        min: Option<i64>,
        /// Largest amount.
        max: Option<i64>,
    },
    /// A column holds one of these values, integers as decimal digits.
    AcceptedValues {
        /// Canonical column or attribute: an id or text.
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
