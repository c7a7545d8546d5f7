//! Indicators on a common scale: from 0, the worst, to 1, the best.

use serde::{Deserialize, Serialize};

use crate::columns::clip;

/// Which end of an indicator is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is better.
    #[default]
    Benefit,
    /// Less is better.
    Cost,
}

/// What is done to a value before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// Nothing.
    #[default]
    Identity,
    /// sign(x) · ln(1 + |x|), for amounts that differ by factors.
    Log1p,
}

impl Transform {
    /// The transformed value.
    #[must_use]
    pub fn apply(self, value: f64) -> f64 {
        match self {
            Self::Identity => value,
            Self::Log1p => libm::copysign(libm::log1p(value.abs()), value),
        }
    }
}

/// How the bounds of an indicator are found, which become 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundsRule {
    /// The 1st and the 99th percentile by nearest rank: of N values, ascending, those number ⌈N / 100⌉ and ⌈99 N / 100⌉.
    /// Where the two are equal though the values are not, the least and the greatest value instead.
    #[default]
    Percentiles,
    /// The least and the greatest value.
    MinMax,
}

/// How an indicator becomes a number from 0 to 1: transformed, cut at its bounds, the worse bound 0, the better one 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Which end is the good one.
    pub direction: Direction,
    /// What is done to a value first.
    pub transform: Transform,
    /// The lower bound of the transformed values.
    pub low: f64,
    /// The upper bound of the transformed values; equal to `low` for a constant column, which counts 0 throughout.
    pub high: f64,
}

impl Scale {
    /// The scale of a column, whose values must be finite and are reordered; `None` of no values.
    pub fn fit(values: &mut [f64], direction: Direction, transform: Transform, rule: BoundsRule) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let (mut low, mut high) = match rule {
            BoundsRule::Percentiles => (nearest_rank(values, 1), nearest_rank(values, 99)),
            BoundsRule::MinMax => range(values),
        };
        if low == high {
            (low, high) = range(values);
        }
        Some(Self { direction, transform, low: transform.apply(low), high: transform.apply(high) })
    }

    /// The value on the scale, from 0 to 1; 0 for NaN.
    #[must_use]
    pub fn normalise(&self, value: f64) -> f64 {
        let range = self.range();
        self.place(self.transform.apply(value), range)
    }

    /// All values of a column on the scale.
    #[must_use]
    pub fn normalise_column(&self, values: &[f64]) -> Vec<f64> {
        let range = self.range();
        values.iter().map(|&value| self.place(self.transform.apply(value), range)).collect()
    }

    /// Half the distance of the bounds; halves, since the whole may overflow.
    fn range(&self) -> f64 {
        0.5 * self.high - 0.5 * self.low
    }

    fn place(&self, value: f64, range: f64) -> f64 {
        if range <= 0.0 {
            return 0.0;
        }
        let above = match self.direction {
            Direction::Benefit => 0.5 * value - 0.5 * self.low,
            Direction::Cost => 0.5 * self.high - 0.5 * value,
        };
        clip(above / range)
    }
}

/// The value number ⌈percent · N / 100⌉, ascending, of N values.
fn nearest_rank(values: &mut [f64], percent: usize) -> f64 {
    let rank = (values.len() * percent).div_ceil(100);
    *values.select_nth_unstable_by(rank - 1, f64::total_cmp).1
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        for (n, low, high) in [(1_i32, 1, 1), (2, 1, 2), (99, 1, 99), (100, 1, 99), (101, 2, 100), (1000, 10, 990)] {
            let mut values: Vec<f64> = (1..=n).rev().map(f64::from).collect();
            let scale =
                Scale::fit(&mut values, Direction::Benefit, Transform::Identity, BoundsRule::Percentiles).unwrap();
            assert_eq!((scale.low, scale.high), (f64::from(low), f64::from(high)), "{n}");
        }
    }

    #[test]
    fn few_values_beyond_a_constant_middle_still_count() {
        let mut values = vec![0.0; 1000];
        values[7] = 4.0;
        let scale = Scale::fit(&mut values, Direction::Cost, Transform::Identity, BoundsRule::Percentiles).unwrap();
        assert_eq!((scale.low, scale.high), (0.0, 4.0));
        assert_eq!([0.0, 1.0, 4.0, 9.0].map(|value| scale.normalise(value)), [1.0, 0.75, 0.0, 0.0]);
    }

    #[test]
    fn a_constant_column_counts_nothing() {
        for direction in [Direction::Benefit, Direction::Cost] {
            let scale = Scale::fit(&mut [3.0; 5], direction, Transform::Log1p, BoundsRule::MinMax).unwrap();
            assert_eq!([0.0, 3.0, 9.0].map(|value| scale.normalise(value)), [0.0; 3]);
        }
        assert_eq!(Scale::fit(&mut [], Direction::Cost, Transform::Log1p, BoundsRule::MinMax), None);
    }

    #[test]
    fn logarithms_keep_the_sign_and_bounds_may_be_any_number() {
        assert_eq!(Transform::Log1p.apply(-2.0), -libm::log1p(2.0));
        let mut values = [f64::MAX, -f64::MAX, 0.0];
        for transform in [Transform::Identity, Transform::Log1p] {
            let scale = Scale::fit(&mut values, Direction::Benefit, transform, BoundsRule::MinMax).unwrap();
            assert_eq!(scale.normalise_column(&[f64::MAX, -f64::MAX, 0.0, f64::NAN]), [1.0, 0.0, 0.5, 0.0]);
        }
    }
}
