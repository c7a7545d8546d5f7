//! Draws of a fit's parameters.

use rand_pcg::Pcg64;

use super::surface::design;
use crate::cholesky::lower_triangle;
use crate::{Maximum, ParameterError};

/// The parameters of a fit as random numbers: their logarithms are a centre and a matrix times standard normals.
#[derive(Debug, Clone)]
pub(super) struct Parameters<const K: usize, M> {
    centre: [f64; K],
    /// The lower triangle L of the covariance matrix L Lᵀ.
    lower: [[f64; K]; K],
    build: fn([f64; K]) -> Result<M, ParameterError>,
    /// The models at the points of [`design`], the maximum first.
    pub(super) models: Vec<M>,
}

impl<const K: usize, M> Parameters<K, M> {
    /// The random parameters of a fit.
    pub(super) fn new(
        fit: &Maximum<K>,
        build: fn([f64; K]) -> Result<M, ParameterError>,
    ) -> Result<Self, ParameterError> {
        let lower = lower_triangle(&fit.covariance);
        let mut parameters = Self { centre: fit.log_parameters, lower, build, models: Vec::new() };
        for point in design(K) {
            let model = parameters.model(&point)?;
            parameters.models.push(model);
        }
        Ok(parameters)
    }

    /// The model at standard normal numbers; as many as there are parameters.
    pub(super) fn model(&self, whitened: &[f64]) -> Result<M, ParameterError> {
        let mut parameters = self.centre;
        for (log, row) in parameters.iter_mut().zip(&self.lower) {
            *log += row.iter().zip(whitened).map(|(entry, z)| entry * z).sum::<f64>();
            *log = libm::exp(*log);
        }
        (self.build)(parameters)
    }
}

/// One draw of the parameters.
#[derive(Debug, Clone)]
pub(super) struct Draw<M, S> {
    /// The standard normal numbers that made it: first those of the purchases, then those of the spend.
    pub(super) whitened: Vec<f64>,
    /// The model of purchases.
    pub(super) purchases: M,
    /// The model of spend.
    pub(super) spend: Option<S>,
}

/// A generator for one use of the seed: the same number gives the same generator on every machine.
pub(super) fn generator(seed: u64, stream: u64) -> Pcg64 {
    Pcg64::new(u128::from(seed) << 64 | u128::from(stream), u128::from(stream))
}
