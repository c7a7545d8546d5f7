//! Values worked out by hand.

use super::*;
use crate::family::purchase::fixture::{Rows, assert_row, config, day, fold, names, profiles, row, standing};
use crate::family::{Context, FamilyKind};

fn of(as_of: &str, rows: &[(&str, i64)]) -> std::collections::BTreeMap<String, String> {
    row(FamilyKind::Loyalty, &config(as_of, &[]), &Context::default(), &standing(&Rows::of(rows)))
}

#[test]
fn columns_follow_what_is_mapped() {
    let mut config = config("2024-03-01", &[]);
    let of = |config: &FeatureConfig| -> Vec<String> {
        columns(config).fixed.into_iter().map(|column| column.name).collect()
    };
    let always =
        ["tenure_days", "active_period_share", "repeat_within_90d", "repeat_within_365d", "length_days"].to_vec();
    assert_eq!(of(&config), always);
    config.mapped.insert(SourceKind::Customers, names(&["market_total"]));
    assert_eq!(of(&config), [always.as_slice(), &["share_of_wallet"]].concat());
    config.mapped.remove(&SourceKind::Transactions);
    assert!(of(&config).is_empty());
    config.mapped.insert(SourceKind::Customers, names(&["registered_at"]));
    assert_eq!(of(&config), always);
}

#[test]
fn lengths_and_shares_of_a_returning_customer() {
    let rows = [("2024-01-01", 1), ("2024-01-01", 1), ("2024-01-03", 1), ("2024-01-06", 1)];
    let expected =
        [("tenure_days", "11"), ("active_period_share", "0.25"), ("repeat_within_90d", "true"), ("length_days", "5")];
    assert_row(&of("2024-01-12", &rows), &expected);
    let mut months = config("2024-03-31", &[]);
    months.purchase_period = PurchasePeriod::Month;
    let rows = Rows::of(&[("2023-12-31", 1), ("2024-02-01", 1)]);
    let row = row(FamilyKind::Loyalty, &months, &Context::default(), &standing(&rows));
    assert_row(&row, &[("active_period_share", "0.5"), ("length_days", "32")]);
}

#[test]
fn a_second_date_counts_up_to_the_last_day() {
    // 2024-03-31 is 90 days after 2024-01-01.
    let with = |second, as_of| of(as_of, &[("2024-01-01", 1), (second, 1)]);
    assert_row(&with("2024-03-31", "2024-04-01"), &[("repeat_within_90d", "true"), ("repeat_within_365d", "true")]);
    assert_row(&with("2024-04-01", "2024-04-01"), &[("repeat_within_90d", "false"), ("repeat_within_365d", "true")]);
    assert_row(&with("2025-01-01", "2025-01-01"), &[("repeat_within_90d", "false"), ("repeat_within_365d", "false")]);
}

#[test]
fn without_a_second_date_the_answer_is_open_until_the_days_are_over() {
    let once = |as_of| of(as_of, &[("2024-01-01", 1), ("2024-01-01", 1)]);
    assert_row(&once("2024-03-30"), &[("repeat_within_90d", "NULL"), ("repeat_within_365d", "NULL")]);
    assert_row(&once("2024-03-31"), &[("repeat_within_90d", "false"), ("repeat_within_365d", "NULL")]);
    assert_row(&once("2024-12-31"), &[("repeat_within_365d", "false")]);
    let never = of("2024-12-31", &[]);
    assert!(never.values().all(|value| value == "NULL"), "{never:?}");
}

#[test]
fn tenure_begins_with_the_earlier_of_purchase_and_registration() {
    let registered = [day("2024-01-10"), NO_DAY];
    let columns = profiles(&registered, &[NO_MONEY; 2]);
    let profile = |row| Some(Profile { columns: &columns, row });
    let (earlier, later) = (Rows::of(&[("2024-01-05", 1)]), Rows::of(&[("2024-01-15", 1)]));
    let customers = [
        History { profile: profile(0), ..standing(&earlier) },
        History { profile: profile(0), ..standing(&later) },
        History { profile: profile(1), ..standing(&later) },
        History { profile: profile(0), ..History::default() },
        History { profile: profile(1), ..History::default() },
        standing(&later),
    ];
    let mut config = config("2024-01-20", &[]);
    config.mapped.insert(SourceKind::Customers, names(&["registered_at"]));
    let table = fold(FamilyKind::Loyalty, &config, &Context::default(), &customers);
    assert_eq!(table["tenure_days"], ["15", "10", "5", "10", "NULL", "5"]);
}

#[test]
fn the_wallet_is_a_year_of_standing_purchases() {
    let market = [1000, 0, -5, NO_MONEY];
    let columns = profiles(&[NO_DAY; 4], &market);
    // 2023-03-02 is 365 days before 2024-03-01: outside.
    let rows = Rows::of(&[("2023-03-02", 900), ("2023-03-03", 100), ("2024-03-01", 150)]);
    let reversed = Rows::of(&[("2024-02-01", 70)]);
    let customer = |row| History {
        profile: Some(Profile { columns: &columns, row }),
        reversed: reversed.view(),
        ..standing(&rows)
    };
    let none = History { profile: Some(Profile { columns: &columns, row: 0 }), ..History::default() };
    let customers = [customer(0), customer(1), customer(2), customer(3), standing(&rows), none];
    let mut config = config("2024-03-01", &[]);
    config.mapped.insert(SourceKind::Customers, names(&["market_total"]));
    let table = fold(FamilyKind::Loyalty, &config, &Context::default(), &customers);
    assert_eq!(table["share_of_wallet"], ["0.25", "NULL", "NULL", "NULL", "NULL", "0.0"]);
}
