//! The fitted value index as a card shows it.

use appraise_mcdm::{Ahp, Direction, References, Transform};
use serde::{Deserialize, Serialize};

/// A fitted value index: all that other customers need to be scored by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexCard {
    /// Customers that it was fitted to.
    pub customers: u64,
    /// The indicators, in the order of the tree.
    pub indicators: Vec<IndicatorCard>,
    /// How well judgements of pairs agree, where there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judgements: Vec<JudgementsCard>,
    /// The share of our weights in the combination, where there is such a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Whether the data told no indicator from another, so that their weights are equal.
    #[serde(default)]
    pub uninformative: bool,
    /// The index that is published.
    pub combined: LevelCard,
    /// The index by our weights alone, where the data have a say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subjective: Option<LevelCard>,
    /// The index by the data's weights alone, where the data have a say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<LevelCard>,
}

/// One fitted indicator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndicatorCard {
    /// Group of the tree.
    pub group: String,
    /// The column.
    pub column: String,
    /// Which end is the good one.
    pub direction: Direction,
    /// What is done to its values.
    pub transform: Transform,
    /// Lower bound, in the column's units (money in whole ones).
    pub low: f64,
    /// Upper bound; equal to `low` for a constant column, which counts 0 throughout.
    pub high: f64,
    /// What NULL counts as.
    pub missing: f64,
    /// Fitted customers for whom it is NULL.
    pub missing_customers: u64,
    /// Mean of its normalised values, from 0 to 1, over the fitted customers.
    pub mean: f64,
}

/// One set of weights with what scoring and classing by it needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelCard {
    /// Weights of the indicators; they sum to 1.
    pub weights: Vec<f64>,
    /// What the ranking compares customers with.
    pub references: References,
    /// The tiers, best first.
    pub tiers: Vec<TierCard>,
}

/// One tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierCard {
    /// Its name.
    pub tier: String,
    /// The least index that belongs to it and not to a better one; `None` when nobody was fitted to it or a worse one takes all.
    pub least: Option<f64>,
    /// Fitted customers in it.
    pub customers: u64,
}

/// How well judgements of pairs agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgementsCard {
    /// `groups`, or the group whose indicators were judged.
    pub of: String,
    /// Weights and consistency.
    pub found: Ahp,
}
