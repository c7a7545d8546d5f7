//! Fitting the value index: bounds, the data's weights, references, tiers.

use appraise_mcdm::{
    Error, Input, ObjectiveFit, RankingFit, Scale, Transform, additive, game_theory, multiplicative, normalise,
};
use arrow::array::RecordBatch;
use rayon::prelude::*;

use super::apply::FittedIndex;
use super::card::{IndexCard, IndicatorCard, JudgementsCard, LevelCard, TierCard};
use super::config::{Combination, Missing};
use super::rows::{Rows, slices, values};
use super::{Index, IndicatorPlan};
use crate::error::ModelError;
use crate::measure::{SHARE_PARTS, share_parts};

impl IndicatorCard {
    /// The scale of the indicator.
    pub(super) fn scale(&self) -> Scale {
        let bound = |value| self.transform.apply(value);
        Scale { direction: self.direction, transform: self.transform, low: bound(self.low), high: bound(self.high) }
    }
}

impl<'p> FittedIndex<'p> {
    /// Fits the index to the customers of `table`.
    pub(super) fn fit(index: &'p Index, table: &[RecordBatch]) -> Result<Self, ModelError> {
        let rows: Vec<Vec<usize>> =
            table.iter().map(|batch| index.config.customers.rows(batch)).collect::<Result<_, _>>()?;
        let fitted = index.indicators.par_iter().map(|plan| index.indicator(plan, table, &rows));
        let mut indicators = fitted.collect::<Result<Vec<_>, _>>()?;
        drop(rows);
        let customers = index.means(&mut indicators, table)?;
        let mut card = IndexCard {
            customers,
            indicators,
            judgements: index
                .subjective
                .consistency
                .iter()
                .cloned()
                .map(|(of, found)| JudgementsCard { of, found })
                .collect(),
            alpha: None,
            uninformative: false,
            combined: LevelCard { weights: Vec::new(), references: appraise_mcdm::References::Saw, tiers: Vec::new() },
            subjective: None,
            objective: None,
        };
        let mut objective = None;
        if index.config.objective.is_some() {
            let found = index.objective(&card.indicators, table)?;
            card.uninformative = found.uninformative;
            card.subjective = Some(index.level(&card.indicators, &index.subjective.weights, table)?.0);
            card.objective = Some(index.level(&card.indicators, &found.weights, table)?.0);
            objective = Some(found.weights);
        }
        let weights;
        (weights, card.alpha) = index.joined_weights(objective.as_deref())?;
        let (combined, ranked) = index.level(&card.indicators, &weights, table)?;
        card.combined = combined;
        Ok(Self { index, card, ranked, objective, kept: None })
    }
}

impl Index {
    /// Bounds of an indicator, and what NULL counts as. Means come later.
    fn indicator(
        &self,
        plan: &IndicatorPlan,
        table: &[RecordBatch],
        rows: &[Vec<usize>],
    ) -> Result<IndicatorCard, ModelError> {
        let mut known = Vec::new();
        let mut missing_customers = 0;
        for (batch, rows) in table.iter().zip(rows) {
            let of_batch = values(plan, batch, rows)?;
            let before = known.len();
            known.extend(of_batch.into_iter().filter(|value| !value.is_nan()));
            missing_customers += (rows.len() - (known.len() - before)) as u64;
        }
        // A scale that transforms nothing has its bounds in the column's units.
        let bounds = Scale::fit(&mut known, plan.indicator.direction, Transform::Identity, self.config.bounds);
        let (low, high) = bounds.map_or((0.0, 0.0), |scale| (scale.low, scale.high));
        let missing = match plan.indicator.missing {
            Missing::Value(value) => value,
            Missing::Worst if plan.indicator.direction == appraise_mcdm::Direction::Cost => high,
            Missing::Worst => low,
            Missing::Median if known.is_empty() => 0.0,
            Missing::Median => {
                let middle = known.len().div_ceil(2) - 1;
                *known.select_nth_unstable_by(middle, f64::total_cmp).1
            }
        };
        Ok(IndicatorCard {
            group: self.config.groups[plan.group].name.clone(),
            column: plan.indicator.column.clone(),
            direction: plan.indicator.direction,
            transform: plan.transform,
            low,
            high,
            missing,
            missing_customers,
            mean: 0.0,
        })
    }

