//! From `customer_features` to `customer_values`.
//!
//! A [`ModelConfig`] says which models are on; [`ModelPlan::new`] checks it against the features' contract.
//! Every model is fitted, which yields its part of a small [`ModelCard`], and then applied row by row, which
//! needs the card and nothing else of the fitted customers. So a card can be kept and applied to other customers
//! or with other weights ([`ModelPlan::apply`]). Models run in a fixed order, each sees the columns of those
//! before it, when it is fitted, too: scores, potential, then segments.
//!
//! A model is a file with its columns, its `fit` and its `apply`, a line of [`ModelPlan::new`], and a field of
//! [`ModelConfig`] and [`ModelCard`].

mod backtest;
mod card;
mod clv;
mod columns;
mod config;
mod credibility;
mod error;
mod group_values;
mod groups;
mod index;
mod k_means;
mod lint;
mod model;
mod plan;
mod potential;
mod rfm;
mod score_cells;
mod scores;
mod segments;
mod values;

pub use appraise_clv::{PurchaseKind, Timing};
pub use appraise_mcdm::{AhpError, BoundsRule, Direction, Objective, RandomIndex, Ranking, Transform};
pub use backtest::{ByFrequency, Decile, Outcomes, Quality};
pub use card::{
    CardValue, DemandCard, DimensionCard, FORMAT_VERSION, GroupCard, LevelCard, MethodCard, ModelCard, PotentialCard,
    RfmCard, ScoreCard, ScoreWeightsCard, SegmentCard, SegmentsCard, TieCard,
};
pub use clv::{
    CandidateCard, ClvCard, ClvConfig, Fallback, FitCard, GroupFitCard, Margin, PurchaseChoice, PurchasesCard,
    SpendCard,
};
pub use config::{Dimension, ModelConfig, PotentialConfig, RfmConfig, ScoreMethod, ScoreWeights, SegmentRule, Ties};
pub use error::ModelError;
pub use group_values::GroupValues;
pub use index::{
    Combination, IndexCard, IndexConfig, IndexCustomers, IndexGroup, IndexLevelCard, Indicator, IndicatorCard,
    JudgementsCard, Missing, ObjectiveConfig, SiblingWeights, TierCard, WeightsError,
};
pub use k_means::{ClusterColumnCard, ClusterCount, ClustersCard, ClustersConfig, SilhouetteCard};
pub use lint::{Finding, GridRow};
pub use plan::{FittedModels, ModelPlan, Valued};
pub use segments::{RF_GRID, RF_GRID_BINS, UNASSIGNED};
