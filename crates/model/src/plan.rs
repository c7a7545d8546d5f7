//! A checked configuration: which models run, in which order, over which columns.

use std::collections::BTreeSet;
use std::sync::Arc;

use appraise_schema::{AsOf, ColumnSpec, ColumnType, TableContract};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Schema;

use crate::abc::Abc;
use crate::card::ModelCard;
use crate::clv::{Clv, Forecasts, KnownIntervals};
use crate::config::{ModelConfig, RuleSet};
use crate::credit::Credit;
use crate::error::ModelError;
use crate::group_values::{GroupPlan, GroupTally, GroupValues};
use crate::index::{Index, VALUE_INDEX, WeighedIndex};
use crate::k_means::Clusters;
use crate::lifecycle::Lifecycle;
use crate::lint::Lint;
use crate::model::{Fitted, Model};
use crate::potential::Potential;
use crate::rfm::Rfm;
use crate::segments::Segments;
use crate::strategies::{ActionCaps, ActionPlan, ActionTally, Strategies};
use crate::value_matrix::ValueMatrix;
use crate::values;
use crate::xyz::Xyz;

/// The models of a pipeline, checked against the features they read.
pub struct ModelPlan {
    /// Each is fitted and applied in turn, and sees the columns of those before it.
    models: Vec<Box<dyn Model>>,
    money_scale: u8,
    contract: TableContract,
    groups: Option<GroupPlan>,
    actions: Option<ActionPlan>,
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
        let mut values = values::headline(features)?;
        let money_scale = money_scale(&values)?;
        let mut columns = features.columns.clone();
        let mut models: Vec<Box<dyn Model>> = Vec::new();
        let mut add = |model: Box<dyn Model>, columns: &mut Vec<ColumnSpec>| {
            values.extend(model.columns());
            columns.extend(model.columns());
            models.push(model);
            // A feature of a model's column's name would hide it from the models after it.
            TableContract::new(&features.name, &features.meaning, columns.clone()).map(|_| ())
        };
        if let Some(rfm) = &config.rfm {
            add(Box::new(Rfm::new(rfm.clone(), money_scale)?), &mut columns)?;
        }
        if let Some(credit) = &config.credit {
            add(Box::new(Credit::new(credit.clone(), money_scale, features)?), &mut columns)?;
        }
        if let Some(clv) = &config.clv {
            let lost = config.credit.as_ref().map(|credit| credit.loss_given_default);
            add(Box::new(Clv::new(clv.clone(), money_scale, features, lost)?), &mut columns)?;
        }
        if let Some(potential) = &config.potential {
            add(
                Box::new(Potential::new(potential.clone(), money_scale, features, config.clv.is_some())?),
                &mut columns,
            )?;
        }
        if let Some(abc) = &config.abc {
            add(Box::new(Abc::new(abc.clone(), &columns)?), &mut columns)?;
        }
        if let Some(xyz) = config.xyz {
            add(Box::new(Xyz::new(xyz, features)?), &mut columns)?;
        }
        if let Some(matrix) = &config.value_matrix {
            add(Box::new(ValueMatrix::new(matrix, &columns)?), &mut columns)?;
        }
        if let Some(lifecycle) = &config.lifecycle {
            add(Box::new(Lifecycle::new(lifecycle.clone(), features)?), &mut columns)?;
        }
        if let Some(k_means) = &config.k_means {
            add(Box::new(Clusters::new(k_means.clone(), &columns)?), &mut columns)?;
        }
        if let Some(index) = &config.index {
            add(Box::new(Index::new(index.clone(), &columns)?), &mut columns)?;
        }
        let sets = [
            (RuleSet::Objective, &config.objective_segments),
            (RuleSet::Subjective, &config.subjective_segments),
            (RuleSet::Segments, &config.segments),
        ];
        for (set, rules) in sets.into_iter().filter(|(_, rules)| !rules.is_empty()) {
            add(Box::new(Segments::new(set, rules, &columns, config.rfm.clone())?), &mut columns)?;
        }
        if !config.strategies.is_empty() {
            add(Box::new(Strategies::new(config)?), &mut columns)?;
        }
        let actions = ActionPlan::new(config, &columns, money_scale)?;
        let meaning = "one row per customer: what the customer is worth";
        let contract = TableContract::new("customer_values", meaning, values)?;
        let groups = if config.groups.is_empty() { None } else { Some(GroupPlan::new(config, &columns, money_scale)?) };
        let features = features.columns.iter().map(|column| column.name.clone()).collect();
        Ok(Self { models, money_scale, contract, groups, actions, features })
    }

    /// The contract of `customer_values`.
    #[must_use]
    pub fn contract(&self) -> &TableContract {
        &self.contract
    }

    /// The contract of `group_values`, where there are groups.
    #[must_use]
    pub fn group_contract(&self) -> Option<&TableContract> {
        self.groups.as_ref().map(|groups| &groups.contract)
    }

    /// The contract of `customer_actions`, where there are strategies.
    #[must_use]
    pub fn action_contract(&self) -> Option<&TableContract> {
        self.actions.as_ref().map(|actions| &actions.contract)
    }

    /// The columns of actions before the caps are known, where there are strategies.
    #[must_use]
    pub fn action_drafts(&self) -> Option<Arc<Schema>> {
        self.actions.as_ref().map(ActionPlan::drafts)
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
        Self::run(self.fit(as_of, features)?, features)
    }

    /// Values the customers of `features` by a card that was fitted before. The score weights and segment rules
    /// are this plan's, and the returned card holds them; cut-offs and `as_of` stay the card's.
    ///
    /// # Errors
    /// As [`ModelPlan::fit_and_apply`], and [`ModelError::CardMismatch`] when the card was fitted with other
    /// models, methods or money.
    pub fn apply(&self, card: &ModelCard, features: &[RecordBatch]) -> Result<Valued, ModelError> {
        Self::run(self.thaw(card, features)?, features)
    }

    /// What is questionable about the segment rules. Empty without rules.
    ///
    /// # Errors
    /// When a rule can't be evaluated. Calls the expression engine: not for use inside a rayon job.
    pub fn lint(&self) -> Result<Vec<Lint>, ModelError> {
        let findings = self.models.iter().map(|model| model.lint());
        Ok(findings.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// The feature columns that [`ModelPlan::fit`] reads.
    #[must_use]
    pub fn fit_inputs(&self) -> BTreeSet<String> {
        let fitted = self.models.iter().flat_map(|model| model.fit_inputs());
        let before = (0..self.models.len()).filter(|&model| self.is_read_by_fits(model));
        let applied = before.flat_map(|model| self.models[model].inputs());
        fitted.chain(applied).filter(|name| self.features.contains(name)).collect()
    }

    /// The feature columns that fitting and applying read.
    #[must_use]
    pub fn inputs(&self) -> BTreeSet<String> {
        let published = self.contract.columns.iter().map(|column| column.name.clone());
        let applied = self.models.iter().flat_map(|model| model.inputs());
        let grouped = self.groups.iter().flat_map(GroupPlan::inputs);
        let acted = self.actions.iter().flat_map(ActionPlan::inputs);
        let read = published.chain(applied).chain(grouped).chain(acted).filter(|name| self.features.contains(name));
        read.chain(self.fit_inputs()).collect()
    }

    /// Whether a model, segments among them, reads what the value index says of a customer.
    #[must_use]
    pub fn reads_index(&self) -> bool {
        let is_index = |model: &dyn Model| model.columns().iter().any(|column| column.name == VALUE_INDEX);
        let Some(index) = self.models.iter().position(|model| is_index(&**model)) else { return false };
        let columns = self.models[index].columns();
        let read = self.models[index + 1..].iter().flat_map(|later| later.inputs());
        read.into_iter().any(|name| columns.iter().any(|column| column.name == name))
    }

    /// Whether a later model is fitted to columns of number `model`.
    fn is_read_by_fits(&self, model: usize) -> bool {
        let columns = self.models[model].columns();
        let read = self.models[model + 1..].iter().flat_map(|later| later.fit_inputs());
        read.into_iter().any(|name| columns.iter().any(|column| column.name == name))
    }

    /// Fits every model to `features`, of which [`ModelPlan::fit_inputs`] are enough.
    ///
    /// # Errors
    /// When a column is absent or of another type, a buyer lacks a value, or a rule can't be evaluated. Calls
    /// the expression engine: not for use inside a rayon job.
    pub fn fit(&self, as_of: AsOf, features: &[RecordBatch]) -> Result<FittedModels<'_>, ModelError> {
        self.fitted(&|_| None, as_of.to_string(), features)
    }

    /// As [`ModelPlan::fit`], but models whose section is in `sections` are taken from `card`, which was fitted to the same
    /// customers with the same parameters of theirs and of the models that they read.
    ///
    /// # Errors
    /// As [`ModelPlan::fit`], and [`ModelError::CardMismatch`] when the card is another one.
    pub fn fit_again(
        &self,
        as_of: AsOf,
        features: &[RecordBatch],
        card: &ModelCard,
        sections: &BTreeSet<String>,
    ) -> Result<FittedModels<'_>, ModelError> {
        let kept = |model: &dyn Model| model.section().filter(|&section| sections.contains(section)).map(|_| card);
        self.fitted(&kept, as_of.to_string(), features)
    }

    /// Takes every model from a card that was fitted before, maybe to other customers; cut-offs and `as_of` stay the card's.
    /// Ranks are counted among `features`, of which [`ModelPlan::fit_inputs`] are enough.
    ///
    /// # Errors
    /// As [`ModelPlan::apply`].
    pub fn thaw(&self, card: &ModelCard, features: &[RecordBatch]) -> Result<FittedModels<'_>, ModelError> {
        if card.money_scale != self.money_scale {
            return Err(ModelError::CardMismatch {
                what: "the scale of money".to_owned(),
                card: card.money_scale.to_string(),
                config: self.money_scale.to_string(),
            });
        }
        self.fitted(&|_| Some(card), card.as_of.clone(), features)
    }

    /// For every model that a card can stand for its section, and the sections of the models whose columns it reads. A model
    /// that reads one for which no card can stand is not named.
    #[must_use]
    pub fn sections(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let mut sections: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
        for (number, model) in self.models.iter().enumerate() {
            let reads: BTreeSet<String> = model.fit_inputs().into_iter().chain(model.inputs()).collect();
            let before = self.models[..number].iter();
            let read = before.filter(|before| before.columns().iter().any(|column| reads.contains(&column.name)));
            let before = read.map(|read| read.section());
            if let Some((section, before)) = model.section().zip(before.collect::<Option<Vec<_>>>()) {
                sections.push((section, before));
            }
        }
        sections
    }

    fn run(mut fitted: FittedModels<'_>, features: &[RecordBatch]) -> Result<Valued, ModelError> {
        let batches = fitted.apply(features)?;
        Ok(Valued { card: fitted.into_card(), batches })
    }

    /// Models from the card that `frozen` gives, the others fitted.
    fn fitted<'c>(
        &self,
        frozen: &dyn Fn(&dyn Model) -> Option<&'c ModelCard>,
        as_of: String,
        features: &[RecordBatch],
    ) -> Result<FittedModels<'_>, ModelError> {
        let card = ModelCard::new(as_of, self.money_scale);
        let mut table = features.to_vec();
        let mut models = Vec::with_capacity(self.models.len());
        for (number, model) in self.models.iter().enumerate() {
            let mut fitted = match frozen(model.as_ref()) {
                Some(frozen) => {
                    let mut fitted = model.thaw(frozen)?;
                    fitted.survey(&table)?;
                    fitted
                }
                None => model.fit(&table)?,
            };
            if self.is_read_by_fits(number) {
                table = with_columns(&table, &model.columns(), fitted.apply(0, &table)?)?;
            }
            models.push(fitted);
        }
        let actions = self.actions.as_ref().map(ActionPlan::tally);
        let mut fitted =
            FittedModels { plan: self, models, card, applied: 0, groups: None, actions, drafts: Vec::new() };
        fitted.groups = self.groups.as_ref().map(|groups| fitted.tally(groups)).transpose()?;
        Ok(fitted)
    }
}

