//! The pipeline file, its plan, and its run: the only crate that knows all stages.
//!
//! Start reading at [`run`]: one run, top to bottom. [`spec`] turns the YAML file into a valid pipeline, [`stages`]
//! translates it into what each stage asks for, [`plan`] looks at the footers of the inputs without doing any
//! work.

mod against_full;
pub mod backfill;
pub mod backtest;
pub mod backtest_tables;
mod batch_store;
mod cache;
mod changes;
pub mod clock;
pub mod compare;
mod conflict;
pub mod error;
pub mod feature_plan;
mod feature_table;
pub mod gc;
mod inputs;
mod key_merge;
mod ledger;
pub mod memory;
pub mod plan;
mod references;
mod refit;
mod report_table;
pub mod retry;
pub mod run;
mod session;
mod sources;
pub mod spec;
pub mod stages;
pub mod summary;
mod unpublished;
mod values;
pub mod what_if;

pub use against_full::{AgainstFull, against_full};
pub use appraise_ingest::Progress;
pub use backtest::{Backtest, BacktestOptions, backtest};
pub use compare::{Comparison, compare};
pub use error::RunError;
pub use plan::{Plan, plan};
pub use run::{RunOptions, Watch, run};
pub use summary::Summary;
pub use what_if::what_if;
