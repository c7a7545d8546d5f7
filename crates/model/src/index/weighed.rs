//! The value index of all customers in memory, to be weighed anew again and again: what `saw` makes of other weights, bit by bit.

use std::ops::Range;

use appraise_mcdm::{Places, ScoreBins, contribution, least_change};
use rayon::prelude::*;

use super::Index;
use super::config::IndexConfig;
use super::rows::Rows;
use crate::error::ModelError;

/// Rows that are scored at once, so that their sums stay in the fastest memory.
const BLOCK: usize = 512;

/// The weighted sums of rows, given as a slice for each indicator: group by group, as the index is added up.
pub(super) fn weighted_sums(groups: &[Range<usize>], weights: &[f64], columns: &[&[f64]], sums: &mut [f64]) {
    let mut part = [0.0; BLOCK];
    for (number, sums) in sums.chunks_mut(BLOCK).enumerate() {
        let rows = number * BLOCK..number * BLOCK + sums.len();
        let part = &mut part[..sums.len()];
        sums.fill(0.0);
        for group in groups {
            part.fill(0.0);
            for (&weight, column) in weights[group.clone()].iter().zip(&columns[group.clone()]) {
                for (sum, &value) in part.iter_mut().zip(&column[rows.clone()]) {
                    *sum += contribution(weight, value);
                }
            }
            sums.iter_mut().zip(part.iter()).for_each(|(sum, part)| *sum += part);
        }
    }
}

/// The indicators of customers that were valued.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// Customers that passed, with an index or not.
    seen: usize,
    rows: Vec<usize>,
    columns: Vec<Vec<f64>>,
}

impl Kept {
    /// Takes the next batch of so many customers.
    pub(super) fn add(&mut self, customers: usize, rows: &Rows) {
        self.rows.extend(rows.chosen.iter().map(|row| self.seen + row));
        self.seen += customers;
        self.columns.resize(rows.normalised.len(), Vec::new());
        self.columns.iter_mut().zip(&rows.normalised).for_each(|(all, column)| all.extend(column));
    }
}

/// The indicators of all customers with an index, and what its weights are made of.
#[derive(Debug, Clone)]
pub struct WeighedIndex {
    index: Index,
    groups: Vec<Range<usize>>,
    objective: Option<Vec<f64>>,
    rows: Vec<usize>,
    /// From 0, the worst, to 1, the best: a column for each indicator.
    columns: Vec<Vec<f64>>,
}

/// What one set of weights makes of the customers.
#[derive(Debug, Clone)]
pub struct Weighed {
    /// Weights of the indicators, which sum to 1.
    pub weights: Vec<f64>,
    /// The least score of tiers that have one, with the tier's number, the best first.
    pub cuts: Vec<(f64, usize)>,
    /// The number of the tier below all cuts.
    pub last_tier: usize,
    /// The least score of the best tenth; `None` of no customers.
    pub top_least: Option<f64>,
    /// The rank that stands for each of [`appraise_mcdm::SCORE_BINS`] bins of scores.
    pub ranks: Vec<u32>,
}

impl Weighed {
    /// The number of the tier of a score, from the best.
    #[must_use]
    pub fn tier(&self, score: f64) -> usize {
        self.cuts.iter().find(|(least, _)| score >= *least).map_or(self.last_tier, |(_, tier)| *tier)
    }

    /// The rank of a score, from its bin.
    #[must_use]
    pub fn rank(&self, score: f64) -> u32 {
        self.ranks[ScoreBins::bin(score)]
    }
}

/// The smallest change of one weight that moves a customer to another tier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TierChange {
    /// The number of the indicator.
    pub indicator: usize,
    /// The new weight less the old one.
    pub change: f64,
    /// The number of the tier that the customer moves to.
    pub tier: usize,
}

impl WeighedIndex {
    pub(super) fn new(index: Index, objective: Option<Vec<f64>>, kept: Kept) -> Self {
        let groups = index.groups();
        Self { groups, objective, rows: kept.rows, columns: kept.columns, index }
    }

    /// The customers with an index, as rows of all that were valued, ascending.
    #[must_use]
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The columns of the indicators, in the order of the tree.
    pub fn indicators(&self) -> impl Iterator<Item = &str> {
        self.index.indicators.iter().map(|plan| plan.indicator.column.as_str())
    }

    /// The weights of the indicators under `config`, which differs from what was fitted in its weights and their combination alone.
    ///
    /// # Errors
    /// [`ModelError::IndexWeights`], [`ModelError::IndexFit`] for weights that are none.
    pub fn weights(&self, config: &IndexConfig) -> Result<Vec<f64>, ModelError> {
        let subjective = config.subjective()?;
        let index = Index { config: config.clone(), indicators: self.index.indicators.clone(), subjective };
        let (weights, _) = index.joined_weights(self.objective.as_deref())?;
        index.index_weights(&weights)
    }

    /// Weighs all customers: their scores, in the order of [`WeighedIndex::rows`], and what they come to.
    pub fn weigh(&self, weights: Vec<f64>, scores: &mut Vec<f64>) -> Weighed {
        let count = self.rows.len();
        scores.resize(count, 0.0);
        let mut bins = ScoreBins::default();
        for (number, scores) in scores.chunks_mut(BLOCK).enumerate() {
            self.scores(&weights, number * BLOCK, scores);
            bins.add(scores);
        }
        let top = count.div_ceil(10).checked_sub(1);
        let mut places = self.index.tier_places(count);
        places.retain_mut(|place| {
            *place = place.wrapping_sub(1);
            *place < count
        });
        places.extend(top);
        let found = Places::find(&bins, &places, scores);
        // Every place that is asked for was looked at.
        let at = |place| found.at(place).unwrap_or_default();
        let tiers = self.index.tiers(count, at, |least| found.reach(least));
        let cuts = tiers.iter().enumerate().filter_map(|(number, tier)| Some((tier.least?, number))).collect();
        let last_tier = tiers.len().saturating_sub(1);
        Weighed { weights, cuts, last_tier, top_least: top.map(at), ranks: bins.ranks() }
    }

    /// The scores of the customers from number `first` on.
    pub(crate) fn scores(&self, weights: &[f64], first: usize, scores: &mut [f64]) {
        let columns: Vec<&[f64]> = self.columns.iter().map(|column| &column[first..first + scores.len()]).collect();
        weighted_sums(&self.groups, weights, &columns, scores);
    }

    /// The smallest change of one weight that moves each customer to another tier, the others keeping their proportions and the cuts
    /// staying where they are; `None` of whom no change of one weight moves.
    #[must_use]
    pub fn tier_changes(&self, weighed: &Weighed) -> Vec<Option<TierChange>> {
        let change = |row: usize| {
            let mut score = [0.0];
            self.scores(&weighed.weights, row, &mut score);
            let missed = weighed.cuts.iter().take_while(|(least, _)| score[0] < *least).count();
            let upper = missed.checked_sub(1).map(|cut| weighed.cuts[cut]);
            let lower = weighed.cuts.get(missed).map(|(least, _)| *least);
            let below = weighed.cuts.get(missed + 1).map_or(weighed.last_tier, |(_, tier)| *tier);
            let values: Vec<f64> = self.columns.iter().map(|column| column[row]).collect();
            let found = least_change(&weighed.weights, &values, lower, upper.map(|(least, _)| least))?;
            let tier = if found.rises { upper.map_or(below, |(_, tier)| tier) } else { below };
            Some(TierChange { indicator: found.indicator, change: found.change, tier })
        };
        (0..self.rows.len()).into_par_iter().map(change).collect()
    }
}
