//! How many purchases are to come: their mean and their distribution.

use super::BetaGeometric;
use crate::special::{beta_cdf, beta_mean};

/// The most terms of the series for the mean; where it needs more, an integral is faster.
const MOST_TERMS: f64 = 1200.0;

/// The series starts at the probability of no purchase, which must not underflow: at least e^−600.
const DEEPEST: f64 = 600.0;

/// Terms are left out when all of them together are below this share of the sum.
const PRECISION: f64 = 1e-12;

/// Times for which the series is summed together.
const TOGETHER: usize = 4;

/// Expected purchases within each of `times` where the first purchase is never the last, for the parameters r, α, a
/// and b; fills `expected`, which is as long. Fader, Hardie & Lee (2005), eq. 9.
///
/// The papers' closed form divides by a − 1 and overflows. Here it is the mean, over the number of purchases without
/// dropout (negative binomial), of the expected number that dropout leaves: n + 1 purchases leave Σ over k ≤ n of
/// B(a, b + k) / B(a, b). All terms are positive.
pub(super) fn expected_each(parameters: [f64; 4], times: &[f64], expected: &mut [f64]) {
    let [r, alpha, a, b] = parameters;
    for (times, expected) in times.chunks(TOGETHER).zip(expected.chunks_mut(TOGETHER)) {
        // Times in units of α; the last is repeated where there are fewer.
        let mut scaled = [times[times.len() - 1] / alpha; TOGETHER];
        for (scaled, t) in scaled.iter_mut().zip(times) {
            *scaled = t / alpha;
        }
        if times.len() > 1 && scaled.iter().all(|&u| in_series(r, u)) {
            expected.copy_from_slice(&series(r, scaled, a, b)[..times.len()]);
            continue;
        }
        for (expected, &u) in expected.iter_mut().zip(&scaled) {
            *expected = if in_series(r, u) {
                series(r, [u], a, b)[0]
            } else {
                beta_mean(a, b, |p| -libm::expm1(-r * libm::log1p(p * u)) / p)
            };
        }
    }
}

/// Whether the series is the faster way and does not underflow.
fn in_series(shape: f64, u: f64) -> bool {
    let mean = shape * u;
    let spread = (mean * (1.0 + u)).sqrt();
    mean + 8.0 * spread + 30.0 * (1.0 + u) <= MOST_TERMS && shape * libm::log1p(u) <= DEEPEST
}

/// The series for some times together: the factors of its terms that do not depend on the time are shared.
fn series<const N: usize>(shape: f64, times: [f64; N], a: f64, b: f64) -> [f64; N] {
    let success = times.map(|u| u / (1.0 + u));
    let mut probabilities = times.map(|u| libm::exp(-shape * libm::log1p(u)));
    let (mut survival, mut left, mut sums) = (1.0, 0.0, [0.0; N]);
    let mut n = 0.0;
    loop {
        for _ in 0..4 {
            let growth = (shape + n) / (n + 1.0);
            left += survival;
            survival *= (b + n) / (a + b + n);
            for i in 0..N {
                probabilities[i] *= success[i] * growth;
                sums[i] += probabilities[i] * left;
            }
            n += 1.0;
        }
        // The ratio of two terms falls from here on, so that the rest is below a geometric series.
        let done = |i: usize| {
            let ratio = success[i] * (shape + n) / n;
            probabilities[i] * left * ratio <= PRECISION * sums[i] * (1.0 - ratio)
        };
        if (0..N).all(done) {
            return sums;
        }
    }
}

/// Probabilities of 0, 1, … purchases of a new customer in `(0, t]`: Fader, Hardie & Lee (2005), eq. 8.
pub(super) fn probabilities<const FROM_START: bool>(
    model: &BetaGeometric<FROM_START>,
    t: f64,
    probabilities: &mut [f64],
) {
    let BetaGeometric { r, alpha, a, b } = *model;
    let u = t / alpha;
    // First the negative binomial probabilities of purchases without dropout, then what dropout makes of them.
    let mut ln_probability = -r * libm::log1p(u);
    let mut n = 0.0;
    for probability in probabilities.iter_mut() {
        *probability = libm::exp(ln_probability);
        ln_probability += libm::log(u / (1.0 + u) * ((r + n) / (n + 1.0)));
        n += 1.0;
    }
    let mut at_least = beta_cdf(u / (1.0 + u), 1.0 / (1.0 + u), n, r);
    let mut tails: Vec<f64> = probabilities
        .iter()
        .rev()
        .map(|probability| {
            at_least += probability;
            at_least
        })
        .collect();
    tails.reverse();
    // The probability to have escaped all chances before this one, and to fall to the one before.
    let (mut survival, mut lost) = (1.0, 0.0);
    let mut chance = 0.0;
    if FROM_START {
        (survival, lost, chance) = (b / (a + b), a / (a + b), 1.0);
    }
    for (probability, tail) in probabilities.iter_mut().zip(&tails) {
        *probability = survival * *probability + lost * tail;
        lost = survival * a / (a + b + chance);
        survival *= (b + chance) / (a + b + chance);
        chance += 1.0;
    }
}
