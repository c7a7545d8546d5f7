//! Hand-computed bids and lots.

use proptest::prelude::*;

use super::*;
use crate::family::FamilyKind::Bidding as Kind;
use crate::family::fixture::{AS_OF, config, folded, names, shown};
use crate::history::{Interactions, Transactions};

const LOTS: &[&str] = &[
    "lot_id",
    "consignor_id",
    "sale_id",
    "closes_at",
    "estimate_low",
    "estimate_high",
    "hammer",
    "commission",
    "outcome",
];

/// Everything is mapped.
fn everything() -> FeatureConfig {
    config(&[
        (SourceKind::Transactions, &["customer_id", "time", "amount", "lot_id"]),
        (SourceKind::Interactions, &["customer_id", "time", "kind"]),
        (SourceKind::Lots, LOTS),
        (SourceKind::Bids, &["customer_id", "lot_id", "time", "amount"]),
    ])
}

/// A book of lots in rows 0, 1, 2 … by identity 1, 2, 3 …
fn book(lots: Vec<Lot>) -> LotBook {
    let by_id = (0..).zip(&lots).map(|(row, _)| (u128::from(row) + 1, row)).collect();
    LotBook { lots, by_id }
}

fn bids<'a>(days: &'a [i32], lots: &'a [u128], amounts: &'a [i64]) -> History<'a> {
    History { bids: Bids { days, instants: None, lots, amounts }, ..History::default() }
}

fn bought<'a>(days: &'a [i32], lots: &'a [u128]) -> Transactions<'a> {
    Transactions { days, lots: Some(lots), ..Transactions::default() }
}

#[track_caller]
fn check(context: &Context, history: &History<'_>, expected: &[(&str, &str)]) {
    let found = folded(Kind, &everything(), context, &[*history]);
    for (column, value) in expected {
        assert_eq!(shown(&found, column), [*value], "{column}");
    }
}

fn is_underbidder(underbids: &Underbids, lot: u128, customer: u64) -> bool {
    underbids.of(customer).any(|of| of == lot)
}

