//! Probability of default, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::named::Named;
use crate::spec::scalars::{GradeName, Name, ShareText};

/// Who pays: the probability of default, what open invoices are expected to lose, a grade.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CreditRisk")]
pub struct CreditRiskSpec {
    /// Share of an unpaid invoice that is lost in the end. Default `60%`.
    pub loss_given_default: Option<ShareText>,
    /// What may be lost. Default `outstanding`.
    pub exposure: Option<ExposureSpec>,
    /// Attributes of the customers that say who is alike, the widest first; a small group leans on the one that it is within.
    /// Default: none, all customers are alike.
    pub group_by: Option<Vec<Name>>,
    /// Names of the grades and the largest probability of default of each, rising to `100%`.
    /// Default `{ A: 1%, B: 3%, C: 8%, D: 100% }`.
    pub grades: Option<Named<ShareText, GradeName>>,
}

/// What of a customer may be lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Exposure")]
pub enum ExposureSpec {
    /// Open invoices, each less its deposit.
    #[default]
    Outstanding,
    /// The credit limit, where it is higher than that and known.
    CreditLimit,
}
