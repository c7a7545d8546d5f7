//! A checked configuration: which models run, in which order, over which columns.

use std::collections::BTreeSet;
use std::sync::Arc;

use appraise_expression::SqlType;
use appraise_schema::{AsOf, ColumnSpec, ColumnType, TableContract};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Schema;

use crate::card::{FORMAT_VERSION, ModelCard};
use crate::config::{ModelConfig, RfmConfig};
use crate::error::ModelError;
use crate::lint::{self, Finding};
use crate::rfm::FittedRfm;
use crate::segments::{BoundRule, FittedSegments, Segments};
use crate::{rfm, segments, values};

/// A model that is on. Each is fitted and applied in turn, and sees the columns of those before it.
enum Model {
    Rfm(RfmConfig),
    Segments(Segments),
}

/// The models of a pipeline, checked against the features they read.
pub struct ModelPlan {
    models: Vec<Model>,
    money_scale: u8,
    contract: TableContract,
    /// Names of the features.
    features: BTreeSet<String>,
}

/// Customers with their values, and the card of the models that gave them.
#[derive(Debug)]
pub struct Valued {
    /// What was fitted, or taken over, and how many customers met each segment rule.
    pub card: ModelCard,
    /// Rows of `customer_values`, one batch for each batch of features.
    pub batches: Vec<RecordBatch>,
}

impl ModelPlan {
    /// Checks `config` against the features' contract: parameters, columns, segment rules.
    ///
    /// # Errors
    /// The first thing that is wrong, as [`ModelError`].
    pub fn new(config: &ModelConfig, features: &TableContract) -> Result<Self, ModelError> {
        let contract = values::contract(config, features)?;
        let money_scale = money_scale(&contract)?;
        let mut columns = features.columns.clone();
        let mut models = Vec::new();
        if let Some(rfm) = &config.rfm {
            rfm.check()?;
            columns.extend(rfm::columns(rfm.bins));
            // A feature of a score's name would hide the score from the rules.
            TableContract::new(&features.name, &features.meaning, columns.clone())?;
            models.push(Model::Rfm(rfm.clone()));
        }
        if !config.segments.is_empty() {
            models.push(Model::Segments(Segments::new(
                &config.segments,
                &sql_columns(&columns),
                config.rfm.is_some(),
            )?));
        }
        let features = features.columns.iter().map(|column| column.name.clone()).collect();
        Ok(Self { models, money_scale, contract, features })
    }

    /// The contract of `customer_values`.
    #[must_use]
    pub fn contract(&self) -> &TableContract {
        &self.contract
    }

    /// Fits every model to `features` and values the same customers.
    ///
    /// Applying the card to the same customers gives the same values, except where scores are by
    /// [`crate::Ties::Split`]: the card does not name customers, and scores equal values alike.
    ///
    /// # Errors
    /// When a column is absent or of another type, a buyer lacks a value, or a rule can't be evaluated. Calls
    /// the expression engine: not for use inside a rayon job.
    pub fn fit_and_apply(&self, as_of: AsOf, features: &[RecordBatch]) -> Result<Valued, ModelError> {
        self.run(None, as_of.to_string(), features)
    }

    /// Values the customers of `features` by a card that was fitted before. The score weights and segment rules
    /// are this plan's, and the returned card holds them; cut-offs and `as_of` stay the card's.
    ///
    /// # Errors
    /// As [`ModelPlan::fit_and_apply`], and [`ModelError::CardMismatch`] when the card was fitted with other
    /// models, methods or money.
    pub fn apply(&self, card: &ModelCard, features: &[RecordBatch]) -> Result<Valued, ModelError> {
        if card.money_scale != self.money_scale {
            return Err(ModelError::CardMismatch {
                what: "the scale of money".to_owned(),
                card: card.money_scale.to_string(),
                config: self.money_scale.to_string(),
            });
        }
        self.run(Some(card), card.as_of.clone(), features)
    }

    /// What is questionable about the segment rules. Empty without rules.
    ///
    /// # Errors
    /// When a rule can't be evaluated. Calls the expression engine: not for use inside a rayon job.
    pub fn lint(&self) -> Result<Vec<Finding>, ModelError> {
        let mut rfm = None;
        for model in &self.models {
            match model {
                Model::Rfm(config) => rfm = Some(config),
                Model::Segments(segments) => return lint::lint(rfm, segments.rules()),
            }
        }
        Ok(Vec::new())
    }

    /// The feature columns that [`ModelPlan::fit`] reads.
    #[must_use]
    pub fn fit_inputs(&self) -> BTreeSet<&str> {
        self.models
            .iter()
            .flat_map(|model| if let Model::Rfm(_) = model { rfm::INPUTS } else { &[] })
            .copied()
            .collect()
    }

    /// The feature columns that fitting and applying read.
    #[must_use]
    pub fn inputs(&self) -> BTreeSet<&str> {
        let published = self.contract.columns.iter().map(|column| column.name.as_str());
        let of_rules = self.models.iter().filter_map(|model| match model {
            Model::Segments(segments) => Some(segments.rules().iter().flat_map(BoundRule::columns)),
            Model::Rfm(_) => None,
        });
        let read = published.chain(of_rules.flatten().map(String::as_str)).chain(self.fit_inputs());
        read.filter(|name| self.features.contains(*name)).collect()
    }

