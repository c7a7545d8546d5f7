//! Customer lifetime value.

use std::collections::BTreeMap;

use appraise_model::{ClvConfig, Fallback, Margin, PurchaseChoice, PurchaseKind, Timing};
use appraise_schema::{AsOf, DiscountRate, Horizon, Share, SourceKind};

use super::{Report, attributes};
use crate::spec::resolved::{Features, Source};
use crate::spec::types::{ClvSpec, FallbackSpec, PurchasesSpec, TimingSpec};

/// The window that `last_year_repeat` reads.
const YEAR: u32 = 365;

/// Resolves `model.clv` against the attributes of `sources` and the built `features`.
pub(super) fn resolve(
    report: &mut Report<'_>,
    spec: &ClvSpec,
    sources: &BTreeMap<SourceKind, Source>,
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
    let history_start = match &spec.history_start {
        Some(date) => Some(report.take("model.clv.history_start", date.0.parse::<AsOf>())?.day()),
        None => None,
    };
    Some(ClvConfig {
        purchases: purchases(spec.purchases.unwrap_or_default()),
        horizon,
        discount_rate,
        timing: match spec.timing.unwrap_or_default() {
            TimingSpec::Mid => Timing::Mid,
            TimingSpec::End => Timing::End,
        },
        margin: margin(report, spec)?,
        fit_by: attributes(report, "model.clv.fit_by", spec.fit_by.as_deref(), sources),
        fallback: fallback(report, spec, features),
        history_start,
        probabilities: spec.probabilities,
        unit_days: features.time_unit.days(),
        period_days: features.purchase_period.length_days(),
    })
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
