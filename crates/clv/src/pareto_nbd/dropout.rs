//! The integral over the time at which a customer may have left.

use super::ParetoNbd;
use crate::History;
use crate::special::{legendre_panels, legendre_rule};

/// What is smaller than this share of the integral is left out.
const NEGLIGIBLE: f64 = 1e-18;

/// The chances that a customer left at a time τ between the last purchase and the end of the history.
///
/// They are in proportion to `(α+τ)^−(r+x) (β+τ)^−(s+1)`. By the logarithm y of `(m+τ) / (m+t_x)`, where m is the
/// smaller and M the larger of α and β, that is `e^−cy g^−b` with `g = (M+τ) / (M+t_x) = 1 − κ + κ e^y` and
/// `κ = (m+t_x) / (M+t_x)`: smooth for any parameters, with its nearest singularity at a distance of π.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropout {
    /// The exponent c: that of m + τ, less 1.
    near: f64,
    /// The exponent b of M + τ.
    far: f64,
    /// κ.
    kappa: f64,
    /// y at the end of the history.
    length: f64,
    /// ln g at the end of the history.
    fall: f64,
    /// Whether m is α.
    alpha_first: bool,
}

/// A time τ at which a customer may have left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The chance by that at `t_x`, times the weight in the integral.
    pub(super) share: f64,
    /// `(α+τ) / (α+t_x)` and its logarithm.
    pub(super) alpha: (f64, f64),
    /// `(β+τ) / (β+t_x)` and its logarithm.
    pub(super) beta: (f64, f64),
}

impl Dropout {
    /// The integral for a customer of the model.
    pub(super) fn new(model: &ParetoNbd, history: &History) -> Self {
        let alpha_first = model.alpha <= model.beta;
        let (alpha, beta) = (model.alpha + history.t_x, model.beta + history.t_x);
        let (buys, leaves) = (model.r + history.x, model.s + 1.0);
        let ((small, near), (large, far)) =
            if alpha_first { ((alpha, buys), (beta, leaves)) } else { ((beta, leaves), (alpha, buys)) };
        let gap = history.t - history.t_x;
        Self {
            near: near - 1.0,
            far,
            kappa: small / large,
            length: libm::log1p(gap / small),
            fall: libm::log1p(gap / large),
            alpha_first,
        }
    }

    /// `ln((α+T) / (α+t_x))` and `ln((β+T) / (β+t_x))`.
    pub(super) fn logs(&self) -> (f64, f64) {
        if self.alpha_first { (self.length, self.fall) } else { (self.fall, self.length) }
    }

    /// The integral of the chances by τ, by β + `t_x` and by the chance at `t_x`.
    pub(super) fn integral(&self) -> f64 {
        self.scale() * self.points(|_, _, _| ())
    }

    /// Calls `visit` with times whose shares, times [`Dropout::scale`], add up to [`Dropout::integral`].
    #[inline]
    pub(super) fn visit(&self, mut visit: impl FnMut(Moment)) {
        self.points(|share, near, far| {
            let (alpha, beta) = if self.alpha_first { (near, far) } else { (far, near) };
            visit(Moment { share, alpha, beta });
        });
    }

    /// `(m + t_x) / (β + t_x)`.
    pub(super) fn scale(&self) -> f64 {
        if self.alpha_first { self.kappa } else { 1.0 }
    }

    /// Calls `visit` with the share, (e^y, y) and (g, ln g) of the points of the integral; the sum of the shares.
    #[inline]
    fn points(&self, mut visit: impl FnMut(f64, (f64, f64), (f64, f64))) -> f64 {
        let &Self { near, far, kappa, length, fall, .. } = self;
        let mut part = |y: f64, weight: f64| {
            let growth = libm::exp(y);
            let g = 1.0 - kappa + kappa * growth;
            let log = libm::log(g);
            let share = weight * libm::exp(-near * y - far * log);
            visit(share, (growth, y), (g, log));
            share
        };
        if let Some(rule) = legendre_rule(length, near.abs() * length + far * fall) {
            return rule.iter().map(|&(place, share)| part(length * place, length * share)).sum();
        }
        let log_g = |y: f64| libm::log1p(kappa * libm::expm1(y));
        let change = |start: f64, width: f64| near.abs() * width + far * (log_g(start + width) - log_g(start));
        let enough = |end: f64, sum: f64| {
            let growth = kappa * libm::exp(end);
            let slope = near + far * growth / (1.0 - kappa + growth);
            libm::exp(-near * end - far * log_g(end)) < NEGLIGIBLE * slope * sum
        };
        legendre_panels(length, f64::INFINITY, change, part, enough)
    }
}
