//! What users and loaders find after a publish.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use super::{batch, contract, facts, files_below, night, no_spawning, publish, publisher};
use crate::{
    Damage, Disk, ErrorKind, ExportError, Layout, Outcome, Publisher, RunId, RunLog, RunRecord, RunStatus, Steps,
    list_runs, recover, resolve, verify,
};
use appraise_schema::{ColumnSpec, ColumnType, TableContract};

fn run_id(text: &str) -> RunId {
    text.parse().unwrap()
}

#[test]
fn a_second_run_of_the_same_content_changes_nothing() {
    let output = tempfile::tempdir().unwrap();
    let publisher = publisher(output.path(), None);
    let first = night(&publisher, "a", "2024-12-31", &[1]).unwrap();
    let before: Vec<_> =
        files_below(&first.snapshot.path).into_iter().map(|path| fs::metadata(path).unwrap()).collect();
    let second = night(&publisher, "b", "2024-12-31", &[1]).unwrap();
    assert_eq!((first.outcome, second.outcome), (Outcome::Published, Outcome::AlreadyThere));
    assert_eq!(first.snapshot, second.snapshot);
    for (path, before) in files_below(&first.snapshot.path).iter().zip(before) {
        assert_eq!(fs::metadata(path).unwrap().modified().unwrap(), before.modified().unwrap(), "{path}");
    }
}

