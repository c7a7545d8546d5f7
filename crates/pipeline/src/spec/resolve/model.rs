//! How customers are valued.

use appraise_model::{RF_GRID, RF_GRID_BINS};

use super::Report;
use crate::spec::resolved::{Model, SegmentRule};
use crate::spec::types::{ModelSpec, SegmentSet, SegmentSetSpec, SegmentSpec};
use crate::spec::{expression, scores};

/// Resolves the scores and segments of `model`; cut-offs of money are at `scale` decimal places.
pub(super) fn resolve(report: &mut Report<'_>, spec: &ModelSpec, scale: u8) -> Model {
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
    let groups = groups(report, spec);
    Model { rfm, clv: None, potential: None, k_means: None, index: None, groups, segments }
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
