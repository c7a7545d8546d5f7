//! BG/NBD and MBG/NBD: purchases are Poisson while a customer is alive, and each purchase may be the last.
//!
//! A customer buys at a rate λ, gamma distributed with shape `r` and rate `alpha`, and is lost after a purchase with
//! a probability p, beta distributed with `a` and `b`. In the BG/NBD (Fader, Hardie & Lee 2005, "Counting your
//! customers" the easy way) the first purchase is never the last; in the MBG/NBD (Batislam, Denizel & Filiztekin
//! 2007) it may be. So a customer with x repeat purchases has escaped x chances to drop out in the one model and
//! x + 1 in the other, and that is all the difference.

mod likelihood;
mod purchases;

#[cfg(test)]
mod tests;

use rand_pcg::Pcg64;

use crate::special::{beta, gamma, geometric, ln_gamma_ratio, poisson, softplus, uniform};
use crate::{Evaluation, History, ParameterError, Patterns, PurchaseModel};

/// The beta-geometric/NBD model (Fader, Hardie & Lee 2005): a customer without repeat purchases is alive.
pub type BgNbd = BetaGeometric<false>;

/// The modified beta-geometric/NBD model (Batislam et al. 2007): a customer may drop out at the first purchase.
pub type MbgNbd = BetaGeometric<true>;

/// The model of either paper; `FROM_START` tells whether the first purchase may be the last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetaGeometric<const FROM_START: bool> {
    r: f64,
    alpha: f64,
    a: f64,
    b: f64,
}

impl<const FROM_START: bool> BetaGeometric<FROM_START> {
    /// Chances to drop out that a customer with `x` repeat purchases has escaped, if alive.
    fn escapes(x: f64) -> f64 {
        if FROM_START { x + 1.0 } else { x }
    }

    /// Expected purchases of a new customer in each of the times after the first purchase; fills `expected`.
    fn expected_each_new(&self, times: &[f64], expected: &mut [f64]) {
        let Self { r, alpha, a, b } = *self;
        let (escaped, b) = if FROM_START { (b / (a + b), b + 1.0) } else { (1.0, b) };
        purchases::expected_each([r, alpha, a, b], times, expected);
        for purchases in expected.iter_mut() {
            *purchases *= escaped;
        }
    }

    /// The logarithm of the odds that a customer is lost; None where that can't be.
    ///
    /// The papers' ratio of the two terms of the likelihood: `a / (b + n − 1) · ((α + T) / (α + t_x))^(r + x)` for
    /// n escapes.
    fn ln_odds_lost(&self, history: &History) -> Option<f64> {
        let escapes = Self::escapes(history.x);
        if escapes == 0.0 {
            return None;
        }
        let silence = libm::log1p((history.t - history.t_x) / (self.alpha + history.t_x));
        Some(libm::log(self.a / (self.b + (escapes - 1.0))) + (self.r + history.x) * silence)
    }
}

impl<const FROM_START: bool> PurchaseModel for BetaGeometric<FROM_START> {
    const NAME: &'static str = if FROM_START { "mbg_nbd" } else { "bg_nbd" };

