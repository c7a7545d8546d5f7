//! From sorted values to scores, in exact integer arithmetic.
//!
//! Everything here is in *goodness*: integers of which greater is better.

use crate::config::Ties;

/// How one dimension ranks its buyers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ranking {
    /// The best score.
    pub(crate) bins: u8,
    /// How equal values share a score.
    pub(crate) ties: Ties,
    /// Whether values up to 1 have score 1 to themselves.
    pub(crate) separate_one_time: bool,
}

/// The fitted members of one score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScoreRange {
    pub(crate) score: i32,
    pub(crate) customers: u64,
    /// Goodness of the worst and the best member.
    pub(crate) worst: i64,
    pub(crate) best: i64,
}

/// The largest set of equal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TieBlock {
    pub(crate) value: i64,
    pub(crate) customers: u64,
}

/// What fitting a ranking yields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FittedRanking {
    /// Ranges of the scores that have members, ascending.
    pub(crate) ranges: Vec<ScoreRange>,
    /// Of several largest, the worst; `None` without buyers.
    pub(crate) largest_tie: Option<TieBlock>,
}

impl Ranking {
    /// Fits the ranges of the scores to `sorted` goodness, ascending.
    pub(crate) fn fit(self, sorted: &[i64]) -> FittedRanking {
        let ranked = self.over(sorted);
        let mut fitted = FittedRanking::default();
        let mut before = 0_u64;
        for block in sorted.chunk_by(|a, b| a == b) {
            let customers = fitted.note_tie(block);
            if self.ties == Ties::Split {
                for rank in before + 1..=before + customers {
                    fitted.add(ranked.score(rank, rank), block[0], 1);
                }
            } else {
                fitted.add(ranked.score(before + 1, before + customers), block[0], customers);
            }
            before += customers;
        }
        fitted
    }

    /// The ranking of `sorted` goodness, ascending.
    pub(crate) fn over(self, sorted: &[i64]) -> Ranked {
        let one_time = if self.separate_one_time { sorted.partition_point(|value| *value <= 1) } else { 0 };
        Ranked { ranking: self, one_time: one_time as u64, customers: sorted.len() as u64 }
    }
}

impl FittedRanking {
    /// The ranges of `sorted` goodness, ascending, under scores that are given.
    pub(crate) fn describe(sorted: &[i64], score: impl Fn(i64) -> i32) -> Self {
        let mut fitted = Self::default();
        for block in sorted.chunk_by(|a, b| a == b) {
            let customers = fitted.note_tie(block);
            fitted.add(score(block[0]), block[0], customers);
        }
        fitted
    }

    /// Remembers `block` if it is the largest so far; its size.
    fn note_tie(&mut self, block: &[i64]) -> u64 {
        let customers = block.len() as u64;
        if self.largest_tie.is_none_or(|largest| customers > largest.customers) {
            self.largest_tie = Some(TieBlock { value: block[0], customers });
        }
        customers
    }

    fn add(&mut self, score: i32, value: i64, customers: u64) {
        match self.ranges.last_mut().filter(|range| range.score == score) {
            Some(range) => {
                range.customers += customers;
                range.best = value;
            }
            None => self.ranges.push(ScoreRange { score, customers, worst: value, best: value }),
        }
    }
}

/// A ranking over a known number of buyers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranked {
    ranking: Ranking,
    one_time: u64,
    customers: u64,
}

impl Ranked {
    /// Score of the values from rank `min` to rank `max`, ascending in goodness, from 1. `Ties::Split` scores
    /// each rank by itself: `min` = `max`.
    pub(crate) fn score(self, min: u64, max: u64) -> i32 {
        if max <= self.one_time {
            return 1;
        }
        let alone = u64::from(self.ranking.separate_one_time);
        let bins = u64::from(self.ranking.bins) - alone;
        let n = self.customers - self.one_time;
        let (min, max) = (min - self.one_time, max - self.one_time);
        let score = alone
            + match self.ranking.ties {
                Ties::Low => 1 + bins * (min - 1) / n,
                Ties::Mid => 1 + bins * (min + max - 1) / (2 * n),
                Ties::High => (bins * max).div_ceil(n),
                Ties::Split => ntile(bins, min, n),
            };
        i32::try_from(score).unwrap_or(i32::from(self.ranking.bins))
    }
}

