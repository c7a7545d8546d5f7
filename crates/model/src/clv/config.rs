//! What a pipeline asks of customer lifetime value.

use appraise_clv::{PurchaseKind, Timing};
use appraise_schema::{DiscountRate, Horizon};

use super::customers::INPUTS;
use crate::error::ModelError;

/// Which model of purchases is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurchaseChoice {
    /// This one.
    Fixed(PurchaseKind),
    /// Of the models in continuous time the one that foretells customers best that it was not fitted to ([`appraise_clv::choose`]).
    Auto,
}

impl PurchaseChoice {
    /// The models that are fitted.
    pub(crate) fn candidates(self) -> Vec<PurchaseKind> {
        match self {
            Self::Fixed(kind) => vec![kind],
            Self::Auto => PurchaseKind::CONTINUOUS.to_vec(),
        }
    }

    /// Whether it has a published form with covariates (Fader & Hardie 2007).
    #[must_use]
    pub fn takes_covariates(self) -> bool {
        matches!(self, Self::Fixed(PurchaseKind::BgNbd | PurchaseKind::ParetoNbd))
    }
}

/// What stands in for a model of purchases that has no fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Everybody buys again as often as customers do on average.
    Mean,
    /// Everybody buys as often as in the 365 days up to the run's date.
    LastYearRepeat,
}

impl Fallback {
    /// Its name in pipelines and cards.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::LastYearRepeat => "last_year_repeat",
        }
    }

    /// The columns of the features that it reads.
    pub(crate) fn inputs(self) -> &'static [&'static str] {
        match self {
            Self::Mean => &[],
            Self::LastYearRepeat => &[LAST_YEAR],
        }
    }
}

/// Days with a purchase in the last 365.
pub(crate) const LAST_YEAR: &str = "active_days_365d";

/// The share of a purchase that is earned.
#[derive(Debug, Clone, PartialEq)]
pub enum Margin {
    /// The same of every purchase.
    Share(f64),
    /// A column of doubles of the features; where it is NULL, its mean over the fitted customers.
    Column(String),
}

/// Parameters of customer lifetime value.
#[derive(Debug, Clone, PartialEq)]
pub struct ClvConfig {
    /// How often customers come back.
    pub purchases: PurchaseChoice,
    /// How far to look ahead.
    pub horizon: Horizon,
    /// What money a year later is worth less.
    pub discount_rate: DiscountRate,
    /// When in a month its purchases are paid.
    pub timing: Timing,
    /// What of the spend is earned.
    pub margin: Margin,
    /// Attributes, fixed when a customer enters, whose groups are fitted each by itself, leaning on the whole. May be empty.
    pub fit_by: Vec<String>,
    /// Columns of the features, known when a customer enters, that scale the customer's rates: numbers, booleans, texts. May be
    /// empty; only of `bg_nbd` and `pareto_nbd`, and not together with `fit_by`.
    pub covariates: Vec<String>,
    /// What stands in where there is no fit; without it that is an error.
    pub fallback: Option<Fallback>,
    /// First day of the data when customers may have bought before it, in days since 1970-01-01: those first seen within
    /// 365 days of it are valued, but not fitted, since their true first purchase is not known.
    pub history_start: Option<i32>,
    /// Customers who bought first before this day, in days since 1970-01-01, are valued, but not fitted.
    pub fit_from: Option<i32>,
    /// Gives the probabilities of 0, 1, … so many purchases within the horizon a column each.
    pub probabilities: Option<u8>,
    /// Days in one unit of `recency` and `customer_age`.
    pub unit_days: f64,
    /// Days in one purchase period.
    pub period_days: f64,
}

impl ClvConfig {
    /// The columns of the features that fitting and applying read.
    pub(crate) fn inputs(&self) -> Vec<String> {
        let mut inputs: Vec<String> = INPUTS.iter().map(|&name| name.to_owned()).collect();
        inputs.extend(self.fit_by.iter().chain(&self.covariates).cloned());
        if let Margin::Column(name) = &self.margin {
            inputs.push(name.clone());
        }
        inputs.extend(self.fallback.iter().flat_map(|fallback| fallback.inputs()).map(|&name| name.to_owned()));
        inputs
    }

    /// Whether time counts opportunities, one in each purchase period.
    pub(crate) fn is_discrete(&self) -> bool {
        self.purchases == PurchaseChoice::Fixed(PurchaseKind::BgBb)
    }

    /// Checks what the types can't say.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] naming the one that is out of its range.
    pub fn check(&self) -> Result<(), ModelError> {
        let wrong = |parameter: &'static str, value: f64, expected: &'static str| {
            Err(ModelError::Parameter { parameter, value: value.to_string(), expected: expected.to_owned() })
        };
        if self.horizon.years() > 100.0 {
            return wrong("clv.horizon", self.horizon.years(), "at most 100 years");
        }
        if !self.covariates.is_empty() {
            let found = self.covariates.join(", ");
            let wrong = |expected: &str| {
                let (parameter, value) = ("clv.covariates", found.clone());
                Err(ModelError::Parameter { parameter, value, expected: expected.to_owned() })
            };
            if !self.purchases.takes_covariates() {
                return wrong("none but with `purchases: bg_nbd` or `pareto_nbd`");
            }
            if !self.fit_by.is_empty() {
                return wrong("none together with `fit_by`");
            }
        }
        match self.margin {
            Margin::Share(share) if !(share > 0.0 && share <= 1.0) => {
                wrong("clv.margin", share, "a share above 0%, up to 100%")
            }
            _ => Ok(()),
        }
    }
}