    /// Fits every model to `features`, of which [`ModelPlan::fit_inputs`] are enough.
    ///
    /// # Errors
    /// When a column is absent or of another type, a buyer lacks a value, or a rule can't be evaluated. Calls
    /// the expression engine: not for use inside a rayon job.
    pub fn fit(&self, as_of: AsOf, features: &[RecordBatch]) -> Result<FittedModels<'_>, ModelError> {
        self.fitted(None, as_of.to_string(), features)
    }

    fn run(&self, frozen: Option<&ModelCard>, as_of: String, features: &[RecordBatch]) -> Result<Valued, ModelError> {
        let mut fitted = self.fitted(frozen, as_of, features)?;
        let batches = fitted.apply(features)?;
        Ok(Valued { card: fitted.into_card(), batches })
    }

    fn fitted(
        &self,
        frozen: Option<&ModelCard>,
        as_of: String,
        features: &[RecordBatch],
    ) -> Result<FittedModels<'_>, ModelError> {
        let money_scale = self.money_scale;
        let card = ModelCard { format_version: FORMAT_VERSION, as_of, money_scale, rfm: None, segments: None };
        let models = self.models.iter().map(|model| model.fit(frozen, money_scale, features));
        Ok(FittedModels { plan: self, models: models.collect::<Result<_, _>>()?, card, applied: 0 })
    }
}

/// Models that were fitted to customers, or taken over from a card.
pub struct FittedModels<'p> {
    plan: &'p ModelPlan,
    models: Vec<FittedModel<'p>>,
    card: ModelCard,
    /// Batches that were valued so far.
    applied: usize,
}

enum FittedModel<'p> {
    Rfm(&'p RfmConfig, Box<FittedRfm>),
    Segments(FittedSegments<'p>),
}

impl FittedModels<'_> {
    /// Values the next customers: batch by batch those that were fitted, or any others of a card. Of their columns,
    /// [`ModelPlan::inputs`] are enough.
    ///
    /// # Errors
    /// When a column is absent or of another type, or a rule can't be evaluated. Calls the expression engine: not for
    /// use inside a rayon job.
    pub fn apply(&mut self, features: &[RecordBatch]) -> Result<Vec<RecordBatch>, ModelError> {
        let mut table = features.to_vec();
        for model in &mut self.models {
            table = model.extend(self.applied, &table)?;
        }
        self.applied += features.len();
        let schema = self.plan.contract.arrow();
        table.iter().map(|batch| select(batch, &schema)).collect()
    }

    /// What was fitted, or taken over, and how many of the valued customers met each segment rule.
    #[must_use]
    pub fn into_card(self) -> ModelCard {
        let mut card = self.card;
        for model in self.models {
            match model {
                FittedModel::Rfm(_, fitted) => card.rfm = Some(fitted.card),
                FittedModel::Segments(fitted) => card.segments = Some(fitted.card),
            }
        }
        card
    }
}

impl Model {
    /// Fits the model to `features`, or takes it from `frozen`.
    fn fit(
        &self,
        frozen: Option<&ModelCard>,
        scale: u8,
        features: &[RecordBatch],
    ) -> Result<FittedModel<'_>, ModelError> {
        Ok(match self {
            Self::Rfm(config) => {
                let fitted = match frozen {
                    Some(frozen) => rfm::from_card(config, scale, frozen.rfm.as_ref().ok_or_else(no_rfm)?)?,
                    None => rfm::fit(config, scale, features)?,
                };
                FittedModel::Rfm(config, Box::new(fitted))
            }
            Self::Segments(rules) => FittedModel::Segments(rules.fitted()?),
        })
    }
}

impl FittedModel<'_> {
    /// `table`, whose first batch is number `first` of the customers, with the model's columns.
    fn extend(&mut self, first: usize, table: &[RecordBatch]) -> Result<Vec<RecordBatch>, ModelError> {
        match self {
            Self::Rfm(config, fitted) => {
                with_columns(table, &rfm::columns(config.bins), fitted.apply(config, first, table)?)
            }
            Self::Segments(fitted) => {
                let columns =
                    table.iter().map(|batch| Ok(vec![fitted.apply(batch)?])).collect::<Result<_, ModelError>>()?;
                with_columns(table, &segments::columns(), columns)
            }
        }
    }
}

fn no_rfm() -> ModelError {
    ModelError::CardMismatch { what: "`rfm`".to_owned(), card: "off".to_owned(), config: "on".to_owned() }
}

fn money_scale(contract: &TableContract) -> Result<u8, ModelError> {
    let money = contract.columns.iter().find(|column| column.name == "net_revenue");
    match money.map(|column| column.column_type) {
        Some(ColumnType::Decimal { precision: _, scale }) => Ok(scale),
        _ => Err(ModelError::Column { column: "net_revenue".to_owned(), expected: "DECIMAL(18, scale)".to_owned() }),
    }
}

fn sql_columns(columns: &[ColumnSpec]) -> Vec<(String, SqlType)> {
    let sql_type = |column: &ColumnSpec| Some((column.name.clone(), SqlType::of(&column.column_type.arrow())?));
    columns.iter().filter_map(sql_type).collect()
}

fn with_columns(
    table: &[RecordBatch],
    specs: &[ColumnSpec],
    columns: Vec<Vec<ArrayRef>>,
) -> Result<Vec<RecordBatch>, ModelError> {
    let extended = |(batch, columns): (&RecordBatch, Vec<ArrayRef>)| {
        let mut fields = batch.schema().fields().to_vec();
        fields.extend(specs.iter().map(|spec| Arc::new(spec.field())));
        let schema = Arc::new(Schema::new(fields));
        let columns = batch.columns().iter().cloned().chain(columns).collect();
        Ok(RecordBatch::try_new(schema, columns)?)
    };
    table.iter().zip(columns).map(extended).collect()
}

fn select(batch: &RecordBatch, schema: &Arc<Schema>) -> Result<RecordBatch, ModelError> {
    let column = |name: &str| batch.column_by_name(name).cloned();
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            column(field.name()).ok_or_else(|| ModelError::Column {
                column: field.name().clone(),
                expected: field.data_type().to_string(),
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
