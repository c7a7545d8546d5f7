//! The likelihood of the BG/BB model, with its derivatives.

use super::BgBb;
use crate::chunks::sum_over_chunks;
use crate::special::{digamma, ln_gamma_ratio, softplus, trigamma};
use crate::{Evaluation, History, Patterns};

/// What is smaller than this share of a sum is left out.
const NEGLIGIBLE: f64 = 1e-18;

/// ln Γ(a+d+n) Γ(a) / (Γ(a+d) Γ(a+n)), without the cancellation of the differences.
pub(super) fn ln_gamma_cross_ratio(a: f64, d: f64, n: f64) -> f64 {
    if d < n {
        ln_gamma_ratio(a + n, d) - ln_gamma_ratio(a, d)
    } else {
        ln_gamma_ratio(a + d, n) - ln_gamma_ratio(a, n)
    }
}

impl BgBb {
    /// Logarithm of the odds that a customer had left by the last opportunity (the terms of eq. 5 but for the first, by
    /// that one). Minus infinity where the customer bought at the last opportunity.
    pub(super) fn log_odds_dead(&self, history: &History) -> f64 {
        let &Self { alpha, beta, gamma, delta } = self;
        let &History { x, t_x, t: n } = history;
        let unseen = n - t_x;
        if unseen < 1.0 {
            return f64::NEG_INFINITY;
        }
        // By the term of those who left right after the last purchase.
        let (mut term, mut sum, mut j) = (1.0, 1.0, t_x);
        while j + 1.0 < n && term * (n - 1.0 - j) > NEGLIGIBLE * sum {
            term *= (beta - x + j) / (alpha + beta + j) * ((delta + j) / (gamma + delta + 1.0 + j));
            sum += term;
            j += 1.0;
        }
        let bought = ln_gamma_cross_ratio(beta + (t_x - x), alpha + x, unseen);
        let left = libm::log(gamma / (gamma + delta + t_x)) + ln_gamma_cross_ratio(delta + t_x, gamma, unseen);
        bought + left + libm::log(sum)
    }

    /// The log likelihood of one customer (eq. 5): that of the purchases of one who is still there, and the odds.
    pub(super) fn log_likelihood_of(&self, history: &History) -> f64 {
        let &Self { alpha, beta, gamma, delta } = self;
        let &History { x, t: n, .. } = history;
        let bought =
            ln_gamma_ratio(alpha, x) - ln_gamma_ratio(alpha + beta, x) - ln_gamma_cross_ratio(beta, alpha + x, n - x);
        bought - ln_gamma_cross_ratio(delta, gamma, n) + softplus(self.log_odds_dead(history))
    }
}

/// The log likelihood of all customers with its derivatives, at logarithms of the parameters.
pub(super) fn evaluate(log_parameters: &[f64; 4], patterns: &Patterns) -> Evaluation<4> {
    let [alpha, beta, gamma, delta] = log_parameters.map(libm::exp);
    let model = BgBb { alpha, beta, gamma, delta };
    sum_over_chunks(patterns, |histories, counts| {
        let mut sum = Evaluation::ZERO;
        for (history, &count) in histories.iter().zip(counts) {
            sum.add(count, &model.evaluate_one(history));
        }
        sum
    })
}

/// ψ and ψ′ at a number that is counted up.
#[derive(Clone, Copy)]
struct Psi {
    at: f64,
    first: f64,
    second: f64,
}

impl Psi {
    fn new(at: f64) -> Self {
        Self { at, first: digamma(at), second: trigamma(at) }
    }

    fn count(&mut self) {
        let inverse = 1.0 / self.at;
        self.first += inverse;
        self.second -= inverse * inverse;
        self.at += 1.0;
    }

    fn less(&self, other: &Self) -> [f64; 2] {
        [self.first - other.first, self.second - other.second]
    }
}

/// Derivatives of one term of the likelihood by α, β, γ and δ.
struct Term {
    gradient: [f64; 4],
    /// By α twice, α and β, β twice; γ twice, γ and δ, δ twice.
    hessian: [f64; 6],
}

