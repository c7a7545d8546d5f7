//! Tests of whole runs. [`night`] is a run in small: start, recover, find, stage, write, commit, close.

mod faults;
mod folder;
mod kept;
mod publish;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use crate::{
    ContentId, Disk, ExportError, Facts, Input, Layout, Published, Publisher, RunId, RunLog, RunRecord, RunStatus,
    Steps, recover,
};
use appraise_schema::{AsOf, ColumnSpec, ColumnType, KeyType, TableContract};
use arrow::array::{ArrayRef, Date32Array, Int32Array, Int64Array, RecordBatch};
use serde_json::json;

/// What happens at the step with the number of [`Obstacle::at`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mishap {
    /// The step fails, as on a full disk.
    Error,
    /// The process dies at once.
    Abort,
}

/// Lets all steps but one happen.
#[derive(Debug)]
pub(crate) struct Obstacle {
    at: usize,
    mishap: Mishap,
    count: AtomicUsize,
}

impl Obstacle {
    pub(crate) fn new(at: usize, mishap: Mishap) -> Arc<Self> {
        Arc::new(Self { at, mishap, count: AtomicUsize::new(0) })
    }
}

impl Steps for Obstacle {
    fn step(&self, _name: &'static str, _path: &Path) -> io::Result<()> {
        if self.count.fetch_add(1, Ordering::SeqCst) != self.at {
            return Ok(());
        }
        match self.mishap {
            Mishap::Error => Err(io::ErrorKind::StorageFull.into()),
            Mishap::Abort => std::process::abort(),
        }
    }
}

pub(crate) fn contract() -> TableContract {
    let columns = vec![
        ColumnSpec::as_of(),
        ColumnSpec::customer_id(KeyType::Integer),
        ColumnSpec::nullable("orders", ColumnType::Int32, "", "orders in all"),
    ];
    TableContract::new("customer_values", "one customer", columns).unwrap()
}

pub(crate) fn batch(as_of: AsOf, orders: &[i32]) -> RecordBatch {
    let rows = orders.len();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(vec![as_of.day(); rows])),
        Arc::new(Int64Array::from_iter_values((0..rows).map(|row| i64::try_from(row).unwrap()))),
        Arc::new(Int32Array::from(orders.to_vec())),
    ];
    RecordBatch::try_new(contract().arrow(), columns).unwrap()
}

pub(crate) fn publisher(output: &Path, steps: Option<Arc<dyn Steps>>) -> Publisher {
    let disk = steps.map_or_else(Disk::default, Disk::with_steps);
    Publisher { disk, lock_timeout: Duration::from_secs(20), ..Publisher::new(Layout::new(output)) }
}

pub(crate) fn facts(as_of: &str, content: &str) -> Facts {
    Facts {
        pipeline: "auctions".to_owned(),
        as_of: as_of.parse().unwrap(),
        content_id: ContentId::of(&json!({ "as_of": as_of, "content": content })),
        versions: vec![("appraise".to_owned(), "0.1.0".to_owned())],
        inputs: vec![Input {
            source: "transactions".to_owned(),
            path: "sales.parquet".to_owned(),
            bytes: 10,
            digest: format!("blake3:{}", "ab".repeat(32)),
            rows: 3,
        }],
        parameters: json!({ "currency": "GBP" }),
        base: None,
    }
}

/// Publishes `orders` under the content id that `facts` name.
pub(crate) fn publish(
    publisher: &Publisher,
    run_id: &RunId,
    facts: Facts,
    orders: &[i32],
) -> Result<Published, ExportError> {
    let mut staging = publisher.stage(run_id)?;
    let mut writer = staging.table(&contract())?;
    writer.write(batch(facts.as_of, orders))?;
    staging.add_table(writer.finish()?);
    staging.write_model_card(b"{}\n")?;
    staging.commit(facts)
}

/// The whole night, as a pipeline runs it.
pub(crate) fn night(on: &Publisher, run_id: &str, as_of: &str, orders: &[i32]) -> Result<Published, ExportError> {
    let _guard = no_spawning();
    let run_id: RunId = run_id.parse().unwrap();
    let facts = facts(as_of, "the same");
    let mut record = RunRecord::started(run_id.clone(), "auctions", as_of, &format!("2025-01-01T00:00:00Z {run_id}"));
    let log = RunLog::start(&on.layout, &on.disk, &record)?;
    recover(&on.layout, &on.disk)?;
    let published = match on.find(facts.as_of, &facts.content_id)? {
        Some(published) => published,
        None => publish(on, &run_id, facts, orders)?,
    };
    record.status = RunStatus::Succeeded;
    record.exit_code = Some(0);
    log.write(&record)?;
    Ok(published)
}

/// A process that is being started holds the open files of this one, and so its locks, for a moment. Tests of locks
/// read this; the test that starts processes writes it.
pub(crate) static SPAWNING: RwLock<()> = RwLock::new(());

/// Holds off the start of processes.
pub(crate) fn no_spawning() -> RwLockReadGuard<'static, ()> {
    SPAWNING.read().unwrap_or_else(PoisonError::into_inner)
}

/// Paths of all files below `folder`.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths.extend(files_below(&path));
        } else {
            paths.push(path.to_string_lossy().into_owned());
        }
    }
    paths.sort();
    paths
}
