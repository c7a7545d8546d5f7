//! `group_values`: what groups of customers are worth now and may be worth.
//!
//! A group is the customers with the same values of some text columns: attributes, segments. Its money is the sum of its
//! members' rounded money, exactly. Its expected purchases and lifetime value come with two intervals: of the expectation, since
//! the parameters are uncertain, and of what will be seen, since the members are, too ([`appraise_clv::Forecast`]).

mod aggregate;
mod chain;
mod output;
mod plan;
mod tally;

pub use output::GroupValues;
pub(crate) use plan::GroupPlan;
pub(crate) use tally::GroupTally;
