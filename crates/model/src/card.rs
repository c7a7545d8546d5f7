//! The model card: everything that fitting found, as JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::abc::AbcCard;
use crate::clv::ClvCard;
use crate::config::{ScoreWeights, Ties};
use crate::credit::CreditCard;
use crate::error::ModelError;
use crate::index::IndexCard;
use crate::k_means::ClustersCard;
use crate::lifecycle::LifecycleCard;
use crate::scores::{FittedRanking, ScoreRange};
use crate::strategies::StrategiesCard;
use crate::value_matrix::ValueMatrixCard;
use crate::xyz::XyzCard;

/// Version of the card's shape.
pub const FORMAT_VERSION: u32 = 1;

/// The fitted models of a run. Applying them needs nothing else of the data they were fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Date of the customers that the models were fitted to, such as `1913-12-31`.
    pub as_of: String,
    /// Decimal places of money.
    pub money_scale: u8,
    /// RFM scores, when they are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rfm: Option<RfmCard>,
    /// Probabilities of default, when they are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<CreditCard>,
    /// Customer lifetime value, when it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clv: Option<ClvCard>,
    /// Look-alike values, when they are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub potential: Option<PotentialCard>,
    /// ABC classes, when they are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abc: Option<AbcCard>,
    /// XYZ classes, when they are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xyz: Option<XyzCard>,
    /// The value matrix, when it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_matrix: Option<ValueMatrixCard>,
    /// The lifecycle, when it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<LifecycleCard>,
    /// Clusters of alike customers, when they are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k_means: Option<ClustersCard>,
    /// The value index, when it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexCard>,
    /// Segments, when there are rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<SegmentsCard>,
    /// Segments by recorded facts, when there are rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective_segments: Option<SegmentsCard>,
    /// Segments by what is felt and said, when there are rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subjective_segments: Option<SegmentsCard>,
    /// Whom the strategies reach, when there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategies: Option<StrategiesCard>,
}

impl ModelCard {
    /// A card without a model.
    pub(crate) fn new(as_of: String, money_scale: u8) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            as_of,
            money_scale,
            rfm: None,
            credit: None,
            clv: None,
            potential: None,
            abc: None,
            xyz: None,
            value_matrix: None,
            lifecycle: None,
            k_means: None,
            index: None,
            segments: None,
            objective_segments: None,
            subjective_segments: None,
            strategies: None,
        }
    }
}

/// Fitted RFM scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RfmCard {
    /// The best score.
    pub bins: u8,
    /// Customers with a purchase that stands: those that are scored.
    pub buyers: u64,
    /// Weights of the scores in `rfm_score`; they add up to 1.
    pub score_weights: ScoreWeightsCard,
    /// `r_score`.
    pub recency: DimensionCard,
    /// `f_score`.
    pub frequency: DimensionCard,
    /// `m_score`.
    pub monetary: DimensionCard,
}

/// Weights that add up to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreWeightsCard {
    /// Of `r_score`.
    pub r: f64,
    /// Of `f_score`.
    pub f: f64,
    /// Of `m_score`.
    pub m: f64,
}

impl From<ScoreWeights> for ScoreWeightsCard {
    fn from(ScoreWeights { r, f, m }: ScoreWeights) -> Self {
        let sum = r + f + m;
        Self { r: r / sum, f: f / sum, m: m / sum }
    }
}

/// One fitted dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DimensionCard {
    /// The column that is scored.
    pub column: String,
    /// How it is scored.
    pub method: MethodCard,
    /// Every score from 1 to `bins`, with its customers.
    pub scores: Vec<ScoreCard>,
    /// The largest set of equal values; of several, the worst.
    pub largest_tie: Option<TieCard>,
    /// Cut-offs within each cell of the scores before, where these are nested; those of all buyers first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nested: Vec<NestedCard>,
}

/// The buyers of one cell of scores, and how they score within it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NestedCard {
    /// The scores before: recency, then frequency; none for all buyers, who stand in for cells without any.
    pub within: Vec<i32>,
    /// The scores that have members.
    pub scores: Vec<ScoreCard>,
}

/// How a dimension is scored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum MethodCard {
    /// Equal shares of the buyers.
    Quantile {
        /// How equal values share a score.
        ties: Ties,
        /// Whether one purchase period scores 1 and only repeaters are ranked.
        separate_one_time: bool,
    },
    /// Equal shares of the buyers of each cell of the scores before.
    Nested {
        /// How equal values share a score.
        ties: Ties,
        /// Whether one purchase period scores 1 and only repeaters are ranked.
        separate_one_time: bool,
    },
    /// Fixed thresholds, from the worst to the best.
    Thresholds {
        /// One less than there are scores.
        cuts: Vec<CardValue>,
    },
}

