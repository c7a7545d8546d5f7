//! What must hold before anything is published.

use appraise_schema::Horizon;

use super::Report;
use crate::spec::resolved::{BacktestGate, Gates, Model};
use crate::spec::types::{BacktestSpec, GatesSpec};

/// Resolves `gates` of a pipeline with `model`.
pub(super) fn resolve(report: &mut Report<'_>, spec: &GatesSpec, model: &Model) -> Gates {
    Gates { backtest: spec.backtest.as_ref().and_then(|gate| backtest(report, gate, model)) }
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
