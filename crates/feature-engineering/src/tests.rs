//! The fold as a whole, where memory is short and where purchases are reversed.

use std::collections::BTreeMap;

use appraise_schema::event::{EventBatch, EventColumn, Form, KeyColumn, NO_ID, NO_INSTANT, NO_SYMBOL};
use appraise_schema::{Layout, SourceKind, Symbols, hash};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Decimal64Type, Int64Type};

use crate::{Duplicates, FeatureConfig, FoldError, Folded, Scatter, ScatterOptions, contract, fold};

/// One line of a ledger.
#[derive(Debug, Clone, Copy)]
struct Line {
    customer: i64,
    day: i32,
    minor: i64,
    id: Option<i64>,
    order: Option<i64>,
    refund_of: Option<i64>,
    /// Category and quantity.
    item: Option<(u32, f64)>,
    /// When it was loaded, and whether it was withdrawn.
    loaded: Option<(i64, bool)>,
}

fn line(customer: i64, day: i32, minor: i64) -> Line {
    Line { customer, day, minor, id: None, order: None, refund_of: None, item: None, loaded: None }
}

fn config(columns: &[&str]) -> FeatureConfig {
    let mapped = [&["customer_id", "time", "amount"], columns].concat();
    FeatureConfig {
        as_of: "1970-03-01".parse().unwrap(),
        ..crate::family::fixture::config(&[(SourceKind::Transactions, &mapped)])
    }
}

fn batch(layout: &Layout, lines: &[Line]) -> EventBatch {
    let id = |of: fn(&Line) -> Option<i64>| {
        EventColumn::U128(lines.iter().map(|line| of(line).map_or(NO_ID, hash::identity_of_integer)).collect())
    };
    let column = |name: &str, form| match (name, form) {
        ("time", _) => EventColumn::I32(lines.iter().map(|line| line.day).collect()),
        ("amount", _) => EventColumn::I64(lines.iter().map(|line| line.minor).collect()),
        ("transaction_id", _) => id(|line| line.id),
        ("order_id", _) => id(|line| line.order),
        ("refund_of", _) => id(|line| line.refund_of),
        ("category", _) => {
            EventColumn::U32(lines.iter().map(|line| line.item.map_or(NO_SYMBOL, |item| item.0)).collect())
        }
        ("quantity", _) => {
            EventColumn::F64(lines.iter().map(|line| line.item.map_or(f64::NAN, |item| item.1)).collect())
        }
        ("loaded_at", _) => {
            EventColumn::I64(lines.iter().map(|line| line.loaded.map_or(NO_INSTANT, |loaded| loaded.0)).collect())
        }
        (_, Form::Content) => EventColumn::U64(lines.iter().map(|line| line.minor.cast_unsigned()).collect()),
        (_, Form::Withdrawn) => {
            EventColumn::U8(lines.iter().map(|line| u8::from(line.loaded.is_some_and(|loaded| loaded.1))).collect())
        }
        other => panic!("no such column: {other:?}"),
    };
    EventBatch {
        key: KeyColumn::Integer(lines.iter().map(|line| line.customer).collect()),
        has_key: None,
        columns: layout.fields.iter().map(|field| column(&field.name, field.form)).collect(),
    }
}

fn run(
    config: &FeatureConfig,
    lines: &[Line],
    rows: u64,
    memory_bytes: u64,
) -> Result<(RecordBatch, Folded), FoldError> {
    let contract = contract(config).unwrap();
    let options = ScatterOptions {
        expected_rows: BTreeMap::from([(SourceKind::Transactions, rows)]),
        threads: 2,
        memory_bytes,
        temp_dir: std::env::temp_dir(),
        partition_bits: None,
        keep_origins: false,
    };
    let mut scatter = Scatter::new(config, options);
    let mut writers = vec![scatter.writer(SourceKind::Transactions), scatter.writer(SourceKind::Transactions)];
    for (number, chunk) in lines.chunks(1000).enumerate() {
        writers[number % 2].push(&batch(&config.layout(SourceKind::Transactions), chunk), 0)?;
    }
    scatter.keep(writers)?;
    let mut batches = Vec::new();
    let folded = fold(config, &contract, scatter, &Symbols::default(), &|| true, &mut |batch| {
        batches.push(batch);
        Ok(())
    })?;
    Ok((concat_batches(&contract.arrow(), &batches).unwrap(), folded))
}

const PLENTY: u64 = 1 << 30;

/// `column` of the one customer of `lines`.
fn whole(config: &FeatureConfig, lines: &[Line], column: &str) -> i64 {
    let (table, _) = run(config, lines, 1, PLENTY).unwrap();
    let column = table.column_by_name(column).unwrap();
    match column.data_type() {
        arrow::datatypes::DataType::Int64 => column.as_primitive::<Int64Type>().value(0),
        _ => column.as_primitive::<Decimal64Type>().value(0),
    }
}