    /// Sets the means of `indicators` over the customers of `table`; how many these are.
    fn means(&self, indicators: &mut [IndicatorCard], table: &[RecordBatch]) -> Result<u64, ModelError> {
        let mut sums = vec![0.0; indicators.len()];
        let mut customers = 0;
        for batch in table {
            let rows = Rows::new(self, indicators, batch)?;
            customers += rows.chosen.len() as u64;
            for (sum, column) in sums.iter_mut().zip(&rows.normalised) {
                // One by one: where batches are cut must not count.
                for value in column {
                    *sum += value;
                }
            }
        }
        for (indicator, sum) in indicators.iter_mut().zip(sums) {
            indicator.mean = if customers > 0 { sum / customers as f64 } else { 0.0 };
        }
        Ok(customers)
    }

    /// The data's weights.
    fn objective(
        &self,
        fitted: &[IndicatorCard],
        table: &[RecordBatch],
    ) -> Result<appraise_mcdm::ObjectiveWeights, ModelError> {
        let Some(asked) = self.config.objective else { return Err(self.refuse(Error::NoIndicators)) };
        let mut fit = ObjectiveFit::new(asked.method, &self.directions()).map_err(|error| self.refuse(error))?;
        loop {
            for batch in table {
                let rows = Rows::new(self, fitted, batch)?;
                let columns = match asked.method.input() {
                    Input::Raw => slices(&rows.raw),
                    Input::Normalised => slices(&rows.normalised),
                };
                fit.add(&columns).map_err(|error| self.refuse(error))?;
            }
            if !fit.end_pass().map_err(|error| self.refuse(error))? {
                return fit.finish().map_err(|error| self.refuse(error));
            }
        }
    }

    /// Our weights, joined with the data's where these have a say, and our share in them where there is one.
    pub(super) fn joined_weights(&self, objective: Option<&[f64]>) -> Result<(Vec<f64>, Option<f64>), ModelError> {
        match (self.config.objective, objective) {
            (Some(asked), Some(objective)) => self.combined(asked.combination, objective),
            _ => Ok((self.subjective.weights.clone(), None)),
        }
    }

    /// `weights` as the index is added up by them.
    pub(super) fn index_weights(&self, weights: &[f64]) -> Result<Vec<f64>, ModelError> {
        Ok(self.at_most_one(normalise(weights).map_err(|error| self.refuse(error))?))
    }

    /// Our weights and the data's as one, and our share in them where there is one.
    fn combined(&self, combination: Combination, objective: &[f64]) -> Result<(Vec<f64>, Option<f64>), ModelError> {
        let refused = |error| self.refuse(error);
        let ours = &self.subjective.weights;
        match combination {
            Combination::Additive { alpha } => Ok((additive(ours, objective, alpha).map_err(refused)?, Some(alpha))),
            Combination::Multiplicative => Ok((multiplicative(ours, objective).map_err(refused)?, None)),
            Combination::GameTheory => {
                let found = game_theory(ours, objective).map_err(refused)?;
                Ok((found.weights, Some(found.alpha)))
            }
        }
    }

    /// What scoring and classing by `weights` needs, and all scores, the greatest first.
    fn level(
        &self,
        fitted: &[IndicatorCard],
        weights: &[f64],
        table: &[RecordBatch],
    ) -> Result<(LevelCard, Vec<f64>), ModelError> {
        let weights = self.index_weights(weights)?;
        let ranking = self.config.ranking;
        let mut fit = RankingFit::new(ranking, &self.directions(), &weights).map_err(|error| self.refuse(error))?;
        // SAW has no references: there is nothing to look at.
        let mut looks = ranking != appraise_mcdm::Ranking::Saw;
        while looks {
            for batch in table {
                let rows = Rows::new(self, fitted, batch)?;
                let added = match ranking.input() {
                    Input::Raw => fit.add(&slices(&rows.transformed(fitted))),
                    Input::Normalised => fit.add(&slices(&rows.normalised)),
                };
                added.map_err(|error| self.refuse(error))?;
            }
            looks = fit.end_pass().map_err(|error| self.refuse(error))?;
        }
        let references = fit.finish().map_err(|error| self.refuse(error))?;
        let mut level = LevelCard { weights, references, tiers: Vec::new() };
        let ranked = self.ranked(fitted, &level, table)?;
        let reach = |least: f64| ranked.partition_point(|&score| score >= least);
        level.tiers = self.tiers(ranked.len(), |place| ranked[place], reach);
        Ok((level, ranked))
    }

