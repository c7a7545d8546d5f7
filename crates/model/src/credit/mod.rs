//! Whether customers will pay: probability of default, expected loss, grade.
//!
//! Every customer has a probability of default of their own, from the beta distribution of the group; invoices that are long
//! due show it. The mathematics is in [`appraise_clv::BetaBinomial`], the exact definition in `docs/models.md`.

mod card;
mod config;
mod fit;

use std::sync::Arc;

use appraise_clv::{BetaBinomial, Trials};
use appraise_schema::{ColumnSpec, ColumnType, Share, TableContract};
use arrow::array::{Array, ArrayRef, AsArray, Decimal64Array, Float64Array, Int64Array, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Int64Type};
use rayon::prelude::*;

pub use card::{CreditCard, CreditFit, CreditGroupCard, GradeCard};
pub use config::{CreditConfig, Exposure, Grade};

use crate::card::ModelCard;
use crate::columns::{MONEY, absent, money, texts, typed, values_of, whole_minor};
use crate::error::ModelError;
use crate::groups::GroupTree;
use crate::model::{Fitted, Model};

/// Counts of the features.
const COUNTS: [&str; 2] = ["invoices_matured", "defaults_matured"];
/// Money of the features.
const AMOUNTS: [&str; 2] = ["exposure", "exposure_in_default"];
/// Money of the features, read when all of it may be lost.
const LIMIT: &str = "credit_limit";

/// The probability of default, checked.
pub(crate) struct Credit {
    config: CreditConfig,
    /// Decimal places of money.
    scale: u8,
    /// The unit of money.
    currency: String,
}

impl Credit {
    /// Checks the parameters and that `features` has the columns that are read.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] or [`ModelError::Column`] for the first that is wrong.
    pub(crate) fn new(config: CreditConfig, scale: u8, features: &TableContract) -> Result<Self, ModelError> {
        config.check()?;
        let find = |name: &str| features.columns.iter().find(|column| column.name == name);
        let expect = |name: &str, expected: &str, column_type: ColumnType| {
            find(name).filter(|column| column.column_type == column_type).ok_or_else(|| absent(name, expected))
        };
        let money = ColumnType::customer_money(scale);
        for name in COUNTS {
            expect(name, "INT64", ColumnType::Int64)?;
        }
        for name in AMOUNTS.iter().chain(limit(&config)) {
            expect(name, MONEY, money)?;
        }
        for name in &config.group_by {
            expect(name, "STRING", ColumnType::String)?;
        }
        let currency = expect(AMOUNTS[0], MONEY, money)?.unit.clone();
        Ok(Self { config, scale, currency })
    }
}

/// The column of the limit, where it is read.
fn limit(config: &CreditConfig) -> Option<&'static &'static str> {
    (config.exposure == Exposure::CreditLimit).then_some(&LIMIT)
}

impl Model for Credit {
    fn columns(&self) -> Vec<ColumnSpec> {
        let silent = "NULL when nobody has an invoice to judge";
        let percent = |share: Share| (share.fraction() * 1e8).round() / 1e6;
        let grades: Vec<String> =
            self.config.grades.iter().map(|grade| format!("{} to {}%", grade.name, percent(grade.up_to))).collect();
        vec![
            ColumnSpec::nullable(
                "probability_of_default",
                ColumnType::Float64,
                "",
                &format!(
                    "probability that an invoice is not paid, by own invoices and those of alike customers; {silent}"
                ),
            ),
            ColumnSpec::nullable(
                "expected_loss",
                ColumnType::customer_money(self.scale),
                &self.currency,
                &format!(
                    "what open invoices ({}) are expected to lose: all of those in default, the others by the probability; {silent}",
                    self.config.exposure.name()
                ),
            ),
            ColumnSpec::nullable(
                "credit_grade",
                ColumnType::String,
                "",
                &format!("grade by probability_of_default: {}; {silent}", grades.join(", ")),
            ),
        ]
    }

    fn fit_inputs(&self) -> Vec<String> {
        let read = ["customer_id"].into_iter().chain(COUNTS).chain(AMOUNTS).chain(limit(&self.config).copied());
        read.map(str::to_owned).chain(self.config.group_by.iter().cloned()).collect()
    }

    fn inputs(&self) -> Vec<String> {
        self.fit_inputs()
    }

    fn fit(&self, table: &[RecordBatch]) -> Result<Box<dyn Fitted + '_>, ModelError> {
        Ok(Box::new(FittedCredit::new(self, fit::fit(&self.config, table)?)?))
    }

    fn thaw(&self, card: &ModelCard) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let card = card.credit.clone().ok_or_else(|| ModelError::not_in_card("`credit`"))?;
        Ok(Box::new(FittedCredit::new(self, card)?))
    }

    fn section(&self) -> Option<&'static str> {
        Some("credit")
    }
}

/// The columns of a batch that the model reads.
struct Rows<'a> {
    matured: &'a Int64Array,
    defaults: &'a Int64Array,
    exposure: &'a Decimal64Array,
    in_default: &'a Decimal64Array,
    limit: Option<&'a Decimal64Array>,
}

impl<'a> Rows<'a> {
    fn of(config: &CreditConfig, batch: &'a RecordBatch) -> Result<Self, ModelError> {
        let count = |name| typed(batch, name, &DataType::Int64).map(AsArray::as_primitive::<Int64Type>);
        Ok(Self {
            matured: count(COUNTS[0])?,
            defaults: count(COUNTS[1])?,
            exposure: money(batch, AMOUNTS[0])?,
            in_default: money(batch, AMOUNTS[1])?,
            limit: limit(config).map(|name| money(batch, name)).transpose()?,
        })
    }

