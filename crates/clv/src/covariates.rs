//! Customers whose rates depend on what is known of them from the start.
//!
//! Fader & Hardie (2007), "Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD models": a
//! customer with covariates z has rates scaled by exp(γ · z). Since the rates are gamma distributed, that comes down
//! to other parameters of the same model, customer by customer.

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use crate::beta_geometric::BetaGeometric;
use crate::maximum::Search;
use crate::{Evaluation, FitError, History, Maximum, ParameterError, ParetoNbd, Patterns, PurchaseModel, maximise};

/// The most covariates of a customer.
pub const MOST_COVARIATES: usize = 8;

/// Groups of customers with equal covariates that one thread sums up at a time.
const CHUNK: usize = 64;

/// What to call the factors e^γ in messages.
const FACTORS: [[&str; MOST_COVARIATES]; 2] = [
    [
        "exp(gamma1_1)",
        "exp(gamma1_2)",
        "exp(gamma1_3)",
        "exp(gamma1_4)",
        "exp(gamma1_5)",
        "exp(gamma1_6)",
        "exp(gamma1_7)",
        "exp(gamma1_8)",
    ],
    [
        "exp(gamma2_1)",
        "exp(gamma2_2)",
        "exp(gamma2_3)",
        "exp(gamma2_4)",
        "exp(gamma2_5)",
        "exp(gamma2_6)",
        "exp(gamma2_7)",
        "exp(gamma2_8)",
    ],
];

/// A model with covariates.
pub trait Covariates: PurchaseModel {
    /// The two parameters that covariates scale, by index, and whether by exp(γ · z) (1) or its inverse (−1).
    const SCALED: [(usize, f64); 2];

    /// What of a customer the two effects scale, as the paper names it.
    const RATES: [&'static str; 2];
}

/// λ and μ are scaled by exp(γ₁ · z) and exp(γ₂ · z), so `alpha` and `beta` by the inverse.
impl Covariates for ParetoNbd {
    const SCALED: [(usize, f64); 2] = [(1, -1.0), (3, -1.0)];
    const RATES: [&'static str; 2] = ["lambda", "mu"];
}

/// λ is scaled by exp(γ₁ · z), so `alpha` by the inverse; of the dropout probability's parameters, `a` alone by
/// exp(γ₂ · z).
impl<const FROM_START: bool> Covariates for BetaGeometric<FROM_START> {
    const SCALED: [(usize, f64); 2] = [(1, -1.0), (2, 1.0)];
    const RATES: [&'static str; 2] = ["lambda", "a"];
}

/// Why there is no fit with covariates.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CovariateError {
    /// A model that no covariates are known of.
    #[error("{0} has no covariates")]
    Model(&'static str),
    /// None, or more than [`MOST_COVARIATES`].
    #[error("a customer has 1 to 8 covariates, not {0}")]
    Number(usize),
    /// Customers with different numbers of covariates.
    #[error("all customers have the same number of covariates, not {expected} and {found}")]
    Uneven {
        /// How many the first customer has.
        expected: usize,
        /// How many another one has.
        found: usize,
    },
    /// A covariate that is infinite or no number.
    #[error("covariate {covariate} has to be finite, not {value}")]
    NotFinite {
        /// Which one, from 1 on.
        covariate: usize,
        /// What was given.
        value: f64,
    },
    /// A covariate that tells nobody apart.
    #[error("covariate {covariate} is {value} for all customers")]
    Constant {
        /// Which one, from 1 on.
        covariate: usize,
        /// Its value.
        value: f64,
    },
    /// The likelihood has no maximum to be found.
    #[error(transparent)]
    Fit(#[from] FitError),
}

/// The patterns of customers with equal covariates, ordered by them.
#[derive(Debug, Clone, PartialEq)]
pub struct CovariatePatterns {
    groups: Vec<(Vec<f64>, Patterns)>,
    dimensions: usize,
}

impl CovariatePatterns {
    /// Groups customers (covariates, history and their number or weight) by their covariates.
    ///
    /// # Errors
    /// When customers have no covariates, more than [`MOST_COVARIATES`], not all the same number, or one that is not
    /// finite.
    pub fn new<'a>(customers: impl IntoIterator<Item = (&'a [f64], History, f64)>) -> Result<Self, CovariateError> {
        let mut all: Vec<(&[f64], History, f64)> = customers.into_iter().collect();
        let dimensions = all.first().map_or(0, |(z, ..)| z.len());
        if !(1..=MOST_COVARIATES).contains(&dimensions) {
            return Err(CovariateError::Number(dimensions));
        }
        for (z, ..) in &all {
            if z.len() != dimensions {
                return Err(CovariateError::Uneven { expected: dimensions, found: z.len() });
            }
            if let Some(j) = z.iter().position(|value| !value.is_finite()) {
                return Err(CovariateError::NotFinite { covariate: j + 1, value: z[j] });
            }
        }
        let order = |a: &[f64], b: &[f64]| {
            let pairs = a.iter().zip(b).map(|(one, other)| (one + 0.0).total_cmp(&(other + 0.0)));
            pairs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        };
        all.sort_by(|(a, ..), (b, ..)| order(a, b));
        let groups = all
            .chunk_by(|(a, ..), (b, ..)| a == b)
            .map(|group| (group[0].0.to_vec(), Patterns::new(group.iter().map(|(_, history, n)| (*history, *n)))))
            .collect();
        Ok(Self { groups, dimensions })
    }

