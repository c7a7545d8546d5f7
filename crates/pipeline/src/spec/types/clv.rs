//! Customer lifetime value, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::scalars::{DateText, HorizonText, MarginText, Name, RateText};

/// What customers are expected to bring within a horizon, at today's value.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Clv")]
pub struct ClvSpec {
    /// How often customers come back, and whether they still will. Default `mbg_nbd`.
    pub purchases: Option<PurchasesSpec>,
    /// How far ahead to look. Default `12mo`.
    pub horizon: Option<HorizonText>,
    /// What money a year later is worth less. Default `10%/y`.
    pub discount_rate: Option<RateText>,
    /// When in a month its purchases are paid. Default `mid`.
    pub timing: Option<TimingSpec>,
    /// What of the spend is earned: a share, or a column of doubles. Default `100%`: the value of revenue.
    pub margin: Option<MarginText>,
    /// Attributes, fixed when a customer enters, whose groups are fitted each by itself, leaning on the whole. Default: none.
    pub fit_by: Option<Vec<Name>>,
    /// Columns, known when a customer enters, that scale the customer's purchase rate and dropout: attributes, own columns, columns
    /// of references, `first_purchase_amount`. Only with `purchases: bg_nbd` or `pareto_nbd`, not with `fit_by`. Default: none.
    #[schemars(length(max = 8))]
    pub covariates: Option<Vec<Name>>,
    /// What stands in when the data have no fit. Default: none, the run fails.
    pub fallback: Option<FallbackSpec>,
    /// First day of the data when older purchases were cut off: customers first seen within 365 days of it are valued, but not
    /// fitted. Default: nothing was cut off.
    pub history_start: Option<DateText>,
    /// Customers who bought first before this date are valued, but not fitted. Default: all are fitted.
    pub fit_from: Option<DateText>,
    /// Gives the probability of 0, 1, ... so many purchases a column each. Default: no such columns.
    #[schemars(range(min = 0, max = 20))]
    pub probabilities: Option<u8>,
}

/// The models of purchases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Purchases")]
pub enum PurchasesSpec {
    /// A customer may leave after any purchase, the first too.
    #[default]
    MbgNbd,
    /// A customer may leave after any repeat purchase.
    BgNbd,
    /// A customer may leave at any time.
    ParetoNbd,
    /// One opportunity to buy in every purchase period.
    BgBb,
    /// Of the first three the one that foretells customers best that it was not fitted to.
    Auto,
}

/// When in a month its purchases are paid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Timing")]
pub enum TimingSpec {
    /// In its middle.
    #[default]
    Mid,
    /// At its end.
    End,
}

/// What stands in for a model of purchases without a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Fallback")]
pub enum FallbackSpec {
    /// Everybody buys again at the mean rate.
    Mean,
    /// Everybody buys as often as in the last 365 days; needs the window `365d`.
    LastYearRepeat,
}
