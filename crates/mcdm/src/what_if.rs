//! What if one weight were another: the two conventions.

use serde::{Deserialize, Serialize};

use crate::{Error, normalise};

/// What becomes of the other weights when one is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightChange {
    /// The weight is multiplied, and then all are divided by their sum: it ends nearer to the old one.
    Renormalise,
    /// The weight is multiplied and stays so; the others share the rest in their proportions.
    FixTargetOthersProportional,
}

impl WeightChange {
    /// Both conventions.
    pub const ALL: [Self; 2] = [Self::Renormalise, Self::FixTargetOthersProportional];
}

/// The weights with that of one indicator multiplied by a factor.
///
/// # Errors
/// Weights that are none; an indicator beyond them; a factor that is not a finite number from 0; under
/// `FixTargetOthersProportional` a weight above 1, or no other weight to take the rest.
pub fn change_weight(weights: &[f64], indicator: usize, factor: f64, change: WeightChange) -> Result<Vec<f64>, Error> {
    let mut changed = normalise(weights)?;
    let Some(&weight) = changed.get(indicator) else {
        return Err(Error::Indicators { what: "weights", expected: indicator + 1, found: weights.len() });
    };
    if !(0.0..=f64::MAX).contains(&factor) {
        return Err(Error::Parameter { parameter: "factor", value: factor, needed: "a finite number from 0" });
    }
    let target = weight * factor;
    match change {
        WeightChange::FixTargetOthersProportional => fix_weights(weights, &[(indicator, target)]),
        WeightChange::Renormalise => {
            changed[indicator] = target;
            normalise(&changed)
        }
    }
}

/// The weights with those of some indicators set to targets; the others share the rest in their proportions.
///
/// # Errors
/// Weights that are none; an indicator beyond them; targets that are not numbers from 0 that sum to 1 at most, or to 1 where no other
/// indicator weighs anything.
pub fn fix_weights(weights: &[f64], targets: &[(usize, f64)]) -> Result<Vec<f64>, Error> {
    let mut changed = normalise(weights)?;
    let target_of = |indicator: usize| targets.iter().find(|(of, _)| *of == indicator).map(|(_, target)| *target);
    if let Some((beyond, _)) = targets.iter().find(|(indicator, _)| *indicator >= weights.len()) {
        return Err(Error::Indicators { what: "weights", expected: beyond + 1, found: weights.len() });
    }
    let others: f64 =
        changed.iter().enumerate().filter(|&(other, _)| target_of(other).is_none()).map(|(_, weight)| weight).sum();
    let fixed: f64 = targets.iter().map(|(_, target)| target).sum();
    let from_zero = targets.iter().all(|(_, target)| *target >= 0.0);
    if !from_zero || !(0.0..=1.0).contains(&fixed) || (others == 0.0 && fixed != 1.0) {
        let needed = "a number from 0 to 1, and 1 where no other indicator weighs anything";
        return Err(Error::Parameter { parameter: "changed weight", value: fixed, needed });
    }
    for (indicator, weight) in changed.iter_mut().enumerate() {
        match target_of(indicator) {
            Some(target) => *weight = target,
            None if others > 0.0 => *weight *= (1.0 - fixed) / others,
            None => {}
        }
    }
    normalise(&changed)
}

/// A change of one weight that brings a weighted mean to a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeastChange {
    /// Whose weight changes.
    pub indicator: usize,
    /// By how much: the new weight less the old one.
    pub change: f64,
    /// Whether the mean reaches the upper limit; else it falls below the lower one just beyond the change.
    pub rises: bool,
}

