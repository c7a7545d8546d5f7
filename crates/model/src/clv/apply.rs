//! Lifetime values of customers, by fitted parameters.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use appraise_clv::{
    DAYS_PER_MONTH, DAYS_PER_YEAR, GammaGamma, History, Horizon, PurchaseKind, Purchases, Spend, continuous_rate,
    credit_adjusted_value, periodic_rate,
};
use arrow::array::{Array, ArrayRef, AsArray, Decimal64Array, Float64Array, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Decimal64Type, Float64Type};
use foldhash::fast::FixedState;
use rayon::prelude::*;

use super::card::{ClvCard, CovariatesCard, FitCard};
use super::config::Fallback;
use super::covariates::Columns as CovariateColumns;
use super::customers::{Customers, NotFitted};
use super::{Clv, fit};
use crate::card::ModelCard;
use crate::columns::{minor_per_unit, texts, typed, values_of, whole_minor};
use crate::error::ModelError;
use crate::groups::GroupTree;
use crate::model::Fitted;

/// Days of the window that the rule of the last year reads.
const LAST_YEAR_DAYS: f64 = 365.0;
/// A next purchase is not looked for beyond so many days: a hundred years.
const LONGEST_DAYS: f64 = 100.0 * DAYS_PER_YEAR;

/// The columns of the credit model that are read where it is on.
pub(super) const CREDIT_INPUTS: [&str; 2] = ["probability_of_default", "expected_loss"];

/// What the credit model says of the customers of a batch.
struct Debts<'a> {
    probability: &'a Float64Array,
    expected_loss: &'a Decimal64Array,
    loss_given_default: f64,
}

impl<'a> Debts<'a> {
    /// `None` where the credit model is off.
    fn of(model: &Clv, batch: &'a RecordBatch) -> Result<Option<Self>, ModelError> {
        let Some(lost) = model.loss_given_default else { return Ok(None) };
        let [probability, expected_loss] = CREDIT_INPUTS;
        let money = DataType::Decimal64(18, model.scale.cast_signed());
        Ok(Some(Self {
            probability: typed(batch, probability, &DataType::Float64)?.as_primitive::<Float64Type>(),
            expected_loss: typed(batch, expected_loss, &money)?.as_primitive::<Decimal64Type>(),
            loss_given_default: lost.fraction(),
        }))
    }

    /// The probability of default, and the expected loss in minor units; `None` where they are not known.
    fn row(&self, row: usize) -> Option<(f64, f64)> {
        let known = self.probability.is_valid(row) && self.expected_loss.is_valid(row);
        known.then(|| (self.probability.value(row), self.expected_loss.value(row) as f64))
    }
}

/// What is expected of customers with one history.
#[derive(Debug, Clone, PartialEq)]
struct Outlook {
    p_alive: Option<f64>,
    /// Expected purchases within the horizon.
    purchases: f64,
    /// The same at today's value.
    discounted: f64,
    /// Probabilities of 0, 1, … purchases; empty when they are not wanted.
    probabilities: Vec<f64>,
    median_days_to_next: Option<f64>,
    dert: Option<f64>,
}

/// What is expected of a customer who has not bought yet.
#[derive(Debug, Clone, Copy)]
struct Newcomer {
    /// Probability to buy at all.
    conversion_rate: f64,
    /// The first purchase and those expected after it within the horizon, at the value of the day of the first.
    purchases: f64,
}

/// How the purchases of a customer are foretold.
enum Outlooks {
    /// By a fitted model: one for all customers, or one for each group; or by one with covariates.
    Fitted { kind: PurchaseKind, groups: GroupTree, models: Vec<Purchases>, newcomers: Vec<Newcomer> },
    /// By a rate of purchases per unit of time, of all customers.
    Mean { rate: f64 },
    /// By the purchases of the last year.
    LastYear,
}

/// What a lifetime value is the product of.
#[derive(Debug, Clone, Copy)]
struct Priced {
    discounted: f64,
    /// Of a purchase, in whole units of money.
    spend: f64,
    margin: f64,
}

/// How the spend of a customer is foretold.
enum SpendModel {
    GammaGamma(GammaGamma),
    Mean(f64),
}

/// Fitted lifetime value, ready to apply.
pub(super) struct FittedClv<'p> {
    model: &'p Clv,
    card: ClvCard,
    horizon: Horizon,
    purchases: Outlooks,
    spend: SpendModel,
    discrete: bool,
    /// Days in the unit of time of the parameters.
    unit_days: f64,
}

