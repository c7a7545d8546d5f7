//! What each stage is asked for, translated from the pipeline.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use appraise_feature_engineering::{Duplicates, FeatureConfig, ReferenceConfig};
use appraise_ingest::{Check, CheckKind, ExchangeRatesConfig, ReferenceConfig as TableConfig, Severity, SourceConfig};
use appraise_model::{ModelConfig, PotentialConfig, RfmConfig, ScoreMethod, ScoreWeights, SegmentRule, Ties};
use appraise_schema::{AsOf, ExchangeRates, KeyType, Layout, Reference, SourceKind, Symbols};

use crate::spec::resolved::{
    self, CheckRule, ColumnCheck, Pipeline, Potential, ReferenceTable, Rfm, ScoreRule, Source,
};

/// What all sources of a run share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Date of the run.
    pub as_of: AsOf,
    /// The texts of the run.
    pub symbols: Arc<Symbols>,
    /// The reference tables.
    pub tables: ReferenceTables,
}

/// The reference tables of a run; empty while only contracts are wanted.
#[derive(Debug, Clone, Default)]
pub struct ReferenceTables {
    /// By name.
    pub references: BTreeMap<String, Arc<Reference>>,
    /// What amounts are converted by.
    pub exchange_rates: Option<Arc<ExchangeRates>>,
}

/// Where the rows of a source or a table are.
#[must_use]
pub fn paths(pipeline: &Pipeline, written: &[String]) -> Vec<String> {
    written.iter().map(|path| resolve_path(&pipeline.folder, path)).collect()
}

/// What ingest is asked for of one source. `previous_rows` is the number of its input rows of the newest date before that
/// succeeded, for the check that [`needs_previous_rows`].
#[must_use]
pub fn source(
    pipeline: &Pipeline,
    kind: SourceKind,
    source: &Source,
    layout: Layout,
    shared: &Shared,
    previous_rows: Option<u64>,
) -> SourceConfig {
    let mapped = source.columns.iter().map(|mapping| (mapping.column.name.to_owned(), mapping.expression.clone()));
    let converts = source.maps("currency");
    SourceConfig {
        kind,
        paths: paths(pipeline, &source.paths),
        columns: mapped.collect(),
        attributes: source.attributes.clone(),
        filter: source.filter.clone(),
        source_zone: source.zone,
        zone: pipeline.timezone,
        money: pipeline.money.clone(),
        as_of: shared.as_of,
        known_by: pipeline.known_by.filter(|_| source.maps("loaded_at")),
        checks: checks(source, previous_rows),
        tolerate: source.tolerate,
        layout,
        exchange_rates: shared.tables.exchange_rates.clone().filter(|_| converts),
        symbols: Arc::clone(&shared.symbols),
    }
}

fn checks(source: &Source, previous: Option<u64>) -> Vec<Check> {
    let mut checks: Vec<Check> = source.checks.iter().map(column_check).collect();
    checks.extend(source.rows.map(|rows| Check {
        kind: CheckKind::Rows {
            min: rows.min,
            max: rows.max,
            max_change: rows.max_change.map(appraise_schema::Share::fraction),
            previous,
        },
        severity: severity(rows.severity),
        tolerate: None,
    }));
    checks.extend(source.freshness.map(|freshness| Check {
        kind: CheckKind::Freshness { max_age_days: freshness.max_age_days },
        severity: severity(freshness.severity),
        tolerate: None,
    }));
    checks
}

/// Whether a check compares the number of rows with that of an earlier run.
#[must_use]
pub fn needs_previous_rows(source: &Source) -> bool {
    source.rows.is_some_and(|rows| rows.max_change.is_some())
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
    let column = check.column.name.to_owned();
    let kind = match &check.rule {
        CheckRule::NotBlank => CheckKind::NotBlank { column },
        CheckRule::In(values) => CheckKind::AcceptedValues { column, accepted: values.iter().cloned().collect() },
        CheckRule::MinDay(day) => CheckKind::TimeRange { column, min: Some(*day), max: None },
        CheckRule::MaxDay(day) => CheckKind::TimeRange { column, min: None, max: Some(*day) },
        CheckRule::MinMinor(minor) => CheckKind::AmountRange { column, min: Some(*minor), max: None },
        CheckRule::MaxMinor(minor) => CheckKind::AmountRange { column, min: None, max: Some(*minor) },
    };
    Check { kind, severity: severity(check.severity), tolerate: check.tolerate }
}

/// How a reference table is read.
#[must_use]
pub fn reference(pipeline: &Pipeline, table: &ReferenceTable) -> TableConfig {
    TableConfig {
        paths: paths(pipeline, &table.paths),
        on: table.on.clone(),
        valid_from: table.valid_from.clone(),
        columns: table.columns.clone(),
        source_zone: pipeline.timezone,
        zone: pipeline.timezone,
    }
}

