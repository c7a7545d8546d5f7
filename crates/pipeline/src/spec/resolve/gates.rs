//! What must hold before anything is published.

use appraise_schema::Horizon;

use super::Report;
use crate::spec::resolved::{BacktestGate, CompareGate, Gates, Model};
use crate::spec::types::{BacktestSpec, CompareSpec, GatesSpec};
use crate::stages;

/// Resolves `gates` of a pipeline with `model`.
pub(super) fn resolve(report: &mut Report<'_>, spec: &GatesSpec, model: &Model) -> Gates {
    Gates {
        backtest: spec.backtest.as_ref().and_then(|gate| backtest(report, gate, model)),
        compare: spec.compare.as_ref().map(|gate| compare(report, gate, model)),
    }
}

fn compare(report: &mut Report<'_>, spec: &CompareSpec, model: &Model) -> CompareGate {
    const AT: &str = "gates.compare";
    let max_segment_shift = report.share("gates.compare.max_segment_shift", spec.max_segment_shift.as_ref());
    if spec.max_psi.is_none() && spec.max_segment_shift.is_none() {
        report.add(AT, "there is no limit", Some("add `max_psi: 0.25` or `max_segment_shift: 10%`"));
    }
    if stages::model_config(model).is_none() {
        report.add(AT, "there are no values to compare", Some("add a model to `model`, or take the gate away"));
    } else if spec.max_segment_shift.is_some() && model.segments.is_empty() {
        let hint = Some("add rules to `model.segments`, or take the limit away");
        report.add("gates.compare.max_segment_shift", "there are no segments to compare", hint);
    }
    CompareGate { max_psi: spec.max_psi, max_segment_shift }
}

fn backtest(report: &mut Report<'_>, spec: &BacktestSpec, model: &Model) -> Option<BacktestGate> {
    if model.clv.is_none() {
        let hint = Some("add `clv: {}` to `model`, or take the gate away");
        report.add("gates.backtest", "there are no lifetime values to judge", hint);
    }
    let holdout = report.take("gates.backtest.holdout", spec.holdout.0.parse::<Horizon>())?;
    let max_bias = report.share("gates.backtest.max_bias", spec.max_bias.as_ref());
    let every = spec.every.as_ref();
    let every_days = every.and_then(|days| report.take("gates.backtest.every", days.count()));
    Some(BacktestGate { holdout_days: holdout.whole_days(), max_bias, min_gini_gain: spec.min_gini_gain, every_days })
}
