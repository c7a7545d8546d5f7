//! Random draws that are the same on every machine.
//!
//! The samplers are our own because of the last bit: logarithms of the C library differ between machines with and
//! without fused multiplication, those of `libm` do not.

use appraise_schema::hash;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// What a stream of draws decides. Streams of one customer or block are independent of each other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// When a customer came, and who they are.
    Profile = 1,
    /// What a customer buys, and how they pay.
    Purchases = 2,
    /// Contacts with a customer.
    Contacts = 3,
    /// What goes wrong with the delivery of one block of one source.
    Dirt = 4,
    /// Exchange rates of a currency.
    Rates = 5,
    /// Market demand of an industry.
    Demand = 6,
}

/// A stream of draws.
#[derive(Debug)]
pub(crate) struct Draws(Pcg64);

impl Draws {
    /// The stream of `number` (a customer, a block) for `purpose` under `seed`.
    pub(crate) fn new(seed: u64, purpose: Purpose, number: u64) -> Self {
        let mut name = [0; 24];
        name[..8].copy_from_slice(&seed.to_le_bytes());
        name[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
        name[16..].copy_from_slice(&number.to_le_bytes());
        Self(Pcg64::seed_from_u64(hash::of_text(&name)))
    }

    /// Uniform in (0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Uniform in [`low`, `high`).
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform among 0, 1, …, `n` − 1; `n` is positive.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        // The bias is n / 2⁶⁴.
        let wide = u128::from(self.0.next_u64()) * u128::from(n);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// Uniform among the days or seconds from `low` up to `high`, both included.
    pub(crate) fn whole(&mut self, low: i32, high: i32) -> i32 {
        let span = u64::try_from(i64::from(high) - i64::from(low) + 1).unwrap_or(1);
        low + i32::try_from(self.below(span)).unwrap_or(0)
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Exponential.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(self.uniform())
    }

    /// Standard normal, by the method of Box and Muller (1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(self.uniform()));
        radius * libm::cos(2.0 * std::f64::consts::PI * self.uniform())
    }

    /// Gamma with mean `shape / rate`, by the method of Marsaglia and Tsang (2000).
    pub(crate) fn gamma(&mut self, shape: f64, rate: f64) -> f64 {
        if shape < 1.0 {
            let boost = libm::pow(self.uniform(), 1.0 / shape);
            return self.gamma(shape + 1.0, rate) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
            if v > 0.0 && libm::log(self.uniform()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v / rate;
            }
        }
    }

    /// Beta with mean `a / (a + b)`.
    pub(crate) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let x = self.gamma(a, 1.0);
        let y = self.gamma(b, 1.0);
        x / (x + y)
    }

    /// Poisson, by counting exponential gaps: for small means.
    pub(crate) fn poisson(&mut self, mean: f64) -> u32 {
        let mut count = 0;
        let mut sum = self.exponential(1.0);
        while sum < mean {
            count += 1;
            sum += self.exponential(1.0);
        }
        count
    }

    /// An index of `weights` with probability proportional to its weight.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let mut left = self.uniform() * weights.clone().sum::<f64>();
        let mut last = 0;
        for (index, weight) in weights.enumerate() {
            last = index;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }

    /// One of `items`, each as likely as the other; `items` is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[usize::try_from(self.below(items.len() as u64)).unwrap_or(0)]
    }
}

/// The nearest whole number, where `value` is known to fit.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, and callers pass bounded values")]
pub(crate) fn nearest(value: f64) -> i64 {
    libm::round(value) as i64
}

/// The nearest whole number of days or seconds, where `value` is known to fit.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, and callers pass bounded values")]
pub(crate) fn nearest_i32(value: f64) -> i32 {
    libm::round(value) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: u32 = 200_000;

    /// Mean and variance of `N` draws.
    fn moments(mut draw: impl FnMut(&mut Draws) -> f64) -> (f64, f64) {
        let mut draws = Draws::new(1, Purpose::Profile, 0);
        let values: Vec<f64> = (0..N).map(|_| draw(&mut draws)).collect();
        let mean = values.iter().sum::<f64>() / f64::from(N);
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / f64::from(N - 1);
        (mean, variance)
    }

    /// Asserts that mean and variance are those stated, the mean within four standard errors.
    fn check(name: &str, draw: impl FnMut(&mut Draws) -> f64, mean: f64, variance: f64) {
        let (m, v) = moments(draw);
        assert!((m - mean).abs() < 4.0 * (variance / f64::from(N)).sqrt(), "{name}: mean {m}, not {mean}");
        assert!((v / variance - 1.0).abs() < 0.05, "{name}: variance {v}, not {variance}");
    }

    #[test]
    fn distributions_have_their_mean_and_variance() {
        check("uniform", Draws::uniform, 0.5, 1.0 / 12.0);
        check("exponential", |d| d.exponential(3.0), 3.0, 9.0);
        check("normal", Draws::normal, 0.0, 1.0);
        check("gamma, small shape", |d| d.gamma(0.55, 6.0), 0.55 / 6.0, 0.55 / 36.0);
        check("gamma, large shape", |d| d.gamma(4.0, 2.0), 2.0, 1.0);
        check("beta", |d| d.beta(0.8, 2.5), 0.8 / 3.3, 0.8 * 2.5 / (3.3 * 3.3 * 4.3));
        check("poisson", |d| f64::from(d.poisson(1.6)), 1.6, 1.6);
    }

    #[test]
    fn whole_numbers_reach_both_ends_and_no_further() {
        let mut draws = Draws::new(2, Purpose::Profile, 0);
        let seen: std::collections::BTreeSet<i32> = (0..1000).map(|_| draws.whole(-2, 3)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [-2, -1, 0, 1, 2, 3]);
    }

    #[test]
    fn every_stream_is_its_own() {
        let first = |seed, purpose, number| Draws::new(seed, purpose, number).below(u64::MAX);
        let base = first(1, Purpose::Profile, 1);
        assert_eq!(base, first(1, Purpose::Profile, 1));
        for other in [first(2, Purpose::Profile, 1), first(1, Purpose::Dirt, 1), first(1, Purpose::Profile, 2)] {
            assert_ne!(base, other);
        }
    }
}