impl Term {
    /// From the differences of ψ and ψ′ at: buys, does not buy, either; leaves, stays, either.
    fn new([buys, not, either, leaves, stays, both]: [[f64; 2]; 6]) -> Self {
        Self {
            gradient: [buys[0] - either[0], not[0] - either[0], leaves[0] - both[0], stays[0] - both[0]],
            hessian: [
                buys[1] - either[1],
                -either[1],
                not[1] - either[1],
                leaves[1] - both[1],
                -both[1],
                stays[1] - both[1],
            ],
        }
    }
}

/// The likelihood's terms added up: the mean of their derivatives, weighted by the terms.
#[derive(Default)]
struct Mixture {
    share: f64,
    gradient: [f64; 4],
    hessian: [[f64; 4]; 4],
}

impl Mixture {
    fn add(&mut self, share: f64, term: &Term) {
        self.share += share;
        for i in 0..4 {
            let value = share * term.gradient[i];
            self.gradient[i] += value;
            for j in i..4 {
                self.hessian[i][j] += value * term.gradient[j];
            }
        }
        for (k, (i, j)) in [(0, 0), (0, 1), (1, 1), (2, 2), (2, 3), (3, 3)].into_iter().enumerate() {
            self.hessian[i][j] += share * term.hessian[k];
        }
    }

    /// With these values and parameters, by the log parameters.
    fn finish(&self, value: f64, parameters: [f64; 4]) -> Evaluation<4> {
        let mut result = Evaluation { value, ..Evaluation::ZERO };
        let mean = self.gradient.map(|sum| sum / self.share);
        for i in 0..4 {
            result.gradient[i] = parameters[i] * mean[i];
            for j in i..4 {
                let second = self.hessian[i][j] / self.share - mean[i] * mean[j];
                let second = parameters[i] * parameters[j] * second;
                result.hessian[i][j] = second;
                result.hessian[j][i] = second;
            }
            result.hessian[i][i] += result.gradient[i];
        }
        result
    }
}

impl BgBb {
    /// One customer's log likelihood with its derivatives by the log parameters.
    fn evaluate_one(&self, history: &History) -> Evaluation<4> {
        let &Self { alpha, beta, gamma, delta } = self;
        let &History { x, t_x, t: n } = history;
        let [alpha_0, beta_0, both_0] = [alpha, beta, alpha + beta].map(Psi::new);
        let [gamma_0, delta_0, left_0] = [gamma, delta, gamma + delta].map(Psi::new);
        let buys = Psi::new(alpha + x).less(&alpha_0);
        let mut not = Psi::new(beta + (t_x - x));
        let mut either = Psi::new(alpha + beta + t_x);
        let mut stays = Psi::new(delta + t_x);
        let mut left = Psi::new(gamma + delta + t_x);
        let leaves = Psi::new(gamma + 1.0).less(&gamma_0);
        let mut mixture = Mixture::default();
        let (mut term, mut j) = (1.0, t_x);
        loop {
            let bought = [buys, not.less(&beta_0), either.less(&both_0)];
            let stayed = stays.less(&delta_0);
            if j >= n {
                // The term of those still there, by that of those who left after opportunity n − 1.
                let [b0, b1, b2] = bought;
                let share = if n > t_x { term * (gamma + delta + n) / gamma } else { 1.0 };
                mixture.add(share, &Term::new([b0, b1, b2, [0.0; 2], stayed, left.less(&left_0)]));
                break;
            }
            let mut after = left;
            after.count();
            let [b0, b1, b2] = bought;
            mixture.add(term, &Term::new([b0, b1, b2, leaves, stayed, after.less(&left_0)]));
            term *= not.at / either.at * (stays.at / after.at);
            for psi in [&mut not, &mut either, &mut stays, &mut left] {
                psi.count();
            }
            j += 1.0;
        }
        mixture.finish(self.log_likelihood_of(history), [alpha, beta, gamma, delta])
    }
}