    /// The invoices that are judged, and the defaults among them.
    fn seen(&self, row: usize) -> Trials {
        let count = |column: &Int64Array| u64::try_from(column.value(row)).unwrap_or(0);
        Trials { trials: count(self.matured), events: count(self.defaults) }
    }

    /// What may yet default, and what is in default, in minor units.
    fn exposures(&self, row: usize) -> (f64, f64) {
        let (open, lost) = (self.exposure.value(row), self.in_default.value(row));
        let limit = self.limit.filter(|limit| limit.is_valid(row)).map(|limit| limit.value(row).saturating_sub(lost));
        (open.max(limit.unwrap_or(open)) as f64, lost as f64)
    }
}

/// How probable a default is in a group.
#[derive(Debug, Clone, Copy)]
enum Chance {
    Own(BetaBinomial),
    Alike(f64),
}

/// Fitted probabilities, ready to apply.
struct FittedCredit<'p> {
    model: &'p Credit,
    card: CreditCard,
    tree: GroupTree,
    /// Of each group of `tree`; none when no customer had an invoice to judge.
    chances: Vec<Chance>,
}

impl<'p> FittedCredit<'p> {
    /// The probabilities of `card`. Grades, and what is lost, are the pipeline's: they are chosen, not fitted.
    fn new(model: &'p Credit, mut card: CreditCard) -> Result<Self, ModelError> {
        let config = &model.config;
        if card.group_by != config.group_by {
            let listed = |names: &[String]| format!("[{}]", names.join(", "));
            return Err(ModelError::CardMismatch {
                what: "`group_by` of `credit`".to_owned(),
                card: listed(&card.group_by),
                config: listed(&config.group_by),
            });
        }
        let mut tree = GroupTree::default();
        let mut chances = Vec::with_capacity(card.groups.len());
        for group in &card.groups {
            let broken = |value: String, expected| {
                let what = format!("group {:?} of credit", group.group);
                Err(ModelError::CardValue { what, value, expected })
            };
            if tree.insert(group.group.iter().map(Option::as_deref)) != chances.len() {
                return broken(format!("{:?}", group.group), "each group once, after those it is within");
            }
            chances.push(match (group.alpha, group.beta) {
                (Some(alpha), Some(beta)) => match BetaBinomial::new(alpha, beta) {
                    Ok(model) => Chance::Own(model),
                    Err(_) => return broken(format!("{alpha}, {beta}"), "an alpha and a beta above 0"),
                },
                (None, None) if (0.0..=1.0).contains(&group.mean) => Chance::Alike(group.mean),
                parameters => {
                    return broken(format!("{parameters:?}, {}", group.mean), "parameters, or a mean from 0 to 1");
                }
            });
        }
        let grade =
            |grade: &Grade| GradeCard { grade: grade.name.clone(), up_to: grade.up_to.fraction(), customers: 0 };
        card.grades = config.grades.iter().map(grade).collect();
        Ok(Self { model, card, tree, chances })
    }

    /// The columns of a batch, number `batch`, and how many of its customers have each grade.
    fn values(&self, batch: usize, table: &RecordBatch) -> Result<(Vec<ArrayRef>, Vec<u64>), ModelError> {
        let config = &self.model.config;
        let (rows, attributes) = (Rows::of(config, table)?, texts(&config.group_by, table)?);
        let count = table.num_rows();
        let (mut chances, mut losses) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut grades, mut counts) = (StringBuilder::new(), vec![0; config.grades.len()]);
        let lost_share = config.loss_given_default.fraction();
        for row in 0..count {
            if self.chances.is_empty() {
                chances.push(None);
                losses.push(None);
                grades.append_null();
                continue;
            }
            let probability = match self.chances[self.tree.nearest(values_of(&attributes, row))] {
                Chance::Own(model) => model.probability(rows.seen(row)),
                Chance::Alike(mean) => mean,
            };
            let (open, in_default) = rows.exposures(row);
            let loss = lost_share * (probability * open + in_default);
            let too_large = ModelError::MoneyOverflow { column: "expected_loss", value: loss, batch, row };
            losses.push(Some(whole_minor(loss).ok_or(too_large)?));
            chances.push(Some(probability));
            let grade = config.grades.iter().position(|grade| probability <= grade.up_to.fraction());
            let grade = grade.unwrap_or(config.grades.len() - 1);
            grades.append_value(&config.grades[grade].name);
            counts[grade] += 1;
        }
        let losses = Decimal64Array::from(losses).with_precision_and_scale(18, self.model.scale.cast_signed())?;
        Ok((vec![Arc::new(Float64Array::from(chances)), Arc::new(losses), Arc::new(grades.finish())], counts))
    }
}

impl Fitted for FittedCredit<'_> {
    fn apply(&mut self, first: usize, table: &[RecordBatch]) -> Result<Vec<Vec<ArrayRef>>, ModelError> {
        let fitted = &*self;
        let values = table.par_iter().enumerate().map(|(index, batch)| fitted.values(first + index, batch));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        if first == 0 {
            // Customers who were valued for the fit of a later model come again.
            self.card.grades.iter_mut().for_each(|grade| grade.customers = 0);
        }
        for (grade, position) in self.card.grades.iter_mut().zip(0..) {
            grade.customers += values.iter().map(|(_, graded)| graded[position]).sum::<u64>();
        }
        Ok(values.into_iter().map(|(columns, _)| columns).collect())
    }

    fn record(self: Box<Self>, card: &mut ModelCard) {
        card.credit = Some(self.card);
    }
}
