//! The rules that a row must meet, compiled from the mapping and the checks, in their fixed order.

use std::collections::{BTreeMap, BTreeSet};

use appraise_schema::Share;
use appraise_schema::source::ColumnRole;

use crate::config::{Check, CheckKind, Severity};
use crate::error::IngestError;
use crate::mapping::{WHERE, Wanted};
use crate::quarantine::Reason;

/// What one rule refuses. The column is canonical.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    /// An expression or CAST that failed.
    Unreadable,
    Missing,
    Blank,
    /// Outside the years 0001–9999.
    OutOfRange,
    NotFinite,
    Overflow,
    Before(i32),
    After(i32),
    Below(i64),
    Above(i64),
    NotAccepted(BTreeSet<String>),
}

/// A rule with its column and what happens to rows that fail it.
#[derive(Debug, Clone)]
pub(crate) struct RowRule {
    pub(crate) column: &'static str,
    pub(crate) rule: Rule,
    pub(crate) severity: Severity,
    pub(crate) tolerate: Option<Share>,
}

impl RowRule {
    fn new(column: &'static str, rule: Rule) -> Self {
        Self { column, rule, severity: Severity::Error, tolerate: None }
    }

    pub(crate) fn reason(&self) -> Reason {
        let what = match self.rule {
            Rule::Unreadable => "unreadable",
            Rule::Missing => "missing",
            Rule::Blank => "blank",
            Rule::OutOfRange => "out_of_range",
            Rule::NotFinite => "not_finite",
            Rule::Overflow => "overflow",
            Rule::Before(_) => "before_min",
            Rule::After(_) => "after_max",
            Rule::Below(_) => "below_min",
            Rule::Above(_) => "above_max",
            Rule::NotAccepted(_) => "not_accepted",
        };
        Reason { name: format!("{}_{what}", self.column), column: self.column.to_owned() }
    }
}

/// Row states: used, filtered, after `as_of`, then one per rule.
pub(crate) const USED: u8 = 0;
/// See [`USED`].
pub(crate) const FILTERED: u8 = 1;
/// See [`USED`].
pub(crate) const AFTER_AS_OF: u8 = 2;
/// State of the first rule, which is that of an unreadable filter.
pub(crate) const FIRST_RULE: u8 = 3;
/// More rules than any pipeline has.
const MAX_RULES: usize = 250;

/// All rules in order: what can be read first, then checks of single columns in the order of the columns.
pub(crate) fn compile(wanted: &[Wanted<'_>], checks: &[Check]) -> Result<Vec<RowRule>, IngestError> {
    let mut rules = vec![RowRule::new(WHERE, Rule::Unreadable)];
    let mut by_column: BTreeMap<&str, Vec<RowRule>> = BTreeMap::new();
    for check in checks {
        for (column, rule) in rules_of(check) {
            let Some(wanted) = wanted.iter().find(|wanted| wanted.name == column) else {
                return Err(IngestError::NotMapped { canonical: column.to_owned() });
            };
            let rule = RowRule { column: wanted.name, rule, severity: check.severity, tolerate: check.tolerate };
            by_column.entry(wanted.name).or_default().push(rule);
        }
    }
    for column in wanted.iter().filter(|column| column.name != WHERE) {
        rules.push(RowRule::new(column.name, Rule::Unreadable));
        if matches!(column.name, "customer_id" | "time" | "amount") {
            rules.push(RowRule::new(column.name, Rule::Missing));
        }
        match column.role {
            ColumnRole::Time => rules.push(RowRule::new(column.name, Rule::OutOfRange)),
            ColumnRole::Amount => {
                rules.push(RowRule::new(column.name, Rule::NotFinite));
                rules.push(RowRule::new(column.name, Rule::Overflow));
            }
            _ => {}
        }
        rules.extend(by_column.remove(column.name).unwrap_or_default());
    }
    if rules.len() > MAX_RULES {
        return Err(IngestError::TooManyChecks { count: checks.len(), limit: MAX_RULES });
    }
    Ok(rules)
}

fn rules_of(check: &Check) -> Vec<(&str, Rule)> {
    match &check.kind {
        CheckKind::NotBlank { column } => vec![(column, Rule::Blank)],
        CheckKind::TimeRange { min, max } => {
            let min = min.map(|min| ("time", Rule::Before(min)));
            min.into_iter().chain(max.map(|max| ("time", Rule::After(max)))).collect()
        }
        CheckKind::AmountRange { min, max } => {
            let min = min.map(|min| ("amount", Rule::Below(min)));
            min.into_iter().chain(max.map(|max| ("amount", Rule::Above(max)))).collect()
        }
        CheckKind::AcceptedValues { column, accepted } => vec![(column, Rule::NotAccepted(accepted.clone()))],
        CheckKind::Rows { .. } | CheckKind::Freshness { .. } => Vec::new(),
    }
}
