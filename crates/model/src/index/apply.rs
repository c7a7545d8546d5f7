//! Applying the value index: scores, ranks, tiers, what lifts and drags.

use std::sync::Arc;

use appraise_mcdm::{Input, References, contribution};
use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::compute::take;
use rayon::prelude::*;

use super::Index;
use super::card::{IndexCard, IndicatorCard, LevelCard};
use super::rows::{Rows, slices};
use super::weighed::{Kept, WeighedIndex, weighted_sums};
use crate::card::ModelCard;
use crate::error::ModelError;
use crate::model::Fitted;

/// Tiers that are so many places apart disagree.
const APART: u32 = 2;

/// A fitted index, ready to apply.
pub(super) struct FittedIndex<'p> {
    pub(super) index: &'p Index,
    pub(super) card: IndexCard,
    /// The scores of all customers that are valued, the greatest first: what ranks are counted in.
    pub(super) ranked: Vec<f64>,
    /// The data's weights as they join ours, where they do and were fitted.
    pub(super) objective: Option<Vec<f64>>,
    /// The indicators of the customers that were valued, where they are asked for.
    pub(super) kept: Option<Kept>,
}

impl<'p> FittedIndex<'p> {
    /// Takes the index of a card that was fitted before.
    pub(super) fn from_card(index: &'p Index, card: &IndexCard) -> Result<Self, ModelError> {
        let mismatch = |what: &str, card: String, config: String| {
            Err(ModelError::CardMismatch { what: format!("`index.{what}`"), card, config })
        };
        let names = |names: Vec<&str>| names.join(", ");
        let of_card = names(card.indicators.iter().map(|of| of.column.as_str()).collect());
        let of_plan = names(index.indicators.iter().map(|plan| plan.indicator.column.as_str()).collect());
        if of_card != of_plan {
            return mismatch("tree", of_card, of_plan);
        }
        for (fitted, plan) in card.indicators.iter().zip(&index.indicators) {
            if (fitted.direction, fitted.transform) != (plan.indicator.direction, plan.transform) {
                let of = |direction, transform| format!("{direction:?}, {transform:?}").to_lowercase();
                let planned = of(plan.indicator.direction, plan.transform);
                return mismatch(&fitted.column, of(fitted.direction, fitted.transform), planned);
            }
        }
        let levels = [Some(&card.combined), card.subjective.as_ref(), card.objective.as_ref()];
        let tiers = names(index.config.tiers.iter().map(|(name, _)| name.as_str()).collect());
        for level in levels.into_iter().flatten() {
            let of_level = names(level.tiers.iter().map(|tier| tier.tier.as_str()).collect());
            if of_level != tiers {
                return mismatch("tiers", of_level, tiers);
            }
            if level.weights.len() != index.indicators.len() {
                return mismatch("weights", level.weights.len().to_string(), index.indicators.len().to_string());
            }
        }
        let on = |on: bool| if on { "on" } else { "off" }.to_owned();
        let (of_card, of_plan) =
            (card.objective.is_some() && card.subjective.is_some(), index.config.objective.is_some());
        if of_card != of_plan {
            return mismatch("objective", on(of_card), on(of_plan));
        }
        Ok(Self { index, card: card.clone(), ranked: Vec::new(), objective: None, kept: None })
    }

