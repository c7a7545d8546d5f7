//! `q1_revenue_share` … `q4_revenue_share`: the calendar quarters in which a customer spends.

use appraise_schema::PurchasePeriod;
use arrow::array::ArrayRef;

use crate::column::{Doubles, ratio};
use crate::history::Transactions;

/// The four columns.
#[derive(Debug, Default)]
pub(super) struct Season {
    shares: [Doubles; 4],
}

impl Season {
    /// Adds a customer with these standing purchases, `revenue` in all.
    pub(super) fn push(&mut self, purchases: &Transactions<'_>, revenue: i64) {
        let mut sums = [0_i64; 4];
        let Some(&first) = purchases.days.first() else { return self.push_shares(sums, revenue) };
        let (mut day_before, mut quarter) = (first, quarter_of(first));
        for (&day, &amount) in purchases.days.iter().zip(purchases.amounts) {
            if day != day_before {
                (day_before, quarter) = (day, quarter_of(day));
            }
            sums[quarter] += amount;
        }
        self.push_shares(sums, revenue);
    }

    fn push_shares(&mut self, sums: [i64; 4], revenue: i64) {
        for (share, sum) in self.shares.iter_mut().zip(sums) {
            share.push(ratio(sum.into(), revenue.into()));
        }
    }

    /// The columns.
    pub(super) fn finish(self) -> [ArrayRef; 4] {
        self.shares.map(Doubles::finish)
    }
}

/// The calendar quarter of a day, counted from 0.
fn quarter_of(day: i32) -> usize {
    let month = PurchasePeriod::Month.index(day).rem_euclid(12);
    month.unsigned_abs() as usize / 3
}
