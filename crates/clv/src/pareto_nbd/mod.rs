//! The Pareto/NBD model: customers buy at a rate λ until they leave, which they do at a rate μ.

mod dropout;
mod likelihood;
mod predictions;
#[cfg(test)]
mod tests;

use crate::{History, ParameterError, Patterns};

/// The Pareto/NBD model (Schmittlein, Morrison & Colombo 1987; Fader & Hardie, note 009).
///
/// While alive a customer buys as a Poisson process of rate λ, and leaves after an exponential time of rate μ. Over
/// the customers λ has a gamma distribution of shape `r` and rate `alpha`, μ one of shape `s` and rate `beta`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParetoNbd {
    r: f64,
    alpha: f64,
    s: f64,
    beta: f64,
}

impl ParetoNbd {
    /// A model with these parameters: `alpha` and `beta` in the unit of time of the histories.
    ///
    /// # Errors
    /// When one of them is not a finite number above 0.
    pub fn new(r: f64, alpha: f64, s: f64, beta: f64) -> Result<Self, ParameterError> {
        for (parameter, value) in [("r", r), ("alpha", alpha), ("s", s), ("beta", beta)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(ParameterError { model: "pareto_nbd", parameter, value });
            }
        }
        Ok(Self { r, alpha, s, beta })
    }

    /// The probability that the customer has left by the end of the history, exact also where it is tiny.
    #[must_use]
    pub fn p_dead(&self, history: &History) -> f64 {
        crate::special::logistic(self.log_odds_dead(history))
    }
}

/// Guesses of (r, α, s, β) from the mean number of repeat purchases per unit of time, as logarithms.
fn starts(patterns: &Patterns) -> Vec<[f64; 4]> {
    let (mut purchases, mut time) = (0.0, 0.0);
    for (history, count) in patterns.histories().iter().zip(patterns.counts()) {
        purchases += count * history.x;
        time += count * history.t;
    }
    let mean_time = time / patterns.customers();
    let rate = purchases / time;
    let guess = |r: f64, s: f64, lives: f64| {
        let beta = lives * mean_time;
        [r, r / (2.0 * rate), s, beta].map(libm::log)
    };
    vec![guess(0.7, 0.7, 0.5), guess(2.0, 0.3, 0.2), guess(0.3, 2.0, 3.0)]
}
