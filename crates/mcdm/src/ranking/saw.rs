//! Simple additive weighting: the weighted mean of normalised indicators.

use crate::columns::clip;

/// What an indicator adds to the score: its weight times its normalised value. The score is the sum of these, one
/// after another in the order of indicators, exactly.
#[must_use]
pub fn contribution(weight: f64, normalised: f64) -> f64 {
    weight * clip(normalised)
}

/// Adds the score of each row to what is 0.
pub(crate) fn score(weights: &[f64], columns: &[&[f64]], scores: &mut [f64]) {
    for (&weight, column) in weights.iter().zip(columns) {
        for (score, &value) in scores.iter_mut().zip(*column) {
            *score += contribution(weight, value);
        }
    }
}
