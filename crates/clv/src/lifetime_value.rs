//! Money from expected purchases: discounted customer lifetime value, and how long until the next purchase.

use crate::{History, PurchaseModel};

#[cfg(test)]
mod tests;

/// Days of a year on average.
pub const DAYS_PER_YEAR: f64 = 365.25;

/// Days of a month on average: the month of every horizon.
pub const DAYS_PER_MONTH: f64 = DAYS_PER_YEAR / 12.0;

/// The longest horizon, in months: 1,000 years.
const MOST_MONTHS: f64 = 12_000.0;

/// A horizon longer than whole months by less than this share of one has no month more.
const ROUNDING: f64 = 1e-9;

/// Month ends that are worked on at a time.
const BATCH: usize = 32;

/// Steps in search of the time to the next purchase; a dozen are common.
const MOST_STEPS: usize = 200;

/// Where in a month its purchases are paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timing {
    /// In its middle: a month k, from 1 on, is discounted by (1 + d)^−(k − ½).
    #[default]
    Mid,
    /// At its end: by (1 + d)^−k.
    End,
}

/// A horizon or a discount rate outside its domain.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HorizonError {
    /// A length of time that is none.
    #[error("{what} has to be a finite number above 0, not {value}")]
    Length {
        /// `horizon` or `month`.
        what: &'static str,
        /// What was given.
        value: f64,
    },
    /// More months than anybody plans.
    #[error("a horizon has at most 12000 months, not {0}")]
    TooLong(f64),
    /// A rate that loses all or more.
    #[error("an annual discount rate has to be a finite number above -1, not {0}")]
    Rate(f64),
}

/// The months of a horizon and what they are worth today: built once, applied to each customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Horizon {
    ends: Vec<f64>,
    factors: Vec<f64>,
}

impl Horizon {
    /// A horizon of `length` with months of length `month`, both in the model's unit of time, and a discount rate a
    /// year (0.1 for 10 %). The last month is what remains of the length, discounted like any other month.
    ///
    /// # Errors
    /// When a length is not a finite number above 0, when there are more than 12,000 months, or when the rate is not
    /// a finite number above −1.
    pub fn new(length: f64, month: f64, annual: f64, timing: Timing) -> Result<Self, HorizonError> {
        for (what, value) in [("horizon", length), ("month", month)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(HorizonError::Length { what, value });
            }
        }
        if !(annual > -1.0 && annual.is_finite()) {
            return Err(HorizonError::Rate(annual));
        }
        let months = libm::ceil(length / month - ROUNDING).max(1.0);
        if months > MOST_MONTHS {
            return Err(HorizonError::TooLong(months));
        }
        let monthly = libm::log1p(annual) / 12.0;
        let (mut ends, mut factors) = (Vec::new(), Vec::new());
        let mut k = 1.0;
        while k <= months {
            ends.push(if k < months { k * month } else { length });
            let age = match timing {
                Timing::Mid => k - 0.5,
                Timing::End => k,
            };
            factors.push(libm::exp(-age * monthly));
            k += 1.0;
        }
        Ok(Self { ends, factors })
    }

    /// How long it is, in the model's unit of time.
    #[must_use]
    pub fn length(&self) -> f64 {
        self.ends.last().copied().unwrap_or(0.0)
    }

    /// Where the months end, in the model's unit of time after the end of the histories.
    #[must_use]
    pub fn month_ends(&self) -> &[f64] {
        &self.ends
    }

    /// The discount factor of each month.
    #[must_use]
    pub fn discount_factors(&self) -> &[f64] {
        &self.factors
    }

    /// `Σ_k ΔE_k D_k` from the purchases expected up to each month's end; both as many as there are months.
    #[must_use]
    pub fn discounted(&self, expected: &[f64]) -> f64 {
        let mut before = 0.0;
        let mut sum = 0.0;
        for (until, factor) in expected.iter().zip(&self.factors) {
            sum += (until - before) * factor;
            before = *until;
        }
        sum
    }

    /// Expected purchases of a customer within the horizon, in all and discounted, with the probability to be alive.
    ///
    /// Times spend and margin, what is discounted is the customer's lifetime value.
    pub fn purchases<M: PurchaseModel>(&self, model: &M, history: &History) -> ExpectedPurchases {
        let mut batch = [0.0; BATCH];
        let (mut p_alive, mut total, mut discounted) = (0.0, 0.0, 0.0);
        for (ends, factors) in self.ends.chunks(BATCH).zip(self.factors.chunks(BATCH)) {
            let expected = &mut batch[..ends.len()];
            p_alive = model.p_alive_and_expected_at(history, ends, expected);
            for (until, factor) in expected.iter().zip(factors) {
                discounted += (until - total) * factor;
                total = *until;
            }
        }
        ExpectedPurchases { p_alive, total, discounted }
    }
}

/// What a customer is expected to buy within a horizon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedPurchases {
    /// The probability that the customer is still a customer.
    pub p_alive: f64,
    /// E[Y(t)] for the whole horizon.
    pub total: f64,
    /// `Σ_k ΔE_k D_k`: each month's purchases at what they are worth today.
    pub discounted: f64,
}

