//! What is done about customers.

use appraise_model::{StrategyConfig, UNASSIGNED};
use appraise_schema::Share;

use super::Report;
use crate::spec::expression;
use crate::spec::problem::did_you_mean;
use crate::spec::resolved::SegmentRule;
use crate::spec::types::{ModelSpec, StrategySpec, SuppressSpec};

/// The name of a rule that has none of its own.
const SUPPRESS: &str = "suppress";

/// Resolves `model.strategies` against the `segments` that there are; money is at `scale` decimal places.
pub(super) fn resolve(
    report: &mut Report<'_>,
    spec: &ModelSpec,
    segments: &[SegmentRule],
    scale: u8,
) -> Vec<StrategyConfig> {
    let written = spec.strategies.iter().flat_map(|strategies| &strategies.0);
    if written.clone().next().is_some() && spec.segments.is_none() {
        let hint = Some("add `segments` to `model`");
        report.add("model.strategies", "strategies are for segments, and there are none", hint);
        return Vec::new();
    }
    let mut strategies: Vec<StrategyConfig> = Vec::new();
    for (name, of) in written {
        let path = format!("model.strategies.{}", name.0);
        check_segments(report, &path, of, segments, &strategies);
        strategies.extend(strategy(report, &path, &name.0, of, scale));
    }
    strategies
}

fn check_segments(
    report: &mut Report<'_>,
    path: &str,
    of: &StrategySpec,
    segments: &[SegmentRule],
    before: &[StrategyConfig],
) {
    let known: Vec<&str> = segments.iter().map(|rule| rule.name.as_str()).chain([UNASSIGNED]).collect();
    for (position, segment) in of.segments.iter().enumerate() {
        let path = format!("{path}.for[{position}]");
        let name = &segment.0;
        let other = before.iter().find(|other| other.segments.contains(name));
        if !known.contains(&name.as_str()) {
            let hint = did_you_mean(name, &known);
            report.add(&path, format!("no segment is called `{name}`"), hint.as_deref());
        } else if let Some(other) = other {
            let message = format!("segment `{name}` has the strategy `{}`", other.name);
            report.add(&path, message, Some("a segment has one strategy at most"));
        } else if of.segments[..position].contains(segment) {
            report.add(&path, format!("segment `{name}` stands twice"), None);
        }
    }
}

fn strategy(report: &mut Report<'_>, path: &str, name: &str, of: &StrategySpec, scale: u8) -> Option<StrategyConfig> {
    let budget = match &of.budget {
        Some(budget) => Some(report.take(&format!("{path}.budget"), budget.minor(scale))?),
        None => None,
    };
    if budget.is_some_and(|budget| budget < 0) {
        report.add(&format!("{path}.budget"), "treating a customer can't cost less than nothing", None);
    }
    let texts = |names: &[crate::spec::scalars::Name]| names.iter().map(|name| name.0.clone()).collect::<Vec<_>>();
    Some(StrategyConfig {
        name: name.to_owned(),
        segments: texts(&of.segments),
        actions: texts(&of.actions),
        channel: of.channel.as_ref().map(|text| text.0.clone()),
        owner: of.owner.as_ref().map(|text| text.0.clone()),
        reason: of.reason.as_ref().map(|text| text.0.clone()),
        budget,
        cap: of.cap,
        uplift: report.share(&format!("{path}.uplift"), of.uplift.as_ref()),
        gain: of.gain.as_ref().map(|name| name.0.clone()),
        control_share: report.share(&format!("{path}.control_share"), of.control_share.as_ref()).unwrap_or(Share::ZERO),
    })
}

/// Resolves `model.suppress`.
pub(super) fn suppress(report: &mut Report<'_>, spec: &ModelSpec) -> Vec<SegmentRule> {
    let rules: Vec<(String, String, &str)> = match &spec.suppress {
        None => return Vec::new(),
        Some(SuppressSpec::Rule(sql)) => vec![("model.suppress".to_owned(), SUPPRESS.to_owned(), sql.0.as_str())],
        Some(SuppressSpec::Named(rules)) => rules
            .0
            .iter()
            .map(|(name, sql)| (format!("model.suppress.{}", name.0), name.0.clone(), sql.0.as_str()))
            .collect(),
    };
    if spec.strategies.is_none() {
        report.add("model.suppress", "there are no strategies to suppress", Some("add `strategies`, or leave it out"));
    }
    let rule = |(path, name, sql): (String, String, &str)| {
        report.parsed(&path, expression::sql(sql)).map(|when| SegmentRule { name, when })
    };
    rules.into_iter().filter_map(rule).collect()
}
