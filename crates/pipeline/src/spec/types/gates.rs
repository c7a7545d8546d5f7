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
    /// How far values may be from those of the newest published date before. Default: no such gate.
    pub compare: Option<CompareSpec>,
}

/// How far the values of a night may be from those of the newest published date before; without one everything passes.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Compare")]
pub struct CompareSpec {
    /// Greatest population stability index of any score, value or other number that is compared; 0.25 is a distribution that has
    /// changed. Default: any.
    #[schemars(range(min = 0))]
    pub max_psi: Option<f64>,
    /// Greatest difference of any segment's share of the customers. Default: any.
    pub max_segment_shift: Option<ShareText>,
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
