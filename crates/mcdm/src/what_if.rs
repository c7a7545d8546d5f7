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
    if change == WeightChange::FixTargetOthersProportional {
        let others: f64 = changed.iter().enumerate().filter(|&(j, _)| j != indicator).map(|(_, weight)| weight).sum();
        if !(0.0..=1.0).contains(&target) || (others == 0.0 && target != 1.0) {
            let needed = "a number from 0 to 1, and 1 where no other indicator weighs anything";
            return Err(Error::Parameter { parameter: "changed weight", value: target, needed });
        }
        if others > 0.0 {
            for other in &mut changed {
                *other *= (1.0 - target) / others;
            }
        }
    }
    changed[indicator] = target;
    normalise(&changed)
}
