//! How customers are valued.

use std::collections::BTreeMap;

use appraise_feature_engineering::FamilyKind;
use appraise_model::{RF_GRID_BINS, rf_grid};
use appraise_schema::SourceKind;

use super::{Report, strategies};
use crate::spec::resolved::{Features, Model, Refit, SegmentRule, Source};
use crate::spec::scalars::Days;
use crate::spec::types::{ModelSpec, SegmentSet, SegmentSetSpec, SegmentSpec};
use crate::spec::{expression, scores};

/// The rules that `rf_grid` stands for.
type Grid = Vec<(String, String)>;

/// Resolves the scores, segments and strategies of `model`; money is at `scale` decimal places, `grid` is what `rf_grid` stands for.
pub(super) fn resolve(report: &mut Report<'_>, spec: &ModelSpec, scale: u8, grid: &Grid) -> Model {
    let rfm = spec.rfm.as_ref().map(|rfm| scores::resolve(report, rfm, scale));
    let bins = rfm.as_ref().map(|rfm| rfm.bins);
    let mut rules = |key: &str, written: Option<&Vec<SegmentSpec>>| {
        segments(report, &format!("model.{key}"), written.map_or(&[], Vec::as_slice), bins, grid)
    };
    let objective_segments = rules("objective_segments", spec.objective_segments.as_ref());
    let subjective_segments = rules("subjective_segments", spec.subjective_segments.as_ref());
    let segments = rules("segments", spec.segments.as_ref());
    Model {
        refit: refit(report, spec),
        rfm,
        groups: groups(report, spec),
        strategies: strategies::resolve(report, spec, &segments, scale),
        suppress: strategies::suppress(report, spec),
        segments,
        objective_segments,
        subjective_segments,
        ..Model::default()
    }
}

fn refit(report: &mut Report<'_>, spec: &ModelSpec) -> Refit {
    match spec.refit.as_ref().map(|text| text.0.as_str()) {
        None | Some("always") => Refit::Always,
        Some("never") => Refit::Never,
        Some(days) => {
            let days = report.take("model.refit", Days(days.to_owned()).count());
            days.map_or(Refit::Always, Refit::EveryDays)
        }
    }
}

/// What `rf_grid` stands for, with the columns that are built.
pub(crate) fn grid(sources: &BTreeMap<SourceKind, Source>, features: &Features) -> Grid {
    let built = |source, family: FamilyKind, column: &str| {
        let wanted = features.only.as_ref().is_none_or(|only| only.contains(column));
        wanted && sources.contains_key(&source) && !features.leave_out.contains(family.name())
    };
    rf_grid(|column| match column {
        "interactions" => built(SourceKind::Interactions, FamilyKind::Interaction, column),
        "bids" => built(SourceKind::Bids, FamilyKind::Bidding, column),
        _ => false,
    })
}

/// The rules of the list at `list`.
fn segments(
    report: &mut Report<'_>,
    list: &str,
    written: &[SegmentSpec],
    bins: Option<u8>,
    grid: &Grid,
) -> Vec<SegmentRule> {
    let mut segments: Vec<SegmentRule> = Vec::new();
    for (position, segment) in written.iter().enumerate() {
        let path = format!("{list}[{position}]");
        for (name, when) in expand(report, &path, segment, bins, grid) {
            let parsed = report.parsed(&format!("{path}.when"), expression::sql(&when));
            if segments.iter().any(|before| before.name == name) {
                let path = if matches!(segment, SegmentSpec::Rule(_)) { format!("{path}.name") } else { path.clone() };
                report.add(&path, format!("segment `{name}` stands twice"), Some("join the rules with OR"));
            }
            segments.extend(parsed.map(|when| SegmentRule { name, when }));
        }
    }
    segments
}

/// The sets of `model.groups`: each has its own name.
fn groups(report: &mut Report<'_>, spec: &ModelSpec) -> Vec<Vec<String>> {
    let mut sets: Vec<Vec<String>> = Vec::new();
    for (position, written) in spec.groups.iter().flatten().enumerate() {
        let set: Vec<String> = written.iter().map(|name| name.0.clone()).collect();
        let path = format!("model.groups[{position}]");
        if set.iter().enumerate().any(|(place, name)| set[..place].contains(name)) {
            report.add(&path, "a column stands twice in the set", None);
        }
        if sets.contains(&set) {
            report.add(&path, "the set stands twice", None);
        }
        sets.push(set);
    }
    sets
}

fn expand(
    report: &mut Report<'_>,
    path: &str,
    segment: &SegmentSpec,
    bins: Option<u8>,
    grid: &Grid,
) -> Vec<(String, String)> {
    match segment {
        SegmentSpec::Rule(rule) => vec![(rule.name.0.clone(), rule.when.0.clone())],
        SegmentSpec::Use(SegmentSetSpec { set: SegmentSet::RfGrid }) => {
            let at = format!("{path}.use");
            match bins {
                Some(RF_GRID_BINS) => return grid.clone(),
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
