//! Clusters of customers, as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{IndexCustomersSpec, TransformSpec};
use crate::spec::scalars::{ClusterCountText, Name};

/// Clusters of customers who are alike in chosen columns.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KMeans")]
pub struct KMeansSpec {
    /// Columns of numbers, money or truth values, of features or of the models before, that customers are compared by; each counts
    /// the same.
    #[schemars(length(min = 1, max = 50))]
    pub columns: Vec<Name>,
    /// What is done to the values of a column first, by its name. Default `log1p` for money, `identity` for all else.
    #[serde(default)]
    pub transform: BTreeMap<Name, TransformSpec>,
    /// How many clusters; `auto` for the number from 2 to 8 that parts customers best. Default `auto`.
    pub k: Option<ClusterCountText>,
    /// Chooses the customers that clusters start from: another seed may find other clusters. Default 7.
    pub seed: Option<u32>,
    /// Who belongs to a cluster. Default `buyers`.
    pub customers: Option<IndexCustomersSpec>,
}
