//! Weights by what removing an indicator changes in the performances of all customers.

use super::{ObjectiveWeights, weigh};
use crate::accumulate::{Range, Sum};
use crate::columns::check;
use crate::{Direction, Error};

/// The paper's normalisation makes 1 of the worst benefit and of the greatest cost: n = min / x, or x / max.
#[derive(Debug, Clone)]
pub(crate) struct Merec {
    directions: Vec<Direction>,
    ranges: Vec<Range>,
    effects: Vec<Sum>,
    /// Buffer: |ln n| of a row.
    logarithms: Vec<f64>,
}

impl Merec {
    pub(crate) fn new(directions: &[Direction]) -> Self {
        Self {
            directions: directions.to_vec(),
            ranges: vec![Range::EMPTY; directions.len()],
            effects: vec![Sum::default(); directions.len()],
            logarithms: vec![0.0; directions.len()],
        }
    }

    pub(crate) fn add(&mut self, columns: &[&[f64]]) -> Result<(), Error> {
        check_positive(columns)?;
        for (column, range) in columns.iter().zip(&mut self.ranges) {
            column.iter().for_each(|&value| range.add(value));
        }
        Ok(())
    }

    pub(crate) fn add_second(&mut self, columns: &[&[f64]]) -> Result<(), Error> {
        check_positive(columns)?;
        let indicators = self.directions.len() as f64;
        let rows = columns.first().map_or(0, |column| column.len());
        for row in 0..rows {
            for (j, column) in columns.iter().enumerate() {
                self.logarithms[j] = match self.directions[j] {
                    Direction::Benefit => log_ratio(column[row], self.ranges[j].low),
                    Direction::Cost => log_ratio(self.ranges[j].high, column[row]),
                };
            }
            let total: f64 = self.logarithms.iter().sum();
            for (effect, logarithm) in self.effects.iter_mut().zip(&self.logarithms) {
                // ln(1 + total / n) − ln(1 + (total − logarithm) / n), in one logarithm.
                let without = (total - logarithm).max(0.0);
                effect.add(libm::log1p(logarithm / (indicators + without)));
            }
        }
        Ok(())
    }

    pub(crate) fn weights(&self) -> Result<ObjectiveWeights, Error> {
        let information: Vec<f64> = self.effects.iter().map(|sum| sum.total()).collect();
        let varies: Vec<bool> = self.ranges.iter().map(|range| range.low < range.high).collect();
        weigh(&information, &varies)
    }
}

fn check_positive(columns: &[&[f64]]) -> Result<(), Error> {
    check(columns, "merec", "finite values above 0", |value| value > 0.0 && value <= f64::MAX)
}

/// ln(great / small), of positive numbers, whose ratio may be beyond all numbers; from 0.
fn log_ratio(great: f64, small: f64) -> f64 {
    let ratio = great / small;
    let logarithm = if ratio <= f64::MAX { libm::log(ratio) } else { libm::log(great) - libm::log(small) };
    logarithm.max(0.0)
}
