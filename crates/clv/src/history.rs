//! What the models know of a customer, and of all customers together.

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// One customer's purchases, as the models see them: the papers' `(x, t_x, T)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct History {
    /// Repeat purchases: purchase periods but for the first. A count, kept as a double.
    pub x: f64,
    /// Time of the last repeat purchase since the first purchase; 0 when there is none.
    pub t_x: f64,
    /// Time observed since the first purchase (for the discrete model: opportunities). At least `t_x`.
    pub t: f64,
}

/// Distinct histories with how many customers have each, ordered by (x, `t_x`, t).
///
/// The order fixes the order of every sum, so that a fit does not depend on the order of customers.
#[derive(Debug, Clone, PartialEq)]
pub struct Patterns {
    histories: Vec<History>,
    counts: Vec<f64>,
}

impl Patterns {
    /// Counts equal histories once, each with the number of customers (or the sum of weights) that have it.
    pub fn new(customers: impl IntoIterator<Item = (History, f64)>) -> Self {
        let mut counts: HashMap<[u64; 3], f64, FixedState> = HashMap::default();
        for (History { x, t_x, t }, count) in customers {
            // Adding 0 makes one key of both zeros.
            *counts.entry([x, t_x, t].map(|value| (value + 0.0).to_bits())).or_default() += count;
        }
        let mut patterns: Vec<([f64; 3], f64)> =
            counts.into_iter().map(|(bits, count)| (bits.map(f64::from_bits), count)).collect();
        patterns.sort_unstable_by(|([x, t_x, t], _), (other, _)| {
            x.total_cmp(&other[0]).then(t_x.total_cmp(&other[1])).then(t.total_cmp(&other[2]))
        });
        let (histories, counts) =
            patterns.into_iter().map(|([x, t_x, t], count)| (History { x, t_x, t }, count)).unzip();
        Self { histories, counts }
    }

    /// Of many patterns, those of `size` customers at even distances in their order, each for all of its distance.
    pub(crate) fn sample(&self, size: usize) -> Self {
        let distance = self.customers() / size as f64;
        let (mut seen, mut taken) = (0.0, 0.0);
        let mut chosen = Vec::new();
        for (history, count) in self.histories.iter().zip(&self.counts) {
            seen += count;
            let until = libm::floor(seen / distance + 0.5);
            if until > taken {
                chosen.push((*history, (until - taken) * distance));
                taken = until;
            }
        }
        Self::new(chosen)
    }

    /// The distinct histories, in order.
    #[must_use]
    pub fn histories(&self) -> &[History] {
        &self.histories
    }

    /// How many customers have each history.
    #[must_use]
    pub fn counts(&self) -> &[f64] {
        &self.counts
    }

    /// How many customers there are.
    #[must_use]
    pub fn customers(&self) -> f64 {
        self.counts.iter().sum()
    }
}
