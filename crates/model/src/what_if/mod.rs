//! What if the models were asked otherwise: scenarios beside the base, customer by customer.
//!
//! An [`Outcome`] is what a scenario makes of all customers. The [`Base`] compares others with its own: sizes, values and moves of
//! classes, and how alike the rankings are. [`Seen`] gathers how firm each customer's place is over all scenarios. Scenarios that
//! differ in the weights of the index alone need no fit: a [`WeighedIndex`](crate::WeighedIndex) scores all customers anew.

mod base;
mod outcome;
mod robustness;

pub use base::{Base, ClassFigures, ClassTotal, Figures, Move, SAMPLE};
pub use outcome::{CLASS_COLUMNS, ClassNames, Outcome};
pub use robustness::{Robustness, Seen};
