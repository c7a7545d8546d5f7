//! The rules that a row must meet, compiled from the mapping and the checks, in their fixed order.

use std::collections::{BTreeMap, BTreeSet};

use appraise_schema::Share;
use appraise_schema::source::ColumnRole;

use crate::config::{Check, CheckKind, Severity, SourceConfig};
use crate::error::IngestError;
use crate::mapping::{WHERE, Wanted};
use crate::plan::{CURRENCY, converts, position};
use crate::quarantine::Reason;

/// What one rule refuses. The column is canonical.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    /// An expression or CAST that failed.
    Unreadable,
    Missing,
    Blank,
    /// Longer than [`MAX_TEXT_BYTES`]: no id, and no text worth a column of every customer.
    TooLong,
    /// Outside the years 0001–9999.
    OutOfRange,
    NotFinite,
    Overflow,
    /// A currency without a rate that is in force on the row's date.
    NoRate {
        /// Position of the amount that it was to convert.
        amount: usize,
    },
    Before(i32),
    After(i32),
    Below(i64),
    Above(i64),
    NotAccepted(BTreeSet<String>),
}

/// A rule with its column and what happens to rows that fail it.
#[derive(Debug, Clone)]
pub(crate) struct RowRule {
    /// Position among the wanted columns.
    pub(crate) column: usize,
    name: String,
    pub(crate) rule: Rule,
    pub(crate) severity: Severity,
    pub(crate) tolerate: Option<Share>,
}

impl RowRule {
    pub(crate) fn new(column: usize, name: &str, rule: Rule) -> Self {
        Self { column, name: name.to_owned(), rule, severity: Severity::Error, tolerate: None }
    }

    pub(crate) fn reason(&self) -> Reason {
        let what = match self.rule {
            Rule::Unreadable => "unreadable",
            Rule::Missing => "missing",
            Rule::Blank => "blank",
            Rule::TooLong => "too_long",
            Rule::OutOfRange => "out_of_range",
            Rule::NotFinite => "not_finite",
            Rule::Overflow => "overflow",
            Rule::NoRate { .. } => "no_rate",
            Rule::Before(_) => "before_min",
            Rule::After(_) => "after_max",
            Rule::Below(_) => "below_min",
            Rule::Above(_) => "above_max",
            Rule::NotAccepted(_) => "not_accepted",
        };
        Reason { name: format!("{}_{what}", self.name), column: self.name.clone() }
    }

    /// Whether the rule makes sense for columns of `role`.
    fn fits(&self, role: ColumnRole) -> bool {
        match self.rule {
            Rule::Blank | Rule::NotAccepted(_) => matches!(role, ColumnRole::Id | ColumnRole::Text),
            Rule::Before(_) | Rule::After(_) => matches!(role, ColumnRole::Time | ColumnRole::KnownTime),
            Rule::Below(_) | Rule::Above(_) => role == ColumnRole::Amount,
            _ => true,
        }
    }
}

/// Row states: used, filtered, after `as_of`, after `known_by`, then one per rule.
pub(crate) const USED: u8 = 0;
/// See [`USED`].
pub(crate) const FILTERED: u8 = 1;
/// See [`USED`].
pub(crate) const AFTER_AS_OF: u8 = 2;
/// See [`USED`].
pub(crate) const AFTER_KNOWN_BY: u8 = 3;
/// State of the first rule, which is that of an unreadable filter.
pub(crate) const FIRST_RULE: u8 = 4;
/// Longest id or text, in bytes of UTF-8: a few kilobytes of file can spread out to gigabytes of longer ones.
pub(crate) const MAX_TEXT_BYTES: usize = 4096;
/// As many as states are left.
const MAX_RULES: usize = 250;

/// All rules in order: what can be read first, then checks of single columns in the order of the columns.
pub(crate) fn compile(wanted: &[Wanted<'_>], config: &SourceConfig) -> Result<Vec<RowRule>, IngestError> {
    let filter = position(wanted, WHERE).unwrap_or(usize::MAX);
    let mut rules = vec![RowRule::new(filter, WHERE, Rule::Unreadable)];
    let mut by_column: BTreeMap<usize, Vec<RowRule>> = BTreeMap::new();
    for check in &config.checks {
        for rule in rules_of(check, wanted, config)? {
            by_column.entry(rule.column).or_default().push(rule);
        }
    }
    for (place, column) in wanted.iter().enumerate().filter(|(_, column)| column.name != WHERE) {
        let mut own = vec![Rule::Unreadable];
        if column.required {
            own.push(Rule::Missing);
        }
        match column.role {
            ColumnRole::Time | ColumnRole::KnownTime => own.push(Rule::OutOfRange),
            ColumnRole::Amount => own.extend([Rule::NotFinite, Rule::Overflow]),
            ColumnRole::Number => own.push(Rule::NotFinite),
            ColumnRole::Id | ColumnRole::Text => own.push(Rule::TooLong),
            ColumnRole::Flag => {}
        }
        if column.name == CURRENCY && converts(config) {
            own.extend(
                config.kind.amount().and_then(|name| position(wanted, name)).map(|amount| Rule::NoRate { amount }),
            );
        }
        rules.extend(own.into_iter().map(|rule| RowRule::new(place, column.name, rule)));
        rules.extend(by_column.remove(&place).unwrap_or_default());
    }
    if rules.len() > MAX_RULES {
        return Err(IngestError::TooManyRules { count: rules.len(), limit: MAX_RULES });
    }
    Ok(rules)
}

/// The rules that a check makes for rows.
fn rules_of(check: &Check, wanted: &[Wanted<'_>], config: &SourceConfig) -> Result<Vec<RowRule>, IngestError> {
    let (name, rules) = match &check.kind {
        CheckKind::NotBlank { column } => (column.as_str(), vec![Rule::Blank]),
        CheckKind::TimeRange { column, min, max } => {
            (column.as_str(), min.map(Rule::Before).into_iter().chain(max.map(Rule::After)).collect())
        }
        CheckKind::AmountRange { column, min, max } => {
            (column.as_str(), min.map(Rule::Below).into_iter().chain(max.map(Rule::Above)).collect())
        }
        CheckKind::AcceptedValues { column, accepted } => (column.as_str(), vec![Rule::NotAccepted(accepted.clone())]),
        CheckKind::Rows { .. } => return Ok(Vec::new()),
        CheckKind::Freshness { .. } => {
            let reason = format!("{} have no time whose freshness can be checked", config.kind.name());
            let misfit = IngestError::Misfit { canonical: "freshness".to_owned(), reason };
            (config.kind.time().ok_or(misfit)?, Vec::new())
        }
    };
    let place = position(wanted, name).ok_or_else(|| IngestError::NotMapped { canonical: name.to_owned() })?;
    let rule = |rule| {
        let rule = RowRule {
            severity: check.severity,
            tolerate: check.tolerate,
            ..RowRule::new(place, wanted[place].name, rule)
        };
        if rule.fits(wanted[place].role) {
            return Ok(rule);
        }
        let reason = format!("a check of {} is for columns of another kind", rule.reason().name);
        Err(IngestError::Misfit { canonical: name.to_owned(), reason })
    };
    rules.into_iter().map(rule).collect()
}
