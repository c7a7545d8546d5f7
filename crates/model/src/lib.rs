//! From `customer_features` to `customer_values`.
//!
//! A [`ModelConfig`] says which models are on; [`ModelPlan::new`] checks it against the features' contract.
//! Every model is fitted, which yields its part of a small [`ModelCard`], and then applied row by row, which
//! needs the card and nothing else of the fitted customers. So a card can be kept and applied to other customers
//! or with other weights ([`ModelPlan::apply`]). Models run in a fixed order, each sees the columns of those
//! before it, when it is fitted, too: scores, potential, then segments, then strategies.
//!
//! A model is a file with its columns, its `fit` and its `apply`, a line of [`ModelPlan::new`], and a field of
//! [`ModelConfig`] and [`ModelCard`].

mod abc;
mod backtest;
mod card;
mod clv;
mod columns;
pub mod compare;
mod config;
mod credibility;
mod credit;
mod error;
mod group_values;
mod groups;
mod index;
mod k_means;
mod lifecycle;
mod lint;
mod measure;
mod model;
mod plan;
mod potential;
mod reason;
mod rfm;
mod score_cells;
mod scores;
mod segments;
mod strategies;
mod value_matrix;
mod values;
mod what_if;
mod xyz;

pub use abc::{AbcCard, AbcClassCard, AbcConfig};
pub use appraise_clv::{DirichletDraws, PurchaseKind, Timing};
pub use appraise_mcdm::{AhpError, BoundsRule, Direction, Objective, RandomIndex, Ranking, Transform, fix_weights};
pub use backtest::{ByFrequency, Decile, Outcomes, Quality};
pub use card::{
    CardValue, DemandCard, DimensionCard, FORMAT_VERSION, GroupCard, LevelCard, MethodCard, ModelCard, NestedCard,
    PotentialCard, RfmCard, ScoreCard, ScoreWeightsCard, SegmentCard, SegmentsCard, TieCard,
};
pub use clv::{
    CandidateCard, ClvCard, ClvConfig, CovariateCard, CovariatesCard, EffectCard, EncodingCard, Fallback, FitCard,
    GroupFitCard, KnownIntervals, Margin, PurchaseChoice, PurchasesCard, SpendCard,
};
pub use config::{
    Dimension, ModelConfig, PotentialConfig, RfmConfig, RuleSet, ScoreMethod, ScoreWeights, SegmentRule, Ties,
};
pub use credit::{CreditCard, CreditConfig, CreditFit, CreditGroupCard, Exposure, Grade, GradeCard};
pub use error::ModelError;
pub use group_values::GroupValues;
pub use index::{
    Combination, IndexCard, IndexConfig, IndexCustomers, IndexGroup, IndexLevelCard, Indicator, IndicatorCard,
    JudgementsCard, Missing, ObjectiveConfig, SiblingWeights, TierCard, TierChange, Weighed, WeighedIndex,
    WeightsError,
};
pub use k_means::{ClusterColumnCard, ClusterCount, ClustersCard, ClustersConfig, SilhouetteCard};
pub use lifecycle::{GapCard, LifecycleCard, LifecycleConfig};
pub use lint::{Case, Finding, GridRow, Lint};
pub use measure::MeasureValue;
pub use plan::{FittedModels, ModelPlan, Valued};
pub use segments::{RF_GRID, RF_GRID_BINS, UNASSIGNED, rf_grid};
pub use strategies::{ActionCaps, StrategiesCard, StrategyCard, StrategyConfig, SuppressCard};
pub use value_matrix::{Axis, AxisCard, Cut, ValueMatrixCard, ValueMatrixConfig};
pub use what_if::{
    Base, CLASS_COLUMNS, ClassFigures, ClassNames, ClassTotal, Figures, Move, Outcome, Robustness, SAMPLE, Seen,
};
pub use xyz::{ClassCard, XyzCard, XyzConfig};
