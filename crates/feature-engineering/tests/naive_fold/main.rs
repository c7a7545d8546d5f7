//! The fold against a naive one, on random auction houses, however their rows are cut, shuffled and shared among
//! writers.
#![expect(clippy::unwrap_used, reason = "a test that can't set up its world should fail")]

mod edges;
mod questions;
mod run;
mod worlds;

use std::collections::{BTreeMap, BTreeSet};

use appraise_feature_engineering::{FamilyKind, FeatureConfig};

use appraise_testutils::naive::{self, Question, Row, agree};
use appraise_testutils::world::{World, text_key};
use arrow::array::RecordBatch;
use proptest::prelude::*;
use proptest::sample::Index;

use questions::{config, question};
use run::{PLAIN, Route, fold, keys, route, rows_by_key};
use worlds::{raw_world, tidy, without_ambiguous_mirrors};

/// Random cases of each property.
const CASES: u32 = 300;

fn table(question: &Question, world: &World, route: &Route) -> RecordBatch {
    fold(&config(question), question, world, route).unwrap().0
}

/// Every cell that is not what the naive fold says, in words.
fn disagreements(expected: &BTreeMap<String, Row>, read: &BTreeMap<String, Row>) -> Vec<String> {
    let keys: BTreeSet<&String> = expected.keys().chain(read.keys()).collect();
    let none = Row::new();
    let mut differ = Vec::new();
    for key in keys {
        let (expected, read) = (expected.get(key).unwrap_or(&none), read.get(key).unwrap_or(&none));
        let columns: BTreeSet<&String> = expected.keys().chain(read.keys()).collect();
        for column in columns {
            let (expected, read) = (expected.get(column), read.get(column));
            if !expected.zip(read).is_some_and(|(expected, read)| agree(expected, read)) {
                differ.push(format!("{key} {column}: expected {expected:?}, read {read:?}"));
            }
        }
    }
    differ
}

fn expected(world: &World, question: &Question) -> BTreeMap<String, Row> {
    naive::fold(world, question).into_iter().map(|(customer, row)| (text_key(customer), row)).collect()
}

/// The same rows in another order.
fn turned(world: &World, by: Index) -> World {
    fn turn<R: Clone>(rows: &[R], by: Index) -> Vec<R> {
        let mut rows = rows.to_vec();
        if !rows.is_empty() {
            let middle = by.index(rows.len());
            rows.rotate_left(middle);
            rows.reverse();
        }
        rows
    }
    World {
        transactions: turn(&world.transactions, by),
        customers: turn(&world.customers, by),
        interactions: turn(&world.interactions, by),
        lots: turn(&world.lots, by),
        bids: turn(&world.bids, by),
        invoices: turn(&world.invoices, by),
    }
}

/// The columns `names` of a table.
fn project(table: &RecordBatch, names: &BTreeSet<String>) -> Vec<(String, Vec<u8>)> {
    let schema = table.schema();
    let kept = schema.fields().iter().zip(table.columns()).filter(|(field, _)| names.contains(field.name()));
    kept.map(|(field, column)| (field.name().clone(), format!("{column:?}").into_bytes())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn every_column_equals_the_naive_fold(raw in raw_world(), question in question(), route in route()) {
        let world = without_ambiguous_mirrors(tidy(raw, &question), &question);
        let table = table(&question, &world, &route);
        let differ = disagreements(&expected(&world, &question), &rows_by_key(&table, question.key_type));
        prop_assert!(differ.is_empty(), "{}", differ.join("\n"));
        let mut customers: Vec<i64> = naive::fold(&world, &question).into_keys().collect();
        customers.sort_by_key(|customer| question.rank(*customer));
        let order: Vec<String> = customers.into_iter().map(text_key).collect();
        prop_assert_eq!(keys(&table, question.key_type), order);
    }

    #[test]
    fn the_table_does_not_depend_on_the_route(
        raw in raw_world(),
        question in question(),
        routes in prop::collection::vec(route(), 2),
        by in any::<Index>(),
    ) {
        let world = tidy(raw, &question);
        let one = table(&question, &world, &routes[0]);
        let other = table(&question, &turned(&world, by), &routes[1]);
        prop_assert_eq!(one, other);
    }

    #[test]
    fn duplicates_are_counted_with_their_money(raw in raw_world(), question in question(), route in route()) {
        let world = tidy(raw, &question);
        let (_, folded) = fold(&config(&question), &question, &world, &route).unwrap();
        for (source, dropped) in naive::dropped(&world, &question) {
            let counted = folded.duplicates.get(&source).copied().unwrap_or_default();
            let money = if source.amount().is_some() { counted.tally.minor } else { 0 };
            let counted = naive::Dropped { rows: counted.tally.rows, minor: money, refunds: counted.refunds };
            prop_assert_eq!(counted, dropped, "{}", source.name());
        }
    }

    #[test]
    fn what_is_left_out_changes_nothing_else(
        raw in raw_world(),
        question in question(),
        families in prop::sample::subsequence(FamilyKind::ALL.to_vec(), 1..9),
        wanted in prop::collection::vec(any::<Index>(), 0..4),
    ) {
        let world = tidy(raw, &question);
        let whole = config(&question);
        let (all, folded) = fold(&whole, &question, &world, &PLAIN).unwrap();
        let names: Vec<String> = all.schema().fields().iter().map(|field| field.name().clone()).collect();
        let only: BTreeSet<String> = wanted.iter().map(|index| index.get(&names).clone()).collect();
        let leave_out = families.iter().map(|family| family.name().to_owned()).collect();
        let fewer = [
            FeatureConfig { only: Some(only), ..whole.clone() },
            FeatureConfig { leave_out, ..whole },
        ];
        for config in fewer {
            let (some, fewer) = fold(&config, &question, &world, &PLAIN).unwrap();
            prop_assert_eq!(&fewer.duplicates, &folded.duplicates);
            let names = some.schema().fields().iter().map(|field| field.name().clone()).collect();
            prop_assert_eq!(project(&some, &names), project(&all, &names));
        }
    }
}
