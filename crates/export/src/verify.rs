//! Checks that files are what was written: staged ones before a commit, published ones at any time.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use rayon::prelude::*;

use crate::canonical::{WrittenFile, WrittenTable};
use crate::digest;
use crate::error::ExportError;
use crate::layout::{MANIFEST, SUCCESS};
use crate::manifest::TableFile;
use crate::snapshot::{Snapshot, entries};

/// One thing that is wrong with a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Path within the snapshot.
    pub path: String,
    /// What is wrong.
    pub damage: Damage,
}

/// What can be wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It is not there.
    Missing,
    /// The manifest does not know it.
    Extra,
    /// Its length differs.
    Size {
        /// Bytes by the manifest.
        expected: u64,
        /// Bytes of the file.
        found: u64,
    },
    /// Its content differs.
    Sha256 {
        /// Digest by the manifest.
        expected: String,
        /// Digest of the file.
        found: String,
    },
    /// Its footer counts other rows.
    Rows {
        /// Rows by the manifest.
        expected: u64,
        /// Rows by the footer.
        found: u64,
    },
    /// It can't be read, or is not what its name says.
    Unreadable {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, damage } = self;
        match damage {
            Damage::Missing => write!(f, "`{path}` is missing"),
            Damage::Extra => write!(f, "`{path}` is not in the manifest"),
            Damage::Size { expected, found } => write!(f, "`{path}` has {found} bytes, expected {expected}"),
            Damage::Sha256 { expected, found } => write!(f, "`{path}` has SHA-256 {found}, expected {expected}"),
            Damage::Rows { expected, found } => write!(f, "`{path}` has {found} rows, expected {expected}"),
            Damage::Unreadable { why } => write!(f, "`{path}` can't be read: {why}"),
        }
    }
}

/// Compares every file of the snapshot in `folder` with its manifest, and the manifest with `_SUCCESS`.
/// No finding means that the snapshot is whole.
///
/// # Errors
/// When the folder can't be listed. Files that can't be read are findings.
pub fn verify(folder: &Path) -> Result<Vec<Finding>, ExportError> {
    let finding = |path: &str, damage| Finding { path: path.to_owned(), damage };
    let snapshot = match Snapshot::open(folder) {
        Ok(Some(snapshot)) => snapshot,
        Ok(None) => return Ok(vec![finding(SUCCESS, Damage::Missing)]),
        Err(ExportError::Damaged { path, why }) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            return Ok(vec![finding(&name, Damage::Unreadable { why })]);
        }
        Err(error) => return Err(error),
    };
    let files: Vec<_> = snapshot.manifest.files().collect();
    let digests: Vec<_> = files
        .par_iter()
        .filter_map(|&(path, bytes, sha256)| Some(finding(path, wrong_bytes(folder, path, bytes, sha256)?)))
        .collect();
    let table_files = snapshot.manifest.tables.iter().flat_map(|table| &table.files);
    let rows = table_files.filter_map(|file| Some(finding(&file.path, wrong_rows(folder, file)?)));
    let mut findings: Vec<_> = digests.into_iter().chain(rows).collect();
    let known = |path: &str| path == SUCCESS || path == MANIFEST || files.iter().any(|file| file.0 == path);
    let extra = all_files(folder, "")?.into_iter().filter(|path| !known(path));
    findings.extend(extra.map(|path| Finding { path, damage: Damage::Extra }));
    findings.sort_by(|a, b| a.path.cmp(&b.path));
    findings.dedup_by(|later, earlier| later.path == earlier.path);
    Ok(findings)
}

fn wrong_bytes(folder: &Path, path: &str, bytes: u64, sha256: &str) -> Option<Damage> {
    let path = folder.join(path);
    let (found_bytes, found) = match fs::metadata(&path).and_then(|_| digest::of_file(&path)) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(Damage::Missing),
        Err(error) => return Some(Damage::Unreadable { why: error.to_string() }),
    };
    if found_bytes != bytes {
        return Some(Damage::Size { expected: bytes, found: found_bytes });
    }
    (found != sha256).then(|| Damage::Sha256 { expected: sha256.to_owned(), found })
}

fn wrong_rows(folder: &Path, file: &TableFile) -> Option<Damage> {
    match footer(&folder.join(&file.path)) {
        Ok(metadata) => {
            let found = rows(&metadata);
            (found != file.rows).then_some(Damage::Rows { expected: file.rows, found })
        }
        Err(error) => Some(Damage::Unreadable { why: error.to_string() }),
    }
}

/// Paths of all files below `folder`, in order, with `/` between names.
fn all_files(folder: &Path, prefix: &str) -> Result<Vec<String>, ExportError> {
    let mut paths = Vec::new();
    for name in entries(folder)? {
        let (below, path) = (folder.join(&name), format!("{prefix}{name}"));
        if below.is_dir() {
            paths.extend(all_files(&below, &format!("{path}/"))?);
        } else {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Reads every staged file of `tables` back and checks its bytes, rows and schema.
///
/// The length and the XXH3-128 of what the file system returns are those of what the encoder handed over, so
/// the file is what was encoded, byte for byte but for a chance of 2⁻¹²⁸, and its SHA-256 in the manifest,
/// taken of the same bytes on their way out, is that of the file. The checksum need not withstand an attacker:
/// who can change the staged file can change the program. That a footer can be parsed, and counts the rows and
/// names the columns that were meant, shows that the file was closed properly. No value is decoded: that what
/// was encoded reads as what was meant is the business of the tests.
pub(crate) fn read_back(tables: &[WrittenTable]) -> Result<(), ExportError> {
    let files: Vec<_> = tables.iter().flat_map(|table| table.files.iter().map(move |file| (table, file))).collect();
    let results: Vec<_> = files.par_iter().map(|(table, file)| read_back_file(table, file)).collect();
    results.into_iter().collect()
}

fn read_back_file(table: &WrittenTable, file: &WrittenFile) -> Result<(), ExportError> {
    let path = table.temporary(file);
    let expected = &file.description;
    let (bytes, checksum) =
        digest::checksum_of_file(&path).map_err(|error| ExportError::io("read back", &path, error))?;
    let differs = |found: String, expected: String| Err(ExportError::ReadBack { path: path.clone(), found, expected });
    if (bytes, checksum) != (expected.bytes, file.checksum) {
        return differs(
            format!("{bytes} bytes and XXH3-128 {checksum:032x}"),
            format!("{} bytes and XXH3-128 {:032x}", expected.bytes, file.checksum),
        );
    }
    let metadata = footer(&path)?;
    if rows(&metadata) != expected.rows {
        return differs(format!("{} rows", rows(&metadata)), format!("{} rows", expected.rows));
    }
    if metadata.file_metadata().schema_descr() != &table.parquet_schema {
        return differs("another schema".to_owned(), format!("the schema of `{}`", table.contract.name));
    }
    Ok(())
}

fn footer(path: &Path) -> Result<ParquetMetaData, ExportError> {
    let file = File::open(path).map_err(|error| ExportError::io("read", path, error))?;
    ParquetMetaDataReader::new().parse_and_finish(&file).map_err(|error| ExportError::parquet(path, error))
}

fn rows(metadata: &ParquetMetaData) -> u64 {
    metadata.file_metadata().num_rows().try_into().unwrap_or_default()
}