/// SQL's `NTILE(bins)` of the row of `rank` (from 1) among `n`: the first `n % bins` tiles have one row more.
fn ntile(bins: u64, rank: u64, n: u64) -> u64 {
    let (size, larger) = (n / bins, n % bins);
    let in_larger = larger * (size + 1);
    if rank <= in_larger { 1 + (rank - 1) / (size + 1) } else { 1 + larger + (rank - 1 - in_larger) / size }
}

/// Scores by cut-offs that are already known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CutOffs {
    /// Fitted ranges: the score of the best fitted value that is not better than the new one, else the lowest.
    Fitted {
        /// Worst member of each score that has members, and the score; both ascending.
        worst: Vec<(i64, i32)>,
        /// Whether values up to 1 score 1 and all others at least 2, whatever was fitted.
        separate_one_time: bool,
    },
    /// Thresholds, ascending: one more score for each that is reached.
    Thresholds(Vec<i64>),
}

impl CutOffs {
    /// The score of a goodness.
    pub(crate) fn score(&self, goodness: i64) -> i32 {
        match self {
            Self::Fitted { separate_one_time: true, .. } if goodness <= 1 => 1,
            Self::Fitted { worst, separate_one_time } => {
                let reached = worst.partition_point(|(value, _)| *value <= goodness);
                let score = reached.checked_sub(1).map_or(1, |last| worst[last].1);
                score.max(1 + i32::from(*separate_one_time))
            }
            // At most nine thresholds: the count is small.
            Self::Thresholds(cuts) => cuts.iter().map(|cut| i32::from(*cut <= goodness)).sum::<i32>() + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Scores in the order of `values`, straight from the formulas: ranks are counted, for each value anew.
    fn naive(ranking: Ranking, values: &[i64]) -> Vec<i32> {
        let ranked: Vec<i64> =
            values.iter().copied().filter(|value| !ranking.separate_one_time || *value > 1).collect();
        let first = i64::from(ranking.separate_one_time);
        let bins = i64::from(ranking.bins) - first;
        let n = i64::try_from(ranked.len()).unwrap();
        let score = |value: i64| {
            if ranking.separate_one_time && value <= 1 {
                return 1;
            }
            let count =
                |test: &dyn Fn(i64) -> bool| i64::try_from(ranked.iter().filter(|v| test(**v)).count()).unwrap();
            let (min, max) = (count(&|other| other < value) + 1, count(&|other| other <= value));
            let score = match ranking.ties {
                Ties::Low => 1 + bins * (min - 1) / n,
                Ties::Mid => 1 + bins * (min + max - 1) / (2 * n),
                Ties::High => (bins * max + n - 1) / n,
                Ties::Split => unreachable!("has its own test"),
            };
            i32::try_from(first + score).unwrap()
        };
        values.iter().map(|value| score(*value)).collect()
    }

    fn cut_offs(ranking: Ranking, fitted: &FittedRanking) -> CutOffs {
        CutOffs::Fitted {
            worst: fitted.ranges.iter().map(|range| (range.worst, range.score)).collect(),
            separate_one_time: ranking.separate_one_time,
        }
    }

    fn rankings() -> impl Strategy<Value = Ranking> {
        let ties = prop_oneof![Just(Ties::Low), Just(Ties::Mid), Just(Ties::High)];
        (2..=10_u8, ties, any::<bool>()).prop_map(|(bins, ties, separate_one_time)| Ranking {
            bins,
            ties,
            separate_one_time,
        })
    }

    proptest! {
        /// Fitting sorted values and scoring each by the cut-offs is the formula, value by value.
        #[test]
        fn cut_offs_score_the_fitted_values_as_the_formulas_do(
            ranking in rankings(),
            values in prop::collection::vec(-3..12_i64, 1..60),
        ) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let fitted = ranking.fit(&sorted);
            let cut_offs = cut_offs(ranking, &fitted);
            let scores: Vec<i32> = values.iter().map(|value| cut_offs.score(*value)).collect();
            prop_assert_eq!(&scores, &naive(ranking, &values));
            prop_assert!(scores.iter().all(|score| (1..=i32::from(ranking.bins)).contains(score)));
            for range in &fitted.ranges {
                let members = scores.iter().filter(|score| **score == range.score).count() as u64;
                prop_assert_eq!(range.customers, members);
            }
        }

        /// A frozen card scores any value as the best fitted value that is not better.
        #[test]
        fn frozen_cut_offs_follow_the_best_fitted_value_not_better(
            ranking in rankings(),
            mut sorted in prop::collection::vec(-20..40_i64, 1..40),
            new in -30..60_i64,
        ) {
            sorted.sort_unstable();
            let lowest = if ranking.separate_one_time && new > 1 { 2 } else { 1 };
            let expected = sorted
                .iter()
                .zip(naive(ranking, &sorted))
                .rfind(|(value, _)| **value <= new)
                .map_or(lowest, |(_, score)| score.max(lowest));
            prop_assert_eq!(cut_offs(ranking, &ranking.fit(&sorted)).score(new), expected);
        }

        /// A better value never scores worse.
        #[test]
        fn scores_rise_with_goodness(
            ranking in rankings(),
            mut sorted in prop::collection::vec(-20..40_i64, 0..40),
            a in -30..60_i64,
            b in -30..60_i64,
        ) {
            sorted.sort_unstable();
            let cut_offs = cut_offs(ranking, &ranking.fit(&sorted));
            prop_assert!(cut_offs.score(a.min(b)) <= cut_offs.score(a.max(b)));
        }

        /// Tiles differ by one row at most, larger ones first.
        #[test]
        fn split_makes_even_tiles(bins in 2..=10_u8, n in 1..200_i64) {
            let sorted: Vec<i64> = (0..n).map(|value| value / 7).collect();
            let fitted = Ranking { bins, ties: Ties::Split, separate_one_time: false }.fit(&sorted);
            let sizes: Vec<u64> = fitted.ranges.iter().map(|range| range.customers).collect();
            prop_assert_eq!(sizes.iter().sum::<u64>(), sorted.len() as u64);
            prop_assert_eq!(sizes.len(), usize::from(bins).min(sorted.len()));
            prop_assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes[0] - sizes[sizes.len() - 1] <= 1);
        }
    }

