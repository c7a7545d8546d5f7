//! Classes of customers, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::spec::scalars::{Decimal, Name, ShareText};

/// The few customers that most of the value comes from, and the many others.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Abc")]
pub struct AbcSpec {
    /// Column of money or numbers whose sum is shared out. Default `gross_margin` where margins are mapped, else `net_revenue`.
    pub measure: Option<Name>,
    /// Customers are A while those before them hold less than this share of the sum. Default `80%`.
    pub a: Option<ShareText>,
    /// And B while those before them hold less than this one. Default `95%`.
    pub b: Option<ShareText>,
}

/// How evenly customers spend: by `spend_cv`, the coefficient of variation of the spend of a `features.spend_period`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Xyz")]
pub struct XyzSpec {
    /// Greatest `spend_cv` of class X. Default 0.5.
    #[schemars(range(min = 0))]
    pub x: Option<f64>,
    /// Greatest `spend_cv` of class Y. Default 1.
    #[schemars(range(min = 0))]
    pub y: Option<f64>,
}

/// What customers bring today against what they may bring: keep, grow, harvest, review.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ValueMatrix")]
pub struct ValueMatrixSpec {
    /// Today. Its column is by default `gross_margin` where margins are mapped, else `net_revenue`.
    pub current: Option<AxisSpec>,
    /// In future. Its column is by default `clv`, or `potential_value` where there is no `clv`.
    pub future: Option<AxisSpec>,
}

/// An axis of the value matrix, and where high begins on it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ValueAxis")]
pub struct AxisSpec {
    /// Column of money or numbers, a feature or what a model before gives.
    pub column: Option<Name>,
    /// High are the largest values that at most this share of the customers has. Default `50%`: above the median.
    pub top: Option<ShareText>,
    /// High is this value and above; instead of `top`.
    pub at: Option<Decimal>,
}

/// Where customers stand: prospect, new, active, cooling, dormant, lost, won back.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Lifecycle")]
pub struct LifecycleSpec {
    /// Whoever bought within so many days is new, won back or active, whatever the rhythm. Default 90.
    #[schemars(range(min = 0, max = 99_999))]
    pub new_days: Option<u32>,
    /// Whoever has not bought for more days is lost, and won back if there is another purchase. Default 730.
    #[schemars(range(min = 1, max = 99_999))]
    pub lost_days: Option<u32>,
    /// Active customers bought at most so many of their own mean gaps ago. Default 1.5.
    #[schemars(range(min = 0))]
    pub active: Option<f64>,
    /// The same of cooling customers. Default 3.
    #[schemars(range(min = 0))]
    pub cooling: Option<f64>,
    /// The same of dormant customers; beyond, they are lost. Default 6.
    #[schemars(range(min = 0))]
    pub dormant: Option<f64>,
    /// Attributes that say whose rhythm stands for customers of one purchase: that of alike customers, the widest group first.
    /// Default: none, that of all.
    pub group_by: Option<Vec<Name>>,
    /// Customers of a group with fewer repeaters take the rhythm of the group around it. Default 30.
    #[schemars(range(min = 1))]
    pub min_repeaters: Option<u64>,
}
