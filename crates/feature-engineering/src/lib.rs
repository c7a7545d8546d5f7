//! Event batches in, one wide row per customer out.
//!
//! A feature is a fold over one customer's time-ordered history. Events are scattered once by the
//! hash of the customer key into partitions; a [partition](partition) is grouped and ordered and loses its
//! duplicates; then every feature [family] reads each customer's ordered slices and writes its columns.
//! Partitions are independent: they fold in parallel and give the same rows, in the same order, whatever
//! their number and the number of threads.
//!
//! Three rules make that true. Events of a customer on the same day are a set, so every fold is invariant
//! under permuting them and sums integers, or floats in value order. Duplicates are dropped inside the
//! partition, where all rows of a customer meet. Rows leave in the order of the key's hash, then the key.

mod column;
mod config;
mod dedupe;
mod error;
mod family;
mod fold;
mod gather;
mod group;
mod history;
mod lots;
mod netting;
mod partition;
mod rows;
mod scatter;
mod segment;
mod spill;
#[cfg(test)]
mod tests;
mod views;

pub use config::{Duplicates, FeatureConfig, InteractionConfig, ReferenceConfig};
pub use dedupe::Duplicates as DroppedDuplicates;
pub use error::FoldError;
pub use family::FamilyKind;
pub use fold::{Emit, Folded, contract, fold};
pub use scatter::{Scatter, ScatterOptions, ScatterWriter, partition_bits};
pub use segment::{Segment, write_segment};
