//! What the Pareto/NBD model says of the time to come.

use rand_pcg::Pcg64;

use super::{ParetoNbd, likelihood, starts};
use crate::special::{exponential, gamma, legendre_panels, ln_gamma_ratio, poisson};
use crate::{Evaluation, History, ParameterError, Patterns, PurchaseModel};

/// What is smaller than this share of an integral is left out.
const NEGLIGIBLE: f64 = 1e-18;

/// From here on a continued fraction gives the discounted lifetime.
const LARGE: f64 = 2.0;

/// The power of the time by which the points for probabilities of purchases are chosen is at most this.
const MOST_DETAIL: f64 = 40.0;

impl PurchaseModel for ParetoNbd {
    const NAME: &'static str = "pareto_nbd";

    type GivenAlive = Self;

    const PARAMETERS: [&'static str; 4] = ["r", "alpha", "s", "beta"];

    fn from_parameters([r, alpha, s, beta]: [f64; 4]) -> Result<Self, ParameterError> {
        Self::new(r, alpha, s, beta)
    }

    fn parameters(&self) -> [f64; 4] {
        [self.r, self.alpha, self.s, self.beta]
    }

    fn evaluate(log_parameters: &[f64; 4], patterns: &Patterns) -> Evaluation<4> {
        likelihood::evaluate(log_parameters, patterns)
    }

    fn starts(patterns: &Patterns) -> Vec<[f64; 4]> {
        starts(patterns)
    }

    fn log_likelihood(&self, history: &History) -> f64 {
        self.log_likelihood_of(history)
    }

    fn log_p_alive(&self, history: &History) -> f64 {
        -crate::special::softplus(self.log_odds_dead(history))
    }

    fn given_alive(&self, history: &History) -> Self {
        let &History { x, t, .. } = history;
        Self { r: self.r + x, alpha: self.alpha + t, s: self.s, beta: self.beta + t }
    }

    /// Note 009, eq. 27, in a form without a gap at s = 1.
    fn expected_purchases_new(&self, t: f64) -> f64 {
        self.r * (self.beta / self.alpha) * mean_lifetime(self.s, libm::log1p(t / self.beta))
    }

    /// Note 009, eq. 41.
    fn expected_purchases(&self, history: &History, t: f64) -> f64 {
        self.p_alive(history) * self.given_alive(history).expected_purchases_new(t)
    }

    fn expected_purchases_at(&self, history: &History, times: &[f64], expected: &mut [f64]) {
        self.p_alive_and_expected_at(history, times, expected);
    }

    fn p_alive_and_expected_at(&self, history: &History, times: &[f64], expected: &mut [f64]) -> f64 {
        let alive = self.p_alive(history);
        let then = self.given_alive(history);
        for (purchases, t) in expected.iter_mut().zip(times) {
            *purchases = alive * then.expected_purchases_new(*t);
        }
        alive
    }

    /// A new customer without purchases until t is a history without purchases.
    fn log_p_none_new(&self, t: f64) -> f64 {
        self.log_likelihood_of(&History { x: 0.0, t_x: 0.0, t })
    }

    /// The negative binomial distribution of the purchases until τ, over the time τ at which the customer leaves.
    fn purchase_probabilities_new(&self, t: f64, probabilities: &mut [f64]) {
        probabilities.fill(0.0);
        let mut coefficients = Vec::with_capacity(probabilities.len());
        for n in 0..probabilities.len() {
            coefficients.push(ln_gamma_ratio(self.r, n as f64) - libm::lgamma(n as f64 + 1.0));
        }
        let mut add = |share: f64, time: f64| {
            let bought = libm::log(time / (self.alpha + time));
            let none = -self.r * libm::log1p(time / self.alpha);
            for (n, (probability, coefficient)) in probabilities.iter_mut().zip(&coefficients).enumerate() {
                let factor = if n == 0 { none } else { coefficient + none + n as f64 * bought };
                *probability += share * libm::exp(factor);
            }
        };
        self.dropouts(t, coefficients.len(), &mut add);
        add(libm::exp(-self.s * libm::log1p(t / self.beta)), t);
    }

    /// Schmittlein, Morrison & Colombo's model discounted (Fader, Hardie & Lee 2005, "RFM and CLV", eq. 4).
    fn dert(&self, history: &History, delta: f64) -> Option<f64> {
        let alive = self.given_alive(history);
        let years = discounted_lifetime(alive.s, delta * alive.beta)?;
        Some(self.p_alive(history) * alive.r * (alive.beta / alive.alpha) * years)
    }

    fn simulate(&self, history: &History, t: f64, random: &mut Pcg64) -> u64 {
        if crate::special::uniform(random) >= self.p_alive(history) {
            return 0;
        }
        let alive = self.given_alive(history);
        let leaves = gamma(alive.s, alive.beta, random);
        let lifetime = if leaves > 0.0 { exponential(random) / leaves } else { f64::INFINITY };
        let buys = gamma(alive.r, alive.alpha, random);
        whole(poisson(buys * lifetime.min(t), random))
    }
}

impl ParetoNbd {
    /// Calls `add` with times in (0, t] at which a new customer may leave, each with its probability: few enough
    /// for up to `counts` purchases.
    fn dropouts(&self, t: f64, counts: usize, add: &mut impl FnMut(f64, f64)) {
        let &Self { r, alpha, s, beta } = self;
        let near = alpha.min(beta);
        let most = counts as f64;
        // Many purchases by τ change like a power of τ.
        let detail = most.min(MOST_DETAIL);
        let time = |y: f64| near * libm::expm1(y);
        let left = |y: f64| libm::log1p(time(y) / beta);
        let change = |start: f64, width: f64| {
            let (from, to) = (time(start), time(start + width));
            detail * width
                + r * libm::log((alpha + to) / (alpha + from))
                + (s + 1.0) * libm::log((beta + to) / (beta + from))
        };
        let part = |y: f64, weight: f64| {
            let density = s * (near / beta) * libm::exp(y - (s + 1.0) * left(y));
            add(weight * density, time(y));
            weight * density
        };
        // Where nobody is left, or nobody has bought so few times.
        let enough = |end: f64, _: f64| {
            let mean = r * time(end) / alpha;
            let spread = (mean * (1.0 + time(end) / alpha)).sqrt();
            s * left(end) > 42.0 || (r > 50.0 && mean - 12.0 * spread > most)
        };
        legendre_panels(libm::log1p(t / near), 1.0, change, part, enough);
    }
}

/// (1 − e^((1−s) y)) / (s − 1): how long a customer lives until a time t, in units of β, for y = ln(1 + t/β).
fn mean_lifetime(s: f64, y: f64) -> f64 {
    let z = (s - 1.0) * y;
    if z == 0.0 { y } else { y * (libm::expm1(-z) / -z) }
}

/// How long a customer lives, in units of β and discounted at a rate of `z` per β: Tricomi's Ψ(1, 2−s; z), which is
/// z^(s−1) Ψ(s, s; z). None where that is infinite.
fn discounted_lifetime(s: f64, z: f64) -> Option<f64> {
    if z <= 0.0 {
        return if s > 1.0 { Some(1.0 / (s - 1.0)) } else { None };
    }
    if z >= LARGE {
        return Some(fraction(s, z));
    }
    // By y = ln(1 + v): the integral of e^((1−s) y − z (e^y − 1)) from 0 on. Its end is that for a larger z.
    let log = |y: f64| (1.0 - s) * y - z * libm::expm1(y);
    let change = |start: f64, width: f64| (1.0 - s).abs() * width + z * libm::exp(start) * libm::expm1(width);
    let enough = |end: f64, sum: f64| {
        let slope = s - 1.0 + z * libm::exp(end);
        libm::exp(log(end)) < NEGLIGIBLE * slope * sum
    };
    let part = |y: f64, weight: f64| weight * libm::exp(log(y));
    let split = libm::log(LARGE / z);
    Some(legendre_panels(split, f64::INFINITY, change, part, enough) + libm::exp(log(split)) * fraction(s, LARGE))
}

/// Ψ(1, 2−s; z), which is `e^z E_s(z)`, for z ≥ [`LARGE`]: the even part of the continued fraction of DLMF 8.19.17, by
/// Lentz's method.
fn fraction(s: f64, z: f64) -> f64 {
    let mut below = z + s;
    let (mut up, mut down) = (f64::INFINITY, 1.0 / below);
    let mut value = down;
    for step in 1..200 {
        let step = f64::from(step);
        let above = -step * (s - 1.0 + step);
        below += 2.0;
        down = 1.0 / (above * down + below);
        up = below + above / up;
        value *= up * down;
        if (up * down - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

/// A drawn number as a count.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number, cut off at the largest")]
fn whole(number: f64) -> u64 {
    number as u64
}
