//! Weights that the data give by themselves: how much an indicator tells customers apart.

mod critic;
mod entropy;
mod merec;

use serde::{Deserialize, Serialize};

use crate::columns::{Passes, rows};
use crate::{Direction, Error, Input, equal, normalise};

use critic::{Comoments, Deviations};
use entropy::Entropy;
use merec::Merec;

/// A method of weighing indicators by their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// All the same.
    Equal,
    /// The standard deviation times the sum of 1 − correlation with each other indicator (Diakoulaki et al. 1995).
    Critic,
    /// The standard deviation.
    Std,
    /// One less the entropy of the values' shares (Shannon; Hwang & Yoon 1981).
    Entropy,
    /// What removing the indicator changes in all performances (Keshavarz-Ghorabaee et al. 2021).
    Merec,
}

impl Objective {
    /// The columns that the method takes: `Critic` and `Std` normalised ones, `Entropy` and `Merec` raw ones. `Equal`
    /// looks at none.
    #[must_use]
    pub fn input(self) -> Input {
        match self {
            Self::Equal | Self::Critic | Self::Std => Input::Normalised,
            Self::Entropy | Self::Merec => Input::Raw,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Critic => "critic",
            Self::Std => "std",
            Self::Entropy => "entropy",
            Self::Merec => "merec",
        }
    }
}

/// Weights by the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveWeights {
    /// One for each indicator; they sum to 1. A constant column weighs 0, unless all are constant.
    pub weights: Vec<f64>,
    /// Whether the data tell no indicator from another: all columns are constant, or (`Critic`) all that vary are
    /// perfectly correlated. The weights are then equal, of all columns or of those that vary.
    pub uninformative: bool,
}

/// Weighs indicators by rows that arrive batch after batch: [`add`](Self::add) them all, [`end_pass`](Self::end_pass),
/// the same again as long as that says so, then [`finish`](Self::finish).
#[derive(Debug, Clone)]
pub struct ObjectiveFit {
    method: Objective,
    indicators: usize,
    passes: Passes,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Equal,
    Critic(Comoments),
    Std(Deviations),
    Entropy(Entropy),
    Merec(Merec),
}

impl ObjectiveFit {
    /// A fit without rows yet, of as many indicators as there are directions (which `Merec` alone looks at).
    ///
    /// # Errors
    /// No indicators.
    pub fn new(method: Objective, directions: &[Direction]) -> Result<Self, Error> {
        let indicators = directions.len();
        if indicators == 0 {
            return Err(Error::NoIndicators);
        }
        let state = match method {
            Objective::Equal => State::Equal,
            Objective::Critic => State::Critic(Comoments::new(indicators)),
            Objective::Std => State::Std(Deviations::new(indicators)),
            Objective::Entropy => State::Entropy(Entropy::new(indicators)),
            Objective::Merec => State::Merec(Merec::new(directions)),
        };
        Ok(Self { method, indicators, passes: Passes::default(), state })
    }

    /// Takes the next rows: a slice for each indicator, as [`Objective::input`] says.
    ///
    /// # Errors
    /// Another number of columns, columns of different lengths, a value outside the method's domain: normalised ones
    /// from 0 to 1, `Entropy` finite ones from 0, `Merec` finite ones above 0.
    pub fn add(&mut self, columns: &[&[f64]]) -> Result<(), Error> {
        let rows = rows(columns, self.indicators)?;
        let before = self.passes.rows();
        let second = self.passes.is_second();
        match &mut self.state {
            State::Equal => {}
            State::Critic(fit) => fit.add(before, columns)?,
            State::Std(fit) => fit.add(before, columns)?,
            State::Entropy(fit) if second => fit.add_second(columns)?,
            State::Entropy(fit) => fit.add(columns)?,
            State::Merec(fit) if second => fit.add_second(columns)?,
            State::Merec(fit) => fit.add(columns)?,
        }
        self.passes.add(rows);
        Ok(())
    }

    /// Ends a pass over all rows; whether the same rows have to be added once more (`Entropy`, `Merec`).
    ///
    /// # Errors
    /// Fewer than two rows (none are needed for `Equal`), or other rows in the second pass than in the first.
    pub fn end_pass(&mut self) -> Result<bool, Error> {
        if self.method == Objective::Equal {
            return Ok(false);
        }
        self.passes.check(self.method.name(), 2)?;
        if self.passes.is_second() {
            return Ok(false);
        }
        match &mut self.state {
            State::Entropy(fit) => fit.begin_second(self.passes.rows()),
            State::Merec(_) => {}
            State::Equal | State::Critic(_) | State::Std(_) => return Ok(false),
        }
        self.passes.begin_second();
        Ok(true)
    }

    /// The weights.
    ///
    /// # Errors
    /// As of [`end_pass`](Self::end_pass).
    pub fn finish(self) -> Result<ObjectiveWeights, Error> {
        if self.method != Objective::Equal {
            self.passes.check(self.method.name(), 2)?;
        }
        match self.state {
            State::Equal => Ok(ObjectiveWeights { weights: equal(self.indicators)?, uninformative: false }),
            State::Critic(fit) => fit.critic(),
            State::Std(fit) => fit.weights(),
            State::Entropy(fit) => fit.weights(),
            State::Merec(fit) => fit.weights(),
        }
    }
}

/// Weights in proportion to what each indicator tells; where that is nothing, equal ones of those that vary, or of all.
fn weigh(information: &[f64], varies: &[bool]) -> Result<ObjectiveWeights, Error> {
    let uninformative = information.iter().all(|&value| value == 0.0);
    let weights = if !uninformative {
        normalise(information)?
    } else if varies.contains(&true) {
        normalise(&varies.iter().map(|&varies| f64::from(u8::from(varies))).collect::<Vec<_>>())?
    } else {
        equal(varies.len())?
    };
    Ok(ObjectiveWeights { weights, uninformative })
}
