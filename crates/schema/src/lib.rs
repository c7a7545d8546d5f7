//! The words that every room of appraise speaks: canonical events, table contracts, validated scalars,
//! the accounting of rows.
//!
//! This crate knows nothing of files, YAML or the expression engine. Everything in it is plain data whose
//! constructors refuse what is not valid, so that no stage checks again.

pub mod accounting;
pub mod as_of;
pub mod calendar;
pub mod event;
pub mod hash;
pub mod money;
pub mod scalar;
pub mod source;
pub mod table;

pub use accounting::{Accounting, Bucket, Tally};
pub use as_of::AsOf;
pub use calendar::{PurchasePeriod, TimeUnit, WindowDays};
pub use event::{EventBatch, KeyColumn, KeyType, TransactionRef};
pub use money::Money;
pub use scalar::{ScalarError, Share};
pub use table::{ColumnSpec, ColumnType, TableContract};