    /// The distinct covariates, each with the patterns of its customers.
    #[must_use]
    pub fn groups(&self) -> &[(Vec<f64>, Patterns)] {
        &self.groups
    }

    /// All customers, whatever their covariates.
    fn merged(&self) -> Patterns {
        let customers = |part: &'_ Patterns| {
            let pairs = part.histories().iter().copied().zip(part.counts().iter().copied());
            pairs.collect::<Vec<_>>()
        };
        Patterns::new(self.groups.iter().flat_map(|(_, part)| customers(part)))
    }

    /// The covariates less their means, by their standard deviations; with both. The search is the same then in
    /// whatever units they come.
    fn standardised(&self) -> Result<(Self, Vec<f64>, Vec<f64>), CovariateError> {
        let mut standardised = self.clone();
        let (mut means, mut deviations) = (Vec::new(), Vec::new());
        let customers: f64 = self.groups.iter().map(|(_, part)| part.customers()).sum();
        for j in 0..self.dimensions {
            let weighted = |value: &dyn Fn(f64) -> f64| {
                self.groups.iter().map(|(z, part)| part.customers() * value(z[j])).sum::<f64>() / customers
            };
            let mean = weighted(&|z| z);
            let deviation = weighted(&|z| (z - mean) * (z - mean)).sqrt();
            if deviation <= 1e-12 * mean.abs() || deviation.is_nan() {
                return Err(CovariateError::Constant { covariate: j + 1, value: mean });
            }
            for (z, _) in &mut standardised.groups {
                z[j] = (z[j] - mean) / deviation;
            }
            means.push(mean);
            deviations.push(deviation);
        }
        Ok((standardised, means, deviations))
    }
}

/// A fitted model with covariates.
#[derive(Debug, Clone, PartialEq)]
pub struct CovariateFit {
    /// Logarithms of the model's parameters of a customer whose covariates are all 0.
    pub log_parameters: [f64; 4],
    /// γ₁ and γ₂: the effects on the first and on the second scaled parameter, by covariate.
    pub gamma: [Vec<f64>; 2],
    /// The covariance matrix of the log parameters, γ₁ and γ₂, in this order.
    pub covariance: Vec<Vec<f64>>,
    /// The log likelihood at the maximum.
    pub log_likelihood: f64,
    /// The largest absolute derivative of the log likelihood per customer, for standardised covariates.
    pub gradient_norm: f64,
    /// Newton steps of the search.
    pub iterations: usize,
    /// How many customers there are.
    pub customers: f64,
}

impl CovariateFit {
    /// The model of customers with these covariates; as many as it was fitted with.
    ///
    /// # Errors
    /// When the covariates are so extreme that a parameter is no finite number above 0.
    pub fn model<M: Covariates>(&self, z: &[f64]) -> Result<M, ParameterError> {
        let [first, second] = &self.gamma;
        with_effects(self.log_parameters.map(libm::exp), [product(first, z), product(second, z)])
    }

    /// The standard errors of the log parameters, γ₁ and γ₂, in this order.
    #[must_use]
    pub fn standard_errors(&self) -> Vec<f64> {
        self.covariance.iter().enumerate().map(|(i, row)| row[i].sqrt()).collect()
    }