    /// The scores of all customers of `table`, the greatest first.
    pub(super) fn ranked(
        &self,
        fitted: &[IndicatorCard],
        level: &LevelCard,
        table: &[RecordBatch],
    ) -> Result<Vec<f64>, ModelError> {
        let scores = table.par_iter().map(|batch| {
            let rows = Rows::new(self, fitted, batch)?;
            self.scores(fitted, level, &rows)
        });
        let mut ranked = scores.collect::<Result<Vec<_>, _>>()?.concat();
        ranked.par_sort_unstable_by(|a, b| b.total_cmp(a));
        Ok(ranked)
    }

    /// The tiers of `count` customers: those whose place, from 0, is less than `count` times the shares of the tier and of those above
    /// it; customers with equal scores go with the first of them. `at` gives the score at a place, `reach` how many customers have a
    /// score or more; either is asked about places of [`Index::tier_places`] alone.
    pub(super) fn tiers(&self, count: usize, at: impl Fn(usize) -> f64, reach: impl Fn(f64) -> usize) -> Vec<TierCard> {
        let mut tiers: Vec<TierCard> = Vec::with_capacity(self.config.tiers.len());
        let mut taken = 0;
        for ((name, _), places) in self.config.tiers.iter().zip(self.tier_places(count)) {
            let takes_rest = tiers.len() + 1 == self.config.tiers.len();
            let least = if places > taken { Some(at(places - 1)) } else { None };
            let end = least.map_or(taken, &reach);
            let least = least.filter(|_| !takes_rest);
            tiers.push(TierCard { tier: name.clone(), least, customers: (end - taken) as u64 });
            taken = end;
        }
        tiers
    }

    /// Up to which place, exclusively, each tier takes `count` customers.
    pub(super) fn tier_places(&self, count: usize) -> Vec<usize> {
        let mut shares = 0.0;
        let last = self.config.tiers.len();
        let end = |(position, (_, share)): (usize, &(String, f64))| {
            shares += share;
            if position + 1 == last { count } else { places(shares, count) }
        };
        self.config.tiers.iter().enumerate().map(end).collect()
    }

    /// `weights`, lowered by the least there is until they add up to 1 at most, group by group as the index is added up.
    fn at_most_one(&self, mut weights: Vec<f64>) -> Vec<f64> {
        let total =
            |weights: &[f64]| self.groups().into_iter().map(|group| weights[group].iter().sum::<f64>()).sum::<f64>();
        while total(&weights) > 1.0 {
            weights.iter_mut().filter(|weight| **weight > 0.0).for_each(|weight| *weight = weight.next_down());
        }
        weights
    }

    fn directions(&self) -> Vec<appraise_mcdm::Direction> {
        self.indicators.iter().map(|plan| plan.indicator.direction).collect()
    }

    /// The error of customers that the index can't be fitted to.
    pub(super) fn refuse(&self, source: Error) -> ModelError {
        let named = match &source {
            Error::Value { indicator, .. } => self.indicators.get(*indicator),
            _ => None,
        };
        ModelError::IndexFit { indicator: named.map(|plan| plan.indicator.column.clone()), source }
    }
}

/// ⌈share · count⌉ for a share from 0 to 1.
fn places(share: f64, count: usize) -> usize {
    let places = (share_parts(share) * count as i128 + SHARE_PARTS - 1) / SHARE_PARTS;
    usize::try_from(places).unwrap_or(count).min(count)
}
