//! The value index, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Named, Weight};
use crate::spec::scalars::{Judgement, MissingText, ShareText};

/// What a customer is worth by many indicators at once, as one number from 0 to 1.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Index")]
pub struct IndexSpec {
    /// Who has an index. Default `buyers`.
    pub customers: Option<IndexCustomersSpec>,
    /// Groups of indicators: group, then columns of numbers, money or truth values, of features or of the models before. Each group
    /// `g` is a column `index_g`.
    pub tree: Named<Named<IndicatorSpec>>,
    /// What NULL counts as, where an indicator does not say so itself: `median`, `worst` or a number. Default `median`.
    pub missing: Option<MissingText>,
    /// How bounds of indicators are found. Default `percentiles`.
    pub bounds: Option<BoundsSpec>,
    /// How much groups count among each other, and indicators within their group, in any proportions; by their names. Default 1.
    pub weights: Option<Named<Weight>>,
    /// Weights by judgements of pairs (AHP), instead of proportions.
    pub ahp: Option<AhpSpec>,
    /// Weights by the data, joined with ours. Default: ours count alone.
    pub objective: Option<ObjectiveSpec>,
    /// How indicators and weights make the index. Default `saw`.
    pub ranking: Option<RankingSpec>,
    /// Names of tiers, the best first, with their shares of the customers, `100%` in all. Default: no tiers.
    pub tiers: Option<Named<ShareText>>,
}

/// Who has an index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "IndexCustomers")]
pub enum IndexCustomersSpec {
    /// Customers with orders; the others have NULL.
    #[default]
    Buyers,
    /// Everybody, prospects too.
    All,
}

/// How an indicator counts.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Indicator")]
pub struct IndicatorSpec {
    /// Which end is the good one. Default `benefit`.
    pub direction: Option<DirectionSpec>,
    /// What is done to values first. Default `log1p` for money, `identity` for all else.
    pub transform: Option<TransformSpec>,
    /// What NULL counts as: `median`, `worst` or a number, of money in whole units. Default: that of the index.
    pub missing: Option<MissingText>,
    /// Greatest value that counts in full. Default: none.
    pub cap: Option<f64>,
}

/// Which end of an indicator is the good one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Direction")]
pub enum DirectionSpec {
    /// More is better.
    #[default]
    Benefit,
    /// Less is better.
    Cost,
}

/// What is done to values first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Transform")]
pub enum TransformSpec {
    /// Nothing.
    Identity,
    /// The logarithm of 1 + the value, its sign kept: for amounts that differ by factors.
    Log1p,
}

/// How bounds of indicators are found; what is beyond counts as the bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Bounds")]
pub enum BoundsSpec {
    /// The 1st and the 99th percentile.
    #[default]
    Percentiles,
    /// The least and the greatest value.
    MinMax,
}

/// Judgements of pairs (Saaty 1980): a square of numbers, row by row in the order of the tree; `3` in row i and column j says that i
/// is three times as important as j, `1/3` the reverse.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ahp")]
pub struct AhpSpec {
    /// Squares by what they judge: `groups` for the groups of the tree, or the name of a group for its indicators.
    pub judgements: Named<Vec<Vec<Judgement>>>,
    /// What random judgements are like: the measure of consistency. Default `saaty_1980`.
    pub random_index: Option<RandomIndexSpec>,
    /// Takes judgements even when they contradict each other, with a consistency ratio above 0.1. Default false.
    pub allow_inconsistent: Option<bool>,
}

/// Published indices of random judgements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "RandomIndex")]
pub enum RandomIndexSpec {
    /// Saaty 1980.
    #[default]
    #[serde(rename = "saaty_1980")]
    Saaty1980,
    /// Saaty's later table.
    #[serde(rename = "saaty_later")]
    SaatyLater,
    /// Alonso and Lamata 2006.
    #[serde(rename = "alonso_lamata_2006")]
    AlonsoLamata2006,
}

/// Weights by the data: how much an indicator tells customers apart.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Objective")]
pub struct ObjectiveSpec {
    /// How the data weigh indicators.
    pub method: ObjectiveMethodSpec,
    /// How these weights join ours. Default `additive`.
    pub combine: Option<CombineSpec>,
    /// With `additive`: the share of our weights. Default 0.5.
    #[schemars(range(min = 0, max = 1))]
    pub alpha: Option<f64>,
}

/// How the data weigh indicators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ObjectiveMethod")]
pub enum ObjectiveMethodSpec {
    /// All the same.
    Equal,
    /// By standard deviation and by how little an indicator says that others say.
    Critic,
    /// By standard deviation.
    Std,
    /// By the entropy of values, which must not be negative.
    Entropy,
    /// By what leaving an indicator out changes; all values must be above 0.
    Merec,
}

/// How our weights and the data's become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Combine")]
pub enum CombineSpec {
    /// A share of each.
    #[default]
    Additive,
    /// Their products.
    Multiplicative,
    /// The shares that are nearest to both.
    GameTheory,
}

/// How indicators and weights make the index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Ranking")]
pub enum RankingSpec {
    /// The weighted mean.
    #[default]
    Saw,
    /// Nearness to the best of all values, away from the worst.
    Topsis,
    /// Compromise between the sum of regrets and the greatest.
    Vikor,
    /// Grey relation to the best of all values.
    Gra,
}
