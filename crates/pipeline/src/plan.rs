//! What a run would do: the footers of the inputs are read, nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use appraise_export::Layout;
use appraise_feature_engineering::FeatureConfig;
use appraise_ingest::{InputFile, SourceConfig};
use appraise_model::{Lint, ModelPlan};
use appraise_schema::event::Form;
use appraise_schema::{AsOf, KeyType, SourceKind, TableContract};
use serde::Serialize;

pub use crate::cache::PlannedStage;
use crate::cache::{planned, with_ingest};
use crate::changes;
use crate::error::RunError;
use crate::feature_plan::{FeaturePlan, FeaturePlanError};
use crate::inputs::Inputs;
use crate::memory::{Budget, fixed_bytes};
use crate::sources::{self, ReadPlans};
use crate::spec::Loaded;
use crate::spec::resolved::Pipeline;
use crate::stages::{self, ReferenceTables, Shared};

/// Bytes of one cell of a finished table.
const CELL_BYTES: u64 = 8;
/// Bytes of a customer's key while it waits to be folded.
const KEY_BYTES: u64 = 8;
/// Rows of one customer, for want of knowing before they are read.
const ROWS_PER_CUSTOMER: u64 = 10;

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
    /// Memory that the run is expected to take when every row is used and customers have ten rows each.
    pub expected_memory_bytes: u64,
    /// What does not fit the memory limit and is expected to wait on disk.
    pub expected_spill_bytes: u64,
    /// Tables that would be written, with their columns.
    pub tables: Vec<TableContract>,
    /// What the run would use of earlier runs, and why.
    pub stages: Vec<PlannedStage>,
    /// What is questionable about the segment rules.
    pub lint: Vec<String>,
    /// Root of the published tables.
    pub output: String,
}

/// One input file.
#[derive(Debug, Serialize)]
pub struct PlannedInput {
    /// The source or reference table that it belongs to.
    pub source: String,
    /// Path as it was matched.
    pub path: String,
    /// Rows by its footer.
    pub rows: u64,
    /// Size.
    pub bytes: u64,
    /// Row groups.
    pub row_groups: usize,
    /// Columns that would be decoded; not told of reference tables.
    pub columns: Vec<String>,
}

/// Plans a run of `loaded` at `as_of` with `threads` decoding threads and `memory_limit` bytes of memory.
///
/// # Errors
/// Everything that would stop the run before its first row.
pub fn plan(loaded: &Loaded, as_of: AsOf, threads: usize, memory_limit: u64) -> Result<Plan, RunError> {
    let pipeline = &loaded.pipeline;
    let budget = Budget::new(memory_limit, threads)?;
    let inputs = Inputs::find(pipeline)?;
    let footers = Footers::new(pipeline, as_of)?;
    let plans = ReadPlans::new(&inputs, &footers.configs)?;
    let tables = footers.tables(pipeline, as_of, plans.key_type)?;
    let events = event_bytes(&plans);
    let columns: u64 = tables.contracts().map(|table| table.columns.len() as u64).sum();
    let cells = CELL_BYTES * columns * plans.rows() / ROWS_PER_CUSTOMER;
    let (events_held, cells_held) =
        (events.min(budget.scatter_bytes), cells.min(budget.features_bytes + budget.values_bytes));
    let drift =
        plans.plans.iter().flat_map(|(kind, plan)| plan.drift().iter().map(|line| format!("{}: {line}", kind.name())));
    let stages = with_ingest(planned(pipeline, as_of, &inputs, &tables)?, pipeline, &inputs);
    Ok(Plan {
        stages,
        pipeline: pipeline.name.clone(),
        as_of: as_of.to_string(),
        rows: plans.rows(),
        bytes: inputs.bytes(),
        drift: drift.collect(),
        expected_memory_bytes: fixed_bytes(threads) + events_held + cells_held,
        expected_spill_bytes: events - events_held + cells - cells_held,
        tables: tables.contracts().cloned().collect(),
        output: Layout::at(&pipeline.export.path).root().display().to_string(),
        inputs: planned_inputs(&inputs, &plans),
        lint: tables.lint.iter().map(ToString::to_string).collect(),
    })
}

/// How the inputs would be read, by what their footers tell.
pub(crate) struct Footers {
    shared: Shared,
    /// What ingest is asked for of every source.
    pub(crate) configs: BTreeMap<SourceKind, SourceConfig>,
}