impl<'p> FittedClv<'p> {
    /// The values that `card` gives.
    ///
    /// # Errors
    /// [`ModelError::CardValue`] when the card's parameters are none, [`ModelError::CardMismatch`] when they are of another model.
    pub(super) fn new(model: &'p Clv, card: ClvCard) -> Result<Self, ModelError> {
        let config = &model.config;
        let kind = PurchaseKind::from_name(&card.purchases.model);
        let discrete = config.is_discrete();
        let wanted = config.purchases.candidates();
        if kind.is_some_and(|kind| !wanted.contains(&kind)) {
            let config = wanted.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" or ");
            return Err(ModelError::CardMismatch {
                what: "`clv.purchases`".to_owned(),
                card: card.purchases.model,
                config,
            });
        }
        let fitted = card.purchases.covariates.iter().flat_map(CovariatesCard::names);
        if let Some(other) = fitted.into_iter().find(|name| !config.covariates.contains(name)) {
            let (what, config) = ("`clv.covariates`".to_owned(), config.covariates.join(", "));
            return Err(ModelError::CardMismatch { what, card: format!("with {other}"), config });
        }
        let unit_days = if discrete { config.period_days } else { config.unit_days };
        let length = config.horizon.days() / unit_days;
        let horizon = Horizon::new(length, DAYS_PER_MONTH / unit_days, config.discount_rate.per_year(), config.timing)
            .map_err(|error| ModelError::Parameter {
                parameter: "clv.horizon",
                value: config.horizon.to_string(),
                expected: error.to_string(),
            })?;
        let purchases = match kind {
            Some(kind) => {
                let (groups, fits) = by_group(&card);
                let models = fits.iter().map(|fit| model_of(kind, fit.purchases)).collect::<Result<Vec<_>, _>>()?;
                let newcomers =
                    models.iter().zip(&fits).map(|(model, fit)| newcomer_of(model, fit.conversion_rate, &horizon));
                let newcomers = newcomers.collect();
                card.purchases.covariates.iter().try_for_each(CovariatesCard::check)?;
                Outlooks::Fitted { kind, groups, models, newcomers }
            }
            None if card.purchases.model == Fallback::Mean.name() => {
                Outlooks::Mean { rate: parameter(&card.purchases.all, "rate")? }
            }
            None => Outlooks::LastYear,
        };
        let spend = match card.spend.model.as_str() {
            "mean" => SpendModel::Mean(parameter(&card.spend.fit, "mean")?),
            _ => SpendModel::GammaGamma(gamma_gamma(&card.spend.fit)?),
        };
        Ok(Self { model, card, horizon, purchases, spend, discrete, unit_days })
    }
}

/// What a card tells of one group.
pub(super) struct GroupOfCard<'c> {
    pub(super) purchases: &'c FitCard,
    conversion_rate: f64,
}

/// The tree of the card's groups, and what it tells of each of its numbers: that of the whole where it has none.
pub(super) fn by_group(card: &ClvCard) -> (GroupTree, Vec<GroupOfCard<'_>>) {
    let mut tree = GroupTree::default();
    let mut numbered = Vec::new();
    for group in &card.purchases.groups {
        let number = tree.insert(group.group.iter().map(Option::as_deref));
        numbered.push((number, GroupOfCard { purchases: &group.fit, conversion_rate: group.conversion_rate }));
    }
    let whole = || GroupOfCard { purchases: &card.purchases.all, conversion_rate: card.conversion_rate };
    let mut fits: Vec<GroupOfCard<'_>> = (0..tree.len()).map(|_| whole()).collect();
    for (number, group) in numbered {
        fits[number] = group;
    }
    (tree, fits)
}

/// The model of `kind` with the parameters of `fit`.
fn model_of(kind: PurchaseKind, fit: &FitCard) -> Result<Purchases, ModelError> {
    let mut parameters = [0.0; 4];
    for (value, name) in parameters.iter_mut().zip(kind.parameter_names()) {
        *value = parameter(fit, name)?;
    }
    kind.model(parameters).map_err(|error| card_value(&error))
}

