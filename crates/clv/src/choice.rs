//! One of the models of purchases: by name, or the one that foretells best.

use rand_pcg::Pcg64;
use rayon::prelude::*;

use crate::covariates::with_effects;
use crate::pooling::merge;

use crate::{
    BgBb, BgNbd, CovariateError, CovariateFit, CovariatePatterns, Covariates, ExpectedPurchases, FOLDS, FitError,
    Forecast, GroupFits, GroupTotals, History, Horizon, Maximum, MbgNbd, Member, ParameterError, ParetoNbd, Patterns,
    PurchaseModel, fit_groups, maximise, maximise_with_covariates, median_time_to_next,
};

/// A kind of model of purchases, in the order of preference where two foretell equally well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PurchaseKind {
    /// [`MbgNbd`].
    MbgNbd,
    /// [`BgNbd`].
    BgNbd,
    /// [`ParetoNbd`].
    ParetoNbd,
    /// [`BgBb`], in discrete time.
    BgBb,
}

/// A model of purchases of any kind, to be applied to histories.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Purchases {
    /// MBG/NBD.
    MbgNbd(MbgNbd),
    /// BG/NBD.
    BgNbd(BgNbd),
    /// Pareto/NBD.
    ParetoNbd(ParetoNbd),
    /// BG/BB.
    BgBb(BgBb),
}

/// Evaluates an expression with `$type` as the type of a kind of model.
macro_rules! with_type {
    ($kind:expr, $type:ident => $result:expr) => {
        match $kind {
            PurchaseKind::MbgNbd => {
                type $type = MbgNbd;
                $result
            }
            PurchaseKind::BgNbd => {
                type $type = BgNbd;
                $result
            }
            PurchaseKind::ParetoNbd => {
                type $type = ParetoNbd;
                $result
            }
            PurchaseKind::BgBb => {
                type $type = BgBb;
                $result
            }
        }
    };
}

/// Evaluates an expression with `$model` as the model of whatever kind.
macro_rules! with_model {
    ($purchases:expr, $model:ident => $result:expr) => {
        match $purchases {
            Purchases::MbgNbd($model) => $result,
            Purchases::BgNbd($model) => $result,
            Purchases::ParetoNbd($model) => $result,
            Purchases::BgBb($model) => $result,
        }
    };
}

impl PurchaseKind {
    /// All kinds, in order.
    pub const ALL: [Self; 4] = [Self::MbgNbd, Self::BgNbd, Self::ParetoNbd, Self::BgBb];

    /// The kinds in continuous time, in order. Their likelihoods can be compared.
    pub const CONTINUOUS: [Self; 3] = [Self::MbgNbd, Self::BgNbd, Self::ParetoNbd];

    /// The name in pipelines and cards: `mbg_nbd`.
    #[must_use]
    pub fn name(self) -> &'static str {
        with_type!(self, M => M::NAME)
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The names of the parameters, in the order of every array.
    #[must_use]
    pub fn parameter_names(self) -> [&'static str; 4] {
        with_type!(self, M => M::PARAMETERS)
    }

    /// The parameters under which the purchases are most likely.
    ///
    /// # Errors
    /// As those of [`maximise`].
    pub fn fit(self, patterns: &Patterns) -> Result<Maximum<4>, FitError> {
        with_type!(self, M => maximise::<M>(patterns))
    }

    /// Pooled fits to groups.
    ///
    /// # Errors
    /// As those of [`fit_groups`].
    pub fn fit_groups(self, groups: &[[Patterns; FOLDS]]) -> Result<GroupFits, FitError> {
        with_type!(self, M => fit_groups::<M>(groups))
    }

    /// What of a customer covariates scale, by name: `lambda`, then `mu` or `a`. None where no covariates are known.
    #[must_use]
    pub fn rates(self) -> Option<[&'static str; 2]> {
        match self {
            Self::MbgNbd => Some(MbgNbd::RATES),
            Self::BgNbd => Some(BgNbd::RATES),
            Self::ParetoNbd => Some(ParetoNbd::RATES),
            Self::BgBb => None,
        }
    }

    /// The parameters and the effects of covariates under which the purchases are most likely.
    ///
    /// # Errors
    /// As those of [`maximise_with_covariates`], and for a kind without covariates.
    pub fn fit_with_covariates(self, data: &CovariatePatterns) -> Result<CovariateFit, CovariateError> {
        match self {
            Self::MbgNbd => maximise_with_covariates::<MbgNbd>(data),
            Self::BgNbd => maximise_with_covariates::<BgNbd>(data),
            Self::ParetoNbd => maximise_with_covariates::<ParetoNbd>(data),
            Self::BgBb => Err(CovariateError::Model(BgBb::NAME)),
        }
    }

