//! The base, and scenarios compared with it.

use appraise_mcdm::{kendall_tau_b, ranks};

use super::outcome::{ClassNames, Outcome};
use crate::error::ModelError;
use crate::index::Weighed;

/// Customers among whom Kendall's correlation is counted: those of the smallest hashes of keys, which come first.
pub const SAMPLE: usize = 10_000;

/// The customers of a class in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassTotal {
    /// How many.
    pub customers: u64,
    /// Sum of `net_revenue` in minor units.
    pub net_revenue: i128,
    /// Sum of `clv` in minor units; 0 without lifetime values.
    pub clv: i128,
    /// Members who are in another class in the base.
    pub entered: u64,
    /// Members in the base who are in another class here.
    pub left: u64,
}

/// Customers who are in one class in the base, and in another in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The number of the class in the base.
    pub from: usize,
    /// The number of the class in the scenario.
    pub to: usize,
    /// How many.
    pub customers: u64,
}

/// The classes of one column in a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassFigures {
    /// By the numbers of classes.
    pub totals: Vec<ClassTotal>,
    /// Between classes, by their numbers; those who stay are not among them.
    pub moves: Vec<Move>,
}

impl ClassFigures {
    /// Customers in another class than in the base.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.moves.iter().map(|of| of.customers).sum()
    }
}

/// A scenario beside the base.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// Customers who are ranked.
    pub ranked: u64,
    /// Share of the base's best tenth who are in the scenario's; `None` where nobody is ranked.
    pub top_decile_overlap: Option<f64>,
    /// Kendall's τ-b of the two rankings among the sample; `None` where either ranks all alike.
    pub kendall_tau_b: Option<f64>,
    /// By column of [`ClassNames`].
    pub classes: Vec<ClassFigures>,
}

/// The pipeline as it is, which scenarios are compared with.
#[derive(Debug, Clone)]
pub struct Base {
    pub(super) outcome: Outcome,
    /// Rows of the customers who are ranked.
    pub(super) ranked: Vec<usize>,
    /// Whether each of them is in the best tenth.
    top: Vec<bool>,
    figures: Figures,
}

impl Base {
    /// The base.
    ///
    /// # Errors
    /// None in practice: lists of one outcome are of one length.
    pub fn new(outcome: Outcome, names: &ClassNames) -> Result<Self, ModelError> {
        let ranking = outcome.ranking();
        let ranked: Vec<usize> = (0..outcome.customers()).filter(|&row| !outcome.scores[row].is_nan()).collect();
        let top = ranked.iter().map(|&row| ranking.is_top(outcome.scores[row])).collect();
        let mut base = Self { outcome, ranked, top, figures: Figures::default() };
        base.figures = base.compare(&base.outcome, names)?;
        Ok(base)
    }

    /// The base beside itself.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// What the base makes of the customers.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Rows of the customers who are ranked, ascending.
    #[must_use]
    pub fn ranked(&self) -> &[usize] {
        &self.ranked
    }

    /// Their ranks: 1 and those who are better.
    #[must_use]
    pub fn ranks(&self) -> Vec<u64> {
        let scores: Vec<f64> = self.ranked.iter().map(|&row| self.outcome.scores[row]).collect();
        ranks(&scores)
    }

    /// Whether each of them is in the best tenth: as far up as the one at place ⌈N / 10⌉.
    #[must_use]
    pub fn top(&self) -> &[bool] {
        &self.top
    }

    /// Their classes in a column, by number.
    pub fn classes_of_ranked(&self, column: usize) -> impl Iterator<Item = usize> {
        self.ranked.iter().map(move |&row| usize::from(self.outcome.classes(column)[row]))
    }

    /// `outcome` beside the base, of the same customers.
    ///
    /// # Errors
    /// [`ModelError::CardMismatch`] when the customers are not as many.
    pub fn compare(&self, outcome: &Outcome, names: &ClassNames) -> Result<Figures, ModelError> {
        if outcome.customers() != self.outcome.customers() {
            return Err(ModelError::CardMismatch {
                what: "the number of customers".to_owned(),
                card: self.outcome.customers().to_string(),
                config: outcome.customers().to_string(),
            });
        }
        let ranking = outcome.ranking();
        let both =
            self.ranked.iter().zip(&self.top).filter(|(row, top)| **top && ranking.is_top(outcome.scores[**row]));
        // Who is not ranked there comes last.
        let score = |row: &usize| Some(outcome.scores[*row]).filter(|score| !score.is_nan());
        let sample: Vec<f64> = self.sample().iter().map(|row| score(row).unwrap_or(f64::NEG_INFINITY)).collect();
        let classes =
            (0..names.columns().len()).map(|column| self.classes(outcome, column, names.classes(column).len()));
        Ok(Figures {
            ranked: ranking.customers as u64,
            top_decile_overlap: self.overlap(both.count()),
            kendall_tau_b: self.tau(&sample),
            classes: classes.collect(),
        })
    }

