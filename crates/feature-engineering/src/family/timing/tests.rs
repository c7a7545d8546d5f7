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
        ("last_gap_days", "20.0"),
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
    let null = ["mean_gap_days", "gap_sd_days", "gap_cv", "longest_gap_days", "last_gap_days", "overdue_ratio"];
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
fn the_last_gap_need_not_be_the_longest() {
    let row = of(&config("2024-02-15", &[]), &[("2024-01-01", 1), ("2024-01-21", 1), ("2024-01-26", 1)]);
    assert_row(&row, &[("longest_gap_days", "20.0"), ("last_gap_days", "5.0")]);
}

/// `spend_cv` at `as_of`.
fn spend_cv(as_of: &str, rows: &[(&str, i64)]) -> String {
    of(&config(as_of, &[]), rows)["spend_cv"].clone()
}

#[test]
fn spend_varies_over_complete_quarters_and_empty_ones_count_as_zero() {
    // Quarters of 300, 0, 100, 0: mean 100, squared deviations 4, 1, 0, 1 times 10,000, variance 15,000.
    let rows = [("2023-02-14", 100), ("2023-03-31", 200), ("2023-07-01", 100), ("2024-01-01", 999)];
    assert_eq!(spend_cv("2023-12-31", &rows[..3]), (1.5_f64).sqrt().to_string());
    // The quarter that has begun does not count.
    assert_eq!(spend_cv("2024-02-29", &rows), (1.5_f64).sqrt().to_string());
    // Nor does one that lacks a day.
    assert_eq!(spend_cv("2023-12-30", &rows[..3]), "NULL");
    // Five quarters of 300, 0, 100, 0, 999 from the day on which the fifth is over.
    let five = of(&config("2024-03-31", &[]), &rows)["spend_cv"].parse::<f64>().unwrap();
    let squares = 300.0_f64.powi(2) + 100.0_f64.powi(2) + 999.0_f64.powi(2);
    assert!((five - (5.0 * squares / 1_399.0_f64.powi(2) - 1.0).sqrt()).abs() < 1e-12, "{five}");
}

#[test]
fn even_spend_does_not_vary_and_no_spend_has_no_variation() {
    let dates = ["2023-01-01", "2023-04-01", "2023-07-01", "2023-10-01"];
    assert_eq!(spend_cv("2023-12-31", &dates.map(|date| (date, 250))), "0.0");
    assert_eq!(spend_cv("2023-12-31", &dates.map(|date| (date, 0))), "NULL");
    assert_eq!(spend_cv("2023-12-31", &[]), "NULL");
}

#[test]
fn spend_varies_by_the_period_that_was_asked_for() {
    use appraise_schema::SpendPeriod;
    let rows = [("2023-01-31", 100), ("2023-02-01", 100), ("2023-03-31", 100), ("2023-04-30", 100)];
    let by = |spend_period, as_of| {
        let config = FeatureConfig { spend_period, ..config(as_of, &[]) };
        of(&config, &rows)["spend_cv"].clone()
    };
    assert_eq!(by(SpendPeriod::Month, "2023-04-30"), "0.0");
    assert_eq!(by(SpendPeriod::Month, "2023-04-29"), "NULL");
    assert_eq!(by(SpendPeriod::Year, "2026-12-31"), 3_f64.sqrt().to_string());
    // Weeks of 100, 0 … 100, 0 …: two of them hold two purchases.
    assert!(by(SpendPeriod::Week, "2023-05-07").parse::<f64>().unwrap() > 1.0);
}

#[test]
fn spend_beyond_all_squares_still_varies() {
    // One of 8,000 years in which 18 digits were spent: √(n − 1).
    let config = FeatureConfig { spend_period: appraise_schema::SpendPeriod::Week, ..config("9999-12-31", &[]) };
    let row = of(&config, &[("1000-01-01", 999_999_999_999_999_999)]);
    let weeks = f64::from(
        config.spend_period.first_incomplete(config.as_of.day())
            - config.spend_period.index(crate::family::purchase::fixture::day("1000-01-01")),
    );
    assert!((row["spend_cv"].parse::<f64>().unwrap() / (weeks - 1.0).sqrt() - 1.0).abs() < 1e-14);
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
