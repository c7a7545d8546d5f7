//! What a pipeline asks of strategies.

use appraise_schema::Share;

use crate::config::ModelConfig;
use crate::error::ModelError;
use crate::segments::UNASSIGNED;

/// What is done about the customers of some segments.
#[derive(Debug, Clone, PartialEq)]
pub struct StrategyConfig {
    /// Its name.
    pub name: String,
    /// The segments that it is for; `unassigned` may be one.
    pub segments: Vec<String>,
    /// What is done.
    pub actions: Vec<String>,
    /// By which channel.
    pub channel: Option<String>,
    /// By whom.
    pub owner: Option<String>,
    /// Why, in words.
    pub reason: Option<String>,
    /// What treating a customer costs, in minor units of money, not negative.
    pub budget: Option<i64>,
    /// The most customers of a run.
    pub cap: Option<u64>,
    /// Share of `gain` that the actions are expected to add.
    pub uplift: Option<Share>,
    /// Column of money that is lifted; without a name it is `clv`.
    pub gain: Option<String>,
    /// Share of the customers, by the hash of their keys, who are left untreated.
    pub control_share: Share,
}

/// Checks that each segment of the strategies of `config` is one of `segment`, and has one strategy.
///
/// # Errors
/// [`ModelError::NoSegments`], [`ModelError::StrategySegment`].
pub(super) fn check(config: &ModelConfig) -> Result<(), ModelError> {
    if config.segments.is_empty() {
        return Err(ModelError::NoSegments);
    }
    let named = config.strategies.iter().flat_map(|of| of.segments.iter().map(|segment| (&of.name, segment)));
    for (place, (strategy, segment)) in named.clone().enumerate() {
        let known = segment == UNASSIGNED || config.segments.iter().any(|rule| rule.name == *segment);
        let earlier = named.clone().take(place).find(|(_, before)| *before == segment);
        let why = match earlier {
            Some((other, _)) => format!("which has the strategy `{other}`"),
            None if known => continue,
            None => "which no rule admits to".to_owned(),
        };
        return Err(ModelError::StrategySegment { strategy: strategy.clone(), segment: segment.clone(), why });
    }
    Ok(())
}
