//! Customer lifetime value.

use std::collections::BTreeMap;

use appraise_model::{ClvConfig, Fallback, Margin, PurchaseChoice, PurchaseKind, Timing};
use appraise_schema::{AsOf, DiscountRate, Horizon, Share, SourceKind};

use super::{Report, attributes};
use crate::spec::problem::did_you_mean;
use crate::spec::resolved::{Features, ReferenceTable, Source};
use crate::spec::scalars::{DateText, Name};
use crate::spec::types::{ClvSpec, FallbackSpec, PurchasesSpec, TimingSpec};

/// The window that `last_year_repeat` reads.
const YEAR: u32 = 365;
/// The feature of purchases that is known from the first on.
const FIRST_AMOUNT: &str = "first_purchase_amount";

/// Resolves `model.clv` against the attributes of `sources` and the built `features`.
pub(super) fn resolve(
    report: &mut Report<'_>,
    spec: &ClvSpec,
    sources: &BTreeMap<SourceKind, Source>,
    references: &BTreeMap<String, ReferenceTable>,
    features: &Features,
) -> Option<ClvConfig> {
    if !sources.contains_key(&SourceKind::Transactions) {
        let hint = Some("map it, or leave `clv` out");
        report.add("model.clv", "lifetime values need `sources.transactions`", hint);
    }
    let horizon = match &spec.horizon {
        Some(text) => report.take("model.clv.horizon", text.0.parse::<Horizon>())?,
        None => Horizon::YEAR,
    };
    let discount_rate = match &spec.discount_rate {
        Some(text) => report.take("model.clv.discount_rate", text.0.parse::<DiscountRate>())?,
        None => DiscountRate::TENTH,
    };
    let history_start = day(report, "model.clv.history_start", spec.history_start.as_ref());
    let fit_from = day(report, "model.clv.fit_from", spec.fit_from.as_ref());
    let purchases = purchases(spec.purchases.unwrap_or_default());
    Some(ClvConfig {
        purchases,
        horizon,
        discount_rate,
        timing: match spec.timing.unwrap_or_default() {
            TimingSpec::Mid => Timing::Mid,
            TimingSpec::End => Timing::End,
        },
        margin: margin(report, spec)?,
        fit_by: attributes(report, "model.clv.fit_by", spec.fit_by.as_deref(), sources),
        covariates: covariates(report, spec, purchases, sources, references, features),
        fallback: fallback(report, spec, features),
        history_start,
        fit_from,
        probabilities: spec.probabilities,
        unit_days: features.time_unit.days(),
        period_days: features.purchase_period.length_days(),
    })
}

/// The day of a date that need not be there.
fn day(report: &mut Report<'_>, path: &str, written: Option<&DateText>) -> Option<i32> {
    report.take(path, written?.0.parse::<AsOf>()).map(AsOf::day)
}

/// The columns of `covariates`: of those that can be known when a customer enters.
fn covariates(
    report: &mut Report<'_>,
    spec: &ClvSpec,
    purchases: PurchaseChoice,
    sources: &BTreeMap<SourceKind, Source>,
    references: &BTreeMap<String, ReferenceTable>,
    features: &Features,
) -> Vec<String> {
    let path = "model.clv.covariates";
    let written = spec.covariates.as_deref().unwrap_or_default();
    if !written.is_empty() && !purchases.takes_covariates() {
        let hint = Some("say `purchases: bg_nbd` or `purchases: pareto_nbd`, or leave `covariates` out");
        report.add(path, "only `bg_nbd` and `pareto_nbd` are known with covariates", hint);
    }
    if !written.is_empty() && spec.fit_by.as_ref().is_some_and(|fit_by| !fit_by.is_empty()) {
        let hint = Some("put the attributes of `fit_by` among the covariates, or leave one of the two out");
        report.add(path, "the groups of `fit_by` are fitted without covariates", hint);
    }
    let attributes = sources.values().flat_map(|source| &source.attributes).map(|(name, _)| name);
    let of_tables = references.values().flat_map(|table| &table.columns).map(|(name, _)| name);
    let own = features.own.iter().map(|(name, _)| name);
    let known: Vec<&str> = attributes.chain(of_tables).chain(own).map(String::as_str).chain([FIRST_AMOUNT]).collect();
    let mut named: Vec<String> = Vec::new();
    for (position, Name(name)) in written.iter().enumerate() {
        let path = format!("{path}[{position}]");
        if !known.contains(&name.as_str()) {
            let hint = did_you_mean(name, &known);
            let hint = hint
                .as_deref()
                .or(Some("name attributes, own columns, columns of `references`, `first_purchase_amount`"));
            report.add(&path, format!("`{name}` is not known when a customer enters"), hint);
        } else if named.contains(name) {
            report.add(&path, format!("covariate `{name}` stands twice"), None);
        }
        named.push(name.clone());
    }
    named
}

fn purchases(written: PurchasesSpec) -> PurchaseChoice {
    PurchaseChoice::Fixed(match written {
        PurchasesSpec::MbgNbd => PurchaseKind::MbgNbd,
        PurchasesSpec::BgNbd => PurchaseKind::BgNbd,
        PurchasesSpec::ParetoNbd => PurchaseKind::ParetoNbd,
        PurchasesSpec::BgBb => PurchaseKind::BgBb,
        PurchasesSpec::Auto => return PurchaseChoice::Auto,
    })
}

fn margin(report: &mut Report<'_>, spec: &ClvSpec) -> Option<Margin> {
    let Some(written) = &spec.margin else { return Some(Margin::Share(1.0)) };
    if !written.0.ends_with('%') {
        return Some(Margin::Column(written.0.clone()));
    }
    let share = report.take("model.clv.margin", written.0.parse::<Share>())?.fraction();
    if share == 0.0 {
        report.add("model.clv.margin", "nothing would be earned", Some("give the share of the spend that is earned"));
    }
    Some(Margin::Share(share))
}

fn fallback(report: &mut Report<'_>, spec: &ClvSpec, features: &Features) -> Option<Fallback> {
    let fallback = match spec.fallback? {
        FallbackSpec::Mean => Fallback::Mean,
        FallbackSpec::LastYearRepeat => Fallback::LastYearRepeat,
    };
    if fallback == Fallback::LastYearRepeat && !features.windows.iter().any(|window| window.days() == YEAR) {
        let message = "`last_year_repeat` reads the window `365d`, which is not built";
        report.add("model.clv.fallback", message, Some("add `365d` to `features.windows`"));
    }
    Some(fallback)
}
