//! A range of dates: each night as it would have been then, and what becomes of nights that fail.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::tempdir;

use crate::program::{Said, run};
use crate::sources::{days, numbers, words, write};

const PIPELINE: &str = "\
version: 1
name: nights
money: { unit: GBP, scale: 2 }
sources:
  transactions:
    path: dumps/sales/dt=*/*.parquet
    columns: { transaction_id: line, customer_id: client, time: day, amount: price, loaded_at: loaded }
    duplicates: latest
  customers:
    path: dumps/clients/dt=${as_of}/*.parquet
    delivery: snapshot
    columns: { customer_id: client, registered_at: since }
    attributes: { industry: branch }
model: { rfm: {}, segments: [{ use: rf_grid }] }
export: { path: out }
";

/// The dates, and their days since the first of the year.
const NIGHTS: [(&str, i32); 4] = [("2024-01-05", 4), ("2024-01-06", 5), ("2024-01-07", 6), ("2024-01-08", 7)];
const RANGE: &str = "2024-01-05..2024-01-08";

/// What arrives in the night after `night`: two sales of the day, one of three days before that was forgotten, another price of a
/// sale of the day before, and the clients as they are by then.
fn deliver(dumps: &Path, (night, day): (&str, i32)) {
    let sales = dumps.join(format!("sales/dt={night}"));
    std::fs::create_dir_all(&sales).unwrap();
    let line = i64::from(day) * 10;
    let columns = vec![
        ("line", numbers(&[line, line + 1, line + 2, line - 10])),
        ("client", numbers(&[1, i64::from(day), 2, 1])),
        ("day", days(&[day, day, day - 3, day - 1])),
        ("price", numbers(&[100, 50 + i64::from(day), 70, 90])),
        ("loaded", days(&[day + 1; 4])),
    ];
    write(&sales, "sales.parquet", columns);
    let clients = dumps.join(format!("clients/dt={night}"));
    std::fs::create_dir_all(&clients).unwrap();
    let ids: Vec<i64> = (1..=i64::from(day)).collect();
    let columns = vec![
        ("client", numbers(&ids)),
        ("since", days(&vec![-30; ids.len()])),
        ("branch", words(&vec![if day % 2 == 0 { "art" } else { "wine" }; ids.len()])),
    ];
    write(&clients, "clients.parquet", columns);
}

/// The pipeline file in a folder of its own.
fn pipeline(folder: &Path) -> PathBuf {
    let path = folder.join("nights.yaml");
    std::fs::write(&path, PIPELINE).unwrap();
    path
}

fn nights(pipeline: &Path, dates: &str, more: &[&str]) -> Said {
    run(pipeline.to_str().unwrap(), dates, &pipeline.with_file_name("out"), more)
}

/// The lines of JSON.
fn lines(said: &Said) -> Vec<Value> {
    said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The bytes of all tables of a snapshot, by file.
fn bytes(summary: &Value) -> BTreeMap<String, Vec<u8>> {
    let mut bytes = BTreeMap::new();
    for (table, at) in summary["tables"].as_object().unwrap() {
        for file in std::fs::read_dir(at["path"].as_str().unwrap()).unwrap() {
            let path = file.unwrap().path();
            let name = format!("{table}/{}", path.file_name().unwrap().display());
            bytes.insert(name, std::fs::read(path).unwrap());
        }
    }
    assert!(bytes.len() >= 2, "{summary}");
    bytes
}

#[test]
fn a_range_publishes_the_bytes_that_each_night_would_have_published() {
    let (then, later) = (tempdir().unwrap(), tempdir().unwrap());
    let (single, range) = (pipeline(then.path()), pipeline(later.path()));
    let mut wanted = Vec::new();
    for night in NIGHTS {
        deliver(&then.path().join("dumps"), night);
        deliver(&later.path().join("dumps"), night);
        wanted.push(bytes(&nights(&single, night.0, &[]).expect(0).summary()));
    }
    let said = nights(&range, RANGE, &[]).expect(0);
    let found = lines(&said);
    assert_eq!(
        found.iter().map(|line| line["as_of"].as_str().unwrap()).collect::<Vec<_>>(),
        NIGHTS.map(|(date, _)| date)
    );
    for (line, wanted) in found.iter().zip(&wanted) {
        assert!(bytes(line) == *wanted, "{line}");
    }
    let late: Vec<u64> = found.iter().map(|line| line["rows"]["after_known_by"].as_u64().unwrap_or(0)).collect();
    assert_eq!(late, [12, 8, 4, 0]);

    // By a single run of the first night what was delivered later counts: the forgotten sales.
    let today = nights(&range, NIGHTS[0].0, &[]).expect(0).summary();
    assert!(bytes(&today) != wanted[0]);

    // The newest date stays the current one, and a range that is done has nothing to do.
    let current = std::fs::read_to_string(later.path().join("out/CURRENT.json")).unwrap();
    assert!(current.contains("2024-01-08"), "{current}");
    let again = nights(&range, RANGE, &["--exit-skip", "99"]).expect(99);
    assert!(lines(&again).iter().all(|line| line["status"] == "nothing_new"), "{}", again.stdout);
}

#[test]
fn a_night_without_dumps_is_named_and_the_others_are_run() {
    let place = tempdir().unwrap();
    let range = pipeline(place.path());
    for night in [NIGHTS[0], NIGHTS[2]] {
        deliver(&place.path().join("dumps"), night);
    }
    let said = nights(&range, RANGE, &[]).expect(7);
    let codes: Vec<i64> = lines(&said).iter().map(|line| line["exit_code"].as_i64().unwrap()).collect();
    assert_eq!(codes, [0, 7, 0, 7]);
    let errors: Vec<&str> = said.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(errors[0].starts_with("error: 2024-01-06: ") && errors[1].starts_with("error: 2024-01-08: "), "{errors:?}");
    assert_eq!(errors.len(), 2);

    // Once they are there, the range does what is left.
    for night in [NIGHTS[1], NIGHTS[3]] {
        deliver(&place.path().join("dumps"), night);
    }
    let said = nights(&range, RANGE, &[]).expect(0);
    assert!(lines(&said).iter().all(|line| line["exit_code"] == 0), "{}", said.stdout);
}

#[test]
fn what_is_wrong_for_all_dates_ends_a_range_at_once() {
    let place = tempdir().unwrap();
    let range = pipeline(place.path());
    let said = nights(&range, RANGE, &["--set", "model.rfm.bins=x"]).expect(3);
    assert_eq!(lines(&said).len(), 1, "{}", said.stdout);
    for dates in ["2024-01-08..2024-01-05", "2024-01-05..", "2024-01-05..2024-01-32"] {
        nights(&range, dates, &[]).expect(2);
    }
}
