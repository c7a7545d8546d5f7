//! Whom the strategies reached, in the model card.

use serde::{Deserialize, Serialize};

use crate::card::CardValue;

/// Whom the strategies reach, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategiesCard {
    /// In the order of the pipeline.
    pub strategies: Vec<StrategyCard>,
    /// The rules that suppress actions, in the order in which they are tried.
    pub suppress: Vec<SuppressCard>,
}

/// Whom one strategy reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategyCard {
    /// The strategy.
    pub strategy: String,
    /// Customers whose segment it is for: the sum of the next four.
    pub customers: u64,
    /// Customers who are treated.
    pub act: u64,
    /// Customers who are left untreated for comparison.
    pub control: u64,
    /// Customers beyond the cap.
    pub capped: u64,
    /// Customers whom a rule keeps from it.
    pub suppressed: u64,
    /// What treating them costs: `act` times the budget of a customer; `None` without a budget.
    pub spend: Option<CardValue>,
}

/// One rule that suppresses actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuppressCard {
    /// The rule's name.
    pub name: String,
    /// The rule, as written.
    pub when: String,
    /// Customers with a strategy who met it and none before.
    pub customers: u64,
    /// Customers for whom it could not be computed and counts as not met.
    pub faults: u64,
}
