//! Features for the program's own eyes: folded as a run folds them, published nowhere.

use std::path::Path;

use appraise_export::RunStatus;

use crate::batch_store::BatchStore;
use crate::clock::Clock;
use crate::error::RunError;
use crate::inputs::Inputs;
use crate::memory::Budget;
use crate::plan::PublishedTables;
use crate::run::{RunOptions, Watch, features};
use crate::session::Session;
use crate::spec::Loaded;

/// Folds the inputs of `loaded`, whose record goes to `folder` instead of where its tables go.
///
/// # Errors
/// Everything that stops a run before its models.
pub(crate) fn fold(
    loaded: &Loaded,
    folder: &Path,
    options: &RunOptions,
    clock: &dyn Clock,
    watch: &dyn Watch,
) -> Result<(PublishedTables, BatchStore), RunError> {
    let mut loaded = loaded.clone();
    folder.clone_into(&mut loaded.pipeline.export.path);
    let mut session = Session::open(&loaded, options, clock)?;
    let budget = Budget::new(options.memory_limit, options.threads)?;
    let inputs = Inputs::find(&loaded.pipeline)?;
    let table = features(&mut session, &inputs, budget, watch)?;
    session.close(Ok(RunStatus::Succeeded));
    Ok(table)
}
