//! What is done about customers, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::named::Named;
use crate::spec::scalars::{Decimal, Name, ShareText, Sql, Text};

/// What is done about the customers of some segments.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Strategy")]
pub struct StrategySpec {
    /// The segments that it is for; `unassigned` are the customers whom no rule takes. A segment has one strategy at most.
    #[serde(rename = "for")]
    #[schemars(length(min = 1))]
    pub segments: Vec<Name>,
    /// What is done, such as `[private_view, specialist_call]`.
    #[schemars(length(min = 1, max = 16))]
    pub actions: Vec<Name>,
    /// By which channel. Default: not said.
    pub channel: Option<Text>,
    /// Who does it. Default: not said.
    pub owner: Option<Text>,
    /// What treating a customer costs, in `money.unit`. Default: nothing, and no sums of spending.
    pub budget: Option<Decimal>,
    /// The most customers of a run: those of the highest expected gain, or without `uplift` of the highest value of `gain`.
    /// Default: all.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub cap: Option<u64>,
    /// Share of `gain` that the actions are expected to add. Default: not known, and no expected gain.
    pub uplift: Option<ShareText>,
    /// Column of money that the actions lift. Default `clv`.
    pub gain: Option<Name>,
    /// Share of the customers, by the hash of their keys, who are left untreated, so that the others can be compared with them.
    /// Default `0%`.
    pub control_share: Option<ShareText>,
    /// Why this is done, for those who do it. Default: not said.
    pub reason: Option<Text>,
}

/// Customers about whom nothing is done: one rule, or several with names that say why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Suppress")]
pub enum SuppressSpec {
    /// SQL over the built columns, `segment` and `strategy` too; NULL is not met.
    Rule(Sql),
    /// Rules by their names; the first that is true is the reason.
    Named(Named<Sql>),
}