/// Surveys the customers, each its own part of the survey, merged in the order given.
fn survey(histories: &[History<'_>]) -> Underbids {
    let mut survey = LotSurvey::default();
    for history in histories {
        let mut part = LotSurvey::default();
        part.observe(history);
        survey.merge(part);
    }
    survey.finish()
}

#[test]
fn columns_follow_what_is_mapped() {
    let mut config = everything();
    let (fixed, own) = names(Kind, &config);
    let by_table = [
        "bids",
        "lots_bid",
        "bids_per_lot",
        "days_since_last_bid",
        "sales_attended",
        "lots_won",
        "win_rate",
        "underbids",
        "underbid_value",
        "hammer_to_estimate",
        "late_bid_share",
        "registrations",
        "no_show_rate",
        "lots_consigned",
        "lots_consigned_sold",
        "sell_through_rate",
        "commission_total",
    ];
    assert_eq!((fixed.as_slice(), own.len()), (by_table.map(str::to_owned).as_slice(), 0));
    let lots = config.mapped.remove(&SourceKind::Lots).unwrap();
    config.mapped.remove(&SourceKind::Interactions);
    assert_eq!(names(Kind, &config).0, [&by_table[..4], &by_table[5..9]].concat());
    config.mapped.remove(&SourceKind::Transactions);
    assert_eq!(names(Kind, &config).0, by_table[..4]);
    config.mapped.remove(&SourceKind::Bids);
    assert_eq!(columns(&config), FamilyColumns::default());
    config.mapped.insert(SourceKind::Lots, lots);
    assert_eq!(names(Kind, &config).0, by_table[13..]);
}

#[test]
fn the_survey_and_instants_are_asked_for_where_they_count() {
    let instant = (SourceKind::Bids, "time".to_owned(), Form::Instant);
    let lot = (SourceKind::Transactions, "lot_id".to_owned(), Form::Id);
    let cases = [
        ("underbids", true, true, true),
        ("underbid_value", true, true, true),
        ("late_bid_share", false, true, false),
        ("lots_won", false, false, true),
        ("lots_bid", false, false, false),
    ];
    for (column, surveyed, instants, lots_won) in cases {
        let config = FeatureConfig { only: Some([column.to_owned()].into()), ..everything() };
        let needs = needs(&config);
        assert_eq!(Kind.surveys(&config), surveyed, "{column}");
        assert_eq!((needs.contains(&instant), needs.contains(&lot)), (instants, lots_won), "{column}");
    }
    let mut config = everything();
    config.mapped.insert(SourceKind::Transactions, ["amount".to_owned()].into());
    assert!(!Kind.surveys(&config));
}

#[test]
fn bids_are_counted_by_lot_and_sale() {
    let lots = vec![Lot { sale: 70, ..Lot::default() }, Lot { sale: 70, ..Lot::default() }, Lot::default()];
    let context = Context { lots: book(lots), ..Context::default() };
    // Lots 1 and 2 are in one sale, that of lot 3 is not known, and lot 9 is not in the book.
    let history = bids(&[1, 2, 3, 4, AS_OF - 8], &[1, 1, 2, 3, 9], &[5; 5]);
    let expected = [
        ("bids", "5"),
        ("lots_bid", "4"),
        ("bids_per_lot", "1.25"),
        ("days_since_last_bid", "8"),
        ("sales_attended", "1"),
    ];
    check(&context, &history, &expected);
    let nothing = [
        ("bids", "0"),
        ("lots_bid", "0"),
        ("bids_per_lot", "-"),
        ("days_since_last_bid", "-"),
        ("sales_attended", "0"),
        ("lots_won", "0"),
        ("win_rate", "-"),
        ("underbids", "0"),
        ("underbid_value", "0.00"),
        ("hammer_to_estimate", "-"),
        ("late_bid_share", "-"),
        ("registrations", "0"),
        ("no_show_rate", "-"),
        ("lots_consigned", "0"),
        ("lots_consigned_sold", "0"),
        ("sell_through_rate", "-"),
        ("commission_total", "0.00"),
    ];
    check(&context, &History::default(), &nothing);
}

#[test]
fn a_reversed_purchase_was_won_too() {
    let mut history = bids(&[1, 2, 3, 4], &[1, 2, 3, 4], &[5; 4]);
    // Lot 8 was bought without a bid; a purchase without a lot wins nothing.
    history.purchases = bought(&[5, 5, 6], &[1, 8, NO_ID]);
    history.reversed = bought(&[5, 6], &[1, 2]);
    check(&Context::default(), &history, &[("lots_won", "3"), ("win_rate", "0.5")]);
}

#[test]
fn the_highest_loser_is_the_underbidder() {
    let loser = bids(&[1, 3, 4], &[1, 1, 2], &[50, 90, 70]);
    let winner = History { customer: 1, purchases: bought(&[9], &[1]), ..bids(&[2], &[1], &[100]) };
    let other = History { customer: 2, ..bids(&[2], &[1], &[80]) };
    let underbids = survey(&[loser, winner, other]);
    // Nobody won lot 2.
    let found: Vec<bool> = (0..3).map(|customer| is_underbidder(&underbids, 1, customer)).collect();
    assert_eq!(found, [true, false, false]);
    assert!(!is_underbidder(&underbids, 2, 0));
    let context = Context { underbids, ..Context::default() };
    check(&context, &loser, &[("underbids", "1"), ("underbid_value", "0.90")]);
    check(&context, &winner, &[("underbids", "0"), ("underbid_value", "0.00")]);
    check(&context, &other, &[("underbids", "0"), ("underbid_value", "0.00")]);
}

#[test]
fn winners_are_passed_over_however_many() {
    let winner = |customer| History { customer, reversed: bought(&[9], &[1]), ..bids(&[2], &[1], &[100]) };
    let loser = History { customer: 5, ..bids(&[1], &[1], &[-3]) };
    assert!(is_underbidder(&survey(&[winner(0), winner(1), winner(2), loser]), 1, 5));
    // Where all bidders won, nobody came second.
    assert_eq!(survey(&[winner(0), winner(1)]), Underbids::default());
}

#[test]
fn of_equal_bids_the_first_leads_then_the_first_customer() {
    let winner = History { customer: 9, purchases: bought(&[9], &[1]), ..History::default() };
    let timed = |customer, days, instants| History {
        customer,
        bids: Bids { days, instants: Some(instants), lots: &[1, 1], amounts: &[70, 70] },
        ..History::default()
    };
    // The earlier of the two equal bids of a customer counts, wherever it stands.
    let first = timed(4, &[5, 5], &[200, 100]);
    let second = timed(3, &[5, 5], &[101, 102]);
    let same = timed(2, &[5, 5], &[101, 101]);
    assert!(is_underbidder(&survey(&[winner, second, first, same]), 1, 4));
    assert!(is_underbidder(&survey(&[same, winner, second]), 1, 2));
    let by_day = |customer, day| History { customer, ..bids(day, &[1], &[70]) };
    assert!(is_underbidder(&survey(&[winner, by_day(3, &[6]), by_day(4, &[5]), by_day(5, &[5])]), 1, 4));
}

#[test]
fn hammer_is_compared_where_all_is_known() {
    let lot = |hammer, estimate_low, estimate_high| Lot { estimate_low, estimate_high, hammer, ..Lot::default() };
    let lots = vec![
        lot(300, 100, 201),
        lot(50, 10, 10),
        lot(NO_MONEY, 1, 2),
        lot(1, NO_MONEY, 9),
        lot(1, 9, NO_MONEY),
        lot(7, 0, 0),
        lot(7, -5, 3),
        lot(1_000_000, 1, 1),
    ];
    let context = Context { lots: book(lots), ..Context::default() };
    // Lot 8 was not won, lot 99 is not in the book.
    let history = History { purchases: bought(&[1; 8], &[1, 2, 3, 4, 5, 6, 7, 99]), ..History::default() };
    check(&context, &history, &[("hammer_to_estimate", &(700.0_f64 / 321.0).to_string())]);
}

#[test]
fn a_bid_is_late_up_to_the_limit_and_after_the_close() {
    let close = 1_000_000_000;
    let lots = vec![Lot { closes_at: close, ..Lot::default() }, Lot::default()];
    let context = Context { lots: book(lots), ..Context::default() };
    let mut history = bids(&[1; 6], &[1, 1, 1, 1, 2, 7], &[5; 6]);
    let minute = 60_000_000;
    // The close of lot 2 is not known, lot 7 is not in the book.
    let instants = [close - minute - 1, close - minute, close, close + 5, close, close];
    history.bids.instants = Some(&instants);
    check(&context, &history, &[("late_bid_share", "0.75")]);
}

#[test]
fn a_registration_without_a_bid_in_time_is_a_no_show() {
    let context = Context { registration_symbol: 3, ..Context::default() };
    let days = [AS_OF - 100, AS_OF - 99, AS_OF - 31, AS_OF - 30, AS_OF - 29, AS_OF];
    let history = History {
        interactions: Interactions { days: &days, kinds: &[3, 1, 3, 3, 3, 3], ..Interactions::default() },
        ..bids(&[AS_OF - 101, AS_OF - 70, AS_OF - 31], &[1; 3], &[5; 3])
    };
    // Five registrations, two of them too young. Of the other three, the first has a bid on its 30th day, the second on
    // its day, the third none.
    check(&context, &history, &[("registrations", "5"), ("no_show_rate", "0.3333333333333333")]);
    let bid_too_late = History { bids: bids(&[AS_OF - 69], &[1], &[5]).bids, ..history };
    check(&context, &bid_too_late, &[("no_show_rate", "1.0")]);
    let unheard = Context::default();
    let nameless = Interactions { kinds: &[NO_SYMBOL; 6], ..history.interactions };
    check(&unheard, &History { interactions: nameless, ..history }, &[("registrations", "0"), ("no_show_rate", "-")]);
}

#[test]
fn consigned_lots_count_once_their_outcome_is_known() {
    let lot = |sold, commission| Lot { commission, sold, ..Lot::default() };
    let lots = vec![
        lot(Some(true), 120),
        lot(Some(true), NO_MONEY),
        lot(Some(false), 999),
        lot(None, 999),
        lot(Some(true), 5),
    ];
    let context = Context { lots: book(lots), ..Context::default() };
    let history = History { consigned: &[3, 0, 1, 2], ..History::default() };
    let expected = [
        ("lots_consigned", "4"),
        ("lots_consigned_sold", "2"),
        ("sell_through_rate", "0.6666666666666666"),
        ("commission_total", "1.20"),
    ];
    check(&context, &history, &expected);
    let unknown = History { consigned: &[3], ..History::default() };
    check(&context, &unknown, &[("lots_consigned", "1"), ("sell_through_rate", "-")]);
}

#[test]
fn without_outcomes_the_close_tells_what_is_known() {
    let lot = |sold, closes_at| Lot { closes_at, sold, ..Lot::default() };
    let lots = vec![lot(Some(true), 5), lot(Some(false), 5), lot(Some(true), NO_INSTANT), lot(Some(false), NO_INSTANT)];
    let context = Context { lots: book(lots), ..Context::default() };
    let history = History { consigned: &[0, 1, 2], ..History::default() };
    let unclosed = History { consigned: &[0, 1, 2, 3], ..History::default() };
    let columns = [(SourceKind::Lots, ["lot_id", "consignor_id", "hammer", "closes_at"].as_slice())];
    let found = folded(Kind, &config(&columns), &context, &[unclosed]);
    assert_eq!(shown(&found, "sell_through_rate"), ["0.6666666666666666"]);
    let mapped: [(&[&str], &str); 3] = [
        (&["lot_id", "consignor_id", "hammer", "closes_at"], "0.6666666666666666"),
        (&["lot_id", "consignor_id", "hammer"], "0.6666666666666666"),
        (&["lot_id", "consignor_id", "outcome", "closes_at"], "0.6666666666666666"),
    ];
    for (columns, rate) in mapped {
        let found = folded(Kind, &config(&[(SourceKind::Lots, columns)]), &context, &[history]);
        assert_eq!(shown(&found, "sell_through_rate"), [rate], "{columns:?}");
    }
}

/// Bids of a few customers on few lots: customer, lot, amount, time.
type Bid = (u64, u128, i64, i64);
/// Wins: customer, lot.
type Win = (u64, u128);

fn contests() -> impl Strategy<Value = (Vec<Bid>, Vec<Win>)> {
    let bids = prop::collection::vec((0_u64..5, 1_u128..4, 0_i64..4, 0_i64..3), 0..40);
    (bids, prop::collection::vec((0_u64..5, 1_u128..4), 0..4))
}

proptest! {
    #[test]
    fn the_survey_finds_the_first_of_all_losing_bids((bids, wins) in contests(), seed in 0_usize..5) {
        let of = |customer: u64| {
            let mut own: Vec<_> = bids.iter().filter(|bid| bid.0 == customer).collect();
            let turn = seed.min(own.len());
            own.rotate_left(turn);
            own
        };
        let columns: Vec<_> = (0..5).map(|customer| {
            let own = of(customer);
            let lots: Vec<u128> = own.iter().map(|bid| bid.1).collect();
            let amounts: Vec<i64> = own.iter().map(|bid| bid.2).collect();
            let instants: Vec<i64> = own.iter().map(|bid| bid.3).collect();
            let won: Vec<u128> = wins.iter().filter(|win| win.0 == customer).map(|win| win.1).collect();
            (customer, vec![0; lots.len()], lots, amounts, instants, won)
        }).collect();
        let mut histories: Vec<History<'_>> = columns.iter().map(|(customer, days, lots, amounts, instants, won)| History {
            customer: *customer,
            bids: Bids { days, instants: Some(instants), lots, amounts },
            purchases: Transactions { lots: Some(won), ..Transactions::default() },
            ..History::default()
        }).collect();
        histories.rotate_left(seed);
        let found = survey(&histories);
        for lot in 1..4 {
            let losing = bids.iter().filter(|bid| bid.1 == lot && !wins.contains(&(bid.0, lot)));
            let first = losing.min_by_key(|bid| (-bid.2, bid.3, bid.0)).map(|bid| bid.0);
            let expected = first.filter(|_| wins.iter().any(|win| win.1 == lot));
            for customer in 0..5 {
                prop_assert_eq!(is_underbidder(&found, lot, customer), expected == Some(customer), "{} {}", lot, customer);
            }
        }
    }
}