impl Footers {
    /// How the inputs of `pipeline` would be read.
    pub(crate) fn new(pipeline: &Pipeline, as_of: AsOf) -> Result<Self, RunError> {
        // That amounts are converted decides what is read; the rates themselves do not.
        let exchange_rates = pipeline.exchange_rates.as_ref().map(|_| Arc::default());
        let tables = ReferenceTables { exchange_rates, ..ReferenceTables::default() };
        let shared = Shared { as_of, symbols: Arc::default(), tables };
        let configs = sources::configs(pipeline, &shared, &BTreeMap::new())?;
        Ok(Self { shared, configs })
    }

    /// The tables that would be published, with customer keys of `key_type`.
    pub(crate) fn tables(
        &self,
        pipeline: &Pipeline,
        as_of: AsOf,
        key_type: KeyType,
    ) -> Result<PublishedTables, RunError> {
        PublishedTables::new(pipeline, stages::features(pipeline, as_of, key_type, &self.shared.tables))
    }
}

fn planned_inputs(inputs: &Inputs, plans: &ReadPlans<'_>) -> Vec<PlannedInput> {
    let of_source = |kind: &SourceKind, position: usize| {
        let columns = plans.plans.get(kind).map_or(Vec::new(), |plan| plan.columns(position));
        columns.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let of_sources =
        inputs.sources.iter().flat_map(|(kind, files)| (0..files.len()).map(|position| of_source(kind, position)));
    let planned = |((source, file), columns): ((String, &InputFile), Vec<String>)| PlannedInput {
        source,
        path: file.path.display().to_string(),
        rows: file.rows,
        bytes: file.bytes,
        row_groups: file.row_groups,
        columns,
    };
    inputs.files().zip(of_sources.chain(std::iter::repeat(Vec::new()))).map(planned).collect()
}

/// Bytes of all events while they wait to be folded.
fn event_bytes(plans: &ReadPlans<'_>) -> u64 {
    let of_source = |(kind, plan): (&SourceKind, &appraise_ingest::ReadPlan<'_>)| {
        let fields = plans.configs.get(kind).map_or(&[][..], |config| &config.layout.fields);
        (KEY_BYTES + fields.iter().map(|field| value_bytes(field.form)).sum::<u64>()) * plan.rows()
    };
    plans.plans.iter().map(of_source).sum()
}

fn value_bytes(form: Form) -> u64 {
    match form {
        Form::Flag | Form::Withdrawn => 1,
        Form::Day | Form::Symbol => 4,
        Form::Instant | Form::Money | Form::Number | Form::Content => 8,
        Form::Id => 16,
    }
}

/// The tables that a pipeline publishes.
pub(crate) struct PublishedTables {
    /// `customer_features`.
    pub(crate) features: FeaturePlan,
    /// The models, whose table is `customer_values`; `None` when none is on.
    pub(crate) model: Option<ModelPlan>,
    /// The changes of `customer_values`, where they are asked for.
    pub(crate) changes: Option<TableContract>,
    /// What is questionable about the segment rules.
    pub(crate) lint: Vec<Lint>,
}

impl PublishedTables {
    /// The tables of `pipeline`, with features as `config` asks for them.
    pub(crate) fn new(pipeline: &Pipeline, config: FeatureConfig) -> Result<Self, RunError> {
        let features = FeaturePlan::new(config, &pipeline.features.own)?;
        let model = stages::model(pipeline).map(|model| ModelPlan::new(&model, &features.contract)).transpose()?;
        let lint = model.as_ref().map_or(Ok(Vec::new()), ModelPlan::lint)?;
        let changing = model.as_ref().filter(|_| pipeline.export.changes);
        let changes = changing.map(|model| changes::contract(model.contract())).transpose();
        Ok(Self { features, model, changes: changes.map_err(FeaturePlanError::from)?, lint })
    }

    /// The contracts in the order of the manifest.
    pub(crate) fn contracts(&self) -> impl Iterator<Item = &TableContract> {
        let values = self.model.iter().map(ModelPlan::contract);
        let groups = self.model.iter().filter_map(ModelPlan::group_contract);
        let actions = self.model.iter().filter_map(ModelPlan::action_contract);
        std::iter::once(&self.features.contract).chain(values).chain(groups).chain(actions).chain(&self.changes)
    }
}
