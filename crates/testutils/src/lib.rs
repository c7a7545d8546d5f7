//! What tests share: random transactions, a fold so naive that it can be read as a definition, another's validator.

pub mod json_schema;
pub mod naive;
pub mod transactions;
