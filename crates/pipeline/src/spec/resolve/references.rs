//! Reference tables and exchange rates.

use std::collections::BTreeMap;

use appraise_schema::SourceKind;

use super::Report;
use super::sources::paths;
use crate::spec::expression;
use crate::spec::problem::{did_you_mean, join};
use crate::spec::resolved::{ReferenceTable, Source};
use crate::spec::scalars::{ColumnSql, Name};
use crate::spec::types::{Named, ReferenceSpec};

/// The table that converts the amounts of transactions.
const EXCHANGE_RATES: &str = "exchange_rates";

/// The tables of `references`.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Those whose numbers become features.
    pub(super) references: BTreeMap<String, ReferenceTable>,
    /// The one that converts amounts.
    pub(super) exchange_rates: Option<ReferenceTable>,
}

/// Resolves `references` against the sources that they serve.
pub(super) fn resolve(
    report: &mut Report<'_>,
    spec: &BTreeMap<Name, ReferenceSpec>,
    sources: &BTreeMap<SourceKind, Source>,
) -> Tables {
    let attributes: Vec<&str> =
        sources.values().flat_map(|source| &source.attributes).map(|(name, _)| name.as_str()).collect();
    let mut tables = Tables::default();
    for (Name(name), spec) in spec {
        let path = format!("references.{name}");
        let Some(table) = table(report, &path, spec) else { continue };
        if name == EXCHANGE_RATES {
            check_rates(report, &path, &table);
            tables.exchange_rates = Some(table);
        } else {
            check_attribute(report, &path, &table, &attributes);
            tables.references.insert(name.clone(), table);
        }
    }
    let converted = sources.get(&SourceKind::Transactions).is_some_and(|source| source.maps("currency"));
    let rated = spec.keys().any(|name| name.0 == EXCHANGE_RATES);
    if converted && !rated {
        let hint = "add `exchange_rates` to `references`, or leave `currency` out";
        report.add("sources.transactions.columns.currency", "`currency` needs exchange rates", Some(hint));
    }
    if rated && !converted {
        let hint = "map `currency` of transactions, or leave the table out";
        report.add("references.exchange_rates", "no transaction has a currency", Some(hint));
    }
    tables
}

fn table(report: &mut Report<'_>, path: &str, spec: &ReferenceSpec) -> Option<ReferenceTable> {
    let on = report.named(&join(path, "on"), entries(&spec.on), expression::column_sql);
    let valid_from = spec.valid_from.as_ref().and_then(|sql| report.column(&join(path, "valid_from"), sql));
    let columns = report.named(&join(path, "columns"), entries(&spec.columns), expression::column_sql);
    if spec.columns.0.is_empty() {
        report.add(&join(path, "columns"), "the table gives no number", Some("write `our_name: column`"));
    }
    if spec.on.0.len() != 1 {
        report.add(&join(path, "on"), "`on` names exactly one attribute", Some("write `on: { attribute: column }`"));
        return None;
    }
    let (attribute, on) = on.into_iter().next()?;
    Some(ReferenceTable {
        paths: paths(&spec.path),
        dated: report.is_dated(&join(path, "path")),
        attribute,
        on,
        valid_from,
        columns,
    })
}

fn entries(named: &Named<ColumnSql>) -> impl Iterator<Item = (&Name, &str)> {
    named.0.iter().map(|(name, sql)| (name, sql.0.as_str()))
}

fn check_rates(report: &mut Report<'_>, path: &str, table: &ReferenceTable) {
    if table.attribute != "currency" {
        let message = "exchange rates are found by the currency";
        report.add(&join(path, "on"), message, Some("write `on: { currency: column }`"));
    }
    if table.columns.iter().any(|(name, _)| name != "rate") {
        let message = "exchange rates have one column, `rate`";
        report.add(&join(path, "columns"), message, Some("write `columns: { rate: column }`"));
    }
}

fn check_attribute(report: &mut Report<'_>, path: &str, table: &ReferenceTable, attributes: &[&str]) {
    if attributes.contains(&table.attribute.as_str()) {
        return;
    }
    let message = format!("`{}` is not an attribute of `sources.customers`", table.attribute);
    let hint = did_you_mean(&table.attribute, attributes);
    let hint = hint.as_deref().or(Some("map it in `sources.customers.attributes`"));
    report.add(&format!("{path}.on.{}", table.attribute), message, hint);
}
