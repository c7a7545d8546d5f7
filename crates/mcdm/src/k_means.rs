//! Groups of alike rows: k-means by Lloyd's algorithm, started by k-means++ (Lloyd 1982; Arthur & Vassilvitskii 2007).

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::accumulate::{Range, Sum};
use crate::columns::{check, rows};
use crate::distance::{BLOCK, squares};

/// Sums are taken of values times this, which keeps those of great values finite.
const DOWN: f64 = f64::from_bits((1023 - 64) << 52);

/// What is asked of k-means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KMeansConfig {
    /// How many clusters.
    pub clusters: usize,
    /// Chooses the rows to start from.
    pub seed: u64,
    /// How often to start anew; the start with the least inertia is kept, the first of equals.
    pub starts: usize,
    /// The most iterations of a start.
    pub max_iterations: usize,
}

/// Clusters of rows, by which any row is assigned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KMeans {
    /// The mean of each column of the fit.
    pub means: Vec<f64>,
    /// The standard deviation of each column of the fit (by N); 0 of a constant one, which counts nothing.
    pub deviations: Vec<f64>,
    /// The centroids in standardised columns, cluster by cluster: the largest cluster first, equal ones by their
    /// centroids, number by number.
    pub centroids: Vec<Vec<f64>>,
    /// Rows of each cluster in the fit.
    pub sizes: Vec<u64>,
    /// The sum of squared distances of the fitted rows from their centroids.
    pub inertia: f64,
    /// Iterations of the start that was kept.
    pub iterations: usize,
    /// Whether assignments had stopped changing.
    pub converged: bool,
}

impl KMeans {
    /// Finds clusters of rows, a slice for each column. It takes a standardised copy of the columns. The same rows in
    /// the same order and the same seed give the same clusters.
    ///
    /// # Errors
    /// No columns, columns of different lengths, a value that is not finite, no clusters or starts or iterations, more
    /// clusters than there are rows that differ.
    pub fn fit(columns: &[&[f64]], config: &KMeansConfig) -> Result<Self, Error> {
        if columns.is_empty() {
            return Err(Error::NoIndicators);
        }
        let rows = rows(columns, columns.len())?;
        check(columns, "k-means", "finite values", f64::is_finite)?;
        for (parameter, value) in
            [("clusters", config.clusters), ("starts", config.starts), ("max_iterations", config.max_iterations)]
        {
            if value == 0 || u32::try_from(value).is_err() {
                return Err(Error::Parameter { parameter, value: value as f64, needed: "1 or more" });
            }
        }
        if rows < config.clusters {
            return Err(Error::TooFewDistinct { clusters: config.clusters, distinct: rows });
        }
        let moments: Vec<(f64, f64)> = columns.iter().map(|column| moments(column)).collect();
        let mut fit = Self {
            means: moments.iter().map(|moments| moments.0).collect(),
            deviations: moments.iter().map(|moments| moments.1).collect(),
            centroids: Vec::new(),
            sizes: Vec::new(),
            inertia: f64::INFINITY,
            iterations: 0,
            converged: false,
        };
        let points = fit.standardise(columns)?;
        let points: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
        for start in 0..config.starts {
            let run = Run::new(&points, rows, config, start as u64)?;
            if run.inertia < fit.inertia {
                (fit.centroids, fit.sizes) = (run.centroids, run.sizes);
                (fit.inertia, fit.iterations, fit.converged) = (run.inertia, run.iterations, run.converged);
            }
        }
        fit.sort();
        Ok(fit)
    }

    /// The columns in standard deviations from their means.
    ///
    /// # Errors
    /// Another number of columns than fitted, or columns of different lengths.
    pub fn standardise(&self, columns: &[&[f64]]) -> Result<Vec<Vec<f64>>, Error> {
        rows(columns, self.means.len())?;
        let standard = |((column, &mean), &deviation): ((&&[f64], &f64), &f64)| -> Vec<f64> {
            column.iter().map(|&value| standard(value, mean, deviation)).collect()
        };
        Ok(columns.iter().zip(&self.means).zip(&self.deviations).map(standard).collect())
    }

