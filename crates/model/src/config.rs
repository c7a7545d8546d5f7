//! What a pipeline asks of the models, before any customer is seen.

use std::fmt;

use appraise_expression::Parsed;
use appraise_schema::{Horizon, Share};
use serde::{Deserialize, Serialize};

use crate::abc::AbcConfig;
use crate::clv::ClvConfig;
use crate::credit::CreditConfig;
use crate::error::ModelError;
use crate::index::IndexConfig;
use crate::k_means::ClustersConfig;
use crate::lifecycle::LifecycleConfig;
use crate::strategies::StrategyConfig;
use crate::value_matrix::ValueMatrixConfig;
use crate::xyz::XyzConfig;

/// The models that are on and their parameters. A model that is off contributes no columns.
#[derive(Debug, Clone, Default)]
pub struct ModelConfig {
    /// RFM scores.
    pub rfm: Option<RfmConfig>,
    /// Probability of default and expected loss.
    pub credit: Option<CreditConfig>,
    /// Customer lifetime value.
    pub clv: Option<ClvConfig>,
    /// Look-alike value and potential.
    pub potential: Option<PotentialConfig>,
    /// ABC classes.
    pub abc: Option<AbcConfig>,
    /// XYZ classes.
    pub xyz: Option<XyzConfig>,
    /// The value matrix.
    pub value_matrix: Option<ValueMatrixConfig>,
    /// The lifecycle.
    pub lifecycle: Option<LifecycleConfig>,
    /// Clusters of alike customers.
    pub k_means: Option<ClustersConfig>,
    /// The value index.
    pub index: Option<IndexConfig>,
    /// Text columns whose values make the groups of `group_values`, set by set; without sets there is no such table.
    pub groups: Vec<Vec<String>>,
    /// Segment rules; the first that is met names the segment. Without rules there is no `segment` column.
    pub segments: Vec<SegmentRule>,
    /// The same by recorded facts: `objective_segment`.
    pub objective_segments: Vec<SegmentRule>,
    /// The same by feedback, stated needs and the manager's rating: `subjective_segment`.
    pub subjective_segments: Vec<SegmentRule>,
    /// What is done about whom; without strategies there is no `strategy` column and no table `customer_actions`.
    pub strategies: Vec<StrategyConfig>,
    /// Customers about whom nothing is done whatever their strategy; the first rule that is met names the reason.
    pub suppress: Vec<SegmentRule>,
}

impl ModelConfig {
    /// Whether any model is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        let Self { rfm, credit, clv, potential, abc, xyz, value_matrix, lifecycle, index, groups, segments, .. } = self;
        let Self { k_means, objective_segments, subjective_segments, .. } = self;
        let values = [rfm.is_some(), credit.is_some(), clv.is_some(), potential.is_some(), index.is_some()];
        let classes = [abc.is_some(), xyz.is_some(), value_matrix.is_some(), lifecycle.is_some(), k_means.is_some()];
        let rules = [segments, objective_segments, subjective_segments].into_iter().map(|rules| !rules.is_empty());
        let sets = rules.chain([!groups.is_empty()]);
        values.into_iter().chain(classes).chain(sets).any(|on| on)
    }
}

/// Parameters of the RFM scores.
#[derive(Debug, Clone, PartialEq)]
pub struct RfmConfig {
    /// The best score, from 2 to 10; the worst is 1.
    pub bins: u8,
    /// How `days_since_last_purchase` becomes `r_score`; fewest days are best.
    pub recency: ScoreMethod,
    /// How `purchase_periods` becomes `f_score`.
    pub frequency: ScoreMethod,
    /// How `net_revenue` becomes `m_score`. Thresholds are in minor units of money.
    pub monetary: ScoreMethod,
    /// Whether customers of one purchase period have `f_score` 1 to themselves, and only the repeaters are
    /// ranked, from 2 to `bins`. Thresholds decide alone: it changes nothing for them.
    pub separate_one_time: bool,
    /// Relative weights of the three scores in `rfm_score`.
    pub score_weights: ScoreWeights,
}

