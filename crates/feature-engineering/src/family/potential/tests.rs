//! Hand-computed profiles and years.

use std::collections::BTreeMap;

use appraise_schema::Reference;
use proptest::prelude::*;

use super::*;
use crate::family::FamilyKind::Potential as Kind;
use crate::family::fixture::{AS_OF, config, folded, names, shown};
use crate::history::ProfileColumns;

const CUSTOMERS: &[&str] = &[
    "customer_id",
    "registered_at",
    "credit_limit",
    "opted_out",
    "manager_rating",
    "stated_needs",
    "market_total",
    "valid_from",
];

fn texts(texts: &[&str]) -> Context {
    Context { texts: texts.iter().map(|&text| text.into()).collect(), ..Context::default() }
}

/// Demand by industry; the last row of art is not yet in force.
fn demand() -> ReferenceConfig {
    let art = vec![(0, vec![1.0, 2.0]), (AS_OF, vec![1.5, f64::NAN]), (AS_OF + 1, vec![9.0, 9.0])];
    let rows = BTreeMap::from([("art".to_owned(), art), ("wine".to_owned(), vec![(AS_OF + 1, vec![7.0, 7.0])])]);
    let columns = vec!["demand".to_owned(), "growth".to_owned()];
    let table = Reference { columns: columns.clone(), rows };
    ReferenceConfig { attribute: "industry".to_owned(), columns, table: table.into() }
}

fn purchases<'a>(days: &'a [i32], amounts: &'a [i64], margins: Option<&'a [i64]>) -> History<'a> {
    History { purchases: Transactions { days, amounts, margins, ..Transactions::default() }, ..History::default() }
}

#[test]
fn columns_follow_what_is_mapped() {
    let mut config = config(&[
        (SourceKind::Customers, &["customer_id", "market_total", "credit_limit"]),
        (SourceKind::Transactions, &["customer_id", "time", "amount"]),
    ]);
    config.attributes = vec!["region".to_owned(), "industry".to_owned()];
    config.references = vec![demand()];
    let (fixed, own) = names(Kind, &config);
    assert_eq!(fixed[..3], ["credit_limit", "market_total", "margin_year_1"]);
    assert_eq!((fixed.len(), fixed[6].as_str()), (7, "margin_year_5"));
    assert_eq!(own, ["region", "industry", "demand", "growth"]);
    config.mapped.remove(&SourceKind::Transactions);
    assert_eq!(names(Kind, &config).0, ["credit_limit", "market_total"]);
    config.mapped.clear();
    assert_eq!(columns(&config), FamilyColumns::default());
}

#[test]
fn only_what_is_wanted_is_read() {
    let mut config = config(&[(SourceKind::Customers, CUSTOMERS)]);
    config.attributes = vec!["region".to_owned(), "industry".to_owned()];
    config.references = vec![demand()];
    config.only = Some(["growth", "opted_out"].map(str::to_owned).into());
    let customers = |name: &str, form| (SourceKind::Customers, name.to_owned(), form);
    assert_eq!(needs(&config), [customers("opted_out", Form::Flag), customers("industry", Form::Symbol)]);
    config.only = Some(["margin_year_2".to_owned()].into());
    assert_eq!(needs(&config), [(SourceKind::Transactions, "margin".to_owned(), Form::Money)]);
}

#[test]
fn a_profile_is_shown_as_it_is() {
    let mut config = config(&[(SourceKind::Customers, CUSTOMERS)]);
    config.attributes = vec!["region".to_owned(), "industry".to_owned()];
    config.references = vec![demand()];
    let context = texts(&["art", "wine", "north"]);
    let columns = ProfileColumns {
        registered_at: Some(&[10, NO_DAY, 0, 0]),
        credit_limit: Some(&[12_345, NO_MONEY, 0, 0]),
        opted_out: Some(&[YES, UNKNOWN, NO, NO]),
        manager_rating: Some(&[4.5, f64::NAN, 0.0, 0.0]),
        stated_needs: Some(&[3, NO_SYMBOL, 1, 1]),
        market_total: Some(&[-5, NO_MONEY, 0, 0]),
        attributes: vec![None, Some(&[1, NO_SYMBOL, 2, 3])],
    };
    let of_row = |row| History { profile: Some(Profile { columns: &columns, row }), ..History::default() };
    let histories = [of_row(0), of_row(1), of_row(2), of_row(3), History::default(), of_row(0)];
    let found = folded(Kind, &config, &context, &histories);
    let day = "1970-01-11";
    let expected = [
        ("registered_at", [day, "-", "1970-01-01", "1970-01-01", "-", day]),
        ("credit_limit", ["123.45", "-", "0.00", "0.00", "-", "123.45"]),
        ("opted_out", ["true", "-", "false", "false", "-", "true"]),
        ("manager_rating", ["4.5", "-", "0.0", "0.0", "-", "4.5"]),
        ("stated_needs", ["north", "-", "art", "art", "-", "north"]),
        ("market_total", ["-0.05", "-", "0.00", "0.00", "-", "-0.05"]),
        ("region", ["-"; 6]),
        ("industry", ["art", "-", "wine", "north", "-", "art"]),
        ("demand", ["1.5", "-", "-", "-", "-", "1.5"]),
        ("growth", ["-"; 6]),
    ];
    for (column, values) in expected {
        assert_eq!(shown(&found, column), values, "{column}");
    }
}

