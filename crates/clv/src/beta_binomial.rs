//! The beta-binomial model: how probable an event is for a customer, such as that an invoice is never paid.

#[cfg(test)]
mod tests;

use crate::chunks::sum_in_chunks;
use crate::maximum::{Search, whole};
use crate::special::{digamma, ln_gamma_ratio, trigamma};
use crate::{Evaluation, FitError, Maximum, ParameterError};

/// The beta-binomial model (Skellam 1948): each customer has a probability of their own, from a beta distribution of
/// `alpha` and `beta`, with which each of their trials is an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetaBinomial {
    alpha: f64,
    beta: f64,
}

/// What was seen of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trials {
    /// How many trials there were.
    pub trials: u64,
    /// How many of them were events.
    pub events: u64,
}

impl Trials {
    fn others(self) -> u64 {
        self.trials.saturating_sub(self.events)
    }
}

/// Distinct trials with how many customers have each, ordered: the order of every sum.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrialCounts {
    trials: Vec<Trials>,
    counts: Vec<f64>,
}

impl TrialCounts {
    /// Counts equal trials once. Customers without a trial say nothing, and are left out; more events than trials count as
    /// so many trials.
    pub fn new(customers: impl IntoIterator<Item = (Trials, f64)>) -> Self {
        let capped = |(seen, count): (Trials, f64)| (Trials { events: seen.events.min(seen.trials), ..seen }, count);
        let mut all: Vec<(Trials, f64)> =
            customers.into_iter().filter(|(seen, _)| seen.trials > 0).map(capped).collect();
        all.sort_by_key(|(seen, _)| *seen);
        let mut of = Self::default();
        for (seen, count) in all {
            match of.counts.last_mut() {
                Some(last) if of.trials.last() == Some(&seen) => *last += count,
                _ => {
                    of.trials.push(seen);
                    of.counts.push(count);
                }
            }
        }
        of
    }

    /// The customers of several parts.
    #[must_use]
    pub fn merge<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::new(parts.into_iter().flat_map(Self::iter))
    }

    /// The distinct trials in order, each with its number of customers.
    pub fn iter(&self) -> impl Iterator<Item = (Trials, f64)> {
        self.trials.iter().copied().zip(self.counts.iter().copied())
    }

    /// How many customers have a trial.
    #[must_use]
    pub fn customers(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// All trials.
    #[must_use]
    pub fn trials(&self) -> f64 {
        self.iter().map(|(seen, count)| count * seen.trials as f64).sum()
    }

    /// All events.
    #[must_use]
    pub fn events(&self) -> f64 {
        self.iter().map(|(seen, count)| count * seen.events as f64).sum()
    }
}

impl BetaBinomial {
    /// The model's name.
    pub const NAME: &'static str = "beta_binomial";

    /// Names of the parameters, in the order of every array here.
    pub const PARAMETERS: [&'static str; 2] = ["alpha", "beta"];

    /// A model with these parameters.
    ///
    /// # Errors
    /// When one of them is not a finite number above 0.
    pub fn new(alpha: f64, beta: f64) -> Result<Self, ParameterError> {
        for (parameter, value) in [("alpha", alpha), ("beta", beta)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(ParameterError { model: Self::NAME, parameter, value });
            }
        }
        Ok(Self { alpha, beta })
    }

    /// The parameters, in the order of [`BetaBinomial::PARAMETERS`].
    #[must_use]
    pub fn parameters(&self) -> [f64; 2] {
        [self.alpha, self.beta]
    }

    /// The probability of an event for a customer of whom this was seen: (α + events) / (α + β + trials).
    #[must_use]
    pub fn probability(&self, seen: Trials) -> f64 {
        let hit = self.alpha + seen.events.min(seen.trials) as f64;
        hit / (hit + self.beta + seen.others() as f64)
    }

    /// Logarithm of the probability of these events in one of their orders: B(α + events, β + others) / B(α, β).
    #[must_use]
    pub fn log_likelihood(&self, seen: Trials) -> f64 {
        rising(self.alpha, seen.events.min(seen.trials)).value + rising(self.beta, seen.others()).value
            - rising(self.alpha + self.beta, seen.trials).value
    }

    /// The sum of [`BetaBinomial::log_likelihood`] over customers.
    #[must_use]
    pub fn log_likelihood_of(&self, customers: &TrialCounts) -> f64 {
        customers.iter().map(|(seen, count)| count * self.log_likelihood(seen)).sum()
    }