/// How the exchange rates are read; `None` without a rate.
#[must_use]
pub fn exchange_rates(pipeline: &Pipeline, table: &ReferenceTable) -> Option<ExchangeRatesConfig> {
    let (_, rate) = table.columns.first()?;
    Some(ExchangeRatesConfig {
        paths: paths(pipeline, &table.paths),
        currency: table.on.clone(),
        rate: rate.clone(),
        valid_from: table.valid_from.clone(),
        source_zone: pipeline.timezone,
        zone: pipeline.timezone,
    })
}

/// What the customer fold is asked for. Its `only` names the pipeline's own columns, too.
#[must_use]
pub fn features(pipeline: &Pipeline, as_of: AsOf, key_type: KeyType, tables: &ReferenceTables) -> FeatureConfig {
    let features = &pipeline.features;
    let mapped = |source: &Source| source.columns.iter().map(|mapping| mapping.column.name.to_owned()).collect();
    let duplicates = |source: &Source| match source.duplicates {
        resolved::Duplicates::Fail => Duplicates::Fail,
        resolved::Duplicates::Latest => Duplicates::Latest,
    };
    let attributes = pipeline.sources.values().flat_map(|source| &source.attributes);
    let reference = |(name, table): (&String, &ReferenceTable)| ReferenceConfig {
        attribute: table.attribute.clone(),
        columns: table.columns.iter().map(|(name, _)| name.clone()).collect(),
        table: tables.references.get(name).cloned().unwrap_or_default(),
    };
    FeatureConfig {
        as_of,
        money: pipeline.money.clone(),
        purchase_period: features.purchase_period,
        time_unit: features.time_unit,
        spend_period: features.spend_period,
        windows: features.windows.clone(),
        key_type,
        mapped: pipeline
            .sources
            .iter()
            .map(|(kind, source)| (*kind, mapped(source)))
            .collect::<BTreeMap<_, BTreeSet<_>>>(),
        duplicates: pipeline.sources.iter().map(|(kind, source)| (*kind, duplicates(source))).collect(),
        attributes: attributes.map(|(name, _)| name.clone()).collect(),
        references: pipeline.references.iter().map(reference).collect(),
        interaction: features.interaction.clone(),
        default_days: features.default_days,
        late_bid_seconds: features.late_bid_seconds,
        no_show_days: features.no_show_days,
        leave_out: features.leave_out.clone(),
        only: features.only.clone(),
    }
}

/// What the models are asked for; `None` when none is on.
#[must_use]
pub fn model(pipeline: &Pipeline) -> Option<ModelConfig> {
    model_config(&pipeline.model)
}

/// What the models of `of` are asked for; `None` when none is on.
#[must_use]
pub fn model_config(of: &resolved::Model) -> Option<ModelConfig> {
    let rule = |rule: &resolved::SegmentRule| SegmentRule { name: rule.name.clone(), when: rule.when.clone() };
    let rules = |rules: &[resolved::SegmentRule]| rules.iter().map(rule).collect();
    let config = ModelConfig {
        rfm: of.rfm.as_ref().map(rfm),
        credit: of.credit.clone(),
        clv: of.clv.clone(),
        potential: of.potential.as_ref().map(potential),
        abc: of.abc.clone(),
        xyz: of.xyz,
        value_matrix: of.value_matrix.clone(),
        lifecycle: of.lifecycle.clone(),
        k_means: of.k_means.clone(),
        index: of.index.clone(),
        groups: of.groups.clone(),
        segments: rules(&of.segments),
        objective_segments: rules(&of.objective_segments),
        subjective_segments: rules(&of.subjective_segments),
        strategies: of.strategies.clone(),
        suppress: rules(&of.suppress),
    };
    config.is_on().then_some(config)
}

fn potential(potential: &Potential) -> PotentialConfig {
    let Potential { by, demand, horizon, winsorise } = potential.clone();
    PotentialConfig { by, demand, horizon, winsorise }
}

fn rfm(rfm: &Rfm) -> RfmConfig {
    let [r, f, m] = rfm.weights;
    let separate_one_time = matches!(
        rfm.frequency,
        ScoreRule::Quantile { separate_one_time: true, .. } | ScoreRule::Nested { separate_one_time: true, .. }
    );
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
        ScoreRule::Quantile { ties, separate_one_time: _ } => ScoreMethod::Quantile { ties: tie_rule(*ties) },
        ScoreRule::Nested { ties, separate_one_time: _ } => ScoreMethod::Nested { ties: tie_rule(*ties) },
        ScoreRule::Thresholds { cuts } => ScoreMethod::Thresholds { cuts: cuts.clone() },
    }
}

fn tie_rule(ties: resolved::Ties) -> Ties {
    match ties {
        resolved::Ties::Low => Ties::Low,
        resolved::Ties::Mid => Ties::Mid,
        resolved::Ties::High => Ties::High,
        resolved::Ties::Split => Ties::Split,
    }
}
