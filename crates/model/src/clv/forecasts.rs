//! Intervals of groups' totals, by the fits of a card.

use std::collections::BTreeMap;

use appraise_clv::{GroupIntervals, GroupTotals, Interval, Intervals, Maximum, Member, PurchaseKind};
use appraise_schema::hash::identity_of_text;
use arrow::array::RecordBatch;
use serde::{Deserialize, Serialize};

use super::apply::{by_group, parameter};
use super::card::{ClvCard, FitCard};
use super::config::ClvConfig;
use crate::columns::{texts, values_of};
use crate::error::ModelError;
use crate::groups::GroupTree;

/// Seeds the draws of parameters and futures: part of what the intervals are.
const SEED: u64 = 0x5ee5_1de5;

/// Members whose bytes are hashed at once.
const CHUNK: usize = 4096;

/// Intervals that were drawn before, by what they follow from: members and fits. The ends of the intervals as bits, so that they come
/// back as they were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownIntervals(BTreeMap<String, Vec<u64>>);

impl KnownIntervals {
    fn get(&self, key: &str) -> Option<GroupIntervals> {
        let ends: Vec<f64> = self.0.get(key)?.iter().map(|bits| f64::from_bits(*bits)).collect();
        let of = |ends: &[f64]| match *ends {
            [low, high, realised_low, realised_high] => Some(Intervals {
                expected: Interval { low, high },
                realised: Interval { low: realised_low, high: realised_high },
            }),
            _ => None,
        };
        let (purchases, value) = ends.split_at(ends.len().min(4));
        Some(GroupIntervals { purchases: of(purchases)?, value: of(value) })
    }

    fn insert(&mut self, key: String, intervals: &GroupIntervals) {
        let both = std::iter::once(intervals.purchases).chain(intervals.value);
        let ends = both.flat_map(|of| [of.expected.low, of.expected.high, of.realised.low, of.realised.high]);
        self.0.insert(key, ends.map(f64::to_bits).collect());
    }
}

/// What groups are forecast by: the fits of a card.
pub(crate) struct Forecasts {
    kind: PurchaseKind,
    fit_by: Vec<String>,
    tree: GroupTree,
    /// By the numbers of `tree`.
    purchases: Vec<Maximum<4>>,
    /// `None` where everybody spends the same mean.
    spend: Option<Maximum<3>>,
    /// In the unit of time of the fits.
    horizon: f64,
}

impl Forecasts {
    /// Forecasts by `card`; `None` where something stands in for a fit, and for one with covariates: nothing here knows how
    /// uncertain these are.
    ///
    /// # Errors
    /// [`ModelError::CardValue`] when the card's parameters are none.
    pub(crate) fn new(config: &ClvConfig, card: &ClvCard) -> Result<Option<Self>, ModelError> {
        let Some(kind) = PurchaseKind::from_name(&card.purchases.model) else { return Ok(None) };
        if card.purchases.covariates.is_some() {
            return Ok(None);
        }
        let gamma_gamma = card.spend.model == "gamma_gamma";
        let (tree, fits) = by_group(card);
        let purchases = fits.iter().map(|fit| maximum(fit.purchases, kind.parameter_names()));
        Ok(Some(Self {
            kind,
            fit_by: config.fit_by.clone(),
            tree,
            purchases: purchases.collect::<Result<_, _>>()?,
            spend: if gamma_gamma { Some(maximum(&card.spend.fit, ["p", "q", "v"])?) } else { None },
            horizon: config.horizon.days() / card.purchases.unit_days,
        }))
    }

    /// Whether spend is gamma-gamma, and not the same mean for all.
    pub(crate) fn models_spend(&self) -> bool {
        self.spend.is_some()
    }

    /// The number of the fit that values each row.
    pub(crate) fn numbers(&self, batch: &RecordBatch) -> Result<Vec<usize>, ModelError> {
        let attributes = texts(&self.fit_by, batch)?;
        Ok((0..batch.num_rows()).map(|row| self.tree.nearest(values_of(&attributes, row))).collect())
    }

