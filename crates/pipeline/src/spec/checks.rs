//! Checks of a source: which rules of which columns, with bounds in the units of the engine.

use std::collections::BTreeMap;

use appraise_schema::source::ColumnRole;
use appraise_schema::{AsOf, SourceKind};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::join;
use super::resolve::Report;
use super::resolved::{CheckRule, ColumnCheck, ColumnMapping, Freshness, RowsLimit, Severity};
use super::scalars::{AcceptedValue, Age, DateText, ShareText};
use super::types::{AmountCheck, FreshnessCheck, FreshnessSpec, RowsCheck, TextCheck, TimeCheck};

/// The checks of a source.
#[derive(Debug, Default)]
pub(crate) struct SourceChecks {
    /// Of single rows, in the order of the canonical columns.
    pub(crate) of_columns: Vec<ColumnCheck>,
    /// Of the number of rows.
    pub(crate) rows: Option<RowsLimit>,
    /// Of the newest row.
    pub(crate) freshness: Option<Freshness>,
}

/// Resolves the `checks` of a source of `kind` whose columns are `mapped`; amounts are at `scale` decimal places.
pub(crate) fn resolve(
    report: &mut Report<'_>,
    kind: SourceKind,
    written: Option<&BTreeMap<String, Value>>,
    mapped: &[ColumnMapping],
    scale: u8,
) -> SourceChecks {
    let Some(written) = written else { return SourceChecks::default() };
    let path = format!("sources.{}.checks", kind.name());
    let mut checks = Checks { report, path, mapped, scale, found: Vec::new() };
    for column in kind.columns() {
        let Some(value) = written.get(column.name) else { continue };
        match column.role {
            ColumnRole::Id | ColumnRole::Text => checks.text(column.name, value),
            ColumnRole::Time | ColumnRole::KnownTime => checks.time(column.name, value),
            ColumnRole::Amount => checks.amount(column.name, value),
            ColumnRole::Number | ColumnRole::Flag => {}
        }
    }
    let rows = written.get("rows").and_then(|value| checks.rows(value));
    let freshness = written.get("freshness").and_then(|value| checks.freshness(kind, value));
    SourceChecks { of_columns: checks.found, rows, freshness }
}

struct Checks<'r, 't> {
    report: &'r mut Report<'t>,
    /// Where the checks of the source are written.
    path: String,
    mapped: &'r [ColumnMapping],
    scale: u8,
    found: Vec<ColumnCheck>,
}

impl Checks<'_, '_> {
    /// The check `name` as it is written; its structure was checked.
    fn read<T: DeserializeOwned>(&mut self, name: &str, value: &Value) -> Option<T> {
        let path = join(&self.path, name);
        self.report.take(&path, serde_json::from_value(value.clone()))
    }

    fn text(&mut self, name: &str, value: &Value) {
        let Some(spec) = self.read::<TextCheck>(name, value) else { return };
        let blank = spec.not_blank.unwrap_or_default().then_some(CheckRule::NotBlank);
        let accepted =
            spec.accepted.as_ref().map(|values| CheckRule::In(values.iter().map(AcceptedValue::text).collect()));
        let rules = [blank, accepted].into_iter().flatten().collect();
        self.add(name, rules, spec.severity, spec.tolerate.as_ref(), "`not_blank: true` or `in`");
    }

    fn time(&mut self, name: &str, value: &Value) {
        let Some(spec) = self.read::<TimeCheck>(name, value) else { return };
        let min = self.day(name, "min", spec.min.as_ref());
        let max = self.day(name, "max", spec.max.as_ref());
        self.order(name, min, max);
        let rules = [min.map(CheckRule::MinDay), max.map(CheckRule::MaxDay)].into_iter().flatten().collect();
        self.add(name, rules, spec.severity, spec.tolerate.as_ref(), "`min` or `max`");
    }

    fn amount(&mut self, name: &str, value: &Value) {
        let Some(spec) = self.read::<AmountCheck>(name, value) else { return };
        let min = spec.min.as_ref().and_then(|min| self.take(name, "min", min.minor(self.scale)));
        let max = spec.max.as_ref().and_then(|max| self.take(name, "max", max.minor(self.scale)));
        self.order(name, min, max);
        let rules = [min.map(CheckRule::MinMinor), max.map(CheckRule::MaxMinor)].into_iter().flatten().collect();
        self.add(name, rules, spec.severity, spec.tolerate.as_ref(), "`min` or `max`");
    }

    fn rows(&mut self, value: &Value) -> Option<RowsLimit> {
        let spec = self.read::<RowsCheck>("rows", value)?;
        let path = join(&self.path, "rows");
        if let (Some(min), Some(max)) = (spec.min, spec.max)
            && min > max
        {
            self.report.add(&path, format!("`min` {min} is above `max` {max}"), None);
        }
        if spec.min.is_none() && spec.max.is_none() && spec.max_change.is_none() {
            self.report.add(&path, "the check says nothing", Some("give `min`, `max` or `max_change`"));
        }
        Some(RowsLimit {
            min: spec.min,
            max: spec.max,
            max_change: self.report.share(&join(&path, "max_change"), spec.max_change.as_ref()),
            severity: spec.severity.unwrap_or_default(),
        })
    }

    fn freshness(&mut self, kind: SourceKind, value: &Value) -> Option<Freshness> {
        let check = self.read::<FreshnessCheck>("freshness", value)?;
        let path = join(&self.path, "freshness");
        let time = kind.time().unwrap_or_default();
        if !self.mapped.iter().any(|mapping| mapping.column.name == time) {
            self.report.add(&path, format!("the age of rows needs `{time}`"), Some("map it, or leave the check out"));
        }
        let (Age(text), severity) = match check {
            FreshnessCheck::Age(age) => (age, None),
            FreshnessCheck::Full(FreshnessSpec { max_age, severity }) => (max_age, severity),
        };
        let max_age_days = self.report.take(&path, text.trim_end_matches('d').parse::<u32>())?;
        Some(Freshness { max_age_days, severity: severity.unwrap_or_default() })
    }

    fn day(&mut self, name: &str, key: &str, date: Option<&DateText>) -> Option<i32> {
        self.take(name, key, date?.0.parse::<AsOf>().map(AsOf::day))
    }

    fn take<T, E: std::fmt::Display>(&mut self, name: &str, key: &str, result: Result<T, E>) -> Option<T> {
        let path = join(&join(&self.path, name), key);
        self.report.take(&path, result)
    }

    fn order<T: PartialOrd>(&mut self, name: &str, min: Option<T>, max: Option<T>) {
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            self.report.add(&join(&self.path, name), "`min` is above `max`: no row can pass", None);
        }
    }

    fn add(
        &mut self,
        name: &str,
        rules: Vec<CheckRule>,
        severity: Option<Severity>,
        tolerate: Option<&ShareText>,
        any: &str,
    ) {
        let path = join(&self.path, name);
        let Some(mapping) = self.mapped.iter().find(|mapping| mapping.column.name == name) else {
            let message = format!("`{name}` is checked but not mapped");
            self.report.add(&path, message, Some("map it in `columns`, or leave the check out"));
            return;
        };
        let share = self.report.share(&join(&path, "tolerate"), tolerate);
        if rules.is_empty() && !self.report.has(&path) {
            self.report.add(&path, "the check says nothing", Some(&format!("give {any}")));
        }
        let check = |rule| ColumnCheck {
            column: mapping.column,
            rule,
            severity: severity.unwrap_or_default(),
            tolerate: share,
        };
        self.found.extend(rules.into_iter().map(check));
    }
}
