//! The models from features to values, against published numbers, naive oracles and random customers.

#![expect(clippy::unwrap_used, reason = "what can't be built or read fails the test that asked for it")]

mod chain;
mod classes;
mod credit;
mod customers;
mod groups;
mod index;
mod k_means;
mod lifetime;
mod model_card;
mod potential;
mod published_rfm;
mod segment_rules;
mod strategies;
mod what_if;