/// The smallest change of one weight, the others keeping their proportions, by which the weighted mean of a row's `values` reaches
/// `upper` or falls below `lower`; of equal changes that of the first indicator, and the rise. `None` where no weight from 0 to 1 does.
///
/// With weights w that sum to 1, values v and the mean s: the others' mean is r = (s − w v) / (1 − w), so that a new weight w′ makes
/// r + w′ (v − r), which is a limit c where w′ = (c − r) / (v − r).
#[must_use]
pub fn least_change(weights: &[f64], values: &[f64], lower: Option<f64>, upper: Option<f64>) -> Option<LeastChange> {
    let mean: f64 = weights.iter().zip(values).map(|(weight, value)| weight * value).sum();
    let mut least: Option<LeastChange> = None;
    for (indicator, (&weight, &value)) in weights.iter().zip(values).enumerate() {
        let rest = (mean - weight * value) / (1.0 - weight);
        let slope = value - rest;
        if weight >= 1.0 || slope == 0.0 {
            continue;
        }
        for (limit, rises) in [(upper, true), (lower, false)] {
            let Some(limit) = limit else { continue };
            let target = (limit - rest) / slope;
            // A fall begins beyond the target: there must be weights beyond it.
            let reachable = if rises {
                (0.0..=1.0).contains(&target)
            } else if slope > 0.0 {
                target > 0.0 && target <= 1.0
            } else {
                (0.0..1.0).contains(&target)
            };
            let change = target - weight;
            if reachable && least.is_none_or(|least| change.abs() < least.change.abs()) {
                least = Some(LeastChange { indicator, change, rises });
            }
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mean(weights: &[f64], values: &[f64]) -> f64 {
        weights.iter().zip(values).map(|(weight, value)| weight * value).sum()
    }

    #[test]
    fn several_weights_are_fixed_at_once() {
        let fixed = fix_weights(&[1.0, 2.0, 3.0, 4.0], &[(0, 0.5), (2, 0.2)]).unwrap();
        let expected = [0.5, 0.1, 0.2, 0.2];
        assert!(fixed.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{fixed:?}");
        assert!(fix_weights(&[1.0, 1.0, 1.0], &[(0, 0.6), (1, 0.6)]).is_err());
        assert!(fix_weights(&[1.0, 1.0], &[(0, -0.1)]).is_err());
        assert!(fix_weights(&[1.0, 1.0], &[(2, 0.1)]).is_err());
        assert_eq!(fix_weights(&[0.0, 1.0], &[(0, 0.25)]).unwrap(), [0.25, 0.75]);
    }

    #[test]
    fn a_limit_that_no_weight_reaches_is_none() {
        assert_eq!(least_change(&[0.5, 0.5], &[0.4, 0.4], Some(0.3), Some(0.5)), None);
        assert_eq!(least_change(&[1.0], &[0.4], Some(0.3), Some(0.5)), None);
        assert_eq!(least_change(&[0.5, 0.5], &[0.4, 0.8], None, None), None);
        let rise = least_change(&[0.5, 0.5], &[0.25, 0.75], None, Some(0.625)).unwrap();
        assert_eq!(rise, LeastChange { indicator: 0, change: -0.25, rises: true });
        // At the limit itself a customer falls with the first touch of a weight.
        assert_eq!(least_change(&[0.5, 0.5], &[0.25, 0.75], Some(0.5), None).unwrap().change, 0.0);
        // All weight on the worse indicator brings the mean to the limit, not below it.
        assert_eq!(least_change(&[0.5, 0.5], &[0.25, 0.75], Some(0.25), None), None);
    }

    proptest! {
        /// The change brings the mean to the limit, and no smaller one of any weight does.
        #[test]
        fn the_least_change_reaches_and_nothing_less_does(
            rows in prop::collection::vec((0.01..1.0_f64, 0.0..1.0_f64), 2..6),
            lower in prop::option::of(0.0..1.0_f64),
            upper in prop::option::of(0.0..1.0_f64),
        ) {
            let (weights, values): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
            let weights = normalise(&weights).unwrap();
            let now = mean(&weights, &values);
            let (lower, upper) = (lower.map(|part| now * part), upper.map(|part| now + (1.0 - now) * part + 1e-9));
            let found = least_change(&weights, &values, lower, upper);
            if let Some(LeastChange { indicator, change, rises }) = found {
                let moved = fix_weights(&weights, &[(indicator, (weights[indicator] + change).clamp(0.0, 1.0))]).unwrap();
                let limit = if rises { upper } else { lower };
                prop_assert!((mean(&moved, &values) - limit.unwrap()).abs() < 1e-9);
            }
            let most = found.map_or(1.0, |found| found.change.abs());
            for indicator in 0..weights.len() {
                for step in -50..=50_i32 {
                    let target = weights[indicator] + f64::from(step) / 50.0 * most * (1.0 - 1e-6);
                    if !(0.0..=1.0).contains(&target) {
                        continue;
                    }
                    let mean = mean(&fix_weights(&weights, &[(indicator, target)]).unwrap(), &values);
                    prop_assert!(lower.is_none_or(|lower| mean > lower - 1e-9));
                    prop_assert!(upper.is_none_or(|upper| mean < upper + 1e-9));
                }
            }
        }
    }
}
