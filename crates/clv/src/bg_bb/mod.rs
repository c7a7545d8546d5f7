//! The BG/BB model: customers buy or not at every opportunity until they leave after one of them.

mod likelihood;
mod predictions;
#[cfg(test)]
mod tests;

use crate::{History, ParameterError};

/// The beta-geometric/beta-Bernoulli model (Fader, Hardie & Shang 2010).
///
/// While alive a customer buys at each opportunity with probability p, and leaves before each with probability θ.
/// Over the customers p has a beta distribution of `alpha` and `beta`, θ one of `gamma` and `delta`. All times are
/// numbers of opportunities: in a history `x` purchases, the last at opportunity `t_x` (0: none), of `t`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BgBb {
    alpha: f64,
    beta: f64,
    gamma: f64,
    delta: f64,
}

impl BgBb {
    /// A model with these parameters.
    ///
    /// # Errors
    /// When one of them is not a finite number above 0.
    pub fn new(alpha: f64, beta: f64, gamma: f64, delta: f64) -> Result<Self, ParameterError> {
        for (parameter, value) in [("alpha", alpha), ("beta", beta), ("gamma", gamma), ("delta", delta)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(ParameterError { model: "bg_bb", parameter, value });
            }
        }
        Ok(Self { alpha, beta, gamma, delta })
    }

    /// Logarithm of the probability that the customer was still a customer at the last opportunity, n.
    ///
    /// Whether the customer is there at the next one is [`crate::PurchaseModel::log_p_alive`].
    #[must_use]
    pub fn log_p_alive_n(&self, history: &History) -> f64 {
        -crate::special::softplus(self.log_odds_dead(history))
    }

    /// The probability that the customer was still a customer at the last opportunity, n.
    #[must_use]
    pub fn p_alive_n(&self, history: &History) -> f64 {
        libm::exp(self.log_p_alive_n(history))
    }

    /// The probability that the customer had left by the last opportunity, exact also where it is tiny.
    #[must_use]
    pub fn p_dead_n(&self, history: &History) -> f64 {
        crate::special::logistic(self.log_odds_dead(history))
    }

    /// The probability that the customer is a customer at the next opportunity, n + 1, given one at n.
    fn stays(&self, history: &History) -> f64 {
        let delta = self.delta + history.t;
        delta / (self.gamma + delta)
    }
}
