//! Fitted clusters as a card shows them.

use appraise_mcdm::{KMeans, Transform};
use serde::{Deserialize, Serialize};

use super::{ClusterCount, Clusters};
use crate::error::ModelError;

/// Fitted clusters: all that other customers need to be put into them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClustersCard {
    /// Customers who belong to a cluster.
    pub customers: u64,
    /// How many of them were fitted.
    pub fitted_customers: u64,
    /// The columns, in the order of the numbers of `clusters`.
    pub columns: Vec<ClusterColumnCard>,
    /// Chose the customers that clusters started from.
    pub seed: u64,
    /// How well each number of clusters parted customers, where it was to be chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silhouettes: Vec<SilhouetteCard>,
    /// The clusters, in standard deviations of transformed columns.
    pub clusters: KMeans,
}

/// One column that customers are compared by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterColumnCard {
    /// Its name.
    pub column: String,
    /// What is done to its values first.
    pub transform: Transform,
}

/// How well a number of clusters parts customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilhouetteCard {
    /// The number of clusters.
    pub k: u8,
    /// Mean silhouette, from −1 to 1.
    pub silhouette: f64,
}

impl ClustersCard {
    /// Checks that this card is of the columns and the number of clusters that `model` asks for.
    ///
    /// # Errors
    /// [`ModelError::CardMismatch`] when it is not, [`ModelError::CardValue`] when its numbers are not as many as its columns.
    pub(super) fn check(&self, model: &Clusters) -> Result<(), ModelError> {
        let mismatch = |what: &str, card: String, config: String| {
            Err(ModelError::CardMismatch { what: format!("`k_means.{what}`"), card, config })
        };
        let shown = |name: &str, transform: Transform| format!("{name} ({transform:?})").to_lowercase();
        let of_card: Vec<String> = self.columns.iter().map(|of| shown(&of.column, of.transform)).collect();
        let of_plan: Vec<String> = model.columns.iter().map(|of| shown(&of.name, of.transform)).collect();
        if of_card != of_plan {
            return mismatch("columns", of_card.join(", "), of_plan.join(", "));
        }
        let KMeans { means, deviations, centroids, .. } = &self.clusters;
        if let ClusterCount::Fixed(clusters) = model.config.clusters
            && usize::from(clusters) != centroids.len()
        {
            return mismatch("k", centroids.len().to_string(), clusters.to_string());
        }
        let mut lengths = [means, deviations].into_iter().chain(centroids).map(Vec::len);
        if centroids.is_empty() || lengths.any(|length| length != self.columns.len()) {
            return Err(ModelError::CardValue {
                what: "k_means.clusters".to_owned(),
                value: format!("{} centroids", centroids.len()),
                expected: "a mean, a deviation and a number of each centroid for every column",
            });
        }
        Ok(())
    }
}
