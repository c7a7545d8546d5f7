//! How well rows sit in their clusters (Rousseeuw 1987).

use crate::Error;
use crate::columns::{check, rows};
use crate::distance::{BLOCK, squares};

/// The most rows of a silhouette: it looks at all pairs.
pub const MOST_SILHOUETTE_ROWS: usize = 10_000;

/// The mean silhouette of each of several assignments of the same rows, from −1 to 1; distances are found once for
/// all. Columns are those of [`KMeans::standardise`](crate::KMeans::standardise), assignments clusters counted from 0.
///
/// With a the mean distance of a row from the others of its cluster and b that from the rows of the nearest other
/// cluster, its silhouette is (b − a) / max(a, b); 0 of a row alone in its cluster, and where there is one cluster only.
///
/// # Errors
/// No columns or rows, more than [`MOST_SILHOUETTE_ROWS`], columns or assignments of different lengths, a value that is
/// not finite.
pub fn silhouettes(columns: &[&[f64]], assignments: &[&[u32]]) -> Result<Vec<f64>, Error> {
    if columns.is_empty() {
        return Err(Error::NoIndicators);
    }
    let rows = rows(columns, columns.len())?;
    if rows == 0 {
        return Err(Error::TooFewRows { what: "a silhouette", needed: 1, rows: 0 });
    }
    if rows > MOST_SILHOUETTE_ROWS {
        return Err(Error::Parameter {
            parameter: "rows of a silhouette",
            value: rows as f64,
            needed: "10000 or fewer",
        });
    }
    check(columns, "a silhouette", "finite values", f64::is_finite)?;
    if let Some(other) = assignments.iter().find(|labels| labels.len() != rows) {
        return Err(Error::Lists { first: rows, second: other.len() });
    }
    let mut clusterings: Vec<Clustering> = assignments.iter().map(|labels| Clustering::new(labels)).collect();
    let mut distances = vec![0.0; rows];
    let mut point = vec![0.0; columns.len()];
    for row in 0..rows {
        point.iter_mut().zip(columns).for_each(|(value, column)| *value = column[row]);
        for (block, distances) in distances.chunks_mut(BLOCK).enumerate() {
            let squares = squares(columns, block * BLOCK, distances.len(), &point);
            distances.iter_mut().zip(squares).for_each(|(distance, square)| *distance = square.sqrt());
        }
        for clustering in &mut clusterings {
            clustering.add(row, &distances);
        }
    }
    Ok(clusterings.iter().map(Clustering::silhouette).collect())
}

/// An assignment, and the sums of the distances of each row from the rows of each cluster.
struct Clustering {
    /// The cluster of each row, an index of the two below.
    of_row: Vec<usize>,
    sizes: Vec<usize>,
    sums: Vec<Vec<f64>>,
}

impl Clustering {
    fn new(labels: &[u32]) -> Self {
        let mut clusters = labels.to_vec();
        clusters.sort_unstable();
        clusters.dedup();
        let of_row: Vec<usize> =
            labels.iter().map(|label| clusters.partition_point(|cluster| cluster < label)).collect();
        let mut sizes = vec![0; clusters.len()];
        for &cluster in &of_row {
            sizes[cluster] += 1;
        }
        Self { of_row, sums: vec![vec![0.0; labels.len()]; sizes.len()], sizes }
    }

    /// Takes the distances of a row from all rows.
    fn add(&mut self, row: usize, distances: &[f64]) {
        self.sums[self.of_row[row]].iter_mut().zip(distances).for_each(|(sum, distance)| *sum += distance);
    }

    /// The mean silhouette.
    fn silhouette(&self) -> f64 {
        let rows = self.of_row.iter().enumerate();
        rows.map(|(row, &own)| self.of(row, own)).sum::<f64>() / self.of_row.len() as f64
    }

    /// The silhouette of a row in its own cluster.
    fn of(&self, row: usize, own: usize) -> f64 {
        if self.sizes[own] == 1 || self.sizes.len() == 1 {
            return 0.0;
        }
        let within = self.sums[own][row] / (self.sizes[own] - 1) as f64;
        let others = (0..self.sizes.len()).filter(|&cluster| cluster != own);
        let means = others.map(|cluster| self.sums[cluster][row] / self.sizes[cluster] as f64);
        let between = means.fold(f64::INFINITY, f64::min);
        let larger = within.max(between);
        if larger > 0.0 { (between - within) / larger } else { 0.0 }
    }
}
