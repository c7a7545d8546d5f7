//! What is done about customers: each segment has at most one strategy, which names its customers in `strategy`, and
//! `customer_actions` says of each of them whether it is done, what it is expected to gain, and why.

mod actions;
mod caps;
mod card;
mod config;

use std::collections::BTreeMap;
use std::sync::Arc;

use appraise_schema::{ColumnSpec, ColumnType};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::DataType;

pub(crate) use actions::{ActionPlan, ActionTally};
pub use caps::ActionCaps;
pub use card::{StrategiesCard, StrategyCard, SuppressCard};
pub use config::StrategyConfig;

use crate::card::ModelCard;
use crate::columns::typed;
use crate::config::ModelConfig;
use crate::error::ModelError;
use crate::model::{Fitted, Model};

/// Which strategy each segment has.
#[derive(Debug, Clone)]
pub(crate) struct Strategies {
    names: Vec<String>,
    /// Numbers of the strategies, by segment.
    by_segment: BTreeMap<String, usize>,
}

impl Strategies {
    /// The strategies of `config`, of which there is at least one.
    ///
    /// # Errors
    /// [`ModelError::NoSegments`], [`ModelError::StrategySegment`].
    pub(crate) fn new(config: &ModelConfig) -> Result<Self, ModelError> {
        config::check(config)?;
        let of_segment = |(number, of): (usize, &StrategyConfig)| {
            of.segments.iter().map(|segment| (segment.clone(), number)).collect::<Vec<_>>()
        };
        let by_segment = config.strategies.iter().enumerate().flat_map(of_segment).collect();
        Ok(Self { names: config.strategies.iter().map(|of| of.name.clone()).collect(), by_segment })
    }

    /// The numbers of the strategies of a batch's customers.
    fn numbers<'a>(&'a self, segments: &'a StringArray) -> impl Iterator<Item = Option<usize>> + 'a {
        segments.iter().map(|segment| self.by_segment.get(segment?).copied())
    }
}

/// The segments of a batch.
fn segments(batch: &RecordBatch) -> Result<&StringArray, ModelError> {
    Ok(typed(batch, "segment", &DataType::Utf8)?.as_string::<i32>())
}

impl Model for Strategies {
    fn columns(&self) -> Vec<ColumnSpec> {
        let meaning = "what is done about the customer's segment; NULL when nothing is";
        vec![ColumnSpec::nullable("strategy", ColumnType::String, "", meaning)]
    }

    fn fit_inputs(&self) -> Vec<String> {
        Vec::new()
    }

    fn inputs(&self) -> Vec<String> {
        Vec::new()
    }

    fn fit(&self, _table: &[RecordBatch]) -> Result<Box<dyn Fitted + '_>, ModelError> {
        Ok(Box::new(self.clone()))
    }

    fn thaw(&self, _card: &ModelCard) -> Result<Box<dyn Fitted + '_>, ModelError> {
        Ok(Box::new(self.clone()))
    }
}

impl Fitted for Strategies {
    fn apply(&mut self, _first: usize, table: &[RecordBatch]) -> Result<Vec<Vec<ArrayRef>>, ModelError> {
        let of_batch = |batch: &RecordBatch| {
            let segments = segments(batch)?;
            let mut names = StringBuilder::with_capacity(segments.len(), 16 * segments.len());
            self.numbers(segments).for_each(|number| names.append_option(number.map(|number| &self.names[number])));
            Ok(vec![Arc::new(names.finish()) as ArrayRef])
        };
        table.iter().map(of_batch).collect()
    }

    /// Whom they reach is recorded with the actions.
    fn record(self: Box<Self>, _card: &mut ModelCard) {}
}