impl fmt::Display for MethodCard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantile { ties, separate_one_time: false } => write!(out, "quantile, ties {}", ties.name()),
            Self::Quantile { ties, separate_one_time: true } => {
                write!(out, "quantile of repeaters, ties {}", ties.name())
            }
            Self::Nested { ties, separate_one_time: false } => write!(out, "nested, ties {}", ties.name()),
            Self::Nested { ties, separate_one_time: true } => write!(out, "nested of repeaters, ties {}", ties.name()),
            Self::Thresholds { cuts } => {
                let cuts: Vec<String> = cuts.iter().map(ToString::to_string).collect();
                write!(out, "thresholds {}", cuts.join(", "))
            }
        }
    }
}

/// The fitted customers of one score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreCard {
    /// The score.
    pub score: i32,
    /// How many customers have it.
    pub customers: u64,
    /// The worst value that has it (the most days, the least money).
    pub worst: Option<CardValue>,
    /// The best value that has it.
    pub best: Option<CardValue>,
}

impl ScoreCard {
    /// The card of `score`, whose values `show` turns from goodness into what people read.
    pub(crate) fn new(score: i32, range: Option<&ScoreRange>, show: impl Fn(i64) -> CardValue) -> Self {
        Self {
            score,
            customers: range.map_or(0, |range| range.customers),
            worst: range.map(|range| show(range.worst)),
            best: range.map(|range| show(range.best)),
        }
    }
}

/// A set of customers with equal values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TieCard {
    /// Their value.
    pub value: CardValue,
    /// How many they are.
    pub customers: u64,
}

/// A value as a card shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CardValue {
    /// Days or periods.
    Count(i64),
    /// Money, as a decimal number with all its places, such as `"-12.50"`.
    Money(String),
}

impl CardValue {
    /// The value of `minor` units of money at `scale` places, or of a count when `scale` is `None`.
    #[must_use]
    pub fn new(value: i64, scale: Option<u8>) -> Self {
        match scale {
            Some(scale) => Self::Money(decimal_text(value, scale)),
            None => Self::Count(value),
        }
    }

    /// The value of `minor` units of money over many customers, at `scale` places.
    pub(crate) fn total(minor: i128, scale: u8) -> Self {
        Self::Money(decimal_text(minor, scale))
    }

    /// Inverse of [`CardValue::new`]; `what` names the place in the card.
    ///
    /// # Errors
    /// [`ModelError::CardValue`] when it is no such value.
    pub fn integer(&self, scale: Option<u8>, what: &str) -> Result<i64, ModelError> {
        let integer = match (self, scale) {
            (Self::Count(count), None) => Some(*count),
            (Self::Money(text), Some(scale)) => decimal_minor(text, scale),
            _ => None,
        };
        integer.ok_or_else(|| ModelError::CardValue {
            what: what.to_owned(),
            value: self.to_string(),
            expected: if scale.is_some() { "money as text, with its decimal places" } else { "an integer" },
        })
    }
}

impl fmt::Display for CardValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(out, "{count}"),
            Self::Money(text) => out.write_str(text),
        }
    }
}

/// `minor` units of money at `scale` decimal places.
pub(crate) fn decimal_text(minor: impl Into<i128>, scale: u8) -> String {
    let minor = minor.into();
    let sign = if minor < 0 { "-" } else { "" };
    let width = usize::from(scale) + 1;
    let digits = format!("{:0width$}", minor.unsigned_abs());
    let (whole, places) = digits.split_at(digits.len() - usize::from(scale));
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{places}") }
}

fn decimal_minor(text: &str, scale: u8) -> Option<i64> {
    let minor: i64 = text.replacen('.', "", 1).parse().ok()?;
    (decimal_text(minor, scale) == text).then_some(minor)
}

impl DimensionCard {
    /// The card of `column`, whose values `show` turns from goodness into what people read.
    pub(crate) fn new(
        column: &str,
        method: MethodCard,
        bins: u8,
        fitted: &FittedRanking,
        show: impl Fn(i64) -> CardValue,
    ) -> Self {
        let range = |score: i32| fitted.ranges.iter().find(|range| range.score == score);
        let score_card = |score: i32, range| ScoreCard::new(score, range, &show);
        Self {
            column: column.to_owned(),
            method,
            scores: (1..=i32::from(bins)).map(|score| score_card(score, range(score))).collect(),
            nested: Vec::new(),
            largest_tie: fitted.largest_tie.map(|tie| TieCard { value: show(tie.value), customers: tie.customers }),
        }
    }
}

