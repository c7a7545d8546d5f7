//! The compromise ranking VIKOR (Opricovic & Tzeng 2004).

use serde::{Deserialize, Serialize};

use super::BLOCK;
use crate::accumulate::Range;
use crate::columns::clip;

/// What VIKOR remembers of the rows it was fitted to. The bounds of S and R hold for the weights of the fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vikor {
    /// How much S counts against R.
    pub v: f64,
    /// f*: the best normalised value of each indicator.
    pub best: Vec<f64>,
    /// f⁻: the worst one.
    pub worst: Vec<f64>,
    /// S*: the least sum of regrets.
    pub s_best: f64,
    /// S⁻: the greatest one.
    pub s_worst: f64,
    /// R*: the least greatest regret.
    pub r_best: f64,
    /// R⁻: the greatest one.
    pub r_worst: f64,
}

#[derive(Debug, Clone)]
pub(crate) struct VikorFit {
    references: Vikor,
    ranges: Vec<Range>,
    s: Range,
    r: Range,
}

impl VikorFit {
    pub(crate) fn new(v: f64, indicators: usize) -> Self {
        let (best, worst) = (Vec::new(), Vec::new());
        let references = Vikor { v, best, worst, s_best: 0.0, s_worst: 0.0, r_best: 0.0, r_worst: 0.0 };
        Self { references, ranges: vec![Range::EMPTY; indicators], s: Range::EMPTY, r: Range::EMPTY }
    }

    pub(crate) fn add(&mut self, columns: &[&[f64]]) {
        for (column, range) in columns.iter().zip(&mut self.ranges) {
            column.iter().for_each(|&value| range.add(value));
        }
    }

    pub(crate) fn begin_second(&mut self) {
        self.references.best = self.ranges.iter().map(|range| range.high).collect();
        self.references.worst = self.ranges.iter().map(|range| range.low).collect();
    }

    pub(crate) fn add_second(&mut self, weights: &[f64], columns: &[&[f64]]) {
        let rows = columns.first().map_or(0, |column| column.len());
        let mut block: Vec<&[f64]> = Vec::with_capacity(columns.len());
        for first in (0..rows).step_by(BLOCK) {
            let last = rows.min(first + BLOCK);
            block.clear();
            block.extend(columns.iter().map(|column| &column[first..last]));
            let (s, r) = self.references.regrets(weights, &block);
            s[..last - first].iter().for_each(|&value| self.s.add(value));
            r[..last - first].iter().for_each(|&value| self.r.add(value));
        }
    }

    pub(crate) fn finish(self) -> Vikor {
        let Range { low: s_best, high: s_worst } = self.s;
        let Range { low: r_best, high: r_worst } = self.r;
        Vikor { s_best, s_worst, r_best, r_worst, ..self.references }
    }
}

impl Vikor {
    /// S, the sum of the weighted regrets of each row, and R, the greatest of them. A constant column has no regrets.
    fn regrets(&self, weights: &[f64], columns: &[&[f64]]) -> ([f64; BLOCK], [f64; BLOCK]) {
        let (mut sums, mut greatest) = ([0.0; BLOCK], [0.0; BLOCK]);
        for (((&weight, column), &best), &worst) in weights.iter().zip(columns).zip(&self.best).zip(&self.worst) {
            if best <= worst {
                continue;
            }
            for ((&value, sum), great) in column.iter().zip(&mut sums).zip(&mut greatest) {
                let regret = weight * ((best - value.max(worst).min(best)) / (best - worst));
                *sum += regret;
                *great = if regret > *great { regret } else { *great };
            }
        }
        (sums, greatest)
    }

    pub(crate) fn score(&self, weights: &[f64], columns: &[&[f64]], scores: &mut [f64]) {
        // Where all rows were alike none is better than another, and none is scored.
        if self.s_best >= self.s_worst && self.r_best >= self.r_worst {
            return;
        }
        let (s, r) = self.regrets(weights, columns);
        for ((score, s), r) in scores.iter_mut().zip(s).zip(r) {
            let q = self.v * place(s, self.s_best, self.s_worst) + (1.0 - self.v) * place(r, self.r_best, self.r_worst);
            *score = (1.0 - q).max(0.0);
        }
    }
}

/// Where a value lies between the best, 0, and the worst, 1; 0 where these are equal.
fn place(value: f64, best: f64, worst: f64) -> f64 {
    if best < worst { clip((value - best) / (worst - best)) } else { 0.0 }
}
