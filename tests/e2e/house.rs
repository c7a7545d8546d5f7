//! A generated auction house through its pipeline: the books are those it was generated with, and neither threads nor
//! memory change a byte.

use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::determinism::digests;
use crate::program::{run, say};

const PIPELINE: &str = "pipelines/auction_house.yaml";
const AS_OF: &str = "2024-12-31";
/// Least memory that the program runs in.
const TIGHT: &str = "256MiB";

fn generate(folder: &Path, customers: &str) {
    let folder = folder.to_str().unwrap();
    say(&["generate", folder, "--customers", customers, "--seed", "11", "--dirt"]).expect(0);
}

#[test]
fn the_books_are_those_the_house_was_generated_with() {
    let place = tempdir().unwrap();
    let dumps = place.path().join("dumps");
    generate(&dumps, "400");
    let set = format!("params.dumps={}", dumps.display());
    let summary = run(PIPELINE, AS_OF, &place.path().join("out"), &["--set", &set]).expect(0).summary();
    let truth: Value = serde_json::from_slice(&std::fs::read(dumps.join("truth.json")).unwrap()).unwrap();
    let mut redelivered = 0;
    for (name, of) in [("transactions", "sales"), ("bids", "bids"), ("interactions", "interactions"), ("lots", "lots")]
    {
        let (found, wanted) = (&summary["sources"][name], &truth["sources"][of]);
        assert_eq!(found["input"], wanted["rows"], "{name}");
        assert_eq!(found["duplicate"], wanted["repeated"], "{name}");
        assert_eq!(found["quarantined"], wanted["keyless"], "{name}");
        redelivered += found["duplicate"].as_u64().unwrap();
    }
    assert!(redelivered > 0);
    assert_eq!(summary["tables"]["customer_features"]["rows"], 400);
}

#[test]
fn a_house_that_waited_on_disk_is_the_same_house() {
    let place = tempdir().unwrap();
    let dumps = place.path().join("dumps");
    generate(&dumps, "30000");
    let set = format!("params.dumps={}", dumps.display());
    let of = |name: &str, more: &[&str]| {
        let arguments = [&["--set", &set], more].concat();
        run(PIPELINE, AS_OF, &place.path().join(name), &arguments).expect(0).summary()
    };
    let free = of("free", &["--threads", "2"]);
    assert_eq!(free["spilled_bytes"], 0);
    for threads in ["1", "2"] {
        let tight = of(threads, &["--threads", threads, "--memory-limit", TIGHT]);
        assert!(tight["spilled_bytes"].as_u64().unwrap() > 0, "{threads} threads");
        assert_eq!(digests(&tight), digests(&free), "{threads} threads");
    }
}