/// Models that were fitted to customers, or taken over from a card.
pub struct FittedModels<'p> {
    plan: &'p ModelPlan,
    models: Vec<Box<dyn Fitted + 'p>>,
    card: ModelCard,
    /// Batches that were valued so far.
    applied: usize,
    groups: Option<(GroupTally<'p>, Option<Forecasts>)>,
    actions: Option<ActionTally<'p>>,
    /// Actions that were not taken yet.
    drafts: Vec<RecordBatch>,
}

impl<'p> FittedModels<'p> {
    /// A tally of groups, with what forecasts them.
    fn tally(&self, groups: &'p GroupPlan) -> Result<(GroupTally<'p>, Option<Forecasts>), ModelError> {
        let clv = self.models.iter().find_map(|model| model.clv());
        Ok((groups.tally(clv), groups.forecasts(clv)?))
    }

    /// Values the next customers: batch by batch those that were fitted, or any others of a card. Of their columns,
    /// [`ModelPlan::inputs`] are enough.
    ///
    /// # Errors
    /// When a column is absent or of another type, or a rule can't be evaluated. Calls the expression engine: not for
    /// use inside a rayon job.
    pub fn apply(&mut self, features: &[RecordBatch]) -> Result<Vec<RecordBatch>, ModelError> {
        let mut table = features.to_vec();
        for (model, fitted) in self.plan.models.iter().zip(&mut self.models) {
            table = with_columns(&table, &model.columns(), fitted.apply(self.applied, &table)?)?;
        }
        self.applied += features.len();
        if let Some((tally, forecasts)) = &mut self.groups {
            table.iter().try_for_each(|batch| tally.observe(batch, forecasts.as_ref()))?;
        }
        if let Some(tally) = &mut self.actions {
            self.drafts.extend(tally.observe(&table)?);
        }
        let schema = self.plan.contract.arrow();
        table.iter().map(|batch| select(batch, &schema)).collect()
    }

