//! Random worlds: few customers, few ids, few days, so that everything meets everything.

use std::collections::BTreeMap;

use appraise_testutils::delivery::delivered;
use appraise_testutils::naive::Question;
use appraise_testutils::world::{
    Bid, Customer, DAY_MICROS, Delivery, Interaction, Invoice, Lot, SourceRow, Transaction, World,
};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::questions::ATTRIBUTES;

/// Days before the date of the run at which something ends or begins: windows, years, terms.
const EDGES: [i32; 30] = [
    0, 1, 2, 6, 7, 8, 13, 14, 15, 29, 30, 31, 59, 60, 61, 89, 90, 91, 179, 180, 181, 363, 364, 365, 366, 729, 730, 731,
    1_824, 1_825,
];

/// A day, relative to the date of the run: mostly shortly before, at times after.
fn day() -> impl Strategy<Value = i32> {
    prop_oneof![
        8 => -14..=0_i32,
        4 => select(&EDGES).prop_map(|days| -days),
        4 => -750..=0_i32,
        1 => 1..=3_i32,
        1 => -2_500..=0_i32,
    ]
}

/// An instant, relative to the date of the run; seconds around noon, so that some are equal and some a minute apart.
fn instant() -> impl Strategy<Value = i64> {
    let days = prop_oneof![6 => -4..=1_i32, 1 => day()];
    let seconds = prop_oneof![4 => select(&[-3_600_i64, -61, -60, -59, -1, 0, 1]), 1 => -43_200..43_200_i64];
    (days, seconds).prop_map(|(day, seconds)| i64::from(day) * DAY_MICROS + (43_200 + seconds) * 1_000_000)
}

/// Few customers with much, some with little.
fn customer() -> impl Strategy<Value = i64> {
    prop_oneof![9 => -2..3_i64, 1 => 3..40_i64]
}

fn lot_id() -> impl Strategy<Value = i64> {
    0..4_i64
}

/// An amount; a few come often.
fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![4 => select(&[0_i64, 100, 250, 1_000]), 2 => 0..5_000_i64, 1 => Just(1_000_000)]
}

fn text(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(texts).prop_map(str::to_owned)
}

fn delivery() -> impl Strategy<Value = Delivery> {
    (weighted(0.9, 0..5_i64), prop::bool::weighted(0.15))
        .prop_map(|(loaded_at, withdrawn)| Delivery { loaded_at, withdrawn })
}

fn transaction() -> impl Strategy<Value = Transaction> {
    let signed =
        (amount(), prop::bool::weighted(0.2)).prop_map(|(minor, negative)| if negative { -minor } else { minor });
    let refund = weighted(0.8, prop::bool::weighted(0.2));
    let ids = (weighted(0.7, 0..8_i64), weighted(0.7, -1..5_i64), weighted(0.5, lot_id()), weighted(0.5, -1..8_i64));
    let earned = (weighted(0.8, -90..300_i64), weighted(0.6, 0..50_i64));
    let goods = (weighted(0.8, text(&["art", "coins", "Äpfel", ""])), weighted(0.8, select(&[1.0, 2.0, -2.0, 0.5])));
    (customer(), day(), signed, refund, ids, earned, goods, delivery()).prop_map(
        |(customer, day, amount, refund, ids, (margin, cost), (category, quantity), delivery)| {
            let (transaction_id, order_id, lot_id, refund_of) = ids;
            Transaction {
                customer,
                day,
                amount,
                transaction_id,
                order_id,
                lot_id,
                refund,
                refund_of,
                margin,
                cost,
                category,
                quantity,
                delivery,
            }
        },
    )
}

/// What a transaction is followed by.
#[derive(Debug, Clone)]
enum Echo {
    /// A refund that mirrors it, so many days later.
    Refund(i32),
    /// The same purchase once more, so many days later and under another order and id.
    Twin(i32, Option<i64>, Option<i64>),
}

fn echo() -> impl Strategy<Value = Echo> {
    prop_oneof![
        (-1..3_i32).prop_map(Echo::Refund),
        (0..2_i32, weighted(0.8, -1..5_i64), weighted(0.7, 8..20_i64))
            .prop_map(|(days, order, id)| Echo::Twin(days, order, id)),
    ]
}

