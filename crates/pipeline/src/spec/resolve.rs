//! From what was written to what is valid: defaults, and the checks between values that no schema can state.
//!
//! Each check is a small function that reports at the place of the value it is about.

use std::path::{Path, PathBuf};

use appraise_expression::{ExpressionError, Parsed};
use appraise_model::{RF_GRID, RF_GRID_BINS};
use appraise_schema::source::{self, SourceColumn};
use appraise_schema::{Money, PurchasePeriod, Share, TimeUnit, WindowDays};
use chrono_tz::Tz;

use super::node::{Node, Value};
use super::problem::Problem;
use super::resolved::{
    ColumnMapping, Export, Features, Freshness, Model, Pipeline, RowsLimit, SegmentRule, Transactions,
};
use super::scalars::{Age, ColumnSql, ShareText};
use super::types::{
    FeaturesSpec, FreshnessCheck, FreshnessSpec, ModelSpec, OneOrMany, PurchasePeriodSpec, RowsCheck, SegmentSet,
    SegmentSetSpec, SegmentSpec, Spec, TimeUnitSpec, TransactionColumns, TransactionsSpec,
};
use super::{built, checks, expression, scores};

/// Most windows of a pipeline.
pub(crate) const MAX_WINDOWS: usize = 20;

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
    let transactions = transactions(report, &spec.sources.transactions, timezone.unwrap_or(Tz::UTC), scale);
    let features = features(report, &spec.features.clone().unwrap_or_default());
    let model = model(report, &spec.model.clone().unwrap_or_default(), scale);
    let export = Export {
        path: output.cloned().unwrap_or_else(|| folder.join(&spec.export.path.0)),
        compression: spec.export.compression.unwrap_or_default(),
    };
    Some(Pipeline {
        name: spec.name.0.clone(),
        timezone: timezone?,
        money: money?,
        folder: folder.to_owned(),
        transactions: transactions?,
        features,
        model,
        export,
    })
}

fn zone(report: &mut Report<'_>, path: &str, name: Option<&str>) -> Option<Tz> {
    name.map_or(Some(Tz::UTC), |name| report.take(path, name.parse::<Tz>()))
}

fn transactions(report: &mut Report<'_>, spec: &TransactionsSpec, timezone: Tz, scale: u8) -> Option<Transactions> {
    let at = |key: &str| format!("sources.transactions.{key}");
    let paths = match &spec.path {
        OneOrMany::One(path) => vec![path.0.clone()],
        OneOrMany::Many(paths) => paths.iter().map(|path| path.0.clone()).collect(),
    };
    let dated = report.is_dated(&at("path"));
    let zone = match &spec.zone {
        Some(name) => zone(report, &at("zone"), Some(&name.0)),
        None => Some(timezone),
    };
    let filter = spec.filter.as_ref().and_then(|sql| report.parsed(&at("where"), expression::sql(&sql.0)));
    let columns = columns(report, &spec.columns);
    let tolerate = report.share(&at("tolerate"), spec.tolerate.as_ref()).unwrap_or(Share::ZERO);
    let written = spec.checks.clone().unwrap_or_default();
    let checks = checks::resolve(report, &written, &columns, scale);
    let rows = written.rows.as_ref().map(|rows| rows_limit(report, rows));
    let freshness = written.freshness.as_ref().and_then(|freshness| freshness_limit(report, freshness));
    Some(Transactions {
        paths,
        dated,
        zone: zone?,
        delivery: spec.delivery.unwrap_or_default(),
        duplicates: spec.duplicates.unwrap_or_default(),
        filter,
        columns,
        tolerate,
        checks,
        rows,
        freshness,
    })
}

fn columns(report: &mut Report<'_>, spec: &TransactionColumns) -> Vec<ColumnMapping> {
    let mapped = [
        ("customer_id", Some(&spec.customer_id)),
        ("time", Some(&spec.time)),
        ("amount", Some(&spec.amount)),
        ("transaction_id", spec.transaction_id.as_ref()),
        ("order_id", spec.order_id.as_ref()),
        ("refund", spec.refund.as_ref()),
        ("margin", spec.margin.as_ref()),
        ("category", spec.category.as_ref()),
        ("quantity", spec.quantity.as_ref()),
    ];
    mapped.into_iter().filter_map(|(name, sql)| mapping(report, name, sql?)).collect()
}

fn mapping(report: &mut Report<'_>, name: &str, sql: &ColumnSql) -> Option<ColumnMapping> {
    let path = format!("sources.transactions.columns.{name}");
    let expression = report.parsed(&path, expression::column_sql(&sql.0))?;
    Some(ColumnMapping { column: canonical(name)?, expression })
}

/// A canonical column of transactions by name.
fn canonical(name: &str) -> Option<&'static SourceColumn> {
    source::find(source::TRANSACTIONS, name)
}

