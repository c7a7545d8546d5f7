//! Tables that are kept and used again.

use std::fs;

use arrow::compute::concat_batches;

use super::{batch, contract, facts, no_spawning, publish, publisher};
use crate::kept::read_rows;
use crate::{ExportError, Outcome, RunId};

const ENTRY: &str = "entry.json";

fn run_id(text: &str) -> RunId {
    text.parse().unwrap()
}

/// Publishes from a table that was kept of `orders`, after `harm` was done to its file.
fn again(orders: &[i32], harm: impl Fn(&mut Vec<u8>)) -> Result<(), ExportError> {
    let _guard = no_spawning();
    let output = tempfile::tempdir().unwrap();
    let publisher = publisher(output.path(), None);
    let folder = publisher.layout.cache().join("one");
    let as_of = "2024-12-31".parse().unwrap();
    let mut first = publisher.stage(&run_id("a"))?;
    let mut writer = first.table(&contract())?;
    writer.write(batch(as_of, orders))?;
    first.add_table(writer.finish()?);
    let files = first.tables()[0].kept_files();
    publisher.keep(&first.tables()[0], &folder, ENTRY, b"{}")?;
    first.write_model_card(b"{}\n")?;
    let expected = first.commit(facts("2024-12-31", "x"))?.snapshot.manifest;
    assert_eq!(fs::read(folder.join(ENTRY)).unwrap(), b"{}");

    let kept = folder.join("customer_values/part-00000.parquet.tmp");
    let mut bytes = fs::read(&kept).unwrap();
    harm(&mut bytes);
    // A new file: the old one is linked with the snapshot.
    fs::remove_file(&kept).unwrap();
    fs::write(&kept, bytes).unwrap();
    let mut second = publisher.stage(&run_id("b"))?;
    let adopted = second.adopt_table(&contract(), &folder, &files);
    if adopted.is_err() {
        assert!(second.tables().is_empty());
        // The table can be written instead.
        second.table(&contract())?;
        return adopted;
    }
    // What is kept may be removed meanwhile.
    publisher.remove_folder(&folder)?;
    let schema = contract().arrow();
    let rows = |positions: Vec<usize>| {
        let rows = read_rows(second.tables()[0].paths(), &schema, positions, 100);
        rows.collect::<Result<Vec<_>, _>>()
    };
    assert_eq!(concat_batches(&schema, &rows(vec![0, 1, 2])?).unwrap(), batch(as_of, orders));
    let narrow = rows(vec![0, 2])?;
    assert_eq!(narrow.len(), orders.len().div_ceil(100));
    let narrow = concat_batches(&narrow[0].schema(), &narrow).unwrap();
    assert_eq!(narrow, batch(as_of, orders).project(&[0, 2]).unwrap());
    second.write_model_card(b"{}\n")?;
    let committed = second.commit(facts("2024-12-31", "y"))?;
    assert_eq!(committed.outcome, Outcome::Published);
    assert_eq!(committed.snapshot.manifest.tables, expected.tables);
    assert_eq!(crate::verify(&committed.snapshot.path)?, []);
    Ok(())
}

#[test]
fn a_kept_table_is_published_again_as_it_was() {
    again(&(0..1_234).collect::<Vec<_>>(), |_| {}).unwrap();
}

#[test]
fn a_damaged_table_is_not_used() {
    for position in [4, 100, 700] {
        let harmed = again(&(0..1_234).collect::<Vec<_>>(), |bytes| bytes[position] ^= 1);
        assert!(matches!(harmed, Err(ExportError::ReadBack { .. })), "{harmed:?}");
    }
    let cut = again(&[1, 2], |bytes| bytes.truncate(bytes.len() / 2));
    assert!(matches!(cut, Err(ExportError::ReadBack { .. })), "{cut:?}");
}

#[test]
fn superseded_snapshots_are_those_that_no_pointer_names() {
    let _guard = no_spawning();
    let output = tempfile::tempdir().unwrap();
    let publisher = publisher(output.path(), None);
    let dates = [("2024-12-30", "a"), ("2024-12-31", "b"), ("2024-12-31", "c"), ("2024-12-30", "d")];
    for (number, (date, content)) in dates.into_iter().enumerate() {
        publish(&publisher, &run_id(&number.to_string()), facts(date, content), &[1]).unwrap();
    }
    let found = crate::garbage::superseded(&publisher.layout).unwrap();
    let ids: Vec<_> = found.iter().map(|of| (of.as_of.to_string(), of.content_id.clone())).collect();
    let expected = |(date, content): (&str, &str)| (date.to_owned(), facts(date, content).content_id);
    assert_eq!(ids, [expected(dates[0]), expected(dates[1])]);
    assert!(publisher.remove_superseded(&found[0]).unwrap());
    assert!(!publisher.remove_superseded(&found[0]).unwrap(), "it is gone");
    assert_eq!(crate::garbage::superseded(&publisher.layout).unwrap(), found[1..]);
}