    /// The parameters under which the events are most likely.
    ///
    /// # Errors
    /// When there are fewer than two customers, when all have the same events, when there is no event or nothing else, and
    /// when customers do not differ by more than chance or have one trial each: then only the mean is known.
    pub fn fit(customers: &TrialCounts) -> Result<Maximum<2>, FitError> {
        let mean = customers.events() / customers.trials();
        let starts = [1.0, 10.0, 100.0].map(|sum: f64| [mean * sum, (1.0 - mean) * sum].map(libm::log));
        search(customers, &TrialCounts::default(), 0.0, &starts)
    }

    /// The maximum of `LL_own + strength · LL_all / N_all`, as if so many average customers of `all` joined the own ones; the
    /// search starts at these logarithms of the parameters, best those of a fit to `all`. Its log likelihood is that of
    /// the own ones; its covariance is from the curvature of what was maximised.
    ///
    /// # Errors
    /// As [`BetaBinomial::fit`], of all that counts.
    pub fn fit_leaning(
        own: &TrialCounts,
        all: &TrialCounts,
        strength: f64,
        start: [f64; 2],
    ) -> Result<Maximum<2>, FitError> {
        search(own, all, strength, &[start])
    }

    /// The log likelihood of all customers with its derivatives, at the logarithms of the parameters.
    #[must_use]
    pub fn evaluate(log_parameters: &[f64; 2], customers: &TrialCounts) -> Evaluation<2> {
        let [alpha, beta] = log_parameters.map(libm::exp);
        let sum = sum_in_chunks(&customers.trials, &customers.counts, |trials, counts| {
            let mut sum = Evaluation::ZERO;
            for (seen, count) in trials.iter().zip(counts) {
                let [hit, missed] = [rising(alpha, seen.events), rising(beta, seen.others())];
                let both = rising(alpha + beta, seen.trials);
                let of_one = Evaluation {
                    value: hit.value + missed.value - both.value,
                    gradient: [hit.slope - both.slope, missed.slope - both.slope],
                    hessian: [[hit.bend - both.bend, -both.bend], [-both.bend, missed.bend - both.bend]],
                };
                sum.add(*count, &of_one);
            }
            sum
        });
        sum.by_logarithms(&[alpha, beta])
    }
}

/// The maximum of what [`BetaBinomial::fit_leaning`] says, from the best of `starts`.
fn search(own: &TrialCounts, all: &TrialCounts, strength: f64, starts: &[[f64; 2]]) -> Result<Maximum<2>, FitError> {
    const NAME: &str = BetaBinomial::NAME;
    let share = if strength > 0.0 && all.customers() > 0.0 { strength / all.customers() } else { 0.0 };
    let weighed = |of: fn(&TrialCounts) -> f64| of(own) + share * of(all);
    let customers = weighed(TrialCounts::customers);
    let (trials, events) = (weighed(TrialCounts::trials), weighed(TrialCounts::events));
    let patterns = own.trials.len() + if share > 0.0 { all.trials.len() } else { 0 };
    if customers < 2.0 {
        return Err(FitError::TooFewCustomers { model: NAME, customers: whole(customers) });
    }
    if events <= 0.0 || events >= trials || patterns < 2 {
        return Err(FitError::AllEqual { model: NAME, customers: whole(customers) });
    }
    let search = Search { model: NAME, names: BetaBinomial::PARAMETERS, customers, patterns };
    let mut maximum = search.run(starts, |at| {
        let mut sum = BetaBinomial::evaluate(at, own);
        if share > 0.0 {
            sum.add(share, &BetaBinomial::evaluate(at, all));
        }
        sum
    })?;
    maximum.customers = own.customers();
    let [alpha, beta] = maximum.parameters;
    maximum.log_likelihood = BetaBinomial { alpha, beta }.log_likelihood_of(own);
    Ok(maximum)
}

/// ln(a (a + 1) … (a + n − 1)) and its derivatives by a.
struct Rising {
    value: f64,
    slope: f64,
    bend: f64,
}

/// Terms that are added up one by one; beyond, gamma functions give the sum.
const FEW: u64 = 64;

fn rising(a: f64, n: u64) -> Rising {
    let count = n as f64;
    if n > FEW {
        return Rising {
            value: ln_gamma_ratio(a, count),
            slope: digamma(a + count) - digamma(a),
            bend: trigamma(a + count) - trigamma(a),
        };
    }
    let mut sum = Rising { value: ln_gamma_ratio(a, count), slope: 0.0, bend: 0.0 };
    let mut i = 0.0;
    while i < count {
        let inverse = 1.0 / (a + i);
        sum.slope += inverse;
        sum.bend -= inverse * inverse;
        i += 1.0;
    }
    sum
}
