//! Reads the reference tables and exchange rates, which are small and held as a whole.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use appraise_ingest::{read_exchange_rates, read_reference};

use crate::error::RunError;
use crate::inputs::{EXCHANGE_RATES, table_name};
use crate::spec::resolved::Pipeline;
use crate::stages::{self, ReferenceTables};

/// Reads all tables of `pipeline`.
pub(crate) fn read(pipeline: &Pipeline, cancel: &AtomicBool) -> Result<ReferenceTables, RunError> {
    let mut tables = ReferenceTables::default();
    for (name, table) in &pipeline.references {
        let read = read_reference(&stages::reference(pipeline, table), cancel);
        let read = read.map_err(|error| RunError::of_source(&table_name(name), error))?;
        tables.references.insert(name.clone(), Arc::new(read));
    }
    if let Some(config) = pipeline.exchange_rates.as_ref().and_then(|table| stages::exchange_rates(pipeline, table)) {
        let read = read_exchange_rates(&config, cancel);
        let read = read.map_err(|error| RunError::of_source(&table_name(EXCHANGE_RATES), error))?;
        tables.exchange_rates = Some(Arc::new(read));
    }
    Ok(tables)
}
