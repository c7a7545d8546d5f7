//! `manifest.json`: what a snapshot holds and where it came from. It has neither clock nor run id in it,
//! so that the same inputs give the same bytes.

use std::collections::BTreeMap;

use appraise_schema::{ColumnSpec, TableContract};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::layout::ContentId;

/// Version of the manifest's own form.
pub const FORMAT_VERSION: u32 = 1;

/// A snapshot's description; keys are written in the order of the fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this form.
    pub format_version: u32,
    /// Name of the pipeline.
    pub pipeline: String,
    /// The date customers are valued at, as `YYYY-MM-DD`.
    pub as_of: String,
    /// Name of the content.
    pub content_id: ContentId,
    /// Versions of what decides the bytes: the tool, the time-zone database.
    pub versions: BTreeMap<String, String>,
    /// The tables, in the order in which they were added.
    pub tables: Vec<Table>,
    /// The fitted values of the models.
    pub model_card: Option<FileDigest>,
    /// Other files of the snapshot, such as the data dictionary.
    pub documents: Vec<FileDigest>,
    /// What was read.
    pub inputs: Vec<Input>,
    /// The resolved parameters.
    pub parameters: Value,
    /// The snapshot that the table of changes begins at, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
}

/// Another snapshot of the same root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its date, as `YYYY-MM-DD`.
    pub as_of: String,
    /// Name of its content.
    pub content_id: ContentId,
}

/// One table of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Name, also of its folder.
    pub name: String,
    /// What one row is.
    pub meaning: String,
    /// Rows of all files.
    pub rows: u64,
    /// The files in the order of their rows.
    pub files: Vec<TableFile>,
    /// The columns in order.
    pub columns: Vec<Column>,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Type, such as `DECIMAL(18,2)`.
    #[serde(rename = "type")]
    pub column_type: String,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Unit, empty when it has none.
    pub unit: String,
    /// What it says.
    pub meaning: String,
}

/// One Parquet file of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFile {
    /// Path within the snapshot.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// Digest.
    pub sha256: String,
    /// Rows.
    pub rows: u64,
    /// Least key in the file; `None` when there are no rows or the key is neither integer nor text.
    pub key_min: Option<Key>,
    /// Greatest key in the file.
    pub key_max: Option<Key>,
}

/// A key as JSON: a number or a string.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// An integer key.
    Integer(i64),
    /// A text key, ordered by its UTF-8 bytes.
    Text(String),
}

/// A file of a snapshot that is not a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Path within the snapshot.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// Digest.
    pub sha256: String,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The source or reference table that it belongs to.
    #[serde(default)]
    pub source: String,
    /// Path as the pipeline found it.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// Digest, with the name of its function, such as `blake3:6437…`.
    pub digest: String,
    /// Rows.
    pub rows: u64,
}

impl Table {
    /// Describes the table of `contract`, written as `files`.
    #[must_use]
    pub fn new(contract: &TableContract, files: Vec<TableFile>) -> Self {
        Self {
            name: contract.name.clone(),
            meaning: contract.meaning.clone(),
            rows: files.iter().map(|file| file.rows).sum(),
            files,
            columns: contract.columns.iter().map(Column::from).collect(),
        }
    }
}

impl From<&ColumnSpec> for Column {
    fn from(spec: &ColumnSpec) -> Self {
        Self {
            name: spec.name.clone(),
            column_type: spec.column_type.name(),
            nullable: spec.nullable,
            unit: spec.unit.clone(),
            meaning: spec.meaning.clone(),
        }
    }
}

impl Manifest {
    /// Path, length and digest of every file that the manifest vouches for, in its order.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64, &str)> {
        let tables = self.tables.iter().flat_map(|table| &table.files);
        let tables = tables.map(|file| (file.path.as_str(), file.bytes, file.sha256.as_str()));
        let others = self.model_card.iter().chain(&self.documents);
        tables.chain(others.map(|file| (file.path.as_str(), file.bytes, file.sha256.as_str())))
    }

    /// The first difference between the files of two snapshots, if there is one.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let mut theirs: BTreeMap<_, _> = other.files().map(|(path, _, sha256)| (path, sha256)).collect();
        for (path, _, sha256) in self.files() {
            match theirs.remove(path) {
                Some(digest) if digest == sha256 => {}
                Some(digest) => return Some(format!("`{path}` has SHA-256 {digest} there and {sha256} here")),
                None => return Some(format!("`{path}` is missing there")),
            }
        }
        theirs.into_keys().next().map(|path| format!("`{path}` is there only"))
    }

    /// The table `name`.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

/// `value` as indented JSON with a line end behind it.
///
/// # Errors
/// When a map has keys that are not text.
pub(crate) fn json_bytes(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn manifest(files: &[(&str, &str)]) -> Manifest {
        let file = |(path, sha256): &(&str, &str)| TableFile {
            path: (*path).to_owned(),
            bytes: 1,
            sha256: (*sha256).to_owned(),
            rows: 1,
            key_min: Some(Key::Integer(-5)),
            key_max: Some(Key::Text("z".to_owned())),
        };
        let contract = TableContract::new("t", "a row", vec![ColumnSpec::as_of()]).unwrap();
        Manifest {
            format_version: FORMAT_VERSION,
            pipeline: "p".to_owned(),
            as_of: "2024-12-31".to_owned(),
            content_id: ContentId::of(&json!(1)),
            versions: BTreeMap::from([("appraise".to_owned(), "0.1.0".to_owned())]),
            tables: vec![Table::new(&contract, files.iter().map(file).collect())],
            model_card: None,
            documents: Vec::new(),
            inputs: Vec::new(),
            parameters: json!({"b": 1, "a": 2}),
            base: None,
        }
    }

    #[test]
    fn a_manifest_survives_writing_and_reading() {
        let written = manifest(&[("t/part-00000.parquet", "aa")]);
        let bytes = json_bytes(&written).unwrap();
        assert_eq!(serde_json::from_slice::<Manifest>(&bytes).unwrap(), written);
        assert_eq!(json_bytes(&written).unwrap(), bytes);
        assert!(bytes.ends_with(b"}\n"));
    }

    #[test]
    fn a_difference_names_the_file() {
        let ours = manifest(&[("a", "1"), ("b", "2")]);
        assert_eq!(ours.difference(&ours), None);
        for (theirs, word) in [
            (manifest(&[("a", "1"), ("b", "3")]), "SHA-256 3 there"),
            (manifest(&[("a", "1")]), "`b` is missing there"),
            (manifest(&[("a", "1"), ("b", "2"), ("c", "4")]), "`c` is there only"),
        ] {
            let difference = ours.difference(&theirs).unwrap();
            assert!(difference.contains(word), "{difference}");
        }
    }
}
