//! Sums, ranges and norms, value after value in the order of rows.

/// A sum with the error of its roundings (Neumaier 1974): as exact as one in twice the precision.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    sum: f64,
    error: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let (large, small) = if self.sum.abs() >= value.abs() { (self.sum, value) } else { (value, self.sum) };
        self.error += (large - sum) + small;
        self.sum = sum;
    }

    pub(crate) fn total(self) -> f64 {
        self.sum + self.error
    }
}

/// The least and the greatest value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Range {
    pub(crate) const EMPTY: Self = Self { low: f64::INFINITY, high: f64::NEG_INFINITY };

    pub(crate) fn add(&mut self, value: f64) {
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }
}

/// The Euclidean norm, without overflow or underflow: great, usual and tiny values are summed apart (Blue 1978).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Norm {
    great: Sum,
    usual: Sum,
    tiny: Sum,
}

/// Squares of values beyond this one might overflow in a sum.
const GREAT: f64 = f64::from_bits((1023 + 480) << 52);
/// Squares of values below this one might lose digits.
const TINY: f64 = f64::from_bits((1023 - 480) << 52);
const DOWN: f64 = f64::from_bits((1023 - 560) << 52);
const UP: f64 = f64::from_bits((1023 + 560) << 52);

impl Norm {
    pub(crate) fn add(&mut self, value: f64) {
        let size = value.abs();
        if size > GREAT {
            self.great.add((value * DOWN) * (value * DOWN));
        } else if size < TINY {
            self.tiny.add((value * UP) * (value * UP));
        } else {
            self.usual.add(value * value);
        }
    }

    /// The norm; the greatest finite number where it is beyond that.
    pub(crate) fn total(self) -> f64 {
        let (great, usual, tiny) = (self.great.total(), self.usual.total(), self.tiny.total());
        let norm = if great > 0.0 {
            libm::sqrt(great + usual * DOWN * DOWN) / DOWN
        } else if usual > 0.0 {
            libm::sqrt(usual + tiny * DOWN * DOWN)
        } else {
            libm::sqrt(tiny) / UP
        };
        norm.min(f64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_keeps_what_a_great_value_would_swallow() {
        let mut sum = Sum::default();
        for value in [1.0, 1e100, 1.0, -1e100] {
            sum.add(value);
        }
        assert_eq!(sum.total(), 2.0);
    }

    #[test]
    fn a_norm_neither_overflows_nor_underflows() {
        for scale in [1e-310, 1e-300, 1e-150, 1.0, 1e150, 1e300] {
            let mut norm = Norm::default();
            for value in [3.0, -4.0, 0.0] {
                norm.add(value * scale);
            }
            let found = norm.total() / scale;
            assert!((found - 5.0).abs() < 1e-12, "{scale:e}: {found}");
        }
        let mut norm = Norm::default();
        (0..4).for_each(|_| norm.add(f64::MAX));
        assert_eq!(norm.total(), f64::MAX);
        assert_eq!(Norm::default().total(), 0.0);
    }
}
