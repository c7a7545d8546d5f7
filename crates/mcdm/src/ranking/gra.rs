//! Grey relational analysis (Deng 1982).

use serde::{Deserialize, Serialize};

use crate::accumulate::Range;

/// What grey relational analysis remembers of the rows it was fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gra {
    /// The distinguishing coefficient ζ.
    pub zeta: f64,
    /// Δmin: the least distance 1 − n from the ideal in any column that varies.
    pub nearest: f64,
    /// Δmax: the greatest one.
    pub farthest: f64,
    /// Whether each indicator varies; one that does not counts 0.
    pub varies: Vec<bool>,
}

#[derive(Debug, Clone)]
pub(crate) struct GraFit {
    zeta: f64,
    ranges: Vec<Range>,
}

impl GraFit {
    pub(crate) fn new(zeta: f64, indicators: usize) -> Self {
        Self { zeta, ranges: vec![Range::EMPTY; indicators] }
    }

    pub(crate) fn add(&mut self, columns: &[&[f64]]) {
        for (column, range) in columns.iter().zip(&mut self.ranges) {
            column.iter().for_each(|&value| range.add(1.0 - value));
        }
    }

    pub(crate) fn finish(&self) -> Gra {
        let varies: Vec<bool> = self.ranges.iter().map(|range| range.low < range.high).collect();
        let varying = self.ranges.iter().filter(|range| range.low < range.high);
        let all = varying.fold(Range::EMPTY, |mut all, range| {
            all.add(range.low);
            all.add(range.high);
            all
        });
        let (nearest, farthest) = if all.low < all.high { (all.low, all.high) } else { (0.0, 1.0) };
        Gra { zeta: self.zeta, nearest, farthest, varies }
    }
}

impl Gra {
    /// Adds the score of each row to what is 0.
    pub(crate) fn score(&self, weights: &[f64], columns: &[&[f64]], scores: &mut [f64]) {
        let least = self.zeta * self.farthest;
        for ((&weight, column), _) in weights.iter().zip(columns).zip(&self.varies).filter(|(_, varies)| **varies) {
            for (score, &value) in scores.iter_mut().zip(*column) {
                let distance = (1.0 - value).max(self.nearest).min(self.farthest);
                *score += weight * ((self.nearest + least) / (distance + least));
            }
        }
    }
}
