//! What customers may be worth: the attributes and the market that say so.

use std::collections::BTreeMap;

use appraise_feature_engineering::FamilyKind;
use appraise_schema::{Horizon, Share, SourceKind};

use super::{Report, attributes};
use crate::spec::problem::did_you_mean;
use crate::spec::resolved::{Features, Potential, ReferenceTable, Source};
use crate::spec::types::PotentialSpec;

const PATH: &str = "model.potential";
/// Share of the yearly margins that count in full, unless the pipeline says otherwise.
const WINSORISE: f64 = 0.99;

/// Resolves `model.potential` against the attributes of `sources`, the columns of `references` and the built `features`.
pub(super) fn resolve(
    report: &mut Report<'_>,
    spec: &PotentialSpec,
    sources: &BTreeMap<SourceKind, Source>,
    references: &BTreeMap<String, ReferenceTable>,
    features: &Features,
) -> Option<Potential> {
    for kind in [SourceKind::Transactions, SourceKind::Customers] {
        if !sources.contains_key(&kind) {
            let message = format!("the yearly margins of customers need `sources.{}`", kind.name());
            report.add(PATH, message, Some("map it, or leave `potential` out"));
        }
    }
    let family = FamilyKind::Potential.name();
    if features.leave_out.contains(family) {
        let message = format!("the model needs the features of `{family}`, which are left out");
        report.add(PATH, message, Some("take it off `features.leave_out`"));
    }
    let horizon = match &spec.horizon {
        Some(text) => report.take("model.potential.horizon", text.0.parse::<Horizon>())?,
        None => Horizon::YEAR,
    };
    Some(Potential {
        by: attributes(report, "model.potential.by", spec.by.as_deref(), sources),
        demand: demand(report, spec, references),
        horizon,
        winsorise: winsorise(report, spec)?,
    })
}

fn demand(
    report: &mut Report<'_>,
    spec: &PotentialSpec,
    references: &BTreeMap<String, ReferenceTable>,
) -> Option<String> {
    let name = &spec.demand.as_ref()?.0;
    let columns = references.values().flat_map(|table| &table.columns);
    let known: Vec<&str> = columns.map(|(name, _)| name.as_str()).collect();
    if !known.contains(&name.as_str()) {
        let hint = did_you_mean(name, &known);
        let hint = hint.as_deref().or(Some("give it in the `columns` of a table of `references`"));
        report.add("model.potential.demand", format!("`{name}` is not a column of `references`"), hint);
    }
    Some(name.clone())
}

fn winsorise(report: &mut Report<'_>, spec: &PotentialSpec) -> Option<Share> {
    let path = "model.potential.winsorise";
    let Some(written) = &spec.winsorise else { return Share::from_fraction(WINSORISE).ok() };
    let share = report.take(path, written.share())?;
    if share.fraction() == 0.0 {
        report.add(path, "no margin would count in full", Some("`100%` leaves all margins as they are"));
    }
    Some(share)
}
