//! The value index: declared indicators in a tree, weighted by us, by the data or by both, as one number from 0 to 1.
//!
//! With it come the customer's rank and tier, what each group of indicators adds, and what lifts or drags the customer most. The
//! mathematics is in [`appraise_mcdm`], the exact definition in `docs/models.md`.

mod apply;
mod card;
mod config;
mod fit;
mod rows;
mod weighed;

use appraise_mcdm::Transform;
use appraise_schema::{ColumnSpec, ColumnType};
use arrow::array::RecordBatch;

pub use card::{IndexCard, IndicatorCard, JudgementsCard, LevelCard as IndexLevelCard, TierCard};
pub use config::{
    Combination, IndexConfig, IndexCustomers, IndexGroup, Indicator, Missing, ObjectiveConfig, SiblingWeights,
    WeightsError,
};
pub use weighed::{TierChange, Weighed, WeighedIndex};

use crate::card::ModelCard;
use crate::columns::{NumberKind, ORDERS};
use crate::error::ModelError;
use crate::model::{Fitted, Model};
use apply::FittedIndex;
use config::Subjective;

/// The column of the index.
pub(crate) const VALUE_INDEX: &str = "value_index";

/// The value index, checked.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    config: IndexConfig,
    /// The indicators, in the order of the tree.
    indicators: Vec<IndicatorPlan>,
    subjective: Subjective,
}

/// An indicator whose column is known.
#[derive(Debug, Clone)]
struct IndicatorPlan {
    /// Number of its group.
    group: usize,
    indicator: Indicator,
    transform: Transform,
    kind: NumberKind,
}

impl Index {
    /// Checks the parameters, and that `columns`, those of features and models before, have the indicators.
    ///
    /// # Errors
    /// [`ModelError::Column`] for an indicator that is absent or no number; [`ModelError::IndexWeights`];
    /// [`ModelError::Parameter`] for a tree that is empty, an indicator that stands twice, or tiers that do not share out all
    /// customers.
    pub(crate) fn new(config: IndexConfig, columns: &[ColumnSpec]) -> Result<Self, ModelError> {
        check(&config)?;
        let plans = config.indicators().map(|(group, indicator)| IndicatorPlan::new(group, indicator, columns));
        let indicators = plans.collect::<Result<Vec<_>, _>>()?;
        let subjective = config.subjective()?;
        Ok(Self { config, indicators, subjective })
    }

    /// The numbers of the indicators of each group.
    fn groups(&self) -> Vec<std::ops::Range<usize>> {
        let mut first = 0;
        let range = |group: &IndexGroup| {
            let range = first..first + group.indicators.len();
            first = range.end;
            range
        };
        self.config.groups.iter().map(range).collect()
    }
}

impl IndicatorPlan {
    fn new(group: usize, indicator: &Indicator, columns: &[ColumnSpec]) -> Result<Self, ModelError> {
        let kind = NumberKind::of(&indicator.column, columns)?;
        let transform = indicator.transform.unwrap_or(kind.default_transform());
        Ok(Self { group, indicator: indicator.clone(), transform, kind })
    }
}

fn check(config: &IndexConfig) -> Result<(), ModelError> {
    let refuse = |parameter, value: String, expected: &str| {
        Err(ModelError::Parameter { parameter, value, expected: expected.to_owned() })
    };
    if config.groups.is_empty() {
        return refuse("index.tree", "empty".to_owned(), "a group of indicators");
    }
    let mut names: Vec<&str> = Vec::new();
    for group in &config.groups {
        if group.indicators.is_empty() {
            return refuse("index.tree", format!("without indicators in `{}`", group.name), "one or more");
        }
        let of_group = std::iter::once(group.name.as_str()).chain(group.indicators.iter().map(|of| of.column.as_str()));
        for name in of_group {
            if names.contains(&name) {
                return refuse("index.tree", format!("with `{name}` twice"), "each name once");
            }
            names.push(name);
        }
    }
    let sum: f64 = config.tiers.iter().map(|(_, share)| share).sum();
    if !config.tiers.is_empty() && (sum - 1.0).abs() > 1e-9 {
        return refuse("index.tiers", format!("{}% in all", sum * 100.0), "100%");
    }
    Ok(())
}

impl Model for Index {
    fn columns(&self) -> Vec<ColumnSpec> {
        let double = |name: &str, meaning: &str| ColumnSpec::nullable(name, ColumnType::Float64, "", meaning);
        let text = |name: &str, meaning: &str| ColumnSpec::nullable(name, ColumnType::String, "", meaning);
        let whose = match self.config.customers {
            IndexCustomers::Buyers => "; NULL without orders",
            IndexCustomers::All => "",
        };
        let mut columns = vec![
            double(VALUE_INDEX, &format!("what the customer is worth by all indicators, 0 to 1{whose}")),
            ColumnSpec::nullable(
                "value_rank",
                ColumnType::Int64,
                "",
                "place by value_index, 1 is best; ties share the least",
            ),
        ];
        if !self.config.tiers.is_empty() {
            columns.push(text("value_tier", "tier by value_index"));
            if self.config.objective.is_some() {
                columns.push(text("value_tier_subjective", "tier by our weights alone"));
                columns.push(text("value_tier_objective", "tier by the data's weights alone"));
                let meaning = "whether the tiers by our and by the data's weights are two or more apart";
                columns.push(ColumnSpec::nullable("value_tiers_disagree", ColumnType::Boolean, "", meaning));
            }
        }
        for group in &self.config.groups {
            let meaning =
                format!("weighted indicators of `{}`; with `saw` the groups add up to value_index", group.name);
            columns.push(double(&format!("index_{}", group.name), &meaning));
        }
        for (name, of) in [
            ("top_driver_1", "lifts the customer most above the mean customer"),
            ("top_driver_2", "lifts the customer second most"),
            ("top_drag_1", "pulls the customer most below the mean customer"),
        ] {
            columns.push(text(name, &format!("indicator that {of}; NULL when none does")));
            columns.push(double(&format!("{name}_contribution"), "by how much, in points of the weighted sum"));
        }
        columns
    }

    fn fit_inputs(&self) -> Vec<String> {
        let indicators = self.indicators.iter().map(|plan| plan.indicator.column.clone());
        std::iter::once(ORDERS.to_owned()).chain(indicators).collect()
    }

    fn inputs(&self) -> Vec<String> {
        self.fit_inputs()
    }

    fn fit(&self, table: &[RecordBatch]) -> Result<Box<dyn Fitted + '_>, ModelError> {
        Ok(Box::new(FittedIndex::fit(self, table)?))
    }

    fn thaw(&self, card: &ModelCard) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let card = card.index.as_ref().ok_or_else(|| ModelError::not_in_card("`index`"))?;
        Ok(Box::new(FittedIndex::from_card(self, card)?))
    }

    fn section(&self) -> Option<&'static str> {
        Some("index")
    }
}
