//! Odd and corrupt Parquet files give a table or a clear error: no panic, no hang, no flood of memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use tempfile::tempdir;

use crate::program::{Said, appraise, repository};

/// Longest time for one small file.
const PATIENCE: Duration = Duration::from_mins(1);
/// Most memory for one small file.
const MEMORY_BYTES: u64 = 1 << 30;

const PIPELINE: &str = "\
version: 1
name: odd
money: { unit: EUR, scale: 2 }
sources:
  transactions:
    path: missing.parquet
    columns:
      customer_id: id
      time: DATE '2020-01-01'
      amount: '1'
    tolerate: 100%
export: { path: out }
";

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = repository().join("tests/corpus/parquet-testing").join(folder);
    let pattern = format!("{}/**/*.parquet*", folder.display());
    glob::glob(&pattern).unwrap().map(Result::unwrap).filter(|path| path.is_file()).collect()
}

/// The columns of a file, as far as its footer can be read; one that does not exist otherwise.
fn columns(path: &Path) -> Vec<String> {
    let read = || ArrowReaderMetadata::load(&File::open(path).unwrap(), ArrowReaderOptions::default()).ok();
    let names = std::panic::catch_unwind(read)
        .ok()
        .flatten()
        .map(|metadata| metadata.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>());
    names.filter(|names| !names.is_empty()).unwrap_or_else(|| vec!["id".to_owned()])
}

/// Runs with `column` of `path` as the customer; gives the exit code.
fn value(path: &Path, column: &str) -> Result<i32, String> {
    let folder = tempdir().unwrap();
    let pipeline = folder.path().join("odd.yaml");
    std::fs::write(&pipeline, PIPELINE).unwrap();
    let mut command = appraise();
    command.arg("run").arg(&pipeline).args(["--as-of", "2024-12-31", "--output"]).arg(folder.path().join("out"));
    command.arg("--set").arg(format!("sources.transactions.path={}", path.display()));
    command.arg("--set").arg(format!("sources.transactions.columns.customer_id={}", quoted(column)));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut waited = Duration::ZERO;
    while child.try_wait().unwrap().is_none() {
        if waited > PATIENCE {
            child.kill().unwrap();
            return Err("it hangs".to_owned());
        }
        std::thread::sleep(Duration::from_millis(5));
        waited += Duration::from_millis(5);
    }
    let said = Said::of(&child.wait_with_output().unwrap());
    judge(path, &said).map(|()| said.code)
}

/// A column name as an expression, as YAML.
fn quoted(column: &str) -> String {
    format!("'\"{}\"'", column.replace('"', "\"\"").replace('\'', "''"))
}

fn judge(path: &Path, said: &Said) -> Result<(), String> {
    if said.stderr.contains("panicked") {
        return Err(format!("a panic:\n{}", said.stderr));
    }
    if !matches!(said.code, 0 | 4 | 5) {
        return Err(format!("exit code {}:\n{}", said.code, said.stderr));
    }
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    if said.code == 4 && !said.stderr.contains(&name) {
        return Err(format!("the error does not name the file:\n{}", said.stderr));
    }
    let peak = said.summary()["peak_memory_bytes"].as_u64().unwrap_or_default();
    if peak > MEMORY_BYTES { Err(format!("{peak} bytes of memory")) } else { Ok(()) }
}

fn sweep(folder: &str) -> BTreeMap<i32, usize> {
    let files = files(folder);
    assert!(!files.is_empty(), "no files in {folder}");
    let mut codes = BTreeMap::new();
    let mut failures = Vec::new();
    for path in &files {
        for column in columns(path).iter().take(12) {
            match value(path, column) {
                Ok(code) => *codes.entry(code).or_default() += 1,
                Err(failure) => failures.push(format!("{} ({column}): {failure}", path.display())),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    codes
}

#[test]
fn corrupt_files() {
    let codes = sweep("bad_data");
    assert!(codes.get(&4).is_some_and(|refused| *refused >= 5), "{codes:?}");
}

#[test]
fn odd_files() {
    let codes = sweep("data");
    assert!(codes.get(&0).is_some_and(|tables| *tables >= 40), "{codes:?}");
}
