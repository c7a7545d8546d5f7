//! Writes small Parquet files and reads them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use appraise_expression::Parsed;
use appraise_ingest::{
    EventSink, IngestError, NoProgress, Origin, ReadOptions, ReadPlan, ReadReport, SourceConfig, discover, read,
};
use appraise_schema::as_of::date_of;
use appraise_schema::event::{NO, NO_DAY, NO_INSTANT, NO_SYMBOL, YES};
use appraise_schema::{EventBatch, EventColumn, Form, KeyColumn, Layout, Money, Share, SourceKind, Symbols};
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
pub(crate) fn config(paths: Vec<String>) -> SourceConfig {
    let mut config = config_of(SourceKind::Transactions, paths);
    for (name, column) in [("customer_id", "customer"), ("time", "at"), ("amount", "price")] {
        config.columns.insert(name.to_owned(), Parsed::column(column));
    }
    config
}

/// A source without columns, scale 2, UTC, as of 9999-12-31; everything is tolerated.
pub(crate) fn config_of(kind: SourceKind, paths: Vec<String>) -> SourceConfig {
    SourceConfig {
        kind,
        paths,
        columns: BTreeMap::new(),
        attributes: Vec::new(),
        filter: None,
        source_zone: Tz::UTC,
        zone: Tz::UTC,
        money: Money::new("GBP", 2).unwrap(),
        as_of: "9999-12-31".parse().unwrap(),
        known_by: None,
        checks: Vec::new(),
        tolerate: Share::from_fraction(1.0).unwrap(),
        layout: Layout::default(),
        exchange_rates: None,
        symbols: Arc::new(Symbols::default()),
    }
}

/// Maps canonical columns to those of the same name and asks for them in `form`.
pub(crate) fn ask(config: &mut SourceConfig, columns: &[(&str, Form)]) {
    for (name, form) in columns {
        if !name.is_empty() {
            config.columns.insert((*name).to_owned(), Parsed::column(name));
        }
        config.layout.add(name, *form);
    }
}

/// What the fold of transactions asks for.
fn layout(config: &SourceConfig) -> Layout {
    let mut layout = config.layout.clone();
    let wanted = [
        ("time", Form::Day),
        ("amount", Form::Money),
        ("refund", Form::Flag),
        ("order_id", Form::Id),
        ("margin", Form::Money),
        ("transaction_id", Form::Id),
    ];
    for (name, form) in wanted {
        if config.columns.contains_key(name) {
            layout.add(name, form);
        }
    }
    if config.columns.contains_key("transaction_id") {
        layout.add("", Form::Content);
    }
    layout
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

/// One transaction, keys as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event {
    pub(crate) key: String,
    pub(crate) day: i32,
    pub(crate) amount: i64,
    pub(crate) refund: Option<u8>,
    pub(crate) order: Option<u128>,
    pub(crate) margin: Option<i64>,
    /// Identity and content.
    pub(crate) transaction: Option<(u128, u64)>,
}

pub(crate) fn events(batches: &[EventBatch], layout: &Layout) -> Vec<Event> {
    let mut events = Vec::new();
    for batch in batches {
        let column = |name: &str, form: Form| layout.position(name, form).map(|place| &batch.columns[place]);
        let minor = |name: &str, row: usize| match column(name, Form::Money) {
            Some(EventColumn::I64(values)) => Some(values[row]),
            _ => None,
        };
        let id = |name: &str, row: usize| match column(name, Form::Id) {
            Some(EventColumn::U128(values)) => Some(values[row]),
            _ => None,
        };
        for row in 0..batch.len() {
            let Some(EventColumn::I32(days)) = column("time", Form::Day) else { panic!("no time") };
            let refund = match column("refund", Form::Flag) {
                Some(EventColumn::U8(flags)) => Some(flags[row]),
                _ => None,
            };
            let content = match column("", Form::Content) {
                Some(EventColumn::U64(contents)) => Some(contents[row]),
                _ => None,
            };
            events.push(Event {
                key: key(&batch.key, row),
                day: days[row],
                amount: minor("amount", row).unwrap(),
                refund,
                order: id("order_id", row),
                margin: minor("margin", row),
                transaction: id("transaction_id", row).zip(content),
            });
        }
    }
    events.sort();
    events
}

