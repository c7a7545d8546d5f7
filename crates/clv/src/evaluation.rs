//! A log likelihood with its derivatives.

/// Value, gradient and Hessian of a log likelihood in `K` log parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation<const K: usize> {
    /// The log likelihood.
    pub value: f64,
    /// First derivatives by the log parameters.
    pub gradient: [f64; K],
    /// Second derivatives by the log parameters; symmetric.
    pub hessian: [[f64; K]; K],
}

impl<const K: usize> Evaluation<K> {
    /// Zero in everything: the sum over no customers.
    pub const ZERO: Self = Self { value: 0.0, gradient: [0.0; K], hessian: [[0.0; K]; K] };

    /// Adds `share` times `other`.
    pub fn add(&mut self, share: f64, other: &Self) {
        self.value += share * other.value;
        for i in 0..K {
            self.gradient[i] += share * other.gradient[i];
            for j in 0..K {
                self.hessian[i][j] += share * other.hessian[i][j];
            }
        }
    }

    /// The same evaluation with its derivatives by the logarithms of the parameters, from those by the parameters.
    #[must_use]
    pub fn by_logarithms(mut self, parameters: &[f64; K]) -> Self {
        for i in 0..K {
            self.gradient[i] *= parameters[i];
            for j in 0..K {
                self.hessian[i][j] *= parameters[i] * parameters[j];
            }
            self.hessian[i][i] += self.gradient[i];
        }
        self
    }
}

/// Fails unless gradient and Hessian are the slopes of value and gradient, by differences around each of some points.
#[cfg(test)]
pub(crate) fn assert_slopes<const K: usize>(evaluate: impl Fn(&[f64; K]) -> Evaluation<K>, points: &[[f64; K]]) {
    const STEP: f64 = 1e-4;
    for at in points {
        let center = evaluate(at);
        for i in 0..K {
            let [low, high] = [-STEP, STEP].map(|step| {
                let mut at = *at;
                at[i] += step;
                evaluate(&at)
            });
            let slope = (high.value - low.value) / (2.0 * STEP);
            assert!((slope - center.gradient[i]).abs() < 1e-5 * center.gradient[i].abs().max(1.0), "{at:?} {i}");
            for j in 0..K {
                let slope = (high.gradient[j] - low.gradient[j]) / (2.0 * STEP);
                let found = center.hessian[i][j];
                assert!((slope - found).abs() < 1e-5 * found.abs().max(1.0), "{at:?} {i} {j}: {slope} {found}");
            }
        }
    }
}