    /// A maximum in standardised covariates, told in the covariates as they came.
    fn new<const K: usize>(maximum: &Maximum<K>, scaled: [(usize, f64); 2], means: &[f64], deviations: &[f64]) -> Self {
        let dimensions = means.len();
        let size = 4 + 2 * dimensions;
        // The rows of the linear map from the one to the other.
        let mut map = vec![[0.0; K]; size];
        for (i, row) in map.iter_mut().enumerate() {
            row[i] = if i < 4 { 1.0 } else { 1.0 / deviations[(i - 4) % dimensions] };
        }
        for (part, (index, sign)) in scaled.into_iter().enumerate() {
            for j in 0..dimensions {
                map[index][4 + part * dimensions + j] = -sign * means[j] / deviations[j];
            }
        }
        let found: Vec<f64> = map.iter().map(|row| product(row, &maximum.log_parameters)).collect();
        let covariance =
            |one: &[f64; K], other: &[f64; K]| product(one, &maximum.covariance.map(|row| product(&row, other)));
        Self {
            log_parameters: [found[0], found[1], found[2], found[3]],
            gamma: [found[4..4 + dimensions].to_vec(), found[4 + dimensions..].to_vec()],
            covariance: map.iter().map(|one| map.iter().map(|other| covariance(one, other)).collect()).collect(),
            log_likelihood: maximum.log_likelihood,
            gradient_norm: maximum.gradient_norm,
            iterations: maximum.iterations,
            customers: maximum.customers,
        }
    }
}

/// Fits a model with covariates by maximum likelihood, from the fit without them on.
///
/// # Errors
/// When a covariate is the same for all customers, when the model has no fit without covariates, and when no maximum
/// is found with them or the likelihood is flat there (one covariate follows from others).
pub fn maximise_with_covariates<M: Covariates>(data: &CovariatePatterns) -> Result<CovariateFit, CovariateError> {
    let (standardised, means, deviations) = data.standardised()?;
    let plain = maximise::<M>(&data.merged())?;
    let likelihood = Likelihood { data: &standardised, scaled: M::SCALED, evaluate: M::evaluate };
    // Two sizes are enough: what is too many is held at 0.
    if 4 + 2 * data.dimensions <= 8 {
        let maximum = likelihood.search::<8>(M::NAME, M::PARAMETERS, &plain)?;
        return Ok(CovariateFit::new(&maximum, M::SCALED, &means, &deviations));
    }
    let maximum = likelihood.search::<20>(M::NAME, M::PARAMETERS, &plain)?;
    Ok(CovariateFit::new(&maximum, M::SCALED, &means, &deviations))
}

/// The likelihood of customers with covariates, by (log parameters, γ₁, γ₂) and then arguments without effect.
struct Likelihood<'a> {
    data: &'a CovariatePatterns,
    scaled: [(usize, f64); 2],
    evaluate: fn(&[f64; 4], &Patterns) -> Evaluation<4>,
}

impl Likelihood<'_> {
    /// The maximum, from the one without covariates on.
    fn search<const K: usize>(
        &self,
        model: &'static str,
        parameters: [&'static str; 4],
        plain: &Maximum<4>,
    ) -> Result<Maximum<K>, FitError> {
        let mut names = ["none"; K];
        let mut start = [0.0; K];
        names[..4].copy_from_slice(&parameters);
        start[..4].copy_from_slice(&plain.log_parameters);
        let factors = FACTORS.iter().flat_map(|part| &part[..self.data.dimensions]);
        for (name, factor) in names[4..].iter_mut().zip(factors) {
            *name = factor;
        }
        let search = Search { model, names, customers: plain.customers, patterns: plain.patterns };
        search.run(&[start], |at| self.evaluate(at))
    }

    /// The log likelihood of all customers with its derivatives; summed up in chunks of fixed size, in their order.
    fn evaluate<const K: usize>(&self, at: &[f64; K]) -> Evaluation<K> {
        let chunk = |groups: &[(Vec<f64>, Patterns)]| {
            let mut sum = Evaluation::ZERO;
            for (z, patterns) in groups {
                self.add_group(at, z, patterns, &mut sum);
            }
            sum
        };
        let parts: Vec<_> = self.data.groups.par_chunks(CHUNK).map(chunk).collect();
        let mut sum = Evaluation::ZERO;
        for part in &parts {
            sum.add(1.0, part);
        }
        for k in 4 + 2 * self.data.dimensions..K {
            sum.hessian[k][k] = -1.0;
        }
        sum
    }

    /// Adds the log likelihood of customers with the same covariates: that of the model with shifted log parameters,
    /// with the chain rule for a linear shift.
    fn add_group<const K: usize>(&self, at: &[f64; K], z: &[f64], patterns: &Patterns, sum: &mut Evaluation<K>) {
        let mut by = [[0.0; K]; 4];
        for (i, row) in by.iter_mut().enumerate() {
            row[i] = 1.0;
        }
        for (part, (index, sign)) in self.scaled.into_iter().enumerate() {
            for (slope, value) in by[index][4 + part * z.len()..].iter_mut().zip(z) {
                *slope = sign * value;
            }
        }
        let own = (self.evaluate)(&by.map(|row| product(&row, at)), patterns);
        sum.value += own.value;
        for i in 0..4 {
            // Row i of the model's Hessian, by all K arguments.
            let mut curvature = [0.0; K];
            for (row, second) in by.iter().zip(&own.hessian[i]) {
                for (entry, slope) in curvature.iter_mut().zip(row) {
                    *entry += second * slope;
                }
            }
            for (k, slope) in by[i].into_iter().enumerate() {
                if slope != 0.0 {
                    sum.gradient[k] += slope * own.gradient[i];
                    for (entry, second) in sum.hessian[k].iter_mut().zip(&curvature) {
                        *entry += slope * second;
                    }
                }
            }
        }
    }
}

/// The model of a customer whose two rates are scaled by e to these effects γ · z, from the parameters at z = 0.
///
/// # Errors
/// When the effects are so large that a parameter is no finite number above 0.
pub(crate) fn with_effects<M: Covariates>(mut parameters: [f64; 4], effects: [f64; 2]) -> Result<M, ParameterError> {
    for ((index, sign), effect) in M::SCALED.into_iter().zip(effects) {
        parameters[index] *= libm::exp(sign * effect);
    }
    M::from_parameters(parameters)
}

/// The inner product.
fn product(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}