fn newcomer_of(model: &Purchases, conversion_rate: f64, horizon: &Horizon) -> Newcomer {
    let later: Vec<f64> = horizon.month_ends().iter().map(|end| model.expected_purchases_new(*end)).collect();
    Newcomer { conversion_rate, purchases: 1.0 + horizon.discounted(&later) }
}

pub(super) fn parameter(fit: &FitCard, name: &str) -> Result<f64, ModelError> {
    let found = fit.parameters.get(name).copied().filter(|value| value.is_finite());
    found.ok_or_else(|| ModelError::CardValue {
        what: format!("clv parameter {name}"),
        value: format!("{:?}", fit.parameters),
        expected: "a finite number",
    })
}

fn card_value(error: &appraise_clv::ParameterError) -> ModelError {
    ModelError::CardValue {
        what: format!("clv parameter {} of {}", error.parameter, error.model),
        value: error.value.to_string(),
        expected: "a finite number above 0",
    }
}

fn gamma_gamma(fit: &FitCard) -> Result<GammaGamma, ModelError> {
    let [p, q, v] = ["p", "q", "v"].map(|name| parameter(fit, name));
    GammaGamma::new(p?, q?, v?).map_err(|error| card_value(&error))
}

impl Fitted for FittedClv<'_> {
    fn apply(&mut self, _first: usize, table: &[RecordBatch]) -> Result<Vec<Vec<ArrayRef>>, ModelError> {
        let fitted = &*self;
        table.par_iter().map(|batch| fitted.values(batch)).collect()
    }

    fn clv(&self) -> Option<&ClvCard> {
        Some(&self.card)
    }

    fn record(self: Box<Self>, card: &mut ModelCard) {
        card.clv = Some(self.card);
    }
}

/// The columns of a batch while they are filled.
#[derive(Default)]
struct Columns {
    p_alive: Vec<Option<f64>>,
    purchases: Vec<Option<f64>>,
    probabilities: Vec<Vec<Option<f64>>>,
    median_days_to_next: Vec<Option<f64>>,
    spend: Vec<Option<i64>>,
    clv: Vec<Option<i64>>,
    credit_adjusted: Vec<Option<i64>>,
    prospect_value: Vec<Option<i64>>,
    dert: Vec<Option<f64>>,
    note: StringBuilder,
}

/// The customers of a batch, with what a fit tells them apart by.
struct Batch<'a> {
    customers: Customers<'a>,
    attributes: Vec<&'a StringArray>,
    covariates: CovariateColumns<'a>,
}

/// Outlooks by group and the bits of effects and history.
type Seen = HashMap<(usize, [u64; 5]), Outlook, FixedState>;

/// By which a customer is valued: the group of the fit, and the effects of the covariates on both rates.
type Place = (usize, [f64; 2]);

