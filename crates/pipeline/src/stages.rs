//! What each stage is asked for, translated from the pipeline.

use std::collections::BTreeMap;
use std::path::Path;

use appraise_feature_engineering::{FeatureConfig, MappedColumns};
use appraise_ingest::{Check, CheckKind, Severity, TransactionsConfig};
use appraise_model::{ModelConfig, RfmConfig, ScoreMethod, ScoreWeights, SegmentRule, Ties};
use appraise_schema::{AsOf, KeyType};

use crate::spec::resolved::{self, CheckRule, ColumnCheck, Pipeline, Rfm, ScoreRule};

/// What ingest is asked for. `previous_rows` is the number of input rows of the newest date before that succeeded,
/// for the check that [`needs_previous_rows`].
#[must_use]
pub fn ingest(pipeline: &Pipeline, as_of: AsOf, previous_rows: Option<u64>) -> TransactionsConfig {
    let source = &pipeline.transactions;
    let mapped = source.columns.iter().map(|mapping| (mapping.column.name.to_owned(), mapping.expression.clone()));
    let mut checks: Vec<Check> = source.checks.iter().map(column_check).collect();
    checks.extend(source.rows.map(|rows| Check {
        kind: CheckKind::Rows {
            min: rows.min,
            max: rows.max,
            max_change: rows.max_change.map(appraise_schema::Share::fraction),
            previous: previous_rows,
        },
        severity: severity(rows.severity),
        tolerate: None,
    }));
    checks.extend(source.freshness.map(|freshness| Check {
        kind: CheckKind::Freshness { max_age_days: freshness.max_age_days },
        severity: severity(freshness.severity),
        tolerate: None,
    }));
    TransactionsConfig {
        paths: source.paths.iter().map(|path| resolve_path(&pipeline.folder, path)).collect(),
        columns: mapped.collect::<BTreeMap<_, _>>(),
        filter: source.filter.clone(),
        source_zone: source.zone,
        zone: pipeline.timezone,
        money: pipeline.money.clone(),
        as_of,
        checks,
        tolerate: source.tolerate,
    }
}

/// Whether a check compares the number of rows with that of an earlier run.
#[must_use]
pub fn needs_previous_rows(pipeline: &Pipeline) -> bool {
    pipeline.transactions.rows.is_some_and(|rows| rows.max_change.is_some())
}

/// A path or pattern of the pipeline file, which begins at the file's folder.
fn resolve_path(folder: &Path, path: &str) -> String {
    let folder = glob::Pattern::escape(&folder.to_string_lossy());
    Path::new(&folder).join(path).to_string_lossy().into_owned()
}

fn severity(severity: resolved::Severity) -> Severity {
    match severity {
        resolved::Severity::Error => Severity::Error,
        resolved::Severity::Warn => Severity::Warn,
    }
}

fn column_check(check: &ColumnCheck) -> Check {
    let column = || check.column.name.to_owned();
    let kind = match &check.rule {
        CheckRule::NotBlank => CheckKind::NotBlank { column: column() },
        CheckRule::In(values) => {
            CheckKind::AcceptedValues { column: column(), accepted: values.iter().cloned().collect() }
        }
        CheckRule::MinDay(day) => CheckKind::TimeRange { min: Some(*day), max: None },
        CheckRule::MaxDay(day) => CheckKind::TimeRange { min: None, max: Some(*day) },
        CheckRule::MinMinor(minor) => CheckKind::AmountRange { min: Some(*minor), max: None },
        CheckRule::MaxMinor(minor) => CheckKind::AmountRange { min: None, max: Some(*minor) },
    };
    Check { kind, severity: severity(check.severity), tolerate: check.tolerate }
}

/// What the customer fold is asked for.
#[must_use]
pub fn features(pipeline: &Pipeline, as_of: AsOf, key_type: KeyType) -> FeatureConfig {
    let mapped = |name: &str| pipeline.transactions.columns.iter().any(|mapping| mapping.column.name == name);
    FeatureConfig {
        as_of,
        money: pipeline.money.clone(),
        purchase_period: pipeline.features.purchase_period,
        time_unit: pipeline.features.time_unit,
        windows: pipeline.features.windows.clone(),
        key_type,
        mapped: MappedColumns {
            order: mapped("order_id"),
            margin: mapped("margin"),
            transaction: mapped("transaction_id"),
        },
        only: pipeline.features.only.clone(),
    }
}

/// What the models are asked for; `None` when none is on.
#[must_use]
pub fn model(pipeline: &Pipeline) -> Option<ModelConfig> {
    let resolved::Model { rfm: scores, segments } = &pipeline.model;
    if scores.is_none() && segments.is_empty() {
        return None;
    }
    let rule = |rule: &resolved::SegmentRule| SegmentRule { name: rule.name.clone(), when: rule.when.clone() };
    Some(ModelConfig { rfm: scores.as_ref().map(rfm), segments: segments.iter().map(rule).collect() })
}

fn rfm(rfm: &Rfm) -> RfmConfig {
    let [r, f, m] = rfm.weights;
    let separate_one_time = matches!(rfm.frequency, ScoreRule::Quantile { separate_one_time: true, .. });
    RfmConfig {
        bins: rfm.bins,
        recency: score(&rfm.recency),
        frequency: score(&rfm.frequency),
        monetary: score(&rfm.monetary),
        separate_one_time,
        score_weights: ScoreWeights { r, f, m },
    }
}

fn score(rule: &ScoreRule) -> ScoreMethod {
    match rule {
        ScoreRule::Quantile { ties, separate_one_time: _ } => ScoreMethod::Quantile {
            ties: match ties {
                resolved::Ties::Low => Ties::Low,
                resolved::Ties::Mid => Ties::Mid,
                resolved::Ties::High => Ties::High,
                resolved::Ties::Split => Ties::Split,
            },
        },
        ScoreRule::Thresholds { cuts } => ScoreMethod::Thresholds { cuts: cuts.clone() },
    }
}
