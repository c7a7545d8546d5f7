//! What can go wrong between features and values.

use appraise_expression::{EvaluationError, ExpressionError};
use appraise_schema::Share;
use appraise_schema::table::ContractError;
use arrow::error::ArrowError;

use crate::config::RuleSet;
use crate::index::WeightsError;

/// A configuration, table or model card that the models can't work with.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// More or fewer scores than there may be.
    #[error("`bins` is {bins}, expected 2 to 10")]
    Bins {
        /// As configured.
        bins: u8,
    },
    /// Not one threshold between each two scores.
    #[error("{found} thresholds of {column}, expected {expected}: one less than `bins`")]
    ThresholdCount {
        /// The scored column.
        column: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// Thresholds that do not get better.
    #[error("thresholds of {column} must go from the worst to the best, {before} stands before {after}")]
    ThresholdOrder {
        /// The scored column.
        column: &'static str,
        /// The first of the pair, in days, periods or minor units.
        before: i64,
        /// The second of the pair.
        after: i64,
    },
    /// A score that can't be nested, or not with these ties.
    #[error("{column} can't be nested with ties `{ties}`: frequency and money can, with `low`, `mid` or `high`")]
    Nested {
        /// The scored column.
        column: &'static str,
        /// How equal values would share a score.
        ties: &'static str,
    },
    /// Weights without a mean.
    #[error("score weights {r}, {f}, {m} must be finite, not negative, and not all zero")]
    ScoreWeights {
        /// Of `r_score`.
        r: f64,
        /// Of `f_score`.
        f: f64,
        /// Of `m_score`.
        m: f64,
    },
    /// A parameter out of its range.
    #[error("`{parameter}` is {value}, expected {expected}")]
    Parameter {
        /// Its path in the model's configuration.
        parameter: &'static str,
        /// As configured.
        value: String,
        /// What would have been right.
        expected: String,
    },
    /// A model that the customers have no fit for.
    #[error("{what}: {source}")]
    Fit {
        /// Its path in the model's configuration.
        what: &'static str,
        /// Why.
        source: appraise_clv::FitError,
    },
    /// Weights of the index that are none.
    #[error("`model.index` has no weights for {of}: {source}")]
    IndexWeights {
        /// `groups`, or the group whose indicators are meant.
        of: String,
        /// Why.
        source: WeightsError,
    },
    /// An index that the customers have no fit for.
    #[error("`model.index` can't be fitted{}: {source}", .indicator.as_ref().map(|name| format!(" with `{name}`")).unwrap_or_default())]
    IndexFit {
        /// The indicator that is at fault, where it is one.
        indicator: Option<String>,
        /// Why.
        source: appraise_mcdm::Error,
    },
    /// More covariates than are fitted.
    #[error("`clv.covariates` make {found} covariates ({columns}), at most {most} can be fitted")]
    Covariates {
        /// The columns, with how many each makes.
        columns: String,
        /// How many they make together.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// Clusters that the customers have no fit for.
    #[error("`model.k_means` can't be fitted: {source}")]
    Clusters {
        /// Why.
        source: appraise_mcdm::Error,
    },
    /// Margins that would all be cut to the smallest.
    #[error("`winsorise` is {share}, expected a share above 0%")]
    Winsorise {
        /// As configured.
        share: Share,
    },
    /// A market that has no size.
    #[error(
        "`customer_features` row {row} of batch {batch}: the demand index {column} is {value}, expected a number above 0"
    )]
    DemandIndex {
        /// The column.
        column: String,
        /// The index.
        value: f64,
        /// Index of the batch, from 0.
        batch: usize,
        /// Index of the row in it, from 0.
        row: usize,
    },
    /// Money that does not fit its column.
    #[error("`customer_features` row {row} of batch {batch}: {column} of {value} minor units does not fit 18 digits")]
    MoneyOverflow {
        /// The column of `customer_values`.
        column: &'static str,
        /// What it would be, in minor units.
        value: f64,
        /// Index of the batch, from 0.
        batch: usize,
        /// Index of the row in it, from 0.
        row: usize,
    },
    /// A segment name that is blank, reserved or taken.
    #[error("`{name}` can't be the name of a {set}: {why}")]
    SegmentName {
        /// What the rule is of.
        set: RuleSet,
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A rule that does not fit the table.
    #[error("{set} `{segment}`: {source}")]
    Rule {
        /// What the rule is of.
        set: RuleSet,
        /// The rule's name.
        segment: String,
        /// Where and why.
        source: Box<ExpressionError>,
    },
    /// A rule that is not a condition.
    #[error("{set} `{segment}`: its rule is {found}, expected a condition that is true or false")]
    RuleType {
        /// What the rule is of.
        set: RuleSet,
        /// The rule's name.
        segment: String,
        /// The type of the rule.
        found: String,
    },
    /// A rule that could not be evaluated.
    #[error("{set} `{segment}`: {source}")]
    Evaluation {
        /// What the rule is of.
        set: RuleSet,
        /// The rule's name.
        segment: String,
        /// What happened.
        source: Box<EvaluationError>,
    },
    /// What a strategy is expected to gain, by a column that is not there or no money.
    #[error("strategy `{strategy}` is expected to gain a share of `{column}`, which is no column of money")]
    Gain {
        /// The strategy.
        strategy: String,
        /// The column.
        column: String,
    },
    /// Strategies, or what suppresses their actions, without segments to be for.
    #[error("strategies are for segments, and there are no segment rules")]
    NoSegments,
    /// A strategy for a segment that is not there, or has one already.
    #[error("strategy `{strategy}` is for the segment `{segment}`, {why}")]
    StrategySegment {
        /// The strategy.
        strategy: String,
        /// The segment.
        segment: String,
        /// What is wrong with it.
        why: String,
    },
    /// A column of the features that a model needs is absent or of another type.
    #[error("`customer_features` has no column `{column}` of type {expected}")]
    Column {
        /// Its name.
        column: String,
        /// Its type.
        expected: String,
    },
    /// A buyer without the value that buyers have.
    #[error("`customer_features` row {row} of batch {batch}: a customer with purchases has no {column}")]
    BuyerWithoutValue {
        /// The column.
        column: &'static str,
        /// Index of the batch, from 0.
        batch: usize,
        /// Index of the row in it, from 0.
        row: usize,
    },
    /// A card of another shape than the configuration asks for.
    #[error("the model card does not fit the pipeline: {what} is {card} in the card, {config} in the pipeline")]
    CardMismatch {
        /// What differs.
        what: String,
        /// As fitted.
        card: String,
        /// As configured.
        config: String,
    },
    /// A card that can't be read.
    #[error("model card: {source}")]
    CardSyntax {
        /// Where and why.
        source: serde_json::Error,
    },
    /// A card whose values contradict each other.
    #[error("model card: {what} is `{value}`, expected {expected}")]
    CardValue {
        /// The place in the card.
        what: String,
        /// The value.
        value: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// The values' columns make no portable table.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// Arrays that do not make a batch.
    #[error("customer_values: {0}")]
    Arrow(#[from] ArrowError),
}

impl ModelError {
    /// A model that is on and has no part in the card.
    pub(crate) fn not_in_card(what: &str) -> Self {
        Self::CardMismatch { what: what.to_owned(), card: "off".to_owned(), config: "on".to_owned() }
    }

    /// What to do about it, where that is not obvious.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Rule { source, .. } => source.hint.clone(),
            Self::CardMismatch { .. } => {
                Some("fit anew, or set the parameters that the card was fitted with".to_owned())
            }
            Self::Fit { .. } => Some(
                "name a `fallback`, choose another model of purchases, or fit a longer history or more customers"
                    .to_owned(),
            ),
            Self::Covariates { .. } => {
                Some("each text but the most frequent is one: put rare ones together with CASE".to_owned())
            }
            Self::Gain { .. } => {
                Some("turn on `clv`, name a column of money in `gain`, or leave `uplift` out".to_owned())
            }
            Self::IndexFit { .. } => Some(
                "weigh by another `objective.method`, combine otherwise, or rank by `saw` with your weights alone"
                    .to_owned(),
            ),
            Self::Clusters { .. } => {
                Some("ask for fewer clusters, or compare customers by columns that differ and are not NULL".to_owned())
            }
            Self::DemandIndex { .. } => Some("correct the table; an index that is not known is NULL".to_owned()),
            Self::MoneyOverflow { .. } => Some("keep fewer decimal places in `money.scale`".to_owned()),
            _ => None,
        }
    }
}
