//! Fits probabilities of default to groups of customers, each leaning on the group that it is within.

use std::collections::{BTreeMap, HashMap};

use appraise_clv::{BetaBinomial, FOLDS, Maximum, POOL_STRENGTHS, TrialCounts, Trials};
use arrow::array::RecordBatch;
use foldhash::fast::FixedState;
use rayon::prelude::*;

use super::Rows;
use super::card::{CreditCard, CreditFit, CreditGroupCard};
use super::config::CreditConfig;
use crate::columns::{key_hash, texts, values_of};
use crate::error::ModelError;
use crate::groups::GroupTree;

/// A group of fewer customers with an invoice to judge has the parameters of the wider group.
const FEWEST_CUSTOMERS: f64 = 30.0;

/// What is fitted of one group.
#[derive(Debug, Clone)]
enum Found {
    Own(Box<Maximum<2>>),
    Wider,
    Alike,
}

/// Fits the groups of `config` to the customers of `table`.
///
/// # Errors
/// [`ModelError::Column`] when a column is absent.
pub(super) fn fit(config: &CreditConfig, table: &[RecordBatch]) -> Result<CreditCard, ModelError> {
    let (tree, groups) = gather(config, table)?;
    let mut card =
        CreditCard { group_by: config.group_by.clone(), pooling: None, groups: Vec::new(), grades: Vec::new() };
    if groups.is_empty() {
        return Ok(card);
    }
    let strength = if tree.len() > 1 { choose(&groups) } else { f64::INFINITY };
    let whole: Vec<TrialCounts> = groups.iter().map(|group| TrialCounts::merge(&group.folds)).collect();
    let found = fit_all(&groups, &whole, strength);
    card.pooling = strength.is_finite().then_some(strength);
    for ((group, counts), found) in groups.iter().zip(&whole).zip(&found) {
        let wider = group.within.and_then(|within| card.groups.get(within)).cloned();
        card.groups.push(group_card(group.values.clone(), counts, found, wider));
    }
    Ok(card)
}

/// A group of customers.
struct Group {
    values: Vec<Option<String>>,
    /// Place of the group that it is within, which stands before it.
    within: Option<usize>,
    /// Its customers, those of the groups within it too, in folds by their keys.
    folds: [TrialCounts; FOLDS],
}

/// The groups with an invoice to judge: all customers, then each after the one that it is within; none without invoices.
fn gather(config: &CreditConfig, table: &[RecordBatch]) -> Result<(GroupTree, Vec<Group>), ModelError> {
    let mut tree = GroupTree::default();
    let mut counts: HashMap<(usize, usize, Trials), f64, FixedState> = HashMap::default();
    for batch in table {
        let attributes = texts(&config.group_by, batch)?;
        let rows = Rows::of(config, batch)?;
        for row in 0..batch.num_rows() {
            let seen = rows.seen(row);
            if seen.trials > 0 {
                let group = tree.insert(values_of(&attributes, row));
                let fold = usize::try_from(key_hash(batch, row) % FOLDS as u64).unwrap_or(0);
                *counts.entry((group, fold, seen)).or_default() += 1.0;
            }
        }
    }
    if counts.is_empty() {
        return Ok((tree, Vec::new()));
    }
    let listed = tree.listed();
    let places: BTreeMap<usize, usize> =
        listed.iter().enumerate().map(|(place, (group, ..))| (*group, place)).collect();
    let within: Vec<Option<usize>> =
        listed.iter().map(|(.., parent)| parent.and_then(|parent| places.get(&parent).copied())).collect();
    let mut own: Vec<[Vec<(Trials, f64)>; FOLDS]> = vec![Default::default(); listed.len()];
    for ((group, fold, seen), count) in counts {
        let mut place = places.get(&group).copied();
        while let Some(at) = place {
            own[at][fold].push((seen, count));
            place = within[at];
        }
    }
    let group = |((values, within), folds): ((Vec<_>, _), [Vec<_>; FOLDS])| Group {
        values,
        within,
        folds: folds.map(TrialCounts::new),
    };
    let values = listed.into_iter().map(|(_, values, _)| values);
    Ok((tree, values.zip(within).zip(own).map(group).collect()))
}

