//! The likelihood of the Pareto/NBD model, with its derivatives.

use super::ParetoNbd;
use super::dropout::Dropout;
use crate::chunks::sum_over_chunks;
use crate::special::{digamma, ln_gamma_ratio, softplus, trigamma};
use crate::{Evaluation, History, Patterns};

impl ParetoNbd {
    /// Logarithm of the odds that a customer has left: of s A₀ (α+T)^(r+x) (β+T)^s / (r+s+x) in note 009 (eq. 11), but
    /// from the integral that A₀ stands for. Minus infinity where the history ends with a purchase.
    pub(super) fn log_odds_dead(&self, history: &History) -> f64 {
        let dropout = Dropout::new(self, history);
        self.log_odds(history, &dropout, dropout.integral())
    }

    /// The same from the integral.
    fn log_odds(&self, history: &History, dropout: &Dropout, integral: f64) -> f64 {
        let (log_alpha, log_beta) = dropout.logs();
        (self.r + history.x) * log_alpha + self.s * log_beta + libm::log(self.s * integral)
    }

    /// The log likelihood of one customer (note 009, eq. 18).
    pub(super) fn log_likelihood_of(&self, history: &History) -> f64 {
        let &Self { r, alpha, s, beta } = self;
        let &History { x, t, .. } = history;
        let bought = ln_gamma_ratio(r, x) - r * libm::log1p(t / alpha) - x * libm::log(alpha + t);
        bought - s * libm::log1p(t / beta) + softplus(self.log_odds_dead(history))
    }
}

/// The log likelihood of all customers with its derivatives, at logarithms of the parameters.
pub(super) fn evaluate(log_parameters: &[f64; 4], patterns: &Patterns) -> Evaluation<4> {
    let [r, alpha, s, beta] = log_parameters.map(libm::exp);
    let model = ParetoNbd { r, alpha, s, beta };
    sum_over_chunks(patterns, |histories, counts| {
        let mut sum = Evaluation::ZERO;
        let mut counts = counts.iter();
        for equal in histories.chunk_by(|one, next| one.x == next.x) {
            let bought = Bought::new(r, log_parameters[1], equal[0].x);
            let times = model.times(equal);
            for (history, &count) in equal.iter().zip(&mut counts) {
                let [last, end] = [history.t_x, history.t].map(|t| find(&times, t));
                sum.add(count, &model.evaluate_one(&bought, last, end));
            }
        }
        for i in 0..4 {
            for j in 0..i {
                sum.hessian[i][j] = sum.hessian[j][i];
            }
        }
        sum
    })
}

/// What of the likelihood depends on the number of purchases alone: ln Γ(r+x) / Γ(r) and its derivatives by ln r.
struct Bought {
    x: f64,
    /// ln α.
    log_alpha: f64,
    value: f64,
    first: f64,
    second: f64,
}

impl Bought {
    fn new(r: f64, log_alpha: f64, x: f64) -> Self {
        let first = r * (digamma(r + x) - digamma(r));
        let second = first + r * r * (trigamma(r + x) - trigamma(r));
        Self { x, log_alpha, value: ln_gamma_ratio(r, x), first, second }
    }
}

/// Sums over times τ at which a customer may have left, of ln(1 + τ/α), α / (α+τ), and the same for β.
#[derive(Clone, Copy, Default)]
struct Moments {
    share: f64,
    first: [f64; 4],
    second: [[f64; 4]; 4],
}

impl Moments {
    #[inline]
    fn add(&mut self, share: f64, values: &[f64; 4]) {
        self.share += share;
        for (i, row) in self.second.iter_mut().enumerate() {
            let value = share * values[i];
            self.first[i] += value;
            for (sum, other) in row.iter_mut().zip(values).skip(i) {
                *sum += value * other;
            }
        }
    }

    #[inline]
    fn add_all(&mut self, share: f64, other: &Self) {
        self.share += share * other.share;
        for i in 0..4 {
            self.first[i] += share * other.first[i];
            for j in i..4 {
                self.second[i][j] += share * other.second[i][j];
            }
        }
    }
}

/// A time t at which some history has its last purchase or its end.
struct Time {
    t: f64,
    /// ln(1 + t/α).
    log_alpha: f64,
    /// ln(1 + t/β).
    log_beta: f64,
    /// What [`Dropout::integral`] is made of, from t until the last of all times.
    later: Moments,
}

/// The time `t` among the ordered times.
fn find(times: &[Time], t: f64) -> &Time {
    let at = times.partition_point(|time| time.t < t);
    &times[at.min(times.len() - 1)]
}

