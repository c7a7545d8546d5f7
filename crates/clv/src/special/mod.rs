//! Special functions, integrals and random draws that the models share; all through `libm`, so that every machine
//! gets the same bits.

mod gamma;
mod legendre;
mod quadrature;
mod random;

pub(crate) use gamma::{beta_cdf, digamma, ln_beta, ln_gamma, ln_gamma_ratio, trigamma};
pub(crate) use legendre::{legendre_panels, legendre_rule};
pub(crate) use quadrature::beta_mean;
pub use random::DirichletDraws;
pub(crate) use random::{beta, exponential, gamma, geometric, normal, poisson, uniform};

#[cfg(test)]
mod tests;

/// ln(1 + e^y), without overflow or cancellation.
pub(crate) fn softplus(y: f64) -> f64 {
    if y > 0.0 { y + libm::log1p(libm::exp(-y)) } else { libm::log1p(libm::exp(y)) }
}

/// e^y / (1 + e^y), without overflow.
pub(crate) fn logistic(y: f64) -> f64 {
    if y > 0.0 {
        1.0 / (1.0 + libm::exp(-y))
    } else {
        let odds = libm::exp(y);
        odds / (1.0 + odds)
    }
}
