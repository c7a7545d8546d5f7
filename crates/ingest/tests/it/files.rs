//! Finding files: globs, folders, partitions, drift.

use appraise_ingest::{ErrorKind, ReadOptions, ReadPlan, discover};
use arrow::array::{ArrayRef, Date32Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray};

use crate::support::{Folder, array, config, refused, run, try_run};

fn columns(customer: i64) -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("customer", array(Int64Array::from(vec![customer]))),
        ("at", array(Date32Array::from(vec![0]))),
        ("price", array(Int64Array::from(vec![1]))),
    ]
}

fn customers(folder: &Folder, patterns: &[&str]) -> Vec<String> {
    let (_, events) = run(&config(patterns.iter().map(|pattern| folder.pattern(pattern)).collect()));
    events.into_iter().map(|event| event.key).collect()
}

#[test]
fn folders_globs_and_files_count_each_file_once() {
    let folder = Folder::new();
    for (customer, name) in ["a.parquet", "b/c.parquet", "b/_d.parquet", ".e/f.parquet", "g.txt"].iter().enumerate() {
        folder.write(name, columns(i64::try_from(customer).unwrap()));
    }
    assert_eq!(customers(&folder, &[""]), ["0", "1"]);
    assert_eq!(customers(&folder, &["*.parquet", "", "b"]), ["0", "1"]);
    assert_eq!(customers(&folder, &["**/*.parquet"]), ["0", "1"]);
    assert_eq!(customers(&folder, &["b/_d.parquet", "g.txt"]), ["2", "4"]);
    assert_eq!(customers(&folder, &["*"]), ["0", "1", "4"]);
}

#[test]
fn a_pattern_without_match_names_the_nearest_folder() {
    let folder = Folder::new();
    folder.write("in/a.parquet", columns(1));
    let (error, _) = refused(&config(vec![folder.pattern("in/2024/*.parquet")]));
    let want = format!(
        "no file matches `{}`; the nearest folder that exists is `{}`",
        folder.pattern("in/2024/*.parquet"),
        folder.pattern("in")
    );
    assert_eq!(error, want);
    let (error, _) = refused(&config(vec![folder.pattern("in/a[.parquet")]));
    assert!(error.contains("is not a valid pattern"), "{error}");
}

#[test]
fn partition_folders_are_columns() {
    let folder = Folder::new();
    folder.write("region=S%C3%BCd/a.parquet", columns(1));
    folder.write("region=__HIVE_DEFAULT_PARTITION__/a.parquet", columns(2));
    let mut config = config(vec![folder.pattern("")]);
    let region = appraise_expression::Parsed::column("region");
    config.columns.insert("customer_id".to_owned(), region.clone());
    let (report, events) = run(&config);
    assert_eq!(events.iter().map(|event| event.key.as_str()).collect::<Vec<_>>(), ["Süd"]);
    assert_eq!(report.accounting.quarantine_reasons["customer_id_missing"], 1);
    config.columns.insert("customer_id".to_owned(), appraise_expression::Parsed::column("customer"));
    config.filter = Some(appraise_expression::Parsed::parse("region LIKE 'S%' AND customer = 1").unwrap());
    assert_eq!(run(&config).1.len(), 1);
    config.filter = Some(appraise_expression::Parsed::parse("region IS NULL").unwrap());
    assert_eq!(run(&config).1[0].key, "2");
}

#[test]
fn drift_is_reported_and_integer_widths_unify() {
    let folder = Folder::new();
    folder.write("a.parquet", columns(1));
    let mut other = columns(0);
    other[0] = ("customer", array(Int32Array::from(vec![2])));
    other[1] = ("at", array(TimestampMicrosecondArray::from(vec![0])));
    other.push(("note", array(StringArray::from(vec!["x"]))));
    other.reverse();
    folder.write("b.parquet", other);
    assert_eq!(customers(&folder, &[""]), ["1", "2"]);
    let config = config(vec![folder.pattern("")]);
    let inputs = discover(&config.paths).unwrap();
    let plan = ReadPlan::new(&inputs, &config).unwrap();
    let lines: Vec<String> =
        plan.drift().iter().map(|line| line.to_string().replace(&folder.pattern(""), "")).collect();
    let want = [
        "`b.parquet` has a column `note` that the first file lacks",
        "`b.parquet` has column `customer` as Int32, the first file as Int64",
        "`b.parquet` has column `at` as Timestamp(µs), the first file as Date32",
        "`b.parquet` has its columns in another order than the first file",
    ];
    assert_eq!(lines, want);
    assert_eq!(plan.drift().iter().map(|line| line.needed).collect::<Vec<_>>(), [false, true, true, false]);
}

#[test]
fn a_missing_column_and_a_key_of_another_type_are_refused() {
    let folder = Folder::new();
    folder.write("a.parquet", columns(1));
    let mut lacking = columns(2);
    lacking[2].0 = "Price";
    let path = folder.write("b.parquet", lacking);
    let (error, hint) = refused(&config(vec![folder.pattern("")]));
    assert_eq!(error, format!("column `amount` can't be read from `{}`: it has no column `price`", path.display()));
    assert_eq!(hint, "did you mean `Price`?");
    let mut text = columns(2);
    text[0].1 = array(StringArray::from(vec!["2"]));
    folder.write("b.parquet", text);
    let error = try_run(&config(vec![folder.pattern("")]), ReadOptions::new(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("column `customer_id` is Utf8 in"), "{error}");
}