impl FittedClv<'_> {
    /// The outlook of `history` under `model`.
    fn outlook(&self, model: &Purchases, history: &History) -> Outlook {
        let config = &self.model.config;
        let (kind, annual) = (model.kind(), config.discount_rate.per_year());
        let rate = match kind {
            PurchaseKind::BgBb => periodic_rate(annual, self.unit_days),
            _ => continuous_rate(annual, self.unit_days),
        };
        let expected = model.purchases_within(&self.horizon, history);
        let mut probabilities = vec![0.0; config.probabilities.map_or(0, |most| usize::from(most) + 1)];
        if !probabilities.is_empty() {
            model.purchase_probabilities(history, self.horizon.length(), &mut probabilities);
        }
        // Under BG/NBD nobody leaves before the first repeat purchase: that says nothing of who is still there.
        let tells_alive = kind != PurchaseKind::BgNbd || history.x > 0.0;
        let median = model.median_time_to_next(history, LONGEST_DAYS / self.unit_days);
        Outlook {
            p_alive: tells_alive.then_some(expected.p_alive),
            purchases: expected.total,
            discounted: expected.discounted,
            probabilities,
            median_days_to_next: median.map(|time| time * self.unit_days),
            dert: model.dert(history, rate),
        }
    }

    /// The model of the customers of a place.
    fn model_at(
        &self,
        (kind, models): (PurchaseKind, &[Purchases]),
        (group, effects): Place,
    ) -> Result<Purchases, ModelError> {
        let model = models[group];
        match self.card.purchases.covariates {
            None => Ok(model),
            Some(_) => kind.model_with_effects(model.parameters(), effects).map_err(|error| card_value(&error)),
        }
    }

    /// The model's columns for the customers of `batch`.
    fn values(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, ModelError> {
        let config = &self.model.config;
        let covariates = self.card.purchases.covariates.iter().flat_map(CovariatesCard::names);
        let rows = Batch {
            customers: Customers::new(config, self.model.scale, self.discrete, batch)?,
            attributes: texts(&config.fit_by, batch)?,
            covariates: CovariateColumns::new(covariates, batch)?,
        };
        let debts = Debts::of(self.model, batch)?;
        let mut seen = Seen::default();
        let mut newcomers = HashMap::default();
        let mut columns = Columns {
            probabilities: vec![Vec::new(); config.probabilities.map_or(0, |most| usize::from(most) + 1)],
            ..Columns::default()
        };
        for row in 0..batch.num_rows() {
            let Some(history) = rows.customers.history(row) else {
                columns.push_silent(self.prospect_value(&rows, row, &mut newcomers)?);
                continue;
            };
            let outlook = match &self.purchases {
                Outlooks::Fitted { kind, models, .. } => {
                    let (group, effects) = self.place(&rows, row);
                    let [on_first, on_second] = effects;
                    let key = (group, [on_first, on_second, history.x, history.t_x, history.t].map(f64::to_bits));
                    match seen.entry(key) {
                        Entry::Occupied(known) => known.get().clone(),
                        Entry::Vacant(place) => {
                            let model = self.model_at((*kind, models), (group, effects))?;
                            place.insert(self.outlook(&model, &history)).clone()
                        }
                    }
                }
                Outlooks::Mean { rate } => self.by_rate(*rate),
                Outlooks::LastYear => {
                    let days = rows.customers.last_year(row).unwrap_or(0.0);
                    self.by_rate(days * self.card.purchases.unit_days / LAST_YEAR_DAYS)
                }
            };
            let priced = self.push(&mut columns, &rows.customers, row, &history, &outlook);
            columns
                .credit_adjusted
                .push(priced.zip(debts.as_ref()).and_then(|(priced, debts)| self.adjusted(priced, debts, row)));
        }
        Ok(columns.finish(self.model))
    }

    /// By which the customer in `row` is valued.
    fn place(&self, rows: &Batch<'_>, row: usize) -> Place {
        let group = match &self.purchases {
            Outlooks::Fitted { groups, .. } => groups.nearest(values_of(&rows.attributes, row)),
            _ => GroupTree::ALL,
        };
        let covariates = self.card.purchases.covariates.as_ref();
        (group, covariates.map_or([0.0; 2], |covariates| covariates.effects(&rows.covariates, row)))
    }

    /// What a customer without orders may be worth, in minor units; `known` holds what is expected of such of a place.
    fn prospect_value(
        &self,
        rows: &Batch<'_>,
        row: usize,
        known: &mut HashMap<[u64; 2], Newcomer, FixedState>,
    ) -> Result<Option<i64>, ModelError> {
        let Outlooks::Fitted { kind, models, newcomers, .. } = &self.purchases else { return Ok(None) };
        if !rows.customers.is_prospect(row) {
            return Ok(None);
        }
        let (group, effects) = self.place(rows, row);
        let mut newcomer = newcomers[group];
        if self.card.purchases.covariates.is_some() {
            newcomer = match known.entry(effects.map(f64::to_bits)) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(place) => {
                    let model = self.model_at((*kind, models), (group, effects))?;
                    *place.insert(newcomer_of(&model, newcomer.conversion_rate, &self.horizon))
                }
            };
        }
        let spend = match &self.spend {
            SpendModel::Mean(mean) => Some(*mean),
            SpendModel::GammaGamma(model) => model.mean(),
        };
        let margin = fit::margin(&self.model.config, self.card.mean_margin, None);
        let value =
            spend.zip(margin).map(|(spend, margin)| newcomer.conversion_rate * newcomer.purchases * spend * margin);
        Ok(value.and_then(|value| self.minor(value)))
    }

    /// What is expected of somebody who buys at a steady rate.
    fn by_rate(&self, rate: f64) -> Outlook {
        let expected: Vec<f64> = self.horizon.month_ends().iter().map(|end| rate * end).collect();
        Outlook {
            p_alive: None,
            purchases: rate * self.horizon.length(),
            discounted: self.horizon.discounted(&expected),
            probabilities: Vec::new(),
            median_days_to_next: None,
            dert: None,
        }
    }

    /// The lifetime value less what defaults lose, in minor units.
    fn adjusted(&self, priced: Priced, debts: &Debts<'_>, row: usize) -> Option<i64> {
        let (probability, expected_loss) = debts.row(row)?;
        let Priced { discounted, spend, margin } = priced;
        let open = expected_loss / minor_per_unit(self.model.scale);
        self.minor(credit_adjusted_value(discounted, spend, margin, probability, debts.loss_given_default, open))
    }

    /// Adds a customer with purchases; what the lifetime value is made of, where it is known.
    fn push(
        &self,
        columns: &mut Columns,
        customers: &Customers<'_>,
        row: usize,
        history: &History,
        outlook: &Outlook,
    ) -> Option<Priced> {
        let spend = match &self.spend {
            SpendModel::Mean(mean) => Some(*mean),
            SpendModel::GammaGamma(model) => match customers.mean_spend(row) {
                // A mean of nothing or less tells no more than that it is small.
                Some(m) if history.x > 0.0 => model.conditional_mean(&Spend { x: history.x, m: m.max(0.0) }),
                _ => model.mean(),
            },
        };
        let margin = fit::margin(&self.model.config, self.card.mean_margin, customers.margin(row));
        let discounted = outlook.discounted;
        let priced = spend.zip(margin).map(|(spend, margin)| Priced { discounted, spend, margin });
        let value = priced.map(|Priced { discounted, spend, margin }| discounted * spend * margin);
        let (spend_minor, value_minor) = (spend.and_then(|s| self.minor(s)), value.and_then(|v| self.minor(v)));
        columns.p_alive.push(outlook.p_alive);
        columns.purchases.push(Some(outlook.purchases));
        for (count, column) in columns.probabilities.iter_mut().enumerate() {
            column.push(outlook.probabilities.get(count).copied());
        }
        columns.median_days_to_next.push(outlook.median_days_to_next);
        columns.spend.push(spend_minor);
        columns.clv.push(value_minor);
        columns.prospect_value.push(None);
        columns.dert.push(outlook.dert);
        let note = if !matches!(self.purchases, Outlooks::Fitted { .. }) {
            Some("fallback")
        } else if spend.is_none() {
            Some("infinite_spend")
        } else if spend_minor.is_none() || (value.is_some() && value_minor.is_none()) {
            Some("too_large")
        } else {
            customers.not_fitted(row).map(NotFitted::note)
        };
        columns.note.append_option(note);
        priced
    }

    /// Minor units of an amount of money, rounded half to even; `None` when it does not fit the column.
    fn minor(&self, money: f64) -> Option<i64> {
        whole_minor(money * minor_per_unit(self.model.scale))
    }
}