/// The lifetime value of discounted purchases less what bad debts are expected to cost.
///
/// `Σ_k ΔE_k D_k · spend · (margin − pd · lgd) − open losses`, with the probability of default `pd`, the share `lgd` of
/// an invoice that a default loses and the expected losses on invoices already open.
#[must_use]
pub fn credit_adjusted_value(discounted: f64, spend: f64, margin: f64, pd: f64, lgd: f64, open_losses: f64) -> f64 {
    discounted * spend * (margin - pd * lgd) - open_losses
}

/// The continuous rate δ = ln(1 + annual) of a year for a unit of time of so many days, as
/// [`PurchaseModel::dert`] of a model in continuous time takes it.
#[must_use]
pub fn continuous_rate(annual: f64, unit_days: f64) -> f64 {
    libm::log1p(annual) * (unit_days / DAYS_PER_YEAR)
}

/// The rate per period of so many days that comes to `annual` in a year, as [`PurchaseModel::dert`] of a model with
/// discrete opportunities takes it.
#[must_use]
pub fn periodic_rate(annual: f64, period_days: f64) -> f64 {
    libm::expm1(continuous_rate(annual, period_days))
}

/// The smallest time t within which the customer buys again with a probability of at least ½: P(Y(t) ≥ 1) ≥ ½.
///
/// None where it takes longer than `longest` (both in the model's unit), or for ever. A customer who is there with
/// probability p has bought again with probability p (1 − P₀(t)), where P₀ is that of no purchase while alive. The
/// search is the secant method in ln t, for ln P₀ is close to a line there, kept in a bracket (Illinois).
#[must_use]
pub fn median_time_to_next<M: PurchaseModel>(model: &M, history: &History, longest: f64) -> Option<f64> {
    // Whoever has left buys no more: that rules out most, and is cheap.
    if model.p_alive(history) < 0.5 {
        return None;
    }
    let alive = model.given_alive(history);
    // A silence has the probability by which it makes the history less likely. Discrete time has whole numbers only.
    let silence = if longest < 1.0 { longest } else { libm::floor(longest) };
    let later = History { t: history.t + silence, ..*history };
    let bought = -libm::expm1(model.log_likelihood(&later) - model.log_likelihood(history));
    let chance = -bought / libm::expm1(alive.log_p_none_new(silence));
    if chance <= 0.5 || chance.is_nan() {
        return None;
    }
    // In terms of P₀: above 0 once the chance to have bought is high enough; finite also where P₀ is 0.
    let target = libm::log1p(-0.5 / chance);
    let excess = |t: f64| target - alive.log_p_none_new(t).max(-1e4);
    let guess = (history.t.max(1e-6 * longest) / (history.x + 1.0)).min(0.5 * longest);
    if excess(longest) < 0.0 {
        return None;
    }
    let (low, high) = bracket(excess, guess, longest)?;
    let t = root(excess, low, high);
    // Where the chance rises in steps, they are at whole numbers.
    let whole = libm::round(t);
    Some(if (t - whole).abs() <= 1e-9 * t && excess(whole) >= 0.0 { whole } else { t })
}

/// A point where the rising `f` is below 0 and one where it is not, each with its value, from a guess on; up to
/// `longest`, where `f` is not below 0 but for rounding. None where it is nowhere below 0.
fn bracket(f: impl Fn(f64) -> f64, guess: f64, longest: f64) -> Option<((f64, f64), (f64, f64))> {
    let mut factor = 4.0;
    let (mut low, mut high) = ((guess, f(guess)), (guess, 0.0));
    while low.1 >= 0.0 {
        high = low;
        low.0 /= factor;
        if low.0 < f64::MIN_POSITIVE {
            return None;
        }
        low.1 = f(low.0);
        factor *= factor;
    }
    while high.0 <= low.0 {
        high.0 = (low.0 * factor).min(longest);
        high.1 = f(high.0);
        if high.1 < 0.0 && high.0 < longest {
            low = high;
        }
        factor *= factor;
    }
    Some((low, (high.0, high.1.max(0.0))))
}

/// The point where `f` comes to 0 or more, between `low` with a value below 0 and `high` with one of at least 0.
fn root(f: impl Fn(f64) -> f64, low: (f64, f64), high: (f64, f64)) -> f64 {
    let ((low, mut below), (high, mut above)) = (low, high);
    let (mut low, mut high) = (libm::log(low), libm::log(high));
    let mut last = 0;
    for step in 0..MOST_STEPS {
        let width = high - low;
        if width <= 1e-13 || above == 0.0 {
            break;
        }
        // Every fourth step halves, so that no shape of the curve, not even stairs, is slow.
        let share = if step % 4 == 3 { 0.5 } else { (below / (below - above)).clamp(1e-3, 1.0 - 1e-3) };
        let middle = low + share * width;
        let value = f(libm::exp(middle));
        if value < 0.0 {
            (low, below) = (middle, value);
            if last == -1 {
                above *= 0.5;
            }
            last = -1;
        } else {
            (high, above) = (middle, value);
            if last == 1 {
                below *= 0.5;
            }
            last = 1;
        }
    }
    libm::exp(high)
}
