//! The technique for order preference by similarity to ideal solution (Hwang & Yoon 1981).

use serde::{Deserialize, Serialize};

use super::BLOCK;
use crate::Direction;
use crate::accumulate::{Norm, Range};

/// What TOPSIS remembers of the rows it was fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topsis {
    /// One for each indicator.
    pub columns: Vec<TopsisColumn>,
}

/// What TOPSIS remembers of an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopsisColumn {
    /// The Euclidean norm ‖x‖ of the column; 1 where that is 0.
    pub norm: f64,
    /// The best x / ‖x‖: the greatest of a benefit, the least of a cost. With costs as 1 − x / ‖x‖ the distances would
    /// be the same.
    pub ideal: f64,
    /// The worst x / ‖x‖.
    pub anti_ideal: f64,
}

#[derive(Debug, Clone)]
pub(crate) struct TopsisFit {
    columns: Vec<(Direction, Norm, Range)>,
}

impl TopsisFit {
    pub(crate) fn new(directions: &[Direction]) -> Self {
        Self { columns: directions.iter().map(|&direction| (direction, Norm::default(), Range::EMPTY)).collect() }
    }

    pub(crate) fn add(&mut self, columns: &[&[f64]]) {
        for (column, (_, norm, range)) in columns.iter().zip(&mut self.columns) {
            for &value in *column {
                norm.add(value);
                range.add(value);
            }
        }
    }

    pub(crate) fn finish(&self) -> Topsis {
        let column = |(direction, norm, range): &(Direction, Norm, Range)| {
            let norm = if norm.total() > 0.0 { norm.total() } else { 1.0 };
            let (low, high) = (range.low / norm, range.high / norm);
            match direction {
                Direction::Benefit => TopsisColumn { norm, ideal: high, anti_ideal: low },
                Direction::Cost => TopsisColumn { norm, ideal: low, anti_ideal: high },
            }
        };
        Topsis { columns: self.columns.iter().map(column).collect() }
    }
}

impl Topsis {
    pub(crate) fn score(&self, weights: &[f64], columns: &[&[f64]], scores: &mut [f64]) {
        let (mut from_ideal, mut from_anti_ideal) = ([0.0; BLOCK], [0.0; BLOCK]);
        for ((&weight, column), reference) in weights.iter().zip(columns).zip(&self.columns) {
            let TopsisColumn { norm, ideal, anti_ideal } = *reference;
            let (low, high) = (ideal.min(anti_ideal), ideal.max(anti_ideal));
            for ((&value, plus), minus) in column.iter().zip(&mut from_ideal).zip(&mut from_anti_ideal) {
                let place = (value / norm).max(low).min(high);
                let (to_ideal, to_anti_ideal) = (weight * (place - ideal), weight * (place - anti_ideal));
                *plus += to_ideal * to_ideal;
                *minus += to_anti_ideal * to_anti_ideal;
            }
        }
        for ((score, plus), minus) in scores.iter_mut().zip(from_ideal).zip(from_anti_ideal) {
            let (plus, minus) = (plus.sqrt(), minus.sqrt());
            *score = if plus + minus > 0.0 { minus / (plus + minus) } else { 0.0 };
        }
    }
}
