//! Writes small Parquet files and reads them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use appraise_expression::Parsed;
use appraise_ingest::{
    EventSink, IngestError, NoProgress, Origin, ReadOptions, ReadPlan, ReadReport, TransactionsConfig, discover, read,
};
use appraise_schema::{EventBatch, KeyColumn, Money, Share, TransactionRef};
use arrow::array::{ArrayRef, RecordBatch};
use chrono_tz::Tz;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn pattern(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
        let path = self.path(name);
        write(&path, columns, WriterProperties::builder().set_max_row_group_row_count(Some(50)).build());
        path
    }
}

pub(crate) fn write(path: &Path, columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Customer, time and amount from columns of these names, scale 2, UTC, as of 9999-12-31; everything is tolerated.
pub(crate) fn config(paths: Vec<String>) -> TransactionsConfig {
    let columns = [("customer_id", "customer"), ("time", "at"), ("amount", "price")];
    TransactionsConfig {
        paths,
        columns: columns.map(|(name, column)| (name.to_owned(), Parsed::column(column))).into(),
        filter: None,
        source_zone: Tz::UTC,
        zone: Tz::UTC,
        money: Money::new("GBP", 2).unwrap(),
        as_of: "9999-12-31".parse().unwrap(),
        checks: Vec::new(),
        tolerate: Share::from_fraction(1.0).unwrap(),
    }
}

#[derive(Debug, Default)]
pub(crate) struct Collect(Vec<EventBatch>);

impl EventSink for Collect {
    type Error = Infallible;

    fn accept(&mut self, batch: EventBatch, _origin: Origin<'_>) -> Result<(), Infallible> {
        self.0.push(batch);
        Ok(())
    }
}

/// One event, keys as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event {
    pub(crate) key: String,
    pub(crate) day: i32,
    pub(crate) amount: i64,
    pub(crate) refund: bool,
    pub(crate) order: Option<u128>,
    pub(crate) margin: Option<i64>,
    pub(crate) transaction: Option<TransactionRef>,
}

pub(crate) fn events(batches: &[EventBatch]) -> Vec<Event> {
    let mut events = Vec::new();
    for batch in batches {
        for row in 0..batch.len() {
            let key = match &batch.key {
                KeyColumn::Integer(keys) => keys[row].to_string(),
                KeyColumn::Text { offsets, bytes } => {
                    let range = offsets[row] as usize..offsets[row + 1] as usize;
                    String::from_utf8(bytes[range].to_vec()).unwrap()
                }
            };
            events.push(Event {
                key,
                day: batch.day[row],
                amount: batch.amount[row],
                refund: batch.refund.as_ref().is_some_and(|refund| refund[row]),
                order: batch.order.as_ref().map(|order| order[row]),
                margin: batch.margin.as_ref().map(|margin| margin[row]),
                transaction: batch.transaction.as_ref().map(|refs| refs[row]),
            });
        }
    }
    events.sort();
    events
}

pub(crate) fn try_run(
    config: &TransactionsConfig,
    options: ReadOptions,
) -> Result<(ReadReport, Vec<Event>), IngestError> {
    let inputs = discover(&config.paths)?;
    let plan = ReadPlan::new(&inputs, config)?;
    let never = AtomicBool::new(false);
    let (report, sinks) = read(&plan, options, |_| Collect::default(), &NoProgress, &never)?;
    let batches: Vec<EventBatch> = sinks.into_iter().flat_map(|sink| sink.0).collect();
    Ok((report, events(&batches)))
}

pub(crate) fn run(config: &TransactionsConfig) -> (ReadReport, Vec<Event>) {
    try_run(config, ReadOptions { threads: 2, batch_rows: 7 }).unwrap()
}

/// Error and hint of a run that must fail.
pub(crate) fn refused(config: &TransactionsConfig) -> (String, String) {
    let error = try_run(config, ReadOptions::new(1)).unwrap_err();
    (error.to_string(), error.hint().unwrap_or_default())
}

pub(crate) fn reasons(report: &ReadReport) -> BTreeMap<&str, u64> {
    report.accounting.quarantine_reasons.iter().map(|(name, rows)| (name.as_str(), *rows)).collect()
}

pub(crate) fn array<A: arrow::array::Array + 'static>(array: A) -> ArrayRef {
    Arc::new(array)
}
