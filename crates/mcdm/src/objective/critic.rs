//! Weights by standard deviations and correlations of normalised columns.

use super::{ObjectiveWeights, weigh};
use crate::Error;
use crate::columns::check_normalised;

/// A conflict 1 − r below this is one of rounding.
const NO_CONFLICT: f64 = 1e-12;

/// Means and sums of squared deviations, updated row by row (Welford 1962).
#[derive(Debug, Clone)]
pub(crate) struct Deviations {
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Deviations {
    pub(crate) fn new(indicators: usize) -> Self {
        Self { means: vec![0.0; indicators], squares: vec![0.0; indicators] }
    }

    /// Takes rows after the `before` that there were.
    pub(crate) fn add(&mut self, before: u64, columns: &[&[f64]]) -> Result<(), Error> {
        check_normalised(columns, "std")?;
        for ((column, mean), square) in columns.iter().zip(&mut self.means).zip(&mut self.squares) {
            let mut rows = before as f64;
            for &value in *column {
                rows += 1.0;
                let difference = value - *mean;
                *mean += difference / rows;
                *square += difference * (value - *mean);
            }
        }
        Ok(())
    }

    pub(crate) fn weights(&self) -> Result<ObjectiveWeights, Error> {
        let deviations: Vec<f64> = self.squares.iter().map(|&square| libm::sqrt(square)).collect();
        let varies: Vec<bool> = deviations.iter().map(|&deviation| deviation > 0.0).collect();
        weigh(&deviations, &varies)
    }
}

/// Means and sums of products of deviations, updated row by row.
#[derive(Debug, Clone)]
pub(crate) struct Comoments {
    means: Vec<f64>,
    /// Of each pair (i, j ≤ i), row by row of the lower triangle.
    products: Vec<f64>,
    /// Buffers: differences of a row from the means before it, and from those after it.
    differences: Vec<f64>,
    rests: Vec<f64>,
}

impl Comoments {
    pub(crate) fn new(indicators: usize) -> Self {
        let zeros = vec![0.0; indicators];
        Self {
            means: zeros.clone(),
            products: vec![0.0; indicators * (indicators + 1) / 2],
            differences: zeros.clone(),
            rests: zeros,
        }
    }

    /// Takes rows after the `before` that there were.
    pub(crate) fn add(&mut self, before: u64, columns: &[&[f64]]) -> Result<(), Error> {
        check_normalised(columns, "critic")?;
        let rows = columns.first().map_or(0, |column| column.len());
        let mut count = before as f64;
        for row in 0..rows {
            count += 1.0;
            for (j, column) in columns.iter().enumerate() {
                self.differences[j] = column[row] - self.means[j];
                self.means[j] += self.differences[j] / count;
                self.rests[j] = column[row] - self.means[j];
            }
            let mut products = self.products.as_mut_slice();
            for (i, difference) in self.differences.iter().enumerate() {
                let (of_row, others) = products.split_at_mut(i + 1);
                for (product, rest) in of_row.iter_mut().zip(&self.rests) {
                    *product += difference * rest;
                }
                products = others;
            }
        }
        Ok(())
    }

    pub(crate) fn critic(&self) -> Result<ObjectiveWeights, Error> {
        let n = self.means.len();
        let product = |i: usize, j: usize| self.products[i.max(j) * (i.max(j) + 1) / 2 + i.min(j)];
        let deviations: Vec<f64> = (0..n).map(|j| libm::sqrt(product(j, j))).collect();
        let varies: Vec<bool> = deviations.iter().map(|&deviation| deviation > 0.0).collect();
        let information: Vec<f64> = (0..n)
            .map(|j| {
                let conflicts = (0..n).filter(|&i| i != j && varies[i] && varies[j]).map(|i| {
                    let conflict = 1.0 - (product(i, j) / (deviations[i] * deviations[j])).clamp(-1.0, 1.0);
                    if conflict < NO_CONFLICT { 0.0 } else { conflict }
                });
                deviations[j] * conflicts.sum::<f64>()
            })
            .collect();
        weigh(&information, &varies)
    }
}
