//! What tests share: the rows of a small auction house, a fold so naive that it can be read as a definition, another's
//! validator.

pub mod batch;
pub mod delivery;
pub mod json_schema;
pub mod naive;
pub mod world;