impl Default for RfmConfig {
    fn default() -> Self {
        let method = ScoreMethod::Quantile { ties: Ties::Mid };
        Self {
            bins: 5,
            recency: method.clone(),
            frequency: method.clone(),
            monetary: method,
            separate_one_time: true,
            score_weights: ScoreWeights { r: 1.0, f: 1.0, m: 1.0 },
        }
    }
}

impl RfmConfig {
    /// Checks what the types can't say: the range of `bins`, the number and order of thresholds, the weights.
    ///
    /// # Errors
    /// [`ModelError::Bins`], [`ModelError::ThresholdCount`], [`ModelError::ThresholdOrder`],
    /// [`ModelError::Nested`], [`ModelError::ScoreWeights`].
    pub fn check(&self) -> Result<(), ModelError> {
        if !(2..=10).contains(&self.bins) {
            return Err(ModelError::Bins { bins: self.bins });
        }
        for dimension in Dimension::ALL {
            match self.method(dimension) {
                ScoreMethod::Thresholds { cuts } => check_cuts(dimension, cuts, self.bins)?,
                ScoreMethod::Nested { ties } if dimension == Dimension::Recency || *ties == Ties::Split => {
                    return Err(ModelError::Nested { column: dimension.column(), ties: ties.name() });
                }
                ScoreMethod::Nested { .. } | ScoreMethod::Quantile { .. } => {}
            }
        }
        self.score_weights.check()
    }

    /// The method of one dimension.
    #[must_use]
    pub fn method(&self, dimension: Dimension) -> &ScoreMethod {
        match dimension {
            Dimension::Recency => &self.recency,
            Dimension::Frequency => &self.frequency,
            Dimension::Monetary => &self.monetary,
        }
    }
}

fn check_cuts(dimension: Dimension, cuts: &[i64], bins: u8) -> Result<(), ModelError> {
    let expected = usize::from(bins) - 1;
    if cuts.len() != expected {
        return Err(ModelError::ThresholdCount { column: dimension.column(), found: cuts.len(), expected });
    }
    match cuts.windows(2).find(|pair| dimension.goodness(pair[0]) >= dimension.goodness(pair[1])) {
        Some(pair) => Err(ModelError::ThresholdOrder { column: dimension.column(), before: pair[0], after: pair[1] }),
        None => Ok(()),
    }
}

/// One of the three things that RFM scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Days since the last purchase.
    Recency,
    /// Purchase periods.
    Frequency,
    /// Net revenue.
    Monetary,
}

impl Dimension {
    /// All three in the order of `rfm_cell`.
    pub const ALL: [Self; 3] = [Self::Recency, Self::Frequency, Self::Monetary];

    /// The column of `customer_features` that it scores.
    #[must_use]
    pub fn column(self) -> &'static str {
        match self {
            Self::Recency => "days_since_last_purchase",
            Self::Frequency => "purchase_periods",
            Self::Monetary => "net_revenue",
        }
    }

    /// `value`, or its negative where less is better: greater is better.
    #[must_use]
    pub fn goodness(self, value: i64) -> i64 {
        match self {
            Self::Recency => value.saturating_neg(),
            Self::Frequency | Self::Monetary => value,
        }
    }
}

/// How values become scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScoreMethod {
    /// Equal shares of the buyers per score, as far as ties let.
    Quantile {
        /// How equal values share a score.
        ties: Ties,
    },
    /// Equal shares of the buyers of each cell of the scores before: of frequency within each recency score, of money
    /// within each cell of both.
    Nested {
        /// How equal values share a score; never [`Ties::Split`].
        ties: Ties,
    },
    /// Fixed thresholds: a customer who reaches `cuts[i]` scores at least `i + 2`.
    Thresholds {
        /// One less than there are scores, from the worst to the best: days fall, periods and money rise.
        cuts: Vec<i64>,
    },
}

/// How equal values share a score. μ and κ are the minimum and maximum rank of a value, ascending in goodness,
/// among n.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// 1 + ⌊bins·(μ−1)/n⌋: all score as the worst of them.
    Low,
    /// 1 + ⌊bins·(μ+κ−1)/(2n)⌋: all score as their middle.
    Mid,
    /// ⌈bins·κ/n⌉: all score as the best of them.
    High,
    /// `NTILE(bins)` by value, then key: shares are equal, and equal values may differ.
    Split,
}

