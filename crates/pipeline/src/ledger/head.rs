//! What a ledger holds: one small file, replaced as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use appraise_export::{Disk, Input};
use appraise_ingest::FileBooks;
use serde::{Deserialize, Serialize};

use crate::error::RunError;

/// Its name in the ledger's folder.
pub(super) const HEAD: &str = "LEDGER.json";
/// Changes with the form of the head and of what it names.
const FORMAT: u32 = 1;

/// The contents of a ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    format: u32,
    /// Counts the commits: who would write number n + 1 must have read number n.
    pub(super) generation: u64,
    /// Name and version of what decides what rows become.
    pub(super) versions: Vec<(String, String)>,
    /// Bits of the partitions' numbers.
    pub(super) partition_bits: u32,
    /// File of the texts that rows name by number; none as long as there are none.
    pub(super) symbols: Option<String>,
    /// By name of the source.
    pub(super) sources: BTreeMap<String, SourceHead>,
}

/// The rows of one source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceHead {
    /// Names all that decides what the rows of a dump become, but the dump.
    pub(super) key: String,
    /// Number of the next dump.
    pub(super) next_number: u32,
    /// From the oldest to the newest.
    pub(super) segments: Vec<SegmentHead>,
    /// The dumps whose rows are in the segments.
    pub(super) files: Vec<FileHead>,
}

/// One file of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SegmentHead {
    /// Its name in the ledger's folder.
    pub(super) name: String,
    /// Its rows.
    pub(super) rows: u64,
}

/// One dump.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileHead {
    /// Its number in the segments.
    pub(super) number: u32,
    /// Which it is.
    pub(super) identity: Identity,
    /// What was found in it beside the rows.
    pub(super) books: FileBooks,
}

/// What names a dump for good.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    /// Path as the manifest names it.
    pub(super) path: String,
    /// Size.
    pub(super) bytes: u64,
    /// Digest of its bytes.
    pub(super) digest: String,
}

impl Identity {
    /// That of an input of the run.
    pub(super) fn of(input: &Input) -> Self {
        Self { path: input.path.clone(), bytes: input.bytes, digest: input.digest.clone() }
    }
}

impl Head {
    /// The head of a ledger without rows.
    pub(super) fn empty(partition_bits: u32, versions: Vec<(String, String)>) -> Self {
        Self { format: FORMAT, generation: 0, versions, partition_bits, symbols: None, sources: BTreeMap::new() }
    }

    /// The head that follows number `generation`, still without sources.
    pub(super) fn after(&self, generation: u64) -> Self {
        let symbols = self.symbols.clone();
        Self { generation: generation + 1, symbols, ..Self::empty(self.partition_bits, self.versions.clone()) }
    }

    /// The head in `folder`; `None` where there is none, or none that can be used.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let path = folder.join(HEAD);
        let refused =
            |why: &dyn std::fmt::Display| tracing::warn!(path = %path.display(), "the ledger can't be used: {why}");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                refused(&error);
                return None;
            }
        };
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(head) if head.format == FORMAT => Some(head),
            Ok(_) => {
                refused(&"it is of another version");
                None
            }
            Err(error) => {
                refused(&error);
                None
            }
        }
    }

    /// Replaces the head in `folder`.
    pub(super) fn write(&self, folder: &Path, disk: &Disk) -> Result<(), RunError> {
        let json = serde_json::to_vec(self)
            .map_err(|error| RunError::Ledger { path: folder.join(HEAD), source: error.into() })?;
        Ok(disk.replace(&folder.join(HEAD), &json)?)
    }

    /// Names of the files that it needs.
    pub(super) fn needs(&self) -> BTreeSet<&str> {
        let segments = self.sources.values().flat_map(|source| &source.segments).map(|segment| segment.name.as_str());
        segments.chain(self.symbols.as_deref()).collect()
    }
}
