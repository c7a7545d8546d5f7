//! Tables in a folder of the user's choice: all of them or none, whatever fails.

use std::fs;
use std::sync::atomic::Ordering;

use appraise_schema::TableContract;
use arrow::array::RecordBatch;

use super::{Mishap, Obstacle, batch, contract, files_below};
use crate::folder::{is_free, write_folder};
use crate::{Compression, Disk};

fn tables() -> Vec<(TableContract, RecordBatch)> {
    let rows = batch("2024-12-31".parse().unwrap(), &[3, 1, 2]);
    let other = TableContract { name: "other".to_owned(), ..contract() };
    vec![(contract(), rows.clone()), (other, rows.slice(0, 0))]
}

#[test]
fn tables_appear_with_their_dictionary_and_never_replace_anything() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("new/report");
    assert!(is_free(&folder).unwrap());
    write_folder(&Disk::default(), &folder, &tables(), Compression::Zstd).unwrap();
    let expected = ["DICTIONARY.md", "customer_values/part-00000.parquet", "other/part-00000.parquet"];
    assert_eq!(files_below(parent.path()), expected.map(|name| folder.join(name).display().to_string()));
    assert!(!is_free(&folder).unwrap());
    let error = write_folder(&Disk::default(), &folder, &tables(), Compression::Zstd).unwrap_err();
    assert!(error.to_string().contains("rename failed"), "{error}");
    assert_eq!(files_below(parent.path()).len(), 3);
    let empty = parent.path().join("empty");
    fs::create_dir(&empty).unwrap();
    write_folder(&Disk::default(), &empty, &tables(), Compression::Zstd).unwrap();
    assert_eq!(files_below(&empty).len(), 3);
}

#[test]
fn an_error_at_any_step_leaves_nothing_or_all() {
    for at in 0.. {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("report");
        let obstacle = Obstacle::new(at, Mishap::Error);
        let disk = Disk::with_steps(obstacle.clone());
        let result = write_folder(&disk, &folder, &tables(), Compression::Zstd);
        if obstacle.count.load(Ordering::SeqCst) <= at {
            result.unwrap();
            assert!(at > 15, "only {at} steps");
            return;
        }
        // The last steps come after the rename, of which the very last only tidies up; what can't be removed has hidden names.
        let seen = files_below(&folder).len();
        assert!(seen == 3 || (result.is_err() && seen == 0), "step {at}: {seen} files");
        let hidden = files_below(parent.path()).iter().all(|path| path.contains("/.report.") || seen == 3);
        assert!(hidden, "step {at}");
    }
}