    /// The columns of a batch, and its rows.
    fn batch(&self, batch: &RecordBatch) -> Result<(Vec<ArrayRef>, Rows), ModelError> {
        let (index, card) = (self.index, &self.card);
        let rows = Rows::new(index, &card.indicators, batch)?;
        let out = Spread { count: batch.num_rows(), rows: &rows.chosen };
        let parts = index.parts(&card.combined, &rows);
        let scores = index.scores_of(&card.indicators, &card.combined, &rows, &parts)?;
        let rank = |score: f64| self.ranked.partition_point(|&other| other > score).cast_signed() as i64 + 1;
        let ranks: Vec<i64> = scores.iter().map(|&score| rank(score)).collect();
        let mut columns = vec![out.doubles(&scores), out.integers(&ranks)];
        if !index.config.tiers.is_empty() {
            columns.push(out.names(&tier_names(&card.combined), &tiers(&card.combined, &scores))?);
            if let (Some(subjective), Some(objective)) = (&card.subjective, &card.objective) {
                let by = |level: &LevelCard| {
                    Ok::<_, ModelError>(tiers(level, &index.scores(&card.indicators, level, &rows)?))
                };
                let (ours, theirs) = (by(subjective)?, by(objective)?);
                columns.push(out.names(&tier_names(subjective), &ours)?);
                columns.push(out.names(&tier_names(objective), &theirs)?);
                let apart =
                    ours.iter().zip(&theirs).map(|(ours, theirs)| Some(ours.as_ref()?.abs_diff((*theirs)?) >= APART));
                columns.push(out.flags(&apart.map(|apart| apart.unwrap_or(false)).collect::<Vec<_>>()));
            }
        }
        columns.extend(parts.iter().map(|part| out.doubles(part)));
        columns.extend(self.drivers(&rows, &out)?);
        Ok((columns, rows))
    }

    /// What lifts a customer most above the mean customer, what second most, and what pulls most below.
    fn drivers(&self, rows: &Rows, out: &Spread<'_>) -> Result<Vec<ArrayRef>, ModelError> {
        let card = &self.card;
        let mut found = [const { Vec::new() }; 3];
        for row in 0..rows.chosen.len() {
            let [mut first, mut second, mut drag] = [(None, 0.0); 3];
            let indicators = card.indicators.iter().zip(&card.combined.weights).zip(&rows.normalised);
            for (number, ((indicator, weight), column)) in (0_u32..).zip(indicators) {
                let lift = weight * (column[row] - indicator.mean);
                if lift > first.1 {
                    (second, first) = (first, (Some(number), lift));
                } else if lift > second.1 {
                    second = (Some(number), lift);
                }
                if lift < drag.1 {
                    drag = (Some(number), lift);
                }
            }
            found.iter_mut().zip([first, second, drag]).for_each(|(of, one)| of.push(one));
        }
        let names: StringArray = card.indicators.iter().map(|of| Some(of.column.as_str())).collect();
        let mut columns = Vec::with_capacity(6);
        for of in &found {
            columns.push(out.names(&names, &of.iter().map(|(number, _)| *number).collect::<Vec<_>>())?);
            let lifts: Vec<Option<f64>> = of.iter().map(|(number, lift)| number.map(|_| *lift)).collect();
            columns.push(out.optional(&lifts));
        }
        Ok(columns)
    }
}

impl Fitted for FittedIndex<'_> {
    fn survey(&mut self, table: &[RecordBatch]) -> Result<(), ModelError> {
        self.ranked = self.index.ranked(&self.card.indicators, &self.card.combined, table)?;
        Ok(())
    }

    fn apply(&mut self, _first: usize, table: &[RecordBatch]) -> Result<Vec<Vec<ArrayRef>>, ModelError> {
        let valued = table.par_iter().map(|batch| self.batch(batch)).collect::<Result<Vec<_>, _>>()?;
        if let Some(kept) = &mut self.kept {
            table.iter().zip(&valued).for_each(|(batch, (_, rows))| kept.add(batch.num_rows(), rows));
        }
        Ok(valued.into_iter().map(|(columns, _)| columns).collect())
    }

    fn keep_indicators(&mut self) {
        self.kept = Some(Kept::default());
    }

    fn take_indicators(&mut self) -> Option<WeighedIndex> {
        Some(WeighedIndex::new(self.index.clone(), self.objective.clone(), self.kept.take()?))
    }

    fn record(self: Box<Self>, card: &mut ModelCard) {
        card.index = Some(self.card);
    }
}