fn follow(row: &Transaction, echo: &Echo) -> Transaction {
    let row = row.clone();
    match *echo {
        Echo::Refund(days) => Transaction {
            day: row.day + days,
            amount: -row.amount.abs(),
            quantity: row.quantity.map(|quantity| -quantity),
            transaction_id: None,
            refund_of: None,
            ..row
        },
        Echo::Twin(days, order_id, transaction_id) => {
            Transaction { day: row.day + days, order_id, transaction_id, ..row }
        }
    }
}

fn transactions() -> impl Strategy<Value = Vec<Transaction>> {
    (vec(transaction(), 0..60), vec((any::<Index>(), echo()), 0..20)).prop_map(|(mut rows, echoes)| {
        for (index, echo) in &echoes {
            if !rows.is_empty() {
                rows.push(follow(index.get(&rows), echo));
            }
        }
        rows
    })
}

fn customers_row() -> impl Strategy<Value = Customer> {
    let times = (weighted(0.7, day()), weighted(0.9, select(&[-30, -2, -1, 0, 1])));
    let money = (weighted(0.8, -10..3_000_i64), weighted(0.8, -10..30_000_i64));
    let judged = (weighted(0.8, any::<bool>()), weighted(0.8, -5.0..5.0_f64), weighted(0.8, text(&["", "pots"])));
    let attributes =
        [text(&["art", "tin", "lead"]), text(&["art", "north", "south"])].map(|value| weighted(0.8, value));
    (customer(), times, money, judged, attributes, delivery()).prop_map(
        |(customer, times, (credit_limit, market_total), judged, attributes, delivery)| {
            let (registered_at, valid_from) = times;
            let (opted_out, manager_rating, stated_needs) = judged;
            let attributes = ATTRIBUTES.iter().zip(attributes);
            let attributes = attributes.filter_map(|(name, value)| Some(((*name).to_owned(), value?))).collect();
            Customer {
                customer,
                registered_at,
                credit_limit,
                opted_out,
                manager_rating,
                stated_needs,
                market_total,
                valid_from,
                attributes,
                delivery,
            }
        },
    )
}

fn interaction() -> impl Strategy<Value = Interaction> {
    let kind = text(&["call", "email", "event", "event", "visit", "registration", "registration", "feedback", "fax"]);
    let answers = (weighted(0.7, any::<bool>()), weighted(0.6, -3.0..10.0_f64));
    (customer(), day(), kind, weighted(0.7, 0..9_i64), answers, delivery()).prop_map(
        |(customer, day, kind, interaction_id, (responded, feedback_score), delivery)| Interaction {
            customer,
            day,
            kind,
            interaction_id,
            responded,
            feedback_score,
            delivery,
        },
    )
}

fn lot() -> impl Strategy<Value = Lot> {
    let estimate = || prop_oneof![1 => Just(0_i64), 3 => -100..900_i64];
    let estimates = (weighted(0.8, estimate()), weighted(0.8, estimate()));
    let results = (weighted(0.7, amount()), weighted(0.7, 0..400_i64), weighted(0.8, text(&["sold", "bought_in"])));
    (
        lot_id(),
        weighted(0.8, customer()),
        weighted(0.8, 0..3_i64),
        weighted(0.8, instant()),
        estimates,
        results,
        delivery(),
    )
        .prop_map(|(lot_id, consignor_id, sale_id, closes_at, estimates, results, delivery)| {
            let ((estimate_low, estimate_high), (hammer, commission, outcome)) = (estimates, results);
            Lot {
                lot_id,
                consignor_id,
                sale_id,
                closes_at,
                estimate_low,
                estimate_high,
                hammer,
                commission,
                outcome,
                delivery,
            }
        })
}

fn bid() -> impl Strategy<Value = Bid> {
    (customer(), 0..5_i64, instant(), amount(), weighted(0.6, 0..12_i64), delivery()).prop_map(
        |(customer, lot_id, time, amount, bid_id, delivery)| Bid { customer, lot_id, time, amount, bid_id, delivery },
    )
}

