//! Weights by the entropy of the values' shares in their column.

use super::{ObjectiveWeights, weigh};
use crate::Error;
use crate::accumulate::{Range, Sum};
use crate::columns::check;

/// Sums are taken of values times this, which keeps those of great values finite and changes no digit.
const DOWN: f64 = f64::from_bits((1023 - 64) << 52);

/// With z = x / mean, 1 − e = Σ (z ln z − z + 1) / (m ln m): the same as 1 + Σ p ln p / ln m with p = x / Σ x, but a sum
/// of numbers from 0, in which nothing cancels.
#[derive(Debug, Clone)]
pub(crate) struct Entropy {
    sums: Vec<Sum>,
    ranges: Vec<Range>,
    means: Vec<f64>,
    divergences: Vec<Sum>,
}

impl Entropy {
    pub(crate) fn new(indicators: usize) -> Self {
        Self {
            sums: vec![Sum::default(); indicators],
            ranges: vec![Range::EMPTY; indicators],
            means: Vec::new(),
            divergences: vec![Sum::default(); indicators],
        }
    }

    pub(crate) fn add(&mut self, columns: &[&[f64]]) -> Result<(), Error> {
        check(columns, "entropy", "finite values from 0", |value| (0.0..=f64::MAX).contains(&value))?;
        for ((column, sum), range) in columns.iter().zip(&mut self.sums).zip(&mut self.ranges) {
            for &value in *column {
                sum.add(value * DOWN);
                range.add(value);
            }
        }
        Ok(())
    }

    /// Between the two passes: the means.
    pub(crate) fn begin_second(&mut self, rows: u64) {
        self.means = self.sums.iter().map(|sum| sum.total() / rows as f64 / DOWN).collect();
    }

    pub(crate) fn add_second(&mut self, columns: &[&[f64]]) -> Result<(), Error> {
        check(columns, "entropy", "finite values from 0", |value| (0.0..=f64::MAX).contains(&value))?;
        for (((column, &mean), range), divergence) in
            columns.iter().zip(&self.means).zip(&self.ranges).zip(&mut self.divergences)
        {
            if mean > 0.0 && range.low < range.high {
                column.iter().for_each(|value| divergence.add(surprise(value / mean)));
            }
        }
        Ok(())
    }

    pub(crate) fn weights(&self) -> Result<ObjectiveWeights, Error> {
        let information: Vec<f64> = self.divergences.iter().map(|sum| sum.total().max(0.0)).collect();
        let varies: Vec<bool> = information.iter().map(|&value| value > 0.0).collect();
        weigh(&information, &varies)
    }
}

/// z ln z − z + 1, which is 0 at 1 alone.
fn surprise(z: f64) -> f64 {
    if z == 0.0 {
        return 1.0;
    }
    let d = z - 1.0;
    if d.abs() < 1e-2 {
        // The series Σ (−d)^k / (k (k − 1)) from k = 2, of which the rest is below 1 part in 1e17 here.
        let series = [2.0, 6.0, 12.0, 20.0, 30.0, 42.0, 56.0, 72.0, 90.0].iter().rev();
        return d * d * series.fold(0.0, |sum, divisor| 1.0 / divisor - d * sum);
    }
    (z * libm::log(z) - d).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_meets_the_formula() {
        for d in [9.9e-3, -9.9e-3] {
            let z: f64 = 1.0 + d;
            let formula = z * libm::log(z) - d;
            assert!((surprise(z) / formula - 1.0).abs() < 1e-11, "{d}");
        }
        assert_eq!((surprise(0.0), surprise(1.0)), (1.0, 0.0));
    }
}
