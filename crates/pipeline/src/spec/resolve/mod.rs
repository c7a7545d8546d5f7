//! From what was written to what is valid: defaults, and the checks between values that no schema can state.
//!
//! Each check is a small function that reports at the place of the value it is about.

mod classes;
mod clv;
mod credit;
mod features;
mod gates;
mod index;
mod k_means;
pub(crate) mod model;
mod potential;
mod references;
mod sources;
mod strategies;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use appraise_expression::{ExpressionError, Parsed};
use appraise_schema::table::check_name;
use appraise_schema::{AsOf, Money, Share, SourceKind};
use chrono_tz::Tz;

use super::node::{Node, Value};
use super::problem::{Problem, did_you_mean, join};
use super::resolved::{Cache, Export, Model, Pipeline, Source};
use super::scalars::{ColumnSql, Name, ShareText};
use super::types::Spec;
use super::{built, expression};
use crate::stages;

/// Runs whose features and fits are kept, unless the pipeline says otherwise.
const DEFAULT_KEEP: u8 = 1;

/// Collects problems at the places of a tree.
pub(crate) struct Report<'t> {
    tree: &'t Node,
    problems: Vec<Problem>,
}

impl<'t> Report<'t> {
    pub(crate) fn new(tree: &'t Node) -> Self {
        Self { tree, problems: Vec::new() }
    }

    /// The node at `path`, or else the nearest one above it.
    pub(crate) fn nearest(&self, path: &str) -> &'t Node {
        let mut path = path;
        loop {
            match (self.tree.at(path), path.rfind(['.', '['])) {
                (Some(node), _) => return node,
                (None, Some(cut)) => path = &path[..cut],
                (None, None) => return self.tree,
            }
        }
    }

    /// Reports a problem with the value at `path`.
    pub(crate) fn add(&mut self, path: &str, message: impl Into<String>, hint: Option<&str>) {
        let problem = Problem::new(&self.nearest(path).place, path, message);
        self.problems.push(Problem { hint: hint.map(str::to_owned), ..problem });
    }

    /// The value, or `None` and a problem at `path`.
    pub(crate) fn take<T, E: std::fmt::Display>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(path, error.to_string(), None);
                None
            }
        }
    }

    /// Whether a problem was reported at `path` or below it.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.problems.iter().any(|problem| problem.path.starts_with(path))
    }

    /// Whether the text at `path`, or one in the list there, was written with `${as_of}`.
    fn is_dated(&self, path: &str) -> bool {
        let dated = |node: &Node| node.template.as_ref().is_some_and(|text| text.contains("${as_of}"));
        match self.tree.at(path) {
            Some(Node { value: Value::Sequence(items), .. }) => items.iter().any(dated),
            node => node.is_some_and(dated),
        }
    }

    /// Reports what is wrong with the expression at `path`.
    pub(crate) fn expression(&mut self, path: &str, error: ExpressionError) {
        self.problems.push(expression::problem(error, self.nearest(path), path));
    }

    /// The expressions of a mapping at `path`, whose keys must be names that load everywhere.
    fn named<'s>(
        &mut self,
        path: &str,
        entries: impl IntoIterator<Item = (&'s Name, &'s str)>,
        parse: fn(&str) -> Result<Parsed, ExpressionError>,
    ) -> Vec<(String, Parsed)> {
        let mut parsed = Vec::new();
        for (name, sql) in entries {
            let path = join(path, &name.0);
            let portable = self.take(&path, check_name(&name.0)).is_some();
            let expression = self.parsed(&path, parse(sql));
            parsed.extend(expression.filter(|_| portable).map(|expression| (name.0.clone(), expression)));
        }
        parsed
    }

    /// The expression of a column mapping at `path`.
    fn column(&mut self, path: &str, sql: &ColumnSql) -> Option<Parsed> {
        self.parsed(path, expression::column_sql(&sql.0))
    }

    fn parsed(&mut self, path: &str, result: Result<Parsed, ExpressionError>) -> Option<Parsed> {
        match result {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.expression(path, error);
                None
            }
        }
    }

    pub(crate) fn share(&mut self, path: &str, share: Option<&ShareText>) -> Option<Share> {
        share.and_then(|share| self.take(path, share.share()))
    }
}