fn invoice() -> impl Strategy<Value = Invoice> {
    let due_at = prop_oneof![2 => -16..=20_i32, 2 => day()];
    let signed = prop_oneof![9 => amount(), 1 => -300..0_i64];
    let ends = [0.3, 0.2, 0.35, 0.15].map(|share| weighted(share, day()));
    let more = (weighted(0.6, lot_id()), weighted(0.5, 0..200_i64));
    (customer(), 0..12_i64, day(), due_at, signed, ends, more, delivery()).prop_map(
        |(customer, invoice_id, day, due_at, amount, ends, (lot_id, deposit), delivery)| {
            let [paid_at, disputed_at, cancelled_at, written_off_at] = ends;
            Invoice {
                customer,
                invoice_id,
                day,
                due_at,
                amount,
                lot_id,
                paid_at,
                disputed_at,
                cancelled_at,
                written_off_at,
                deposit,
                delivery,
            }
        },
    )
}

/// Rows as they come; days count from the date of the run. See [`tidy`].
pub(crate) fn raw_world() -> impl Strategy<Value = World> {
    (
        transactions(),
        vec(customers_row(), 0..12),
        vec(interaction(), 0..30),
        vec(lot(), 0..9),
        vec(bid(), 0..40),
        vec(invoice(), 0..30),
    )
        .prop_map(|(transactions, customers, interactions, lots, bids, invoices)| World {
            transactions,
            customers,
            interactions,
            lots,
            bids,
            invoices,
        })
}

/// `world` at the date of the question and without its columns that are not mapped, where rows that share an identity
/// are equal or, where the newest counts, were delivered at different times.
pub(crate) fn tidy(world: World, question: &Question) -> World {
    // Rows that are not known yet stay: whether the naive fold leaves them out is not asked twice.
    let mut world = shifted(world, question.as_of);
    same_identity_same_row(&mut world.transactions, question);
    same_identity_same_row(&mut world.customers, question);
    same_identity_same_row(&mut world.interactions, question);
    same_identity_same_row(&mut world.lots, question);
    same_identity_same_row(&mut world.bids, question);
    same_identity_same_row(&mut world.invoices, question);
    world
}

/// `world`, its days counted from 1970-01-01.
fn shifted(mut world: World, as_of: i32) -> World {
    let (days, micros) = (as_of, i64::from(as_of) * DAY_MICROS);
    let later = |day: &mut Option<i32>| *day = day.map(|day| day + days);
    world.transactions.iter_mut().for_each(|row| row.day += days);
    world.interactions.iter_mut().for_each(|row| row.day += days);
    world.bids.iter_mut().for_each(|row| row.time += micros);
    world.lots.iter_mut().for_each(|row| row.closes_at = row.closes_at.map(|time| time + micros));
    for row in &mut world.customers {
        later(&mut row.registered_at);
        later(&mut row.valid_from);
    }
    for row in &mut world.invoices {
        row.day += days;
        row.due_at += days;
        for day in [&mut row.paid_at, &mut row.disputed_at, &mut row.cancelled_at, &mut row.written_off_at] {
            later(day);
        }
    }
    world
}

/// Of rows that share their identity (and, where the newest counts, the time of delivery), all are the first.
fn same_identity_same_row<R: SourceRow>(rows: &mut [R], question: &Question) {
    let latest = question.takes_latest(R::SOURCE);
    let mut first: BTreeMap<_, R> = BTreeMap::new();
    for row in rows {
        let mut seen = row.clone();
        for column in R::SOURCE.columns().iter().filter(|column| !question.maps(R::SOURCE, column.name)) {
            seen.clear(column.name);
        }
        if let Some(identity) = seen.identity() {
            let loaded_at = if latest { seen.delivery().loaded_at } else { None };
            let same = first.entry((identity, loaded_at)).or_insert_with(|| row.clone()).clone();
            let delivery = if latest { same.delivery() } else { row.delivery() };
            *row = same;
            *row.delivery_mut() = delivery;
        }
    }
}

/// Purchases that a refund mirrors alike are alike in all that tells whether it took the one or the other.
pub(crate) fn without_ambiguous_mirrors(mut world: World, question: &Question) -> World {
    let known = delivered(&world, question);
    world.transactions = known.transactions;
    let mut first: BTreeMap<_, Transaction> = BTreeMap::new();
    for row in world.transactions.iter_mut().filter(|row| row.transaction_id.is_none() && row.quantity.is_some()) {
        let quantity = row.quantity.unwrap_or_default().abs().to_bits();
        let alike = (row.customer, row.day, row.amount, row.order_id, row.category.clone(), quantity);
        let same = first.entry(alike).or_insert_with(|| row.clone());
        (row.margin, row.lot_id) = (same.margin, same.lot_id);
    }
    world
}
