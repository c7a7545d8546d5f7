//! Rules of the repository that prose alone would not keep.
#![expect(clippy::unwrap_used, reason = "a test that can't set up its world should fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Longest source file, in lines.
const MAX_LINES: usize = 600;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Which crate may build on which; a crate that is not named here is not known.
fn allowed() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let stages = ["schema", "expression", "ingest", "feature-engineering", "model", "export"];
    [
        ("schema", vec![]),
        ("expression", vec!["schema"]),
        ("ingest", vec!["schema", "expression"]),
        ("feature-engineering", vec!["schema"]),
        ("clv", vec![]),
        ("mcdm", vec![]),
        ("model", vec!["schema", "expression", "clv", "mcdm"]),
        ("export", vec!["schema"]),
        ("generate", vec!["schema"]),
        ("pipeline", stages.to_vec()),
        ("cli", ["pipeline", "generate"].into_iter().chain(stages).collect()),
        ("testutils", vec!["schema"]),
    ]
    .into_iter()
    .map(|(name, on)| (name, on.into_iter().collect()))
    .collect()
}

/// What cargo says of the crates of this repository.
fn packages() -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]).current_dir(repository());
    let metadata: Value = serde_json::from_slice(&output.output().unwrap().stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

#[test]
fn crates_build_only_on_those_they_may() {
    let allowed = allowed();
    let mut seen = BTreeSet::new();
    for package in packages() {
        let full = package["name"].as_str().unwrap();
        let name = full.strip_prefix("appraise-").unwrap_or_else(|| panic!("{full} is no crate of ours"));
        let may = allowed.get(name).unwrap_or_else(|| panic!("crate {name} is not in the list of this test"));
        seen.insert(name.to_owned());
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = dependency["name"].as_str().unwrap();
            assert!(on != "polars" || name == "expression", "only `expression` talks to the engine, not {name}");
            // Tests may use what they like: their dependencies are of kind `dev`.
            if let (Some(on), true) = (on.strip_prefix("appraise-"), dependency["kind"].is_null()) {
                assert!(may.contains(on), "crate {name} must not build on {on}");
            }
        }
    }
    assert_eq!(seen.len(), allowed.len(), "crates that are gone: {seen:?}");
}

#[test]
fn there_is_one_arrow_in_the_lock_file() {
    let lock = std::fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    for name in ["arrow", "arrow-array", "arrow-schema", "parquet", "polars"] {
        let line = format!("name = \"{name}\"");
        assert_eq!(lock.lines().filter(|l| **l == line).count(), 1, "{name}");
    }
}

fn sources() -> Vec<PathBuf> {
    let pattern = format!("{}/crates/*/src/**/*.rs", repository().display());
    glob::glob(&pattern).unwrap().map(Result::unwrap).collect()
}

#[test]
fn no_source_file_is_too_long() {
    let files = sources();
    assert!(files.len() > 50);
    for file in files {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines: is there a second thing in it?", file.display());
    }
}

#[test]
fn no_module_is_named_after_nothing() {
    for file in sources() {
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let vague = ["utils", "util", "common", "helpers", "helper", "manager", "misc"].contains(&stem.as_str());
        assert!(!vague, "{} says nothing of what is in it", file.display());
    }
}

#[test]
fn every_module_says_what_it_is() {
    for file in sources() {
        let text = std::fs::read_to_string(&file).unwrap();
        let tested = file.file_stem().is_some_and(|stem| stem == "tests");
        assert!(tested || text.starts_with("//! "), "{} has no module documentation", file.display());
    }
}

#[test]
fn all_pipelines_name_their_schema() {
    let pattern = format!("{}/pipelines/*.yaml", repository().display());
    for file in glob::glob(&pattern).unwrap().map(Result::unwrap) {
        let text = std::fs::read_to_string(&file).unwrap();
        let first = text.lines().next().unwrap_or_default();
        assert_eq!(first, "# yaml-language-server: $schema=../schemas/pipeline.v1.json", "{}", file.display());
    }
}
