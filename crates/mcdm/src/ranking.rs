//! Scores by weighted indicators: a fit to all rows leaves references, by which any row is scored.

mod gra;
mod saw;
mod topsis;
mod vikor;

use serde::{Deserialize, Serialize};

use crate::columns::{Passes, check, check_normalised, rows};
use crate::{Direction, Error};

use gra::GraFit;
use topsis::TopsisFit;
use vikor::VikorFit;

pub use gra::Gra;
pub use saw::contribution;
pub use topsis::{Topsis, TopsisColumn};
pub use vikor::Vikor;

/// Which columns a method takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// As [`Scale::normalise_column`](crate::Scale::normalise_column) gives them: from 0, the worst, to 1, the best.
    Normalised,
    /// The indicators themselves, transformed or not; they are not turned round where less is better.
    Raw,
}

/// A method of scoring. Whatever it is, scores are from 0 to 1 and more is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ranking {
    /// The weighted mean of normalised indicators.
    Saw,
    /// The nearness to the ideal, away from its contrary (Hwang & Yoon 1981).
    Topsis,
    /// The compromise between the sum of regrets and the greatest of them (Opricovic & Tzeng 2004).
    Vikor {
        /// How much the sum counts against the greatest regret, from 0 to 1; ½ by custom.
        v: f64,
    },
    /// The grey relation to the ideal (Deng 1982).
    Gra {
        /// The distinguishing coefficient, above 0 up to 1; ½ by custom.
        zeta: f64,
    },
}

impl Ranking {
    /// The columns that the method takes: `Topsis` raw ones, the others normalised ones.
    #[must_use]
    pub fn input(self) -> Input {
        match self {
            Self::Topsis => Input::Raw,
            Self::Saw | Self::Vikor { .. } | Self::Gra { .. } => Input::Normalised,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Saw => "saw",
            Self::Topsis => "topsis",
            Self::Vikor { .. } => "vikor",
            Self::Gra { .. } => "gra",
        }
    }
}

/// All that scoring needs besides the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum References {
    /// Of [`Ranking::Saw`]: nothing.
    Saw,
    /// Of [`Ranking::Topsis`].
    Topsis(Topsis),
    /// Of [`Ranking::Vikor`].
    Vikor(Vikor),
    /// Of [`Ranking::Gra`].
    Gra(Gra),
}

/// Fits a method to rows that arrive batch after batch: [`add`](Self::add) them all, [`end_pass`](Self::end_pass), the
/// same again as long as that says so, then [`finish`](Self::finish).
#[derive(Debug, Clone)]
pub struct RankingFit {
    method: Ranking,
    weights: Vec<f64>,
    passes: Passes,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Saw,
    Topsis(TopsisFit),
    Vikor(VikorFit),
    Gra(GraFit),
}

impl RankingFit {
    /// A fit without rows yet. Weights are those of [`normalise`](crate::normalise); `Vikor` alone looks at them, and
    /// `Topsis` alone at directions.
    ///
    /// # Errors
    /// No indicators; not as many directions as weights; a parameter outside its domain.
    pub fn new(method: Ranking, directions: &[Direction], weights: &[f64]) -> Result<Self, Error> {
        if weights.is_empty() {
            return Err(Error::NoIndicators);
        }
        if directions.len() != weights.len() {
            return Err(Error::Indicators { what: "directions", expected: weights.len(), found: directions.len() });
        }
        let state = match method {
            Ranking::Saw => State::Saw,
            Ranking::Topsis => State::Topsis(TopsisFit::new(directions)),
            Ranking::Vikor { v } if !(0.0..=1.0).contains(&v) => {
                return Err(Error::Parameter { parameter: "v", value: v, needed: "a number from 0 to 1" });
            }
            Ranking::Vikor { v } => State::Vikor(VikorFit::new(v, weights.len())),
            Ranking::Gra { zeta } if !(1e-6..=1.0).contains(&zeta) => {
                return Err(Error::Parameter { parameter: "zeta", value: zeta, needed: "a number from 0.000001 to 1" });
            }
            Ranking::Gra { zeta } => State::Gra(GraFit::new(zeta, weights.len())),
        };
        Ok(Self { method, weights: weights.to_vec(), passes: Passes::default(), state })
    }