    /// The model of a customer whose two rates are scaled by e to these effects γ · z, from the parameters at z = 0. The
    /// effects count for nothing where no covariates are known.
    ///
    /// # Errors
    /// When a parameter, scaled, is no finite number above 0.
    pub fn model_with_effects(self, parameters: [f64; 4], effects: [f64; 2]) -> Result<Purchases, ParameterError> {
        Ok(match self {
            Self::MbgNbd => Purchases::MbgNbd(with_effects(parameters, effects)?),
            Self::BgNbd => Purchases::BgNbd(with_effects(parameters, effects)?),
            Self::ParetoNbd => Purchases::ParetoNbd(with_effects(parameters, effects)?),
            Self::BgBb => self.model(parameters)?,
        })
    }

    /// The totals of each group in draws of the parameters, as [`Forecast`] makes them.
    ///
    /// # Errors
    /// As those of [`Forecast::new`].
    pub fn totals(
        self,
        purchases: &Maximum<4>,
        spend: Option<&Maximum<3>>,
        horizon: f64,
        seed: u64,
        groups: &[Vec<Member>],
    ) -> Result<Vec<GroupTotals>, ParameterError> {
        with_type!(self, M => {
            let forecast = Forecast::<M>::new(purchases, spend, horizon, seed)?;
            Ok(groups.par_iter().map(|members| forecast.totals(members)).collect())
        })
    }

    /// A model of this kind.
    ///
    /// # Errors
    /// When one of the parameters is not a finite number above 0.
    pub fn model(self, parameters: [f64; 4]) -> Result<Purchases, ParameterError> {
        Ok(match self {
            Self::MbgNbd => Purchases::MbgNbd(MbgNbd::from_parameters(parameters)?),
            Self::BgNbd => Purchases::BgNbd(BgNbd::from_parameters(parameters)?),
            Self::ParetoNbd => Purchases::ParetoNbd(ParetoNbd::from_parameters(parameters)?),
            Self::BgBb => Purchases::BgBb(BgBb::from_parameters(parameters)?),
        })
    }

    /// The log likelihood of each pattern, fold by fold, under the fit to the other folds.
    fn held_out(self, folds: &[Patterns; FOLDS]) -> Result<Vec<f64>, FitError> {
        let of_fold = |fold: usize| {
            let others = folds.iter().enumerate().filter(|(i, _)| *i != fold).map(|(_, patterns)| patterns);
            with_type!(self, M => {
                let maximum = maximise::<M>(&merge(others))?;
                let not_there = |_| FitError::NotIdentified { model: M::NAME, at: "parameters too large".to_owned() };
                let model = M::from_parameters(maximum.parameters).map_err(not_there)?;
                Ok(folds[fold].histories().iter().map(|history| model.log_likelihood(history)).collect::<Vec<_>>())
            })
        };
        let parts: Result<Vec<_>, _> = (0..FOLDS).into_par_iter().map(of_fold).collect();
        Ok(parts?.concat())
    }
}

/// Forwards to the model of whatever kind; see [`PurchaseModel`].
impl Purchases {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> PurchaseKind {
        match self {
            Self::MbgNbd(_) => PurchaseKind::MbgNbd,
            Self::BgNbd(_) => PurchaseKind::BgNbd,
            Self::ParetoNbd(_) => PurchaseKind::ParetoNbd,
            Self::BgBb(_) => PurchaseKind::BgBb,
        }
    }

    /// The parameters, in the order of [`PurchaseKind::parameter_names`].
    #[must_use]
    pub fn parameters(&self) -> [f64; 4] {
        with_model!(self, model => model.parameters())
    }

    /// The log likelihood of one customer's history.
    #[must_use]
    pub fn log_likelihood(&self, history: &History) -> f64 {
        with_model!(self, model => model.log_likelihood(history))
    }

    /// Logarithm of the probability that the customer is still a customer.
    #[must_use]
    pub fn log_p_alive(&self, history: &History) -> f64 {
        with_model!(self, model => model.log_p_alive(history))
    }

    /// The probability that the customer is still a customer, 0 to 1.
    #[must_use]
    pub fn p_alive(&self, history: &History) -> f64 {
        with_model!(self, model => model.p_alive(history))
    }

    /// Expected purchases of a new customer in `(0, t]`.
    #[must_use]
    pub fn expected_purchases_new(&self, t: f64) -> f64 {
        with_model!(self, model => model.expected_purchases_new(t))
    }

    /// Expected purchases in the time `t` after the end of the history.
    #[must_use]
    pub fn expected_purchases(&self, history: &History, t: f64) -> f64 {
        with_model!(self, model => model.expected_purchases(history, t))
    }