#[test]
fn a_table_that_waited_on_disk_is_the_table() {
    let config = config(&["transaction_id"]);
    let lines: Vec<Line> =
        (0..40_000).map(|n| Line { id: Some(n), ..line(n % 3_001, (n % 50) as i32, n * 7 % 1_000) }).collect();
    let (expected, unlimited) = run(&config, &lines, 40_000, PLENTY).unwrap();
    assert_eq!((unlimited.spilled_bytes, unlimited.customers), (0, 3_001));
    for (rows, memory) in [(40_000, 400_000), (1, 400_000), (4_000_000, 400_000), (1, 900_000)] {
        let (table, folded) = run(&config, &lines, rows, memory).unwrap();
        assert!(folded.spilled_bytes > 0, "{rows} {memory}");
        assert_eq!(table, expected, "{rows} {memory}");
    }
}

#[test]
fn a_customer_beyond_memory_is_said_to_be() {
    let lines: Vec<Line> = (0..50_000).map(|n| line(i64::from(n % 2 == 0) * n, 3, 1)).collect();
    let error = run(&config(&[]), &lines, 50_000, 100_000).unwrap_err();
    assert!(matches!(error, FoldError::Memory { .. }), "{error}");
    assert!(error.hint().unwrap().contains("--memory-limit"));
}

#[test]
fn a_refund_that_names_its_order_reverses_it_once_it_is_whole() {
    let config = config(&["order_id", "refund_of"]);
    let bought = |order, minor| Line { order: Some(order), ..line(1, 10, minor) };
    let back = |minor: i64| Line { refund_of: Some(7), ..line(1, 12, -minor) };
    let lines = [bought(7, 300), bought(7, 200), bought(8, 50), back(300), back(199)];
    assert_eq!(whole(&config, &lines, "reversed_lines"), 0);
    let lines = [bought(7, 300), bought(7, 200), bought(8, 50), back(300), back(200)];
    assert_eq!(whole(&config, &lines, "reversed_revenue"), 500);
    assert_eq!(whole(&config, &lines, "first_purchase_amount"), 50);
    assert_eq!(whole(&config, &lines, "total_revenue"), 550);
    assert_eq!(whole(&config, &lines, "net_revenue"), 50);
}

#[test]
fn a_mirrored_refund_reverses_the_latest_purchase_before_it() {
    let config = config(&["category", "quantity"]);
    let item = |day, minor, quantity| Line { item: Some((1, quantity)), ..line(1, day, minor) };
    let lines = [item(5, 900, 3.0), item(8, 900, 3.0), item(20, 900, 3.0), item(9, -900, -3.0)];
    let (table, _) = run(&config, &lines, 1, PLENTY).unwrap();
    let last = table.column_by_name("purchase_periods").unwrap().as_primitive::<Int64Type>().value(0);
    assert_eq!((last, whole(&config, &lines, "reversed_lines")), (2, 1));
    // Another quantity or amount, or a purchase after the refund, is none of its business.
    for refund in [item(9, -900, -2.0), item(9, -899, -3.0), item(4, -900, -3.0)] {
        let lines = [item(5, 900, 3.0), item(8, 900, 3.0), refund];
        assert_eq!(whole(&config, &lines, "reversed_lines"), 0, "{refund:?}");
    }
}

#[test]
fn the_row_loaded_last_counts_even_when_its_filter_withdrew_it() {
    let mut config = config(&["transaction_id", "loaded_at"]);
    let version =
        |minor, loaded, withdrawn| Line { id: Some(1), loaded: Some((loaded, withdrawn)), ..line(1, 4, minor) };
    let other = line(1, 5, 30);
    let lines = [version(100, 1, false), version(250, 2, false), other];
    let error = run(&config, &lines, 1, PLENTY).unwrap_err();
    assert!(matches!(error, FoldError::Conflict { source_kind: SourceKind::Transactions, .. }), "{error}");
    config.duplicates = BTreeMap::from([(SourceKind::Transactions, Duplicates::Latest)]);
    assert_eq!(whole(&config, &lines, "total_revenue"), 280);
    let lines = [version(100, 1, false), version(250, 2, true), other, version(90, 0, false)];
    let (_, folded) = run(&config, &lines, 1, PLENTY).unwrap();
    let dropped = folded.duplicates[&SourceKind::Transactions];
    assert_eq!((whole(&config, &lines, "total_revenue"), dropped.tally.rows, dropped.tally.minor), (30, 2, 190));
    let lines = [version(100, 2, false), version(250, 2, false)];
    assert!(matches!(run(&config, &lines, 1, PLENTY), Err(FoldError::Conflict { .. })));
}