    /// Takes the next rows: a slice for each indicator, as [`Ranking::input`] says.
    ///
    /// # Errors
    /// Another number of columns, columns of different lengths, a value that is not finite or not from 0 to 1.
    pub fn add(&mut self, columns: &[&[f64]]) -> Result<(), Error> {
        let rows = rows(columns, self.weights.len())?;
        match self.method.input() {
            Input::Normalised => check_normalised(columns, self.method.name())?,
            Input::Raw => check(columns, self.method.name(), "finite values", f64::is_finite)?,
        }
        let second = self.passes.is_second();
        match &mut self.state {
            State::Saw => {}
            State::Topsis(fit) => fit.add(columns),
            State::Vikor(fit) if second => fit.add_second(&self.weights, columns),
            State::Vikor(fit) => fit.add(columns),
            State::Gra(fit) => fit.add(columns),
        }
        self.passes.add(rows);
        Ok(())
    }

    /// Ends a pass over all rows; whether the same rows have to be added once more (`Vikor`).
    ///
    /// # Errors
    /// No rows (none are needed for `Saw`), or other rows in the second pass than in the first.
    pub fn end_pass(&mut self) -> Result<bool, Error> {
        self.check()?;
        match &mut self.state {
            State::Vikor(fit) if !self.passes.is_second() => fit.begin_second(),
            _ => return Ok(false),
        }
        self.passes.begin_second();
        Ok(true)
    }

    /// The references.
    ///
    /// # Errors
    /// As of [`end_pass`](Self::end_pass).
    pub fn finish(self) -> Result<References, Error> {
        self.check()?;
        Ok(match self.state {
            State::Saw => References::Saw,
            State::Topsis(fit) => References::Topsis(fit.finish()),
            State::Vikor(fit) => References::Vikor(fit.finish()),
            State::Gra(fit) => References::Gra(fit.finish()),
        })
    }

    fn check(&self) -> Result<(), Error> {
        self.passes.check(self.method.name(), u64::from(self.method != Ranking::Saw))
    }
}

/// Rows that are scored at once, so that their sums stay in the fastest memory.
const BLOCK: usize = 512;

impl References {
    /// The columns that these references score.
    #[must_use]
    pub fn input(&self) -> Input {
        match self {
            Self::Topsis(_) => Input::Raw,
            Self::Saw | Self::Vikor(_) | Self::Gra(_) => Input::Normalised,
        }
    }

    /// The scores of rows, given as a slice for each indicator; from 0 to 1, more is better. A value beyond the range
    /// of those that were fitted counts as the end of that range; NaN as an end of it, too.
    ///
    /// # Errors
    /// Not as many columns as weights or as the references have, or columns of different lengths.
    pub fn scores(&self, weights: &[f64], columns: &[&[f64]]) -> Result<Vec<f64>, Error> {
        let rows = rows(columns, weights.len())?;
        if let Some(expected) = self.indicators().filter(|&expected| expected != weights.len()) {
            return Err(Error::Indicators { what: "weights", expected, found: weights.len() });
        }
        let mut scores = vec![0.0; rows];
        let mut block: Vec<&[f64]> = Vec::with_capacity(columns.len());
        for (index, of_block) in scores.chunks_mut(BLOCK).enumerate() {
            let first = index * BLOCK;
            block.clear();
            block.extend(columns.iter().map(|column| &column[first..first + of_block.len()]));
            match self {
                Self::Saw => saw::score(weights, &block, of_block),
                Self::Topsis(references) => references.score(weights, &block, of_block),
                Self::Vikor(references) => references.score(weights, &block, of_block),
                Self::Gra(references) => references.score(weights, &block, of_block),
            }
        }
        Ok(scores)
    }

    /// The score of one row, bit by bit that of [`scores`](Self::scores).
    ///
    /// # Errors
    /// Not as many values as weights or as the references have.
    pub fn score(&self, weights: &[f64], row: &[f64]) -> Result<f64, Error> {
        let columns: Vec<&[f64]> = row.iter().map(std::slice::from_ref).collect();
        Ok(self.scores(weights, &columns)?.first().copied().unwrap_or(0.0))
    }

    /// How many indicators the references know.
    fn indicators(&self) -> Option<usize> {
        match self {
            Self::Saw => None,
            Self::Topsis(references) => Some(references.columns.len()),
            Self::Vikor(references) => Some(references.best.len()),
            Self::Gra(references) => Some(references.varies.len()),
        }
    }
}
