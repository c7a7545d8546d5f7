//! The gamma-gamma model: what a customer spends per purchase.

#[cfg(test)]
mod tests;

use rand_pcg::Pcg64;

use crate::chunks::sum_in_chunks;
use crate::maximum::{Search, whole};
use crate::special::{digamma, gamma, ln_beta, trigamma};
use crate::{Evaluation, FitError, Maximum, ParameterError};

/// The gamma-gamma model of spend (Fader & Hardie 2013, note 025).
///
/// A customer's purchases have a gamma distribution of shape `p` and rate ν, and over the customers ν has one of
/// shape `q` and rate `v`. How often customers buy has no part in it: see [`Spends::correlation`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GammaGamma {
    p: f64,
    q: f64,
    v: f64,
}

/// What a customer spent: the mean `m` of `x` purchases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spend {
    /// How many purchases the mean is of. A count, kept as a double.
    pub x: f64,
    /// Mean spend of a purchase, in the unit of money of the data.
    pub m: f64,
}

/// Distinct spends with how many customers have each, ordered by (x, m): the order of every sum.
#[derive(Debug, Clone, PartialEq)]
pub struct Spends {
    spends: Vec<Spend>,
    counts: Vec<f64>,
}

impl Spends {
    /// Counts equal spends once, each with the number of customers that have it. Customers without a purchase or
    /// with a mean of 0 or less are left out: the model has no place for them.
    pub fn new(customers: impl IntoIterator<Item = (Spend, f64)>) -> Self {
        let mut all: Vec<(Spend, f64)> =
            customers.into_iter().filter(|(spend, _)| spend.x > 0.0 && spend.m > 0.0).collect();
        all.sort_by(|(a, _), (b, _)| a.x.total_cmp(&b.x).then(a.m.total_cmp(&b.m)));
        let (mut spends, mut counts): (Vec<Spend>, Vec<f64>) = (Vec::new(), Vec::new());
        for (spend, count) in all {
            match counts.last_mut() {
                Some(last) if spends.last() == Some(&spend) => *last += count,
                _ => {
                    spends.push(spend);
                    counts.push(count);
                }
            }
        }
        Self { spends, counts }
    }

    /// These and further customers: what [`Spends::new`] makes of all of them.
    #[must_use]
    pub fn with(self, customers: impl IntoIterator<Item = (Spend, f64)>) -> Self {
        Self::new(self.spends.into_iter().zip(self.counts).chain(customers))
    }

    /// The distinct spends, in order.
    #[must_use]
    pub fn spends(&self) -> &[Spend] {
        &self.spends
    }

    /// How many customers have each spend.
    #[must_use]
    pub fn counts(&self) -> &[f64] {
        &self.counts
    }

    /// How many customers there are.
    #[must_use]
    pub fn customers(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// Pearson's correlation of the number of purchases with their mean spend over the customers, which the model
    /// takes to be 0. None where one of the two is the same for all customers.
    #[must_use]
    pub fn correlation(&self) -> Option<f64> {
        let customers = self.customers();
        let mean = |value: fn(&Spend) -> f64| self.sum(value) / customers;
        let (x, m) = (mean(|spend| spend.x), mean(|spend| spend.m));
        let covariance = self.sum(|spend| (spend.x - x) * (spend.m - m));
        let of_x = self.sum(|spend| (spend.x - x) * (spend.x - x));
        let of_m = self.sum(|spend| (spend.m - m) * (spend.m - m));
        (of_x > 0.0 && of_m > 0.0).then(|| (covariance / of_x.sqrt() / of_m.sqrt()).clamp(-1.0, 1.0))
    }

    /// The sum over all customers, in order.
    fn sum(&self, value: impl Fn(&Spend) -> f64) -> f64 {
        self.spends.iter().zip(&self.counts).map(|(spend, count)| count * value(spend)).sum()
    }
}

impl GammaGamma {
    /// The model's name in pipelines and cards.
    pub const NAME: &'static str = "gamma_gamma";

    /// Names of the parameters, in the order of every array here.
    pub const PARAMETERS: [&'static str; 3] = ["p", "q", "v"];

    /// A model with these parameters: `v` in the unit of money of the data.
    ///
    /// # Errors
    /// When one of them is not a finite number above 0.
    pub fn new(p: f64, q: f64, v: f64) -> Result<Self, ParameterError> {
        for (parameter, value) in [("p", p), ("q", q), ("v", v)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(ParameterError { model: Self::NAME, parameter, value });
            }
        }
        Ok(Self { p, q, v })
    }

    /// The parameters, in the order of [`GammaGamma::PARAMETERS`].
    #[must_use]
    pub fn parameters(&self) -> [f64; 3] {
        [self.p, self.q, self.v]
    }

    /// The parameters under which the spends are most likely.
    ///
    /// # Errors
    /// When there are fewer than two customers, when all have the same spend, and when no maximum is found or the
    /// likelihood is flat there.
    pub fn fit(spends: &Spends) -> Result<Maximum<3>, FitError> {
        let customers = spends.customers();
        if customers < 2.0 {
            return Err(FitError::TooFewCustomers { model: Self::NAME, customers: whole(customers) });
        }
        if spends.spends.len() == 1 {
            return Err(FitError::AllEqual { model: Self::NAME, customers: whole(customers) });
        }
        let search = Search { model: Self::NAME, names: Self::PARAMETERS, customers, patterns: spends.spends.len() };
        search.run(&starts(spends), |at| evaluate(at, spends))
    }

