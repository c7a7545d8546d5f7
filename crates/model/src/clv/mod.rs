//! Customer lifetime value: how often customers come back, how much they spend, and what that is worth today.
//!
//! A model of purchases ([`appraise_clv::PurchaseModel`]) is fitted to the histories of all buyers and the gamma-gamma model
//! to what their repeat purchases cost; both are then applied to each distinct history once. The lifetime value of a
//! customer is `Σ_k ΔE_k · spend · margin · D_k` over the months k of the horizon (`docs/models.md`).

mod apply;
mod card;
mod config;
mod covariates;
mod customers;
mod fit;
mod forecasts;

use appraise_clv::PurchaseKind;
use appraise_schema::{ColumnSpec, ColumnType, Share, TableContract};
use arrow::array::RecordBatch;

pub use card::{
    CandidateCard, ClvCard, CovariateCard, CovariatesCard, EffectCard, EncodingCard, FitCard, GroupFitCard,
    PurchasesCard, SpendCard,
};
pub use config::{ClvConfig, Fallback, Margin, PurchaseChoice};

pub(crate) use customers::Customers;
pub(crate) use forecasts::Forecasts;
pub use forecasts::KnownIntervals;

use crate::card::ModelCard;
use crate::error::ModelError;
use crate::model::{Fitted, Model};

/// Customer lifetime value, checked.
pub(crate) struct Clv {
    config: ClvConfig,
    /// Decimal places of money.
    scale: u8,
    /// The unit of money.
    currency: String,
    /// Share of an unpaid invoice that is lost, where the probability of default is known.
    loss_given_default: Option<Share>,
}

impl Clv {
    /// Checks the parameters and the columns of `features` that they name; with `loss_given_default` the columns of credit stand
    /// before these.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] or [`ModelError::Column`] for the first that is wrong.
    pub(crate) fn new(
        config: ClvConfig,
        scale: u8,
        features: &TableContract,
        loss_given_default: Option<Share>,
    ) -> Result<Self, ModelError> {
        config.check()?;
        let find = |name: &str| features.columns.iter().find(|column| column.name == name);
        let expect = |name: &str, expected: &'static str, column_type: ColumnType| match find(name) {
            Some(column) if column.column_type == column_type => Ok(column),
            _ => Err(ModelError::Column { column: name.to_owned(), expected: expected.to_owned() }),
        };
        if let Some(name) = customers::INPUTS.iter().find(|name| find(name).is_none()) {
            let expected = "the type of the features".to_owned();
            return Err(ModelError::Column { column: (*name).to_owned(), expected });
        }
        for name in &config.fit_by {
            expect(name, "STRING", ColumnType::String)?;
        }
        for name in &config.covariates {
            if find(name).is_none_or(|column| column.column_type == ColumnType::Date) {
                let expected = covariates::TYPES.to_owned();
                return Err(ModelError::Column { column: name.clone(), expected });
            }
        }
        if let Margin::Column(name) = &config.margin {
            expect(name, "DOUBLE", ColumnType::Float64)?;
        }
        for name in config.fallback.iter().flat_map(|fallback| fallback.inputs()) {
            expect(name, "INT64", ColumnType::Int64)?;
        }
        let money = ColumnType::customer_money(scale);
        let currency = expect("monetary_value", "DECIMAL(18, scale)", money)?.unit.clone();
        Ok(Self { config, scale, currency, loss_given_default })
    }

    /// Whether the discounted transactions of all time to come are given: the models that have a closed form.
    fn gives_dert(&self) -> bool {
        use PurchaseKind::{BgBb, ParetoNbd};
        matches!(self.config.purchases, PurchaseChoice::Fixed(ParetoNbd | BgBb))
    }
}

impl Model for Clv {
    fn columns(&self) -> Vec<ColumnSpec> {
        let horizon = self.config.horizon;
        let silent = "NULL without purchases";
        let double = |name: &str, unit: &str, meaning: &str| {
            ColumnSpec::nullable(name, ColumnType::Float64, unit, &format!("{meaning}; {silent}"))
        };
        let money = |name: &str, meaning: &str| {
            ColumnSpec::nullable(name, ColumnType::customer_money(self.scale), &self.currency, meaning)
        };
        let mut columns = vec![
            double(
                "p_alive",
                "",
                "probability to be a customer still; under bg_nbd NULL without repeat purchases, too",
            ),
            double("expected_purchases", "periods", &format!("purchase periods expected in the next {horizon}")),
        ];
        for count in 0..=self.config.probabilities.map_or(0, u32::from) {
            if self.config.probabilities.is_some() {
                let meaning = format!("probability of {count} purchase periods in the next {horizon}");
                columns.push(double(&format!("probability_of_{count}_purchases"), "", &meaning));
            }
        }
        columns.extend([
            double(
                "median_days_to_next",
                "days",
                "days within which the next purchase comes with a probability of one half; NULL where it may never come",
            ),
            money("expected_spend", "expected spend of a purchase period; NULL without purchases or where it is infinite"),
            money("clv", &format!("margin expected in the next {horizon}, at today's value; NULL as expected_spend is")),
        ]);
        if self.loss_given_default.is_some() {
            let meaning =
                "clv less what defaults on further purchases lose, less expected_loss; NULL where one of them is";
            columns.push(money("credit_adjusted_clv", meaning));
        }
        columns.push(money(
            "prospect_value",
            "of a customer without orders: value of a new customer, the first purchase included, times the share of alike customers who bought",
        ));
        if self.gives_dert() {
            let meaning = "purchase periods expected for all time to come, discounted";
            columns.push(double("dert", "periods", meaning));
        }
        columns.push(ColumnSpec::nullable(
            "clv_note",
            ColumnType::String,
            "",
            "what to know of the customer's values: entry_unknown, before_fit_from (not fitted), fallback, infinite_spend, too_large",
        ));
        columns
    }

    fn fit_inputs(&self) -> Vec<String> {
        self.config.inputs()
    }

    fn inputs(&self) -> Vec<String> {
        let of_credit = self.loss_given_default.iter().flat_map(|_| apply::CREDIT_INPUTS);
        self.fit_inputs().into_iter().chain(of_credit.map(str::to_owned)).collect()
    }

    fn fit(&self, table: &[RecordBatch]) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let card = fit::fit(&self.config, self.scale, table)?;
        Ok(Box::new(apply::FittedClv::new(self, card)?))
    }

    fn thaw(&self, card: &ModelCard) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let card = card.clv.clone().ok_or_else(|| ModelError::not_in_card("`clv`"))?;
        Ok(Box::new(apply::FittedClv::new(self, card)?))
    }

    fn section(&self) -> Option<&'static str> {
        Some("clv")
    }
}
