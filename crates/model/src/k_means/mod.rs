//! Customers in clusters of alike ones, by k-means over chosen columns.
//!
//! The mathematics is in [`appraise_mcdm`], the exact definition in `docs/models.md`.

mod card;
mod fit;

use std::sync::Arc;

use appraise_mcdm::Transform;
use appraise_schema::{ColumnSpec, ColumnType};
use arrow::array::{ArrayRef, Float64Builder, Int32Builder, RecordBatch};
use rayon::prelude::*;

pub use card::{ClusterColumnCard, ClustersCard, SilhouetteCard};

use crate::card::ModelCard;
use crate::columns::{CUSTOMER_ID, NumberKind, ORDERS, numbers};
use crate::error::ModelError;
use crate::index::IndexCustomers;
use crate::model::{Fitted, Model};

/// Parameters of the clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct ClustersConfig {
    /// The columns that customers are compared by, and what is done to their values; by its type where nothing is said: the
    /// logarithm of 1 + the amount for money, nothing for other columns.
    pub columns: Vec<(String, Option<Transform>)>,
    /// How many clusters.
    pub clusters: ClusterCount,
    /// Chooses the customers that clusters start from.
    pub seed: u64,
    /// Who belongs to a cluster.
    pub customers: IndexCustomers,
}

/// How many clusters there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterCount {
    /// So many.
    Fixed(u8),
    /// As many, from 2 to 8, as part customers best.
    Auto,
}

/// Clusters, checked.
pub(crate) struct Clusters {
    config: ClustersConfig,
    columns: Vec<ClusterColumn>,
}

/// A column whose type is known.
#[derive(Debug, Clone)]
struct ClusterColumn {
    name: String,
    kind: NumberKind,
    transform: Transform,
}

impl Clusters {
    /// Checks the parameters, and that `columns`, those of features and models before, have what customers are compared by.
    ///
    /// # Errors
    /// [`ModelError::Column`] for one that is absent or no number; [`ModelError::Parameter`] for none, one that stands twice, or a
    /// number of clusters that is not from 2 to 20.
    pub(crate) fn new(config: ClustersConfig, columns: &[ColumnSpec]) -> Result<Self, ModelError> {
        let refuse = |parameter, value: String, expected: &str| {
            Err(ModelError::Parameter { parameter, value, expected: expected.to_owned() })
        };
        if config.columns.is_empty() {
            return refuse("model.k_means.columns", "empty".to_owned(), "one or more columns");
        }
        if let ClusterCount::Fixed(clusters @ (..2 | 21..)) = config.clusters {
            return refuse("model.k_means.k", clusters.to_string(), "2 to 20, or auto");
        }
        let mut checked: Vec<ClusterColumn> = Vec::with_capacity(config.columns.len());
        for (name, transform) in &config.columns {
            if checked.iter().any(|before| before.name == *name) {
                return refuse("model.k_means.columns", format!("with `{name}` twice"), "each column once");
            }
            let kind = NumberKind::of(name, columns)?;
            let transform = transform.unwrap_or(kind.default_transform());
            checked.push(ClusterColumn { name: name.clone(), kind, transform });
        }
        Ok(Self { config, columns: checked })
    }

    /// The customers of `batch` who belong to a cluster, and their transformed values, column by column.
    fn points(&self, batch: &RecordBatch) -> Result<(Vec<usize>, Vec<Vec<f64>>), ModelError> {
        let rows = self.config.customers.rows(batch)?;
        let of = |column: &ClusterColumn| numbers(&column.name, column.kind, batch, &rows);
        let mut columns = self.columns.iter().map(of).collect::<Result<Vec<_>, _>>()?;
        let known: Vec<bool> =
            (0..rows.len()).map(|place| columns.iter().all(|column| column[place].is_finite())).collect();
        let keep = |place: &usize| known[*place];
        for (values, column) in columns.iter_mut().zip(&self.columns) {
            let kept = (0..rows.len()).filter(keep);
            *values = kept.map(|place| column.transform.apply(values[place])).collect();
        }
        let rows = (0..rows.len()).filter(keep).map(|place| rows[place]).collect();
        Ok((rows, columns))
    }
}

impl Model for Clusters {
    fn columns(&self) -> Vec<ColumnSpec> {
        let whose = match self.config.customers {
            IndexCustomers::Buyers => "NULL without orders, or where one of the columns is NULL",
            IndexCustomers::All => "NULL where one of the columns is NULL",
        };
        let cluster = format!("cluster of alike customers, 1 is the largest of the fit; {whose}");
        let distance = format!("distance from the middle of the cluster, in standard deviations; {whose}");
        vec![
            ColumnSpec::nullable("cluster", ColumnType::Int32, "", &cluster),
            ColumnSpec::nullable("cluster_distance", ColumnType::Float64, "", &distance),
        ]
    }

    fn fit_inputs(&self) -> Vec<String> {
        std::iter::once(CUSTOMER_ID.to_owned()).chain(self.inputs()).collect()
    }

    fn inputs(&self) -> Vec<String> {
        std::iter::once(ORDERS.to_owned()).chain(self.columns.iter().map(|column| column.name.clone())).collect()
    }

    fn fit(&self, table: &[RecordBatch]) -> Result<Box<dyn Fitted + '_>, ModelError> {
        Ok(Box::new(FittedClusters { model: self, card: fit::fit(self, table)? }))
    }

    fn thaw(&self, card: &ModelCard) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let card = card.k_means.as_ref().ok_or_else(|| ModelError::not_in_card("`k_means`"))?;
        card.check(self)?;
        Ok(Box::new(FittedClusters { model: self, card: card.clone() }))
    }

    fn section(&self) -> Option<&'static str> {
        Some("k_means")
    }
}

/// Fitted clusters, ready to apply.
struct FittedClusters<'p> {
    model: &'p Clusters,
    card: ClustersCard,
}

impl FittedClusters<'_> {
    /// The columns of a batch.
    fn batch(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, ModelError> {
        let (rows, values) = self.model.points(batch)?;
        let values: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
        let refuse = |source| ModelError::Clusters { source };
        let clusters = &self.card.clusters;
        let labels = clusters.assign(&values).map_err(refuse)?;
        let points = clusters.standardise(&values).map_err(refuse)?;
        let mut numbers = Int32Builder::with_capacity(batch.num_rows());
        let mut distances = Float64Builder::with_capacity(batch.num_rows());
        for (place, (&row, &label)) in rows.iter().zip(&labels).enumerate() {
            let before = row - numbers.values_slice().len();
            numbers.append_nulls(before);
            distances.append_nulls(before);
            let centroid = &clusters.centroids[label as usize];
            let squares = points.iter().zip(centroid).map(|(column, &middle)| {
                let apart = column[place] - middle;
                apart * apart
            });
            numbers.append_value(i32::try_from(label).unwrap_or(i32::MAX).saturating_add(1));
            // Far beyond the customers of the fit a square may be too large.
            distances.append_value(squares.sum::<f64>().sqrt().min(f64::MAX));
        }
        let rest = batch.num_rows() - numbers.values_slice().len();
        numbers.append_nulls(rest);
        distances.append_nulls(rest);
        Ok(vec![Arc::new(numbers.finish()), Arc::new(distances.finish())])
    }
}

impl Fitted for FittedClusters<'_> {
    fn apply(&mut self, _first: usize, table: &[RecordBatch]) -> Result<Vec<Vec<ArrayRef>>, ModelError> {
        table.par_iter().map(|batch| self.batch(batch)).collect()
    }

    fn record(self: Box<Self>, card: &mut ModelCard) {
        card.k_means = Some(self.card);
    }
}
