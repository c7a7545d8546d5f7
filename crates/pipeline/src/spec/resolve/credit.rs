//! Whether customers will pay.

use std::collections::BTreeMap;

use appraise_feature_engineering::FamilyKind;
use appraise_model::{CreditConfig, Exposure, Grade};
use appraise_schema::{Share, SourceKind};

use super::{Report, attributes};
use crate::spec::resolved::{Features, Source};
use crate::spec::types::{CreditRiskSpec, ExposureSpec};

const PATH: &str = "model.credit";
/// Share of an unpaid invoice that is lost, unless the pipeline says otherwise.
const LOST: f64 = 0.6;
/// The grades, unless the pipeline says otherwise.
const GRADES: [(&str, f64); 4] = [("A", 0.01), ("B", 0.03), ("C", 0.08), ("D", 1.0)];

/// Resolves `model.credit` against `sources` and the built `features`.
pub(super) fn resolve(
    report: &mut Report<'_>,
    spec: &CreditRiskSpec,
    sources: &BTreeMap<SourceKind, Source>,
    features: &Features,
) -> Option<CreditConfig> {
    if !sources.contains_key(&SourceKind::Invoices) {
        let hint = Some("map it, or leave `credit` out");
        report.add(PATH, "the probability of default needs `sources.invoices`", hint);
    }
    let family = FamilyKind::Credit.name();
    if features.leave_out.contains(family) {
        let message = format!("the model needs the features of `{family}`, which are left out");
        report.add(PATH, message, Some("take it off `features.leave_out`"));
    }
    let exposure = match spec.exposure.unwrap_or_default() {
        ExposureSpec::Outstanding => Exposure::Outstanding,
        ExposureSpec::CreditLimit => Exposure::CreditLimit,
    };
    let knows_limit = sources.get(&SourceKind::Customers).is_some_and(|source| source.maps("credit_limit"));
    if exposure == Exposure::CreditLimit && !knows_limit {
        let message = "`credit_limit` needs the column `credit_limit` of `sources.customers`, which is not mapped";
        report.add("model.credit.exposure", message, Some("map it, or choose `outstanding`"));
    }
    let path = "model.credit.loss_given_default";
    let lost = match &spec.loss_given_default {
        Some(written) => report.take(path, written.share())?,
        None => Share::from_fraction(LOST).ok()?,
    };
    if lost.fraction() == 0.0 {
        report.add(path, "nothing would be lost", Some("give the share of an unpaid invoice that is lost in the end"));
    }
    Some(CreditConfig {
        loss_given_default: lost,
        exposure,
        group_by: attributes(report, "model.credit.group_by", spec.group_by.as_deref(), sources),
        grades: grades(report, spec)?,
    })
}

/// The grades: each takes what lies above the one before.
fn grades(report: &mut Report<'_>, spec: &CreditRiskSpec) -> Option<Vec<Grade>> {
    let path = "model.credit.grades";
    let Some(written) = &spec.grades else {
        let grade = |(name, up_to): (&str, f64)| {
            Some(Grade { name: name.to_owned(), up_to: Share::from_fraction(up_to).ok()? })
        };
        return GRADES.into_iter().map(grade).collect();
    };
    let mut grades: Vec<Grade> = Vec::new();
    for (name, bound) in &written.0 {
        let path = format!("{path}.{}", name.0);
        let up_to = report.take(&path, bound.share())?;
        if grades.last().is_some_and(|before| before.up_to >= up_to) {
            report.add(&path, "the bound is not above that of the grade before", Some("write the best grade first"));
        }
        grades.push(Grade { name: name.0.clone(), up_to });
    }
    if grades.last().is_none_or(|last| last.up_to.fraction() < 1.0) {
        let hint = Some("give the last grade `100%`, so that every customer has one");
        report.add(path, "the last grade does not reach 100%", hint);
    }
    Some(grades)
}