impl Ties {
    /// The rule's name in pipelines and cards.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Mid => "mid",
            Self::High => "high",
            Self::Split => "split",
        }
    }
}

/// Relative weights of the three scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreWeights {
    /// Of `r_score`.
    pub r: f64,
    /// Of `f_score`.
    pub f: f64,
    /// Of `m_score`.
    pub m: f64,
}

impl ScoreWeights {
    fn check(self) -> Result<(), ModelError> {
        let Self { r, f, m } = self;
        let valid = [r, f, m].iter().all(|weight| weight.is_finite() && *weight >= 0.0);
        if valid && r + f + m > 0.0 && (r + f + m).is_finite() {
            Ok(())
        } else {
            Err(ModelError::ScoreWeights { r, f, m })
        }
    }
}

/// Parameters of the look-alike value.
#[derive(Debug, Clone, PartialEq)]
pub struct PotentialConfig {
    /// Text columns of `customer_features` that make groups of alike customers, each within those before it; may be empty.
    pub by: Vec<String>,
    /// Column of doubles with the index of the customer's market; without it markets do not count.
    pub demand: Option<String>,
    /// How far `potential_value` reaches.
    pub horizon: Horizon,
    /// Share of all yearly margins that stay as they are; greater ones are cut to the largest of these.
    pub winsorise: Share,
}

impl PotentialConfig {
    /// Checks what the types can't say.
    ///
    /// # Errors
    /// [`ModelError::Winsorise`] when no margin would stay.
    pub fn check(&self) -> Result<(), ModelError> {
        if self.winsorise.fraction() > 0.0 { Ok(()) } else { Err(ModelError::Winsorise { share: self.winsorise }) }
    }
}

/// A segment and the rule that admits to it.
#[derive(Debug, Clone)]
pub struct SegmentRule {
    /// The segment's name.
    pub name: String,
    /// The condition, over the columns of `customer_features` and of the models before. NULL is not met.
    pub when: Parsed,
}

/// What a list of rules decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleSet {
    /// The column `segment`.
    Segments,
    /// The column `objective_segment`.
    Objective,
    /// The column `subjective_segment`.
    Subjective,
    /// Whom no action reaches.
    Suppress,
}

impl RuleSet {
    /// The column that the rules name the values of.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Segments => "segment",
            Self::Objective => "objective_segment",
            Self::Subjective => "subjective_segment",
            Self::Suppress => "status_reason",
        }
    }

    /// The key of the rules in a pipeline's `model`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Segments => "segments",
            Self::Objective => "objective_segments",
            Self::Subjective => "subjective_segments",
            Self::Suppress => "suppress",
        }
    }
}

impl fmt::Display for RuleSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Segments => "segment",
            Self::Objective => "objective segment",
            Self::Subjective => "subjective segment",
            Self::Suppress => "rule of `suppress`",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: &RfmConfig) -> String {
        config.check().map_or_else(|error| error.to_string(), |()| "valid".to_owned())
    }

    #[test]
    fn parameters_that_make_no_scores_are_refused() {
        assert_eq!(check(&RfmConfig::default()), "valid");
        assert_eq!(check(&RfmConfig { bins: 11, ..RfmConfig::default() }), "`bins` is 11, expected 2 to 10");
        let recency = |cuts: &[i64]| RfmConfig {
            bins: 3,
            recency: ScoreMethod::Thresholds { cuts: cuts.to_vec() },
            ..RfmConfig::default()
        };
        assert_eq!(check(&recency(&[365, 30])), "valid");
        assert_eq!(
            check(&recency(&[30, 365])),
            "thresholds of days_since_last_purchase must go from the worst to the best, 30 stands before 365"
        );
        assert_eq!(
            check(&recency(&[30])),
            "1 thresholds of days_since_last_purchase, expected 2: one less than `bins`"
        );
        let weights = |r, f, m| RfmConfig { score_weights: ScoreWeights { r, f, m }, ..RfmConfig::default() };
        for config in [weights(0.0, 0.0, 0.0), weights(-1.0, 1.0, 1.0), weights(f64::NAN, 1.0, 1.0)] {
            assert!(check(&config).contains("score weights"), "{config:?}");
        }
    }
}
