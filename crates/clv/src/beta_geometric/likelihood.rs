//! The log likelihood of many customers with its derivatives.

use super::BetaGeometric;
use crate::chunks::sum_over_chunks;
use crate::special::{digamma, ln_gamma_ratio, trigamma};
use crate::{Evaluation, History, Patterns};

/// Sums over the histories of one x, weighted by their counts.
///
/// With w the probability to be lost, l the logarithm and i the inverse of α + T, and Δ what α + T has more of
/// either than `α + t_x`.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// Customers.
    one: f64,
    /// The part of the log likelihood that depends on more than x.
    value: f64,
    /// w.
    w: f64,
    /// w Δl − l.
    l: f64,
    /// w Δi − i.
    i: f64,
    /// The mean of `(α + T)⁻²` and `(α + t_x)⁻²` with weights 1 − w and w.
    ii: f64,
    /// v = w (1 − w).
    v: f64,
    /// v Δl.
    vl: f64,
    /// v Δi.
    vi: f64,
    /// v Δl².
    vll: f64,
    /// v Δl Δi.
    vli: f64,
    /// v Δi².
    vii: f64,
}

impl<const FROM_START: bool> BetaGeometric<FROM_START> {
    /// The log likelihood of all customers with its derivatives by the log parameters.
    pub(super) fn sum(&self, patterns: &Patterns) -> Evaluation<4> {
        sum_over_chunks(patterns, |histories, counts| {
            let mut sum = Evaluation::ZERO;
            let mut first = 0;
            for run in histories.chunk_by(|one, other| one.x == other.x) {
                let x = run[0].x;
                self.add_run(x, &self.sums(x, run, &counts[first..first + run.len()]), &mut sum);
                first += run.len();
            }
            sum
        })
        .by_logarithms(&[self.r, self.alpha, self.a, self.b])
    }

    /// The sums over histories with the same x.
    fn sums(&self, x: f64, histories: &[History], counts: &[f64]) -> Sums {
        let (alpha, shape) = (self.alpha, self.r + x);
        let escapes = Self::escapes(x);
        let mut sums = Sums::default();
        if escapes == 0.0 {
            for (history, count) in histories.iter().zip(counts) {
                let (ln_end, per_end) = (libm::log(alpha + history.t), 1.0 / (alpha + history.t));
                sums.one += count;
                sums.value -= count * shape * ln_end;
                sums.l -= count * ln_end;
                sums.i -= count * per_end;
                sums.ii += count * per_end * per_end;
            }
            return sums;
        }
        let ln_odds = libm::log(self.a / (self.b + (escapes - 1.0)));
        let (mut t_x, mut ln_last, mut per_last) = (f64::NAN, 0.0, 0.0);
        for (history, &count) in histories.iter().zip(counts) {
            if history.t_x != t_x {
                t_x = history.t_x;
                (ln_last, per_last) = (libm::log(alpha + t_x), 1.0 / (alpha + t_x));
            }
            let (ln_end, per_end) = (libm::log(alpha + history.t), 1.0 / (alpha + history.t));
            let (more_l, more_i) = (ln_end - ln_last, per_end - per_last);
            let odds = ln_odds + shape * more_l;
            let small = libm::exp(-odds.abs());
            let rest = 1.0 / (1.0 + small);
            let w = if odds > 0.0 { rest } else { small * rest };
            let v = count * small * rest * rest;
            sums.one += count;
            sums.value += count * (odds.max(0.0) + libm::log1p(small) - shape * ln_end);
            sums.w += count * w;
            sums.l += count * (w * more_l - ln_end);
            sums.i += count * (w * more_i - per_end);
            sums.ii += count * (per_end * per_end + w * (per_last * per_last - per_end * per_end));
            sums.v += v;
            sums.vl += v * more_l;
            sums.vi += v * more_i;
            sums.vll += v * more_l * more_l;
            sums.vli += v * more_l * more_i;
            sums.vii += v * more_i * more_i;
        }
        sums
    }

    /// Adds the log likelihood of customers with the same x and its derivatives by the parameters.
    fn add_run(&self, x: f64, sums: &Sums, sum: &mut Evaluation<4>) {
        let Self { r, alpha, a, b } = *self;
        let (shape, escapes, one) = (r + x, Self::escapes(x), sums.one);
        let purchases = ln_gamma_ratio(r, x) + r * libm::log(alpha);
        let survival = ln_gamma_ratio(b, escapes) - ln_gamma_ratio(a + b, escapes);
        let all = digamma(a + b) - digamma(a + b + escapes);
        let all2 = trigamma(a + b) - trigamma(a + b + escapes);
        // The logarithm of the odds to be lost falls by `fall` per unit of b; it rises by 1 / a per unit of a.
        let fall = if escapes == 0.0 { 0.0 } else { 1.0 / (b + (escapes - 1.0)) };
        sum.value += one * (purchases + survival) + sums.value;
        sum.gradient[0] += one * (digamma(shape) - digamma(r) + libm::log(alpha)) + sums.l;
        sum.gradient[1] += one * r / alpha + shape * sums.i;
        sum.gradient[2] += one * all + sums.w / a;
        sum.gradient[3] += one * (digamma(b + escapes) - digamma(b) + all) - sums.w * fall;
        let upper = [
            (0, 0, one * (trigamma(shape) - trigamma(r)) + sums.vll),
            (0, 1, one / alpha + sums.i + shape * sums.vli),
            (0, 2, sums.vl / a),
            (0, 3, -sums.vl * fall),
            (1, 1, shape * (sums.ii + shape * sums.vii) - one * r / (alpha * alpha)),
            (1, 2, shape * sums.vi / a),
            (1, 3, -shape * sums.vi * fall),
            (2, 2, one * all2 + (sums.v - sums.w) / (a * a)),
            (2, 3, one * all2 - sums.v * fall / a),
            (3, 3, one * (trigamma(b + escapes) - trigamma(b) + all2) + (sums.v + sums.w) * fall * fall),
        ];
        for (i, j, value) in upper {
            sum.hessian[i][j] += value;
            if i != j {
                sum.hessian[j][i] += value;
            }
        }
    }
}