    /// Expected purchases within a horizon, in all and discounted.
    #[must_use]
    pub fn purchases_within(&self, horizon: &Horizon, history: &History) -> ExpectedPurchases {
        with_model!(self, model => horizon.purchases(model, history))
    }

    /// Probabilities of 0, 1, … purchases in the time `t` after the end of the history; fills `probabilities`.
    pub fn purchase_probabilities(&self, history: &History, t: f64, probabilities: &mut [f64]) {
        with_model!(self, model => model.purchase_probabilities(history, t, probabilities));
    }

    /// Discounted expected residual transactions; None where there is no closed form.
    #[must_use]
    pub fn dert(&self, history: &History, delta: f64) -> Option<f64> {
        with_model!(self, model => model.dert(history, delta))
    }

    /// The time within which the next purchase comes with probability ½; None beyond `longest`.
    #[must_use]
    pub fn median_time_to_next(&self, history: &History, longest: f64) -> Option<f64> {
        with_model!(self, model => median_time_to_next(model, history, longest))
    }

    /// One possible number of purchases in the time `t` after the end of the history.
    pub fn simulate(&self, history: &History, t: f64, random: &mut Pcg64) -> u64 {
        with_model!(self, model => model.simulate(history, t, random))
    }
}

/// How a kind of model did.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The kind.
    pub kind: PurchaseKind,
    /// The log likelihood of all customers, each fold under the fit to the others; or why there is no such fit.
    pub held_out: Result<f64, FitError>,
    /// By how much the log likelihood of the best is higher, and the standard error of that; 0 for the best itself
    /// and where there is no fit.
    pub behind: (f64, f64),
}

/// A choice among kinds of models.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The kind that was chosen.
    pub kind: PurchaseKind,
    /// How all did, in their order.
    pub candidates: Vec<Candidate>,
}

/// Chooses the kind of model that foretells held-out customers best.
///
/// The customers come in folds; each is held out once. A kind that is behind the best by no more than one standard
/// error of the difference (over the customers, each with their own difference) ties with it, and of those that tie
/// the first in the order of [`PurchaseKind`] is chosen. The candidates have to be all in continuous or all in discrete
/// time: otherwise their likelihoods don't compare.
///
/// # Errors
/// When no candidate can be fitted: why the first can't.
pub fn choose(candidates: &[PurchaseKind], folds: &[Patterns; FOLDS]) -> Result<Choice, FitError> {
    let mut kinds = candidates.to_vec();
    kinds.sort_unstable();
    let counts: Vec<f64> = folds.iter().flat_map(|fold| fold.counts().iter().copied()).collect();
    let mut held_out: Vec<(PurchaseKind, Result<Vec<f64>, FitError>)> =
        kinds.iter().map(|kind| (*kind, kind.held_out(folds))).collect();
    let mut best: Option<(f64, &[f64])> = None;
    for (_, values) in &held_out {
        if let Ok(values) = values {
            let total = sum(values, &counts);
            if best.is_none_or(|(highest, _)| total > highest) {
                best = Some((total, values));
            }
        }
    }
    let Some((_, best)) = best else {
        let model = "auto";
        let nothing = FitError::TooFewCustomers { model, customers: 0 };
        return Err(held_out.drain(..).next().and_then(|(_, values)| values.err()).unwrap_or(nothing));
    };
    let mut chosen = None;
    let mut candidates = Vec::new();
    for (kind, values) in &held_out {
        let behind = values.as_ref().map_or((0.0, 0.0), |values| difference(best, values, &counts));
        if values.is_ok() && behind.0 <= behind.1 && chosen.is_none() {
            chosen = Some(*kind);
        }
        let total = values.as_ref().map(|values| sum(values, &counts)).map_err(Clone::clone);
        candidates.push(Candidate { kind: *kind, held_out: total, behind });
    }
    Ok(Choice { kind: chosen.unwrap_or(kinds[0]), candidates })
}

/// The sum over all customers.
fn sum(values: &[f64], counts: &[f64]) -> f64 {
    values.iter().zip(counts).map(|(value, count)| count * value).sum()
}

/// How much higher the one's sum is than the other's, with the standard error from the customers' differences.
fn difference(one: &[f64], other: &[f64], counts: &[f64]) -> (f64, f64) {
    let customers: f64 = counts.iter().sum();
    let differences: Vec<f64> = one.iter().zip(other).map(|(one, other)| one - other).collect();
    let total = sum(&differences, counts);
    let mean = total / customers;
    let squares: Vec<f64> = differences.iter().map(|value| (value - mean) * (value - mean)).collect();
    (total, (customers * sum(&squares, counts) / (customers - 1.0).max(1.0)).sqrt())
}
