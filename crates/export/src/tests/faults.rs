//! Whatever step of a run fails, and if the process dies there: what was published is whole, and the next
//! run succeeds.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{Mishap, Obstacle, SPAWNING, files_below, night, publisher};
use crate::{Layout, Outcome, RunStatus, Snapshot, list_runs, resolve, verify};

const ORDERS: &[i32] = &[3, 1, 2];

/// Every folder of a snapshot below `output`.
fn snapshot_folders(layout: &Layout) -> Vec<PathBuf> {
    let dates = std::fs::read_dir(layout.snapshots()).into_iter().flatten();
    let below = dates.flat_map(|date| std::fs::read_dir(date.unwrap().path()).unwrap());
    below.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
}

fn assert_all_whole(layout: &Layout) {
    for folder in snapshot_folders(layout) {
        assert_eq!(verify(&folder).unwrap(), [], "{}", folder.display());
    }
    let current = resolve(layout, "current").unwrap();
    assert_eq!(verify(&current.path).unwrap(), []);
}

/// After a run for 2024-12-31 met a mishap: the promise, and the next run.
fn assert_promise_kept(output: &Path, at: usize) {
    let layout = Layout::new(output);
    assert_all_whole(&layout);
    let published = night(&publisher(output, None), "third", "2024-12-31", ORDERS).unwrap();
    assert_all_whole(&layout);
    let current = resolve(&layout, "current").unwrap();
    assert_eq!(current, published.snapshot, "step {at}");
    assert_eq!(current.manifest.as_of, "2024-12-31");
    assert_eq!(resolve(&layout, "2024-12-31").unwrap(), current);
    assert_eq!(resolve(&layout, "previous").unwrap().manifest.as_of, "2024-12-30");
    assert_eq!(snapshot_folders(&layout).len(), 2);
    assert_eq!(files_below(&layout.all_staging()), Vec::<String>::new());
    for run in list_runs(&layout).unwrap() {
        assert_ne!(run.status, RunStatus::Running, "step {at}: {}", run.run_id);
    }
}

#[test]
fn an_error_at_any_step_leaves_the_last_snapshot_whole() {
    for at in 0.. {
        let output = tempfile::tempdir().unwrap();
        night(&publisher(output.path(), None), "first", "2024-12-30", &[1, 1]).unwrap();
        let obstacle = Obstacle::new(at, Mishap::Error);
        let result = night(&publisher(output.path(), Some(obstacle.clone())), "second", "2024-12-31", ORDERS);
        let steps = obstacle.count.load(Ordering::SeqCst);
        if steps <= at {
            assert_eq!(result.unwrap().outcome, Outcome::Published);
            assert!(at > 50, "only {at} steps");
            return;
        }
        assert_promise_kept(output.path(), at);
    }
}

#[test]
fn a_death_at_any_step_leaves_the_last_snapshot_whole() {
    let program = std::env::current_exe().unwrap();
    for at in 0.. {
        let output = tempfile::tempdir().unwrap();
        night(&publisher(output.path(), None), "first", "2024-12-30", &[1, 1]).unwrap();
        let mut night = Command::new(&program);
        night.args(["--exact", "tests::faults::dying_night", "--ignored"]);
        night.env("NIGHT_OUTPUT", output.path()).env("NIGHT_STEP", at.to_string());
        let started = {
            let _guard = SPAWNING.write().unwrap_or_else(PoisonError::into_inner);
            night.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        let status = started.unwrap().wait().unwrap();
        assert_promise_kept(output.path(), at);
        if status.success() {
            assert!(at > 50, "only {at} steps");
            return;
        }
    }
}

#[test]
#[ignore = "the process that dies"]
fn dying_night() {
    let (Some(output), Ok(at)) = (std::env::var_os("NIGHT_OUTPUT"), std::env::var("NIGHT_STEP")) else { return };
    let obstacle = Obstacle::new(at.parse().unwrap(), Mishap::Abort);
    night(&publisher(Path::new(&output), Some(obstacle)), "second", "2024-12-31", ORDERS).unwrap();
}

#[test]
fn a_folder_that_was_never_finished_is_replaced() {
    let output = tempfile::tempdir().unwrap();
    let publisher = publisher(output.path(), None);
    let first = night(&publisher, "first", "2024-12-31", ORDERS).unwrap().snapshot;
    std::fs::remove_file(first.path.join("_SUCCESS")).unwrap();
    std::fs::write(first.path.join("customer_values/part-00000.parquet"), b"half").unwrap();
    assert_eq!(Snapshot::open(&first.path).unwrap(), None);
    let second = night(&publisher, "second", "2024-12-31", ORDERS).unwrap();
    assert_eq!(second.outcome, Outcome::Published);
    assert_eq!(second.snapshot, first);
    assert_eq!(verify(&first.path).unwrap(), []);
}