    /// Customers weighed by `weighed` to `scores` beside the base, from which nothing but scores and tiers differs: those of column
    /// `tiers`, whose first classes are the tiers in their order.
    #[must_use]
    pub fn compare_weighed(&self, weighed: &Weighed, scores: &[f64], tiers: Option<usize>) -> Figures {
        let top_least = weighed.top_least.unwrap_or(f64::INFINITY);
        let both = scores.iter().zip(&self.top).filter(|(score, top)| **top && **score >= top_least).count();
        let mut figures = Figures {
            ranked: scores.len() as u64,
            top_decile_overlap: self.overlap(both),
            kendall_tau_b: self.tau(&scores[..self.sample().len()]),
            classes: self.figures.classes.clone(),
        };
        if let Some(column) = tiers {
            let classes = figures.classes[column].totals.len();
            let mut tally = Tally::new(classes, figures.classes[column].totals.clone());
            let before = self.outcome.classes(column);
            for (&row, &score) in self.ranked.iter().zip(scores) {
                let (from, to) = (usize::from(before[row]), weighed.tier(score));
                if from != to {
                    let (net_revenue, clv) = self.outcome.money(row);
                    tally.take(from, net_revenue, clv);
                    tally.give(to, net_revenue, clv);
                    tally.count(from, to);
                }
            }
            figures.classes[column] = tally.finish();
        }
        figures
    }

    fn classes(&self, outcome: &Outcome, column: usize, classes: usize) -> ClassFigures {
        let mut tally = Tally::new(classes, vec![ClassTotal::default(); classes]);
        for (row, (from, to)) in self.outcome.classes(column).iter().zip(outcome.classes(column)).enumerate() {
            let (net_revenue, clv) = outcome.money(row);
            tally.give(usize::from(*to), net_revenue, clv);
            if from != to {
                tally.count(usize::from(*from), usize::from(*to));
            }
        }
        tally.finish()
    }

    /// Rows of the sample.
    fn sample(&self) -> &[usize] {
        &self.ranked[..self.ranked.len().min(SAMPLE)]
    }

    fn tau(&self, scores: &[f64]) -> Option<f64> {
        let before: Vec<f64> = self.sample().iter().map(|&row| self.outcome.scores[row]).collect();
        kendall_tau_b(&before, scores).ok().flatten()
    }

    fn overlap(&self, both: usize) -> Option<f64> {
        let top = self.top.iter().filter(|top| **top).count();
        (top > 0).then(|| both as f64 / top as f64)
    }
}

impl Outcome {
    /// Net revenue and lifetime value of a customer in minor units.
    fn money(&self, row: usize) -> (i128, i128) {
        (self.net_revenue[row].into(), self.clv.get(row).copied().unwrap_or_default().into())
    }
}

/// Counts classes of one column and moves between them.
struct Tally {
    totals: Vec<ClassTotal>,
    /// From each class to each.
    moved: Vec<u64>,
}

impl Tally {
    fn new(classes: usize, totals: Vec<ClassTotal>) -> Self {
        Self { totals, moved: vec![0; classes * classes] }
    }

    fn give(&mut self, class: usize, net_revenue: i128, clv: i128) {
        let total = &mut self.totals[class];
        total.customers += 1;
        total.net_revenue += net_revenue;
        total.clv += clv;
    }

    fn take(&mut self, class: usize, net_revenue: i128, clv: i128) {
        let total = &mut self.totals[class];
        total.customers -= 1;
        total.net_revenue -= net_revenue;
        total.clv -= clv;
    }

    fn count(&mut self, from: usize, to: usize) {
        self.moved[from * self.totals.len() + to] += 1;
    }

    fn finish(mut self) -> ClassFigures {
        let classes = self.totals.len();
        let mut moves = Vec::new();
        for (place, &customers) in self.moved.iter().enumerate().filter(|(_, customers)| **customers > 0) {
            let (from, to) = (place / classes, place % classes);
            self.totals[from].left += customers;
            self.totals[to].entered += customers;
            moves.push(Move { from, to, customers });
        }
        ClassFigures { totals: self.totals, moves }
    }
}
