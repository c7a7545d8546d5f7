//! `spend_slope` and `spend_slope_se`: the straight line through a customer's spend by period.

use appraise_schema::PurchasePeriod;
use arrow::array::ArrayRef;

use super::spend::each_spend;
use crate::column::{Doubles, ratio};
use crate::history::Transactions;

/// The two columns.
#[derive(Debug)]
pub(super) struct Trend {
    period: PurchasePeriod,
    as_of: i32,
    /// Minor units in one unit of money.
    minor: i128,
    slopes: Doubles,
    errors: Doubles,
}

/// What the line needs to know of the spend y of the periods x = 0 … n − 1.
struct Sums {
    /// Index of the period x = 0.
    first: i32,
    periods: i128,
    y: i128,
    xy: i128,
    yy: i128,
}

impl Trend {
    /// Two empty columns; money has `scale` decimal places.
    pub(super) fn new(period: PurchasePeriod, as_of: i32, scale: u8) -> Self {
        let minor = 10_i128.pow(u32::from(scale));
        Self { period, as_of, minor, slopes: Doubles::default(), errors: Doubles::default() }
    }

    /// Adds a customer with these standing purchases. Their sum fits DECIMAL(18, scale).
    pub(super) fn push(&mut self, purchases: &Transactions<'_>) {
        let Some(&first) = purchases.days.first() else {
            self.slopes.push(None);
            self.errors.push(None);
            return;
        };
        let first = self.period.index(first);
        let periods = i128::from(self.period.index(self.as_of) - first) + 1;
        let mut sums = Sums { first, periods, y: 0, xy: 0, yy: 0 };
        each_spend(self.period, purchases, |index, spend| {
            let y = i128::from(spend);
            sums.y += y;
            sums.xy += i128::from(index - first) * y;
            sums.yy += y * y;
        });
        // At most 4 · 10⁶ periods and 10¹⁸ minor units: below 10³⁵, also with nine decimal places.
        self.slopes.push(ratio(sums.covariation(), sums.variation() * self.minor));
        self.errors.push(self.standard_error(&sums, purchases));
    }

    /// √(SSE / (n − 2) / Sxx).
    fn standard_error(&self, sums: &Sums, purchases: &Transactions<'_>) -> Option<f64> {
        let freedom = sums.periods - 2;
        if freedom < 1 {
            return None;
        }
        let minor = if let Some(unexplained) = sums.unexplained() {
            ratio(unexplained, freedom)?.sqrt() / sums.variation() as f64
        } else {
            let of_x = sums.variation() as f64 / sums.periods as f64;
            (self.squared_errors(sums, purchases) / freedom as f64 / of_x).sqrt()
        };
        Some(minor / self.minor as f64)
    }

    /// SSE as a sum of doubles, from the first period to the last: for spend whose squares are beyond 128 bits.
    fn squared_errors(&self, sums: &Sums, purchases: &Transactions<'_>) -> f64 {
        let slope = sums.covariation() as f64 / sums.variation() as f64;
        let middle = (sums.periods - 1) as f64 / 2.0;
        let mean = sums.y as f64 / sums.periods as f64;
        let squared = |x: i32, y: f64| (y - mean - slope * (f64::from(x) - middle)).powi(2);
        let (mut next, mut total) = (0, 0.0);
        each_spend(self.period, purchases, |index, spend| {
            let at = index - sums.first;
            (next..at).for_each(|x| total += squared(x, 0.0));
            total += squared(at, spend as f64);
            next = at + 1;
        });
        let end = self.period.index(self.as_of) - sums.first;
        (next..=end).for_each(|x| total += squared(x, 0.0));
        total
    }

    /// The columns.
    pub(super) fn finish(self) -> [ArrayRef; 2] {
        [self.slopes.finish(), self.errors.finish()]
    }
}

impl Sums {
    /// n Σx² − (Σx)² = n Sxx.
    fn variation(&self) -> i128 {
        let squared = self.periods * self.periods;
        squared * (squared - 1) / 12
    }

    /// n Σxy − Σx Σy = n Sxy.
    fn covariation(&self) -> i128 {
        let x = self.periods * (self.periods - 1) / 2;
        self.periods * self.xy - x * self.y
    }

    /// n Syy · n Sxx − (n Sxy)² = SSE · n · n Sxx, if 128 bits hold it.
    fn unexplained(&self) -> Option<i128> {
        let of_y = self.periods.checked_mul(self.yy)?.checked_sub(self.y.checked_mul(self.y)?)?;
        let covariation = self.covariation();
        of_y.checked_mul(self.variation())?.checked_sub(covariation.checked_mul(covariation)?)
    }
}