impl Index {
    /// The scores of `rows` by the weights of `level`.
    pub(super) fn scores(
        &self,
        fitted: &[IndicatorCard],
        level: &LevelCard,
        rows: &Rows,
    ) -> Result<Vec<f64>, ModelError> {
        if level.references != References::Saw {
            return self.scores_of(fitted, level, rows, &[]);
        }
        let mut scores = vec![0.0; rows.chosen.len()];
        weighted_sums(&self.groups(), &level.weights, &slices(&rows.normalised), &mut scores);
        Ok(scores)
    }

    /// The same where [`Index::parts`] of `level`, which `saw` adds up, are made already.
    fn scores_of(
        &self,
        fitted: &[IndicatorCard],
        level: &LevelCard,
        rows: &Rows,
        parts: &[Vec<f64>],
    ) -> Result<Vec<f64>, ModelError> {
        if level.references == References::Saw {
            let mut scores = vec![0.0; rows.chosen.len()];
            for part in parts {
                scores.iter_mut().zip(part).for_each(|(score, part)| *score += part);
            }
            return Ok(scores);
        }
        let scores = match level.references.input() {
            Input::Raw => level.references.scores(&level.weights, &slices(&rows.transformed(fitted))),
            Input::Normalised => level.references.scores(&level.weights, &slices(&rows.normalised)),
        };
        scores.map_err(|error| self.refuse(error))
    }

    /// What each group of indicators adds to the weighted sum: the contributions of its indicators, in their order.
    fn parts(&self, level: &LevelCard, rows: &Rows) -> Vec<Vec<f64>> {
        let part = |group: std::ops::Range<usize>| {
            let mut part = vec![0.0; rows.chosen.len()];
            for (&weight, column) in level.weights[group.clone()].iter().zip(&rows.normalised[group]) {
                part.iter_mut().zip(column).for_each(|(sum, &value)| *sum += contribution(weight, value));
            }
            part
        };
        self.groups().into_iter().map(part).collect()
    }
}

/// The tier of each score, counted from the best; `None` without tiers.
#[expect(clippy::cast_possible_truncation, reason = "there are few tiers")]
fn tiers(level: &LevelCard, scores: &[f64]) -> Vec<Option<u32>> {
    let last = level.tiers.len().checked_sub(1);
    let of = |score: f64| {
        let reached = level.tiers.iter().position(|tier| tier.least.is_some_and(|least| score >= least));
        reached.or(last).map(|tier| tier as u32)
    };
    scores.iter().map(|&score| of(score)).collect()
}

fn tier_names(level: &LevelCard) -> StringArray {
    level.tiers.iter().map(|tier| Some(tier.tier.as_str())).collect()
}

/// Values of some rows of a batch, spread over all its rows: the others are NULL.
struct Spread<'r> {
    /// Rows of the batch.
    count: usize,
    /// Those that have values, ascending.
    rows: &'r [usize],
}

impl Spread<'_> {
    fn all<T: Copy>(&self, values: &[T]) -> Vec<Option<T>> {
        let mut all = vec![None; self.count];
        self.rows.iter().zip(values).for_each(|(&row, &value)| all[row] = Some(value));
        all
    }

    fn doubles(&self, values: &[f64]) -> ArrayRef {
        Arc::new(Float64Array::from(self.all(values)))
    }

    fn optional(&self, values: &[Option<f64>]) -> ArrayRef {
        Arc::new(self.all(values).into_iter().map(Option::flatten).collect::<Float64Array>())
    }

    fn integers(&self, values: &[i64]) -> ArrayRef {
        Arc::new(Int64Array::from(self.all(values)))
    }

    fn flags(&self, values: &[bool]) -> ArrayRef {
        Arc::new(BooleanArray::from(self.all(values)))
    }

    /// The texts of `names` by their numbers.
    fn names(&self, names: &StringArray, numbers: &[Option<u32>]) -> Result<ArrayRef, ModelError> {
        let numbers: UInt32Array = self.all(numbers).into_iter().map(Option::flatten).collect();
        Ok(take(names, &numbers, None)?)
    }
}
