//! Finds the dumps: files, globs, folders and Hive-partitioned folders.

use std::collections::BTreeSet;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{ParquetMetaData, ParquetStatisticsPolicy};

use crate::error::IngestError;

/// Folders are searched so deep.
const MAX_DEPTH: usize = 32;
/// A footer may be so large, in bytes.
const MAX_FOOTER: u64 = 256 << 20;
/// What Hive writes for a NULL partition.
const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// One Parquet file whose footer was read.
#[derive(Debug, Clone)]
pub struct InputFile {
    /// Where it stands.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Rows, by its footer.
    pub rows: u64,
    /// Number of row groups.
    pub row_groups: usize,
    /// Its columns.
    pub schema: SchemaRef,
    /// Columns that the names of its folders give (`key=value`), in order; NULL for Hive's default partition.
    pub partitions: Vec<(String, Option<String>)>,
    pub(crate) metadata: Arc<ParquetMetaData>,
    pub(crate) modified: Option<SystemTime>,
}

impl InputFile {
    /// Whether the file still has the size and time of change that it had when its footer was read.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|now| now.len() == self.bytes && now.modified().ok() == self.modified)
    }
}

/// Expands `patterns` and reads the footer of every file, sorted by path. A file that several patterns match
/// counts once.
///
/// # Errors
/// When a pattern is not valid or matches nothing, or a file is not a readable Parquet file.
pub fn discover(patterns: &[String]) -> Result<Vec<InputFile>, IngestError> {
    let mut paths = BTreeSet::new();
    for pattern in patterns {
        paths.extend(expand(pattern)?);
    }
    let mut seen = BTreeSet::new();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let real = path.canonicalize().map_err(|source| IngestError::Io { path: path.clone(), source })?;
        if seen.insert(real) {
            files.push(open(path)?);
        }
    }
    Ok(files)
}

fn expand(pattern: &str) -> Result<Vec<PathBuf>, IngestError> {
    let literal = Path::new(pattern);
    let mut found = Vec::new();
    if literal.exists() {
        collect(literal, true, 0, &mut found)?;
    } else {
        let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
        let matches = glob::glob_with(pattern, options).map_err(|error| IngestError::Pattern {
            pattern: pattern.to_owned(),
            reason: format!("{} at character {}", error.msg, error.pos + 1),
        })?;
        for path in matches {
            let path = path.map_err(|error| IngestError::Io { path: error.path().to_owned(), source: error.into() })?;
            if !hidden(&path) {
                collect(&path, true, 0, &mut found)?;
            }
        }
    }
    if found.is_empty() {
        return Err(IngestError::NothingMatches { pattern: pattern.to_owned(), nearest: nearest_folder(literal) });
    }
    Ok(found)
}

/// Adds `path`, or what lies below it; `named` files count whatever their name ends in.
fn collect(path: &Path, named: bool, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), IngestError> {
    let failed = |source| IngestError::Io { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        let parquet = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
        if named || parquet {
            found.push(path.to_owned());
        }
        return Ok(());
    }
    if depth == MAX_DEPTH {
        return Err(failed(std::io::Error::other(format!("folders are nested deeper than {MAX_DEPTH}"))));
    }
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        if !hidden(&entry) {
            collect(&entry, false, depth + 1, found)?;
        }
    }
    Ok(())
}

/// Loaders and engines keep their own files under such names.
fn hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.starts_with('.') || (name.starts_with('_') && !name.contains('='))
    })
}