/// Fitted look-alike values. Doubles are in minor units of money, variances in their square.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PotentialCard {
    /// The attributes that make the groups, from the widest.
    pub by: Vec<String>,
    /// Share of all yearly margins that stayed as they are.
    pub winsorise: f64,
    /// The largest of these: greater margins count as this. `None` when no customer had a complete year.
    pub cut: Option<CardValue>,
    /// The market, when it counts.
    pub demand: Option<DemandCard>,
    /// The variances, from the widest groups to customers; none when no customer had a complete year.
    pub levels: Vec<LevelCard>,
    /// All groups with complete years: all customers, then each level by the values of the attributes.
    pub groups: Vec<GroupCard>,
}

/// The market that customers are compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemandCard {
    /// The column with the index of a customer's market.
    pub column: String,
    /// Mean index of the customers with complete years; `None` when it is not known of any.
    pub base: Option<f64>,
    /// How many they are.
    pub customers: u64,
}

/// The variances of one level of groups, or of the customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelCard {
    /// Whose: the attributes that make the groups with `+` between them, or `customer`.
    pub of: String,
    /// s²: variance of what one unit of exposure shows, around what the group or customer is worth.
    pub within: f64,
    /// τ²: variance of what they are worth, around the group that they are in.
    pub between: f64,
}

/// One group of alike customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupCard {
    /// Values of the first attributes; none for all customers.
    pub group: Vec<Option<String>>,
    /// Customers with a complete year.
    pub customers: u64,
    /// Their complete years.
    pub years: u64,
    /// What `mean` rests on: the credibilities of the members added up, or their years where members do not differ.
    pub exposure: f64,
    /// Mean of a year, by the group's own members.
    pub mean: f64,
    /// z: weight of `mean` in `value`, from 0 to 1.
    pub credibility: f64,
    /// θ: what a year of a customer of the group is worth.
    pub value: f64,
}

/// The segment rules and how many customers met them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentsCard {
    /// In the order in which they are tried.
    pub rules: Vec<SegmentCard>,
    /// Customers who met none.
    pub unassigned: u64,
}

/// One segment rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentCard {
    /// The segment.
    pub segment: String,
    /// Its rule, as written.
    pub when: String,
    /// Customers in it: they met this rule and none before.
    pub customers: u64,
    /// Customers for whom the rule could not be computed (an overflow, say) and counts as not met.
    pub faults: u64,
}

impl ModelCard {
    /// The card as JSON: keys in a fixed order, two spaces of indent, a newline at the end.
    ///
    /// # Errors
    /// [`ModelError::CardSyntax`] when a number can't be written; the weights of a checked configuration can.
    pub fn to_json(&self) -> Result<String, ModelError> {
        let mut json = serde_json::to_string_pretty(self).map_err(|source| ModelError::CardSyntax { source })?;
        json.push('\n');
        Ok(json)
    }

    /// Reads a card.
    ///
    /// # Errors
    /// [`ModelError::CardSyntax`] when `json` is no card, [`ModelError::CardValue`] when its format is another.
    pub fn from_json(json: &str) -> Result<Self, ModelError> {
        let card: Self = serde_json::from_str(json).map_err(|source| ModelError::CardSyntax { source })?;
        if card.format_version == FORMAT_VERSION {
            return Ok(card);
        }
        Err(ModelError::CardValue {
            what: "format_version".to_owned(),
            value: card.format_version.to_string(),
            expected: "1",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn money_is_written_with_all_its_places() {
        let texts = [(5, 2), (-5, 2), (1234, 2), (0, 3), (-1200, 0)].map(|(minor, scale)| decimal_text(minor, scale));
        assert_eq!(texts, ["0.05", "-0.05", "12.34", "0.000", "-1200"]);
        for text in ["12.3", "12.345", ".34", "1e2", "", "+1.00", "--1.00"] {
            assert_eq!(decimal_minor(text, 2), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn money_is_read_as_it_was_written(minor in any::<i64>(), scale in 0..=9_u8) {
            prop_assert_eq!(decimal_minor(&decimal_text(minor, scale), scale), Some(minor));
        }
    }
}