#[test]
fn the_same_content_has_the_same_bytes_in_another_output() {
    let bytes = || {
        let output = tempfile::tempdir().unwrap();
        let snapshot = night(&publisher(output.path(), None), "a", "2024-12-31", &[4, 5]).unwrap().snapshot;
        files_below(&snapshot.path).into_iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    let first = bytes();
    assert_eq!(first.len(), 5, "dictionary, manifest, model card, one table file, _SUCCESS");
    assert_eq!(bytes(), first);
}

#[test]
fn of_eight_publishers_at_once_one_publishes_and_all_succeed() {
    let output = tempfile::tempdir().unwrap();
    let barrier = Barrier::new(8);
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (barrier, outcomes, output) = (&barrier, &outcomes, output.path());
            scope.spawn(move || {
                let publisher = publisher(output, None);
                barrier.wait();
                let done =
                    publish(&publisher, &run_id(&format!("run-{number}")), facts("2024-12-31", "x"), &[1, 2]).unwrap();
                outcomes.lock().unwrap().push(done.outcome);
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    assert_eq!(outcomes.iter().filter(|&&outcome| outcome == Outcome::Published).count(), 1);
    assert_eq!(outcomes.len(), 8);
    let layout = Layout::new(output.path());
    assert_eq!(verify(&resolve(&layout, "current").unwrap().path).unwrap(), []);
    assert_eq!(files_below(&layout.all_staging()), Vec::<String>::new());
}

#[test]
fn other_bytes_under_one_id_are_refused() {
    let output = tempfile::tempdir().unwrap();
    let publisher = publisher(output.path(), None);
    publish(&publisher, &run_id("a"), facts("2024-12-31", "x"), &[1]).unwrap();
    let error = publish(&publisher, &run_id("b"), facts("2024-12-31", "x"), &[2]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("`customer_values/part-00000.parquet` has SHA-256"), "{error}");
    assert_eq!(verify(&resolve(&publisher.layout, "current").unwrap().path).unwrap(), []);
}

#[test]
fn current_never_goes_back_to_an_earlier_date() {
    let output = tempfile::tempdir().unwrap();
    let publisher = publisher(output.path(), None);
    let date_of = |name: &str| resolve(&publisher.layout, name).map(|snapshot| snapshot.manifest.as_of).unwrap();
    for (run, as_of, current) in
        [("a", "2024-12-31", "2024-12-31"), ("b", "2024-12-30", "2024-12-31"), ("c", "2025-01-01", "2025-01-01")]
    {
        night(&publisher, run, as_of, &[1]).unwrap();
        assert_eq!(date_of("current"), current);
        assert_eq!(date_of(as_of), as_of);
    }
    assert_eq!(date_of("previous"), "2024-12-31");
    // A run of the same content again lets it stand for its date again.
    let first = resolve(&publisher.layout, "2025-01-01").unwrap();
    let other = publish(&publisher, &run_id("d"), facts("2025-01-01", "other"), &[9]).unwrap().snapshot;
    assert_eq!(resolve(&publisher.layout, "current").unwrap(), other);
    night(&publisher, "e", "2025-01-01", &[1]).unwrap();
    assert_eq!(resolve(&publisher.layout, "2025-01-01").unwrap(), first);
    assert_eq!(resolve(&publisher.layout, "current").unwrap(), first);
}

#[test]
fn without_pointers_a_snapshot_is_found_by_its_id_only() {
    let output = tempfile::tempdir().unwrap();
    let publisher = Publisher { move_pointers: false, ..publisher(output.path(), None) };
    let snapshot = night(&publisher, "a", "2024-12-31", &[1]).unwrap().snapshot;
    assert_eq!(resolve(&publisher.layout, "current").unwrap_err().kind(), ErrorKind::NoSnapshot);
    assert_eq!(resolve(&publisher.layout, "2024-12-31").unwrap_err().kind(), ErrorKind::NoSnapshot);
    let id = snapshot.manifest.content_id.as_str();
    for name in [format!("2024-12-31@{id}"), format!("2024-12-31@{}", &id[..4]), snapshot.path.display().to_string()] {
        assert_eq!(resolve(&publisher.layout, &name).unwrap(), snapshot, "{name}");
    }
    assert_eq!(snapshot.table_folder("customer_values").unwrap(), snapshot.path.join("customer_values"));
    assert!(snapshot.table_folder("group_values").unwrap_err().to_string().contains("customer_values"));
}

#[test]
fn a_name_that_means_no_snapshot_says_what_exists() {
    let output = tempfile::tempdir().unwrap();
    let publisher = publisher(output.path(), None);
    let why = |name: &str| resolve(&publisher.layout, name).unwrap_err().to_string();
    assert!(why("current").ends_with("nothing is published there"), "{}", why("current"));
    let snapshot = night(&publisher, "a", "2024-12-31", &[1]).unwrap().snapshot;
    assert!(why("previous").ends_with("there is no date before 2024-12-31"), "{}", why("previous"));
    assert!(why("2024-12-30").ends_with("the only date is 2024-12-31"), "{}", why("2024-12-30"));
    assert!(why("2024-12-31@").ends_with(snapshot.manifest.content_id.as_str()), "{}", why("2024-12-31@"));
    assert!(why("2024-12-31@zz").contains("that date has"), "{}", why("2024-12-31@zz"));
    assert!(why("2024-12-30@ab").ends_with("the only date is 2024-12-31"), "{}", why("2024-12-30@ab"));
    assert!(why("./elsewhere").ends_with("`./elsewhere` holds no finished snapshot"), "{}", why("./elsewhere"));
}

#[test]
fn a_held_lock_is_waited_for_and_then_reported() {
    let output = tempfile::tempdir().unwrap();
    let publisher = Publisher { lock_timeout: Duration::from_millis(60), ..publisher(output.path(), None) };
    let lock = File::create(publisher.layout.lock()).unwrap();
    lock.lock().unwrap();
    let error = publish(&publisher, &run_id("a"), facts("2024-12-31", "x"), &[1]).unwrap_err();
    assert!(matches!(error, ExportError::Locked { waited_ms: 60, .. }), "{error}");
    assert_eq!(files_below(&publisher.layout.all_staging()), Vec::<String>::new());
    lock.unlock().unwrap();
    publish(&publisher, &run_id("b"), facts("2024-12-31", "x"), &[1]).unwrap();
}

#[test]
fn a_snapshot_that_lost_a_file_is_no_reason_to_skip_the_work() {
    let output = tempfile::tempdir().unwrap();
    let publisher = publisher(output.path(), None);
    let snapshot = night(&publisher, "a", "2024-12-31", &[1]).unwrap().snapshot;
    fs::remove_file(snapshot.path.join("customer_values/part-00000.parquet")).unwrap();
    let facts = facts("2024-12-31", "the same");
    let error = publisher.find(facts.as_of, &facts.content_id).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("part-00000.parquet` is damaged"), "{error}");
}

/// Notes whether anything staged looks like a table file when the commit begins.
#[derive(Debug, Default)]
struct StagedNames(Mutex<Vec<String>>);

impl Steps for StagedNames {
    fn step(&self, name: &'static str, path: &Path) -> io::Result<()> {
        if name == "open lock" {
            self.0.lock().unwrap().extend(files_below(&path.with_file_name(".staging")));
        }
        Ok(())
    }
}

#[test]
fn no_pattern_for_parquet_files_finds_what_is_staged() {
    let output = tempfile::tempdir().unwrap();
    let names = Arc::new(StagedNames::default());
    night(&publisher(output.path(), Some(names.clone())), "a", "2024-12-31", &[1]).unwrap();
    let names = names.0.lock().unwrap();
    assert_eq!(names.iter().filter(|name| name.ends_with("part-00000.parquet.tmp")).count(), 1);
    assert!(names.iter().all(|name| !name.ends_with(".parquet")), "{names:?}");
}

#[test]
fn verify_finds_each_kind_of_damage() {
    let output = tempfile::tempdir().unwrap();
    let published = night(&publisher(output.path(), None), "a", "2024-12-31", &[1, 2, 3]).unwrap().snapshot;
    let name = "customer_values/part-00000.parquet";
    let path = published.path.join(name);
    let whole = fs::read(&path).unwrap();
    let only = |path: &str, fits: fn(&Damage) -> bool| {
        let findings = verify(&published.path).unwrap();
        assert!(findings.len() == 1 && findings[0].path == path && fits(&findings[0].damage), "{findings:?}");
    };
    for position in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[position] ^= 1;
        fs::write(&path, flipped).unwrap();
        only(name, |damage| matches!(damage, Damage::Sha256 { .. }));
    }
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    only(name, |damage| matches!(damage, Damage::Size { .. }));
    fs::remove_file(&path).unwrap();
    only(name, |damage| *damage == Damage::Missing);
    fs::write(&path, &whole).unwrap();
    fs::write(published.path.join("customer_values/part-00001.parquet"), &whole).unwrap();
    only("customer_values/part-00001.parquet", |damage| *damage == Damage::Extra);
    fs::remove_file(published.path.join("customer_values/part-00001.parquet")).unwrap();
    assert_eq!(verify(&published.path).unwrap(), []);

    let manifest = published.path.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"rows\": 3", "\"rows\": 4")).unwrap();
    only("manifest.json", |damage| matches!(damage, Damage::Unreadable { why } if why.contains("SHA-256")));
    fs::remove_file(published.path.join("_SUCCESS")).unwrap();
    only("_SUCCESS", |damage| *damage == Damage::Missing);
}

