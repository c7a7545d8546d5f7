//! The models against values computed with 50 digits, published fits, and data whose parameters are known.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::print_stdout, reason = "figures to look at, where a test is run with its output")]
#![allow(clippy::many_single_char_names, reason = "the papers' names")]

mod choice;
mod covariates;
mod fits;
mod pooling;
mod recovery;
mod simulator;
mod truth;
mod truth_bg_bb;
mod truth_bg_nbd;
mod truth_clv;
mod truth_gamma_gamma;
mod truth_pareto_nbd;
