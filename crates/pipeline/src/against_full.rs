//! Whether a published snapshot is what a run of all dumps makes of them.

use std::path::Path;

use appraise_export::Snapshot;

use crate::clock::Clock;
use crate::error::RunError;
use crate::run::{RunOptions, Watch, masked_semantic, run};
use crate::spec::Loaded;
use crate::spec::resolved::{Gates, Refit};
use crate::summary::Summary;

/// How a published snapshot compares with a run of all dumps.
#[derive(Debug)]
pub enum AgainstFull {
    /// Its tables and its model card are the same bytes.
    Same,
    /// They are not: the first file that differs, or what the difference comes from.
    Other(String),
    /// The run failed.
    Failed(Box<Summary>),
}

/// Runs `loaded` for the date of `published` once more, over all dumps, without ledger or gates, into a folder of its own that
/// vanishes, and compares the tables.
///
/// # Errors
/// When the folder can't be made, or what was published there can't be read.
pub fn against_full(
    published: &Snapshot,
    loaded: &Loaded,
    options: &RunOptions,
    clock: &dyn Clock,
    watch: &dyn Watch,
) -> Result<AgainstFull, RunError> {
    let spill = |source| RunError::Spill { folder: options.temp_dir.clone(), source };
    let folder = tempfile::tempdir_in(&options.temp_dir).map_err(spill)?;
    let parameters = masked_semantic(loaded);
    let mut loaded = loaded.clone();
    folder.path().clone_into(&mut loaded.pipeline.export.path);
    loaded.pipeline.ledger = false;
    loaded.pipeline.export.changes = false;
    loaded.pipeline.gates = Gates::default();
    loaded.pipeline.cache.keep = 0;
    if let (true, Some(card)) = (loaded.pipeline.model.refit != Refit::Always, &published.manifest.model_card) {
        // Which card of an earlier date it was taken from is not said; it holds the same fits.
        loaded.pipeline.model.refit = Refit::Card(published.path.join(&card.path));
    }
    let summary = run(&loaded, options, clock, watch);
    let Some(path) = summary.snapshot.as_ref().filter(|_| summary.exit_code == 0) else {
        return Ok(AgainstFull::Failed(Box::new(summary)));
    };
    let Some(full) = Snapshot::open(Path::new(path))? else { return Ok(AgainstFull::Failed(Box::new(summary))) };
    let (before, now) = (&published.manifest, &full.manifest);
    let changed = |what: &str| AgainstFull::Other(format!("the {what} no longer what it was made of"));
    if before.inputs != now.inputs {
        return Ok(changed("dumps are"));
    }
    if before.parameters != parameters {
        return Ok(changed("pipeline is"));
    }
    // The changes since another snapshot follow from the tables.
    let other = now.tables.iter().find(|table| before.table(&table.name).map(|of| &of.files) != Some(&table.files));
    let card = (before.model_card != now.model_card).then_some("the model card");
    let other = other.map(|table| table.name.as_str()).or(card);
    Ok(other.map_or(AgainstFull::Same, |other| AgainstFull::Other(format!("{other} is other bytes"))))
}
