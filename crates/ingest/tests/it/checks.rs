//! Checks of rows and of the source as a whole.

use appraise_ingest::{Check, CheckKind, ErrorKind, IngestError, ReadOptions, Severity, SourceConfig};
use appraise_schema::{Bucket, Share};
use arrow::array::{Date32Array, Int64Array, StringArray};

use crate::support::{Folder, array, config, reasons, run, try_run};

fn dump() -> (Folder, SourceConfig) {
    let folder = Folder::new();
    let customer = array(StringArray::from(vec![Some("a"), Some(" "), None, Some("b"), Some("c"), Some("d")]));
    let at = array(Date32Array::from(vec![10, 10, 10, 5, 10, 99]));
    let price = array(Int64Array::from(vec![1, 1, 1, 1, -7, 1]));
    folder.write("a.parquet", vec![("customer", customer), ("at", at), ("price", price)]);
    let mut config = config(vec![folder.pattern("")]);
    config.as_of = "1970-02-01".parse().unwrap();
    config.checks = [
        CheckKind::NotBlank { column: "customer_id".to_owned() },
        CheckKind::TimeRange { column: "time".to_owned(), min: Some(6), max: None },
        CheckKind::AmountRange { column: "amount".to_owned(), min: Some(0), max: None },
    ]
    .map(|kind| Check { kind, severity: Severity::Error, tolerate: None })
    .into();
    (folder, config)
}

#[test]
fn each_row_fails_its_first_check() {
    let (_folder, config) = dump();
    let (report, events) = run(&config);
    let want = [("customer_id_blank", 1), ("customer_id_missing", 1), ("time_before_min", 1), ("amount_below_min", 1)];
    assert_eq!(reasons(&report), want.into());
    assert_eq!(events.len(), 1);
    assert_eq!(report.accounting.tally(Bucket::AfterAsOf).rows, 1);
    assert_eq!(report.newest_day, Some(10));
}

#[test]
fn beyond_the_tolerated_share_the_run_fails_with_reasons_and_an_example() {
    let (_folder, mut config) = dump();
    config.tolerate = Share::from_fraction(0.5).unwrap();
    let error = try_run(&config, ReadOptions::new(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Check);
    let text = error.to_string();
    assert!(text.starts_with("4 of 6 rows failed a check, 50% are tolerated"), "{text}");
    assert!(text.contains("amount_below_min: 1, first `-7` in row 4 of"), "{text}");
    let IngestError::ChecksFailed { report, .. } = error else { panic!() };
    assert_eq!(report.quarantine.len(), 4);
    // A check with its own share is judged by it alone.
    config.checks[1].tolerate = Some(Share::from_fraction(0.2).unwrap());
    assert!(try_run(&config, ReadOptions::new(1)).is_ok());
    config.checks[1].tolerate = Some(Share::from_fraction(0.1).unwrap());
    assert!(try_run(&config, ReadOptions::new(1)).unwrap_err().to_string().starts_with("time_before_min: 1 of 6 rows"));
}

#[test]
fn a_warning_keeps_the_row_and_counts_it() {
    let (_folder, mut config) = dump();
    config.checks.iter_mut().for_each(|check| check.severity = Severity::Warn);
    let (report, events) = run(&config);
    assert_eq!(events.len(), 4);
    let warned: Vec<_> = report.accounting.warnings.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
    assert_eq!(warned, [("amount_below_min", 1), ("customer_id_blank", 1), ("time_before_min", 1)]);
    assert_eq!(report.checks.iter().filter(|check| !check.passed).count(), 3);
}

#[test]
fn rows_and_freshness_are_checked_on_the_source() {
    let outcome = |kind: CheckKind| {
        let (_folder, mut config) = dump();
        config.checks = vec![Check { kind, severity: Severity::Error, tolerate: None }];
        try_run(&config, ReadOptions::new(1)).map(|_| ()).map_err(|error| error.to_string())
    };
    let rows = |min, max, max_change, previous| CheckKind::Rows { min, max, max_change, previous };
    assert_eq!(outcome(rows(Some(6), Some(6), Some(0.5), Some(4))), Ok(()));
    assert_eq!(outcome(rows(Some(7), None, None, None)), Err("6 input rows, at least 7 expected".to_owned()));
    let change = "6 input rows, 3 before: a change of 100.0%, allowed 50%";
    assert_eq!(outcome(rows(None, None, Some(0.5), Some(3))), Err(change.to_owned()));
    assert_eq!(outcome(CheckKind::Freshness { max_age_days: 21 }), Ok(()));
    let old = "the newest event is of 1970-01-11, at most 20 days before 1970-02-01 are allowed";
    assert_eq!(outcome(CheckKind::Freshness { max_age_days: 20 }), Err(old.to_owned()));
}

#[test]
fn only_accepted_values_pass() {
    let (_folder, mut config) = dump();
    let accepted = ["a", "c"].map(str::to_owned).into();
    let kind = CheckKind::AcceptedValues { column: "customer_id".to_owned(), accepted };
    config.checks = vec![Check { kind, severity: Severity::Error, tolerate: None }];
    let (report, _) = run(&config);
    assert_eq!(reasons(&report)["customer_id_not_accepted"], 2);
    config.checks[0].kind = CheckKind::NotBlank { column: "category".to_owned() };
    let error = try_run(&config, ReadOptions::new(1)).unwrap_err();
    assert_eq!(error.to_string(), "column `category` is not mapped");
}
