//! Values worked out by hand.

use super::*;
use crate::family::FamilyKind;
use crate::family::purchase::fixture::{Rows, assert_row, config, row, standing, texts};

/// The texts of symbols 1 to 4; their numbers are not in the order of the texts.
const TEXTS: [&str; 4] = ["wine", "books", "Art", "art"];

fn of(rows: &Rows) -> std::collections::BTreeMap<String, String> {
    row(FamilyKind::Preference, &config("2024-03-01", &["category"]), &texts(&TEXTS), &standing(rows))
}

#[test]
fn without_a_category_there_is_no_column() {
    assert_eq!(columns(&config("2024-03-01", &[])), FamilyColumns::default());
}

#[test]
fn shares_entropy_and_concentration_of_three_categories() {
    let rows = Rows::of(&[
        ("2024-01-01", 100),
        ("2024-01-31", 200),
        ("2024-02-01", 100),
        ("2024-02-02", 400),
        ("2024-02-03", 5000),
    ])
    .categories(&[2, 1, 2, 3, NO_SYMBOL]);
    // Shares 1/4, 1/4 and 1/2: entropy ¼ ln 4 + ¼ ln 4 + ½ ln 2 = 1.5 ln 2, index 1/16 + 1/16 + 1/4.
    let row = of(&rows);
    let expected = [
        ("categories", "3"),
        ("top_category", "Art"),
        ("top_category_share", "0.5"),
        ("category_hhi", "0.375"),
        // Of the window from 1 February only Art is new: books were bought in January.
        ("new_categories_30d", "1"),
    ];
    assert_row(&row, &expected);
    let entropy: f64 = row["category_entropy"].parse().unwrap();
    assert!((entropy - 1.5 * std::f64::consts::LN_2).abs() < 1e-15);
}

#[test]
fn ties_go_to_more_lines_then_to_the_smaller_text() {
    let more_lines = Rows::of(&[("2024-01-01", 200), ("2024-01-02", 150), ("2024-01-03", 50)]).categories(&[3, 1, 1]);
    assert_row(&of(&more_lines), &[("top_category", "wine"), ("top_category_share", "0.5")]);
    let four = [("2024-01-01", 9), ("2024-01-01", 9), ("2024-01-01", 9), ("2024-01-01", 9)];
    assert_row(&of(&Rows::of(&four).categories(&[1, 2, 4, 3])), &[("top_category", "Art")]);
    assert_row(&of(&Rows::of(&four).categories(&[1, 4, 2, 1])), &[("top_category", "wine")]);
    assert_row(&of(&Rows::of(&four[..3]).categories(&[1, 4, 2])), &[("top_category", "art")]);
}

#[test]
fn one_category_is_full_concentration() {
    let rows = Rows::of(&[("2024-01-01", 7), ("2024-01-02", 0)]).categories(&[2, 2]);
    let expected =
        [("top_category_share", "1.0"), ("category_entropy", "0.0"), ("category_hhi", "1.0"), ("categories", "1")];
    assert_row(&of(&rows), &expected);
}

#[test]
fn categories_without_revenue_have_no_shares() {
    let rows = Rows::of(&[("2024-02-01", 0), ("2024-02-01", 0), ("2024-02-02", 0)]).categories(&[4, 1, 1]);
    let expected = [
        ("categories", "2"),
        ("top_category", "wine"),
        ("top_category_share", "NULL"),
        ("category_entropy", "NULL"),
        ("category_hhi", "NULL"),
        ("new_categories_30d", "2"),
    ];
    assert_row(&of(&rows), &expected);
    let with_revenue = Rows::of(&[("2024-02-01", 0), ("2024-02-01", 5)]).categories(&[4, 1]);
    assert_row(&of(&with_revenue), &[("category_entropy", "0.0"), ("categories", "2")]);
}

#[test]
fn purchases_without_a_category_are_no_category() {
    let rows = Rows::of(&[("2024-02-01", 5)]).categories(&[NO_SYMBOL]);
    let expected =
        [("categories", "0"), ("top_category", "NULL"), ("category_hhi", "NULL"), ("new_categories_30d", "0")];
    assert_row(&of(&rows), &expected);
}

#[test]
fn neither_the_order_within_a_day_nor_the_numbers_of_texts_matter() {
    let rows = Rows::of(&[
        ("2024-01-01", 3),
        ("2024-01-01", 7),
        ("2024-01-01", 11),
        ("2024-01-01", 13),
        ("2024-02-28", 17),
        ("2024-02-28", 23),
    ])
    .categories(&[1, 2, 1, 3, 2, 4]);
    let expected = of(&rows);
    for order in [[3, 2, 1, 0, 5, 4], [1, 3, 0, 2, 4, 5]] {
        assert_eq!(of(&rows.permuted(&order)), expected);
    }
    let renamed = rows.categories(&[4, 3, 4, 2, 3, 1]);
    let texts = texts(&["art", "Art", "books", "wine"]);
    let config = config("2024-03-01", &["category"]);
    assert_eq!(row(FamilyKind::Preference, &config, &texts, &standing(&renamed)), expected);
}

#[test]
fn revenue_beyond_18_digits_stops_the_fold() {
    let rows = Rows::of(&[("2024-01-01", 999_999_999_999_999_999), ("2024-01-01", 1)]).categories(&[1, 2]);
    let (config, texts) = (config("2024-03-01", &["category"]), texts(&TEXTS));
    let error = Preference::new(&config, &texts).fold(&standing(&rows)).unwrap_err();
    assert!(matches!(error, FoldError::MoneyOverflow { minor: 1_000_000_000_000_000_000, .. }));
}