impl Columns {
    /// A customer without purchases, and what such a one may be worth.
    fn push_silent(&mut self, prospect_value: Option<i64>) {
        self.prospect_value.push(prospect_value);
        self.p_alive.push(None);
        self.purchases.push(None);
        self.probabilities.iter_mut().for_each(|column| column.push(None));
        self.median_days_to_next.push(None);
        self.spend.push(None);
        self.clv.push(None);
        self.credit_adjusted.push(None);
        self.dert.push(None);
        self.note.append_null();
    }

    /// The columns, in the order of the model's.
    fn finish(mut self, model: &Clv) -> Vec<ArrayRef> {
        let doubles = |values: Vec<Option<f64>>| -> ArrayRef { Arc::new(Float64Array::from(values)) };
        let scale = model.scale.cast_signed();
        let money = |values: Vec<Option<i64>>| -> ArrayRef {
            let data_type = arrow::datatypes::DataType::Decimal64(18, scale);
            Arc::new(Decimal64Array::from(values).with_data_type(data_type))
        };
        let mut columns = vec![doubles(self.p_alive), doubles(self.purchases)];
        columns.extend(self.probabilities.into_iter().map(doubles));
        columns.extend([doubles(self.median_days_to_next), money(self.spend), money(self.clv)]);
        if model.loss_given_default.is_some() {
            columns.push(money(self.credit_adjusted));
        }
        columns.push(money(self.prospect_value));
        if model.gives_dert() {
            columns.push(doubles(self.dert));
        }
        columns.push(Arc::new(self.note.finish()));
        columns
    }
}
