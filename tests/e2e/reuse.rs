//! What an earlier run made is used again, and nobody can tell from the tables.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::program::{Said, run, say};

pub(crate) const PIPELINE: &str = "pipelines/auction_house.yaml";
pub(crate) const AS_OF: &str = "2024-12-31";
/// Changes one weight of the index.
pub(crate) const WEIGHT: &str = "model.index.weights.clv=50";

/// A house whose dumps were written long ago.
pub(crate) struct House {
    place: TempDir,
    pub(crate) set: String,
}

impl House {
    pub(crate) fn new() -> Self {
        let place = tempdir().unwrap();
        let dumps = place.path().join("dumps");
        say(&["generate", dumps.to_str().unwrap(), "--customers", "1500", "--seed", "5", "--dirt"]).expect(0);
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for file in files(&dumps) {
            fs::File::options().write(true).open(file).unwrap().set_modified(long_ago).unwrap();
        }
        let set = format!("params.dumps={}", dumps.display());
        Self { place, set }
    }

    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn run(&self, output: &str, more: &[&str]) -> Said {
        run(PIPELINE, AS_OF, &self.out(output), &[&["--set", &self.set], more].concat())
    }

    /// A run that publishes, with its record.
    pub(crate) fn publish(&self, output: &str, more: &[&str]) -> (Value, Value) {
        let summary = self.run(output, more).expect(0).summary();
        assert_eq!(summary["status"], "succeeded", "{summary}");
        let record = record(&self.out(output), &summary);
        (summary, record)
    }

    /// Makes bids that can't be decoded any more, but for their footers, of files as old and as large as before.
    fn ruin_dumps(&self) {
        for file in files(&self.out("dumps")).into_iter().filter(|file| file.to_string_lossy().contains("/bids/")) {
            let (mut bytes, modified) = (fs::read(&file).unwrap(), fs::metadata(&file).unwrap().modified().unwrap());
            bytes[4..100].fill(0xff);
            fs::write(&file, bytes).unwrap();
            fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
        }
    }
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

pub(crate) fn record(output: &Path, summary: &Value) -> Value {
    let path = output.join("runs").join(summary["run_id"].as_str().unwrap()).join("run.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

pub(crate) fn stage<'r>(record: &'r Value, name: &str) -> &'r Value {
    record["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == name).unwrap()
}

/// The checks of a run, but for its gates.
fn checks_of_inputs(record: &Value) -> Vec<&Value> {
    let checks = record["checks"].as_array().unwrap().iter();
    checks.filter(|check| !check["name"].as_str().unwrap().starts_with("gates.")).collect()
}

/// Every byte of a snapshot.
fn snapshot(summary: &Value) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(summary["snapshot"].as_str().unwrap());
    let of = |path: PathBuf| (path.strip_prefix(&folder).unwrap().to_owned(), fs::read(&path).unwrap());
    files(&folder).into_iter().map(of).collect()
}

pub(crate) fn assert_same(found: &Value, expected: &Value) {
    let (found, expected) = (snapshot(found), snapshot(expected));
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|file| file.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected));
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.1 == expected.1, "{} differs", found.0.display());
    }
}

#[test]
fn another_weight_needs_no_dump_and_gives_the_same_bytes() {
    let house = House::new();
    let (_, first) = house.publish("kept", &[]);
    // Kept are the fits of the last run: which of them are used again follows from what is other than there.
    let changes = [
        (WEIGHT, true, false),
        ("model.rfm.score_weights.m=3", true, false),
        ("model.clv.horizon=18mo", false, false),
        ("model.lifecycle.new_days=45", false, false),
        ("model.lifecycle.new_days=60", true, true),
    ];
    for (set, clv_again, index_again) in changes {
        let (again, record) = house.publish("kept", &["--set", set]);
        let (anew, full) = house.publish("anew", &["--set", set, "--no-cache"]);
        assert_same(&again, &anew);
        for name in ["ingest", "features", "encode"] {
            assert_eq!(stage(&record, name)["status"], "reused", "{name}");
            assert_eq!(stage(&full, name)["status"], "succeeded", "{name}");
        }
        for books in ["accounting", "inputs", "drift"] {
            assert_eq!(record[books], full[books], "{books}");
            assert_eq!(record[books], first[books], "{books}");
        }
        assert_eq!(checks_of_inputs(&record), checks_of_inputs(&full));
        assert_eq!(again["rows"], anew["rows"]);
        assert_eq!(again["tables"]["quarantine"]["rows"], anew["tables"]["quarantine"]["rows"]);
        let reused = stage(&record, "fit")["reused"].as_str().unwrap().to_owned();
        assert_eq!(reused.contains("clv"), clv_again, "{set}: {reused}");
        assert_eq!(reused.contains("index"), index_again, "{set}: {reused}");
    }
}