/// Resolves a spec whose structure was checked; `tree` is where it was read from, `folder` where the file stands.
pub(crate) fn resolve(
    spec: &Spec,
    tree: &Node,
    folder: &Path,
    output: Option<&PathBuf>,
) -> Result<Pipeline, Vec<Problem>> {
    let mut report = Report::new(tree);
    let pipeline = pipeline(&mut report, spec, folder, output);
    if let Some(pipeline) = pipeline.as_ref().filter(|_| report.problems.is_empty()) {
        built::check(&mut report, spec, pipeline);
    }
    match pipeline {
        Some(pipeline) if report.problems.is_empty() => Ok(pipeline),
        _ => Err(report.problems),
    }
}

fn pipeline(report: &mut Report<'_>, spec: &Spec, folder: &Path, output: Option<&PathBuf>) -> Option<Pipeline> {
    let timezone = zone(report, "timezone", spec.timezone.as_ref().map(|zone| zone.0.as_str()));
    let money = report.take("money", Money::new(&spec.money.unit.0, spec.money.scale));
    let scale = spec.money.scale;
    let known_by = spec.known_by.as_ref().and_then(|date| report.take("known_by", date.0.parse::<AsOf>()));
    let sources = sources::resolve(report, &spec.sources, timezone.unwrap_or(Tz::UTC), scale);
    let tables = references::resolve(report, &spec.references, &sources);
    if known_by.is_some() && !sources.values().any(|source| source.maps("loaded_at")) {
        report.add("known_by", "no source maps `loaded_at`", Some("map when rows were delivered, or leave it out"));
    }
    let features = features::resolve(report, &spec.features.clone().unwrap_or_default());
    let written = spec.model.clone().unwrap_or_default();
    let look_alike = written.potential.as_ref();
    let potential = look_alike.and_then(|of| potential::resolve(report, of, &sources, &tables.references, &features));
    let lifetime = written.clv.as_ref();
    let clv = lifetime.and_then(|of| clv::resolve(report, of, &sources, &tables.references, &features));
    let credit = written.credit.as_ref().and_then(|of| credit::resolve(report, of, &sources, &features));
    let index = written.index.as_ref().and_then(|of| index::resolve(report, of));
    let k_means = written.k_means.as_ref().map(|of| k_means::resolve(report, of));
    let grid = model::grid(&sources, &features);
    let scored = model::resolve(report, &written, scale, &grid);
    let mut model = Model { credit, clv, potential, k_means, index, ..scored };
    classes::resolve(report, &written, &sources, &features, &mut model);
    let gates = gates::resolve(report, &spec.gates.clone().unwrap_or_default(), &model);
    let keep = spec.cache.as_ref().and_then(|cache| cache.keep).unwrap_or(DEFAULT_KEEP);
    let export = Export {
        path: output.cloned().unwrap_or_else(|| folder.join(&spec.export.path.0)),
        compression: spec.export.compression.unwrap_or_default(),
        changes: spec.export.changes.unwrap_or_default(),
    };
    if export.changes && stages::model_config(&model).is_none() {
        let hint = Some("add a model to `model`, or take it away");
        report.add("export.changes", "there are no values whose changes could be told", hint);
    }
    Some(Pipeline {
        name: spec.name.0.clone(),
        timezone: timezone?,
        money: money?,
        folder: folder.to_owned(),
        known_by,
        sources,
        references: tables.references,
        exchange_rates: tables.exchange_rates,
        features,
        model,
        gates,
        cache: Cache { keep: usize::from(keep) },
        export,
        ledger: spec.ledger,
    })
}

/// The attributes that are named at `path`, checked.
fn attributes(
    report: &mut Report<'_>,
    path: &str,
    written: Option<&[Name]>,
    sources: &BTreeMap<SourceKind, Source>,
) -> Vec<String> {
    let attributes = sources.values().flat_map(|source| &source.attributes);
    let known: Vec<&str> = attributes.map(|(name, _)| name.as_str()).collect();
    let mut named: Vec<String> = Vec::new();
    for (position, Name(name)) in written.unwrap_or_default().iter().enumerate() {
        let path = format!("{path}[{position}]");
        if !known.contains(&name.as_str()) {
            let hint = did_you_mean(name, &known);
            let hint = hint.as_deref().or(Some("map it in `sources.customers.attributes`"));
            report.add(&path, format!("`{name}` is not an attribute of `sources.customers`"), hint);
        } else if named.contains(name) {
            report.add(&path, format!("attribute `{name}` stands twice"), None);
        }
        named.push(name.clone());
    }
    named
}

fn zone(report: &mut Report<'_>, path: &str, name: Option<&str>) -> Option<Tz> {
    name.map_or(Some(Tz::UTC), |name| report.take(path, name.parse::<Tz>()))
}
