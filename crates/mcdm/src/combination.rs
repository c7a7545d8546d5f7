//! Our weights and the data's in one: three ways to combine them.

use serde::{Deserialize, Serialize};

use crate::weights::pair;
use crate::{Error, normalise};

/// A share this little below 0 is 0 but for rounding.
const ROUNDING: f64 = 1e-15;

/// α · subjective + (1 − α) · objective.
///
/// # Errors
/// Weights that are none, or that differ in number; an α outside 0 to 1.
pub fn additive(subjective: &[f64], objective: &[f64], alpha: f64) -> Result<Vec<f64>, Error> {
    if !(0.0..=1.0).contains(&alpha) {
        return Err(Error::Parameter { parameter: "alpha", value: alpha, needed: "a number from 0 to 1" });
    }
    let (subjective, objective) = pair(subjective, objective)?;
    let mixed: Vec<f64> = subjective.iter().zip(&objective).map(|(s, o)| alpha * s + (1.0 - alpha) * o).collect();
    normalise(&mixed)
}

/// The products subjective · objective, to sum to 1.
///
/// # Errors
/// Weights that are none, or that differ in number; no indicator that both give a weight.
pub fn multiplicative(subjective: &[f64], objective: &[f64]) -> Result<Vec<f64>, Error> {
    let (subjective, objective) = pair(subjective, objective)?;
    let products: Vec<f64> = subjective.iter().zip(&objective).map(|(s, o)| s * o).collect();
    if products.iter().all(|&product| product == 0.0) {
        return Err(Error::AllZero { what: "products of subjective and objective weights" });
    }
    normalise(&products)
}

/// The combination of game theory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GameTheory {
    /// The combined weights.
    pub weights: Vec<f64>,
    /// The share of the subjective ones in them; the objective ones have the rest.
    pub alpha: f64,
}

/// The combination that is nearest to both sets at once: a · subjective + b · objective, where (a, b) solves
/// (U Uᵀ)(a, b) = diag(U Uᵀ), U having the two sets as rows, and a and b are then made to sum to 1.
///
/// The determinant cancels out: with s and o the sets, a ∝ (o·o)(s·s − s·o) and b ∝ (s·s)(o·o − s·o). Two equal sets
/// give that set, with shares of ½.
///
/// # Errors
/// Weights that are none, or that differ in number; a set whose share would be negative: one that is more even than the
/// other and close to it, s·s < s·o.
pub fn game_theory(subjective: &[f64], objective: &[f64]) -> Result<GameTheory, Error> {
    let (s, o) = pair(subjective, objective)?;
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let difference: Vec<f64> = s.iter().zip(&o).map(|(s, o)| s - o).collect();
    let a = dot(&o, &o) * dot(&s, &difference);
    let b = -dot(&s, &s) * dot(&o, &difference);
    if difference.iter().all(|&value| value.abs() <= ROUNDING) {
        return Ok(GameTheory { weights: s, alpha: 0.5 });
    }
    let total = a.abs() + b.abs();
    if a.min(b) < -ROUNDING * total {
        return Err(Error::NegativeShare { subjective: a / total, objective: b / total });
    }
    let alpha = a.max(0.0) / (a.max(0.0) + b.max(0.0));
    Ok(GameTheory { weights: additive(&s, &o, alpha)?, alpha })
}
