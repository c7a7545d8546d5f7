//! What reading leaves behind beside the events: the books, the quarantine, the outcome of the checks.

use std::collections::BTreeMap;
use std::path::PathBuf;

use appraise_schema::as_of::date_of;
use appraise_schema::{Accounting, Bucket};

use crate::config::{Check, CheckKind, Severity, SourceConfig};
use crate::findings::FileBooks;
use crate::quarantine::{QuarantineRow, Reason};
use crate::reasons::RowRule;

/// How one check ended.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckOutcome {
    /// Its name, such as `time_before_min`, `tolerate`, `rows` or `freshness`.
    pub name: String,
    /// How much it matters.
    pub severity: Severity,
    /// Whether it held.
    pub passed: bool,
    /// The finding, with numbers.
    pub message: String,
}

/// The record of a read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReadReport {
    /// Rows and money by bucket.
    pub accounting: Accounting,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
    /// What [`QuarantineRow::reason`] points to.
    pub reasons: Vec<Reason>,
    /// Rows that failed a check, by file and row.
    pub quarantine: Vec<QuarantineRow>,
    /// Local day of the newest used row, days since 1970-01-01; `None` where rows have no time.
    pub newest_day: Option<i32>,
    /// Every check, in order.
    pub checks: Vec<CheckOutcome>,
    /// The books of every file that was read, by position.
    pub read: BTreeMap<usize, FileBooks>,
}

impl ReadReport {
    /// Rows that count, duplicates among them.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.accounting.tally(Bucket::Used).rows
    }

    /// Judges the source as a whole; the outcomes are kept, and the sentences of those that fail the run returned.
    pub(crate) fn judge(&mut self, config: &SourceConfig, rules: &[RowRule]) -> Vec<String> {
        let mut outcomes = vec![self.judge_tolerance(config, rules)];
        outcomes.extend(rules.iter().filter_map(|rule| self.judge_rule(rule)));
        outcomes.extend(config.checks.iter().filter_map(|check| self.judge_source(check, config)));
        let failed = |outcome: &&CheckOutcome| !outcome.passed && outcome.severity == Severity::Error;
        let failures = outcomes.iter().filter(failed).map(|outcome| outcome.message.clone()).collect();
        self.checks = outcomes;
        failures
    }

    /// Rows that were delivered in time and passed the filter.
    fn passed_where(&self) -> u64 {
        let left_out = [Bucket::AfterKnownBy, Bucket::Filtered].map(|bucket| self.accounting.tally(bucket).rows);
        self.accounting.input.rows - left_out.iter().sum::<u64>()
    }

    fn quarantined_for(&self, name: &str) -> u64 {
        self.accounting.quarantine_reasons.get(name).copied().unwrap_or_default()
    }

    /// The share of all rules that have no tolerance of their own.
    fn judge_tolerance(&self, config: &SourceConfig, rules: &[RowRule]) -> CheckOutcome {
        let own: Vec<Reason> = rules.iter().filter(|rule| rule.tolerate.is_some()).map(RowRule::reason).collect();
        let counted = |name: &String| own.iter().all(|reason| reason.name != *name);
        let counts: Vec<(&String, u64)> = self
            .accounting
            .quarantine_reasons
            .iter()
            .filter(|(name, rows)| **rows > 0 && counted(name))
            .map(|(name, rows)| (name, *rows))
            .collect();
        let rows: u64 = counts.iter().map(|(_, rows)| rows).sum();
        let passed = within(rows, self.passed_where(), config.tolerate.fraction());
        let mut message =
            format!("{rows} of {} rows failed a check, {} are tolerated", self.passed_where(), config.tolerate);
        for (name, rows) in counts {
            message = format!("{message}; {name}: {rows}{}", self.example(name));
        }
        CheckOutcome { name: "tolerate".to_owned(), severity: Severity::Error, passed, message }
    }

    fn judge_rule(&self, rule: &RowRule) -> Option<CheckOutcome> {
        let name = rule.reason().name;
        if rule.severity == Severity::Warn {
            let rows = self.accounting.warnings.get(&name).copied().unwrap_or_default();
            let share = rule.tolerate.map_or(0.0, appraise_schema::Share::fraction);
            let passed = within(rows, self.passed_where(), share);
            let message = format!("{name}: {rows} of {} rows, kept", self.passed_where());
            return Some(CheckOutcome { name, severity: rule.severity, passed, message });
        }
        let tolerate = rule.tolerate?;
        let rows = self.quarantined_for(&name);
        let passed = within(rows, self.passed_where(), tolerate.fraction());
        let example = self.example(&name);
        let message = format!("{name}: {rows} of {} rows, {tolerate} are tolerated{example}", self.passed_where());
        Some(CheckOutcome { name, severity: rule.severity, passed, message })
    }

    /// The first row with this reason, for a message.
    fn example(&self, name: &str) -> String {
        let reason = self.reasons.iter().position(|reason| reason.name == name);
        let Some(row) = self.quarantine.iter().find(|row| Some(usize::from(row.reason)) == reason) else {
            return String::new();
        };
        let file = self.files.get(row.file as usize).map(|file| file.display().to_string()).unwrap_or_default();
        let value = row.value.as_ref().map_or("NULL".to_owned(), |value| format!("`{value}`"));
        format!(", first {value} in row {} of `{file}`", row.row)
    }

    fn judge_source(&self, check: &Check, config: &SourceConfig) -> Option<CheckOutcome> {
        let rows = self.accounting.input.rows;
        let (name, passed, message) = match &check.kind {
            CheckKind::Rows { min, max, max_change, previous } => {
                let mut passed = min.is_none_or(|min| rows >= min) && max.is_none_or(|max| rows <= max);
                let mut message = format!("{rows} input rows");
                if let (Some(limit), Some(previous)) = (max_change, previous) {
                    let change = rows.abs_diff(*previous) as f64 / (*previous).max(1) as f64;
                    passed &= change <= *limit;
                    let (change, limit) = (change * 100.0, limit * 100.0);
                    message = format!("{message}, {previous} before: a change of {change:.1}%, allowed {limit}%");
                }
                message += &min.map_or(String::new(), |min| format!(", at least {min} expected"));
                message += &max.map_or(String::new(), |max| format!(", at most {max} expected"));
                ("rows", passed, message)
            }
            CheckKind::Freshness { max_age_days } => {
                let age = self.newest_day.map(|day| i64::from(config.as_of.day()) - i64::from(day));
                let newest = self.newest_day.and_then(date_of);
                let newest =
                    newest.map_or("there is no event".to_owned(), |date| format!("the newest event is of {date}"));
                let message = format!("{newest}, at most {max_age_days} days before {} are allowed", config.as_of);
                ("freshness", age.is_some_and(|age| age <= i64::from(*max_age_days)), message)
            }
            _ => return None,
        };
        Some(CheckOutcome { name: name.to_owned(), severity: check.severity, passed, message })
    }
}

/// Whether `rows` of `all` are at most the share `tolerated`.
fn within(rows: u64, all: u64, tolerated: f64) -> bool {
    rows == 0 || rows as f64 <= tolerated * all as f64
}
