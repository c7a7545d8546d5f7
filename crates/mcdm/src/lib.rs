//! Multi-criteria decision mathematics: how much indicators weigh, and how customers rank by them.
//!
//! A [`Scale`] turns an indicator into a number from 0 to 1. Weights come from judgements ([`ahp`]) or from the data
//! ([`ObjectiveFit`]), or from both ([`additive`], [`multiplicative`], [`game_theory`]). A [`RankingFit`] takes all
//! rows and leaves [`References`], which score these and any other rows. [`KMeans`] finds groups of alike rows.
//!
//! Columns are slices, one for each indicator; rows arrive batch after batch, and where they are cut makes no
//! difference to any bit of a result. The crate knows nothing of tables, files or pipelines.

mod accumulate;
mod ahp;
mod columns;
mod combination;
mod distance;
mod error;
mod k_means;
mod kendall;
mod objective;
mod ranking;
mod ranks;
mod scale;
mod score_bins;
mod silhouette;
mod weights;
mod what_if;

pub use ahp::{Ahp, MOST_INCONSISTENCY, RandomIndex, ahp};
pub use combination::{GameTheory, additive, game_theory, multiplicative};
pub use error::{AhpError, Error};
pub use k_means::{KMeans, KMeansConfig};
pub use kendall::kendall_tau_b;
pub use objective::{Objective, ObjectiveFit, ObjectiveWeights};
pub use ranking::{Gra, Input, Ranking, RankingFit, References, Topsis, TopsisColumn, Vikor, contribution};
pub use ranks::{max_rank_shift, ranks, spearman, top_overlap};
pub use scale::{BoundsRule, Direction, Scale, Transform};
pub use score_bins::{Places, SCORE_BINS, ScoreBins};
pub use silhouette::{MOST_SILHOUETTE_ROWS, silhouettes};
pub use weights::{equal, normalise};
pub use what_if::{LeastChange, WeightChange, change_weight, fix_weights, least_change};
