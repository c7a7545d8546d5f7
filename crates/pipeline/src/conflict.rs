//! Finds the rows behind a conflict: the fold knows customer and id, only the dumps know where they stand.

use std::collections::BTreeMap;
use std::convert::Infallible;

use appraise_feature_engineering::FoldError;
use appraise_ingest::{EventSink, NoProgress, Origin, read};
use appraise_schema::event::Form;
use appraise_schema::{EventBatch, EventColumn, KeyColumn, SourceKind};

use crate::error::RunError;
use crate::inputs::{Inputs, shown_paths};
use crate::run::RunOptions;
use crate::sources::{ReadPlans, read_options};
use crate::spec::resolved::Pipeline;

/// Most rows that an error names.
const MAX_ROWS: usize = 4;

/// `error` with the rows that it is about, which takes a second read of the source; other errors stay as they are.
pub(crate) fn locate(
    error: RunError,
    plans: &ReadPlans<'_>,
    inputs: &Inputs,
    pipeline: &Pipeline,
    options: &RunOptions,
) -> RunError {
    let RunError::Fold(FoldError::Conflict { source_kind: kind, customer, id }) = &error else { return error };
    let Some(files) = inputs.sources.get(kind) else { return error };
    let rows = match find(plans, *kind, customer, *id, options) {
        Ok(rows) => rows,
        Err(error) => return error,
    };
    let paths: Vec<_> = files.iter().map(|file| file.path.clone()).collect();
    let paths = shown_paths(pipeline, &paths);
    let name = |file: usize| paths.get(file).map_or_else(String::new, |path| path.display().to_string());
    RunError::Conflict {
        of: kind.name(),
        column: kind.identity().unwrap_or(kind.key()),
        customer: customer.clone(),
        rows: rows.iter().map(|(file, row)| format!("row {row} of `{}`", name(*file))).collect(),
    }
}

/// File and row of the first rows of the customer with the id.
fn find(
    plans: &ReadPlans<'_>,
    kind: SourceKind,
    customer: &str,
    id: u128,
    options: &RunOptions,
) -> Result<Vec<(usize, u64)>, RunError> {
    let (plan, config) = (&plans.plans[&kind], &plans.configs[&kind]);
    let position = kind.identity().and_then(|name| config.layout.position(name, Form::Id));
    let customer = (kind != SourceKind::Lots).then_some(customer);
    let sink = |_| Locator { customer, id: position.map(|position| (position, id)), found: Vec::new() };
    let outcome = read(plan, read_options(options), &BTreeMap::new(), sink, &NoProgress, &options.cancel);
    let (_, sinks) = outcome.map_err(|error| RunError::of_source(kind.name(), error))?;
    let mut found: Vec<_> = sinks.into_iter().flat_map(|sink| sink.found).collect();
    found.sort_unstable();
    found.truncate(MAX_ROWS);
    Ok(found)
}

/// Notes where rows stand.
struct Locator<'a> {
    /// Whose rows; `None` for those of everybody.
    customer: Option<&'a str>,
    /// Position of the column of ids, and the id.
    id: Option<(usize, u128)>,
    found: Vec<(usize, u64)>,
}

impl EventSink for Locator<'_> {
    type Error = Infallible;

    fn accept(&mut self, batch: EventBatch, origin: Origin<'_>) -> Result<(), Infallible> {
        let has_id = |event: usize| match self.id.map(|(position, id)| (batch.columns.get(position), id)) {
            Some((Some(EventColumn::U128(ids)), id)) => ids[event] == id,
            _ => true,
        };
        let events = (0..batch.len()).filter(|&event| has_id(event));
        let of_customer = |event: &usize| self.customer.is_none_or(|customer| key(&batch.key, *event) == customer);
        let rows = events.filter(of_customer).map(|event| origin.first_row + u64::from(origin.rows[event]));
        self.found.extend(rows.map(|row| (origin.file, row)));
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
