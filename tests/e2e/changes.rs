//! The table of changes: applied to the snapshot before, it gives the snapshot that it stands in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::util::display::array_value_to_string;
use serde_json::Value;
use tempfile::tempdir;

use crate::program::{Said, folder, repository, run, say};
use crate::tables::{read, texts};

const CDNOW: &str = "pipelines/cdnow.yaml";
const SETS: [&str; 5] = [
    "sources.transactions.path=../data/cdnow/cdnow_sample.parquet",
    "sources.transactions.columns.customer_id=sample_id",
    "model.clv={ horizon: 1y, margin: 30% }",
    "model.lifecycle={}",
    "export.changes=true",
];

fn night(output: &Path, as_of: &str, more: &[&str]) -> Said {
    let sets: Vec<&str> = SETS.iter().chain(more).flat_map(|set| ["--set", set]).collect();
    run(CDNOW, as_of, output, &sets)
}

/// The rows of a table by the key, each with what stands in `columns`.
fn rows(table: &RecordBatch, columns: &[String]) -> BTreeMap<String, Vec<String>> {
    let cell = |name: &String, row| match table.column_by_name(name).unwrap() {
        column if column.is_null(row) => "NULL".to_owned(),
        column => format!("`{}`", array_value_to_string(column, row).unwrap()),
    };
    let keys = texts(table, "customer_id").into_iter().map(Option::unwrap);
    keys.enumerate().map(|(row, key)| (key, columns.iter().map(|name| cell(name, row)).collect())).collect()
}

/// The columns of `customer_values` that are compared.
fn value_columns(table: &RecordBatch) -> Vec<String> {
    table.schema().fields().iter().skip(2).map(|field| field.name().clone()).collect()
}

fn manifest(summary: &Value) -> Value {
    let folder = Path::new(summary["snapshot"].as_str().unwrap());
    serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

/// Merges `changes` into `base`, and tells what was done how often.
fn merged(
    base: &BTreeMap<String, Vec<String>>,
    changes: &RecordBatch,
    columns: &[String],
) -> (BTreeMap<String, Vec<String>>, BTreeMap<String, usize>) {
    let (mut table, mut done) = (base.clone(), BTreeMap::new());
    let named = texts(changes, "customer_id").into_iter().zip(texts(changes, "change"));
    let rows = rows(changes, columns);
    for (key, change) in named.map(|(key, change)| (key.unwrap(), change.unwrap())) {
        *done.entry(change.clone()).or_default() += 1;
        let before = match change.as_str() {
            "removed" => table.remove(&key),
            _ => table.insert(key.clone(), rows[&key].clone()),
        };
        // A row that says nothing new is none.
        assert_eq!(before.is_some(), change != "added", "{key}");
        assert!(before.is_none_or(|before| before != rows[&key]), "{key}");
    }
    (table, done)
}

#[test]
fn changes_applied_to_the_snapshot_before_give_this_one() {
    let output = tempdir().unwrap();
    let first = night(output.path(), "1998-06-28", &[]).expect(0).summary();
    // The same purchases, but for those who only ever spent little, and who are gone.
    let second =
        night(output.path(), "1998-06-29", &["sources.transactions.where=dollar_value > 8"]).expect(0).summary();
    let third =
        night(output.path(), "1998-06-30", &["model.rfm.score_weights={ r: 1, f: 1, m: 3 }"]).expect(0).summary();
    let table = |summary: &Value, name: &str| read(&folder(summary, name));
    let mut base = (BTreeMap::new(), BTreeMap::new());
    for (summary, expected) in
        [(&first, &["added"][..]), (&second, &["changed", "removed"]), (&third, &["added", "changed"])]
    {
        let (values, changes) = (table(summary, "customer_values"), table(summary, "customer_changes"));
        let columns = value_columns(&values);
        let (found, done) = merged(&base.0, &changes, &columns);
        assert_eq!(found, rows(&values, &columns), "{summary}");
        assert_eq!(done.keys().map(String::as_str).collect::<Vec<_>>(), expected);
        // What was before is that of the snapshot before.
        let previous = ["segment".to_owned(), "rfm_score".to_owned()];
        let told = rows(&changes, &previous.clone().map(|name| format!("previous_{name}")));
        for (key, was) in told {
            let nothing = vec!["NULL".to_owned(); previous.len()];
            assert_eq!(&was, base.1.get(&key).unwrap_or(&nothing), "{key}");
        }
        base = (found, rows(&values, &previous));
    }
    let fields: Vec<_> =
        table(&third, "customer_changes").schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(
        fields[..6],
        ["as_of", "customer_id", "change", "previous_segment", "previous_rfm_score", "first_purchase_date"]
    );
    let base = |summary: &Value| manifest(summary)["base"].clone();
    assert_eq!(base(&first), Value::Null);
    assert_eq!((&base(&second)["as_of"], &base(&third)["as_of"]), (&"1998-06-28".into(), &"1998-06-29".into()));
    assert_eq!(base(&third)["content_id"], manifest(&second)["content_id"]);
}

#[test]
fn nobody_changes_without_a_change_and_the_base_is_part_of_the_content() {
    let output = tempdir().unwrap();
    // Columns of time apart, a night without purchases is like the one before; scores by rank stay.
    let fixed = ["--set", "export.changes=true", "--set", "model.segments=[{ name: big, when: total_revenue > 100 }]"];
    let art = |as_of: &str, more: &[&str]| {
        run("pipelines/art_auctions.yaml", as_of, output.path(), &[&fixed[..], more].concat()).expect(0).summary()
    };
    let first = art("1913-12-30", &[]);
    let second = art("1913-12-31", &[]);
    let changes = read(&folder(&second, "customer_changes"));
    let (before, after) = (read(&folder(&first, "customer_values")), read(&folder(&second, "customer_values")));
    let columns = value_columns(&after);
    let (before, after) = (rows(&before, &columns), rows(&after, &columns));
    let expected: BTreeSet<String> =
        after.iter().filter(|(key, row)| before.get(*key) != Some(row)).map(|(key, _)| key.clone()).collect();
    assert_eq!(texts(&changes, "customer_id").into_iter().flatten().collect::<BTreeSet<_>>(), expected);

    assert_eq!(art("1913-12-31", &[])["status"], "nothing_new");
    let other = art("1913-12-30", &["--set", "model.rfm.bins=3"]);
    let again = art("1913-12-31", &[]);
    assert_ne!(again["snapshot"], second["snapshot"], "there is another base");
    assert_eq!(manifest(&again)["base"]["content_id"], manifest(&other)["content_id"]);
}

#[test]
fn changes_are_a_table_like_others() {
    let pipeline = repository().join(CDNOW);
    let pipeline = pipeline.to_str().unwrap();
    let said = say(&["schema", "tables", pipeline, "--set", "export.changes=true"]).expect(0).stdout;
    assert!(said.contains("customer_changes") && said.contains("previous_segment"), "{said}");
    let said = say(&["validate", pipeline, "--set", "export.changes=true", "--set", "model={}"]).expect(3).stderr;
    assert!(said.contains("there are no values whose changes could be told"), "{said}");
}
