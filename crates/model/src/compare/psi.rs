//! The population stability index: how far the distribution of a number moved.

use std::fmt;

use serde::Serialize;

use super::columns::Numbers;

/// Parts of equal size of the earlier customers.
const DECILES: usize = 10;
/// Least share of a class, so that an empty one has a logarithm.
const EPSILON: f64 = 1e-6;
/// From here on a distribution moves.
const MOVING: f64 = 0.1;
/// From here on it is another one.
const CHANGED: f64 = 0.25;

/// How an index reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// Below 0.1.
    Stable,
    /// From 0.1 to below 0.25.
    Moving,
    /// From 0.25.
    Changed,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stable => "stable",
            Self::Moving => "moving",
            Self::Changed => "changed",
        })
    }
}

/// How far the distribution of one column moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Psi {
    /// The column.
    pub column: String,
    /// Σ (new − base) · ln(new / base) over the shares of the classes; absent when either table has no customers.
    pub psi: Option<f64>,
    /// How it reads.
    pub reading: Option<Reading>,
    /// The ten deciles of the base, then NULL.
    pub bins: Vec<PsiBin>,
}

/// A decile of the base, or NULL.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PsiBin {
    /// From 1, the least values; absent for NULL.
    pub decile: Option<usize>,
    /// The greatest value in it; absent for the last decile, which is open, for NULL, and where the base has no value.
    pub up_to: Option<f64>,
    /// Customers of the base.
    pub base: u64,
    /// Customers of the new table.
    pub new: u64,
    /// Its part of the index.
    pub contribution: f64,
}

impl Psi {
    /// The index of `column`, by the deciles of `base`.
    #[must_use]
    pub fn of(column: &str, base: &Numbers, new: &Numbers) -> Self {
        let edges = edges(&base.values);
        let (base_counts, new_counts) = (counts(base, &edges), counts(new, &edges));
        let (base_all, new_all) = (base_counts.iter().sum::<u64>(), new_counts.iter().sum::<u64>());
        let known = base_all > 0 && new_all > 0;
        let share = |count: u64, all: u64| (count as f64 / all as f64).max(EPSILON);
        let bin = |(number, (&base, &new)): (usize, (&u64, &u64))| {
            let (p, q) = (share(base, base_all), share(new, new_all));
            PsiBin {
                decile: (number < DECILES).then_some(number + 1),
                up_to: edges.get(number).copied(),
                base,
                new,
                contribution: if known { (q - p) * libm::log(q / p) } else { 0.0 },
            }
        };
        let bins: Vec<PsiBin> = base_counts.iter().zip(&new_counts).enumerate().map(bin).collect();
        let psi = known.then(|| bins.iter().map(|bin| bin.contribution).sum::<f64>());
        let read = |psi: f64| match psi {
            psi if psi < MOVING => Reading::Stable,
            psi if psi < CHANGED => Reading::Moving,
            _ => Reading::Changed,
        };
        Self { column: column.to_owned(), psi, reading: psi.map(read), bins }
    }
}

/// The greatest value of each decile but the last: number ⌈k n / 10⌉ of the n values, ascending. None without values.
fn edges(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = |k: usize| (k * sorted.len()).div_ceil(DECILES);
    (1..DECILES).filter_map(|k| sorted.get(rank(k).checked_sub(1)?).copied()).collect()
}

/// Customers of each decile, then those without a value. A value at an edge belongs to the first decile that ends there.
fn counts(numbers: &Numbers, edges: &[f64]) -> [u64; DECILES + 1] {
    let mut counts = [0; DECILES + 1];
    for value in &numbers.values {
        counts[edges.partition_point(|edge| edge < value)] += 1;
    }
    counts[DECILES] = numbers.nulls;
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(values: &[Option<i8>]) -> Numbers {
        let present: Vec<f64> = values.iter().flatten().map(|value| f64::from(*value)).collect();
        Numbers { nulls: (values.len() - present.len()) as u64, values: present }
    }

    /// The index from its definition, with whole numbers up to the logarithm.
    fn naive(base: &[Option<i8>], new: &[Option<i8>]) -> f64 {
        let mut sorted: Vec<i8> = base.iter().flatten().copied().collect();
        sorted.sort_unstable();
        let class = |value: Option<i8>| match value {
            None => 0,
            Some(_) if sorted.is_empty() => 1,
            Some(value) => {
                let ends_before =
                    |k: &usize| 10 * sorted.iter().filter(|other| **other < value).count() >= k * sorted.len();
                1 + (1..10).filter(ends_before).count()
            }
        };
        let share = |of: &[Option<i8>], number: usize| {
            let members = of.iter().filter(|value| class(**value) == number).count();
            (members as f64 / of.len() as f64).max(0.000_001)
        };
        (0..=10).map(|number| (share(base, number), share(new, number))).map(|(p, q)| (q - p) * (q / p).ln()).sum()
    }

    #[test]
    fn a_hundred_numbers_that_all_rise_by_ten() {
        let base: Vec<_> = (1..=100).map(Some).collect();
        let new: Vec<_> = (11..=110).map(Some).collect();
        let psi = Psi::of("x", &numbers(&base), &numbers(&new));
        assert_eq!(psi.bins.iter().map(|bin| bin.new).collect::<Vec<_>>(), [0, 10, 10, 10, 10, 10, 10, 10, 10, 20, 0]);
        let by_hand = (0.1 - 1e-6) * (0.1_f64 / 1e-6).ln() + 0.1 * 2.0_f64.ln();
        assert!((psi.psi.unwrap() - by_hand).abs() < 1e-12);
        assert_eq!((psi.reading, psi.bins[0].up_to, psi.bins[9].up_to), (Some(Reading::Changed), Some(10.0), None));
    }

    #[test]
    fn a_value_at_an_edge_is_in_the_first_decile_that_ends_there() {
        let base: Vec<_> = [0; 7].into_iter().chain([1, 2, 3]).map(Some).collect();
        let psi = Psi::of("x", &numbers(&base), &numbers(&base));
        assert_eq!(psi.bins.iter().map(|bin| bin.base).collect::<Vec<_>>(), [7, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0]);
        assert_eq!((psi.psi, psi.reading), (Some(0.0), Some(Reading::Stable)));
    }

    #[test]
    fn nothing_to_compare_has_no_index() {
        let (some, none) = (numbers(&[Some(1)]), Numbers::default());
        assert_eq!(Psi::of("x", &some, &none).psi, None);
        assert_eq!(Psi::of("x", &none, &some).psi, None);
    }

    proptest! {
        #[test]
        fn it_is_that_of_the_definition(
            base in prop::collection::vec(prop::option::weighted(0.8, -6_i8..6), 1..80),
            new in prop::collection::vec(prop::option::weighted(0.8, -6_i8..9), 1..80),
        ) {
            let psi = Psi::of("x", &numbers(&base), &numbers(&new));
            let expected = naive(&base, &new);
            prop_assert!((psi.psi.unwrap() - expected).abs() <= 1e-12 * (1.0 + expected));
            prop_assert_eq!(psi.bins.iter().map(|bin| bin.new).sum::<u64>(), new.len() as u64);
            prop_assert_eq!(Psi::of("x", &numbers(&base), &numbers(&base)).psi, Some(0.0));
        }
    }
}
