//! Draws from the distributions of the models.
//!
//! Each takes its uniform numbers from one generator, so that the same seed gives the same draws on every machine.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

use super::{ln_gamma, logistic};

/// From this mean on, Poisson numbers are drawn by rejection.
const MANY: f64 = 10.0;

/// A uniform number in (0, 1): the middle of one of 2⁵² equal intervals, so that it is never at an end.
pub(crate) fn uniform(random: &mut Pcg64) -> f64 {
    ((random.next_u64() >> 12) as f64 + 0.5) * (1.0 / (1_u64 << 52) as f64)
}

/// An exponential time with mean 1.
pub(crate) fn exponential(random: &mut Pcg64) -> f64 {
    -libm::log(uniform(random))
}

/// A standard normal number (Marsaglia's polar method; the second number of each pair is not used).
pub(crate) fn normal(random: &mut Pcg64) -> f64 {
    loop {
        let (u, v) = (2.0 * uniform(random) - 1.0, 2.0 * uniform(random) - 1.0);
        let square = u * u + v * v;
        if square > 0.0 && square < 1.0 {
            return u * (-2.0 * libm::log(square) / square).sqrt();
        }
    }
}

/// The logarithm of a gamma number with this shape and scale 1 (Marsaglia & Tsang 2000; for a shape below 1 through
/// shape + 1). The logarithm, since numbers of a small shape are often too small for a double.
fn ln_gamma_number(shape: f64, random: &mut Pcg64) -> f64 {
    if shape < 1.0 {
        let larger = ln_gamma_number(shape + 1.0, random);
        return larger + libm::log(uniform(random)) / shape;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = normal(random);
        let root = 1.0 + c * z;
        if root <= 0.0 {
            continue;
        }
        let (v, ln_v) = (root * root * root, 3.0 * libm::log(root));
        if libm::log(uniform(random)) < 0.5 * z * z + d - d * v + d * ln_v {
            return libm::log(d) + ln_v;
        }
    }
}

/// A gamma number with this shape and rate; 0 where it is too small for a double.
pub(crate) fn gamma(shape: f64, rate: f64, random: &mut Pcg64) -> f64 {
    libm::exp(ln_gamma_number(shape, random) - libm::log(rate))
}

/// Shares that sum to 1, drawn from Dirichlet distributions: gamma numbers of the shapes, over their sum. The same seed and number
/// give the same draws on every machine, whatever was drawn under other numbers: the seed and the number are the high
/// and low half of the state of a PCG XSL RR 128/64 generator (O'Neill 2014), the number is its stream, too.
#[derive(Debug, Clone)]
pub struct DirichletDraws {
    random: Pcg64,
}

impl DirichletDraws {
    /// Draw number `number` of `seed`.
    #[must_use]
    pub fn new(seed: u64, number: u64) -> Self {
        Self { random: Pcg64::new(u128::from(seed) << 64 | u128::from(number), u128::from(number)) }
    }

    /// The next shares, of these shapes from 0; a shape of 0 has none. All are 0 where all shapes are.
    pub fn draw(&mut self, shapes: &[f64]) -> Vec<f64> {
        let ln_number =
            |&shape: &f64| if shape > 0.0 { ln_gamma_number(shape, &mut self.random) } else { f64::NEG_INFINITY };
        let ln_numbers: Vec<f64> = shapes.iter().map(ln_number).collect();
        let most = ln_numbers.iter().fold(f64::NEG_INFINITY, |most, &ln_number| most.max(ln_number));
        if most == f64::NEG_INFINITY {
            return vec![0.0; shapes.len()];
        }
        let numbers: Vec<f64> = ln_numbers.iter().map(|ln_number| libm::exp(ln_number - most)).collect();
        let sum: f64 = numbers.iter().sum();
        numbers.iter().map(|number| number / sum).collect()
    }
}

/// A beta number, 0 to 1.
pub(crate) fn beta(a: f64, b: f64, random: &mut Pcg64) -> f64 {
    let success = ln_gamma_number(a, random);
    logistic(success - ln_gamma_number(b, random))
}

/// The number of the first success among trials that succeed with probability `p`: 1, 2, …; infinite where `p` is 0.
pub(crate) fn geometric(p: f64, random: &mut Pcg64) -> f64 {
    let u = uniform(random);
    if p >= 1.0 { 1.0 } else { libm::floor(libm::log(u) / libm::log1p(-p)) + 1.0 }
}

/// A Poisson number (by exponential times; from a mean of 10 on, Hörmann's PTRS of 1993).
pub(crate) fn poisson(mean: f64, random: &mut Pcg64) -> f64 {
    if mean < MANY {
        let (mut number, mut time) = (0.0, exponential(random));
        while time < mean {
            number += 1.0;
            time += exponential(random);
        }
        return number;
    }
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let ln_mean = libm::log(mean);
    loop {
        let (u, v) = (uniform(random) - 0.5, uniform(random));
        let distance = 0.5 - u.abs();
        let number = libm::floor((2.0 * a / distance + b) * u + mean + 0.43);
        if distance >= 0.07 && v <= 0.9277 - 3.6224 / (b - 2.0) {
            return number;
        }
        if number < 0.0 || (distance < 0.013 && v > distance) {
            continue;
        }
        let left = libm::log(v * inverse_alpha / (a / (distance * distance) + b));
        if left <= number * ln_mean - mean - ln_gamma(number + 1.0) {
            return number;
        }
    }
}
