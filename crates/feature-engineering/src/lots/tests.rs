//! Books of few lots.

use appraise_schema::event::{Field, Form};
use proptest::prelude::*;

use super::*;
use crate::config::Duplicates;
use crate::family::fixture::config;

const SOLD: u32 = 4;
const PASSED: u32 = 5;

/// One row: id, `loaded_at`, content, withdrawn.
type Version = (u128, i64, u64, u8);

fn layout() -> Layout {
    let field = |name: &str, form| Field { name: name.to_owned(), form };
    let fields = vec![
        field("lot_id", Form::Id),
        field("", Form::Content),
        field("loaded_at", Form::Instant),
        field("", Form::Withdrawn),
        field("hammer", Form::Money),
    ];
    Layout { fields }
}

/// A batch in [`layout`]: the consignor is 100 more than the content, the hammer is the content.
fn batch(rows: &[Version]) -> EventBatch {
    let hammer: Vec<i64> = rows.iter().map(|row| row.2.cast_signed()).collect();
    EventBatch {
        key: KeyColumn::Integer(hammer.iter().map(|hammer| hammer + 100).collect()),
        has_key: Some(rows.iter().map(|row| row.2 != 0).collect()),
        columns: vec![
            EventColumn::U128(rows.iter().map(|row| row.0).collect()),
            EventColumn::U64(rows.iter().map(|row| row.2).collect()),
            EventColumn::I64(rows.iter().map(|row| row.1).collect()),
            EventColumn::U8(rows.iter().map(|row| row.3).collect()),
            EventColumn::I64(hammer),
        ],
    }
}

/// A book, its consigned lots, what was dropped.
type Booked = (LotBook, Vec<EventBatch>, DroppedDuplicates);

fn register(latest: bool, batches: &[EventBatch]) -> Result<Booked, FoldError> {
    let mut config = config(&[(SourceKind::Lots, &["lot_id", "consignor_id", "hammer", "loaded_at"])]);
    if latest {
        config.duplicates.insert(SourceKind::Lots, Duplicates::Latest);
    }
    LotBook::new(&config, &layout(), batches, SOLD)
}

/// Identities and hammers by row of the book, keys and rows of consigned lots, and duplicates.
/// Lots with their hammer, consigned rows by key, dropped rows.
type Summary = (Vec<(u128, i64)>, Vec<(i64, u32)>, u64);

fn summary((book, consigned, dropped): &Booked) -> Summary {
    let mut ids: Vec<(u32, u128)> = book.by_id.iter().map(|(&id, &row)| (row, id)).collect();
    ids.sort_unstable();
    let lots = ids.into_iter().map(|(row, id)| (id, book.at(row).hammer)).collect();
    let consigned = consigned.iter().flat_map(|batch| match (&batch.key, batch.columns.as_slice()) {
        (KeyColumn::Integer(keys), [EventColumn::U32(rows)]) => keys.iter().copied().zip(rows.iter().copied()),
        other => panic!("{other:?}"),
    });
    (lots, consigned.collect(), dropped.tally.rows)
}

#[test]
fn a_lot_stands_once_and_the_book_is_in_order() {
    let batches = [batch(&[(9, 0, 1, NO), (3, 0, 0, NO)]), batch(&[(9, 5, 1, NO), (5, 0, 7, NO), (9, 0, 1, NO)])];
    let found = register(false, &batches).unwrap();
    // Lot 3 has no consignor.
    assert_eq!(summary(&found), (vec![(3, 0), (5, 7), (9, 1)], vec![(107, 1), (101, 2)], 2));
    assert_eq!(found.0.find(5).unwrap().hammer, 7);
    assert_eq!(found.0.find(4), None);
}

#[test]
fn other_content_is_a_conflict_unless_the_newest_counts() {
    let batches = [batch(&[(2, 8, 1, NO)]), batch(&[(2, 9, 6, NO), (2, 9, 6, NO)])];
    let error = register(false, &batches).unwrap_err();
    assert!(matches!(error, FoldError::Conflict { id: 2, .. }), "{error}");
    let newest = register(true, &batches).unwrap();
    assert_eq!(summary(&newest), (vec![(2, 6)], vec![(106, 0)], 2));
    let error = register(true, &[batch(&[(2, 9, 1, NO), (2, 9, 6, NO)])]).unwrap_err();
    assert!(matches!(error, FoldError::Conflict { id: 2, .. }), "{error}");
    // A row that does not say when it was loaded is older than any that does.
    let undated = register(true, &[batch(&[(2, i64::MIN + 1, 1, NO), (2, NO_INSTANT, 6, NO)])]).unwrap();
    assert_eq!(summary(&undated).0, [(2, 1)]);
}

