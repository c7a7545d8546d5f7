//! What a run would do: the footers of the inputs are read, nothing else.

use appraise_export::Layout;
use appraise_feature_engineering::{FeatureConfig, contract};
use appraise_ingest::{ReadPlan, discover};
use appraise_model::ModelPlan;
use appraise_schema::{AsOf, TableContract};
use serde::Serialize;

use crate::error::RunError;
use crate::spec::Loaded;
use crate::spec::resolved::Pipeline;
use crate::stages;

/// Bytes of memory per event while it waits to be folded: key, date, amount.
const EVENT_BYTES: u64 = 20;
/// Further bytes per event of an order id, a margin, a transaction id with its content.
const ORDER_BYTES: u64 = 16;
const MARGIN_BYTES: u64 = 8;
const TRANSACTION_BYTES: u64 = 24;
/// Bytes of one cell of a finished table.
const CELL_BYTES: u64 = 8;
/// Rows of one customer, for want of knowing before they are read.
const ROWS_PER_CUSTOMER: u64 = 10;
/// Memory of the program before any row is read.
const BASE_BYTES: u64 = 64 << 20;
/// Memory of one decoding thread: a row group's pages and a batch of its rows.
const THREAD_BYTES: u64 = 32 << 20;

/// What a run would read and write.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Name of the pipeline.
    pub pipeline: String,
    /// The date customers would be valued at.
    pub as_of: String,
    /// The files in order.
    pub inputs: Vec<PlannedInput>,
    /// Rows of all files.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Differences between the files' columns.
    pub drift: Vec<String>,
    /// Memory that the run is expected to need when every row is used and customers have ten rows each.
    pub expected_memory_bytes: u64,
    /// Tables that would be written, with their columns.
    pub tables: Vec<TableContract>,
    /// What is questionable about the segment rules.
    pub lint: Vec<String>,
    /// Root of the published tables.
    pub output: String,
}

/// One input file.
#[derive(Debug, Serialize)]
pub struct PlannedInput {
    /// Path as it was matched.
    pub path: String,
    /// Rows by its footer.
    pub rows: u64,
    /// Size.
    pub bytes: u64,
    /// Row groups.
    pub row_groups: usize,
    /// Columns that would be decoded.
    pub columns: Vec<String>,
}

/// Plans a run of `loaded` at `as_of` with `threads` decoding threads.
///
/// # Errors
/// Everything that would stop the run before its first row.
pub fn plan(loaded: &Loaded, as_of: AsOf, threads: usize) -> Result<Plan, RunError> {
    let pipeline = &loaded.pipeline;
    let config = stages::ingest(pipeline, as_of, None);
    let files = discover(&config.paths)?;
    let read_plan = ReadPlan::new(&files, &config)?;
    let features = stages::features(pipeline, as_of, read_plan.key_type());
    let tables = PublishedTables::new(pipeline, &features)?;
    let input = |(position, file): (usize, &appraise_ingest::InputFile)| PlannedInput {
        path: file.path.display().to_string(),
        rows: file.rows,
        bytes: file.bytes,
        row_groups: file.row_groups,
        columns: read_plan.columns(position).into_iter().map(str::to_owned).collect(),
    };
    let mapped = features.mapped;
    let table_columns: u64 = tables.contracts().map(|table| table.columns.len() as u64).sum();
    let event_bytes = EVENT_BYTES
        + [(mapped.order, ORDER_BYTES), (mapped.margin, MARGIN_BYTES), (mapped.transaction, TRANSACTION_BYTES)]
            .into_iter()
            .filter(|(present, _)| *present)
            .map(|(_, bytes)| bytes)
            .sum::<u64>();
    Ok(Plan {
        pipeline: pipeline.name.clone(),
        as_of: as_of.to_string(),
        rows: read_plan.rows(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        drift: read_plan.drift().iter().map(ToString::to_string).collect(),
        expected_memory_bytes: BASE_BYTES
            + THREAD_BYTES * threads as u64
            + event_bytes * read_plan.rows()
            + CELL_BYTES * table_columns * read_plan.rows() / ROWS_PER_CUSTOMER,
        tables: tables.contracts().cloned().collect(),
        lint: tables.lint,
        output: Layout::at(&pipeline.export.path).root().display().to_string(),
        inputs: files.iter().enumerate().map(input).collect(),
    })
}

/// The tables that a pipeline publishes.
pub(crate) struct PublishedTables {
    /// `customer_features`.
    pub(crate) features: TableContract,
    /// The models, whose table is `customer_values`; `None` when none is on.
    pub(crate) model: Option<ModelPlan>,
    /// What is questionable about the segment rules.
    pub(crate) lint: Vec<String>,
}

impl PublishedTables {
    /// The tables of `pipeline`, with features as `config` asks for them.
    pub(crate) fn new(pipeline: &Pipeline, config: &FeatureConfig) -> Result<Self, RunError> {
        let features = contract(config)?;
        let model = stages::model(pipeline).map(|model| ModelPlan::new(&model, &features)).transpose()?;
        let lint = model.as_ref().map_or(Ok(Vec::new()), ModelPlan::lint)?;
        Ok(Self { features, model, lint: lint.iter().map(ToString::to_string).collect() })
    }

    /// The contracts in the order of the manifest.
    pub(crate) fn contracts(&self) -> impl Iterator<Item = &TableContract> {
        std::iter::once(&self.features).chain(self.model.as_ref().map(ModelPlan::contract))
    }
}