    /// The cluster of each row: that of the nearest centroid, the lower one of two as near.
    ///
    /// # Errors
    /// As of [`standardise`](Self::standardise).
    pub fn assign(&self, columns: &[&[f64]]) -> Result<Vec<u32>, Error> {
        let points = self.standardise(columns)?;
        let points: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
        let rows = points.first().map_or(0, |column| column.len());
        let mut nearest = Nearest::new(rows);
        nearest.assign(&points, &self.centroids);
        Ok(nearest.labels)
    }

    /// Puts the largest cluster first.
    fn sort(&mut self) {
        let mut clusters: Vec<(u64, Vec<f64>)> = self.sizes.drain(..).zip(self.centroids.drain(..)).collect();
        clusters.sort_by(|(size, centroid), (other_size, other)| {
            let by_centroid = || centroid.iter().zip(other).map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne());
            other_size.cmp(size).then_with(|| by_centroid().unwrap_or(std::cmp::Ordering::Equal))
        });
        (self.sizes, self.centroids) = clusters.into_iter().unzip();
    }
}

/// The mean and the standard deviation of values; a deviation of 0 exactly where all are equal.
fn moments(values: &[f64]) -> (f64, f64) {
    let (mut sum, mut range) = (Sum::default(), Range::EMPTY);
    for &value in values {
        sum.add(value * DOWN);
        range.add(value);
    }
    if range.low >= range.high {
        return (range.low, 0.0);
    }
    let mean = (sum.total() / values.len() as f64 / DOWN).clamp(range.low, range.high);
    let half = |value: f64| 0.5 * value - 0.5 * mean;
    let farthest = half(range.low).abs().max(half(range.high).abs());
    let mut squares = Sum::default();
    for &value in values {
        squares.add((half(value) / farthest) * (half(value) / farthest));
    }
    (mean, (2.0 * farthest * libm::sqrt(squares.total() / values.len() as f64)).min(f64::MAX))
}

/// (value − mean) / deviation, by halves, since the difference may overflow; 0 in a constant column.
fn standard(value: f64, mean: f64, deviation: f64) -> f64 {
    if deviation > 0.0 { (0.5 * value - 0.5 * mean) / (0.5 * deviation) } else { 0.0 }
}

/// The nearest centroid of each row, and how far it is, squared.
struct Nearest {
    labels: Vec<u32>,
    distances: Vec<f64>,
}

impl Nearest {
    fn new(rows: usize) -> Self {
        Self { labels: vec![0; rows], distances: vec![f64::INFINITY; rows] }
    }

    /// Assigns all rows; whether any assignment changed.
    fn assign(&mut self, points: &[&[f64]], centroids: &[Vec<f64>]) -> bool {
        let mut changed = false;
        for (block, (labels, distances)) in
            self.labels.chunks_mut(BLOCK).zip(self.distances.chunks_mut(BLOCK)).enumerate()
        {
            let mut nearest = [0_u32; BLOCK];
            distances.fill(f64::INFINITY);
            for (label, centroid) in (0_u32..).zip(centroids) {
                let squares = squares(points, block * BLOCK, labels.len(), centroid);
                for ((square, distance), nearest) in squares.iter().zip(&mut *distances).zip(&mut nearest) {
                    if *square < *distance {
                        (*distance, *nearest) = (*square, label);
                    }
                }
            }
            changed |= labels.iter().zip(&nearest).any(|(old, new)| old != new);
            labels.copy_from_slice(&nearest[..labels.len()]);
        }
        changed
    }
}

/// One start of Lloyd's algorithm.
struct Run {
    centroids: Vec<Vec<f64>>,
    sizes: Vec<u64>,
    inertia: f64,
    iterations: usize,
    converged: bool,
}

impl Run {
    fn new(points: &[&[f64]], rows: usize, config: &KMeansConfig, start: u64) -> Result<Self, Error> {
        let mut random = Pcg64::new(u128::from(config.seed), u128::from(start));
        let centroids = seeds(points, rows, config.clusters, &mut random)?;
        let sizes = vec![0; config.clusters];
        let mut run = Self { centroids, sizes, inertia: 0.0, iterations: 0, converged: false };
        let mut nearest = Nearest::new(rows);
        nearest.assign(points, &run.centroids);
        while !run.converged && run.iterations < config.max_iterations {
            run.fill_empty(&mut nearest);
            run.update(points, &nearest.labels);
            run.converged = !nearest.assign(points, &run.centroids);
            run.iterations += 1;
        }
        run.count(&nearest.labels);
        let mut inertia = Sum::default();
        nearest.distances.iter().for_each(|&distance| inertia.add(distance));
        run.inertia = inertia.total();
        Ok(run)
    }