impl ParetoNbd {
    /// All times of histories with the same number of purchases.
    ///
    /// The integral of a history is that from `t_x` on less that from T on. Histories share most of their times, so
    /// that many histories need few integrals, and those over short intervals.
    fn times(&self, histories: &[History]) -> Vec<Time> {
        let &Self { alpha, beta, .. } = self;
        let mut times: Vec<f64> = histories.iter().flat_map(|history| [history.t_x, history.t]).collect();
        times.sort_unstable_by(f64::total_cmp);
        times.dedup();
        let point = |t: f64| {
            let (log_alpha, log_beta) = (libm::log1p(t / alpha), libm::log1p(t / beta));
            Time { t, log_alpha, log_beta, later: Moments::default() }
        };
        let mut times: Vec<Time> = times.into_iter().map(point).collect();
        for k in (1..times.len()).rev() {
            let (before, after) = times.split_at_mut(k);
            let (from, to) = (&mut before[k - 1], &after[0]);
            let dropout = Dropout::new(self, &History { x: histories[0].x, t_x: from.t, t: to.t });
            let (alpha_share, beta_share) = (alpha / (alpha + from.t), beta / (beta + from.t));
            let mut moments = Moments::default();
            dropout.visit(|moment| {
                let values = [
                    from.log_alpha + moment.alpha.1,
                    alpha_share / moment.alpha.0,
                    from.log_beta + moment.beta.1,
                    beta_share / moment.beta.0,
                ];
                moments.add(moment.share, &values);
            });
            from.later.add_all(dropout.scale(), &moments);
            from.later.add_all(self.survival(histories[0].x, from, to), &to.later);
        }
        times
    }

    /// ((α+t) / (α+T))^(r+x) ((β+t) / (β+T))^s for two times t and T.
    fn survival(&self, x: f64, from: &Time, to: &Time) -> f64 {
        let bought = (self.r + x) * (to.log_alpha - from.log_alpha);
        libm::exp(-bought - self.s * (to.log_beta - from.log_beta))
    }

    /// One customer's log likelihood with its derivatives by the log parameters (the upper half of the Hessian).
    ///
    /// The likelihood is a mixture over the times at which the customer may have left, the end of the history
    /// standing for "not yet". So the gradient is the mean of the components' gradients, and the Hessian the mean of
    /// their Hessians plus the covariance of their gradients.
    fn evaluate_one(&self, bought: &Bought, last: &Time, end: &Time) -> Evaluation<4> {
        let &Self { r, alpha, s, beta } = self;
        let x = bought.x;
        let survival = self.survival(x, last, end);
        let mut moments = last.later;
        moments.add_all(-survival, &end.later);
        let left = if end.t > last.t { s * moments.share.max(0.0) } else { 0.0 };
        let dead = left / (survival + left);

        let (at_alpha, at_beta) = (last.log_alpha, last.log_beta);
        let mut result = Evaluation::ZERO;
        result.value =
            bought.value - (r + x) * at_alpha - x * bought.log_alpha - s * at_beta + libm::log(survival + left);
        result.gradient = [bought.first, r, 0.0, s];
        result.hessian[0] = [bought.second, r, 0.0, 0.0];
        result.hessian[2] = [0.0, 0.0, 0.0, s];
        let at_end = [end.log_alpha, alpha / (alpha + end.t), end.log_beta, beta / (beta + end.t)];
        let alive = Component::at(at_end, [r, r + x, s, s]);
        if dead == 0.0 {
            add_component(&mut result, 1.0, &alive);
            return result;
        }
        let gone = Component::of(&moments, [r, r + x, s, s + 1.0]);
        add_component(&mut result, 1.0 - dead, &alive);
        add_component(&mut result, dead, &gone);
        let mut step = [0.0; 4];
        for (i, step) in step.iter_mut().enumerate() {
            *step = gone.gradient[i] - alive.gradient[i];
        }
        // Leaving has the density s …, not leaving does not: one more for ln s.
        step[2] += 1.0;
        result.gradient[2] += dead;
        for i in 0..4 {
            for j in i..4 {
                result.hessian[i][j] += dead * (1.0 - dead) * step[i] * step[j];
            }
        }
        result
    }
}

/// Mean derivatives of ln (α+τ)^−(r+x) (β+τ)^−s over one component of the mixture, by the log parameters.
struct Component {
    gradient: [f64; 4],
    hessian: [[f64; 4]; 4],
}

impl Component {
    /// At one time, by what [`Moments`] are summed over; `powers` are r, r+x, s and s (s+1 where the customer left).
    fn at(values: [f64; 4], powers: [f64; 4]) -> Self {
        let mut moments = Moments::default();
        moments.add(1.0, &values);
        Self::of(&moments, powers)
    }

    /// Over all times. The Hessian has the covariance of the gradient in it.
    fn of(moments: &Moments, powers: [f64; 4]) -> Self {
        let mean = moments.first.map(|sum| sum / moments.share);
        let mut component = Self { gradient: [0.0; 4], hessian: [[0.0; 4]; 4] };
        for i in 0..4 {
            component.gradient[i] = -powers[i] * mean[i];
            for j in i..4 {
                let covariance = moments.second[i][j] / moments.share - mean[i] * mean[j];
                component.hessian[i][j] = powers[i] * powers[j] * covariance;
            }
        }
        for (log, share) in [(0, 1), (2, 3)] {
            component.hessian[log][log] -= powers[log] * mean[log];
            component.hessian[log][share] -= powers[log] * mean[share];
            component.hessian[share][share] +=
                powers[share] * (moments.second[share][share] / moments.share - mean[share]);
        }
        component
    }
}

/// Adds a component with its share.
fn add_component(result: &mut Evaluation<4>, share: f64, component: &Component) {
    for i in 0..4 {
        result.gradient[i] += share * component.gradient[i];
        for j in i..4 {
            result.hessian[i][j] += share * component.hessian[i][j];
        }
    }
}
