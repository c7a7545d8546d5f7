//! What the pipeline names of the columns that will be built: chosen features, its own columns, segment rules.

use appraise_feature_engineering::FeatureConfig;
use appraise_model::{ModelError, ModelPlan, RuleSet};
use appraise_schema::table::ContractError;
use appraise_schema::{AsOf, KeyType, TableContract};

use super::problem::did_you_mean;
use super::resolve::Report;
use super::resolved::Pipeline;
use super::scalars::Name;
use super::types::{SegmentSpec, Spec, SuppressSpec};
use crate::feature_plan::{FeaturePlan, FeaturePlanError};
use crate::stages::{self, ReferenceTables};

/// Stands for the date, which no column depends on.
const ANY_DATE: &str = "2000-01-01";

/// Checks the names of chosen features, own columns against those they read, and the models against the features they
/// read. Customer keys are taken to be integers: their type is known only once a dump is seen.
pub(crate) fn check(report: &mut Report<'_>, spec: &Spec, pipeline: &Pipeline) {
    let Ok(as_of) = ANY_DATE.parse::<AsOf>() else { return };
    let config = stages::features(pipeline, as_of, KeyType::Integer, &ReferenceTables::default());
    let plan = |config| FeaturePlan::new(config, &pipeline.features.own);
    match (plan(FeatureConfig { only: None, ..config.clone() }), plan(config)) {
        (Ok(all), Ok(chosen)) => {
            check_only(report, spec, &all.contract);
            check_model(report, spec, pipeline, &chosen.contract);
        }
        (Err(error), _) | (_, Err(error)) => refuse(report, spec, &error),
    }
}

/// Reports why the features can't be built, where the column in question is written.
fn refuse(report: &mut Report<'_>, spec: &Spec, error: &FeaturePlanError) {
    match error {
        FeaturePlanError::Own { name, source } => {
            report.expression(&format!("features.columns.{name}"), source.clone());
        }
        FeaturePlanError::OwnType { name, .. } => {
            report.add(&format!("features.columns.{name}"), error.to_string(), Some("CAST it to a DATE"));
        }
        FeaturePlanError::Contract(ContractError::Name { name, .. } | ContractError::Twice { name, .. }) => {
            report.add(&claim(spec, name), error.to_string(), Some("choose another name"));
        }
    }
}

/// Where the pipeline names the column `name`.
fn claim(spec: &Spec, name: &str) -> String {
    let own = spec.features.iter().flat_map(|features| &features.columns).flat_map(|columns| &columns.0);
    if own.clone().any(|(own, _)| own.0 == name) {
        return format!("features.columns.{name}");
    }
    let tables = &spec.references;
    let in_table = tables.iter().find(|(_, table)| table.columns.0.iter().any(|(column, _)| column.0 == name));
    if let Some((table, _)) = in_table {
        return format!("references.{}.columns.{name}", table.0);
    }
    let customers = spec.sources.get(appraise_schema::SourceKind::Customers);
    let attributes = customers.iter().flat_map(|source| &source.attributes).flat_map(|attributes| &attributes.0);
    if attributes.into_iter().any(|(attribute, _)| attribute.0 == name) {
        return format!("sources.customers.attributes.{name}");
    }
    "features".to_owned()
}

fn check_only(report: &mut Report<'_>, spec: &Spec, all: &TableContract) {
    let names: Vec<&str> = all.columns.iter().skip(2).map(|column| column.name.as_str()).collect();
    let only = spec.features.iter().flat_map(|features| features.only.iter().flatten());
    for (position, name) in only.enumerate() {
        if !names.contains(&name.as_str()) {
            let hint = did_you_mean(name, &names);
            let path = format!("features.only[{position}]");
            report.add(&path, format!("no feature is called `{name}`"), hint.as_deref());
        }
    }
}

fn check_model(report: &mut Report<'_>, spec: &Spec, pipeline: &Pipeline, features: &TableContract) {
    let Some(config) = stages::model(pipeline) else { return };
    let Err(error) = ModelPlan::new(&config, features) else { return };
    match &error {
        ModelError::Rule { set, segment, source } => {
            report.expression(&rule_path(spec, *set, segment), (**source).clone());
        }
        ModelError::RuleType { set, segment, .. } | ModelError::SegmentName { set, name: segment, .. } => {
            report.add(&rule_path(spec, *set, segment), error.to_string(), error.hint().as_deref());
        }
        ModelError::Gain { strategy, column } => {
            let named = spec.model.iter().flat_map(|model| &model.strategies).flat_map(|strategies| &strategies.0);
            let is_written = named.into_iter().any(|(name, of)| name.0 == *strategy && of.gain.is_some());
            let key = if is_written { "gain" } else { "uplift" };
            let known: Vec<&str> = features.columns.iter().map(|column| column.name.as_str()).collect();
            let hint = did_you_mean(column, &known).or_else(|| error.hint());
            report.add(&format!("model.strategies.{strategy}.{key}"), error.to_string(), hint.as_deref());
        }
        ModelError::Parameter { parameter, .. } => {
            report.add(&format!("model.{parameter}"), error.to_string(), error.hint().as_deref());
        }
        ModelError::Column { column, .. } => {
            report.add(&reading(spec, column), error.to_string(), error.hint().as_deref());
        }
        _ => report.add("model", error.to_string(), error.hint().as_deref()),
    }
}

/// Where a model names the column that it reads.
fn reading(spec: &Spec, column: &str) -> String {
    let Some(model) = &spec.model else { return "model".to_owned() };
    let matrix = model.value_matrix.clone().unwrap_or_default();
    let [current, future] = [matrix.current, matrix.future].map(|axis| axis.and_then(|axis| axis.column));
    let measure = model.abc.clone().and_then(|abc| abc.measure);
    let at = |path: &str, name: Option<Name>| name.map(|name| (path.to_owned(), name));
    let mut named: Vec<(String, Name)> = [
        at("model.abc.measure", measure),
        at("model.value_matrix.current.column", current),
        at("model.value_matrix.future.column", future),
    ]
    .into_iter()
    .flatten()
    .collect();
    let compared = model.k_means.iter().flat_map(|k_means| &k_means.columns).enumerate();
    named.extend(compared.map(|(position, name)| (format!("model.k_means.columns[{position}]"), name.clone())));
    for (group, indicators) in model.index.iter().flat_map(|index| &index.tree.0) {
        let of_group = |(name, _): &(Name, _)| (format!("model.index.tree.{}.{}", group.0, name.0), name.clone());
        named.extend(indicators.0.iter().map(of_group));
    }
    let of = named.into_iter().find(|(_, name)| name.0 == column);
    of.map_or_else(|| "model".to_owned(), |(path, _)| path)
}

/// Where the rule of `segment` is written.
fn rule_path(spec: &Spec, set: RuleSet, segment: &str) -> String {
    let Some(model) = &spec.model else { return "model".to_owned() };
    let list = match set {
        RuleSet::Segments => &model.segments,
        RuleSet::Objective => &model.objective_segments,
        RuleSet::Subjective => &model.subjective_segments,
        RuleSet::Suppress if matches!(model.suppress, Some(SuppressSpec::Named(_))) => {
            return format!("model.suppress.{segment}");
        }
        RuleSet::Suppress => return "model.suppress".to_owned(),
    };
    let named = |item: &SegmentSpec| matches!(item, SegmentSpec::Rule(rule) if rule.name.0 == segment);
    let list_path = format!("model.{}", set.key());
    match list.iter().flatten().position(named) {
        Some(position) => format!("{list_path}[{position}].when"),
        None => list_path,
    }
}
