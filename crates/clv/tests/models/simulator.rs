//! Whole lives of customers, drawn from the models' stories: an independent account of what the models say.

use appraise_clv::History;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

/// A source of random lives.
pub(crate) struct Simulator(Pcg64);

impl Simulator {
    /// The same seed gives the same lives.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Pcg64::new(u128::from(seed), 0x5eed))
    }

    /// A uniform number in (0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// An exponential number of this rate; infinite where the rate is 0.
    fn exponential(&mut self, rate: f64) -> f64 {
        -libm::log(self.uniform()) / rate
    }

    /// A standard normal number (Box & Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(self.uniform())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// A gamma number (Marsaglia & Tsang 2000).
    pub(crate) fn gamma(&mut self, shape: f64, rate: f64) -> f64 {
        if shape < 1.0 {
            let boost = libm::pow(self.uniform(), 1.0 / shape);
            return boost * self.gamma(shape + 1.0, rate);
        }
        let d = shape - 1.0 / 3.0;
        loop {
            let z = self.normal();
            let v = libm::pow(1.0 + z / (9.0 * d).sqrt(), 3.0);
            if v > 0.0 && libm::log(self.uniform()) < 0.5 * z * z + d * (1.0 - v + libm::log(v)) {
                return d * v / rate;
            }
        }
    }

    /// A beta number.
    pub(crate) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let success = self.gamma(a, 1.0);
        success / (success + self.gamma(b, 1.0))
    }

    /// Times of the repeat purchases in (0, `until`] of the BG/NBD or, with a dropout also after the first purchase,
    /// of the MBG/NBD.
    pub(crate) fn beta_geometric(&mut self, [r, alpha, a, b]: [f64; 4], from_start: bool, until: f64) -> Vec<f64> {
        let (rate, p) = (self.gamma(r, alpha), self.beta(a, b));
        let mut times = Vec::new();
        if from_start && self.uniform() < p {
            return times;
        }
        let mut now = self.exponential(rate);
        while now <= until {
            times.push(now);
            if self.uniform() < p {
                break;
            }
            now += self.exponential(rate);
        }
        times
    }

    /// Times of the repeat purchases in (0, `until`] of the Pareto/NBD.
    pub(crate) fn pareto_nbd(&mut self, [r, alpha, s, beta]: [f64; 4], until: f64) -> Vec<f64> {
        let (rate, dropout) = (self.gamma(r, alpha), self.gamma(s, beta));
        let end = self.exponential(dropout).min(until);
        let mut times = Vec::new();
        let mut now = self.exponential(rate);
        while now <= end {
            times.push(now);
            now += self.exponential(rate);
        }
        times
    }

    /// The opportunities 1, 2, … `until` at which a customer of the BG/BB buys.
    pub(crate) fn bg_bb(&mut self, [alpha, beta, gamma, delta]: [f64; 4], until: f64) -> Vec<f64> {
        let (p, theta) = (self.beta(alpha, beta), self.beta(gamma, delta));
        let mut times = Vec::new();
        let mut now = 1.0;
        while now <= until && self.uniform() >= theta {
            if self.uniform() < p {
                times.push(now);
            }
            now += 1.0;
        }
        times
    }

    /// The rate ν of a customer's spend in the gamma-gamma model.
    pub(crate) fn spend_rate(&mut self, [_, q, v]: [f64; 3]) -> f64 {
        self.gamma(q, v)
    }

    /// What so many purchases come to.
    pub(crate) fn spend(&mut self, [p, _, _]: [f64; 3], rate: f64, purchases: f64) -> f64 {
        if purchases > 0.0 { self.gamma(p * purchases, rate) } else { 0.0 }
    }
}

/// What is seen at the time `t` of a life with these purchases.
pub(crate) fn history(times: &[f64], t: f64) -> History {
    let seen = times.iter().take_while(|time| **time <= t);
    let t_x = seen.clone().last().copied().unwrap_or(0.0);
    History { x: seen.count() as f64, t_x, t }
}

/// Purchases after the time `t`.
pub(crate) fn after(times: &[f64], t: f64) -> f64 {
    times.iter().filter(|time| **time > t).count() as f64
}