    fn count(&mut self, labels: &[u32]) {
        self.sizes.fill(0);
        for &label in labels {
            self.sizes[label as usize] += 1;
        }
    }

    /// Counts the clusters, and moves into each empty one the row that is farthest from its centroid, the first of
    /// equals, out of a cluster that has others.
    fn fill_empty(&mut self, nearest: &mut Nearest) {
        self.count(&nearest.labels);
        for empty in 0..self.sizes.len() {
            if self.sizes[empty] > 0 {
                continue;
            }
            let mut farthest: Option<usize> = None;
            for (row, &label) in nearest.labels.iter().enumerate() {
                let farther = farthest.is_none_or(|farthest| nearest.distances[row] > nearest.distances[farthest]);
                if farther && self.sizes[label as usize] > 1 {
                    farthest = Some(row);
                }
            }
            if let (Some(row), Ok(label)) = (farthest, u32::try_from(empty)) {
                self.sizes[nearest.labels[row] as usize] -= 1;
                self.sizes[empty] += 1;
                nearest.labels[row] = label;
                nearest.distances[row] = 0.0;
            }
        }
    }

    /// Makes each centroid the mean of its rows, summed in their order.
    fn update(&mut self, points: &[&[f64]], labels: &[u32]) {
        let mut sums = vec![0.0; self.centroids.len()];
        for (j, column) in points.iter().enumerate() {
            sums.fill(0.0);
            for (value, &label) in column.iter().zip(labels) {
                sums[label as usize] += value;
            }
            for ((centroid, sum), &size) in self.centroids.iter_mut().zip(&sums).zip(&self.sizes) {
                if size > 0 {
                    centroid[j] = sum / size as f64;
                }
            }
        }
    }
}

/// Rows to start from: the first by even chances, each further one with chances in proportion to the squared distance
/// from the nearest that was chosen.
fn seeds(points: &[&[f64]], rows: usize, clusters: usize, random: &mut Pcg64) -> Result<Vec<Vec<f64>>, Error> {
    let at = |row: usize| -> Vec<f64> { points.iter().map(|column| column[row]).collect() };
    let mut weights = vec![f64::INFINITY; rows];
    let mut chosen = at(below(rows, random));
    let mut seeds = Vec::with_capacity(clusters);
    loop {
        for (block, weights) in weights.chunks_mut(BLOCK).enumerate() {
            let squares = squares(points, block * BLOCK, weights.len(), &chosen);
            weights.iter_mut().zip(squares).for_each(|(weight, square)| *weight = weight.min(square));
        }
        seeds.push(chosen);
        if seeds.len() == clusters {
            return Ok(seeds);
        }
        let Some(row) = weighted(&weights, random) else {
            return Err(Error::TooFewDistinct { clusters, distinct: seeds.len() });
        };
        chosen = at(row);
    }
}

/// A number from 0 on below 1, of 53 random bits.
fn uniform(random: &mut Pcg64) -> f64 {
    (random.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// A row, with even chances.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the product is from 0 to the rows")]
fn below(rows: usize, random: &mut Pcg64) -> usize {
    ((uniform(random) * rows as f64) as usize).min(rows - 1)
}

/// A row, with chances in proportion to its weight: the first where the sum of weights up to it is above a random
/// part of the sum of all. `None` where all weights are 0.
fn weighted(weights: &[f64], random: &mut Pcg64) -> Option<usize> {
    let total: f64 = weights.iter().sum();
    let target = uniform(random) * total;
    let mut sum = 0.0;
    let found = weights.iter().position(|weight| {
        sum += weight;
        sum > target
    });
    found.or_else(|| weights.iter().rposition(|&weight| weight > 0.0))
}
