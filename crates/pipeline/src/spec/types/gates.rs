//! What must hold before anything is published, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::spec::scalars::{Days, HorizonText, ShareText};

/// What must hold before anything is published: a gate that is not passed publishes nothing and exits 5.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Gates")]
pub struct GatesSpec {
    /// How well lifetime values must have foretold the last days. Default: no such gate.
    pub backtest: Option<BacktestSpec>,
}

/// How well lifetime values, fitted to what was known some time ago, must have foretold what came since.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Backtest")]
pub struct BacktestSpec {
    /// How long ago the cut is.
    pub holdout: HorizonText,
    /// Greatest bias of all purchases, too many or too few. Default: any.
    pub max_bias: Option<ShareText>,
    /// Least gain of the Gini coefficient of revenue over the best simple rule (mean, last year, historic rate). Default: any.
    #[schemars(range(min = -1, max = 1))]
    pub min_gini_gain: Option<f64>,
    /// Judges only when the newest published run that passed, under the same gate and lifetime values, is at least so long ago, by
    /// `as_of`. Default: every run.
    pub every: Option<Days>,
}