fn key(keys: &KeyColumn, row: usize) -> String {
    match keys {
        KeyColumn::Integer(keys) => keys[row].to_string(),
        KeyColumn::Text { offsets, bytes } => {
            let range = offsets[row] as usize..offsets[row + 1] as usize;
            String::from_utf8(bytes[range].to_vec()).unwrap()
        }
    }
}

/// The batches of a read with the columns of the configured layout.
pub(crate) fn batches(
    config: &SourceConfig,
    options: ReadOptions,
) -> Result<(ReadReport, Vec<EventBatch>), IngestError> {
    let inputs = discover(&config.paths)?;
    let plan = ReadPlan::new(&inputs, config)?;
    let never = AtomicBool::new(false);
    let (report, sinks) = read(&plan, options, &BTreeMap::new(), |_| Collect::default(), &NoProgress, &never)?;
    Ok((report, sinks.into_iter().flat_map(|sink| sink.0).collect()))
}

/// Key and cells of every row, in the order of the layout, sorted; `-` stands for NULL.
pub(crate) fn cells(config: &SourceConfig) -> (ReadReport, Vec<Vec<String>>) {
    let (report, batches) = batches(config, ReadOptions { threads: 2, batch_rows: 7 }).unwrap();
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.len() {
            let has_key = batch.has_key.as_ref().is_none_or(|has_key| has_key[row]);
            let mut cells = vec![if has_key { key(&batch.key, row) } else { "-".to_owned() }];
            cells.extend(batch.columns.iter().map(|column| cell(column, row, &config.symbols)));
            rows.push(cells);
        }
    }
    rows.sort();
    (report, rows)
}

fn cell(column: &EventColumn, row: usize, symbols: &Symbols) -> String {
    let null = || "-".to_owned();
    match column {
        EventColumn::I32(days) if days[row] == NO_DAY => null(),
        EventColumn::I32(days) => date_of(days[row]).unwrap().to_string(),
        EventColumn::I64(values) if values[row] == NO_INSTANT => null(),
        EventColumn::I64(values) => values[row].to_string(),
        EventColumn::F64(values) if values[row].is_nan() => null(),
        EventColumn::F64(values) => values[row].to_string(),
        EventColumn::U128(ids) if ids[row] == 0 => null(),
        EventColumn::U128(ids) => format!("{:x}", ids[row]),
        EventColumn::U64(contents) => format!("{:x}", contents[row]),
        EventColumn::U32(numbers) if numbers[row] == NO_SYMBOL => null(),
        EventColumn::U32(numbers) => symbols.texts()[numbers[row] as usize - 1].to_string(),
        EventColumn::U8(flags) => match flags[row] {
            NO => "no".to_owned(),
            YES => "yes".to_owned(),
            _ => null(),
        },
    }
}

pub(crate) fn try_run(config: &SourceConfig, options: ReadOptions) -> Result<(ReadReport, Vec<Event>), IngestError> {
    let config = SourceConfig { layout: layout(config), ..config.clone() };
    let (report, batches) = batches(&config, options)?;
    Ok((report, events(&batches, &config.layout)))
}

pub(crate) fn run(config: &SourceConfig) -> (ReadReport, Vec<Event>) {
    try_run(config, ReadOptions { threads: 2, batch_rows: 7 }).unwrap()
}

/// Error and hint of a run that must fail.
pub(crate) fn refused(config: &SourceConfig) -> (String, String) {
    let error = try_run(config, ReadOptions::new(1)).unwrap_err();
    (error.to_string(), error.hint().unwrap_or_default())
}

pub(crate) fn reasons(report: &ReadReport) -> BTreeMap<&str, u64> {
    report.accounting.quarantine_reasons.iter().map(|(name, rows)| (name.as_str(), *rows)).collect()
}

pub(crate) fn array<A: arrow::array::Array + 'static>(array: A) -> ArrayRef {
    Arc::new(array)
}