    #[test]
    fn the_best_value_never_gets_the_lowest_score_unless_all_are_equal() {
        for ties in [Ties::Low, Ties::Mid, Ties::High, Ties::Split] {
            let ranking = Ranking { bins: 5, ties, separate_one_time: false };
            let best = ranking.fit(&[1, 1, 1, 1, 1, 1, 1, 2]).ranges.last().unwrap().score;
            assert!(best > 1, "{ties:?}");
        }
    }

    #[test]
    fn ten_million_equal_customers_share_one_score() {
        let equal = vec![7_i64; 10_000_000];
        for (ties, score) in [(Ties::Low, 1), (Ties::Mid, 3), (Ties::High, 5)] {
            let fitted = Ranking { bins: 5, ties, separate_one_time: false }.fit(&equal);
            assert_eq!(fitted.ranges, [ScoreRange { score, customers: 10_000_000, worst: 7, best: 7 }]);
            assert_eq!(fitted.largest_tie, Some(TieBlock { value: 7, customers: 10_000_000 }));
        }
    }

    #[test]
    fn no_buyers_make_no_ranges() {
        let ranking = Ranking { bins: 5, ties: Ties::Mid, separate_one_time: true };
        assert_eq!(ranking.fit(&[]), FittedRanking::default());
        assert_eq!(cut_offs(ranking, &ranking.fit(&[])).score(3), 2);
    }

    #[test]
    fn a_threshold_that_is_reached_counts() {
        let cut_offs = CutOffs::Thresholds(vec![-90, -30]);
        assert_eq!([-91, -90, -31, -30, 0].map(|goodness| cut_offs.score(goodness)), [1, 2, 2, 3, 3]);
    }
}
