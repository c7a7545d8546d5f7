//! Values worked out by hand.

use super::*;
use crate::family::purchase::fixture::{Rows, assert_row, config, row, standing};
use crate::family::{Context, FamilyKind};

fn of(config: &FeatureConfig, rows: &[(&str, i64)]) -> std::collections::BTreeMap<String, String> {
    row(FamilyKind::Timing, config, &Context::default(), &standing(&Rows::of(rows)))
}

#[test]
fn four_purchase_days_make_three_gaps() {
    // Gaps 1, 9 and 20: mean 10, squared deviations 81 + 1 + 100 = 182, variance 91.
    let rows = [("2024-01-01", 1), ("2024-01-02", 1), ("2024-01-02", 1), ("2024-01-11", 1), ("2024-01-31", 1)];
    let row = of(&config("2024-02-15", &[]), &rows);
    let sd = 91_f64.sqrt();
    let expected = [
        ("mean_gap_days", "10.0"),
        ("gap_sd_days", &sd.to_string()),
        ("gap_cv", &(sd / 10.0).to_string()),
        ("longest_gap_days", "20.0"),
        ("longest_active_months", "1"),
        ("overdue_ratio", "1.5"),
    ];
    assert_row(&row, &expected);
}

#[test]
fn two_purchases_make_one_gap_without_deviation() {
    let row = of(&config("2024-01-09", &[]), &[("2024-01-01", 1), ("2024-01-05", 1)]);
    let expected = [
        ("mean_gap_days", "4.0"),
        ("gap_sd_days", "NULL"),
        ("gap_cv", "NULL"),
        ("longest_gap_days", "4.0"),
        ("overdue_ratio", "1.0"),
    ];
    assert_row(&row, &expected);
}

#[test]
fn one_purchase_day_makes_no_gap() {
    let row = of(&config("2024-01-09", &[]), &[("2024-01-01", 1), ("2024-01-01", 1)]);
    let null = ["mean_gap_days", "gap_sd_days", "gap_cv", "longest_gap_days", "overdue_ratio"];
    assert_row(&row, &null.map(|column| (column, "NULL")));
    assert_row(&row, &[("longest_active_months", "1")]);
}

#[test]
fn without_purchases_no_month_is_active() {
    let row = of(&config("2024-01-09", &[]), &[]);
    assert_row(&row, &[("mean_gap_days", "NULL"), ("longest_active_months", "0"), ("overdue_ratio", "NULL")]);
}

#[test]
fn equal_gaps_do_not_deviate() {
    let row = of(&config("2024-01-07", &[]), &[("2024-01-01", 1), ("2024-01-04", 1), ("2024-01-07", 1)]);
    assert_row(&row, &[("gap_sd_days", "0.0"), ("gap_cv", "0.0"), ("overdue_ratio", "0.0")]);
}

#[test]
fn gaps_of_months_and_weeks_are_multiples_of_their_length() {
    let rows = [("2024-01-31", 1), ("2024-02-01", 1), ("2024-02-28", 1), ("2024-05-15", 1)];
    let mut config = config("2024-05-31", &[]);
    config.purchase_period = PurchasePeriod::Month;
    // Gaps of 1 and 3 months: mean 2, variance 2.
    let expected = [
        ("mean_gap_days", "60.875"),
        ("gap_sd_days", &(2_f64.sqrt() * 30.4375).to_string()),
        ("longest_gap_days", "91.3125"),
        ("overdue_ratio", &(32.0 / 121.75).to_string()),
    ];
    assert_row(&of(&config, &rows), &expected);
    config.purchase_period = PurchasePeriod::Week;
    // Weeks of 29 January, 26 February and 13 May: 4 and 11 weeks.
    assert_row(&of(&config, &rows), &[("mean_gap_days", "52.5"), ("longest_gap_days", "77.0")]);
}

#[test]
fn runs_of_months_go_on_across_years() {
    let dates = ["2023-08-01", "2023-11-30", "2023-12-01", "2024-01-31", "2024-03-01", "2024-04-01"];
    let row = of(&config("2024-05-01", &[]), &dates.map(|date| (date, 1)));
    assert_row(&row, &[("longest_active_months", "3")]);
}

#[test]
fn quarters_are_counted_back_from_the_date() {
    // 5,662, 5,661, 183, 92, 91 and 0 days ago: quarters 62, which has no bit, 61, 2, 1, and 0 twice.
    let dates = ["2008-12-31", "2009-01-01", "2024-01-01", "2024-04-01", "2024-04-02", "2024-07-02"];
    let of = |dates: &[&str]| of(&config("2024-07-02", &[]), &dates.iter().map(|date| (*date, 1)).collect::<Vec<_>>());
    let bits = (1_i64 << 61) + 7;
    let expected =
        [("second_purchase_date", "2009-01-01"), ("active_quarters", "5"), ("purchase_quarters", &bits.to_string())];
    assert_row(&of(&dates), &expected);
    assert_row(
        &of(&dates[2..3]),
        &[("second_purchase_date", "NULL"), ("active_quarters", "1"), ("purchase_quarters", "4")],
    );
    assert_row(&of(&[]), &[("second_purchase_date", "NULL"), ("active_quarters", "0"), ("purchase_quarters", "0")]);
}

#[test]
fn the_second_purchase_is_in_another_period() {
    let mut config = config("2024-05-31", &[]);
    config.purchase_period = PurchasePeriod::Month;
    let rows = [("2024-01-01", 1), ("2024-01-31", 1), ("2024-03-02", 1), ("2024-03-09", 1)];
    assert_row(&of(&config, &rows), &[("second_purchase_date", "2024-03-02")]);
}
