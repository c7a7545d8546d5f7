//! Values worked out by hand.

use appraise_schema::{PurchasePeriod, SourceKind, TimeUnit};

use super::fixture::{NULL, Rows, assert_row, config, fold, lots, names, row, standing};
use super::*;
use crate::family::FamilyKind;
use crate::lots::Lot;

fn of(config: &FeatureConfig, history: &History<'_>) -> std::collections::BTreeMap<String, String> {
    row(FamilyKind::Purchase, config, &Context::default(), history)
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

#[test]
fn columns_stand_in_the_order_of_the_documentation() {
    let config = config("2024-12-31", &["margin"]);
    let columns = columns(&config);
    let fixed: Vec<&str> = columns.fixed.iter().map(|column| column.name.as_str()).collect();
    let text = "first_purchase_date last_purchase_date days_since_last_purchase frequency recency customer_age \
        monetary_value orders lines purchase_periods total_revenue average_order_value first_purchase_amount \
        largest_purchase refund_count refund_total net_revenue reversed_lines reversed_revenue spend_slope \
        spend_slope_se q1_revenue_share q2_revenue_share q3_revenue_share q4_revenue_share gross_margin";
    assert_eq!(fixed, text.split_whitespace().collect::<Vec<_>>());
    let own: Vec<&str> = columns.own.iter().map(|column| column.name.as_str()).collect();
    let text = "orders_30d revenue_30d active_days_30d orders_prev_30d revenue_prev_30d active_days_prev_30d";
    assert_eq!(own, text.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn without_transactions_there_is_no_column() {
    let mut config = config("2024-12-31", &[]);
    config.mapped.clear();
    assert_eq!(columns(&config), FamilyColumns::default());
}

#[test]
fn a_buyer_of_three_days() {
    let rows = Rows::of(&[("2024-01-01", 1000), ("2024-01-01", 500), ("2024-01-11", 301), ("2024-02-10", 600)]);
    let row = of(&config("2024-03-01", &[]), &standing(&rows));
    assert_row(
        &row,
        &[
            ("first_purchase_date", "2024-01-01"),
            ("last_purchase_date", "2024-02-10"),
            ("days_since_last_purchase", "20"),
            ("frequency", "2"),
            ("recency", "40.0"),
            ("customer_age", "60.0"),
            // 901 / 2 is 450.5: to the even neighbour.
            ("monetary_value", "4.50"),
            ("orders", "4"),
            ("lines", "4"),
            ("purchase_periods", "3"),
            ("total_revenue", "24.01"),
            ("average_order_value", "6.00"),
            ("first_purchase_amount", "15.00"),
            ("largest_purchase", "15.00"),
            ("refund_count", "0"),
            ("refund_total", "0.00"),
            ("net_revenue", "24.01"),
            ("reversed_lines", "0"),
            ("reversed_revenue", "0.00"),
            ("q1_revenue_share", "1.0"),
            ("q4_revenue_share", "0.0"),
        ],
    );
    assert!(!row.contains_key("gross_margin"));
}

#[test]
fn a_customer_without_purchases_is_null_or_zero() {
    let row = of(&config("2024-03-01", &["margin"]), &History::default());
    let zero =
        ["orders", "lines", "purchase_periods", "refund_count", "reversed_lines", "orders_30d", "active_days_30d"];
    let zero_money = ["total_revenue", "refund_total", "net_revenue", "reversed_revenue", "revenue_prev_30d"];
    for (column, value) in &row {
        let expected = match column.as_str() {
            column if zero.contains(&column) || column.ends_with("prev_30d") && !column.starts_with("rev") => "0",
            column if zero_money.contains(&column) || column == "revenue_30d" => "0.00",
            _ => "NULL",
        };
        assert_eq!(value, expected, "{column}");
    }
}

#[test]
fn months_and_weeks_count_once() {
    let rows = Rows::of(&[("2024-01-31", 100), ("2024-02-01", 200), ("2024-02-29", 300), ("2024-04-01", 1000)]);
    let mut config = config("2024-04-30", &[]);
    config.purchase_period = PurchasePeriod::Month;
    config.time_unit = TimeUnit::Week;
    let expected = [
        ("frequency", "2"),
        ("recency", &(3.0 * 30.4375 / 7.0).to_string()),
        ("customer_age", &(3.0 * 30.4375 / 7.0).to_string()),
        ("monetary_value", "7.50"),
        ("purchase_periods", "3"),
        ("first_purchase_amount", "1.00"),
        ("largest_purchase", "10.00"),
        // 3.75 of the first quarter's 6.00 and the second's 10.00.
        ("q1_revenue_share", "0.375"),
        ("q2_revenue_share", "0.625"),
    ];
    assert_row(&of(&config, &standing(&rows)), &expected);
    config.purchase_period = PurchasePeriod::Week;
    // 2024-01-31 and 2024-02-01 lie in the week of 29 January, 13 weeks before that of 30 April.
    assert_row(&of(&config, &standing(&rows)), &[("purchase_periods", "3"), ("customer_age", "13.0")]);
}

#[test]
fn reversed_and_rescinded_purchases_count_only_in_the_totals() {
    let purchases = Rows::of(&[("2024-02-20", 500), ("2024-02-21", 100)]).orders(&[7, 0]);
    // The rescinded one comes last, although it is the earliest.
    let reversed = Rows::of(&[("2024-02-25", 300), ("2024-01-10", 200)]).orders(&[7, 8]);
    let refunds = Rows::of(&[("2024-02-26", 300), ("2024-02-27", 50)]).orders(&[9, 9]);
    let history = History {
        purchases: purchases.view(),
        reversed: reversed.view(),
        rescinded: 1,
        refunds: refunds.view(),
        ..History::default()
    };
    let expected = [
        ("first_purchase_date", "2024-02-20"),
        ("last_purchase_date", "2024-02-21"),
        ("frequency", "1"),
        ("monetary_value", "1.00"),
        ("orders", "3"),
        ("lines", "4"),
        ("purchase_periods", "2"),
        ("total_revenue", "11.00"),
        // 11.00 / 3 orders.
        ("average_order_value", "3.67"),
        ("refund_count", "3"),
        ("refund_total", "5.50"),
        ("net_revenue", "5.50"),
        ("reversed_lines", "2"),
        ("reversed_revenue", "5.00"),
        ("orders_30d", "2"),
        ("revenue_30d", "6.00"),
        ("q1_revenue_share", "1.0"),
    ];
    assert_row(&of(&config("2024-03-01", &["order_id"]), &history), &expected);
}

#[test]
fn distinct_orders_are_the_same_few_or_many() {
    // Every id twice, in two lists and not in order, and as many rows without one.
    for orders in [1, 2, FEW / 2, FEW / 2 + 1, FEW, 3 * FEW] {
        let once: Vec<u128> = (1..).map(|order| order * 7 % 1009).take(orders).collect();
        let again: Vec<u128> = once.iter().rev().copied().chain(vec![NO_ID; orders]).collect();
        let counted = distinct_orders(3 * orders, [&once, &again], &mut vec![9]);
        assert_eq!(counted, count(2 * orders), "{orders}");
    }
}

#[test]
fn one_whose_purchases_were_all_reversed_keeps_totals_and_loses_dates() {
    let reversed = Rows::of(&[("2024-02-25", 300)]);
    let history = History { reversed: reversed.view(), ..History::default() };
    let expected = [
        ("first_purchase_date", "NULL"),
        ("frequency", "NULL"),
        ("first_purchase_amount", "NULL"),
        ("orders", "1"),
        ("average_order_value", "3.00"),
        ("total_revenue", "3.00"),
        ("purchase_periods", "0"),
        ("spend_slope", "NULL"),
        ("q1_revenue_share", "NULL"),
        ("orders_30d", "0"),
    ];
    assert_row(&of(&config("2024-03-01", &[]), &history), &expected);
}

#[test]
fn windows_exclude_their_first_day_and_meet_without_overlap() {
    let rows = Rows::of(&[
        ("2024-01-01", 1),
        ("2024-01-02", 2),
        ("2024-01-31", 4),
        ("2024-02-01", 8),
        ("2024-02-01", 16),
        ("2024-03-01", 32),
    ])
    .orders(&[1, 1, 2, 3, 3, 3]);
    // (31 January, 1 March] and (1 January, 31 January].
    let expected = [
        ("orders_30d", "1"),
        ("revenue_30d", "0.56"),
        ("active_days_30d", "2"),
        ("orders_prev_30d", "2"),
        ("revenue_prev_30d", "0.06"),
        ("active_days_prev_30d", "2"),
    ];
    assert_row(&of(&config("2024-03-01", &["order_id"]), &standing(&rows)), &expected);
}

#[test]
fn margins_of_refunds_and_rescinded_purchases_are_taken_back() {
    let purchases = Rows::of(&[("2024-01-01", 900), ("2024-01-02", 900)]).margins(&[400, NULL]);
    let reversed = Rows::of(&[("2024-01-03", 900), ("2024-01-04", 900)]).margins(&[50, 30]);
    let refunds = Rows::of(&[("2024-01-05", 900), ("2024-01-06", 9)]).margins(&[-50, 7]);
    let history = History {
        purchases: purchases.view(),
        reversed: reversed.view(),
        rescinded: 1,
        refunds: refunds.view(),
        consigned: &[0, 1, 2],
        ..History::default()
    };
    let lot = |commission, sold| Lot { commission, sold, ..Lot::default() };
    let context = lots(vec![lot(1000, Some(true)), lot(2000, Some(false)), lot(4000, None), lot(8000, Some(true))]);
    // 400 + 50 + 30 − 50 − 7 − 30 of transactions, 1000 of the sold lot of the three.
    let config = config("2024-03-01", &["margin"]);
    let row = row(FamilyKind::Purchase, &config, &context, &history);
    assert_row(&row, &[("gross_margin", "13.93")]);
}

#[test]
fn commission_alone_is_a_gross_margin() {
    let mut config = config("2024-03-01", &[]);
    config.mapped.insert(SourceKind::Lots, names(&["lot_id", "commission"]));
    assert!(!has_gross_margin(&config), "nobody is known to be the consignor");
    config.mapped.insert(SourceKind::Lots, names(&["lot_id", "commission", "consignor_id"]));
    let context = lots(vec![
        Lot { commission: 700, sold: Some(true), ..Lot::default() },
        Lot { commission: NULL, sold: Some(true), ..Lot::default() },
        Lot { commission: 0, sold: Some(true), ..Lot::default() },
    ]);
    let consigned = |consigned| History { consigned, ..History::default() };
    let customers = [consigned(&[0, 1]), consigned(&[1]), consigned(&[2]), consigned(&[])];
    let table = fold(FamilyKind::Purchase, &config, &context, &customers);
    assert_eq!(table["gross_margin"], ["7.00", "NULL", "0.00", "NULL"]);
}

#[test]
fn a_line_through_the_spend_of_every_period() {
    // y = 1, 0, 5, 0 on four days: Σxy = 10, Σx = 6, Σy = 6, n Sxx = 20, n Sxy = 4·10 − 36 = 4, slope 0.2.
    let rows = Rows::of(&[("2024-01-01", 100), ("2024-01-03", 300), ("2024-01-03", 200)]);
    let row = of(&config("2024-01-04", &[]), &standing(&rows));
    assert_row(&row, &[("spend_slope", "0.2")]);
    // Syy = 26 − 9 = 17, Sxx = 5, SSE = 17 − 0.2²·5 = 16.8; √(16.8 / 2 / 5) = √1.68.
    assert!((number(&row["spend_slope_se"]) - 1.68_f64.sqrt()).abs() < 1e-15);
}

#[test]
fn a_line_needs_two_periods_and_its_error_three() {
    let rows = Rows::of(&[("2024-01-01", 100)]);
    let table = |as_of| of(&config(as_of, &[]), &standing(&rows));
    assert_row(&table("2024-01-01"), &[("spend_slope", "NULL"), ("spend_slope_se", "NULL")]);
    assert_row(&table("2024-01-02"), &[("spend_slope", "-1.0"), ("spend_slope_se", "NULL")]);
    // y = 1, 0, 0: slope −1/2, SSE = 2/3 − 1/2 = 1/6, Sxx = 2.
    let row = table("2024-01-03");
    assert_row(&row, &[("spend_slope", "-0.5")]);
    assert!((number(&row["spend_slope_se"]) - (1.0_f64 / 12.0).sqrt()).abs() < 1e-16);
}

#[test]
fn spend_on_a_straight_line_has_no_error() {
    let rows = Rows::of(&[("2024-01-15", 310), ("2024-02-15", 620), ("2024-03-15", 930)]);
    let mut config = config("2024-03-31", &[]);
    config.purchase_period = PurchasePeriod::Month;
    assert_row(&of(&config, &standing(&rows)), &[("spend_slope", "3.1"), ("spend_slope_se", "0.0")]);
}

#[test]
fn squares_beyond_128_bits_are_summed_as_doubles() {
    // Twice 4·10¹⁷ pence at both ends of 11 days: slope 0, SSE = 2·16·10³⁴ − (8·10¹⁷)²/11, Sxx = 110.
    let rows = Rows::of(&[("2024-01-01", 400_000_000_000_000_000), ("2024-01-11", 400_000_000_000_000_000)]);
    let row = of(&config("2024-01-11", &[]), &standing(&rows));
    assert_row(&row, &[("spend_slope", "0.0")]);
    let expected = ((2.0 * 16e34 - 64e34 / 11.0) / 9.0 / 110.0_f64).sqrt() / 100.0;
    assert!((number(&row["spend_slope_se"]) / expected - 1.0).abs() < 1e-14);
}

#[test]
fn quarters_share_the_revenue_that_stands() {
    let rows = Rows::of(&[
        ("1969-12-31", 100),
        ("1970-03-31", 200),
        ("1970-04-01", 300),
        ("2023-09-30", 150),
        ("2023-10-01", 250),
    ]);
    let expected = [
        ("q1_revenue_share", "0.2"),
        ("q2_revenue_share", "0.3"),
        ("q3_revenue_share", "0.15"),
        ("q4_revenue_share", "0.35"),
    ];
    assert_row(&of(&config("2024-01-01", &[]), &standing(&rows)), &expected);
    let free = Rows::of(&[("2023-10-01", 0)]);
    let row = of(&config("2024-01-01", &[]), &standing(&free));
    assert_row(&row, &[("q4_revenue_share", "NULL"), ("frequency", "0"), ("total_revenue", "0.00")]);
}

#[test]
fn a_sum_beyond_18_digits_stops_the_fold() {
    let large = Rows::of(&[("2024-01-01", 999_999_999_999_999_999), ("2024-01-01", 1)]);
    let config = config("2024-01-01", &[]);
    let context = Context::default();
    let fold = |history: &History<'_>| Purchase::new(&config, &context, 1).fold(history);
    let overflowed = |result| match result {
        Err(FoldError::MoneyOverflow { column, minor, .. }) => (column, minor),
        other => panic!("{other:?}"),
    };
    assert_eq!(overflowed(fold(&standing(&large))), ("total_revenue", 1_000_000_000_000_000_000));
    let both = History { reversed: large.view(), ..History::default() };
    assert_eq!(overflowed(fold(&both)), ("total_revenue", 1_000_000_000_000_000_000));
    let refunded = History { refunds: large.view(), ..History::default() };
    assert_eq!(overflowed(fold(&refunded)), ("refund_total", 1_000_000_000_000_000_000));
}

#[test]
fn rows_of_one_day_may_come_in_any_order() {
    let rows =
        Rows::of(&[("2024-01-01", 5), ("2024-01-01", 7), ("2024-01-01", 11), ("2024-02-28", 13), ("2024-02-28", 17)])
            .orders(&[1, 0, 1, 2, 3])
            .margins(&[1, NULL, 2, 3, NULL]);
    let config = config("2024-03-01", &["order_id", "margin"]);
    let expected = of(&config, &standing(&rows));
    for order in [[2, 1, 0, 3, 4], [1, 0, 2, 4, 3], [2, 0, 1, 4, 3]] {
        assert_eq!(of(&config, &standing(&rows.permuted(&order))), expected);
    }
}

#[test]
fn what_is_not_kept_is_neither_read_nor_missed() {
    let rows = Rows::of(&[("2024-02-01", 5), ("2024-02-28", 7)]).orders(&[1, 1]);
    let mut config = config("2024-03-01", &["order_id", "margin"]);
    let all = of(&config, &standing(&rows));
    let wanted: Vec<(SourceKind, String, Form)> = needs(&config);
    assert!(wanted.iter().any(|(_, column, _)| column == "order_id"));
    assert!(wanted.iter().any(|(_, column, _)| column == "commission"));
    for column in all.keys() {
        config.only = Some(names(&[column]));
        let row = of(&config, &standing(&rows));
        assert_eq!(row.len(), 1);
        assert_eq!(row[column], all[column], "{column}");
        let reads: Vec<String> = needs(&config).into_iter().map(|(_, column, _)| column).collect();
        let counts_orders = column.starts_with("orders") || column == "average_order_value";
        assert_eq!(reads.contains(&"order_id".to_owned()), counts_orders, "{column}");
        assert_eq!(reads.contains(&"margin".to_owned()), column == "gross_margin", "{column}");
    }
}