    /// The intervals of the totals of each group, given as members with the number of the fit that values them; `None`
    /// without members, and where a fit is too uncertain to draw from. Those that are `known` are not drawn again; all of them go to
    /// `used`.
    pub(crate) fn intervals(
        &self,
        groups: &[Vec<(Member, usize)>],
        known: &KnownIntervals,
        used: &mut KnownIntervals,
    ) -> Vec<Option<GroupIntervals>> {
        let fits = format!("{:?}", (self.kind, &self.purchases, &self.spend, self.horizon.to_bits(), SEED));
        let keys: Vec<String> = groups.iter().map(|members| key(&fits, members)).collect();
        let anew: Vec<&[(Member, usize)]> = keys
            .iter()
            .zip(groups)
            .filter(|(key, _)| known.get(key).is_none())
            .map(|(_, members)| &members[..])
            .collect();
        let mut drawn = self.drawn(&anew).into_iter();
        let found = |key: String| {
            let intervals = known.get(&key).or_else(|| drawn.next().flatten())?;
            used.insert(key, &intervals);
            Some(intervals)
        };
        keys.into_iter().map(found).collect()
    }

    fn drawn(&self, groups: &[&[(Member, usize)]]) -> Vec<Option<GroupIntervals>> {
        let mut totals: Vec<Option<GroupTotals>> =
            groups.iter().map(|members| (!members.is_empty()).then(GroupTotals::default)).collect();
        for (number, fit) in self.purchases.iter().enumerate() {
            let of_fit = |members: &&[(Member, usize)]| -> Vec<Member> {
                members.iter().filter(|(_, of)| *of == number).map(|(member, _)| *member).collect()
            };
            let parts: Vec<Vec<Member>> = groups.iter().map(of_fit).collect();
            if parts.iter().all(Vec::is_empty) {
                continue;
            }
            let drawn = self.kind.totals(fit, self.spend.as_ref(), self.horizon, SEED, &parts).ok();
            for (position, (total, part)) in totals.iter_mut().zip(&parts).enumerate() {
                if !part.is_empty() {
                    let drawn = drawn.as_ref().map(|drawn| &drawn[position]);
                    *total = total.take().zip(drawn).map(|(mut total, drawn)| {
                        total.add(drawn);
                        total
                    });
                }
            }
        }
        totals.into_iter().map(|total| total.map(|total| total.intervals())).collect()
    }
}

/// Names what the intervals of a group follow from.
fn key(fits: &str, members: &[(Member, usize)]) -> String {
    let bytes = |(member, fit): &(Member, usize)| {
        let Member { key, history, spend, worth } = member;
        let numbers = [history.x, history.t_x, history.t, spend.x, spend.m, *worth].map(f64::to_bits);
        [*key, *fit as u64].into_iter().chain(numbers).flat_map(u64::to_le_bytes).collect::<Vec<u8>>()
    };
    let mut parts = fits.as_bytes().to_vec();
    for chunk in members.chunks(CHUNK) {
        let chunk: Vec<u8> = chunk.iter().flat_map(bytes).collect();
        parts.extend(identity_of_text(&chunk).to_le_bytes());
    }
    format!("{:032x}", identity_of_text(&parts))
}

/// The maximum that a card tells of.
fn maximum<const K: usize>(fit: &FitCard, names: [&str; K]) -> Result<Maximum<K>, ModelError> {
    let mut parameters = [0.0; K];
    let mut covariance = [[0.0; K]; K];
    for (i, name) in names.into_iter().enumerate() {
        parameters[i] = parameter(fit, name)?;
        for (j, entry) in covariance[i].iter_mut().enumerate() {
            let found = fit.log_covariance.get(i).and_then(|row| row.get(j)).copied().filter(|value| value.is_finite());
            *entry = found.ok_or_else(|| ModelError::CardValue {
                what: "log_covariance of clv".to_owned(),
                value: format!("{:?}", fit.log_covariance),
                expected: "one row of numbers for each parameter",
            })?;
        }
    }
    Ok(Maximum {
        log_parameters: parameters.map(libm::log),
        parameters,
        log_likelihood: fit.log_likelihood,
        gradient_norm: fit.gradient_norm,
        covariance,
        standard_errors: [0.0; K],
        iterations: 0,
        customers: fit.customers as f64,
        patterns: usize::try_from(fit.patterns).unwrap_or(usize::MAX),
    })
}
