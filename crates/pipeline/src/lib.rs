//! The pipeline file, its plan, and its run: the only crate that knows all stages.
//!
//! Start reading at [`run`]: one run, top to bottom. [`spec`] turns the YAML file into a valid pipeline, [`stages`]
//! translates it into what each stage asks for, [`plan`] looks at the footers of the inputs without doing any
//! work.

pub mod backfill;
pub mod backtest;
pub mod backtest_tables;
mod batch_store;
pub mod clock;
mod conflict;
pub mod error;
pub mod feature_plan;
mod feature_table;
mod inputs;
pub mod memory;
pub mod plan;
mod references;
pub mod run;
mod session;
mod sources;
pub mod spec;
pub mod stages;
pub mod summary;
mod values;

pub use appraise_ingest::Progress;
pub use backtest::{Backtest, BacktestOptions, backtest};
pub use error::RunError;
pub use plan::{Plan, plan};
pub use run::{RunOptions, Watch, run};
pub use summary::Summary;
