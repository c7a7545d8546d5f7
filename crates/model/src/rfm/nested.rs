//! Scores by rank among the buyers of equal scores before: frequency within a recency score, money within a cell of both.

use arrow::array::{Int32Array, Int64Array};
use rayon::prelude::*;

use super::Numbers;
use crate::card::{NestedCard, ScoreCard};
use crate::error::ModelError;
use crate::scores::{CutOffs, FittedRanking, Ranking, ScoreRange};

/// Scores are 1 to 10; 0 stands for none before.
const LEVELS: usize = 11;

/// Cut-offs of each cell, by its number.
pub(super) struct Nested {
    cells: Vec<Option<CutOffs>>,
}

/// What fitting found.
pub(super) struct FittedCells {
    /// Ranges over all cells; those of neighbouring scores may overlap.
    pub(super) whole: FittedRanking,
    /// All buyers, then each cell that has some, ascending.
    pub(super) cells: Vec<NestedCard>,
}

/// The number of the cell of a row's scores `before`; 0 for all buyers.
fn number(before: &[Int32Array], row: usize) -> usize {
    before.iter().fold(0, |number, scores| number * LEVELS + usize::try_from(scores.value(row)).unwrap_or(0))
}

/// The scores of cell `number`, `depth` of them.
fn scores_of(number: usize, depth: usize) -> Vec<i32> {
    let digits = [number / LEVELS, number % LEVELS];
    digits[2 - depth..].iter().map(|&digit| i32::try_from(digit).unwrap_or_default()).collect()
}

/// Ranks the buyers of each cell. `batches` holds the goodness of all rows with the scores before.
pub(super) fn fit(ranking: Ranking, batches: &[(Int64Array, Vec<Int32Array>)], numbers: Numbers) -> FittedCells {
    let mut buyers: Vec<(usize, i64)> = Vec::new();
    for (goodness, before) in batches {
        let rows = goodness.iter().enumerate();
        buyers.extend(rows.filter_map(|(row, value)| Some((number(before, row), value?))));
    }
    let depth = batches.first().map_or(0, |(_, before)| before.len());
    buyers.par_sort_unstable();
    let card = |scores: Vec<i32>, fitted: &FittedRanking| NestedCard {
        within: scores,
        scores: fitted.ranges.iter().map(|range| numbers.card(range.score, Some(range))).collect(),
    };
    let mut all: Vec<i64> = buyers.iter().map(|buyer| buyer.1).collect();
    all.par_sort_unstable();
    let whole = ranking.fit(&all);
    let mut cells = vec![card(Vec::new(), &whole)];
    let mut ranges: Vec<ScoreRange> = Vec::new();
    for members in buyers.chunk_by(|a, b| a.0 == b.0) {
        let sorted: Vec<i64> = members.iter().map(|buyer| buyer.1).collect();
        let fitted = ranking.fit(&sorted);
        cells.push(card(scores_of(members[0].0, depth), &fitted));
        fitted.ranges.into_iter().for_each(|range| join(&mut ranges, range));
    }
    ranges.sort_unstable_by_key(|range| range.score);
    FittedCells { whole: FittedRanking { ranges, largest_tie: whole.largest_tie }, cells }
}

/// Adds the members of `range` to those of its score.
fn join(ranges: &mut Vec<ScoreRange>, range: ScoreRange) {
    match ranges.iter_mut().find(|joined| joined.score == range.score) {
        Some(joined) => {
            joined.customers += range.customers;
            joined.worst = joined.worst.min(range.worst);
            joined.best = joined.best.max(range.best);
        }
        None => ranges.push(range),
    }
}

impl Nested {
    /// Takes the cut-offs of `cards`, whose cells are of `depth` scores; `read` makes those of one.
    pub(super) fn thaw(
        cards: &[NestedCard],
        depth: usize,
        read: impl Fn(&[ScoreCard]) -> Result<CutOffs, ModelError>,
    ) -> Result<Self, ModelError> {
        let mut cells: Vec<Option<CutOffs>> = vec![None; LEVELS * LEVELS];
        for card in cards {
            let within = &card.within;
            let valid = within.iter().all(|score| (1..=10).contains(score));
            if !valid || !(within.is_empty() || within.len() == depth) {
                return Err(ModelError::CardValue {
                    what: "`within` of a nested score".to_owned(),
                    value: format!("{within:?}"),
                    expected: "nothing for all buyers, or the scores before",
                });
            }
            let cell = within.iter().fold(0, |cell, &score| cell * LEVELS + usize::try_from(score).unwrap_or(0));
            cells[cell] = Some(read(&card.scores)?);
        }
        Ok(Self { cells })
    }

    /// The score of each row by the cut-offs of its cell; where nobody was fitted in it, by those of all buyers.
    pub(super) fn scores(&self, goodness: &Int64Array, before: &[Int32Array]) -> Int32Array {
        let score = |(row, value): (usize, Option<i64>)| {
            let value = value?;
            let cell = self.cells[number(before, row)].as_ref().or(self.cells[0].as_ref());
            Some(cell.map_or(1, |cell| cell.score(value)))
        };
        goodness.iter().enumerate().map(score).collect()
    }
}
