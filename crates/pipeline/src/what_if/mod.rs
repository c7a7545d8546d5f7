//! What if the models were asked otherwise: scenarios over one table of features.
//!
//! A scenario is by definition the pipeline with some values of `model` set, as `--set` would. The inputs are folded once. A scenario
//! that differs in the weights of the index alone is scored from the normalised indicators, which stay in memory, and gives the same
//! bits as a run; any other fits and applies its models anew. `docs/what_if.md` defines every figure.

mod scenarios;
mod tables;
#[cfg(test)]
mod tests;
mod vary;

use appraise_model::{
    Base, ClassNames, Figures, ModelConfig, ModelPlan, Outcome, Ranking, Robustness, Seen, TierChange, Weighed,
    WeighedIndex,
};
use appraise_schema::{AsOf, Money, TableContract};
use arrow::array::{ArrayRef, RecordBatch};
use rayon::prelude::*;

use crate::batch_store::BatchStore;
use crate::cache;
use crate::clock::Clock;
use crate::error::RunError;
use crate::run::{RunOptions, Watch};
use crate::spec::Loaded;
use crate::unpublished;
use crate::values::fit_table;
use scenarios::{Change, models};

pub use scenarios::{Asked, Draw, Scenario, ScenarioError, scenarios};
pub use tables::write;

/// Most scenarios whose models are fitted anew.
const MOST_FITS: usize = 500;
/// The column of tiers.
const VALUE_TIER: &str = "value_tier";
/// The column of segments.
const SEGMENT: &str = "segment";

/// Scenarios beside the pipeline as it is.
#[derive(Debug)]
pub struct WhatIf {
    /// The date customers are valued at.
    pub as_of: AsOf,
    /// What money is.
    pub money: Money,
    /// The classes that customers are in.
    pub names: ClassNames,
    /// The pipeline as it is.
    pub base: Base,
    /// The scenarios in their order.
    pub scenarios: Vec<Compared>,
    /// How firm the places of customers are over all scenarios.
    pub robustness: Robustness,
    /// The smallest change of one weight that moves each ranked customer; empty without tiers by the weighted mean.
    pub changes: Vec<Option<TierChange>>,
    /// The indicators that changes are numbered by.
    pub indicators: Vec<String>,
    /// The keys of all customers, part by part.
    keys: Vec<ArrayRef>,
    /// The contract of the features: what a key is.
    features: TableContract,
}

/// A scenario with its figures.
#[derive(Debug)]
pub struct Compared {
    /// The scenario.
    pub scenario: Scenario,
    /// Whether models were fitted anew for it.
    pub fitted: bool,
    /// What it makes of the customers.
    pub figures: Figures,
}

impl WhatIf {
    /// Customers in another class of `column` than in the base; `None` without the column.
    #[must_use]
    pub fn moved(&self, figures: &Figures, column: &str) -> Option<u64> {
        let column = self.names.columns().iter().position(|name| name == column)?;
        Some(figures.classes[column].moved())
    }

    /// Customers in another tier.
    #[must_use]
    pub fn tier_moves(&self, figures: &Figures) -> Option<u64> {
        self.moved(figures, VALUE_TIER)
    }

    /// Customers in another segment.
    #[must_use]
    pub fn segment_moves(&self, figures: &Figures) -> Option<u64> {
        self.moved(figures, SEGMENT)
    }
}

/// The features, and what all scenarios share.
struct Table<'a> {
    features: &'a TableContract,
    store: &'a BatchStore,
    options: &'a RunOptions,
}

/// Folds the inputs of `loaded` once, unless an earlier run has kept its features, and compares `scenarios` with it.
///
/// # Errors
/// Everything that stops a run before it publishes, of the pipeline as it is or of a scenario; [`RunError::NothingToJudge`] where the
/// pipeline has no models; [`RunError::TooManyFits`].
pub fn what_if(
    loaded: &Loaded,
    scenarios: Vec<Scenario>,
    options: &RunOptions,
    clock: &dyn Clock,
    watch: &dyn Watch,
) -> Result<WhatIf, RunError> {
    let Some(config) = models(&loaded.pipeline) else {
        return Err(RunError::NothingToJudge { why: "the pipeline has no `model`".to_owned() });
    };
    let folder = tempfile::Builder::new().prefix("appraise-what-if-").tempdir_in(&options.temp_dir);
    let folder = folder.map_err(|source| RunError::Spill { folder: options.temp_dir.clone(), source })?;
    let (tables, store, _files) = if let Some((tables, store, files)) = cache::again(loaded, options, clock)? {
        (tables, store, Some(files))
    } else {
        let (tables, store) = unpublished::fold(loaded, folder.path(), options, clock, watch)?;
        (tables, store, None)
    };
    let table = Table { features: &tables.features.contract, store: &store, options };
    let plan = ModelPlan::new(&config, table.features)?;
    let mut names = ClassNames::new(plan.contract(), |column| known_classes(&config, column));
    watch.begin("base", store.rows(), 0);
    let (outcome, kept) = table.value(&plan, &mut names, true)?;
    let base = Base::new(outcome, &names)?;
    // Without an index, with another ranking, or where rules read the index, nothing short of a fit tells what a scenario gives.
    let saw = config.index.as_ref().is_some_and(|index| index.ranking == Ranking::Saw);
    let index = kept.filter(|_| saw);
    let weighs = index.is_some() && !plan.reads_index();
    let number = scenarios.len();
    let (weighed, fitted): (Vec<_>, Vec<_>) =
        scenarios.into_iter().partition(|scenario| weighs && matches!(scenario.change, Change::Weights(_)));
    if fitted.len() > MOST_FITS {
        return Err(RunError::TooManyFits { fits: fitted.len(), most: MOST_FITS });
    }
    let mut seen = Seen::new(base.ranked().len(), number, fitted.len());
    watch.begin("scenarios", number as u64, 0);
    let mut all = Vec::with_capacity(number);
    for scenario in fitted {
        let outcome = table.scenario(&config, &scenario, &mut names)?;
        seen.add(&base, &outcome);
        all.push(Compared { figures: base.compare(&outcome, &names)?, scenario, fitted: true });
        watch.advance(1, 0);
    }
    let mut sets = Vec::new();
    if let Some(index) = &index {
        let tiers = names.columns().iter().position(|name| name == VALUE_TIER);
        let (compared, found) = weigh(index, &base, weighed, tiers, (options, watch))?;
        all.extend(compared);
        sets = found;
    }
    all.sort_by_key(|of| of.scenario.number);
    options.check_cancelled()?;
    let robustness = seen.finish(index.as_ref(), &sets);
    let changes = index.as_ref().map_or(Ok(Vec::new()), |index| tier_changes(index, &config))?;
    let indicators = index.iter().flat_map(WeighedIndex::indicators).map(str::to_owned).collect();
    let keys = store.narrowed(|name| name == "customer_id")?;
    let keys = keys.map(|batch| Ok(batch?.column(0).clone())).collect::<Result<_, RunError>>()?;
    Ok(WhatIf {
        as_of: options.as_of,
        money: loaded.pipeline.money.clone(),
        names,
        base,
        scenarios: all,
        robustness,
        changes,
        indicators,
        keys,
        features: tables.features.contract,
    })
}