    /// The log likelihood of all customers with its derivatives, at the logarithms of the parameters.
    #[must_use]
    pub fn evaluate(log_parameters: &[f64; 3], spends: &Spends) -> Evaluation<3> {
        evaluate(log_parameters, spends)
    }

    /// Logarithm of the density of the mean spend `m` of `x` purchases, both above 0 (note 025, eq. 1a).
    #[must_use]
    pub fn log_likelihood(&self, spend: &Spend) -> f64 {
        let shape = self.p * spend.x;
        let total = spend.x * spend.m;
        let log_density = -shape * libm::log1p(self.v / total) - self.q * libm::log1p(total / self.v);
        log_density - libm::log(spend.m) - ln_beta(shape, self.q)
    }

    /// Expected spend of a purchase of a customer of whom nothing is known: p v / (q − 1). None where it is infinite
    /// (q ≤ 1).
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.conditional_mean(&Spend { x: 0.0, m: 0.0 })
    }

    /// Expected spend of a further purchase of a customer who spent this (note 025, eq. 5). None where it is infinite
    /// (p x + q ≤ 1).
    #[must_use]
    pub fn conditional_mean(&self, spend: &Spend) -> Option<f64> {
        // In this order the sum is exact where p x is 0 and q close to 1.
        let excess = self.p * spend.x + (self.q - 1.0);
        (excess > 0.0).then(|| self.p / excess * (self.v + spend.m * spend.x))
    }

    /// One possible total of `purchases` further purchases of a customer who spent this.
    pub fn simulate(&self, spend: &Spend, purchases: u64, random: &mut Pcg64) -> f64 {
        if purchases == 0 {
            return 0.0;
        }
        let rate = gamma(self.p * spend.x + self.q, self.v + spend.x * spend.m, random);
        gamma(self.p * purchases as f64, rate.max(f64::MIN_POSITIVE), random).min(f64::MAX)
    }
}

/// Guesses of (p, q, v) with the mean spend of the data, as logarithms.
fn starts(spends: &Spends) -> Vec<[f64; 3]> {
    let mean = spends.sum(|spend| spend.m) / spends.customers();
    [(5.0, 4.0), (1.5, 2.0), (1.0, 12.0)].map(|(p, q)| [p, q, mean * (q - 1.0) / p].map(libm::log)).to_vec()
}

/// The log likelihood of all customers with its derivatives: sums over the customers with equal x, since the rest
/// depends on x alone.
fn evaluate(log_parameters: &[f64; 3], spends: &Spends) -> Evaluation<3> {
    let [p, q, v] = log_parameters.map(libm::exp);
    sum_in_chunks(&spends.spends, &spends.counts, |spends, counts| {
        let mut sum = Evaluation::ZERO;
        let mut from = 0;
        while let Some(first) = spends.get(from) {
            let mut equal = Equal::default();
            while let Some(spend) = spends.get(from).filter(|spend| spend.x == first.x) {
                equal.add(counts[from], spend, v);
                from += 1;
            }
            sum.add(1.0, &equal.evaluate(p * first.x, q));
        }
        sum
    })
}

/// Sums over customers with the same number of purchases.
#[derive(Default)]
struct Equal {
    /// The customers.
    count: f64,
    /// ln m.
    mean: f64,
    /// ln(1 + v / (x m)).
    above: f64,
    /// ln(1 + x m / v).
    below: f64,
    /// w = v / (v + x m).
    share: f64,
    /// w (1 − w).
    spread: f64,
}

impl Equal {
    fn add(&mut self, count: f64, spend: &Spend, v: f64) {
        let total = spend.x * spend.m;
        let share = v / (v + total);
        self.count += count;
        self.mean += count * libm::log(spend.m);
        self.above += count * libm::log1p(v / total);
        self.below += count * libm::log1p(total / v);
        self.share += count * share;
        self.spread += count * (share * (total / (v + total)));
    }

    /// Their log likelihood with its derivatives by ln p, ln q and ln v, where p x is `shape`.
    fn evaluate(&self, shape: f64, q: f64) -> Evaluation<3> {
        let &Self { count, mean, above, below, share, spread } = self;
        let [psi_both, psi_shape, psi_q] = [shape + q, shape, q].map(digamma);
        let [bend_both, bend_shape, bend_q] = [shape + q, shape, q].map(trigamma);
        let by_p = shape * (count * (psi_both - psi_shape) - above);
        let by_q = q * (count * (psi_both - psi_q) - below);
        let p_p = by_p + count * shape * shape * (bend_both - bend_shape);
        let q_q = by_q + count * q * q * (bend_both - bend_q);
        let (p_q, p_v, q_v) = (count * shape * q * bend_both, -shape * share, q * (count - share));
        Evaluation {
            value: -shape * above - q * below - mean - count * ln_beta(shape, q),
            gradient: [by_p, by_q, q * (count - share) - shape * share],
            hessian: [[p_p, p_q, p_v], [p_q, q_q, q_v], [p_v, q_v, -(shape + q) * spread]],
        }
    }
}
