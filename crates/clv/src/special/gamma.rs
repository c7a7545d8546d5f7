//! The gamma function's logarithm, its derivatives and its ratios.

/// From here on the asymptotic series hold to the last bit or two.
const ASYMPTOTIC: f64 = 10.0;

/// Up to this many factors Γ(a + n) / Γ(a) is multiplied out.
const FACTORS: f64 = 16.0;

/// The most pairs of terms of a continued fraction; it takes about the root of the larger parameter.
const MOST_FRACTIONS: f64 = 1e4;

/// ln Γ(a) for a > 0.
pub(crate) fn ln_gamma(a: f64) -> f64 {
    libm::lgamma(a)
}

/// ψ(a), the derivative of ln Γ(a), for a > 0: recurrence, then the asymptotic series (DLMF 5.11.2).
pub(crate) fn digamma(a: f64) -> f64 {
    let (mut z, mut shift) = (a, 0.0);
    while z < ASYMPTOTIC {
        shift += 1.0 / z;
        z += 1.0;
    }
    let w = 1.0 / (z * z);
    let series = w
        * (1.0 / 12.0
            - w * (1.0 / 120.0
                - w * (1.0 / 252.0
                    - w * (1.0 / 240.0 - w * (1.0 / 132.0 - w * (691.0 / 32760.0 - w * (1.0 / 12.0)))))));
    libm::log(z) - 0.5 / z - series - shift
}

/// ψ′(a), the second derivative of ln Γ(a), for a > 0: recurrence, then the asymptotic series (DLMF 5.15.8).
pub(crate) fn trigamma(a: f64) -> f64 {
    let (mut z, mut shift) = (a, 0.0);
    while z < ASYMPTOTIC {
        shift += 1.0 / (z * z);
        z += 1.0;
    }
    let w = 1.0 / (z * z);
    let series = w
        * (1.0 / 6.0
            - w * (1.0 / 30.0
                - w * (1.0 / 42.0 - w * (1.0 / 30.0 - w * (5.0 / 66.0 - w * (691.0 / 2730.0 - w * (7.0 / 6.0)))))));
    (1.0 + 0.5 / z + series) / z + shift
}

/// ln Γ(a + n) − ln Γ(a) for a > 0 and n ≥ 0, without the cancellation of the difference.
///
/// A product for a small whole n; else Stirling's formula for the difference, after a recurrence where a is small.
pub(crate) fn ln_gamma_ratio(a: f64, n: f64) -> f64 {
    if n <= FACTORS && n == libm::floor(n) && a < 1e15 {
        let (mut product, mut i) = (1.0, 0.0);
        while i < n {
            product *= a + i;
            i += 1.0;
        }
        return libm::log(product);
    }
    // The product of (1 + n / (a + i)), less 1.
    let (mut z, mut excess) = (a, 0.0);
    while z < ASYMPTOTIC {
        let share = n / z;
        excess += share + excess * share;
        z += 1.0;
    }
    let stirling = (z - 0.5) * libm::log1p(n / z) + n * (libm::log(z + n) - 1.0);
    stirling + (stirling_rest(z + n) - stirling_rest(z)) - libm::log1p(excess)
}

/// ln B(a, b), the logarithm of the beta function, for a, b > 0.
pub(crate) fn ln_beta(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    ln_gamma(small) - ln_gamma_ratio(large, small)
}

/// What Stirling's formula leaves of ln Γ(z), for z ≥ 10 (DLMF 5.11.1).
fn stirling_rest(z: f64) -> f64 {
    let w = 1.0 / (z * z);
    let series = 1.0 / 12.0
        - w * (1.0 / 360.0
            - w * (1.0 / 1260.0
                - w * (1.0 / 1680.0 - w * (1.0 / 1188.0 - w * (691.0 / 360_360.0 - w * (1.0 / 156.0))))));
    series / z
}

/// The probability that a beta number of `a` and `b` is at most `x`, where `rest` is 1 − x: the continued fraction
/// DLMF 8.17.22, on the side where it converges fast.
pub(crate) fn beta_cdf(x: f64, rest: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || a <= 0.0 {
        return if a <= 0.0 { 1.0 } else { 0.0 };
    }
    if rest <= 0.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) { 1.0 - lower_beta(rest, x, b, a) } else { lower_beta(x, rest, a, b) }
}

/// The same for `x` below the mean or not much above it.
fn lower_beta(x: f64, rest: f64, a: f64, b: f64) -> f64 {
    let factor = libm::exp(a * libm::log(x) + b * libm::log(rest) - ln_beta(a, b)) / a;
    // 1 / (1 + d₁ / (1 + d₂ / …)) from the front: the ratios of successive numerators and denominators.
    let (mut fraction, mut above, mut below) = (1.0, 1.0, 0.0);
    let mut m = 0.0;
    while m < MOST_FRACTIONS {
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        m += 1.0;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let mut change = 1.0;
        for d in [odd, even] {
            below = 1.0 / (1.0 + d * below);
            above = 1.0 + d / above;
            change = above * below;
            fraction *= change;
        }
        if (change - 1.0).abs() <= 3e-16 {
            break;
        }
    }
    factor / fraction
}
