//! Hand-computed invoices.

use proptest::prelude::*;

use super::*;
use crate::family::Context;
use crate::family::FamilyKind::Credit as Kind;
use crate::family::fixture::{AS_OF, config, folded, names, shown};
use crate::history::ProfileColumns;

const ALL: &[&str] = &[
    "customer_id",
    "invoice_id",
    "time",
    "due_at",
    "amount",
    "lot_id",
    "paid_at",
    "disputed_at",
    "cancelled_at",
    "written_off_at",
    "deposit",
];

/// Amount, due, paid, cancelled and written off.
type Row = (i64, i32, i32, i32, i32);

/// Folds one customer's invoices.
fn fold(config: &FeatureConfig, rows: &[Row]) -> arrow::array::RecordBatch {
    let days = vec![AS_OF - 300; rows.len()];
    let amounts: Vec<i64> = rows.iter().map(|row| row.0).collect();
    let column = |value: fn(&Row) -> i32| rows.iter().map(value).collect::<Vec<i32>>();
    let (due, paid, cancelled, written_off) =
        (column(|row| row.1), column(|row| row.2), column(|row| row.3), column(|row| row.4));
    let invoices = Invoices {
        days: &days,
        amounts: &amounts,
        due: &due,
        paid: Some(&paid),
        cancelled: Some(&cancelled),
        written_off: Some(&written_off),
        ..Invoices::default()
    };
    folded(Kind, config, &Context::default(), &[History { invoices, ..History::default() }])
}

#[track_caller]
fn check(rows: &[Row], expected: &[(&str, &str)]) {
    let found = fold(&config(&[(SourceKind::Invoices, &["due_at", "paid_at"])]), rows);
    for (column, value) in expected {
        assert_eq!(shown(&found, column), [*value], "{column}");
    }
}

#[test]
fn columns_follow_what_is_mapped() {
    let mut config = config(&[(SourceKind::Invoices, ALL), (SourceKind::Customers, &["credit_limit"])]);
    let (fixed, own) = names(Kind, &config);
    assert_eq!((fixed.len(), own.len()), (18, 0));
    assert_eq!(fixed[15..], ["disputes", "deposit_total", "credit_utilisation"]);
    config.mapped.insert(SourceKind::Invoices, ["due_at".to_owned()].into());
    config.mapped.remove(&SourceKind::Customers);
    assert_eq!(names(Kind, &config).0.last().unwrap(), "exposure_in_default");
    config.mapped.clear();
    assert_eq!(columns(&config), FamilyColumns::default());
}

#[test]
fn lateness_is_weighted_by_amount_and_never_below_0() {
    let (due, never) = (AS_OF - 50, NO_DAY);
    let rows = [
        (1000, due, due + 10, never, never),
        (3000, due, due - 4, never, never),
        (500, AS_OF - 7, never, never, never),
        (500, AS_OF, never, never, never),
        (500, AS_OF + 20, never, never, never),
        (9000, AS_OF - 99, never, AS_OF, never),
    ];
    check(
        &rows,
        &[
            ("invoices", "6"),
            ("invoiced_total", "145.00"),
            ("invoices_paid", "2"),
            // (1000·10 + 3000·0) / 4000.
            ("mean_days_late", "2.5"),
            ("worst_days_late", "10"),
            // Of the two paid and the one that was due a week ago, one was on time.
            ("late_share", "0.6666666666666666"),
            ("outstanding", "15.00"),
            ("overdue", "5.00"),
        ],
    );
}

#[test]
fn without_invoices_nothing_is_late() {
    check(
        &[],
        &[
            ("invoices", "0"),
            ("invoiced_total", "0.00"),
            ("mean_days_late", "-"),
            ("worst_days_late", "-"),
            ("late_share", "-"),
            ("outstanding", "0.00"),
            ("defaults", "0"),
        ],
    );
    let open_until_tomorrow = [(100, AS_OF + 1, NO_DAY, NO_DAY, NO_DAY)];
    check(&open_until_tomorrow, &[("late_share", "-"), ("worst_days_late", "0"), ("overdue", "0.00")]);
    let paid_for_nothing = [(0, AS_OF - 9, AS_OF, NO_DAY, NO_DAY)];
    check(&paid_for_nothing, &[("mean_days_late", "-"), ("worst_days_late", "9"), ("late_share", "1.0")]);
}

#[test]
fn what_is_paid_is_neither_cancelled_nor_written_off() {
    let (due, then) = (AS_OF - 90, AS_OF - 1);
    let statuses = [
        ((100, due, then, then, then), ["1", "0.00", "0", "0", "1"]),
        ((100, due, NO_DAY, then, then), ["0", "0.00", "1", "0", "0"]),
        ((100, due, NO_DAY, NO_DAY, then), ["0", "0.00", "0", "1", "1"]),
        ((100, due, NO_DAY, NO_DAY, NO_DAY), ["0", "1.00", "1", "1", "1"]),
        ((100, due + 1, NO_DAY, NO_DAY, NO_DAY), ["0", "1.00", "0", "0", "0"]),
        ((100, due + 1, NO_DAY, NO_DAY, then), ["0", "0.00", "0", "1", "0"]),
        ((100, NO_DAY, NO_DAY, NO_DAY, NO_DAY), ["0", "1.00", "0", "0", "0"]),
        ((100, NO_DAY, NO_DAY, NO_DAY, then), ["0", "0.00", "0", "1", "0"]),
    ];
    for (row, values) in statuses {
        let columns = ["invoices_paid", "outstanding", "unpaid_wins", "defaults", "invoices_matured"];
        check(&[row], &columns.into_iter().zip(values).collect::<Vec<_>>());
    }
}

