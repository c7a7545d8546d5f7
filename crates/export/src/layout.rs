//! Where everything stands below the root of the published tables, and the names that paths are made of.
//!
//! ```text
//! <output>/snapshots/<as_of>/<content_id>/   one snapshot: all tables of a run, never rewritten
//! <output>/snapshots/<as_of>/CURRENT.json    which snapshot stands for that date
//! <output>/CURRENT.json                      the newest date's
//! <output>/runs/<run_id>/                    run.json, quarantine
//! <output>/.ledger/<pipeline>/               the rows of dumps that were read, for later runs
//! <output>/.staging/<run_id>/                what is not published yet
//! <output>/.cache/                           what later runs may use again; nothing breaks when it is removed
//! ```

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use appraise_schema::AsOf;
use appraise_schema::scalar::ScalarError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest;

/// Name of the pointer files.
pub const POINTER: &str = "CURRENT.json";
/// Name of the file that every finished snapshot holds.
pub const SUCCESS: &str = "_SUCCESS";
/// Name of a snapshot's description.
pub const MANIFEST: &str = "manifest.json";
/// Name of the fitted values of a snapshot.
pub const MODEL_CARD: &str = "model_card.json";
/// Name of the data dictionary.
pub const DICTIONARY: &str = "DICTIONARY.md";
/// Name of a run's record.
pub const RUN_RECORD: &str = "run.json";

/// Name of a run: digits, ASCII letters and hyphens, so that it is safe as the name of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// Name of what was computed: 20 hexadecimal digits over all that decides the bytes of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentId(String);

impl ContentId {
    const DIGITS: usize = 20;

    /// The id of `content`: the first 20 digits of the SHA-256 of its JSON with sorted keys and no blanks.
    ///
    /// `content` must name all that decides the bytes and nothing else: tool and time-zone-database
    /// versions, the semantic configuration, the date, the sorted digests of the inputs.
    #[must_use]
    pub fn of(content: &Value) -> Self {
        let mut hash = digest::of_bytes(sorted(content).to_string().as_bytes());
        hash.truncate(Self::DIGITS);
        Self(hash)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `value` with the keys of every object in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

impl RunId {
    /// The name of the run that process number `process` starts at `stamp`, of which letters and digits are kept.
    #[must_use]
    pub fn new(stamp: &str, process: u32) -> Self {
        let stamp: String = stamp.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        Self(format!("{stamp}-{process}"))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunId {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let safe = !text.is_empty() && text.len() <= 128;
        if safe && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Ok(Self(text.to_owned()));
        }
        Err(ScalarError::new(text, "a run id of at most 128 letters, digits and hyphens"))
    }
}

impl FromStr for ContentId {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        if text.len() == Self::DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Self(text.to_owned()));
        }
        Err(ScalarError::new(text, "a content id of 20 hexadecimal digits"))
    }
}

macro_rules! text_of {
    ($id:ty) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $id {
            type Error = ScalarError;

            fn try_from(text: String) -> Result<Self, ScalarError> {
                text.parse()
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.0
            }
        }
    };
}

text_of!(RunId);
text_of!(ContentId);

/// The folders and files below one output root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout below `root`, made absolute. What exists of it loses its links and its `..`, so that paths read
    /// well in summaries.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        let absolute = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let real = absolute.ancestors().find_map(|folder| {
            let real = folder.canonicalize().ok()?;
            Some(real.join(absolute.strip_prefix(folder).ok()?))
        });
        Self::new(real.unwrap_or(absolute))
    }

    /// The layout below `root`, which need not exist yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The root itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Held while a snapshot is committed and pointers move.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join(".lock")
    }

    /// Folder of all snapshots.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// Folder of the snapshots of one date.
    #[must_use]
    pub fn date(&self, as_of: AsOf) -> PathBuf {
        self.snapshots().join(as_of.to_string())
    }

    /// Folder of one snapshot.
    #[must_use]
    pub fn snapshot(&self, as_of: AsOf, content_id: &ContentId) -> PathBuf {
        self.date(as_of).join(content_id.as_str())
    }

    /// The pointer to what stands for `as_of`.
    #[must_use]
    pub fn date_pointer(&self, as_of: AsOf) -> PathBuf {
        self.date(as_of).join(POINTER)
    }

    /// The pointer to the newest date's snapshot.
    #[must_use]
    pub fn pointer(&self) -> PathBuf {
        self.root.join(POINTER)
    }

    /// Folder of all runs' records.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Folder of one run.
    #[must_use]
    pub fn run(&self, run_id: &RunId) -> PathBuf {
        self.runs().join(run_id.as_str())
    }

    /// Folder of the rows that the runs of `pipeline` have read.
    #[must_use]
    pub fn ledger(&self, pipeline: &str) -> PathBuf {
        self.root.join(".ledger").join(pipeline)
    }

    /// Folder of what unfinished runs have written.
    #[must_use]
    pub fn all_staging(&self) -> PathBuf {
        self.root.join(".staging")
    }

    /// Folder of what later runs may use again.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.root.join(".cache")
    }

    /// Folder of what one unfinished run has written.
    #[must_use]
    pub fn staging(&self, run_id: &RunId) -> PathBuf {
        self.all_staging().join(run_id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_root_that_is_not_there_yet_has_no_detours() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("pipelines")).unwrap();
        let layout = Layout::at(&real.join("pipelines/../out/art"));
        assert_eq!(layout.root(), real.join("out/art"));
    }

    #[test]
    fn ids_that_are_no_folder_names_are_refused() {
        for text in ["", "..", "a/b", "a b", "a.b", "ä", &"x".repeat(129)] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
            assert!(text.parse::<ContentId>().is_err(), "{text}");
        }
        assert!("2026-11-21T010203Z-7f".parse::<RunId>().is_ok());
        assert!("0123456789abcdefABCD".parse::<ContentId>().is_err());
    }

    #[test]
    fn the_content_id_depends_on_values_and_not_on_the_order_of_keys() {
        let id = ContentId::of(&json!({"a": 1, "b": {"c": [1, 2], "d": null}}));
        assert_eq!(id, ContentId::of(&json!({"b": {"d": null, "c": [1, 2]}, "a": 1})));
        assert_ne!(id, ContentId::of(&json!({"a": 1, "b": {"c": [2, 1], "d": null}})));
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}
