//! Broken pipelines and broken inputs, each with its exit code and what the message must say.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use tempfile::tempdir;

use crate::program::{Said, appraise, repository};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    pipeline: String,
    args: Vec<String>,
    exit_code: i32,
    #[serde(default)]
    stderr_contains: Vec<String>,
    rows: Option<Value>,
}

fn folder() -> PathBuf {
    repository().join("tests/corpus/inputs")
}

fn check(case: &Case) -> Result<(), String> {
    let output = tempdir().unwrap();
    let mut command = appraise();
    command.current_dir(folder()).arg("run").arg(&case.pipeline).args(&case.args);
    let said = Said::of(&command.arg("--output").arg(output.path()).output().unwrap());
    let fail = |what: String| Err(format!("{}: {what}\nstderr:\n{}", case.name, said.stderr));
    if said.code != case.exit_code {
        return fail(format!("exit code {} instead of {}", said.code, case.exit_code));
    }
    for expected in &case.stderr_contains {
        if !said.stderr.contains(expected) {
            return fail(format!("no `{expected}` on stderr"));
        }
    }
    // A wrong use of the command line ends before there is a run to summarise.
    if case.exit_code == 2 {
        return Ok(());
    }
    let summary = said.summary();
    if summary["exit_code"] != case.exit_code {
        return fail(format!("the summary has exit code {}", summary["exit_code"]));
    }
    if case.exit_code != 0 && output.path().join("snapshots").exists() {
        return fail("a failed run published".to_owned());
    }
    match &case.rows {
        Some(rows) if *rows != summary["rows"] => fail(format!("rows are {} instead of {rows}", summary["rows"])),
        _ => Ok(()),
    }
}

#[test]
fn every_broken_input_fails_as_expected() {
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(folder().join("cases.json")).unwrap()).unwrap();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    let failures: Vec<String> = cases.iter().filter_map(|case| check(case).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn every_broken_pipeline_is_refused_at_its_line() {
    let folder = repository().join("tests/corpus/pipelines/refuse");
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 100, "only {} files", files.len());
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let said = Said::of(&appraise().arg("validate").arg(&file).output().unwrap()).expect(3);
        for expected in text.lines().filter_map(|line| line.strip_prefix("# expect: ")) {
            let met = |line: &str| line.contains(&*file.to_string_lossy()) && line.contains(expected);
            assert!(said.stderr.lines().any(met), "{}: no `{expected}` in\n{}", file.display(), said.stderr);
        }
    }
}