fn rows_limit(report: &mut Report<'_>, spec: &RowsCheck) -> RowsLimit {
    let path = "sources.transactions.checks.rows";
    if let (Some(min), Some(max)) = (spec.min, spec.max)
        && min > max
    {
        report.add(path, format!("`min` {min} is above `max` {max}"), None);
    }
    if spec.min.is_none() && spec.max.is_none() && spec.max_change.is_none() {
        report.add(path, "the check says nothing", Some("give `min`, `max` or `max_change`"));
    }
    RowsLimit {
        min: spec.min,
        max: spec.max,
        max_change: report.share(&format!("{path}.max_change"), spec.max_change.as_ref()),
        severity: spec.severity.unwrap_or_default(),
    }
}

fn freshness_limit(report: &mut Report<'_>, check: &FreshnessCheck) -> Option<Freshness> {
    let (Age(text), severity) = match check {
        FreshnessCheck::Age(age) => (age, None),
        FreshnessCheck::Full(FreshnessSpec { max_age, severity }) => (max_age, *severity),
    };
    let days = text.trim_end_matches('d').parse::<u32>();
    let max_age_days = report.take("sources.transactions.checks.freshness", days)?;
    Some(Freshness { max_age_days, severity: severity.unwrap_or_default() })
}

fn features(report: &mut Report<'_>, spec: &FeaturesSpec) -> Features {
    let texts: Vec<String> = match &spec.windows {
        Some(windows) => windows.iter().map(|window| window.0.clone()).collect(),
        None => ["30d", "90d", "365d"].map(str::to_owned).to_vec(),
    };
    let mut windows: Vec<WindowDays> = Vec::new();
    for (position, text) in texts.iter().enumerate().take(MAX_WINDOWS) {
        let path = format!("features.windows[{position}]");
        let Some(window) = report.take(&path, text.parse::<WindowDays>()) else { continue };
        if windows.contains(&window) {
            report.add(&path, format!("window `{window}` stands twice"), None);
        } else {
            windows.push(window);
        }
    }
    windows.sort_unstable();
    Features {
        purchase_period: match spec.purchase_period {
            None | Some(PurchasePeriodSpec::Day) => PurchasePeriod::Day,
            Some(PurchasePeriodSpec::Week) => PurchasePeriod::Week,
            Some(PurchasePeriodSpec::Month) => PurchasePeriod::Month,
        },
        time_unit: match spec.time_unit {
            None | Some(TimeUnitSpec::Day) => TimeUnit::Day,
            Some(TimeUnitSpec::Week) => TimeUnit::Week,
        },
        windows,
        only: spec.only.as_ref().map(|only| only.iter().cloned().collect()),
    }
}

fn model(report: &mut Report<'_>, spec: &ModelSpec, scale: u8) -> Model {
    let rfm = spec.rfm.as_ref().map(|rfm| scores::resolve(report, rfm, scale));
    let bins = rfm.as_ref().map(|rfm| rfm.bins);
    let mut segments: Vec<SegmentRule> = Vec::new();
    for (position, segment) in spec.segments.iter().flatten().enumerate() {
        let path = format!("model.segments[{position}]");
        for (name, when) in expand(report, &path, segment, bins) {
            let parsed = report.parsed(&format!("{path}.when"), expression::sql(&when));
            if segments.iter().any(|before| before.name == name) {
                let path = if matches!(segment, SegmentSpec::Rule(_)) { format!("{path}.name") } else { path.clone() };
                report.add(&path, format!("segment `{name}` stands twice"), Some("join the rules with OR"));
            }
            segments.extend(parsed.map(|when| SegmentRule { name, when }));
        }
    }
    Model { rfm, segments }
}

fn expand(report: &mut Report<'_>, path: &str, segment: &SegmentSpec, bins: Option<u8>) -> Vec<(String, String)> {
    match segment {
        SegmentSpec::Rule(rule) => vec![(rule.name.0.clone(), rule.when.0.clone())],
        SegmentSpec::Use(SegmentSetSpec { set: SegmentSet::RfGrid }) => {
            let at = format!("{path}.use");
            match bins {
                Some(RF_GRID_BINS) => {
                    return RF_GRID.iter().map(|(name, when)| ((*name).to_owned(), (*when).to_owned())).collect();
                }
                Some(bins) => {
                    let hint = Some("write rules of your own for other numbers of scores");
                    report.add(&at, format!("`rf_grid` needs `model.rfm.bins` 5, it is {bins}"), hint);
                }
                None => {
                    report.add(&at, "`rf_grid` needs the scores of `model.rfm`", Some("add `rfm: {}` to `model`"));
                }
            }
            Vec::new()
        }
    }
}
