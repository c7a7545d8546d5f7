//! Weights: numbers from 0 that sum to 1.

use crate::Error;
use crate::accumulate::Sum;

/// The same weight for each of `indicators`.
///
/// # Errors
/// No indicators.
pub fn equal(indicators: usize) -> Result<Vec<f64>, Error> {
    normalise(&vec![1.0; indicators])
}

/// Weights in these proportions, which sum to 1.
///
/// Added up in their order they come to 1 at most, never to the number above it, so that a weighted mean of numbers
/// from 0 to 1 is such a number, too; equal proportions give equal weights.
///
/// # Errors
/// No weights; one that is negative or not finite; none above 0.
pub fn normalise(proportions: &[f64]) -> Result<Vec<f64>, Error> {
    if proportions.is_empty() {
        return Err(Error::NoIndicators);
    }
    if let Some(indicator) = proportions.iter().position(|value| !(0.0..=f64::MAX).contains(value)) {
        return Err(Error::Weight { indicator, value: proportions[indicator] });
    }
    let largest = proportions.iter().fold(0.0, |largest: f64, &value| largest.max(value));
    if largest == 0.0 {
        return Err(Error::AllZero { what: "weights" });
    }
    let mut sum = Sum::default();
    for value in proportions {
        sum.add(value / largest);
    }
    let total = sum.total();
    let mut weights: Vec<f64> = proportions.iter().map(|value| value / largest / total).collect();
    while weights.iter().sum::<f64>() > 1.0 {
        weights.iter_mut().filter(|weight| **weight > 0.0).for_each(|weight| *weight = weight.next_down());
    }
    Ok(weights)
}

/// Refuses two sets of weights of different lengths, and weights that are none.
pub(crate) fn pair(subjective: &[f64], objective: &[f64]) -> Result<(Vec<f64>, Vec<f64>), Error> {
    if subjective.len() != objective.len() {
        return Err(Error::Indicators {
            what: "objective weights",
            expected: subjective.len(),
            found: objective.len(),
        });
    }
    Ok((normalise(subjective)?, normalise(objective)?))
}
