//! Integrals where no closed form holds everywhere.

/// The least frequency of the trapezoid rule, 2π / step in logits: a `g` as smooth as the distribution leaves an error
/// of about e^(−π/2 · 22), one part in 10¹⁵.
const LEAST_FREQUENCY: f64 = 22.0;

/// The frequency times the standard deviation for a narrow distribution: the error is e^(−8.7² / 2), below one part
/// in 10¹⁶. In between, the two add up like the sides of a right angle, which follows |Γ(a + iω)| / Γ(a).
const NARROW_FREQUENCY: f64 = 8.7;

/// Terms below this share of the sum are left out.
const NEGLIGIBLE: f64 = 1e-18;

/// More nodes than any parameters need on one side.
const MOST_NODES: f64 = 4000.0;

/// The mean of `g(p)` where p has the beta distribution of `a` and `b`.
///
/// The trapezoid rule in logit p, which converges exponentially for a `g` that is smooth in logit p and has limits
/// at 0 and 1. The weights are normalised by their own sum, and where a tail has become a geometric series (small
/// `a` or `b`) it is summed as one, so that the work is bounded for any parameters.
pub(crate) fn beta_mean(a: f64, b: f64, g: impl Fn(f64) -> f64) -> f64 {
    let precision = 1.0 / (1.0 / a + 1.0 / b);
    let frequency = (LEAST_FREQUENCY * LEAST_FREQUENCY + NARROW_FREQUENCY * NARROW_FREQUENCY * precision).sqrt();
    let step = core::f64::consts::TAU / frequency;
    let (centre, opposite) = (a / (a + b), b / (a + b));
    // The weight p^a (1 − p)^b by its value at the mode, and p, at a distance of the mode's logit.
    let node = |distance: f64| {
        let factor = libm::exp(distance);
        let size = opposite + centre * factor;
        let near = distance.abs() < 0.5;
        let ln_size = if near { libm::log1p(centre * libm::expm1(distance)) } else { libm::log(size) };
        let weight = libm::exp(a * distance - (a + b) * ln_size);
        (weight, centre * factor / size, opposite / size)
    };
    let first = g(centre);
    let (mut weights, mut total) = (1.0, first);
    for (direction, near, far) in [(-1.0, a, b), (1.0, b, a)] {
        let (mut number, mut before) = (1.0, first);
        while number < MOST_NODES {
            let (weight, p, rest) = node(direction * step * number);
            let value = g(p);
            weights += weight;
            total += weight * value;
            if weight <= NEGLIGIBLE * weights && weight * value <= NEGLIGIBLE * total {
                break;
            }
            let end = if direction < 0.0 { p } else { rest };
            if end * (far + 1.0) < 1e-17 && (value - before).abs() <= 1e-15 * value.abs() {
                let tail = weight / libm::expm1(near * step);
                weights += tail;
                total += tail * value;
                break;
            }
            before = value;
            number += 1.0;
        }
    }
    total / weights
}
