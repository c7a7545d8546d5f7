//! What tests share: random transactions, and a fold so naive that it can be read as a definition.

pub mod naive;
pub mod transactions;