/// The smallest change of one weight that moves each ranked customer; empty without tiers.
fn tier_changes(index: &WeighedIndex, config: &ModelConfig) -> Result<Vec<Option<TierChange>>, RunError> {
    match &config.index {
        Some(asked) if !asked.tiers.is_empty() => {
            Ok(index.tier_changes(&index.weigh(index.weights(asked)?, &mut Vec::new())))
        }
        _ => Ok(Vec::new()),
    }
}

/// The classes of a column that are there whether a customer is in them or not, in their order.
fn known_classes(config: &ModelConfig, column: &str) -> Vec<String> {
    match column {
        VALUE_TIER => config.index.iter().flat_map(|index| &index.tiers).map(|(name, _)| name.clone()).collect(),
        SEGMENT => config.segments.iter().map(|rule| rule.name.clone()).collect(),
        _ => Vec::new(),
    }
}

/// Weighs the index by the weights of each of `scenarios`, as many at once as there are threads.
fn weigh(
    index: &WeighedIndex,
    base: &Base,
    scenarios: Vec<Scenario>,
    tiers: Option<usize>,
    (options, watch): (&RunOptions, &dyn Watch),
) -> Result<(Vec<Compared>, Vec<Weighed>), RunError> {
    let mut weights = Vec::with_capacity(scenarios.len());
    for scenario in scenarios {
        if let Change::Weights(asked) = &scenario.change {
            let found = index.weights(asked).map_err(|error| of_scenario(&scenario.name, error.into()))?;
            weights.push((scenario, found));
        }
    }
    let one = |scores: &mut Vec<f64>, (scenario, weights): (Scenario, Vec<f64>)| {
        options.check_cancelled()?;
        let weighed = index.weigh(weights, scores);
        let figures = base.compare_weighed(&weighed, scores, tiers);
        watch.advance(1, 0);
        Ok((Compared { scenario, fitted: false, figures }, weighed))
    };
    weights.into_par_iter().map_init(Vec::new, one).collect::<Result<Vec<_>, _>>().map(|all| all.into_iter().unzip())
}

/// The error of a scenario, with its name; that the run was stopped stays as it is.
fn of_scenario(name: &str, error: RunError) -> RunError {
    match error {
        RunError::Interrupted => RunError::Interrupted,
        error => RunError::Scenario { name: name.to_owned(), source: Box::new(error) },
    }
}

impl Table<'_> {
    /// Fits and applies the models of `scenario`, by `base` where it changes weights alone.
    fn scenario(&self, base: &ModelConfig, scenario: &Scenario, names: &mut ClassNames) -> Result<Outcome, RunError> {
        let config = match &scenario.change {
            Change::Models(config) => (**config).clone(),
            Change::Weights(index) => ModelConfig { index: Some((**index).clone()), ..base.clone() },
        };
        let valued = ModelPlan::new(&config, self.features)
            .map_err(RunError::from)
            .and_then(|plan| self.value(&plan, names, false))
            .map_err(|error| of_scenario(&scenario.name, error))?;
        Ok(valued.0)
    }

    /// Fits the models of `plan` and applies them, as a run does. Calls the expression engine: not for use inside a rayon job.
    fn value(
        &self,
        plan: &ModelPlan,
        names: &mut ClassNames,
        keeps: bool,
    ) -> Result<(Outcome, Option<WeighedIndex>), RunError> {
        let mut fitted = plan.fit(self.options.as_of, &fit_table(plan, self.store)?)?;
        if keeps {
            fitted.keep_indicators();
        }
        let inputs = plan.inputs();
        let mut outcome = Outcome::default();
        // Batches are valued in parallel, as many as there are threads.
        let mut waiting: Vec<RecordBatch> = Vec::with_capacity(self.options.threads);
        let mut batches = self.store.narrowed(|name| inputs.contains(name))?.peekable();
        while let Some(batch) = batches.next() {
            self.options.check_cancelled()?;
            waiting.push(batch?);
            if waiting.len() >= self.options.threads || batches.peek().is_none() {
                fitted.apply(&waiting)?.iter().try_for_each(|valued| outcome.push(names, valued))?;
                waiting.clear();
            }
        }
        Ok((outcome, fitted.take_indicators()))
    }
}
