//! Scores from 0 to 1 counted in bins: ranks at a glance, and the exact score at a few places without sorting all.

/// Bins of equal width from 0 to 1.
pub const SCORE_BINS: usize = 4096;

/// How many scores fall into each bin: bin b holds those from b / 4,096 up to (b + 1) / 4,096, the last one 1, too.
#[derive(Debug, Clone)]
pub struct ScoreBins {
    counts: Vec<u32>,
}

impl Default for ScoreBins {
    fn default() -> Self {
        Self { counts: vec![0; SCORE_BINS] }
    }
}

impl ScoreBins {
    /// The bin of a score; NaN is in the first one.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is beyond the bins ends in one")]
    pub fn bin(score: f64) -> usize {
        // Multiplying by a power of two is exact.
        ((score * SCORE_BINS as f64) as u32 as usize).min(SCORE_BINS - 1)
    }

    /// Counts `scores`; fewer than 2³² in all.
    pub fn add(&mut self, scores: &[f64]) {
        for &score in scores {
            self.counts[Self::bin(score)] += 1;
        }
    }

    /// The rank that stands for all scores of each bin: 1 and those in greater bins, and half of the others of its own, rounded down.
    #[must_use]
    pub fn ranks(&self) -> Vec<u32> {
        let mut ranks = vec![0; SCORE_BINS];
        let mut above = 0;
        for (rank, &count) in ranks.iter_mut().zip(&self.counts).rev() {
            *rank = above + 1 + count.saturating_sub(1) / 2;
            above += count;
        }
        ranks
    }

    /// The bin of the score at `place`, and how many are in greater bins; `None` beyond all.
    fn at(&self, place: usize) -> Option<(usize, usize)> {
        let mut above = 0;
        for (bin, &count) in self.counts.iter().enumerate().rev() {
            if place < above + count as usize {
                return Some((bin, above));
            }
            above += count as usize;
        }
        None
    }
}

/// The exact scores around chosen places of a ranking: those of the bins that the places fall into.
#[derive(Debug, Clone)]
pub struct Places {
    /// Bin, scores in greater bins, its own scores from the greatest; the greatest bin first.
    bins: Vec<(usize, usize, Vec<f64>)>,
}

impl Places {
    /// Looks at `scores`, which `bins` counted, around `places`, which begin with 0 for the greatest score. Places beyond the last are
    /// not looked at.
    #[must_use]
    pub fn find(bins: &ScoreBins, places: &[usize], scores: &[f64]) -> Self {
        let mut found: Vec<(usize, usize, Vec<f64>)> =
            places.iter().filter_map(|&place| bins.at(place)).map(|(bin, above)| (bin, above, Vec::new())).collect();
        found.sort_unstable_by_key(|(bin, ..)| std::cmp::Reverse(*bin));
        found.dedup_by_key(|(bin, ..)| *bin);
        let mut wanted = vec![None; SCORE_BINS];
        for (position, (bin, ..)) in found.iter().enumerate() {
            wanted[*bin] = Some(position);
        }
        for &score in scores {
            if let Some(position) = wanted[ScoreBins::bin(score)] {
                found[position].2.push(score);
            }
        }
        for (.., scores) in &mut found {
            scores.sort_unstable_by(|a, b| b.total_cmp(a));
        }
        Self { bins: found }
    }

    /// The score at a place in a bin that was looked at.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<f64> {
        let (_, above, scores) = self.bins.iter().rfind(|(_, above, _)| *above <= place)?;
        scores.get(place - above).copied()
    }

    /// How many scores are `least` or more, where `least` is in a bin that was looked at.
    #[must_use]
    pub fn reach(&self, least: f64) -> usize {
        let bin = ScoreBins::bin(least);
        let of_bin = self.bins.iter().find(|(of, ..)| *of == bin);
        of_bin.map_or(0, |(_, above, scores)| above + scores.partition_point(|&score| score >= least))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rank_is_the_middle_of_its_bin() {
        let mut bins = ScoreBins::default();
        bins.add(&[1.0, 0.5, 0.5, 0.5, 0.5, 0.0]);
        let ranks = bins.ranks();
        assert_eq!([1.0, 0.5, 0.0].map(|score| ranks[ScoreBins::bin(score)]), [1, 3, 6]);
        assert_eq!((ScoreBins::bin(1.0), ScoreBins::bin(f64::NAN)), (SCORE_BINS - 1, 0));
    }

    proptest! {
        /// Places and reaches are those of the sorted scores, also where many are equal or share a bin.
        #[test]
        fn places_are_those_of_sorting(
            coarse in prop::collection::vec(0..40_u32, 1..200),
            places in prop::collection::vec(0..250_usize, 0..6),
        ) {
            let scores: Vec<f64> = coarse.iter().map(|&score| f64::from(score) / 39.0 / if score % 3 == 0 { 4096.0 } else { 1.0 }).collect();
            let mut bins = ScoreBins::default();
            bins.add(&scores);
            let mut sorted = scores.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let found = Places::find(&bins, &places, &scores);
            for &place in &places {
                prop_assert_eq!(found.at(place), sorted.get(place).copied());
                if let Some(&least) = sorted.get(place) {
                    prop_assert_eq!(found.reach(least), sorted.iter().filter(|&&score| score >= least).count());
                }
            }
            let ranks = bins.ranks();
            for &score in &scores {
                let better = sorted.iter().filter(|&&other| ScoreBins::bin(other) > ScoreBins::bin(score)).count();
                let same = sorted.iter().filter(|&&other| ScoreBins::bin(other) == ScoreBins::bin(score)).count();
                prop_assert_eq!(ranks[ScoreBins::bin(score)] as usize, better + 1 + (same - 1) / 2);
            }
        }
    }
}
