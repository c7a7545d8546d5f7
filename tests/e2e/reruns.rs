//! Fits of earlier dates, runs that are continued, plans of what is used again, and what is removed.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::tempdir;

use crate::program::{run, say};
use crate::reuse::{AS_OF, House, PIPELINE, WEIGHT, assert_same, record, stage};

const SHOP: &str = "pipelines/cdnow.yaml";

fn card(summary: &Value) -> Value {
    let path = PathBuf::from(summary["snapshot"].as_str().unwrap()).join("model_card.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn cut_offs_stay_until_they_are_too_old() {
    let place = tempdir().unwrap();
    let out = place.path().join("out");
    let at = |output: &Path, date: &str, more: &[&str]| run(SHOP, date, output, more).expect(0).summary();
    let weekly = |date: &str| at(&out, date, &["--set", "model.refit=7d"]);
    let first = weekly("1998-06-01");
    assert_eq!(card(&first)["as_of"], "1998-06-01");
    assert_eq!(weekly("1998-06-01")["status"], "nothing_new");
    let second = weekly("1998-06-05");
    assert_eq!(card(&second)["as_of"], "1998-06-01");
    assert_eq!(card(&second)["rfm"], card(&first)["rfm"]);
    assert_eq!(weekly("1998-06-05")["status"], "nothing_new");
    let fit = record(&out, &second);
    assert!(stage(&fit, "fit")["reused"].as_str().unwrap().contains("1998-06-01"));
    // The date of the fit counts, not that of the snapshot that the card comes from.
    let third = weekly("1998-06-08");
    assert_eq!(card(&third)["as_of"], "1998-06-08");
    assert_ne!(card(&third)["rfm"], card(&first)["rfm"]);
    assert_eq!(card(&at(&out, "1998-06-30", &["--set", "model.refit=never"]))["as_of"], "1998-06-08");
    assert_eq!(card(&at(&out, "1998-06-29", &[]))["as_of"], "1998-06-29");

    let other = place.path().join("other");
    let named = PathBuf::from(first["snapshot"].as_str().unwrap()).join("model_card.json");
    assert_same(&at(&other, "1998-06-05", &["--model", named.to_str().unwrap()]), &second);
    let anew = at(&other, "1998-06-05", &[]);
    assert_ne!(anew["snapshot"], second["snapshot"]);
    assert_ne!(card(&anew)["rfm"], card(&second)["rfm"]);
    let refused =
        run(SHOP, "1998-06-06", &out, &["--set", "model.refit=7d", "--set", "model.rfm.bins=4", "--set", FOUR_SCORES])
            .expect(3);
    assert!(refused.stderr.contains("card") && refused.stderr.contains("hint"), "{}", refused.stderr);
    let broken = run(SHOP, "1998-06-06", &out, &["--model", SHOP]).expect(4);
    assert!(broken.stderr.contains(SHOP), "{}", broken.stderr);
}

/// A segment that the grid of five scores is not needed for.
const FOUR_SCORES: &str = "model.segments=[{ name: big, when: m_score = 4 }]";

#[test]
fn a_run_goes_on_behind_its_features() {
    let house = House::new();
    let out = house.out("out");
    fs::create_dir_all(&out).unwrap();
    let lock = fs::File::create(out.join(".lock")).unwrap();
    lock.lock().unwrap();
    let failed = house.run("out", &["--set", WEIGHT, "--lock-timeout", "0"]).expect(8).summary();
    drop(lock);
    let retry = |more: &[&str]| say(&[&["retry", PIPELINE, "--output", out.to_str().unwrap()], more].concat());
    let done = retry(&[]).expect(0).summary();
    assert_eq!((&done["status"], &done["as_of"]), (&"succeeded".into(), &AS_OF.into()));
    let record = record(&out, &done);
    for name in ["ingest", "features", "fit"] {
        assert!(stage(&record, name)["reused"].is_string(), "{name}");
    }
    assert_eq!(record["parameters"]["pipeline"]["model"]["index"]["weights"]["clv"], 50);
    let (anew, _) = house.publish("anew", &["--set", WEIGHT, "--no-cache"]);
    assert_same(&done, &anew);
    assert_eq!(retry(&[failed["run_id"].as_str().unwrap()]).expect(0).summary()["status"], "nothing_new");
    let refused = retry(&[done["run_id"].as_str().unwrap()]).expect(2);
    assert!(refused.stderr.contains("has published"), "{}", refused.stderr);
    assert!(retry(&["no-such-run"]).expect(2).stderr.contains("no-such-run"));
    let none = say(&["retry", PIPELINE, "--output", house.out("empty").to_str().unwrap()]).expect(2);
    assert!(none.stderr.contains("no run of `auction_house` that failed"), "{}", none.stderr);
}

#[test]
fn a_plan_says_what_is_used_again() {
    let house = House::new();
    let plan = |more: &[&str]| {
        let out = house.out("out");
        let fixed =
            ["plan", PIPELINE, "--as-of", AS_OF, "--json", "--set", &house.set, "--output", out.to_str().unwrap()];
        let plan = say(&[&fixed[..], more].concat()).expect(0).summary();
        let stages = plan["stages"].as_array().unwrap().iter();
        stages.map(|stage| stage["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(plan(&[]), ["compute"; 6]);
    assert!(!house.out("out").exists(), "a plan leaves nothing behind");
    house.publish("out", &[]);
    assert_eq!(plan(&[]), ["reuse"; 6]);
    assert_eq!(plan(&["--set", WEIGHT]), ["reuse", "reuse", "reuse", "reuse in part", "compute", "compute"]);
    assert_eq!(
        plan(&["--set", "model.suppress.fatigue=interactions > 9"]),
        ["reuse", "reuse", "reuse", "reuse", "compute", "compute"]
    );
    assert_eq!(
        plan(&["--set", "timezone=Europe/Paris"]),
        ["reuse", "compute", "compute", "compute", "compute", "compute"]
    );
    assert_eq!(plan(&["--no-cache"]), ["compute"; 6]);
}

#[test]
fn nothing_is_removed_that_something_refers_to() {
    let place = tempdir().unwrap();
    let out = place.path().join("out");
    let publish = |date: &str, more: &[&str]| run(SHOP, date, &out, more).expect(0).summary();
    let superseded = publish("1998-06-01", &[]);
    let current = publish("1998-06-01", &["--set", "model.rfm.score_weights.m=3"]);
    let newest = publish("1998-06-02", &[]);
    let folder = |of: &Value| PathBuf::from(of["snapshot"].as_str().unwrap());
    let gc = |more: &[&str]| say(&[&["gc", SHOP, "--output", out.to_str().unwrap()], more].concat()).expect(0).stdout;
    assert_eq!(gc(&[]).trim(), "nothing to remove");
    // The run of the first snapshot was years ago.
    let path = out.join("runs").join(superseded["run_id"].as_str().unwrap()).join("run.json");
    let mut old: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let started = old["started_at"].as_str().unwrap().to_owned();
    old["started_at"] = format!("2020{}", &started[4..]).into();
    fs::write(&path, old.to_string()).unwrap();
    let staged = out.join(".staging/20200101T000000000Z-1");
    let unfinished = out.join(".cache/features/0123-20200101T000000000Z-1");
    for folder in [&staged, &unfinished] {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("part"), [0; 100]).unwrap();
    }
    let listed = gc(&[]);
    assert!(listed.contains("3 to remove") && listed.contains("--yes"), "{listed}");
    assert!(folder(&superseded).exists() && staged.exists() && unfinished.exists(), "it is only listed");
    assert!(!gc(&["--grace", "99999d"]).contains("snapshot "));
    let removed = gc(&["--yes", "--json"]);
    let removed: Vec<Value> = removed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = removed.iter().map(|piece| piece["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["features", "snapshot", "staging"]);
    assert_eq!(removed[0]["bytes"], 100);
    assert!(removed[1]["bytes"].as_u64().unwrap() > 10_000, "{removed:?}");
    assert!(!folder(&superseded).exists() && !staged.exists() && !unfinished.exists());
    for snapshot in [&current, &newest] {
        say(&["verify", folder(snapshot).to_str().unwrap(), "--output", out.to_str().unwrap()]).expect(0);
    }
    assert_eq!(gc(&["--grace", "0d"]).trim(), "nothing to remove");
}
