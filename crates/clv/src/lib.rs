//! The probability models of customer lifetime value: how often a customer will buy, and how much they will spend.
//!
//! A customer's purchases come down to a [`History`]; equal histories are counted once, in [`Patterns`]. A
//! [`PurchaseModel`] is fitted to patterns by [`maximise`] (maximum likelihood on log parameters) and then applied
//! to one history at a time: probability to be alive, expected purchases, their distribution. [`GammaGamma`] does
//! the same for the mean spend of a purchase. The crate knows nothing of tables, files or pipelines.
//!
//! A model is one file with its likelihood and its predictions, tested against values computed with 50 digits.

mod beta_binomial;
mod beta_geometric;
mod bg_bb;
mod choice;
mod cholesky;
mod chunks;
mod covariates;
mod error;
mod evaluation;
mod gamma_gamma;
mod history;
mod interval;
mod lifetime_value;
mod maximum;
mod pareto_nbd;
mod pooling;
mod purchase_model;
mod special;

pub use beta_binomial::{BetaBinomial, TrialCounts, Trials};
pub use beta_geometric::{BetaGeometric, BgNbd, MbgNbd};
pub use bg_bb::BgBb;
pub use choice::{Candidate, Choice, PurchaseKind, Purchases, choose};
pub use covariates::{
    CovariateError, CovariateFit, CovariatePatterns, Covariates, MOST_COVARIATES, maximise_with_covariates,
};
pub use error::{FitError, ParameterError};
pub use evaluation::Evaluation;
pub use gamma_gamma::{GammaGamma, Spend, Spends};
pub use history::{History, Patterns};
pub use interval::{DRAWS, Forecast, GroupIntervals, GroupTotals, Interval, Intervals, MANY_MEMBERS, Member};
pub use lifetime_value::{
    DAYS_PER_MONTH, DAYS_PER_YEAR, ExpectedPurchases, Horizon, HorizonError, Timing, continuous_rate,
    credit_adjusted_value, median_time_to_next, periodic_rate,
};
pub use maximum::{Maximum, maximise};
pub use pareto_nbd::ParetoNbd;
pub use pooling::{FOLDS, GroupFits, HeldOut, POOL_STRENGTHS, fit_groups};
pub use purchase_model::PurchaseModel;
pub use special::DirichletDraws;
