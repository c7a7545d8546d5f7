//! The commands beside `run`, and what a scheduler relies on.

use std::fs::File;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::program::{appraise, folder, repository, run, say};

const ART: &str = "pipelines/art_auctions.yaml";

fn art(output: &Path, more: &[&str]) -> crate::program::Said {
    run(ART, "1913-12-31", output, more)
}

#[test]
fn running_twice_publishes_once() {
    let output = tempdir().unwrap();
    let first = art(output.path(), &[]).expect(0).summary();
    let second = art(output.path(), &[]).expect(0).summary();
    assert_eq!((&first["status"], &second["status"]), (&"succeeded".into(), &"nothing_new".into()));
    assert_eq!(first["tables"], second["tables"]);
    assert_eq!(first["rows"], second["rows"]);
    art(output.path(), &["--exit-skip", "99"]).expect(99);
}

#[test]
fn another_setting_is_another_snapshot_of_the_same_date() {
    let output = tempdir().unwrap();
    let first = art(output.path(), &[]).expect(0).summary();
    let other =
        art(output.path(), &["--set", "model.rfm.bins=5", "--set", "features.windows=[10d]"]).expect(0).summary();
    assert_ne!(first["snapshot"], other["snapshot"]);
    let aside = art(output.path(), &["--no-current", "--set", "features.windows=[11d]"]).expect(0).summary();
    let current = say(&["path", "customer_values", "--output", output.path().to_str().unwrap()]).expect(0);
    assert_eq!(Path::new(current.stdout.trim()), folder(&other, "customer_values"));
    assert_ne!(aside["snapshot"], other["snapshot"]);
}

#[test]
fn the_newest_date_stays_current() {
    let output = tempdir().unwrap();
    let root = output.path().to_str().unwrap();
    art(output.path(), &[]).expect(0);
    let back_dated = run(ART, "1850-01-01", output.path(), &[]).expect(0).summary();
    let path =
        |snapshot: &str| say(&["path", "customer_values", "--as-of", snapshot, "--output", root]).expect(0).stdout;
    assert!(path("current").contains("1913-12-31"));
    assert!(path("previous").contains("1850-01-01"));
    assert_eq!(Path::new(path("1850-01-01").trim()), folder(&back_dated, "customer_values"));
    let missing = say(&["path", "customer_values", "--as-of", "1900-01-01", "--output", root]).expect(4);
    assert!(missing.stderr.contains("1850-01-01 to 1913-12-31"), "{}", missing.stderr);
}

#[test]
fn verify_finds_one_flipped_byte() {
    let output = tempdir().unwrap();
    let root = output.path().to_str().unwrap();
    let summary = art(output.path(), &[]).expect(0).summary();
    say(&["verify", "--output", root]).expect(0);
    let file = folder(&summary, "customer_values").join("part-00000.parquet");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let said = say(&["verify", "--output", root]).expect(5);
    assert!(said.stderr.contains("customer_values/part-00000.parquet"), "{}", said.stderr);
}

#[test]
fn a_held_lock_is_exit_code_8_and_retryable() {
    let output = tempdir().unwrap();
    let lock = File::create(output.path().join(".lock")).unwrap();
    lock.lock().unwrap();
    let summary = art(output.path(), &["--lock-timeout", "0"]).expect(8).summary();
    assert_eq!((&summary["retryable"], &summary["status"]), (&true.into(), &"failed".into()));
}

#[test]
fn an_output_that_is_a_file_is_exit_code_6() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("taken");
    std::fs::write(&file, "not a folder").unwrap();
    let said = art(&file, &[]).expect(6);
    assert!(said.stderr.contains("taken"), "{}", said.stderr);
}

#[test]
fn an_invalid_pipeline_is_exit_code_3_with_every_error_at_once() {
    let folder = tempdir().unwrap();
    let pipeline = folder.path().join("wrong.yaml");
    std::fs::write(&pipeline, "version: 1\nname: wrong\nmony: { unit: GBP, scale: 2 }\nsources: {}\n").unwrap();
    let pipeline = pipeline.to_str().unwrap();
    for command in [vec!["validate", pipeline], vec!["run", pipeline, "--as-of", "2024-01-01"]] {
        let said = say(&command).expect(3);
        assert!(said.stderr.contains("wrong.yaml:3:1"), "{}", said.stderr);
        assert!(said.stderr.contains("money"), "{}", said.stderr);
        assert!(said.stderr.contains("wrong.yaml:4:"), "{}", said.stderr);
    }
    let said = say(&["run", pipeline, "--as-of", "2024-01-01"]);
    assert_eq!(said.summary()["exit_code"], 3);
}

