//! `spend_cv`: how much the spend of one calendar period differs from that of another.

use appraise_schema::SpendPeriod;

use crate::column::ratio;
use crate::config::FeatureConfig;
use crate::family::purchase::spend::each_spend_of;
use crate::history::Transactions;

/// Fewer complete periods tell nothing.
const LEAST_PERIODS: i32 = 4;

/// The coefficient of variation.
#[derive(Debug)]
pub(super) struct Variation {
    period: SpendPeriod,
    /// Index of the first period that is not over.
    end: i32,
}

impl Variation {
    pub(super) fn new(config: &FeatureConfig) -> Self {
        let period = config.spend_period;
        Self { period, end: period.first_incomplete(config.as_of.day()) }
    }

    /// √(n Σy² − (Σy)²) / Σy of the spend y of the n complete periods since the first purchase, the population's standard
    /// deviation over its mean; `None` with fewer than four periods or without spend.
    pub(super) fn of(&self, purchases: &Transactions<'_>) -> Option<f64> {
        let first = self.period.index(*purchases.days.first()?);
        let periods = self.end - first;
        if periods < LEAST_PERIODS {
            return None;
        }
        let (mut sum, mut squares) = (0_i128, 0_i128);
        each_spend_of(
            |day| self.period.index(day),
            purchases,
            |index, spend| {
                if index < self.end {
                    sum += i128::from(spend);
                    squares += i128::from(spend) * i128::from(spend);
                }
            },
        );
        // Spend is not negative and its sum fits 18 digits: Σy² is at most (Σy)², below 10³⁶.
        match i128::from(periods).checked_mul(squares) {
            Some(product) => ratio(product - sum * sum, sum * sum).map(f64::sqrt),
            // n Σy² beyond 128 bits is more than a hundred times (Σy)²: nothing cancels.
            None => ratio(squares, sum * sum).map(|share| (f64::from(periods) * share - 1.0).sqrt()),
        }
    }
}