#[test]
fn only_tables_with_as_of_and_a_key_are_published() {
    let output = tempfile::tempdir().unwrap();
    let staging = publisher(output.path(), None).stage(&run_id("a")).unwrap();
    let key = || ColumnSpec::required("customer_id", ColumnType::Int64, "", "");
    let open_key = ColumnSpec::nullable("customer_id", ColumnType::Int64, "", "");
    for (name, columns, word) in [
        ("../up", vec![ColumnSpec::as_of(), key()], "can't be a column name"),
        ("t", vec![key(), ColumnSpec::as_of()], "first column"),
        ("t", vec![ColumnSpec::as_of(), open_key], "second column"),
        ("t", vec![ColumnSpec::as_of()], "second column"),
    ] {
        let contract = TableContract::new(name, "", columns).unwrap();
        let Err(error) = staging.table(&contract) else { panic!("`{name}` was accepted") };
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn the_record_of_a_run_is_kept_and_listed_in_the_order_of_starts() {
    let _guard = no_spawning();
    let output = tempfile::tempdir().unwrap();
    let (layout, disk) = (Layout::new(output.path()), Disk::default());
    let start = |id: &str, at: &str| {
        let record = RunRecord::started(run_id(id), "auctions", "2024-12-31", at);
        (RunLog::start(&layout, &disk, &record).unwrap(), record)
    };
    let (late, mut record) = start("a", "2025-01-02T00:00:00Z");
    let (early, _) = start("b", "2025-01-01T00:00:00Z");
    record.status = RunStatus::Failed;
    record.message = "no such file".to_owned();
    late.write(&record).unwrap();
    let listed = list_runs(&layout).unwrap();
    assert_eq!(listed.iter().map(|run| run.run_id.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(listed[1], record);
    // A living run is left alone, a dead one is closed.
    assert_eq!(recover(&layout, &disk).unwrap(), []);
    drop((late, early));
    assert_eq!(recover(&layout, &disk).unwrap(), [run_id("b")]);
    let statuses: Vec<_> = list_runs(&layout).unwrap().iter().map(|run| run.status).collect();
    assert_eq!(statuses, [RunStatus::Died, RunStatus::Failed]);
    let taken = RunLog::start(&layout, &disk, &record).unwrap_err();
    assert!(
        matches!(taken, ExportError::Io { ref source, .. } if source.kind() == io::ErrorKind::AlreadyExists),
        "{taken}"
    );
}

#[test]
fn the_quarantine_table_stands_in_the_folder_of_its_run() {
    let output = tempfile::tempdir().unwrap();
    let (layout, disk) = (Layout::new(output.path()), Disk::default());
    let record = RunRecord::started(run_id("a"), "auctions", "2024-12-31", "2025-01-02T00:00:00Z");
    let log = RunLog::start(&layout, &disk, &record).unwrap();
    let mut writer = log.quarantine(&contract()).unwrap();
    writer.write(batch("2024-12-31".parse().unwrap(), &[1, 2])).unwrap();
    let table = writer.finish().unwrap();
    log.keep_quarantine(&table).unwrap();
    assert_eq!(table.rows(), 2);
    let names = files_below(&layout.run(&record.run_id));
    assert!(names.iter().any(|name| name.ends_with("runs/a/quarantine/part-00000.parquet")), "{names:?}");
    assert!(names.iter().all(|name| Path::new(name).extension() != Some("tmp".as_ref())), "{names:?}");
}
