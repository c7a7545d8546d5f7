//! Fitting clusters.

use appraise_mcdm::{Error, KMeans, KMeansConfig, MOST_SILHOUETTE_ROWS, silhouettes};
use arrow::array::RecordBatch;
use rayon::prelude::*;

use super::card::{ClusterColumnCard, ClustersCard, SilhouetteCard};
use super::{ClusterCount, Clusters};
use crate::columns::key_hash;
use crate::error::ModelError;

/// The most customers that are fitted: those with the least hashes of their keys.
const MOST_FITTED: usize = 20_000;
/// How often a fit starts anew.
const STARTS: usize = 5;
/// The most iterations of a start.
const MOST_ITERATIONS: usize = 100;
/// The numbers of clusters among which the best is chosen.
const CANDIDATES: std::ops::RangeInclusive<u8> = 2..=8;

/// Fits the clusters of `model` to the customers of `table`.
pub(super) fn fit(model: &Clusters, table: &[RecordBatch]) -> Result<ClustersCard, ModelError> {
    let (customers, sample) = sample(model, table)?;
    let columns: Vec<&[f64]> = sample.iter().map(Vec::as_slice).collect();
    let (clusters, silhouettes) = match model.config.clusters {
        ClusterCount::Fixed(clusters) => (fit_to(&columns, clusters, model.config.seed), Vec::new()),
        ClusterCount::Auto => {
            choose(&columns, model.config.seed).map_or_else(|error| (Err(error), Vec::new()), |(of, by)| (Ok(of), by))
        }
    };
    let column = |of: &super::ClusterColumn| ClusterColumnCard { column: of.name.clone(), transform: of.transform };
    Ok(ClustersCard {
        customers,
        fitted_customers: columns.first().map_or(0, |column| column.len() as u64),
        columns: model.columns.iter().map(column).collect(),
        seed: model.config.seed,
        silhouettes,
        clusters: clusters.map_err(|source| ModelError::Clusters { source })?,
    })
}

/// The customers who belong to a cluster, counted, and the values of those who are fitted: in the order of the hashes of their
/// keys, so that the order of rows does not matter.
fn sample(model: &Clusters, table: &[RecordBatch]) -> Result<(u64, Vec<Vec<f64>>), ModelError> {
    let points = |batch: &RecordBatch| {
        let (rows, columns) = model.points(batch)?;
        let hashes: Vec<u64> = rows.iter().map(|&row| key_hash(batch, row)).collect();
        Ok::<_, ModelError>((hashes, columns))
    };
    let parts: Vec<(Vec<u64>, Vec<Vec<f64>>)> = table.par_iter().map(points).collect::<Result<_, _>>()?;
    let places = |(batch, (hashes, _)): (usize, &(Vec<u64>, Vec<Vec<f64>>))| -> Vec<(u64, usize, usize)> {
        hashes.iter().enumerate().map(|(place, &hash)| (hash, batch, place)).collect()
    };
    let mut chosen: Vec<(u64, usize, usize)> = parts.iter().enumerate().flat_map(places).collect();
    let customers = chosen.len() as u64;
    if chosen.len() > MOST_FITTED {
        chosen.select_nth_unstable(MOST_FITTED);
        chosen.truncate(MOST_FITTED);
    }
    chosen.sort_unstable();
    let column = |number: usize| chosen.iter().map(|&(_, batch, place)| parts[batch].1[number][place]).collect();
    Ok((customers, (0..model.columns.len()).map(column).collect()))
}

fn fit_to(columns: &[&[f64]], clusters: u8, seed: u64) -> Result<KMeans, Error> {
    let clusters = usize::from(clusters);
    KMeans::fit(columns, &KMeansConfig { clusters, seed, starts: STARTS, max_iterations: MOST_ITERATIONS })
}

/// The clusters with the greatest mean silhouette, the fewest of equals; those that there are too few different customers for are
/// no candidates.
fn choose(columns: &[&[f64]], seed: u64) -> Result<(KMeans, Vec<SilhouetteCard>), Error> {
    let numbers: Vec<u8> = CANDIDATES.collect();
    let fits: Vec<Result<KMeans, Error>> = numbers.par_iter().map(|&k| fit_to(columns, k, seed)).collect();
    let mut candidates = Vec::with_capacity(fits.len());
    for (k, fit) in numbers.into_iter().zip(fits) {
        match fit {
            Err(Error::TooFewDistinct { .. }) if !candidates.is_empty() => break,
            fit => candidates.push((k, fit?)),
        }
    }
    let judged: Vec<&[f64]> = columns.iter().map(|column| &column[..column.len().min(MOST_SILHOUETTE_ROWS)]).collect();
    // All fits standardise alike.
    let (_, first) = &candidates[0];
    let points = first.standardise(&judged)?;
    let points: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
    let labels = candidates.iter().map(|(_, fit)| fit.assign(&judged)).collect::<Result<Vec<_>, _>>()?;
    let found = silhouettes(&points, &labels.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
    let cards =
        candidates.iter().zip(&found).map(|((k, _), &silhouette)| SilhouetteCard { k: *k, silhouette }).collect();
    let mut best = 0;
    for (number, silhouette) in found.iter().enumerate() {
        if *silhouette > found[best] {
            best = number;
        }
    }
    Ok((candidates.swap_remove(best).1, cards))
}
