//! Rows through the fold, and its table read back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use appraise_feature_engineering::{
    FeatureConfig, FoldError, Folded, Scatter, ScatterOptions, Segment, contract, fold as fold_scatter, write_segment,
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
    /// Whether rows come from segments of earlier runs, too.
    pub(crate) kept: bool,
}

/// One writer, one partition, room for everything.
pub(crate) const PLAIN: Route =
    Route { expected_rows: 1, writers: 1, batch_rows: 1_000, memory_bytes: 1 << 30, kept: false };

/// A random route without a tight budget.
pub(crate) fn route() -> impl Strategy<Value = Route> {
    let rows = prop_oneof![Just(1_u64), Just(100_000), Just(1_000_000)];
    (rows, 1_usize..4, 1_usize..50, any::<bool>()).prop_map(|(expected_rows, writers, batch_rows, kept)| Route {
        expected_rows,
        writers,
        batch_rows,
        kept,
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
        partition_bits: None,
        keep_origins: route.kept,
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
    let write = |scatter: &Scatter, rows: &[R], file: u32| {
        let mut writers: Vec<_> = (0..route.writers).map(|_| scatter.writer(R::SOURCE)).collect();
        for (i, chunk) in rows.chunks(route.batch_rows).enumerate() {
            writers[i % route.writers].push(&batch(chunk, &layout, config.key_type, symbols), file)?;
        }
        Ok::<_, FoldError>(writers)
    };
    let (kept, fresh) = rows.split_at(if route.kept { rows.len() * 2 / 3 } else { 0 });
    if route.kept {
        // Two thirds come by two segments, of which the later may take over the earlier; neither counts a withdrawn dump.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let (first, second) = kept.split_at(kept.len() / 2);
        let mut writers = write(scatter, first, 1)?;
        writers.extend(write(scatter, rows, 2)?);
        let path = folder.path().join("older");
        write_segment(&path, scatter, R::SOURCE, &writers, &|_| true, &[])?;
        let older = Segment::open(&path, scatter, R::SOURCE).unwrap();
        let mut writers = write(scatter, second, 3)?;
        writers.extend(write(scatter, rows, 4)?);
        let path = folder.path().join("newer");
        let takes_over = route.batch_rows.is_multiple_of(2);
        let taken = if takes_over { vec![&older] } else { Vec::new() };
        let written = write_segment(&path, scatter, R::SOURCE, &writers, &|file| file % 2 == 1, &taken)?;
        if !takes_over {
            scatter.add_segment(R::SOURCE, &Arc::new(older.without(BTreeSet::from([2]))))?;
        }
        let newer = Segment::open(&path, scatter, R::SOURCE).unwrap();
        assert_eq!(newer.rows_by_file().values().sum::<u64>(), written);
        scatter.add_segment(R::SOURCE, &Arc::new(newer))?;
    }
    let writers = write(scatter, fresh, 5)?;
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
