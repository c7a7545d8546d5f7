//! Whole fits in one call, with rows in batches.

use appraise_mcdm::{
    Direction, Error, Input, Objective, ObjectiveFit, ObjectiveWeights, Ranking, RankingFit, References,
};

/// Slices of columns.
pub(crate) fn slices(columns: &[Vec<f64>]) -> Vec<&[f64]> {
    columns.iter().map(Vec::as_slice).collect()
}

/// The rows cut into batches of these lengths, and the rest in one.
pub(crate) fn batches<'a>(columns: &'a [Vec<f64>], lengths: &[usize]) -> Vec<Vec<&'a [f64]>> {
    let rows = columns.first().map_or(0, Vec::len);
    let mut cuts = vec![0];
    for length in lengths {
        cuts.push(rows.min(cuts[cuts.len() - 1] + length));
    }
    cuts.push(rows);
    cuts.windows(2).map(|cut| columns.iter().map(|column| &column[cut[0]..cut[1]]).collect()).collect()
}

pub(crate) fn objective(
    method: Objective,
    directions: &[Direction],
    columns: &[Vec<f64>],
    lengths: &[usize],
) -> Result<ObjectiveWeights, Error> {
    let mut fit = ObjectiveFit::new(method, directions)?;
    loop {
        for batch in batches(columns, lengths) {
            fit.add(&batch)?;
        }
        if !fit.end_pass()? {
            return fit.finish();
        }
    }
}

pub(crate) fn ranking(
    method: Ranking,
    directions: &[Direction],
    weights: &[f64],
    columns: &[Vec<f64>],
    lengths: &[usize],
) -> Result<References, Error> {
    let mut fit = RankingFit::new(method, directions, weights)?;
    loop {
        for batch in batches(columns, lengths) {
            fit.add(&batch)?;
        }
        if !fit.end_pass()? {
            return fit.finish();
        }
    }
}

/// The columns that a method takes.
pub(crate) fn of<'a>(input: Input, raw: &'a [Vec<f64>], normalised: &'a [Vec<f64>]) -> &'a [Vec<f64>] {
    match input {
        Input::Raw => raw,
        Input::Normalised => normalised,
    }
}

pub(crate) const METHODS: [Ranking; 4] =
    [Ranking::Saw, Ranking::Topsis, Ranking::Vikor { v: 0.5 }, Ranking::Gra { zeta: 0.5 }];
pub(crate) const OBJECTIVES: [Objective; 5] =
    [Objective::Equal, Objective::Critic, Objective::Std, Objective::Entropy, Objective::Merec];
