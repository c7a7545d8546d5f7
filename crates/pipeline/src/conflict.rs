//! Finds the rows behind a conflict: the fold knows customer and id, only the dumps know where they stand.

use std::convert::Infallible;
use std::path::PathBuf;

use appraise_feature_engineering::FoldError;
use appraise_ingest::{EventSink, NoProgress, Origin, ReadOptions, ReadPlan, read};
use appraise_schema::{EventBatch, KeyColumn};

use crate::error::RunError;
use crate::run::RunOptions;

/// Most rows that an error names.
const MAX_ROWS: usize = 4;

/// `error` with the rows that it is about, which takes a second read of the dumps; other errors stay as they are.
/// `files` are the inputs as they are shown.
pub(crate) fn locate(error: FoldError, plan: &ReadPlan<'_>, files: &[PathBuf], options: &RunOptions) -> RunError {
    let FoldError::Conflict { customer, id } = error else { return error.into() };
    let sink = |_| Locator { customer: customer.clone(), id, found: Vec::new() };
    let reading = ReadOptions { threads: options.threads, batch_rows: options.batch_rows };
    let mut found = match read(plan, reading, sink, &NoProgress, &options.cancel) {
        Ok((_, sinks)) => sinks.into_iter().flat_map(|sink| sink.found).collect::<Vec<_>>(),
        Err(error) => return error.into(),
    };
    found.sort_unstable();
    found.truncate(MAX_ROWS);
    let name = |file: usize| files.get(file).map_or_else(String::new, |path| path.display().to_string());
    let rows = found.iter().map(|(file, row)| format!("row {row} of `{}`", name(*file))).collect();
    RunError::Conflict { customer, rows }
}

/// Notes where events of one customer and transaction id stand.
struct Locator {
    customer: String,
    id: u128,
    found: Vec<(usize, u64)>,
}

impl EventSink for Locator {
    type Error = Infallible;

    fn accept(&mut self, batch: EventBatch, origin: Origin<'_>) -> Result<(), Infallible> {
        let transactions = batch.transaction.iter().flatten().enumerate();
        for (event, _) in transactions.filter(|(_, transaction)| transaction.id == self.id) {
            if key(&batch.key, event) == self.customer {
                self.found.push((origin.file, origin.first_row + u64::from(origin.rows[event])));
            }
        }
        Ok(())
    }
}

fn key(keys: &KeyColumn, event: usize) -> String {
    match keys {
        KeyColumn::Integer(keys) => keys[event].to_string(),
        KeyColumn::Text { offsets, bytes } => {
            String::from_utf8_lossy(&bytes[offsets[event] as usize..offsets[event + 1] as usize]).into_owned()
        }
    }
}
