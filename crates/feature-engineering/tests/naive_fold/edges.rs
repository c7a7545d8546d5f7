//! Single cases: what the random ones reach, and what they never do.

use std::collections::{BTreeMap, BTreeSet};

use appraise_feature_engineering::{FeatureConfig, FoldError};
use appraise_schema::SourceKind;
use appraise_testutils::naive::{self, Cell, Question};
use appraise_testutils::world::{Bid, Customer, Delivery, Lot, Transaction, World};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::questions::{config, full_question, question};
use crate::run::{PLAIN, Route, fold};
use crate::worlds::{raw_world, tidy};

/// A world of transactions.
fn sales(transactions: Vec<Transaction>) -> World {
    World { transactions, ..World::default() }
}

fn error_of(question: &Question, world: &World) -> FoldError {
    fold(&config(question), question, world, &PLAIN).unwrap_err()
}

/// A property that never meets a value does not test it.
#[test]
fn random_worlds_reach_every_column() {
    let mut runner = TestRunner::deterministic();
    let mut met: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for _ in 0..300 {
        let asked = question().new_tree(&mut runner).unwrap().current();
        let full = full_question();
        let asked = Question { mapped: full.mapped, attributes: full.attributes, references: full.references, ..asked };
        let world = tidy(raw_world().new_tree(&mut runner).unwrap().current(), &asked);
        for row in naive::fold(&world, &asked).into_values() {
            for (column, cell) in row {
                met.entry(column).or_default().insert(format!("{cell:?}"));
            }
        }
    }
    assert!(met.len() > 130, "{} columns", met.len());
    // Of a window of one day, a customer has at most one active day.
    let few = |column: &str| if column.ends_with("_1d") { 2 } else { 3 };
    let dull: Vec<_> = met.iter().filter(|(column, cells)| cells.len() < few(column)).collect();
    assert!(dull.is_empty(), "{dull:?}");
}

#[test]
fn the_same_id_with_other_content_is_a_conflict() {
    let question = full_question();
    let row = |customer, amount| Transaction { customer, amount, transaction_id: Some(-77), ..Transaction::default() };
    let error = error_of(&question, &sales(vec![row(5, 1), row(5, 2)]));
    assert_eq!(error.to_string(), "transactions: customer 5: an id stands twice with different content");
    let two = fold(&config(&question), &question, &sales(vec![row(5, 1), row(6, 2)]), &PLAIN).unwrap().1;
    assert_eq!(two.customers, 2, "identity is customer and id");
}

#[test]
fn a_lot_is_named_by_its_id_alone() {
    let question = full_question();
    let lot = |consignor| Lot { lot_id: 3, consignor_id: Some(consignor), ..Lot::default() };
    let world = World { lots: vec![lot(5), lot(6)], ..World::default() };
    assert!(matches!(error_of(&question, &world), FoldError::Conflict { source_kind: SourceKind::Lots, .. }));
}

#[test]
fn two_rows_of_a_customer_that_hold_from_one_day_conflict() {
    let question = full_question();
    let row = |customer, rating| Customer { customer, manager_rating: Some(rating), ..Customer::default() };
    let world = World { customers: vec![row(5, 1.0), row(5, 2.0)], ..World::default() };
    assert!(matches!(error_of(&question, &world), FoldError::Conflict { source_kind: SourceKind::Customers, .. }));
}

#[test]
fn a_customer_whose_rows_are_all_withdrawn_is_none() {
    let full = full_question();
    let question = Question { latest: SourceKind::ALL.into_iter().collect(), ..full };
    let delivery = |withdrawn| Delivery { loaded_at: Some(i64::from(withdrawn)), withdrawn };
    let row = |id, withdrawn| Bid { customer: 5, bid_id: id, delivery: delivery(withdrawn), ..Bid::default() };
    for bids in [vec![row(None, true)], vec![row(Some(1), true)], vec![row(Some(1), false), row(Some(1), true)]] {
        let world = World { bids, ..World::default() };
        let table = fold(&config(&question), &question, &world, &PLAIN).unwrap().0;
        assert_eq!(table.num_rows(), 0);
    }
}

#[test]
fn a_sum_beyond_18_digits_names_the_customer() {
    let question = full_question();
    let row = |day| Transaction { customer: 9, day, amount: 999_999_999_999_999_999, ..Transaction::default() };
    let error = error_of(&question, &sales(vec![row(0), row(1)]));
    let expected = "customer 9: total_revenue of 1999999999999999998 minor units exceeds 18 digits";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn nobody_gives_an_empty_table() {
    let question = full_question();
    let route = Route { expected_rows: 0, writers: 2, ..PLAIN };
    let (table, folded) = fold(&config(&question), &question, &World::default(), &route).unwrap();
    assert_eq!((table.num_rows(), folded.customers), (0, 0));
}

#[test]
fn only_the_wanted_columns_are_kept() {
    let question = full_question();
    let only = ["orders_7d", "total_revenue"].map(str::to_owned);
    let some = FeatureConfig { only: Some(only.into_iter().collect()), ..config(&question) };
    let row = Transaction { customer: 1, amount: 5, ..Transaction::default() };
    let table = fold(&some, &question, &sales(vec![row]), &PLAIN).unwrap().0;
    let names: Vec<String> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["as_of", "customer_id", "total_revenue", "orders_7d"]);
    let row = crate::run::rows_by_key(&table, question.key_type).remove("c1").unwrap();
    assert_eq!(row["total_revenue"], Cell::Whole(Some(5)));
    assert_eq!(row["orders_7d"], Cell::Whole(Some(0)));
}

/// Many times what the budget holds, so that most of it waits on disk.
fn crowd(world: &World, question: &Question) -> World {
    let mut crowd = world.clone();
    for copy in 1..40 {
        let of = |customer: i64| customer + 100 * copy;
        crowd
            .transactions
            .extend(world.transactions.iter().map(|row| Transaction { customer: of(row.customer), ..row.clone() }));
        crowd.bids.extend(world.bids.iter().map(|row| Bid { customer: of(row.customer), ..row.clone() }));
    }
    tidy(crowd, &Question { as_of: 0, ..question.clone() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rows_that_wait_on_disk_give_the_same_table(
        raw in raw_world(),
        question in question(),
        writers in 1_usize..4,
        expected_rows in prop_oneof![Just(1_u64), Just(300_000)],
        batch_rows in 1_usize..60,
    ) {
        let world = crowd(&tidy(raw, &question), &question);
        let tight = Route { expected_rows, writers, batch_rows, memory_bytes: 60_000, kept: expected_rows % 2 == 0 };
        let plain = fold(&config(&question), &question, &world, &PLAIN).unwrap();
        let (table, folded) = fold(&config(&question), &question, &world, &tight).unwrap();
        prop_assert_eq!(plain.1.spilled_bytes, 0);
        let rows = world.transactions.len() * usize::from(question.has(SourceKind::Transactions));
        prop_assert!(folded.spilled_bytes > 0 || rows < 2_000, "nothing waited on disk");
        prop_assert_eq!(table, plain.0);
        prop_assert_eq!(folded.duplicates, plain.1.duplicates);
    }
}