#[test]
fn the_pipeline_in_the_readme_is_valid() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let (_, from) = readme.split_once("```yaml\n").unwrap();
    let (pipeline, _) = from.split_once("```").unwrap();
    let folder = tempdir().unwrap();
    let file = folder.path().join("readme.yaml");
    std::fs::write(&file, pipeline).unwrap();
    say(&["validate", file.to_str().unwrap()]).expect(0);
}

#[test]
fn usage_errors_are_exit_code_2() {
    say(&["run", ART]).expect(2);
    say(&["run", ART, "--as-of", "1913-13-01"]).expect(2);
    say(&["no-such-command"]).expect(2);
    say(&["runs"]).expect(2);
}

#[test]
fn a_record_is_kept_of_failed_runs_too() {
    let output = tempdir().unwrap();
    let missing = ["--set", "sources.transactions.path=/no/such/folder/*.parquet"];
    let summary = art(output.path(), &missing).expect(4).summary();
    let said = say(&["runs", "--json", "--output", output.path().to_str().unwrap()]).expect(0);
    let record: Value = serde_json::from_str(said.stdout.trim()).unwrap();
    assert_eq!(record["run_id"], summary["run_id"]);
    assert_eq!(record["exit_code"], 4);
    assert!(record["message"].as_str().unwrap().contains("/no/such/folder"));
}

#[test]
fn a_dump_of_the_date_that_is_not_there_yet_is_exit_code_7() {
    let output = tempdir().unwrap();
    let dated = ["--set", "sources.transactions.path=/no/such/dt=${as_of}/*.parquet"];
    let summary = art(output.path(), &dated).expect(7).summary();
    assert_eq!(summary["retryable"], true);
    assert!(summary["message"].as_str().unwrap().contains("dt=1913-12-31"));
}

#[test]
fn a_dump_ten_times_as_long_as_the_last_fails_its_check_and_publishes_nothing() {
    let output = tempdir().unwrap();
    let sample = ["path=../data/cdnow/cdnow_sample.parquet", "columns.customer_id=sample_id"]
        .map(|set| format!("sources.transactions.{set}"));
    let sample: Vec<&str> = sample.iter().flat_map(|set| ["--set", set]).collect();
    run("pipelines/cdnow.yaml", "1998-06-29", output.path(), &sample).expect(0);
    let limit = ["--set", "sources.transactions.checks.rows={ max_change: 50% }"];
    let said = run("pipelines/cdnow.yaml", "1998-06-30", output.path(), &limit).expect(5);
    assert!(said.stderr.contains("69659 input rows, 6919 before"), "{}", said.stderr);
    assert!(!output.path().join("snapshots/1998-06-30").exists());
    let current = say(&["path", "customer_values", "--output", output.path().to_str().unwrap()]).expect(0);
    assert!(current.stdout.contains("1998-06-29"), "the last tables stay");
}

#[test]
fn plan_reads_footers_and_writes_nothing() {
    let output = tempdir().unwrap();
    let root = output.path().join("new");
    let said = say(&["plan", ART, "--as-of", "1913-12-31", "--json", "--output", root.to_str().unwrap()]).expect(0);
    let plan: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(plan["rows"], 25_034);
    let columns = plan["inputs"][0]["columns"].as_array().unwrap();
    assert!(columns.iter().any(|column| column == "purchaser"));
    assert!(!columns.iter().any(|column| column == "pounds"), "only what is needed is decoded");
    assert!(!root.exists());
    let resolved = say(&["plan", ART, "--as-of", "1913-12-31", "--resolved"]).expect(0).stdout;
    assert!(resolved.contains("champions"), "{resolved}");
}

#[test]
fn the_schema_of_the_pipeline_file_is_the_committed_one() {
    let committed = std::fs::read_to_string(repository().join("schemas/pipeline.v1.json")).unwrap();
    assert_eq!(say(&["schema", "pipeline"]).expect(0).stdout.trim(), committed.trim());
}

#[test]
fn the_tables_of_a_pipeline_are_described() {
    let said = say(&["schema", "tables", ART, "--json"]).expect(0);
    let tables: Value = serde_json::from_str(&said.stdout).unwrap();
    for table in tables.as_array().unwrap() {
        let columns = table["columns"].as_array().unwrap();
        assert_eq!((&columns[0]["name"], &columns[1]["name"]), (&"as_of".into(), &"customer_id".into()));
        assert!(columns.iter().all(|column| !column["meaning"].as_str().unwrap().is_empty()));
    }
}

#[test]
fn stdout_holds_results_only_and_json_logs_are_one_object_per_line() {
    let output = tempdir().unwrap();
    let said = art(output.path(), &["--log-format", "json"]).expect(0);
    assert_eq!(said.stdout.lines().count(), 1);
    assert!(said.stderr.lines().count() >= 3);
    for line in said.stderr.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(event["timestamp"].as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = appraise().args(["schema", "pipeline"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
