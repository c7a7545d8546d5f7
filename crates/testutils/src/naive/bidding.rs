//! How the customer bids, and what he gives to sell.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use appraise_schema::SourceKind::{Bids, Interactions, Lots, Transactions};

use super::cell::{Columns, quotient, sum, wide};
use super::distinct::is_refund;
use super::subject::Subject;
use crate::world::{Lot, day_of};

pub(super) fn fold(subject: &Subject<'_>, out: &mut Columns) {
    let maps = |source, column| subject.question.maps(source, column);
    if subject.question.has(Bids) {
        bids(subject, out);
        if maps(Transactions, "lot_id") {
            wins(subject, out);
        }
        if maps(Lots, "closes_at") {
            late_bids(subject, out);
        }
        if subject.question.has(Interactions) {
            registrations(subject, out);
        }
    }
    if maps(Lots, "consignor_id") {
        consigned(subject, out);
    }
}

fn bids(subject: &Subject<'_>, out: &mut Columns) {
    let lots = lots_bid(subject);
    out.count("bids", subject.bids.len());
    out.count("lots_bid", lots.len());
    out.ratio("bids_per_lot", wide(subject.bids.len()), wide(lots.len()));
    let last = subject.bids.iter().map(|bid| day_of(bid.time)).max();
    out.day("days_since_last_bid", last.map(|last| subject.question.as_of - last));
    if subject.question.maps(Lots, "sale_id") {
        let sales: BTreeSet<i64> = lots.iter().filter_map(|id| lot(subject, *id)?.sale_id).collect();
        out.count("sales_attended", sales.len());
    }
}

fn wins(subject: &Subject<'_>, out: &mut Columns) {
    let (bid, won) = (lots_bid(subject), lots_won(subject));
    out.count("lots_won", won.len());
    out.ratio("win_rate", wide(bid.intersection(&won).count()), wide(bid.len()));
    let under: Vec<i64> =
        bid.iter().copied().filter(|lot| underbidder(subject, *lot) == Some(subject.customer)).collect();
    out.count("underbids", under.len());
    let best = under.iter().filter_map(|lot| best_bid(subject, subject.customer, *lot));
    out.whole("underbid_value", Some(sum(best.map(|(amount, _)| amount))));
    if ["hammer", "estimate_low", "estimate_high"].iter().all(|column| subject.question.maps(Lots, column)) {
        let (mut hammers, mut estimates) = (0, 0);
        for lot in won.iter().filter_map(|id| lot(subject, *id)) {
            if let (Some(hammer), Some(low), Some(high)) = (lot.hammer, lot.estimate_low, lot.estimate_high)
                && low + high > 0
            {
                hammers += i128::from(hammer);
                estimates += i128::from(low) + i128::from(high);
            }
        }
        out.quotient("hammer_to_estimate", quotient(2 * hammers, estimates));
    }
}

fn late_bids(subject: &Subject<'_>, out: &mut Columns) {
    let (mut late, mut known) = (0, 0);
    for bid in &subject.bids {
        if let Some(closes_at) = lot(subject, bid.lot_id).and_then(|lot| lot.closes_at) {
            known += 1;
            if closes_at - bid.time <= subject.question.late_bid_seconds * 1_000_000 {
                late += 1;
            }
        }
    }
    out.ratio("late_bid_share", late, known);
}

fn registrations(subject: &Subject<'_>, out: &mut Columns) {
    let question = subject.question;
    let days: Vec<i32> =
        subject.interactions.iter().filter(|row| row.kind == "registration").map(|row| row.day).collect();
    out.count("registrations", days.len());
    let ripe: Vec<i32> = days.into_iter().filter(|day| question.as_of - day >= question.no_show_days).collect();
    let showed = |from: i32| {
        let mut bids = subject.bids.iter().map(|bid| day_of(bid.time));
        bids.any(|day| day >= from && day <= from + question.no_show_days)
    };
    out.ratio("no_show_rate", wide(ripe.iter().filter(|day| !showed(**day)).count()), wide(ripe.len()));
}

fn consigned(subject: &Subject<'_>, out: &mut Columns) {
    let maps = |column| subject.question.maps(Lots, column);
    let sold: Vec<&&Lot> = subject.consigned.iter().filter(|lot| subject.is_sold(lot)).collect();
    let known = |lot: &Lot| match (maps("outcome"), maps("closes_at")) {
        (true, _) => lot.outcome.is_some(),
        (false, true) => lot.closes_at.is_some() || subject.is_sold(lot),
        (false, false) => true,
    };
    out.count("lots_consigned", subject.consigned.len());
    out.count("lots_consigned_sold", sold.len());
    out.ratio("sell_through_rate", wide(sold.len()), wide(subject.consigned.iter().filter(|lot| known(lot)).count()));
    if maps("commission") {
        out.whole("commission_total", Some(sum(sold.iter().filter_map(|lot| lot.commission))));
    }
}

fn lot<'a>(subject: &Subject<'a>, id: i64) -> Option<&'a Lot> {
    subject.world.lots.iter().find(|lot| lot.lot_id == id)
}

fn lots_bid(subject: &Subject<'_>) -> BTreeSet<i64> {
    subject.bids.iter().map(|bid| bid.lot_id).collect()
}

fn lots_won(subject: &Subject<'_>) -> BTreeSet<i64> {
    subject.purchases.iter().filter_map(|purchase| purchase.row.lot_id).collect()
}

/// A bidder's highest bid on a lot, and when he first made it.
fn best_bid(subject: &Subject<'_>, customer: i64, lot: i64) -> Option<(i64, i64)> {
    let own = subject.world.bids.iter().filter(|bid| bid.customer == customer && bid.lot_id == lot);
    own.map(|bid| (bid.amount, bid.time)).max_by_key(|(amount, time)| (*amount, Reverse(*time)))
}

/// Who bid highest of those who did not win the lot, if somebody did.
fn underbidder(subject: &Subject<'_>, lot: i64) -> Option<i64> {
    let world = subject.world;
    let purchases = world.transactions.iter().filter(|row| !is_refund(row) && row.lot_id == Some(lot));
    let winners: BTreeSet<i64> = purchases.map(|row| row.customer).collect();
    if winners.is_empty() {
        return None;
    }
    let bidders: BTreeSet<i64> = world.bids.iter().filter(|bid| bid.lot_id == lot).map(|bid| bid.customer).collect();
    bidders.difference(&winners).copied().max_by_key(|bidder| {
        let (amount, time) = best_bid(subject, *bidder, lot).unwrap_or_default();
        (amount, Reverse(time), Reverse(subject.question.rank(*bidder)))
    })
}