#[test]
fn an_invoice_without_a_due_date_is_never_late() {
    let rows = [(100, NO_DAY, AS_OF, NO_DAY, NO_DAY), (300, NO_DAY, NO_DAY, NO_DAY, NO_DAY)];
    check(
        &rows,
        &[
            ("mean_days_late", "-"),
            ("worst_days_late", "-"),
            ("late_share", "-"),
            ("outstanding", "3.00"),
            ("overdue", "0.00"),
        ],
    );
}

#[test]
fn only_invoices_of_lots_are_unpaid_wins_where_lots_are_mapped() {
    let config = config(&[(SourceKind::Invoices, ALL)]);
    let invoices = Invoices {
        days: &[AS_OF - 200; 3],
        amounts: &[100, 20, 3],
        due: &[AS_OF - 90; 3],
        lots: Some(&[7, NO_ID, 8]),
        cancelled: Some(&[NO_DAY, NO_DAY, AS_OF]),
        disputed: Some(&[NO_DAY, AS_OF, AS_OF]),
        deposits: Some(&[5, NO_MONEY, 7]),
        ..Invoices::default()
    };
    let found = folded(Kind, &config, &Context::default(), &[History { invoices, ..History::default() }]);
    let expected = [
        ("unpaid_wins", "2"),
        ("unpaid_win_value", "1.03"),
        ("defaults", "2"),
        ("disputes", "2"),
        ("deposit_total", "0.05"),
    ];
    for (column, value) in expected {
        assert_eq!(shown(&found, column), [value], "{column}");
    }
}

#[test]
fn what_may_yet_be_lost_is_each_open_invoice_less_its_deposit() {
    let config = config(&[(SourceKind::Invoices, ALL)]);
    let (new, old) = (AS_OF - 89, AS_OF - 90);
    let invoices = Invoices {
        days: &[AS_OF - 200; 7],
        amounts: &[1000, 300, 50, 700, 40, 9000, 8000],
        due: &[new, new, AS_OF + 9, old, old, old, new],
        deposits: Some(&[200, NO_MONEY, 80, 100, 41, 0, 0]),
        written_off: Some(&[NO_DAY, NO_DAY, NO_DAY, NO_DAY, NO_DAY, AS_OF, AS_OF]),
        ..Invoices::default()
    };
    let found = folded(Kind, &config, &Context::default(), &[History { invoices, ..History::default() }]);
    let expected = [
        // 10 − 2 and 3; a deposit above the invoice is no gain.
        ("exposure", "11.00"),
        ("exposure_in_default", "6.00"),
        ("defaults", "4"),
        // One was written off before it was due so long ago.
        ("invoices_matured", "3"),
        ("defaults_matured", "3"),
    ];
    for (column, value) in expected {
        assert_eq!(shown(&found, column), [value], "{column}");
    }
}

#[test]
fn columns_that_are_not_mapped_read_as_null() {
    let config = config(&[(SourceKind::Invoices, &["due_at"])]);
    let invoices = Invoices { days: &[AS_OF], amounts: &[100], due: &[AS_OF - 90], ..Invoices::default() };
    let found = folded(Kind, &config, &Context::default(), &[History { invoices, ..History::default() }]);
    let expected = [("outstanding", "1.00"), ("unpaid_wins", "1"), ("worst_days_late", "90"), ("late_share", "1.0")];
    for (column, value) in expected {
        assert_eq!(shown(&found, column), [value], "{column}");
    }
}

#[test]
fn utilisation_needs_a_positive_limit() {
    let config = config(&[(SourceKind::Invoices, &["due_at"]), (SourceKind::Customers, &["credit_limit"])]);
    let columns = ProfileColumns { credit_limit: Some(&[400, 0, NO_MONEY, -1]), ..ProfileColumns::default() };
    let invoices = Invoices { days: &[AS_OF], amounts: &[100], due: &[AS_OF], ..Invoices::default() };
    let of_row = |row| History { profile: Some(Profile { columns: &columns, row }), invoices, ..History::default() };
    let stranger = History { invoices, ..History::default() };
    let histories = [of_row(0), of_row(1), of_row(2), of_row(3), stranger];
    let found = folded(Kind, &config, &Context::default(), &histories);
    assert_eq!(shown(&found, "credit_utilisation"), ["0.25", "-", "-", "-", "-"]);
}

proptest! {
    #[test]
    fn the_order_of_invoices_means_nothing(
        rows in prop::collection::vec(
            (-50_i64..500, AS_OF - 150..AS_OF + 50, 0..4_i32).prop_map(|(amount, due, status)| {
                let at = |wanted| if status == wanted { AS_OF - 3 } else { NO_DAY };
                (amount, due, at(1), at(2), at(3))
            }),
            0..20,
        ),
        turn in 0_usize..20,
    ) {
        let config = config(&[(SourceKind::Invoices, ALL)]);
        let mut turned = rows.clone();
        turned.reverse();
        let turn = turn % rows.len().max(1);
        turned.rotate_left(turn);
        prop_assert_eq!(fold(&config, &rows), fold(&config, &turned));
    }
}
