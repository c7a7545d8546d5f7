//! What `customer_values` repeats of `customer_features`.

use appraise_schema::{ColumnSpec, TableContract};

use crate::error::ModelError;

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
///
/// # Errors
/// [`ModelError::Column`] when `features` lacks one that there always is.
pub(crate) fn headline(features: &TableContract) -> Result<Vec<ColumnSpec>, ModelError> {
    let find = |name: &str| features.position(name).map(|position| features.columns[position].clone());
    let mut columns = Vec::new();
    for (name, expected) in HEADLINE {
        let absent = || ModelError::Column { column: (*name).to_owned(), expected: (*expected).to_owned() };
        columns.push(find(name).ok_or_else(absent)?);
    }
    columns.extend(HEADLINE_IF_MAPPED.iter().filter_map(|name| find(name)));
    Ok(columns)
}
