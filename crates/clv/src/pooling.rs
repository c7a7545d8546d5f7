//! Fits by groups of customers that lend each other strength.

use rayon::prelude::*;

use crate::maximum::Search;
use crate::{Evaluation, FitError, Maximum, Patterns, PurchaseModel, maximise};

/// Parts of the customers, each held out once.
pub const FOLDS: usize = 5;

/// The strengths κ of pooling that are tried: from each group for itself to one fit for all.
pub const POOL_STRENGTHS: [f64; 5] = [0.0, 50.0, 200.0, 1000.0, f64::INFINITY];

/// Where the strength is chosen, all customers are stood for by about as many patterns as this.
const SAMPLE: usize = 4096;

/// How well a strength of pooling foretells customers that were held out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldOut {
    /// The strength κ.
    pub strength: f64,
    /// The log likelihood of all customers, each fold under the fits to the others; None where a fit failed.
    pub log_likelihood: Option<f64>,
}

/// One model for each group, all pooled with the same strength.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupFits {
    /// The strength κ that was chosen.
    pub strength: f64,
    /// The maximum of each group, in the order of the groups. Its log likelihood is that of the group's own
    /// customers; its covariance is from the curvature of what was maximised, the share of all customers included.
    pub groups: Vec<Maximum<4>>,
    /// The fit to all customers together, on which the groups lean.
    pub pooled: Maximum<4>,
    /// How the strengths of [`POOL_STRENGTHS`] did, in their order.
    pub held_out: Vec<HeldOut>,
}

/// Fits a model to each group: the maximum of `LL_g + κ · LL_all / N_all`, as if κ average customers of all groups
/// joined the group.
///
/// Each group comes as its customers in [`FOLDS`] folds. One κ of [`POOL_STRENGTHS`] serves all groups: the one under
/// which the folds, each held out from the fits, are most likely (the largest of equals). There, where the customers
/// have many patterns, a sample of them stands for `LL_all`; the fits that are returned have all.
///
/// A κ with which some group can't be fitted is not chosen.
///
/// # Errors
/// When there is no fit to all customers together.
pub fn fit_groups<M: PurchaseModel>(groups: &[[Patterns; FOLDS]]) -> Result<GroupFits, FitError> {
    let whole: Vec<Patterns> = groups.iter().map(merge).collect();
    let all = Prior::<M>::new(merge(&whole))?;
    let folds: Vec<_> = (0..FOLDS).into_par_iter().map(|fold| held_out::<M>(groups, fold)).collect();
    let mut held_out = Vec::new();
    for (i, strength) in POOL_STRENGTHS.into_iter().enumerate() {
        let log_likelihood = folds.iter().map(|fold| fold[i]).sum();
        held_out.push(HeldOut { strength, log_likelihood });
    }
    let mut order: Vec<HeldOut> = held_out.iter().rev().copied().collect();
    order.sort_by(|a, b| b.log_likelihood.partial_cmp(&a.log_likelihood).unwrap_or(std::cmp::Ordering::Equal));
    for candidate in order {
        let usable = candidate.log_likelihood.is_some() || candidate.strength.is_infinite();
        if usable && let Ok(groups) = all.fit(&whole, candidate.strength) {
            return Ok(GroupFits { strength: candidate.strength, groups, pooled: all.pooled, held_out });
        }
    }
    let groups = vec![all.pooled; groups.len()];
    Ok(GroupFits { strength: f64::INFINITY, groups, pooled: all.pooled, held_out })
}

/// The log likelihood of one fold under the fits to the other folds, for each strength.
fn held_out<M: PurchaseModel>(groups: &[[Patterns; FOLDS]], fold: usize) -> Vec<Option<f64>> {
    let others = |folds: &[Patterns; FOLDS]| {
        merge(folds.iter().enumerate().filter(|(i, _)| *i != fold).map(|(_, patterns)| patterns))
    };
    let kept: Vec<Patterns> = groups.iter().map(others).collect();
    let Ok(mut prior) = Prior::<M>::new(merge(&kept)) else { return vec![None; POOL_STRENGTHS.len()] };
    if prior.all.histories().len() > 2 * SAMPLE {
        prior.all = prior.all.sample(SAMPLE);
    }
    let under = |strength| {
        let fits = prior.fit(&kept, strength).ok()?;
        let values = fits.iter().zip(groups).map(|(fit, folds)| M::evaluate(&fit.log_parameters, &folds[fold]).value);
        Some(values.sum::<f64>()).filter(|sum| sum.is_finite())
    };
    POOL_STRENGTHS.map(under).to_vec()
}

/// All customers together, as a part of what every group maximises.
struct Prior<M> {
    /// The customers.
    all: Patterns,
    /// The fit to them.
    pooled: Maximum<4>,
    model: std::marker::PhantomData<M>,
}

impl<M: PurchaseModel> Prior<M> {
    fn new(all: Patterns) -> Result<Self, FitError> {
        let pooled = maximise::<M>(&all)?;
        Ok(Self { all, pooled, model: std::marker::PhantomData })
    }

    /// The fits to all groups.
    fn fit(&self, groups: &[Patterns], strength: f64) -> Result<Vec<Maximum<4>>, FitError> {
        groups.par_iter().map(|group| self.fit_group(group, strength)).collect()
    }

    /// The fit to one group.
    fn fit_group(&self, group: &Patterns, strength: f64) -> Result<Maximum<4>, FitError> {
        if strength == 0.0 {
            return maximise::<M>(group);
        }
        if strength.is_infinite() {
            return Ok(self.pooled);
        }
        let customers = group.customers();
        let patterns = group.histories().len();
        let share = strength / self.all.customers();
        let search = Search { model: M::NAME, names: M::PARAMETERS, customers: customers + strength, patterns };
        let mut maximum = search.run(&[self.pooled.log_parameters], |at| {
            let mut sum = Evaluation::ZERO;
            sum.add(share, &M::evaluate(at, &self.all));
            sum.add(1.0, &M::evaluate(at, group));
            sum
        })?;
        maximum.customers = customers;
        maximum.log_likelihood = M::evaluate(&maximum.log_parameters, group).value;
        Ok(maximum)
    }
}

/// The customers of several parts.
pub(crate) fn merge<'a>(parts: impl IntoIterator<Item = &'a Patterns>) -> Patterns {
    let customers = |part: &'a Patterns| part.histories().iter().copied().zip(part.counts().iter().copied());
    Patterns::new(parts.into_iter().flat_map(customers))
}
