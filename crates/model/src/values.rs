//! The contract of `customer_values`.

use appraise_schema::{ColumnSpec, TableContract};

use crate::config::ModelConfig;
use crate::error::ModelError;
use crate::{rfm, segments};

/// Columns copied from `customer_features`, so that most questions need no join.
const HEADLINE: &[(&str, &str)] = &[
    ("as_of", "DATE"),
    ("customer_id", "INT64 or STRING"),
    ("first_purchase_date", "DATE"),
    ("last_purchase_date", "DATE"),
    ("days_since_last_purchase", "INT32"),
    ("orders", "INT64"),
    ("total_revenue", "DECIMAL(18, scale)"),
    ("net_revenue", "DECIMAL(18, scale)"),
];

/// Headline columns that exist only where their source is mapped.
const HEADLINE_IF_MAPPED: &[&str] = &["gross_margin"];

/// The columns of `features` that `customer_values` repeats.
fn headline(features: &TableContract) -> Result<Vec<ColumnSpec>, ModelError> {
    let find = |name: &str| features.position(name).map(|position| features.columns[position].clone());
    let mut columns = Vec::new();
    for (name, expected) in HEADLINE {
        let absent = || ModelError::Column { column: (*name).to_owned(), expected: (*expected).to_owned() };
        columns.push(find(name).ok_or_else(absent)?);
    }
    columns.extend(HEADLINE_IF_MAPPED.iter().filter_map(|name| find(name)));
    Ok(columns)
}

/// The table `customer_values` that `config` makes of `features`: the headline columns, then those of each
/// model that is on.
///
/// # Errors
/// [`ModelError::Column`] when `features` lacks a headline column, [`ModelError::Contract`] when the columns
/// make no portable table.
pub fn contract(config: &ModelConfig, features: &TableContract) -> Result<TableContract, ModelError> {
    let mut columns = headline(features)?;
    if let Some(rfm) = &config.rfm {
        columns.extend(rfm::columns(rfm.bins));
    }
    if !config.segments.is_empty() {
        columns.extend(segments::columns());
    }
    Ok(TableContract::new("customer_values", "one row per customer: what the customer is worth", columns)?)
}
