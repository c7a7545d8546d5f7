//! Folds a scatter into `customer_features`.

use std::sync::Arc;

use appraise_schema::event::KeyType;
use appraise_schema::table::ContractError;
use appraise_schema::{ColumnSpec, TableContract, Tally};
use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use rayon::prelude::*;

use crate::config::FeatureConfig;
use crate::family::FamilyKind;
use crate::partition::Partition;
use crate::scatter::{Rows, Scatter, ScatterWriter};

/// Why a fold stopped.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// Rows of one customer share a transaction id but differ in content.
    #[error("customer {customer}: a transaction id stands twice with different content")]
    Conflict {
        /// The customer's key.
        customer: String,
        /// Identity of the transaction id (see [`appraise_schema::hash`]).
        id: u128,
    },
    /// A sum exceeds DECIMAL(18, scale).
    #[error("customer {customer}: {column} of {minor} minor units exceeds 18 digits")]
    MoneyOverflow {
        /// The customer's key.
        customer: String,
        /// The feature that overflowed.
        column: &'static str,
        /// The sum.
        minor: i128,
    },
    /// More rows of one partition than a row number holds.
    #[error("one partition holds {rows} rows, more than 4,294,967,295")]
    PartitionTooLarge {
        /// Its rows.
        rows: usize,
    },
    /// The caller asked to stop.
    #[error("interrupted while folding")]
    Interrupted,
    /// A fold wrote columns that are not those of its contract: a defect of the program.
    #[error("a feature family broke its contract")]
    Contract {
        /// What arrow found.
        #[from]
        source: arrow::error::ArrowError,
    },
}

impl FoldError {
    /// An overflow of `column`; the customer is filled in by the driver.
    pub(crate) fn overflow(column: &'static str, minor: i128) -> Self {
        Self::MoneyOverflow { customer: String::new(), column, minor }
    }

    fn of_customer(self, key: impl FnOnce() -> String) -> Self {
        match self {
            Self::MoneyOverflow { column, minor, .. } => Self::MoneyOverflow { customer: key(), column, minor },
            other => other,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Conflict { .. } => Some("map an id that names one row for good, or leave `transaction_id` out"),
            Self::MoneyOverflow { .. } => Some("check the amounts, or lower `money.scale`"),
            Self::PartitionTooLarge { .. } | Self::Interrupted | Self::Contract { .. } => None,
        }
    }
}

/// The result of a fold.
#[derive(Debug)]
pub struct Folded {
    /// Rows of `customer_features`, in order; the cuts between batches mean nothing.
    pub batches: Vec<RecordBatch>,
    /// Rows and money dropped as duplicates.
    pub duplicates: Tally,
    /// Dropped rows that were refunds.
    pub duplicate_refunds: u64,
}

impl Folded {
    /// Number of customers.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.batches.iter().map(|batch| batch.num_rows() as u64).sum()
    }
}

/// The contract of `customer_features` under `config`.
///
/// # Errors
/// When two families claim one column name, or a name is not portable.
pub fn contract(config: &FeatureConfig) -> Result<TableContract, ContractError> {
    let mut columns = vec![ColumnSpec::as_of(), ColumnSpec::customer_id(config.key_type)];
    let features = FamilyKind::ALL.iter().flat_map(|kind| kind.columns(config));
    columns.extend(features.filter(|column| config.keeps(&column.name)));
    TableContract::new("customer_features", "one customer, as known at `as_of`", columns)
}

/// Folds everything that `writers` scattered. Runs on the current rayon pool; `keep_going` is asked before every
/// partition.
///
/// # Errors
/// [`FoldError`] of the first partition that failed, in the order of the hash.
pub fn fold(
    config: &FeatureConfig,
    contract: &TableContract,
    scatter: &Scatter,
    writers: Vec<ScatterWriter>,
    keep_going: &(dyn Fn() -> bool + Sync),
) -> Result<Folded, FoldError> {
    let schema = contract.arrow();
    let parts: Vec<Result<Part, FoldError>> = by_partition(scatter, writers)
        .into_par_iter()
        .map(|buckets| {
            if keep_going() {
                fold_partition(config, &schema, scatter.key_type(), buckets)
            } else {
                Err(FoldError::Interrupted)
            }
        })
        .collect();
    let mut folded =
        Folded { batches: Vec::with_capacity(parts.len()), duplicates: Tally::default(), duplicate_refunds: 0 };
    for part in parts {
        let part = part?;
        folded.duplicates.merge(&part.duplicates);
        folded.duplicate_refunds += part.duplicate_refunds;
        if part.batch.num_rows() > 0 {
            folded.batches.push(part.batch);
        }
    }
    Ok(folded)
}

struct Part {
    batch: RecordBatch,
    duplicates: Tally,
    duplicate_refunds: u64,
}

/// The buckets of all writers, by partition.
fn by_partition(scatter: &Scatter, writers: Vec<ScatterWriter>) -> Vec<Vec<Rows>> {
    let mut partitions: Vec<Vec<Rows>> = (0..scatter.partitions()).map(|_| Vec::new()).collect();
    for writer in writers {
        for (partition, rows) in partitions.iter_mut().zip(writer.buckets) {
            partition.push(rows);
        }
    }
    partitions
}

fn fold_partition(
    config: &FeatureConfig,
    schema: &SchemaRef,
    key_type: KeyType,
    buckets: Vec<Rows>,
) -> Result<Part, FoldError> {
    let mut rows = Rows::new(key_type);
    rows.reserve(buckets.iter().map(Rows::len).sum(), config.mapped);
    for bucket in buckets {
        rows.append(bucket);
    }
    let partition = Partition::new(rows)?;
    let customers = partition.customers();
    let mut columns = key_columns(config, key_type, &partition);
    for kind in FamilyKind::ALL {
        let mut family = kind.build(config, customers);
        for c in 0..customers {
            family.fold(&partition.history(c)).map_err(|error| error.of_customer(|| partition.key_text(c)))?;
        }
        let finished = kind.columns(config).into_iter().zip(family.finish());
        columns.extend(finished.filter(|(column, _)| config.keeps(&column.name)).map(|(_, array)| array));
    }
    Ok(Part {
        batch: RecordBatch::try_new(Arc::clone(schema), columns)?,
        duplicates: partition.duplicates,
        duplicate_refunds: partition.duplicate_refunds,
    })
}

fn key_columns(config: &FeatureConfig, key_type: KeyType, partition: &Partition) -> Vec<ArrayRef> {
    let customers = partition.customers();
    let as_of: ArrayRef = Arc::new(Date32Array::from_value(config.as_of.day(), customers));
    let key: ArrayRef = match key_type {
        KeyType::Integer => Arc::new(Int64Array::from_iter_values(partition.integer_keys())),
        KeyType::Text => Arc::new(StringArray::from_iter_values((0..customers).map(|c| partition.key_text(c)))),
    };
    vec![as_of, key]
}
