//! Digests of input files, remembered by what the file system says of the files.
//!
//! A file whose device, inode, size, time of its last write and time of its last change of any kind are those of the memo has the bytes that were
//! hashed, unless it was written again within the granularity of these times. So a file is remembered only when its last
//! write lies two seconds or more before hashing began, by the clock of the file system itself: the time of a file that is
//! written before.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use appraise_export::Publisher;
use appraise_ingest::digest;
use serde::{Deserialize, Serialize};

use super::sealed;
use crate::error::RunError;
use crate::run::RunOptions;

/// Seconds between a write and the hash that is remembered.
const SETTLED_S: i64 = 2;

/// What the file system says of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds of the last write.
    modified: (i64, i64),
    /// The same of the last change of the bytes or of what is known about them.
    changed: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(of: &Metadata) -> Self {
        Self {
            device: of.dev(),
            inode: of.ino(),
            bytes: of.len(),
            modified: (of.mtime(), of.mtime_nsec()),
            changed: (of.ctime(), of.ctime_nsec()),
        }
    }
}

/// A file as it was hashed.
#[derive(Clone, Serialize, Deserialize)]
struct Hashed {
    stamp: Stamp,
    digest: String,
}

/// What was hashed, by absolute path.
#[derive(Default, Serialize, Deserialize)]
struct Memo(BTreeMap<PathBuf, Hashed>);

impl Memo {
    fn digest(&self, path: &Path, stamp: Option<&Stamp>) -> Option<String> {
        let hashed = self.0.get(path)?;
        (Some(&hashed.stamp) == stamp).then(|| hashed.digest.clone())
    }
}

fn memo_path(publisher: &Publisher) -> PathBuf {
    publisher.layout.cache().join("digests.json")
}

/// Absolute paths without links, with what the file system says of each; `None` where it says nothing.
fn stamps(paths: &[PathBuf]) -> Vec<(PathBuf, Option<Stamp>)> {
    let stamp = |path: &PathBuf| {
        let stamp = std::fs::metadata(path).ok().map(|of| Stamp::from(&of));
        (path.canonicalize().unwrap_or_else(|_| path.clone()), stamp)
    };
    paths.iter().map(stamp).collect()
}

/// The digests of all `paths` where each is remembered; nothing is hashed.
pub(crate) fn remembered(publisher: &Publisher, paths: &[PathBuf]) -> Option<Vec<String>> {
    let memo: Memo = sealed::read(&memo_path(publisher))?;
    stamps(paths).iter().map(|(path, stamp)| memo.digest(path, stamp.as_ref())).collect()
}

/// The digests of `paths`: those that are remembered, the others computed and remembered for the next time.
///
/// # Errors
/// When a file can't be read, or the run is to stop. That digests can't be remembered is a warning.
pub(crate) fn of(publisher: &Publisher, paths: &[PathBuf], options: &RunOptions) -> Result<Vec<String>, RunError> {
    let memo: Memo = sealed::read(&memo_path(publisher)).unwrap_or_default();
    let stamps = stamps(paths);
    let mut digests: Vec<Option<String>> =
        stamps.iter().map(|(path, stamp)| memo.digest(path, stamp.as_ref())).collect();
    let unknown = digests.iter().zip(paths).filter(|(digest, _)| digest.is_none());
    let unknown: Vec<PathBuf> = unknown.map(|(_, path)| path.clone()).collect();
    if !unknown.is_empty() {
        let now = now(publisher);
        let mut hashed = digest(&unknown, options.threads, &options.cancel)?.into_iter();
        for digest in digests.iter_mut().filter(|digest| digest.is_none()) {
            *digest = hashed.next();
        }
        if let Err(error) = now.and_then(|now| remember(publisher, &stamps, &digests, now)) {
            tracing::warn!(%error, "digests of the inputs were not remembered");
        }
    }
    Ok(digests.into_iter().flatten().collect())
}

/// Seconds by the clock of the file system of the output.
fn now(publisher: &Publisher) -> Result<i64, RunError> {
    let path = publisher.layout.cache().join("now");
    publisher.replace_file(&path, b"")?;
    let written = std::fs::metadata(&path);
    Ok(written.map_err(|source| RunError::Spill { folder: path, source })?.mtime())
}

/// Remembers the files that were last written long enough before `now`.
fn remember(
    publisher: &Publisher,
    stamps: &[(PathBuf, Option<Stamp>)],
    digests: &[Option<String>],
    now: i64,
) -> Result<(), RunError> {
    let settled = |stamp: &Stamp| stamp.modified.0 <= now - SETTLED_S;
    let hashed = |((path, stamp), digest): (&(PathBuf, Option<Stamp>), &Option<String>)| {
        let (stamp, digest) = stamp.clone().filter(settled).zip(digest.clone())?;
        Some((path.clone(), Hashed { stamp, digest }))
    };
    sealed::write(publisher, &memo_path(publisher), &Memo(stamps.iter().zip(digests).filter_map(hashed).collect()))
}
