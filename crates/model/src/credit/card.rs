//! What fitting found about defaults, as the model card keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Fitted probabilities of default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditCard {
    /// The attributes that make the groups, from the widest.
    pub group_by: Vec<String>,
    /// How many customers of the wider group each group leans on; absent without groups, and when groups do not differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<f64>,
    /// All customers, then the groups, each after the one it is within; none when no customer had an invoice to judge.
    pub groups: Vec<CreditGroupCard>,
    /// The grades, from the best, and the customers that were valued.
    pub grades: Vec<GradeCard>,
}

/// Where the parameters of a group are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditFit {
    /// Maximum likelihood of the group's customers, leaning on those of the wider group.
    BetaBinomial,
    /// The wider group's: too few customers, or nothing that sets them apart.
    WiderGroup,
    /// All customers alike: (defaults + ½) / (invoices + 1).
    Binomial,
}

/// The defaults of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditGroupCard {
    /// Values of the first attributes; none for all customers.
    pub group: Vec<Option<String>>,
    /// Where the parameters are from.
    pub fit: CreditFit,
    /// Probability of default of a customer of whom nothing is known.
    pub mean: f64,
    /// First parameter of the beta distribution of the customers' probabilities; absent where all are alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Its second parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// Standard errors of the group's own parameters, by the delta method.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub standard_errors: BTreeMap<String, f64>,
    /// Covariance matrix of the logarithms of the group's own parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_covariance: Option<[[f64; 2]; 2]>,
    /// Customers with an invoice to judge.
    pub customers: u64,
    /// Their invoices.
    pub invoices: u64,
    /// Those in default.
    pub defaults: u64,
}

/// One grade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradeCard {
    /// Its name.
    pub grade: String,
    /// Largest probability of default that has it.
    pub up_to: f64,
    /// Customers who have it.
    pub customers: u64,
}
