//! What the tests of several families build on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use appraise_schema::event::KeyType;
use appraise_schema::{Money, PurchasePeriod, SourceKind, SpendPeriod, TimeUnit};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::util::display::array_value_to_string;

use super::{Context, FamilyKind};
use crate::config::{FeatureConfig, InteractionConfig};
use crate::history::History;

/// The day on which the tests value customers: 1972-09-27.
pub(crate) const AS_OF: i32 = 1000;

/// A configuration on day [`AS_OF`], with money of two decimal places and a window of 30 days.
pub(crate) fn config(mapped: &[(SourceKind, &[&str])]) -> FeatureConfig {
    let columns = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|&name| name.to_owned()).collect() };
    FeatureConfig {
        as_of: "1972-09-27".parse().unwrap(),
        money: Money::new("GBP", 2).unwrap(),
        purchase_period: PurchasePeriod::Day,
        time_unit: TimeUnit::Day,
        spend_period: SpendPeriod::Quarter,
        windows: vec!["30d".parse().unwrap()],
        key_type: KeyType::Integer,
        mapped: mapped.iter().map(|(source, names)| (*source, columns(names))).collect(),
        duplicates: BTreeMap::new(),
        attributes: Vec::new(),
        references: Vec::new(),
        interaction: InteractionConfig::default(),
        default_days: 90,
        late_bid_seconds: 60,
        no_show_days: 30,
        leave_out: BTreeSet::new(),
        only: None,
    }
}

/// The columns of family `kind` over `histories`, checked against the contract's types and names.
pub(crate) fn folded(
    kind: FamilyKind,
    config: &FeatureConfig,
    context: &Context,
    histories: &[History<'_>],
) -> RecordBatch {
    let mut family = kind.build(config, context, histories.len());
    for history in histories {
        family.fold(history).unwrap();
    }
    let columns = kind.columns(config);
    let fields: Vec<_> = columns.fixed.iter().chain(&columns.own).map(appraise_schema::ColumnSpec::field).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), family.finish()).unwrap()
}

/// The names of all columns of family `kind`: fixed ones, then the pipeline's own.
pub(crate) fn names(kind: FamilyKind, config: &FeatureConfig) -> (Vec<String>, Vec<String>) {
    let columns = kind.columns(config);
    let names = |columns: Vec<appraise_schema::ColumnSpec>| columns.into_iter().map(|column| column.name).collect();
    (names(columns.fixed), names(columns.own))
}

/// The values of a column as text, `-` for NULL.
pub(crate) fn shown(batch: &RecordBatch, column: &str) -> Vec<String> {
    let array = batch.column_by_name(column).unwrap_or_else(|| panic!("no column {column}"));
    let text = |row| if array.is_null(row) { "-".to_owned() } else { array_value_to_string(array, row).unwrap() };
    (0..array.len()).map(text).collect()
}
