//! The sources.

use std::collections::BTreeMap;

use appraise_schema::{Share, SourceKind};
use chrono_tz::Tz;

use super::{Report, zone};
use crate::spec::checks;
use crate::spec::expression;
use crate::spec::resolved::{ColumnMapping, Duplicates, Source};
use crate::spec::types::{OneOrMany, SourceSpec, Sources};

/// Resolves `sources`, in the order in which they are read.
pub(super) fn resolve(
    report: &mut Report<'_>,
    spec: &Sources,
    timezone: Tz,
    scale: u8,
) -> BTreeMap<SourceKind, Source> {
    let written = SourceKind::ALL.into_iter().filter_map(|kind| Some((kind, spec.get(kind)?)));
    let sources: BTreeMap<_, _> =
        written.filter_map(|(kind, spec)| Some((kind, source(report, kind, spec, timezone, scale)?))).collect();
    if spec.get(SourceKind::Transactions).is_none() && spec.get(SourceKind::Customers).is_none() {
        let hint = "add `transactions`, or `customers` where there are no sales";
        report.add("sources", "neither `transactions` nor `customers` is there", Some(hint));
    }
    sources
}

/// One path or several.
pub(super) fn paths(written: &OneOrMany) -> Vec<String> {
    match written {
        OneOrMany::One(path) => vec![path.0.clone()],
        OneOrMany::Many(paths) => paths.iter().map(|path| path.0.clone()).collect(),
    }
}

fn source(report: &mut Report<'_>, kind: SourceKind, spec: &SourceSpec, timezone: Tz, scale: u8) -> Option<Source> {
    let at = |key: &str| format!("sources.{}.{key}", kind.name());
    let dated = report.is_dated(&at("path"));
    let zone = match &spec.zone {
        Some(name) => zone(report, &at("zone"), Some(&name.0)),
        None => Some(timezone),
    };
    let filter = spec.filter.as_ref().and_then(|sql| report.parsed(&at("where"), expression::sql(&sql.0)));
    let columns = columns(report, kind, spec);
    let attributes = spec.attributes.iter().flat_map(|named| &named.0).map(|(name, sql)| (name, sql.0.as_str()));
    let attributes = report.named(&at("attributes"), attributes, expression::column_sql);
    let tolerate = report.share(&at("tolerate"), spec.tolerate.as_ref()).unwrap_or(Share::ZERO);
    let checks = checks::resolve(report, kind, spec.checks.as_ref(), &columns, scale);
    let source = Source {
        paths: paths(&spec.path),
        dated,
        zone: zone?,
        delivery: spec.delivery.unwrap_or_default(),
        duplicates: spec.duplicates.unwrap_or_default(),
        filter,
        columns,
        attributes,
        tolerate,
        checks: checks.of_columns,
        rows: checks.rows,
        freshness: checks.freshness,
    };
    check_duplicates(report, kind, &source);
    Some(source)
}

/// The newest of several rows is known only where both the id and the time of delivery are.
fn check_duplicates(report: &mut Report<'_>, kind: SourceKind, source: &Source) {
    if source.duplicates != Duplicates::Latest {
        return;
    }
    for needed in kind.identity().into_iter().chain(["loaded_at"]) {
        if !source.maps(needed) {
            let path = format!("sources.{}.duplicates", kind.name());
            report.add(&path, format!("`latest` needs `{needed}`"), Some("map it in `columns`"));
        }
    }
}

fn columns(report: &mut Report<'_>, kind: SourceKind, spec: &SourceSpec) -> Vec<ColumnMapping> {
    let mut mapped = Vec::new();
    for column in kind.columns() {
        let Some(sql) = spec.columns.get(column.name) else { continue };
        let path = format!("sources.{}.columns.{}", kind.name(), column.name);
        mapped.extend(report.column(&path, sql).map(|expression| ColumnMapping { column, expression }));
    }
    mapped
}
