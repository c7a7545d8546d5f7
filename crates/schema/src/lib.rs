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
pub mod horizon;
pub mod money;
pub mod panic;
pub mod reference;
pub mod scalar;
pub mod source;
pub mod symbols;
pub mod table;

pub use accounting::{Accounting, Bucket, Tally};
pub use as_of::AsOf;
pub use calendar::{PurchasePeriod, SpendPeriod, TimeUnit, WindowDays};
pub use event::{EventBatch, EventColumn, Form, KeyColumn, KeyType, Layout};
pub use horizon::Horizon;
pub use money::Money;
pub use reference::{ExchangeRates, Rate, Reference};
pub use scalar::{DiscountRate, ScalarError, Share};
pub use source::SourceKind;
pub use symbols::Symbols;
pub use table::{ColumnSpec, ColumnType, TableContract};
