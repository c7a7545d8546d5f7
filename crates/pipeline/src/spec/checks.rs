//! Checks of single rows: which rules of which columns, with bounds in the units of the engine.

use appraise_schema::AsOf;

use super::problem::join;
use super::resolve::Report;
use super::resolved::{CheckRule, ColumnCheck, ColumnMapping, Severity};
use super::scalars::{AcceptedValue, DateText, ShareText};
use super::types::{AmountCheck, ChecksSpec, TextCheck, TimeCheck};

/// Resolves the checks of `checks:` in the order of the canonical columns.
pub(crate) fn resolve(
    report: &mut Report<'_>,
    spec: &ChecksSpec,
    mapped: &[ColumnMapping],
    scale: u8,
) -> Vec<ColumnCheck> {
    let mut checks = Checks { report, mapped, scale, found: Vec::new() };
    checks.text("customer_id", spec.customer_id.as_ref());
    checks.time("time", spec.time.as_ref());
    checks.amount("amount", spec.amount.as_ref());
    checks.text("transaction_id", spec.transaction_id.as_ref());
    checks.text("order_id", spec.order_id.as_ref());
    checks.text("category", spec.category.as_ref());
    checks.found
}

struct Checks<'r, 't> {
    report: &'r mut Report<'t>,
    mapped: &'r [ColumnMapping],
    scale: u8,
    found: Vec<ColumnCheck>,
}

impl Checks<'_, '_> {
    fn text(&mut self, name: &str, spec: Option<&TextCheck>) {
        let Some(spec) = spec else { return };
        let blank = spec.not_blank.unwrap_or_default().then_some(CheckRule::NotBlank);
        let accepted =
            spec.accepted.as_ref().map(|values| CheckRule::In(values.iter().map(AcceptedValue::text).collect()));
        let rules = [blank, accepted].into_iter().flatten().collect();
        self.add(name, rules, spec.severity, spec.tolerate.as_ref(), "`not_blank: true` or `in`");
    }

    fn time(&mut self, name: &str, spec: Option<&TimeCheck>) {
        let Some(spec) = spec else { return };
        let min = self.day(name, "min", spec.min.as_ref());
        let max = self.day(name, "max", spec.max.as_ref());
        self.order(name, min, max);
        let rules = [min.map(CheckRule::MinDay), max.map(CheckRule::MaxDay)].into_iter().flatten().collect();
        self.add(name, rules, spec.severity, spec.tolerate.as_ref(), "`min` or `max`");
    }

    fn amount(&mut self, name: &str, spec: Option<&AmountCheck>) {
        let Some(spec) = spec else { return };
        let min = spec.min.as_ref().and_then(|min| self.take(name, "min", min.minor(self.scale)));
        let max = spec.max.as_ref().and_then(|max| self.take(name, "max", max.minor(self.scale)));
        self.order(name, min, max);
        let rules = [min.map(CheckRule::MinMinor), max.map(CheckRule::MaxMinor)].into_iter().flatten().collect();
        self.add(name, rules, spec.severity, spec.tolerate.as_ref(), "`min` or `max`");
    }

    fn day(&mut self, name: &str, key: &str, date: Option<&DateText>) -> Option<i32> {
        self.take(name, key, date?.0.parse::<AsOf>().map(AsOf::day))
    }

    fn take<T, E: std::fmt::Display>(&mut self, name: &str, key: &str, result: Result<T, E>) -> Option<T> {
        self.report.take(&join(&path(name), key), result)
    }

    fn order<T: PartialOrd>(&mut self, name: &str, min: Option<T>, max: Option<T>) {
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            self.report.add(&path(name), "`min` is above `max`: no row can pass", None);
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
        let path = path(name);
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

fn path(name: &str) -> String {
    format!("sources.transactions.checks.{name}")
}