    /// Keeps the indicators of the value index of all customers that will be valued.
    pub fn keep_indicators(&mut self) {
        self.models.iter_mut().for_each(|model| model.keep_indicators());
    }

    /// The indicators that were kept; `None` without an index.
    pub fn take_indicators(&mut self) -> Option<WeighedIndex> {
        self.models.iter_mut().find_map(|model| model.take_indicators())
    }

    /// The rows of `group_values` over all customers that were valued so far, who are no longer counted then. Intervals of groups
    /// and fits that are among the `known` ones are not drawn again.
    ///
    /// # Errors
    /// When a total does not fit its column.
    pub fn group_values(&mut self, as_of: AsOf, known: &KnownIntervals) -> Result<Option<GroupValues>, ModelError> {
        let finish =
            |(tally, forecasts): (GroupTally<'_>, Option<Forecasts>)| tally.finish(as_of, forecasts.as_ref(), known);
        self.groups.take().map(finish).transpose()
    }

    /// Actions about the customers that were valued since this was last asked: [`ActionCaps::settle`] makes rows of
    /// `customer_actions` of them, once all customers are valued.
    pub fn take_action_drafts(&mut self) -> Vec<RecordBatch> {
        std::mem::take(&mut self.drafts)
    }

    /// Whom the caps of the strategies leave out of all customers that were valued; `None` without strategies.
    #[must_use]
    pub fn action_caps(&self) -> Option<ActionCaps> {
        self.actions.as_ref().map(ActionTally::caps)
    }

    /// What was fitted, or taken over, and how many of the valued customers met each segment rule.
    #[must_use]
    pub fn into_card(self) -> ModelCard {
        let mut card = self.card;
        card.strategies = self.actions.as_ref().map(ActionTally::card);
        for model in self.models {
            model.record(&mut card);
        }
        card
    }
}

fn money_scale(columns: &[ColumnSpec]) -> Result<u8, ModelError> {
    let money = columns.iter().find(|column| column.name == "net_revenue");
    match money.map(|column| column.column_type) {
        Some(ColumnType::Decimal { precision: _, scale }) => Ok(scale),
        _ => Err(ModelError::Column { column: "net_revenue".to_owned(), expected: "DECIMAL(18, scale)".to_owned() }),
    }
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
