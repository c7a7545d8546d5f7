//! What a pipeline asks of the value index.

use appraise_mcdm::{Ahp, AhpError, BoundsRule, Direction, Objective, RandomIndex, Ranking, Transform, ahp, normalise};
use arrow::array::RecordBatch;

use crate::columns::buyers;
use crate::error::ModelError;

/// Parameters of the value index.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexConfig {
    /// Who has an index.
    pub customers: IndexCustomers,
    /// The tree: groups of indicators, in order; at least one.
    pub groups: Vec<IndexGroup>,
    /// How much each group counts.
    pub group_weights: SiblingWeights,
    /// How the bounds of indicators are found.
    pub bounds: BoundsRule,
    /// The data's own weights, and how they join ours; without them ours count alone.
    pub objective: Option<ObjectiveConfig>,
    /// How indicators and weights make the index.
    pub ranking: Ranking,
    /// Names of the tiers, the best first, each with its share of the customers; the shares sum to 1. May be empty.
    pub tiers: Vec<(String, f64)>,
}

/// Who has an index. Others have NULL, and count nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IndexCustomers {
    /// Customers with orders.
    #[default]
    Buyers,
    /// Everybody.
    All,
}

impl IndexCustomers {
    /// Their rows in `batch`.
    ///
    /// # Errors
    /// [`ModelError::Column`] when nothing tells who has orders.
    pub(crate) fn rows(self, batch: &RecordBatch) -> Result<Vec<usize>, ModelError> {
        match self {
            Self::All => Ok((0..batch.num_rows()).collect()),
            Self::Buyers => buyers(batch),
        }
    }
}

/// A group of indicators.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexGroup {
    /// Its name: the column of what it adds to the index is called `index_<name>`.
    pub name: String,
    /// Its indicators, in order; at least one.
    pub indicators: Vec<Indicator>,
    /// How much each of them counts within the group.
    pub weights: SiblingWeights,
}

/// A column that says something of a customer's value.
#[derive(Debug, Clone, PartialEq)]
pub struct Indicator {
    /// A column of numbers, money or truth values, of features or of models before.
    pub column: String,
    /// Which end is the good one.
    pub direction: Direction,
    /// What is done to its values first; without it money is by [`Transform::Log1p`], all else by [`Transform::Identity`].
    pub transform: Option<Transform>,
    /// What NULL counts as.
    pub missing: Missing,
    /// Greatest value that counts in full, in the column's units (money in whole ones).
    pub cap: Option<f64>,
}

/// What NULL counts as.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Missing {
    /// The value number ⌈N / 2⌉, ascending, of the N fitted customers who have one.
    Median,
    /// The worse bound of the indicator.
    Worst,
    /// This, in the column's units (money in whole ones).
    Value(f64),
}

/// How much siblings of the tree count.
#[derive(Debug, Clone, PartialEq)]
pub enum SiblingWeights {
    /// In these proportions.
    Manual(Vec<f64>),
    /// By judgements of pairs: `matrix[i][j]` says how many times as important i is as j.
    Judged {
        /// The judgements.
        matrix: Vec<Vec<f64>>,
        /// What random judgements are like.
        random_index: RandomIndex,
        /// Whether judgements that contradict each other are taken all the same.
        allow_inconsistent: bool,
    },
}

/// Weights by the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObjectiveConfig {
    /// How the data weigh indicators.
    pub method: Objective,
    /// How these weights join ours.
    pub combination: Combination,
}

/// How our weights and the data's become one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Combination {
    /// α · ours + (1 − α) · the data's.
    Additive {
        /// Our share, from 0 to 1.
        alpha: f64,
    },
    /// Their products.
    Multiplicative,
    /// The shares that are nearest to both.
    GameTheory,
}

impl SiblingWeights {
    /// The weights of `count` siblings, which sum to 1; where they were judged, with the consistency of the judgements.
    ///
    /// # Errors
    /// Other than `count` of them; weights that are none; judgements that contradict each other.
    pub fn weights(&self, count: usize) -> Result<(Vec<f64>, Option<Ahp>), WeightsError> {
        match self {
            Self::Manual(proportions) if proportions.len() == count => Ok((normalise(proportions)?, None)),
            Self::Manual(proportions) => Err(WeightsError::Count { found: proportions.len(), expected: count }),
            Self::Judged { matrix, .. } if matrix.len() != count => {
                Err(WeightsError::Count { found: matrix.len(), expected: count })
            }
            Self::Judged { matrix, random_index, allow_inconsistent } => {
                let found = ahp(matrix, *random_index, *allow_inconsistent)?;
                Ok((found.weights.clone(), Some(found)))
            }
        }
    }
}

/// Weights of siblings that are none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WeightsError {
    /// More or fewer than there are siblings.
    #[error("{found} weights or rows of judgements for {expected} siblings")]
    Count {
        /// As configured.
        found: usize,
        /// How many siblings there are.
        expected: usize,
    },
    /// Proportions that make no weights.
    #[error(transparent)]
    Manual(#[from] appraise_mcdm::Error),
    /// Judgements that make no weights.
    #[error(transparent)]
    Judged(#[from] AhpError),
}

/// Our weights of all indicators.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Subjective {
    /// That of the group times that within it; they sum to 1 but for rounding.
    pub(crate) weights: Vec<f64>,
    /// The consistency of judgements by group, that of the groups themselves first.
    pub(crate) consistency: Vec<(String, Ahp)>,
}

impl IndexConfig {
    /// All indicators in the order of the tree, each with the number of its group.
    pub(crate) fn indicators(&self) -> impl Iterator<Item = (usize, &Indicator)> {
        self.groups.iter().enumerate().flat_map(|(number, group)| group.indicators.iter().map(move |of| (number, of)))
    }

    /// Our weights of all indicators.
    ///
    /// # Errors
    /// [`ModelError::IndexWeights`] for the first siblings without weights.
    pub(crate) fn subjective(&self) -> Result<Subjective, ModelError> {
        let refused = |of: &str| {
            let of = of.to_owned();
            move |source| ModelError::IndexWeights { of, source }
        };
        let (of_groups, judged) = self.group_weights.weights(self.groups.len()).map_err(refused("groups"))?;
        let mut consistency: Vec<(String, Ahp)> =
            judged.map(|judged| ("groups".to_owned(), judged)).into_iter().collect();
        let mut weights = Vec::new();
        for (group, of_group) in self.groups.iter().zip(of_groups) {
            let (within, judged) = group.weights.weights(group.indicators.len()).map_err(refused(&group.name))?;
            weights.extend(within.iter().map(|weight| of_group * weight));
            consistency.extend(judged.map(|judged| (group.name.clone(), judged)));
        }
        Ok(Subjective { weights, consistency })
    }
}