#[test]
fn a_year_shows_once_it_is_complete() {
    let config = config(&[
        (SourceKind::Customers, &["customer_id"]),
        (SourceKind::Transactions, &["customer_id", "time", "amount", "margin"]),
    ]);
    // Entry 730 days before the day after as_of: two years are complete, by a day.
    let entry = AS_OF + 1 - 730;
    let days = [entry, entry + 364, entry + 365, entry + 365, AS_OF];
    let margins = [100, 20, NO_MONEY, -3, 4];
    let complete = purchases(&days, &[9; 5], Some(&margins));
    // A day later the second year is not.
    let days = [entry + 1, entry + 365, entry + 366];
    let incomplete = purchases(&days, &[9; 3], Some(&[NO_MONEY, NO_MONEY, 5]));
    let found = folded(Kind, &config, &Context::default(), &[complete, incomplete, History::default()]);
    assert_eq!(shown(&found, "margin_year_1"), ["1.20", "0.00", "-"]);
    assert_eq!(shown(&found, "margin_year_2"), ["0.01", "-", "-"]);
    for column in &MARGIN_YEARS[2..] {
        assert_eq!(shown(&found, column), ["-"; 3], "{column}");
    }
}

#[test]
fn revenue_stands_in_for_a_margin_that_is_not_mapped() {
    let config = config(&[
        (SourceKind::Customers, &["customer_id"]),
        (SourceKind::Transactions, &["customer_id", "time", "amount"]),
    ]);
    let entry = AS_OF - 364;
    let days = [entry, AS_OF];
    let found = folded(Kind, &config, &Context::default(), &[purchases(&days, &[700, 55], None)]);
    assert_eq!(shown(&found, "margin_year_1"), ["7.55"]);
    assert_eq!(shown(&found, "margin_year_2"), ["-"]);
}

#[test]
fn a_sum_that_does_not_fit_is_refused() {
    let config = config(&[
        (SourceKind::Customers, &["customer_id"]),
        (SourceKind::Transactions, &["customer_id", "time", "amount"]),
    ]);
    let context = Context::default();
    let mut family = Kind.build(&config, &context, 1);
    let amounts = [999_999_999_999_999_999, 1];
    let error = family.fold(&purchases(&[AS_OF - 364; 2], &amounts, None)).unwrap_err();
    assert!(matches!(error, FoldError::MoneyOverflow { column: "margin_year_1", .. }), "{error}");
}

proptest! {
    #[test]
    fn years_add_up_to_all_that_was_earned_in_them(
        mut rows in prop::collection::vec((AS_OF - 2000..=AS_OF, 0_i64..1000), 1..40),
    ) {
        let config = config(&[
            (SourceKind::Customers, &["customer_id"]),
            (SourceKind::Transactions, &["customer_id", "time", "amount"]),
        ]);
        rows.sort_by_key(|row| row.0);
        let days: Vec<i32> = rows.iter().map(|row| row.0).collect();
        let amounts: Vec<i64> = rows.iter().map(|row| row.1).collect();
        let found = folded(Kind, &config, &Context::default(), &[purchases(&days, &amounts, None)]);
        for (year, name) in (0..).zip(MARGIN_YEARS) {
            let of_year = |day: i32| (day - days[0]).div_euclid(365) == year;
            let sum: i64 = rows.iter().filter(|row| of_year(row.0)).map(|row| row.1).sum();
            let complete = (AS_OF - days[0] + 1) / 365 > year;
            let expected = if complete { format!("{}.{:02}", sum / 100, sum % 100) } else { "-".to_owned() };
            prop_assert_eq!(shown(&found, name), [expected], "{}", name);
        }
    }
}
