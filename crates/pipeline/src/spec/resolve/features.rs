//! What is derived of each customer.

use appraise_feature_engineering::InteractionConfig;
use appraise_schema::{PurchasePeriod, SpendPeriod, TimeUnit, WindowDays};

use super::Report;
use crate::spec::expression;
use crate::spec::resolved::Features;
use crate::spec::scalars::{Days, Window};
use crate::spec::types::{FeaturesSpec, InteractionSpec, PurchasePeriodSpec, SpendPeriodSpec, TimeUnitSpec};

/// Most windows of a pipeline.
const MAX_WINDOWS: usize = 20;
/// Days until an unpaid invoice is in default, unless the pipeline says otherwise.
const DEFAULT_DAYS: u32 = 90;
/// Seconds before the close in which a bid is late, unless the pipeline says otherwise.
const LATE_BID_SECONDS: u32 = 60;
/// Days until a registration is a no-show, unless the pipeline says otherwise.
const NO_SHOW_DAYS: u32 = 30;

/// Resolves `features`.
pub(super) fn resolve(report: &mut Report<'_>, spec: &FeaturesSpec) -> Features {
    let credit = spec.credit.clone().unwrap_or_default();
    let bidding = spec.bidding.clone().unwrap_or_default();
    let own = spec.columns.iter().flat_map(|columns| &columns.0).map(|(name, sql)| (name, sql.0.as_str()));
    Features {
        purchase_period: match spec.purchase_period {
            None | Some(PurchasePeriodSpec::Day) => PurchasePeriod::Day,
            Some(PurchasePeriodSpec::Week) => PurchasePeriod::Week,
            Some(PurchasePeriodSpec::Month) => PurchasePeriod::Month,
        },
        time_unit: match spec.time_unit {
            None | Some(TimeUnitSpec::Day) => TimeUnit::Day,
            Some(TimeUnitSpec::Week) => TimeUnit::Week,
        },
        spend_period: match spec.spend_period {
            None | Some(SpendPeriodSpec::Quarter) => SpendPeriod::Quarter,
            Some(SpendPeriodSpec::Week) => SpendPeriod::Week,
            Some(SpendPeriodSpec::Month) => SpendPeriod::Month,
            Some(SpendPeriodSpec::Year) => SpendPeriod::Year,
        },
        windows: windows(report, spec.windows.as_deref()),
        leave_out: spec.leave_out.iter().flatten().map(|family| family.0.clone()).collect(),
        interaction: interaction(report, &spec.interaction.clone().unwrap_or_default()),
        default_days: days(report, "features.credit.default_after", credit.default_after.as_ref(), DEFAULT_DAYS),
        late_bid_seconds: bidding.late_bid_seconds.unwrap_or(LATE_BID_SECONDS),
        no_show_days: days(report, "features.bidding.no_show_after", bidding.no_show_after.as_ref(), NO_SHOW_DAYS),
        own: report.named("features.columns", own, expression::sql),
        only: spec.only.as_ref().map(|only| only.iter().cloned().collect()),
    }
}

fn windows(report: &mut Report<'_>, written: Option<&[Window]>) -> Vec<WindowDays> {
    let texts: Vec<String> = match written {
        Some(windows) => windows.iter().map(|window| window.0.clone()).collect(),
        None => ["30d", "90d", "365d"].map(str::to_owned).to_vec(),
    };
    let mut windows: Vec<WindowDays> = Vec::new();
    for (position, text) in texts.iter().enumerate().take(MAX_WINDOWS) {
        let path = format!("features.windows[{position}]");
        let Some(window) = report.take(&path, text.parse::<WindowDays>()) else { continue };
        if windows.contains(&window) {
            report.add(&path, format!("window `{window}` stands twice"), None);
        } else {
            windows.push(window);
        }
    }
    windows.sort_unstable();
    windows
}

fn interaction(report: &mut Report<'_>, spec: &InteractionSpec) -> InteractionConfig {
    let default = InteractionConfig::default();
    let half_life_days = match &spec.half_life {
        Some(days) => report.take("features.interaction.half_life", days.count()).map(f64::from),
        None => None,
    };
    let kind_weights = spec
        .kind_weights
        .as_ref()
        .map(|weights| weights.iter().map(|(kind, weight)| (kind.0.clone(), weight.0)).collect());
    InteractionConfig {
        half_life_days: half_life_days.unwrap_or(default.half_life_days),
        kind_weights: kind_weights.unwrap_or(default.kind_weights),
    }
}

fn days(report: &mut Report<'_>, path: &str, written: Option<&Days>, default: u32) -> u32 {
    written.and_then(|days| report.take(path, days.count())).unwrap_or(default)
}