#[test]
fn a_withdrawn_lot_is_gone_and_its_older_rows_are_duplicates() {
    let rows = [(2, 8, 1, NO), (2, 7, 3, NO), (2, 9, 6, YES), (4, 1, 1, YES), (4, 2, 5, NO)];
    let found = register(true, &[batch(&rows)]).unwrap();
    // Withdrawn rows were never used, so only the two older rows of lot 2 give way.
    assert_eq!(summary(&found), (vec![(4, 5)], vec![(105, 0)], 2));
}

#[test]
fn consignors_are_kept_only_where_they_are_mapped() {
    let config = config(&[(SourceKind::Lots, &["lot_id", "hammer"])]);
    let found = LotBook::new(&config, &layout(), &[batch(&[(1, 0, 1, NO)])], SOLD).unwrap();
    assert_eq!((found.0.lots.len(), found.1.len()), (1, 0));
}

#[test]
fn text_keys_are_copied_to_the_byte() {
    let mut config = config(&[(SourceKind::Lots, &["lot_id", "consignor_id"])]);
    config.key_type = KeyType::Text;
    let mut named = batch(&[(3, 0, 1, NO), (1, 0, 0, NO), (2, 0, 2, NO)]);
    named.key = KeyColumn::Text { offsets: vec![0, 2, 2, 5], bytes: "äxyz".into() };
    let found = LotBook::new(&config, &layout(), &[named], SOLD).unwrap();
    let key = KeyColumn::Text { offsets: vec![0, 3, 5], bytes: "xyzä".into() };
    let expected = EventBatch { key, has_key: None, columns: vec![EventColumn::U32(vec![1, 2])] };
    assert_eq!(found.1, [expected]);
}

#[test]
fn many_consigned_lots_come_in_batches() {
    let rows: Vec<Version> = (1..=70_000).map(|id| (id, 0, 1, NO)).collect();
    let found = register(false, &[batch(&rows)]).unwrap();
    let sizes: Vec<usize> = found.1.iter().map(EventBatch::len).collect();
    assert_eq!(sizes, [65_536, 4_464]);
    assert_eq!(summary(&found).1[65_536], (101, 65_536));
}

#[test]
fn what_is_not_in_the_layout_reads_as_null() {
    let config = config(&[(SourceKind::Lots, &["lot_id", "outcome"])]);
    let fields = vec![Field { name: "lot_id".to_owned(), form: Form::Id }];
    let columns = vec![EventColumn::U128(vec![1, NO_ID])];
    let batch = EventBatch { key: KeyColumn::Integer(vec![0, 0]), has_key: Some(vec![false, false]), columns };
    let found = LotBook::new(&config, &Layout { fields }, &[batch], SOLD).unwrap();
    assert_eq!(found.0.lots, [Lot::default()]);
}

#[test]
fn a_lot_is_sold_by_its_outcome_or_else_by_its_hammer() {
    let mapped = |columns: &[&str]| Outcomes::new(&config(&[(SourceKind::Lots, columns)]), SOLD);
    let stated = mapped(&["outcome", "hammer", "closes_at"]);
    assert_eq!(stated.sold(SOLD, NO_MONEY, NO_INSTANT), Some(true));
    assert_eq!(stated.sold(PASSED, 5, 5), Some(false));
    assert_eq!(stated.sold(NO_SYMBOL, 5, 5), None);
    // A text that no lot has does not mean that lots without an outcome were sold.
    assert_eq!(Outcomes::Stated(NO_SYMBOL).sold(NO_SYMBOL, 5, 5), None);
    let by_close = mapped(&["hammer", "closes_at"]);
    assert_eq!(by_close.sold(NO_SYMBOL, 5, 9), Some(true));
    assert_eq!(by_close.sold(NO_SYMBOL, 5, NO_INSTANT), Some(true));
    assert_eq!(by_close.sold(NO_SYMBOL, NO_MONEY, 9), Some(false));
    assert_eq!(by_close.sold(NO_SYMBOL, NO_MONEY, NO_INSTANT), None);
    let by_hammer = mapped(&["hammer"]);
    assert_eq!(by_hammer.sold(NO_SYMBOL, NO_MONEY, NO_INSTANT), Some(false));
    assert_eq!(by_hammer.sold(NO_SYMBOL, 0, NO_INSTANT), Some(true));
}

proptest! {
    #[test]
    fn the_cut_and_order_of_batches_mean_nothing(
        rows in prop::collection::vec((1_u128..6, 0_i64..6, 0_u64..3, 0_u8..2), 0..30),
        cut in 0_usize..30,
        latest in any::<bool>(),
    ) {
        let result = |batches: &[EventBatch]| {
            register(latest, batches).map(|found| summary(&found)).map_err(|error| format!("{error:?}"))
        };
        let (head, tail) = rows.split_at(cut.min(rows.len()));
        let mut reversed = rows.clone();
        reversed.reverse();
        let expected = result(&[batch(&rows)]);
        prop_assert_eq!(&expected, &result(&[batch(tail), batch(head)]));
        prop_assert_eq!(&expected, &result(&[batch(&reversed)]));
    }
}