#[test]
fn what_the_features_depend_on_is_computed_anew() {
    let house = House::new();
    house.publish("out", &[]);
    for set in ["features.windows=[7d, 30d, 90d, 365d]", "sources.transactions.tolerate=2%", "timezone=Europe/Paris"] {
        let (_, record) = house.publish("out", &["--set", set, "--set", WEIGHT]);
        assert_eq!(stage(&record, "features")["status"], "succeeded", "{set}");
    }
    assert_eq!(fs::read_dir(house.out("out/.cache/features")).unwrap().count(), 1, "only the newest is kept");
    let changed =
        files(&house.out("dumps")).into_iter().find(|file| file.to_string_lossy().contains("/sales/")).unwrap();
    fs::remove_file(changed).unwrap();
    let (_, record) = house.publish("out", &["--set", "timezone=Europe/Paris", "--set", WEIGHT]);
    assert_eq!(stage(&record, "features")["status"], "succeeded");
}

#[test]
fn damaged_entries_are_computed_anew() {
    let house = House::new();
    let (anew, _) = house.publish("anew", &["--set", WEIGHT, "--no-cache"]);
    assert!(!house.out("anew/.cache").exists());
    let endings = ["part-00000.parquet.tmp", "entry.json", "card.json", "digests.json"];
    for (number, ending) in endings.into_iter().enumerate() {
        let out = format!("out{number}");
        house.publish(&out, &[]);
        let cache = files(&house.out(&out).join(".cache"));
        let damaged = cache.iter().find(|file| file.to_string_lossy().ends_with(ending)).unwrap();
        let mut bytes = fs::read(damaged).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        // A new file: the old one is linked with a snapshot.
        fs::remove_file(damaged).unwrap();
        fs::write(damaged, bytes).unwrap();
        let said = house.run(&out, &["--set", WEIGHT]).expect(0);
        assert!(said.stderr.contains("damaged"), "{ending}: {}", said.stderr);
        assert_same(&said.summary(), &anew);
        fs::remove_file(damaged).ok();
    }
}

#[test]
fn digests_are_remembered_by_what_the_file_system_says() {
    let house = House::new();
    let (first, _) = house.publish("out", &[]);
    let before: Value = serde_json::from_slice(&fs::read(house.out("out/.cache/digests.json")).unwrap()).unwrap();
    let again = house.run("out", &[]).expect(0).summary();
    assert_eq!((&again["status"], &again["snapshot"]), (&"nothing_new".into(), &first["snapshot"]));
    // Other bytes of the same size and time of writing: the inode's time of change gives them away.
    house.ruin_dumps();
    let said = house.run("out", &["--set", WEIGHT]).expect(4);
    assert!(said.stderr.contains("bids"), "{}", said.stderr);
    let after: Value = serde_json::from_slice(&fs::read(house.out("out/.cache/digests.json")).unwrap()).unwrap();
    assert!(before != after, "the digests of the bids are others");
    // A file that was just written is not remembered.
    let fresh = files(&house.out("dumps")).into_iter().find(|file| file.to_string_lossy().contains("/lots/")).unwrap();
    let bytes = fs::read(&fresh).unwrap();
    fs::write(&fresh, bytes).unwrap();
    house.run("out", &["--set", WEIGHT]).expect(4);
    let memo = fs::read_to_string(house.out("out/.cache/digests.json")).unwrap();
    assert!(!memo.contains(fresh.canonicalize().unwrap().to_str().unwrap()), "{memo}");
}
