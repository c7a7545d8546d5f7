//! Values worked out by hand.

use super::*;
use crate::family::FamilyKind;
use crate::family::purchase::fixture::{NULL, Rows, assert_row, config, fold, lots, names, row, standing};
use crate::lots::Lot;

#[test]
fn columns_follow_what_is_mapped() {
    let of = |transactions: &[&str]| -> Vec<String> {
        columns(&config("2024-03-01", transactions)).fixed.into_iter().map(|column| column.name).collect()
    };
    assert!(of(&["category"]).is_empty());
    let always = ["returns_cost", "contribution", "contribution_share"];
    assert_eq!(of(&["margin"]), [&["margin_share"][..], &always].concat());
    assert_eq!(of(&["cost"]), [&["cost_to_serve"][..], &always].concat());
    assert_eq!(of(&["cost", "margin"]), [&["margin_share", "cost_to_serve"][..], &always].concat());
}

#[test]
fn margin_less_cost_is_the_contribution() {
    let purchases = Rows::of(&[("2024-01-01", 1000), ("2024-01-02", 800)]).margins(&[500, NULL]).costs(&[40, -5]);
    let reversed = Rows::of(&[("2024-01-03", 300), ("2024-01-01", 200)]).margins(&[90, -60]).costs(&[NULL, 6]);
    let refunds = Rows::of(&[("2024-01-05", 300), ("2024-01-06", 100)]).margins(&[-90, NULL]).costs(&[7, NULL]);
    let history = History {
        purchases: purchases.view(),
        reversed: reversed.view(),
        rescinded: 1,
        refunds: refunds.view(),
        consigned: &[0],
        ..History::default()
    };
    let context = lots(vec![Lot { commission: 120, sold: Some(true), ..Lot::default() }]);
    // Net revenue 2300 − 400 − 200 = 1700; margin 500 + 90 − 60 − 90 − 60 + 120 = 500; cost 40 − 5 + 6 + 7 = 48.
    let expected = [
        ("margin_share", (500.0 / 1700.0_f64).to_string()),
        ("cost_to_serve", "0.48".to_owned()),
        // 90 + 60 of margins, 7 of the refund's cost.
        ("returns_cost", "1.57".to_owned()),
        ("contribution", "4.52".to_owned()),
        ("contribution_share", (452.0 / 1700.0_f64).to_string()),
    ];
    let row = row(FamilyKind::Profit, &config("2024-03-01", &["margin", "cost"]), &context, &history);
    assert_row(&row, &expected.each_ref().map(|(column, value)| (*column, value.as_str())));
}

#[test]
fn what_is_null_counts_nothing() {
    let unknown = Rows::of(&[("2024-01-01", 1000)]).margins(&[NULL]).costs(&[NULL]);
    let cost_only = Rows::of(&[("2024-01-01", 1000)]).margins(&[NULL]).costs(&[250]);
    let free = Rows::of(&[("2024-01-01", 0)]).margins(&[-10]).costs(&[5]);
    let customers = [standing(&unknown), standing(&cost_only), standing(&free), History::default()];
    let config = config("2024-03-01", &["margin", "cost"]);
    let table = fold(FamilyKind::Profit, &config, &Context::default(), &customers);
    assert_eq!(table["margin_share"], ["NULL", "NULL", "NULL", "NULL"]);
    assert_eq!(table["cost_to_serve"], ["NULL", "2.50", "0.05", "NULL"]);
    assert_eq!(table["returns_cost"], ["0.00", "0.00", "0.00", "0.00"]);
    assert_eq!(table["contribution"], ["0.00", "-2.50", "-0.15", "0.00"]);
    assert_eq!(table["contribution_share"], ["0.0", "-0.25", "NULL", "NULL"]);
}

#[test]
fn more_refunds_than_purchases_leave_no_share() {
    let purchases = Rows::of(&[("2024-01-01", 100)]).margins(&[30]);
    let refunds = Rows::of(&[("2024-01-02", 100)]).margins(&[20]);
    let history = History { refunds: refunds.view(), ..standing(&purchases) };
    let row = row(FamilyKind::Profit, &config("2024-03-01", &["margin"]), &Context::default(), &history);
    let expected =
        [("margin_share", "NULL"), ("contribution", "0.10"), ("returns_cost", "0.20"), ("contribution_share", "NULL")];
    assert_row(&row, &expected);
}

#[test]
fn without_margins_commission_is_the_margin() {
    let purchases = Rows::of(&[("2024-01-01", 1000)]).costs(&[100]);
    let history = History { consigned: &[0], ..standing(&purchases) };
    let context = lots(vec![Lot { commission: 400, sold: Some(true), ..Lot::default() }]);
    let mut config = config("2024-03-01", &["cost"]);
    config.mapped.insert(SourceKind::Lots, names(&["lot_id", "commission", "consignor_id"]));
    let row = row(FamilyKind::Profit, &config, &context, &history);
    assert_row(&row, &[("contribution", "3.00"), ("contribution_share", "0.3"), ("returns_cost", "0.00")]);
}

#[test]
fn rows_of_one_day_may_come_in_any_order() {
    let days = [("2024-01-01", 3), ("2024-01-01", 7), ("2024-01-02", 11), ("2024-01-02", 13)];
    let rows = Rows::of(&days).margins(&[1, NULL, 2, 3]).costs(&[NULL, 2, 1, 1]);
    let config = config("2024-03-01", &["margin", "cost"]);
    let of = |rows: &Rows| row(FamilyKind::Profit, &config, &Context::default(), &standing(rows));
    assert_eq!(of(&rows.permuted(&[1, 0, 3, 2])), of(&rows));
}
