//! The mathematics against values from published examples and other libraries, and its properties on random data.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod degenerate;
mod k_means;
mod properties;
mod run;
mod truth;
mod truth_ahp;
mod truth_scores;
mod truth_weights;
mod truth_what_if;
