//! Tables in memory become published files: canonical Parquet, a manifest, a data dictionary, and one
//! atomic publish. This is the only crate that writes what users read; it knows nothing of how the tables
//! were made.
//!
//! The usual way through it: [`RunLog::start`], [`recover`], [`Publisher::find`] (nothing to do when the
//! content is there), [`Publisher::stage`], a [`TableWriter`] per table, [`Staging::commit`],
//! [`RunLog::write`].

pub mod canonical;
pub mod dictionary;
pub mod digest;
pub mod disk;
pub mod encoding;
pub mod error;
pub mod folder;
pub mod garbage;
pub mod kept;
pub mod layout;
pub mod manifest;
pub mod publish;
pub mod read;
pub mod run_record;
pub mod snapshot;
pub mod verify;

#[cfg(test)]
mod tests;

pub use canonical::{TableWriter, WrittenTable};
pub use disk::{Disk, Steps};
pub use encoding::Compression;
pub use error::{ErrorKind, ExportError};
pub use kept::KeptFile;
pub use layout::{ContentId, Layout, RunId};
pub use manifest::{Base, Input, Manifest};
pub use publish::{Facts, Outcome, Published, Publisher, Staging};
pub use read::TableRows;
pub use run_record::{RunLog, RunRecord, RunStatus, list_runs, recover};
pub use snapshot::{Snapshot, newest_before, resolve};
pub use verify::{Damage, Finding, verify};
