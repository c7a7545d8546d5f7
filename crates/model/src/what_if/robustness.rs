//! How firm each customer's place is over all scenarios.

use rayon::prelude::*;

use super::base::Base;
use super::outcome::Outcome;
use crate::index::{Weighed, WeighedIndex};

/// Customers whose ranks under all scenarios are looked at at once.
const BLOCK: usize = 256;

/// How firm the place of each ranked customer is, in the order of [`Base::ranked`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Robustness {
    /// Share of the scenarios in which the customer is in the best tenth.
    pub top_decile: Vec<f64>,
    /// The rank that is reached or bettered in 5 % of the scenarios: number ⌈5 S / 100⌉ of S ranks, ascending.
    pub rank_low: Vec<u32>,
    /// The rank that is reached or bettered in 95 % of the scenarios: number ⌈95 S / 100⌉.
    pub rank_high: Vec<u32>,
}

/// What is known of the places of customers, while scenarios come one after another: how often they are in the best tenth, and
/// their best and worst ranks, as many as the interval needs.
#[derive(Debug, Clone)]
pub struct Seen {
    scenarios: usize,
    /// How many of the best and of the worst ranks are kept of each customer.
    kept: (usize, usize),
    tops: Vec<u32>,
    /// Ascending, customer by customer.
    best: Vec<u32>,
    /// Descending, customer by customer.
    worst: Vec<u32>,
    added: usize,
}

/// The numbers, from 1, of the ranks at the ends of the interval among `scenarios` ascending ones.
fn ends(scenarios: usize) -> (usize, usize) {
    ((5 * scenarios).div_ceil(100), (95 * scenarios).div_ceil(100))
}

impl Seen {
    /// Nothing seen yet of `customers`, of `scenarios` scenarios of which `single` will be added one after another.
    #[must_use]
    pub fn new(customers: usize, scenarios: usize, single: usize) -> Self {
        let (low, high) = ends(scenarios);
        let kept = (single.min(low), single.min(scenarios + 1 - high.min(scenarios)));
        Self {
            scenarios,
            kept,
            tops: vec![0; customers],
            best: vec![u32::MAX; customers * kept.0],
            worst: vec![0; customers * kept.1],
            added: 0,
        }
    }

    /// Adds a scenario.
    pub fn add(&mut self, base: &Base, outcome: &Outcome) {
        let ranking = outcome.ranking();
        for (customer, &row) in base.ranked.iter().enumerate() {
            let score = outcome.scores[row];
            let rank = ranking.rank(score);
            self.tops[customer] += u32::from(ranking.is_top(score));
            insert(&mut self.best[customer * self.kept.0..][..self.kept.0], rank, |a, b| a < b);
            insert(&mut self.worst[customer * self.kept.1..][..self.kept.1], rank, |a, b| a > b);
        }
        self.added += 1;
    }

    /// All scenarios together: those that were added, and those of `index` weighed by each of `weighed`.
    #[must_use]
    pub fn finish(self, index: Option<&WeighedIndex>, weighed: &[Weighed]) -> Robustness {
        let customers = self.tops.len();
        let mut all = Robustness {
            top_decile: vec![0.0; customers],
            rank_low: vec![0; customers],
            rank_high: vec![0; customers],
        };
        let blocks = all.top_decile.par_chunks_mut(BLOCK).zip(all.rank_low.par_chunks_mut(BLOCK));
        blocks.zip(all.rank_high.par_chunks_mut(BLOCK)).enumerate().for_each(|(number, ((tops, lows), highs))| {
            let first = number * BLOCK;
            let mut block = Block::new(tops.len(), weighed.len());
            if let Some(index) = index {
                block.weigh(index, first, weighed);
            }
            for of in 0..tops.len() {
                let (top, low, high) = self.customer(first + of, block.tops[of], block.ranks_of(of));
                (tops[of], lows[of], highs[of]) = (top, low, high);
            }
        });
        all
    }

    /// One customer, who is `tops` times in the best tenth with these `ranks` in scenarios that were not added.
    fn customer(&self, customer: usize, tops: u32, ranks: &[u32]) -> (f64, u32, u32) {
        let (low, high) = ends(self.scenarios);
        let share = f64::from(self.tops[customer] + tops) / self.scenarios.max(1) as f64;
        // Of those that were added the best decide the lower end, and the worst the upper one.
        let best = &self.best[customer * self.kept.0..][..self.kept.0.min(self.added)];
        let worst = &self.worst[customer * self.kept.1..][..self.kept.1.min(self.added)];
        let ascending = nth([ranks, best].concat(), low.wrapping_sub(1), Ord::cmp);
        let descending = nth([ranks, worst].concat(), self.scenarios.wrapping_sub(high), |a, b| b.cmp(a));
        (share, ascending, descending)
    }
}

/// Number `place` of `ranks` in an order; 0 where there is none.
fn nth(mut ranks: Vec<u32>, place: usize, order: impl Fn(&u32, &u32) -> std::cmp::Ordering) -> u32 {
    if place >= ranks.len() {
        return 0;
    }
    *ranks.select_nth_unstable_by(place, order).1
}

/// Puts `rank` to its place among the `kept`, of which the last one falls out.
fn insert(kept: &mut [u32], rank: u32, before: impl Fn(u32, u32) -> bool) {
    let place = kept.iter().position(|&other| before(rank, other));
    if let Some(place) = place {
        kept[place..].rotate_right(1);
        kept[place] = rank;
    }
}

/// The ranks of some customers under all sets of weights.
struct Block {
    scenarios: usize,
    /// Customer by customer.
    ranks: Vec<u32>,
    tops: Vec<u32>,
}

impl Block {
    fn new(customers: usize, scenarios: usize) -> Self {
        Self { scenarios, ranks: vec![0; customers * scenarios], tops: vec![0; customers] }
    }

    fn weigh(&mut self, index: &WeighedIndex, first: usize, weighed: &[Weighed]) {
        let mut scores = [0.0; BLOCK];
        let scores = &mut scores[..self.tops.len()];
        for (scenario, weighed) in weighed.iter().enumerate() {
            index.scores(&weighed.weights, first, scores);
            let top_least = weighed.top_least.unwrap_or(f64::INFINITY);
            for (customer, &score) in scores.iter().enumerate() {
                self.ranks[customer * self.scenarios + scenario] = weighed.rank(score);
                self.tops[customer] += u32::from(score >= top_least);
            }
        }
    }

    fn ranks_of(&self, customer: usize) -> &[u32] {
        &self.ranks[customer * self.scenarios..][..self.scenarios]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However scenarios are split between those that are added and those that are weighed, the interval is that of all ranks.
        #[test]
        fn the_interval_is_that_of_all_ranks(
            added in prop::collection::vec(1..50_u32, 0..60),
            weighed in prop::collection::vec(1..50_u32, 0..60),
        ) {
            let scenarios = added.len() + weighed.len();
            prop_assume!(scenarios > 0);
            let mut seen = Seen::new(1, scenarios, added.len());
            for &rank in &added {
                insert(&mut seen.best, rank, |a, b| a < b);
                insert(&mut seen.worst, rank, |a, b| a > b);
                seen.added += 1;
            }
            let mut all = [added, weighed.clone()].concat();
            all.sort_unstable();
            let number = |percent: usize| all[(percent * scenarios).div_ceil(100) - 1];
            let (_, low, high) = seen.customer(0, 0, &weighed);
            prop_assert_eq!((low, high), (number(5), number(95)));
        }
    }
}
