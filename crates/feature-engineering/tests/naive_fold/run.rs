//! Rows through the fold, and its table read back.

use std::collections::BTreeMap;
use std::path::PathBuf;

use appraise_feature_engineering::{
    FeatureConfig, FoldError, Folded, Scatter, ScatterOptions, contract, fold as fold_scatter,
};
use appraise_schema::event::KeyType;
use appraise_schema::{SourceKind, Symbols};
use appraise_testutils::batch::batch;
use appraise_testutils::delivery::delivered;
use appraise_testutils::naive::{Cell, Question, Row};
use appraise_testutils::world::{SourceRow, World, text_key};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Date32Type, Decimal64Type, Float64Type, Int32Type, Int64Type};
use proptest::prelude::*;

/// How the same rows reach the fold.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) expected_rows: u64,
    pub(crate) writers: usize,
    pub(crate) batch_rows: usize,
    pub(crate) memory_bytes: u64,
}

/// One writer, one partition, room for everything.
pub(crate) const PLAIN: Route = Route { expected_rows: 1, writers: 1, batch_rows: 1_000, memory_bytes: 1 << 30 };

/// A random route without a tight budget.
pub(crate) fn route() -> impl Strategy<Value = Route> {
    let rows = prop_oneof![Just(1_u64), Just(100_000), Just(1_000_000)];
    (rows, 1_usize..4, 1_usize..50).prop_map(|(expected_rows, writers, batch_rows)| Route {
        expected_rows,
        writers,
        batch_rows,
        ..PLAIN
    })
}

/// The table of `world`, and what the fold says of its making.
pub(crate) fn fold(
    config: &FeatureConfig,
    question: &Question,
    world: &World,
    route: &Route,
) -> Result<(RecordBatch, Folded), FoldError> {
    let world = delivered(world, question);
    let symbols = Symbols::default();
    let options = ScatterOptions {
        expected_rows: SourceKind::ALL.into_iter().map(|source| (source, route.expected_rows)).collect(),
        threads: route.writers,
        memory_bytes: route.memory_bytes,
        temp_dir: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
    };
    let mut scatter = Scatter::new(config, options);
    push(config, &mut scatter, &world.transactions, route, &symbols)?;
    push(config, &mut scatter, &world.customers, route, &symbols)?;
    push(config, &mut scatter, &world.interactions, route, &symbols)?;
    push(config, &mut scatter, &world.lots, route, &symbols)?;
    push(config, &mut scatter, &world.bids, route, &symbols)?;
    push(config, &mut scatter, &world.invoices, route, &symbols)?;
    let contract = contract(config).unwrap();
    let mut batches = Vec::new();
    let folded = fold_scatter(config, &contract, scatter, &symbols, &|| true, &mut |batch| {
        batches.push(batch);
        Ok(())
    })?;
    Ok((concat_batches(&contract.arrow(), &batches).unwrap(), folded))
}

/// Deals the rows of one source to its writers.
fn push<R: SourceRow>(
    config: &FeatureConfig,
    scatter: &mut Scatter,
    rows: &[R],
    route: &Route,
    symbols: &Symbols,
) -> Result<(), FoldError> {
    if !config.mapped.contains_key(&R::SOURCE) {
        return Ok(());
    }
    let layout = config.layout(R::SOURCE);
    let mut writers: Vec<_> = (0..route.writers).map(|_| scatter.writer(R::SOURCE)).collect();
    for (i, chunk) in rows.chunks(route.batch_rows).enumerate() {
        writers[i % route.writers].push(&batch(chunk, &layout, config.key_type, symbols))?;
    }
    scatter.keep(writers)
}

fn cell(column: &dyn Array, row: usize) -> Cell {
    let null = column.is_null(row);
    let whole = |value: i128| Cell::Whole((!null).then_some(value));
    match column.data_type() {
        DataType::Int32 => whole(column.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => whole(column.as_primitive::<Int64Type>().value(row).into()),
        DataType::Date32 => whole(column.as_primitive::<Date32Type>().value(row).into()),
        DataType::Decimal64(18, _) => whole(column.as_primitive::<Decimal64Type>().value(row).into()),
        DataType::Float64 => Cell::Double((!null).then(|| column.as_primitive::<Float64Type>().value(row))),
        DataType::Utf8 => Cell::Text((!null).then(|| column.as_string::<i32>().value(row).to_owned())),
        DataType::Boolean => Cell::Flag((!null).then(|| column.as_boolean().value(row))),
        other => panic!("no such column type: {other}"),
    }
}

/// The keys of a table, in its order, as texts.
pub(crate) fn keys(table: &RecordBatch, key_type: KeyType) -> Vec<String> {
    let key = |row: usize| match key_type {
        KeyType::Integer => text_key(table.column(1).as_primitive::<Int64Type>().value(row)),
        KeyType::Text => table.column(1).as_string::<i32>().value(row).to_owned(),
    };
    (0..table.num_rows()).map(key).collect()
}

/// The cells of a table but `as_of`, by key.
pub(crate) fn rows_by_key(table: &RecordBatch, key_type: KeyType) -> BTreeMap<String, Row> {
    let fields = table.schema();
    let cells = |row: usize| {
        (2..table.num_columns()).map(|c| (fields.field(c).name().clone(), cell(table.column(c), row))).collect()
    };
    keys(table, key_type).into_iter().enumerate().map(|(row, key)| (key, cells(row))).collect()
}
