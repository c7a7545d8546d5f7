//! What fitting found about purchases and spend, as the model card keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Fitted customer lifetime value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClvCard {
    /// How often customers come back.
    pub purchases: PurchasesCard,
    /// How much they spend.
    pub spend: SpendCard,
    /// Mean of the margin's column over the fitted customers; absent with a fixed margin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_margin: Option<f64>,
    /// Share of all customers who have bought.
    pub conversion_rate: f64,
    /// Customers that were fitted.
    pub fitted_customers: u64,
    /// Buyers whose first purchase is not known: valued, but not fitted.
    pub customers_of_unknown_entry: u64,
    /// Buyers who bought first before `fit_from`: valued, but not fitted. Absent without `fit_from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customers_before_fit_from: Option<u64>,
    /// What is doubtful, in words.
    pub doubts: Vec<String>,
}

/// A fitted model of purchases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurchasesCard {
    /// `mbg_nbd`, `bg_nbd`, `pareto_nbd`, `bg_bb`; or the name of what stands in: `mean`, `last_year_repeat`.
    pub model: String,
    /// Days in the unit of time of the parameters.
    pub unit_days: f64,
    /// All fitted customers together; with covariates, the parameters of a customer whose covariates are all 0.
    pub all: FitCard,
    /// What the customers' covariates do; absent without covariates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covariates: Option<CovariatesCard>,
    /// Those of each group of `fit_by`, where there is one.
    pub groups: Vec<GroupFitCard>,
    /// How many customers of the whole each group leans on; absent without groups, and when groups do not differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<f64>,
    /// The models that were compared, by the log likelihood of customers they were not fitted to.
    pub candidates: Vec<CandidateCard>,
}

/// Maximum-likelihood parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitCard {
    /// By name, as in the paper.
    pub parameters: BTreeMap<String, f64>,
    /// Of the parameters, by the delta method; empty for what is not fitted by likelihood.
    pub standard_errors: BTreeMap<String, f64>,
    /// Covariance matrix of the logarithms of the parameters, in the order of the paper's; with covariates, of the effects
    /// behind them: all on the first rate, then all on the second.
    pub log_covariance: Vec<Vec<f64>>,
    /// At the maximum.
    pub log_likelihood: f64,
    /// Largest derivative of the log likelihood per customer by a log parameter: as good as 0.
    pub gradient_norm: f64,
    /// Fitted customers.
    pub customers: u64,
    /// Distinct histories among them.
    pub patterns: u64,
}

/// Fitted effects of covariates: a customer's rates are scaled by e^(Σ effect · covariate).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CovariatesCard {
    /// The two rates that are scaled: `lambda`, then `mu` or `a`.
    pub rates: [String; 2],
    /// In the order of the configuration; without those that are the same for all fitted customers.
    pub columns: Vec<CovariateCard>,
}

/// One column, as covariates and with their effects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CovariateCard {
    /// Its name.
    pub column: String,
    /// How its values are made covariates.
    pub encoding: EncodingCard,
    /// One of a number; one for each of the texts' `values`, in their order.
    pub effects: Vec<EffectCard>,
}

/// How the values of a column are made covariates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum EncodingCard {
    /// The number, at least the lowest and at most the highest that was fitted, less the mean; 0 without one.
    Number {
        /// Mean over the fitted customers who have one.
        mean: f64,
        /// The lowest that was fitted.
        lowest: f64,
        /// The highest that was fitted.
        highest: f64,
    },
    /// For each of `values`, 1 of customers with it, else 0.
    Text {
        /// What most fitted customers have: it is no covariate, nor is a value that was not fitted; null is no value.
        most_frequent: Option<String>,
        /// The others, no value (null) first, then by their UTF-8 bytes.
        values: Vec<Option<String>>,
    },
}

/// The effects of one covariate on the two rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectCard {
    /// γ, by rate.
    pub gamma: [f64; 2],
    /// Its standard errors.
    pub standard_errors: [f64; 2],
}

/// The fit of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupFitCard {
    /// Value of each attribute, in the order of `fit_by`; null for customers without one.
    pub group: Vec<Option<String>>,
    /// Share of its customers who have bought.
    pub conversion_rate: f64,
    /// Its fit.
    pub fit: FitCard,
}

/// A model that was compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CandidateCard {
    /// Its name.
    pub model: String,
    /// Log likelihood of all customers, each by a fit to the other four fifths; absent when it has no fit.
    pub held_out_log_likelihood: Option<f64>,
    /// By how much that of the best is higher; no more than its standard error is a tie, which the simplest model wins.
    pub behind: f64,
    /// Standard error of `behind`, from the customers' own differences.
    pub behind_standard_error: f64,
}

/// Fitted spend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpendCard {
    /// `gamma_gamma`, or `mean` where that has no fit.
    pub model: String,
    /// In whole units of money; `mean` has the one parameter `mean`.
    pub fit: FitCard,
    /// Correlation of frequency and mean spend among repeaters, which the model takes to be 0; absent below 3 of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_with_frequency: Option<f64>,
}
