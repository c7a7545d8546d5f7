//! One command per file; a doc comment is its help text.

pub(crate) mod backtest;
pub(crate) mod compare;
pub(crate) mod gc;
pub(crate) mod generate;
pub(crate) mod path;
pub(crate) mod plan;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod validate;
pub(crate) mod verify;
pub(crate) mod what_if;
