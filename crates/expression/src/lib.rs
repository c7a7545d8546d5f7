//! The row-wise SQL subset of pipeline files: parsed once, checked against the columns of a source, then
//! evaluated batch by batch.
//!
//! A text passes four stages, each a module: [`Parsed::parse`] bounds and parses it and keeps what the
//! allow-list knows; [`Parsed::bind`] gives every node a type; [`Bound::evaluate`] computes a column, arrow in
//! and arrow out. Exact numbers (integers and decimals) are computed by checked `i128` kernels of this crate on
//! unscaled values, because the engine wraps and rescales them silently; texts, dates, booleans and doubles are
//! computed by polars. A row whose number overflowed or whose CAST failed is marked in [`Evaluated::faults`],
//! never given a wrong value.
//!
//! Polars has a thread pool of its own, so [`Bound::evaluate`] is not to be called from inside a rayon job.
//! The subset is described for its users in `docs/expressions.md`.

mod allow;
mod bind;
mod call;
mod canonical;
mod cast;
mod choice;
mod column;
mod engine;
mod error;
mod evaluate;
mod exact;
mod functions;
mod interchange;
mod like;
mod literal;
mod parse;
mod sql_type;
#[cfg(test)]
mod tests;
mod tests_of;
mod tree;
mod typed;

pub use error::{EvaluationError, ExpressionError};
pub use evaluate::{Bound, Evaluated};
pub use parse::Parsed;
pub use sql_type::SqlType;
pub use tests_of::Tests;
pub use tree::Literal;