/// The fits of all groups to `counts`, their customers or a part of them.
fn fit_all(groups: &[Group], counts: &[TrialCounts], strength: f64) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::with_capacity(groups.len());
    for (group, own) in groups.iter().zip(counts) {
        let fitted = match group.within {
            None => BetaBinomial::fit(own).map_or(Found::Alike, |maximum| Found::Own(Box::new(maximum))),
            Some(_) if matches!(found[0], Found::Alike) => Found::Alike,
            Some(_) if strength.is_infinite() || own.customers() < FEWEST_CUSTOMERS => Found::Wider,
            Some(within) => {
                let start = nearest_fit(groups, &found, within).map(|maximum| maximum.log_parameters);
                let leaning = |start| BetaBinomial::fit_leaning(own, &counts[within], strength, start).ok();
                start.and_then(leaning).map_or(Found::Wider, |maximum| Found::Own(Box::new(maximum)))
            }
        };
        found.push(fitted);
    }
    found
}

/// The fit of the group at `place`, or of the narrowest around it that has one.
fn nearest_fit<'f>(groups: &[Group], found: &'f [Found], place: usize) -> Option<&'f Maximum<2>> {
    match &found[place] {
        Found::Own(maximum) => Some(maximum),
        Found::Wider => nearest_fit(groups, found, groups[place].within?),
        Found::Alike => None,
    }
}

/// The strength of [`POOL_STRENGTHS`] under which customers who were held out are most likely; of equals the greatest.
fn choose(groups: &[Group]) -> f64 {
    let tried: Vec<(usize, f64)> =
        (0..FOLDS).flat_map(|fold| POOL_STRENGTHS.map(|strength| (fold, strength))).collect();
    let likely: Vec<f64> = tried.into_par_iter().map(|(fold, strength)| held_out(groups, fold, strength)).collect();
    let of = |position: usize| likely.iter().skip(position).step_by(POOL_STRENGTHS.len()).sum::<f64>();
    let mut best = (f64::INFINITY, f64::NEG_INFINITY);
    for (position, strength) in POOL_STRENGTHS.into_iter().enumerate().rev() {
        let likelihood = of(position);
        if likelihood > best.1 {
            best = (strength, likelihood);
        }
    }
    best.0
}

/// The log likelihood of the customers of one fold by the fits to the others: each customer by the narrowest group.
fn held_out(groups: &[Group], fold: usize, strength: f64) -> f64 {
    let kept = |group: &Group| {
        let others = group.folds.iter().enumerate().filter(|(other, _)| *other != fold);
        TrialCounts::merge(others.map(|(_, counts)| counts))
    };
    let counts: Vec<TrialCounts> = groups.iter().map(kept).collect();
    let found = fit_all(groups, &counts, strength);
    let depth = groups.iter().map(|group| group.values.len()).max().unwrap_or(0);
    let mut sum = 0.0;
    for (place, group) in groups.iter().enumerate().filter(|(_, group)| group.values.len() == depth) {
        let fit = nearest_fit(groups, &found, place).map(|maximum| maximum.parameters);
        if let Some(Ok(model)) = fit.map(|[alpha, beta]| BetaBinomial::new(alpha, beta)) {
            sum += model.log_likelihood_of(&group.folds[fold]);
        }
    }
    sum
}

fn group_card(
    group: Vec<Option<String>>,
    counts: &TrialCounts,
    found: &Found,
    wider: Option<CreditGroupCard>,
) -> CreditGroupCard {
    let [customers, invoices, defaults] = [counts.customers(), counts.trials(), counts.events()].map(whole);
    let card = CreditGroupCard {
        group,
        fit: CreditFit::Binomial,
        mean: (defaults as f64 + 0.5) / (invoices as f64 + 1.0),
        alpha: None,
        beta: None,
        standard_errors: BTreeMap::new(),
        log_covariance: None,
        customers,
        invoices,
        defaults,
    };
    match (found, wider) {
        (Found::Own(maximum), _) => {
            let [alpha, beta] = maximum.parameters;
            let names = BetaBinomial::PARAMETERS.map(str::to_owned);
            CreditGroupCard {
                fit: CreditFit::BetaBinomial,
                mean: alpha / (alpha + beta),
                alpha: Some(alpha),
                beta: Some(beta),
                standard_errors: names.into_iter().zip(maximum.standard_errors).collect(),
                log_covariance: Some(maximum.covariance),
                ..card
            }
        }
        (Found::Wider, Some(CreditGroupCard { mean, alpha, beta, .. })) => {
            CreditGroupCard { fit: CreditFit::WiderGroup, mean, alpha, beta, ..card }
        }
        (_, Some(CreditGroupCard { mean, .. })) => CreditGroupCard { mean, ..card },
        (_, None) => card,
    }
}

/// A number of customers or invoices.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows")]
fn whole(count: f64) -> u64 {
    count as u64
}
