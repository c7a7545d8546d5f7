//! How customers are valued, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::classes::{AbcSpec, LifecycleSpec, ValueMatrixSpec, XyzSpec};
use super::clv::ClvSpec;
use super::credit::CreditRiskSpec;
use super::index::IndexSpec;
use super::k_means::KMeansSpec;
use super::named::Named;
use super::strategies::{StrategySpec, SuppressSpec};
use crate::spec::scalars::{Decimal, HorizonText, Name, RefitText, SegmentName, ShareText, Sql};

/// How customers are valued.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Model")]
pub struct ModelSpec {
    /// When models are fitted: `always`, at every date; `never`, as long as an earlier date has fitted ones; or once the newest fit
    /// is so long ago, such as `7d`. Until then cut-offs and parameters are those of the newest earlier date, so that scores
    /// compare across dates. Default `always`.
    pub refit: Option<RefitText>,
    /// Scores of recency, frequency and money; `{}` for the defaults. Without it customers have no scores.
    pub rfm: Option<RfmSpec>,
    /// Whether customers will pay; `{}` for the defaults. Without it there is no probability of default.
    pub credit: Option<CreditRiskSpec>,
    /// What customers are expected to bring; `{}` for the defaults. Without it there is no such value.
    pub clv: Option<ClvSpec>,
    /// What a customer may be worth, by own years and those of alike customers; `{}` for the defaults. Without it there is no
    /// such value.
    pub potential: Option<PotentialSpec>,
    /// The few customers that most of the value comes from; `{}` for the defaults. Without it there are no such classes.
    pub abc: Option<AbcSpec>,
    /// How evenly customers spend; `{}` for the defaults. Without it there are no such classes.
    pub xyz: Option<XyzSpec>,
    /// What customers bring today against what they may bring; `{}` for the defaults. Without it there are no such cells.
    pub value_matrix: Option<ValueMatrixSpec>,
    /// Where customers stand between a first contact and being lost; `{}` for the defaults. Without it there is no such column.
    pub lifecycle: Option<LifecycleSpec>,
    /// Clusters of customers who are alike. Without it there are none.
    pub k_means: Option<KMeansSpec>,
    /// What a customer is worth by many indicators at once. Without it there is no such number.
    pub index: Option<IndexSpec>,
    /// Groups of customers to be valued, each a list of text columns such as `[industry, segment]`: one row of `group_values` for each
    /// of their values; all customers are always a group. Default: none, and no such table.
    #[schemars(inner(length(min = 1, max = 8)))]
    pub groups: Option<Vec<Vec<Name>>>,
    /// Who belongs to which segment: the first rule that is true wins. Default: none.
    pub segments: Option<Vec<SegmentSpec>>,
    /// The same by recorded facts: the column `objective_segment`. Default: none.
    pub objective_segments: Option<Vec<SegmentSpec>>,
    /// The same by feedback, stated needs, the manager's rating: the column `subjective_segment`. Default: none.
    pub subjective_segments: Option<Vec<SegmentSpec>>,
    /// What is done about the customers of which segments, by names of your choice: a row of `customer_actions` for each of them.
    /// Default: nothing, and no such table.
    pub strategies: Option<Named<StrategySpec>>,
    /// Customers about whom nothing is done whatever their strategy; their rows stay, and say why. Default: none.
    pub suppress: Option<SuppressSpec>,
}

/// Scores of recency, frequency and money; the largest score is always best.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rfm")]
pub struct RfmSpec {
    /// Number of scores. Default 5.
    #[schemars(range(min = 2, max = 10))]
    pub bins: Option<u8>,
    /// Relative weights of the three scores in `rfm_score`. Default 1 each.
    pub score_weights: Option<ScoreWeights>,
    /// Score of `days_since_last_purchase`: fewest is best.
    pub recency: Option<ScoreSpec>,
    /// Score of `purchase_periods`.
    pub frequency: Option<FrequencySpec>,
    /// Score of `net_revenue`.
    pub monetary: Option<ScoreSpec>,
}