fn nearest_folder(path: &Path) -> PathBuf {
    path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn open(path: PathBuf) -> Result<InputFile, IngestError> {
    let io = |source| IngestError::Io { path: path.clone(), source };
    let file = File::open(&path).map_err(io)?;
    let status = file.metadata().map_err(io)?;
    let bytes = status.len();
    let not_parquet = |reason: String| IngestError::NotParquet { path: path.clone(), reason };
    check_ends(&file, bytes).map_err(not_parquet)?;
    let footer = load(&file).map_err(not_parquet)?;
    let mut rows = 0_u64;
    for group in footer.metadata().row_groups() {
        let group_rows = u64::try_from(group.num_rows())
            .map_err(|_| not_parquet(format!("a row group says it has {} rows", group.num_rows())))?;
        rows = rows.checked_add(group_rows).ok_or_else(|| not_parquet("its rows can't be counted".to_owned()))?;
    }
    Ok(InputFile {
        bytes,
        rows,
        row_groups: footer.metadata().num_row_groups(),
        schema: footer.schema().clone(),
        partitions: partitions(&path),
        metadata: footer.metadata().clone(),
        modified: status.modified().ok(),
        path,
    })
}

/// Looks at the last 8 bytes before anything is allocated: footer length and magic.
fn check_ends(mut file: &File, bytes: u64) -> Result<(), String> {
    use std::io::{Read, Seek, SeekFrom};
    if bytes < 12 {
        return Err(format!("it has {bytes} bytes"));
    }
    let mut tail = [0; 8];
    file.seek(SeekFrom::End(-8)).and_then(|_| file.read_exact(&mut tail)).map_err(|error| error.to_string())?;
    let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    match &tail[4..] {
        b"PAR1" if footer > bytes - 8 => {
            Err(format!("its footer claims {footer} bytes of a file of {bytes}; was it cut off?"))
        }
        b"PAR1" if footer > MAX_FOOTER => Err(format!("its footer has {footer} bytes, at most {MAX_FOOTER} are read")),
        b"PAR1" => Ok(()),
        b"PARE" => Err("it is encrypted".to_owned()),
        _ => Err("it does not end in `PAR1`; was it cut off?".to_owned()),
    }
}

fn load(file: &File) -> Result<ArrowReaderMetadata, String> {
    let options = || ArrowReaderOptions::new().with_column_stats_policy(ParquetStatisticsPolicy::SkipAll);
    let parse = || {
        let first = ArrowReaderMetadata::load(file, options())?;
        // A damaged embedded arrow schema is not needed: the Parquet schema says what the columns are.
        let named = |footer: &ArrowReaderMetadata| {
            footer.schema().fields().len() == footer.parquet_schema().root_schema().get_fields().len()
        };
        if named(&first) {
            return Ok(first);
        }
        ArrowReaderMetadata::load(file, options().with_skip_arrow_metadata(true))
    };
    match catch_unwind(AssertUnwindSafe(parse)) {
        Ok(footer) => footer.map_err(|error: parquet::errors::ParquetError| error.to_string()),
        Err(_) => Err("its footer is damaged".to_owned()),
    }
}

fn partitions(path: &Path) -> Vec<(String, Option<String>)> {
    let folders = path.parent().into_iter().flat_map(Path::components);
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    for component in folders {
        let Component::Normal(name) = component else { continue };
        let name = name.to_string_lossy();
        let Some((key, value)) = name.split_once('=').filter(|(key, _)| !key.is_empty()) else { continue };
        let key = percent_decoded(key);
        found.retain(|(before, _)| *before != key);
        found.push((key, (value != HIVE_NULL).then(|| percent_decoded(value))));
    }
    found
}

/// `%2F` becomes `/`; what is no valid escape, or no UTF-8 afterwards, stays as it is.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while position < bytes.len() {
        let escape = (bytes[position] == b'%').then(|| bytes.get(position + 1..position + 3)).flatten();
        let byte = escape
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(bytes[position]));
        position += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_named_key_value_are_columns() {
        let got =
            partitions(Path::new("/d/dt=2024-01-01/region=Nord%2FOst/x=__HIVE_DEFAULT_PARTITION__/part=1.parquet"));
        let want = [("dt", Some("2024-01-01")), ("region", Some("Nord/Ost")), ("x", None)];
        assert_eq!(got, want.map(|(key, value)| (key.to_owned(), value.map(str::to_owned))));
    }

    #[test]
    fn what_is_no_escape_stays() {
        for (text, want) in
            [("100%", "100%"), ("%4", "%4"), ("%zz", "%zz"), ("a%20b", "a b"), ("%ff", "%ff"), ("%+1", "%+1")]
        {
            assert_eq!(percent_decoded(text), want);
        }
    }
}