    const PARAMETERS: [&'static str; 4] = ["r", "alpha", "a", "b"];

    type GivenAlive = BgNbd;

    fn from_parameters(parameters: [f64; 4]) -> Result<Self, ParameterError> {
        for (parameter, value) in Self::PARAMETERS.into_iter().zip(parameters) {
            if !(value > 0.0 && value.is_finite()) {
                return Err(ParameterError { model: Self::NAME, parameter, value });
            }
        }
        let [r, alpha, a, b] = parameters;
        Ok(Self { r, alpha, a, b })
    }

    fn parameters(&self) -> [f64; 4] {
        [self.r, self.alpha, self.a, self.b]
    }

    fn evaluate(log_parameters: &[f64; 4], patterns: &Patterns) -> Evaluation<4> {
        let [r, alpha, a, b] = log_parameters.map(libm::exp);
        Self { r, alpha, a, b }.sum(patterns)
    }

    /// The mean rate of purchases sets `alpha`; the rest are guesses that cover what is seen of customers.
    fn starts(patterns: &Patterns) -> Vec<[f64; 4]> {
        let (mut purchases, mut time) = (0.0, 0.0);
        for (history, count) in patterns.histories().iter().zip(patterns.counts()) {
            purchases += count * history.x;
            time += count * history.t;
        }
        // Lost customers buy no more: while alive the rate is higher.
        let rate = 2.0 * purchases / time;
        let guesses = [[0.5, 0.5, 2.0], [1.0, 1.0, 1.0], [0.25, 1.0, 10.0], [2.0, 0.1, 3.0]];
        guesses.map(|[r, a, b]| [r, r / rate, a, b].map(libm::log)).to_vec()
    }

    /// Fader, Hardie & Lee (2005), eq. 6; Batislam et al. (2007), eq. 4.
    fn log_likelihood(&self, history: &History) -> f64 {
        let Self { r, alpha, a, b } = *self;
        let escapes = Self::escapes(history.x);
        let purchases = ln_gamma_ratio(r, history.x)
            - r * libm::log1p(history.t / alpha)
            - history.x * libm::log(alpha + history.t);
        let alive = purchases + (ln_gamma_ratio(b, escapes) - ln_gamma_ratio(a + b, escapes));
        alive + self.ln_odds_lost(history).map_or(0.0, softplus)
    }

    fn log_p_alive(&self, history: &History) -> f64 {
        self.ln_odds_lost(history).map_or(0.0, |odds| -softplus(odds))
    }

    /// After a repeat purchase there is no dropout at time 0: a BG/NBD for either model.
    fn given_alive(&self, history: &History) -> BgNbd {
        BetaGeometric {
            r: self.r + history.x,
            alpha: self.alpha + history.t,
            a: self.a,
            b: self.b + Self::escapes(history.x),
        }
    }

    fn expected_purchases_new(&self, t: f64) -> f64 {
        let mut expected = [0.0];
        self.expected_each_new(&[t], &mut expected);
        expected[0]
    }

    fn expected_purchases(&self, history: &History, t: f64) -> f64 {
        let mut expected = [0.0];
        self.expected_purchases_at(history, &[t], &mut expected);
        expected[0]
    }

    fn expected_purchases_at(&self, history: &History, times: &[f64], expected: &mut [f64]) {
        self.p_alive_and_expected_at(history, times, expected);
    }

    fn p_alive_and_expected_at(&self, history: &History, times: &[f64], expected: &mut [f64]) -> f64 {
        let p_alive = self.p_alive(history);
        if p_alive == 0.0 {
            expected.fill(0.0);
            return 0.0;
        }
        self.given_alive(history).expected_each_new(times, expected);
        for purchases in expected.iter_mut() {
            *purchases *= p_alive;
        }
        p_alive
    }

    /// No purchase without dropout, or dropout at the first one.
    fn log_p_none_new(&self, t: f64) -> f64 {
        let none = -self.r * libm::log1p(t / self.alpha);
        if FROM_START { libm::log1p(self.b / (self.a + self.b) * libm::expm1(none)) } else { none }
    }

    fn purchase_probabilities_new(&self, t: f64, probabilities: &mut [f64]) {
        purchases::probabilities(self, t, probabilities);
    }

    fn dert(&self, _history: &History, _delta: f64) -> Option<f64> {
        None
    }

    fn simulate(&self, history: &History, t: f64, random: &mut Pcg64) -> u64 {
        if uniform(random) >= self.p_alive(history) {
            return 0;
        }
        let alive = self.given_alive(history);
        let rate = gamma(alive.r, alive.alpha, random);
        let last = geometric(beta(alive.a, alive.b, random), random);
        whole(poisson(rate * t, random).min(last))
    }
}

/// A drawn number of purchases.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, cut off at the largest")]
fn whole(purchases: f64) -> u64 {
    purchases as u64
}
