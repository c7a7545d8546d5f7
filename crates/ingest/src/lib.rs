//! Parquet dumps become checked batches of canonical events.
//!
//! The way of a row: [`discover`] finds the files and reads their footers, [`ReadPlan::new`] reports schema drift
//! and binds the pipeline's expressions to every file, [`read()`] decodes the row groups in parallel, gives every row
//! one bucket, and hands the used rows to sinks as [`appraise_schema::EventBatch`], in the columns and forms of the
//! wanted [`appraise_schema::Layout`]. What it leaves behind is a [`ReadReport`]: the books, the quarantined rows, the
//! outcome of the checks. Small tables are read whole: [`read_reference`], [`read_exchange_rates`].
//!
//! This crate knows nothing of features, models or published files.

mod chunk;
mod columns;
pub mod config;
pub mod digest;
pub mod discover;
pub mod drift;
pub mod error;
mod evaluate;
mod findings;
mod judge;
mod mapping;
pub mod outcome;
mod pages;
pub mod plan;
pub mod quarantine;
pub mod read;
mod reasons;
pub mod reference;
mod row_group;
mod worker;

pub use config::{Check, CheckKind, ExchangeRatesConfig, ReferenceConfig, Severity, SourceConfig};
pub use digest::digest;
pub use discover::{InputFile, discover};
pub use drift::DriftLine;
pub use error::{ErrorKind, IngestError};
pub use findings::FileBooks;
pub use outcome::{CheckOutcome, ReadReport};
pub use plan::ReadPlan;
pub use quarantine::QuarantineRow;
pub use read::{EventSink, NoProgress, Origin, Progress, ReadOptions, read};
pub use reference::{read_exchange_rates, read_reference};
