//! What the BG/BB model says of the opportunities to come.

use rand_pcg::Pcg64;

use super::BgBb;
use super::likelihood::{self, ln_gamma_cross_ratio};
use crate::special::{beta, beta_mean, digamma, geometric, ln_gamma_ratio, trigamma, uniform};
use crate::{Evaluation, History, ParameterError, Patterns, PurchaseModel};

/// Up to this many opportunities are added up one by one.
const FEW: f64 = 512.0;

/// Sums are scaled down when a term passes this.
const LARGE: f64 = 1e250;

impl PurchaseModel for BgBb {
    const NAME: &'static str = "bg_bb";

    type GivenAlive = Self;

    const PARAMETERS: [&'static str; 4] = ["alpha", "beta", "gamma", "delta"];

    fn from_parameters([alpha, beta, gamma, delta]: [f64; 4]) -> Result<Self, ParameterError> {
        Self::new(alpha, beta, gamma, delta)
    }

    fn parameters(&self) -> [f64; 4] {
        [self.alpha, self.beta, self.gamma, self.delta]
    }

    fn evaluate(log_parameters: &[f64; 4], patterns: &Patterns) -> Evaluation<4> {
        likelihood::evaluate(log_parameters, patterns)
    }

    fn starts(patterns: &Patterns) -> Vec<[f64; 4]> {
        let (mut purchases, mut opportunities) = (0.0, 0.0);
        for (history, count) in patterns.histories().iter().zip(patterns.counts()) {
            purchases += count * history.x;
            opportunities += count * history.t;
        }
        let share = (purchases / opportunities).clamp(0.01, 0.8);
        let length = opportunities / patterns.customers();
        let guess = |spread: f64, gamma: f64, lives: f64| {
            [spread * share, spread * (1.0 - share), gamma, gamma * lives * length].map(libm::log)
        };
        vec![guess(2.0, 0.7, 0.7), guess(1.0, 0.3, 2.0), guess(5.0, 3.0, 1.0)]
    }

    fn log_likelihood(&self, history: &History) -> f64 {
        self.log_likelihood_of(history)
    }

    /// The paper's probability to be alive (eq. 11): at the next opportunity, n + 1.
    fn log_p_alive(&self, history: &History) -> f64 {
        self.log_p_alive_n(history) + libm::log(self.stays(history))
    }

    fn p_alive(&self, history: &History) -> f64 {
        self.p_alive_n(history) * self.stays(history)
    }

    /// The model of a customer who is still there at the last opportunity, n.
    fn given_alive(&self, history: &History) -> Self {
        let &History { x, t: n, .. } = history;
        Self { alpha: self.alpha + x, beta: self.beta + (n - x), gamma: self.gamma, delta: self.delta + n }
    }

    /// The paper's eq. 8.
    fn expected_purchases_new(&self, t: f64) -> f64 {
        self.alpha / (self.alpha + self.beta) * expected_opportunities(self.gamma, self.delta, libm::floor(t))
    }

    /// The paper's eq. 13.
    fn expected_purchases(&self, history: &History, t: f64) -> f64 {
        self.p_alive_n(history) * self.given_alive(history).expected_purchases_new(t)
    }

    fn expected_purchases_at(&self, history: &History, times: &[f64], expected: &mut [f64]) {
        self.p_alive_and_expected_at(history, times, expected);
    }

    fn p_alive_and_expected_at(&self, history: &History, times: &[f64], expected: &mut [f64]) -> f64 {
        let alive = self.p_alive_n(history);
        let then = self.given_alive(history);
        for (purchases, t) in expected.iter_mut().zip(times) {
            *purchases = alive * then.expected_purchases_new(*t);
        }
        alive * self.stays(history)
    }

    /// A new customer without purchases until t is a history without purchases.
    fn log_p_none_new(&self, t: f64) -> f64 {
        self.log_likelihood_of(&History { x: 0.0, t_x: 0.0, t: libm::floor(t) })
    }

    /// The paper's eq. 7: who buys k times is there for i opportunities, all of them or the last before leaving.
    fn purchase_probabilities_new(&self, t: f64, probabilities: &mut [f64]) {
        let n = libm::floor(t);
        let mut at_first = 0.0;
        for (count, probability) in probabilities.iter_mut().enumerate() {
            let k = count as f64;
            // Of k opportunities all are bought at, and the customer has not left until then.
            if k > 0.0 {
                at_first = ln_gamma_ratio(self.alpha, k)
                    - ln_gamma_ratio(self.alpha + self.beta, k)
                    - ln_gamma_cross_ratio(self.delta, self.gamma, k);
            }
            *probability = if k > n { 0.0 } else { self.probability_of(k, n, at_first) };
        }
    }

    /// As for every model, but with the probability to be there at n, on which [`BgBb::given_alive`] builds.
    fn purchase_probabilities(&self, history: &History, t: f64, probabilities: &mut [f64]) {
        let alive = self.p_alive_n(history);
        self.given_alive(history).purchase_probabilities_new(t, probabilities);
        for probability in probabilities.iter_mut() {
            *probability *= alive;
        }
        if let Some(none) = probabilities.first_mut() {
            *none += self.p_dead_n(history);
        }
    }

    /// The paper's eq. 14, as the mean of (1 − θ) / (d + θ): what a customer who leaves with probability θ before each
    /// opportunity has left of them, discounted.
    fn dert(&self, history: &History, delta: f64) -> Option<f64> {
        let alive = self.given_alive(history);
        let opportunities = if delta > 0.0 {
            let reciprocal = beta_mean(alive.gamma, alive.delta + 1.0, |theta| 1.0 / (delta + theta));
            alive.delta / (alive.gamma + alive.delta) * reciprocal
        } else if alive.gamma > 1.0 {
            alive.delta / (alive.gamma - 1.0)
        } else {
            return None;
        };
        Some(self.p_alive_n(history) * (alive.alpha / (alive.alpha + alive.beta)) * opportunities)
    }

    fn simulate(&self, history: &History, t: f64, random: &mut Pcg64) -> u64 {
        if uniform(random) >= self.p_alive_n(history) {
            return 0;
        }
        let alive = self.given_alive(history);
        let theta = beta(alive.gamma, alive.delta, random);
        let p = beta(alive.alpha, alive.beta, random);
        let opportunities = libm::floor(t).min(geometric(theta, random) - 1.0);
        let (mut bought, mut at) = (0, geometric(p, random));
        while at <= opportunities {
            bought += 1;
            at += geometric(p, random);
        }
        bought
    }
}

impl BgBb {
    /// The probability of `k` purchases at the first n opportunities, from the logarithm of the probability to buy at
    /// all of the first k and be there.
    fn probability_of(&self, k: f64, n: f64, at_first: f64) -> f64 {
        let &Self { alpha, beta, gamma, delta } = self;
        // Terms and their sum are by e^log.
        let (mut term, mut sum, mut log, mut i) = (1.0, 0.0, at_first, k);
        while i < n {
            sum += term * (gamma / (gamma + delta + i));
            term *= (i + 1.0) / (i + 1.0 - k) * ((beta + i - k) / (alpha + beta + i));
            term *= (delta + i) / (gamma + delta + i);
            if term > LARGE {
                (term, sum, log) = (term / LARGE, sum / LARGE, log + libm::log(LARGE));
            }
            i += 1.0;
        }
        libm::exp(log + libm::log(sum + term))
    }
}

/// The opportunities among the next `m` at which a customer is there, who leaves before each with a probability that
/// has a beta distribution: δ / (γ − 1) · (1 − Γ(1+δ+m) Γ(γ+δ) / (Γ(γ+δ+m) Γ(1+δ))), without a gap at γ = 1.
fn expected_opportunities(gamma: f64, delta: f64, m: f64) -> f64 {
    let (mut there, mut sum, mut k) = (1.0, 0.0, 0.0);
    while k < m.min(FEW) {
        there *= (delta + k) / (gamma + delta + k);
        sum += there;
        k += 1.0;
    }
    if k >= m {
        return sum;
    }
    let (a, d, rest) = (delta + 1.0 + k, gamma - 1.0, m - k);
    let log = if d.abs() < 1e-5 {
        let curvature = trigamma(a + rest) - trigamma(a);
        d * (digamma(a + rest) - digamma(a) + 0.5 * d * curvature)
    } else if d < 0.0 {
        -ln_gamma_cross_ratio(a + d, -d, rest)
    } else {
        ln_gamma_cross_ratio(a, d, rest)
    };
    let opportunities = if d == 0.0 { digamma(a + rest) - digamma(a) } else { -libm::expm1(-log) / d };
    sum + there * (delta + k) * opportunities
}