/// Relative weights of the three scores.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreWeights {
    /// Of recency. Default 1.
    #[schemars(range(min = 0))]
    pub r: Option<f64>,
    /// Of frequency. Default 1.
    #[schemars(range(min = 0))]
    pub f: Option<f64>,
    /// Of money. Default 1.
    #[schemars(range(min = 0))]
    pub m: Option<f64>,
}

/// How values become scores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreMethod {
    /// By rank among the customers: about equally many in each score.
    #[default]
    Quantile,
    /// By rank among the customers of equal scores before: frequency within each recency score, money within each pair of both.
    Nested,
    /// By given cut-offs.
    Thresholds,
}

/// Which score a block of equal values gets, or whether it is split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// The score of its lowest rank.
    Low,
    /// The score of its middle.
    #[default]
    Mid,
    /// The score of its highest rank.
    High,
    /// It is split by customer key into equal shares.
    Split,
}

/// How one of the three scores is made.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Score")]
pub struct ScoreSpec {
    /// `quantile` (default), `nested` (of money alone) or `thresholds`.
    pub method: Option<ScoreMethod>,
    /// With `quantile` or `nested`: the score of equal values. Default `mid`.
    pub ties: Option<Ties>,
    /// With `thresholds`: the values that begin the second to the last score, from bad to good (days fall, counts and money rise).
    #[schemars(length(min = 1, max = 9))]
    pub cuts: Option<Vec<Decimal>>,
}

/// How the frequency score is made.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FrequencyScore")]
pub struct FrequencySpec {
    /// `quantile` (default), `nested` or `thresholds`.
    pub method: Option<ScoreMethod>,
    /// With `quantile` or `nested`: the score of equal values. Default `mid`.
    pub ties: Option<Ties>,
    /// With `quantile` or `nested`: score 1 is for customers of one purchase period, the others are ranked among themselves. Default true.
    pub separate_one_time: Option<bool>,
    /// With `thresholds`: the numbers of purchase periods that begin the second to the last score, rising.
    #[schemars(length(min = 1, max = 9))]
    pub cuts: Option<Vec<Decimal>>,
}

/// What a customer may be worth a year: the customer's own complete years, and those of alike customers in so far as the
/// own ones are few or vary much.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Potential")]
pub struct PotentialSpec {
    /// Attributes of the customers that say who is alike, the widest first: `[industry, company_size]` makes companies of a size
    /// lean on their industry, and industries on all customers. Default: none, all customers are alike.
    pub by: Option<Vec<Name>>,
    /// Column of a reference table with an index of the market: a customer whose market is above the mean is worth more.
    pub demand: Option<Name>,
    /// How far ahead `potential_value` reaches. Default `12mo`.
    pub horizon: Option<HorizonText>,
    /// Share of all yearly margins that count in full; greater ones count as the largest of these. Default `99%`.
    pub winsorise: Option<ShareText>,
}

/// A segment, or a set of segments that comes with the program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SegmentSpec {
    /// A segment and its rule.
    Rule(SegmentRuleSpec),
    /// A set of segments.
    Use(SegmentSetSpec),
}

/// A segment and its rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SegmentRule")]
pub struct SegmentRuleSpec {
    /// Name of the segment.
    pub name: SegmentName,
    /// SQL over the built columns. A rule that is NULL is not met.
    pub when: Sql,
}

/// A set of segments that comes with the program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SegmentSetEntry")]
pub struct SegmentSetSpec {
    /// Its name.
    #[serde(rename = "use")]
    pub set: SegmentSet,
}

/// The sets of segments that come with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SegmentSet {
    /// Ten segments on the grid of the R and F scores, then `refund_only`, `engaged` where contacts or bids are known, and
    /// `prospect`. Needs five scores.
    RfGrid,
}
