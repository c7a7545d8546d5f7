//! Clusters of customers: the columns that they are compared by.

use appraise_model::{ClusterCount, ClustersConfig, IndexCustomers, Transform};

use super::Report;
use crate::spec::problem::did_you_mean;
use crate::spec::scalars::{ClusterCountText, Name};
use crate::spec::types::{IndexCustomersSpec, KMeansSpec, TransformSpec};

const PATH: &str = "model.k_means";
/// The seed unless the pipeline gives one.
const SEED: u32 = 7;

/// Resolves `model.k_means`. Whether its columns are built is known later.
pub(super) fn resolve(report: &mut Report<'_>, spec: &KMeansSpec) -> ClustersConfig {
    let names: Vec<&str> = spec.columns.iter().map(|name| name.0.as_str()).collect();
    for (position, name) in names.iter().enumerate() {
        if names[..position].contains(name) {
            let path = format!("{PATH}.columns[{position}]");
            report.add(&path, format!("`{name}` stands twice"), Some("name each column once"));
        }
    }
    for name in spec.transform.keys().filter(|name| !names.contains(&name.0.as_str())) {
        let hint = did_you_mean(&name.0, &names);
        let path = format!("{PATH}.transform.{}", name.0);
        report.add(&path, format!("`{}` is not among `columns`", name.0), hint.as_deref());
    }
    let column = |name: &Name| {
        let transform = spec.transform.get(name).map(|transform| match transform {
            TransformSpec::Identity => Transform::Identity,
            TransformSpec::Log1p => Transform::Log1p,
        });
        (name.0.clone(), transform)
    };
    ClustersConfig {
        columns: spec.columns.iter().map(column).collect(),
        clusters: match &spec.k {
            Some(ClusterCountText::Number(clusters)) => ClusterCount::Fixed(*clusters),
            Some(ClusterCountText::Text(_)) | None => ClusterCount::Auto,
        },
        seed: u64::from(spec.seed.unwrap_or(SEED)),
        customers: match spec.customers.unwrap_or_default() {
            IndexCustomersSpec::Buyers => IndexCustomers::Buyers,
            IndexCustomersSpec::All => IndexCustomers::All,
        },
    }
}
