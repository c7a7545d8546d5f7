//! `customer_features` while it is built, and once it is there.

use std::path::Path;

use appraise_feature_engineering::{Folded, Scatter, fold};
use appraise_schema::Symbols;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;

use crate::batch_store::{BatchStore, BatchStoreWriter};
use crate::error::RunError;
use crate::feature_plan::FeaturePlan;
use crate::memory::Budget;
use crate::run::Watch;
use crate::session::Session;

/// Rows that are worked on at once from here on. A batch of the fold is a partition, which may be small; expressions and models have
/// their costs by batch. No result depends on how rows are cut.
const ROWS_AT_ONCE: usize = 8_192;

/// The rows of `customer_features`, as they come from the fold.
pub(crate) struct FeatureTable<'p> {
    plan: &'p FeaturePlan,
    /// Batches of the fold that wait for more, fewer rows than [`ROWS_AT_ONCE`].
    waiting: Vec<RecordBatch>,
    store: BatchStoreWriter,
    faults: Vec<u64>,
}

impl<'p> FeatureTable<'p> {
    /// An empty table that holds `memory_bytes` in memory and the rest in `temp_dir`.
    pub(crate) fn new(plan: &'p FeaturePlan, memory_bytes: u64, temp_dir: &Path) -> Self {
        let store = BatchStoreWriter::new(plan.contract.arrow(), memory_bytes, temp_dir);
        Self { plan, waiting: Vec::new(), store, faults: vec![0; plan.own.len()] }
    }

    /// Takes rows of the fold and adds the pipeline's own columns. Calls the expression engine: not for use inside a
    /// rayon job.
    ///
    /// # Errors
    /// When a column can't be computed at all, or rows do not fit the disk.
    pub(crate) fn push(&mut self, folded: RecordBatch) -> Result<(), RunError> {
        self.waiting.push(folded);
        let rows: usize = self.waiting.iter().map(RecordBatch::num_rows).sum();
        if rows < ROWS_AT_ONCE { Ok(()) } else { self.extend() }
    }

    /// Takes what waits into the table.
    fn extend(&mut self) -> Result<(), RunError> {
        let Some(first) = self.waiting.first() else { return Ok(()) };
        let whole = concat_batches(&first.schema(), &self.waiting)?;
        self.waiting.clear();
        self.store.push(self.plan.extend(whole, &mut self.faults)?)
    }

    /// The finished table, and for each own column that could not be computed everywhere its name and the rows.
    ///
    /// # Errors
    /// As [`FeatureTable::push`].
    pub(crate) fn finish(mut self) -> Result<(BatchStore, Vec<(String, u64)>), RunError> {
        self.extend()?;
        let names = self.plan.own.iter().map(|own| own.spec.name.clone());
        let faults = names.zip(self.faults).filter(|(_, rows)| *rows > 0).collect();
        Ok((self.store.finish()?, faults))
    }
}

/// Folds everything that was scattered, adds the pipeline's own columns, and notes what could not be computed. Calls the
/// expression engine: not for use inside a rayon job.
///
/// # Errors
/// When the fold fails, a column can't be computed at all, or rows do not fit the disk.
pub(crate) fn build(
    session: &mut Session<'_>,
    plan: &FeaturePlan,
    scatter: Scatter,
    symbols: &Symbols,
    budget: Budget,
    watch: &dyn Watch,
) -> Result<(Folded, BatchStore), RunError> {
    let options = session.options;
    watch.begin("features", scatter.partitions() as u64, 0);
    let keep_going = || {
        watch.advance(1, 0);
        options.check_cancelled().is_ok()
    };
    let mut table = FeatureTable::new(plan, budget.features_bytes, &options.temp_dir);
    let mut emit = |batch| table.push(batch).map_err(Into::into);
    let folded = fold(&plan.config, &plan.folded, scatter, symbols, &keep_going, &mut emit)?;
    let (rows, faults) = table.finish()?;
    session.note_spilled(folded.spilled_bytes + rows.spilled_bytes());
    session.note_faults(&faults, rows.rows());
    Ok((folded, rows))
}
