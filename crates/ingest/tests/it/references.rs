//! Reference tables, exchange rates and the amounts that they convert.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use appraise_expression::Parsed;
use appraise_ingest::{ExchangeRatesConfig, IngestError, ReferenceConfig, read_exchange_rates, read_reference};
use appraise_schema::event::Form;
use appraise_schema::{Bucket, ExchangeRates, Rate};
use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray};
use chrono_tz::Tz;

use crate::support::{Folder, array, cells, config, reasons};

fn reference(folder: &Folder, valid_from: bool) -> ReferenceConfig {
    ReferenceConfig {
        paths: vec![folder.pattern("")],
        on: Parsed::parse("LOWER(industry)").unwrap(),
        valid_from: valid_from.then(|| Parsed::column("since")),
        columns: vec![
            ("demand".to_owned(), Parsed::column("demand")),
            ("doubled".to_owned(), Parsed::parse("demand * 2").unwrap()),
        ],
        source_zone: Tz::UTC,
        zone: Tz::UTC,
    }
}

fn demand(folder: &Folder, name: &str, rows: &[(Option<&str>, i32, Option<f64>)]) {
    let columns = vec![
        ("industry", array(rows.iter().map(|row| row.0).collect::<StringArray>())),
        ("since", array(rows.iter().map(|row| Some(row.1)).collect::<Date32Array>())),
        ("demand", array(rows.iter().map(|row| row.2).collect::<Float64Array>())),
    ];
    folder.write(name, columns);
}

fn read(config: &ReferenceConfig) -> Result<appraise_schema::Reference, IngestError> {
    read_reference(config, &AtomicBool::new(false))
}

#[test]
fn numbers_are_in_force_from_their_day_until_the_next() {
    let folder = Folder::new();
    demand(&folder, "a.parquet", &[(Some("Wine"), 20, Some(2.5)), (Some("art"), 10, None)]);
    demand(&folder, "b.parquet", &[(Some("wine"), 10, Some(1.5)), (Some("wine"), 20, Some(2.5))]);
    let table = read(&reference(&folder, true)).unwrap();
    assert_eq!(table.columns, ["demand", "doubled"]);
    assert_eq!(table.in_force("wine", 9), None);
    assert_eq!(table.in_force("wine", 19), Some([1.5, 3.0].as_slice()));
    assert_eq!(table.in_force("wine", 20), Some([2.5, 5.0].as_slice()));
    assert!(table.in_force("art", 10).unwrap().iter().all(|number| number.is_nan()));
    assert_eq!(table.rows["wine"].len(), 2);
}

#[test]
fn without_a_date_a_row_always_holds() {
    let folder = Folder::new();
    demand(&folder, "a.parquet", &[(Some("wine"), 20, Some(2.5)), (Some("art"), 10, None), (Some("ART"), 20, None)]);
    let table = read(&reference(&folder, false)).unwrap();
    assert_eq!(table.in_force("wine", appraise_schema::as_of::FIRST_DAY), Some([2.5, 5.0].as_slice()));
}

#[test]
fn rows_that_can_not_be_used_are_named() {
    let refused = |rows: &[(Option<&str>, i32, Option<f64>)], valid_from: bool| {
        let folder = Folder::new();
        demand(&folder, "a.parquet", rows);
        let error = read(&reference(&folder, valid_from)).unwrap_err();
        assert!(matches!(error, IngestError::Reference { row: 1, .. }), "{error}");
        error.to_string()
    };
    let good = (Some("art"), 10, Some(1.0));
    let text = refused(&[good, (None, 10, Some(1.0))], true);
    assert!(text.starts_with("`on` of row 1 of `") && text.ends_with("is NULL: every row needs a key"), "{text}");
    let text = refused(&[good, (Some("art"), 10, Some(1.5))], true);
    assert!(text.ends_with("is `art`: another row of the same key and date has other values"), "{text}");
    let text = refused(&[good, (Some("art"), 11, Some(1.5))], false);
    assert!(text.ends_with("has other values"), "{text}");
    let text = refused(&[good, (Some("b"), i32::MAX, Some(1.5))], true);
    assert!(
        text.starts_with("`valid_from`") && text.ends_with("every row needs a date of the years 1 to 9999"),
        "{text}"
    );
    let text = refused(&[good, (Some("b"), 1, Some(f64::INFINITY))], true);
    assert!(text.starts_with("`demand`") && text.ends_with("a finite number or NULL was expected"), "{text}");
}

fn rates_of(rate: ArrayRef) -> Result<ExchangeRates, IngestError> {
    let folder = Folder::new();
    let rows = i32::try_from(rate.len()).unwrap();
    let currency = array(StringArray::from(vec!["EUR"; rate.len()]));
    let since = array(Date32Array::from_iter_values(0..rows));
    folder.write("a.parquet", vec![("currency", currency), ("since", since), ("rate", rate)]);
    let config = ExchangeRatesConfig {
        paths: vec![folder.pattern("")],
        currency: Parsed::column("currency"),
        rate: Parsed::column("rate"),
        valid_from: Some(Parsed::column("since")),
        source_zone: Tz::UTC,
        zone: Tz::UTC,
    };
    read_exchange_rates(&config, &AtomicBool::new(false))
}

fn decimals(values: Vec<i128>, scale: i8) -> Decimal128Array {
    Decimal128Array::from(values).with_precision_and_scale(38, scale).unwrap()
}

#[test]
fn rates_are_exact_where_they_can_be() {
    let read = |rate: ArrayRef| {
        let rates = rates_of(rate).unwrap();
        rates.rates["EUR"].iter().map(|(_, rate)| (rate.unscaled, rate.scale)).collect::<Vec<_>>()
    };
    assert_eq!(read(array(decimals(vec![856_700, 1_000_000], 6))), [(8567, 4), (1, 0)]);
    assert_eq!(read(array(Int64Array::from(vec![7]))), [(7, 0)]);
    // A tie at the 12th place goes to the even neighbour.
    let want = [(856_700_000_000, 12), (122_070_312, 12), (366_210_938, 12)];
    assert_eq!(read(array(Float64Array::from(vec![0.8567, 2_f64.powi(-13), 3.0 * 2_f64.powi(-13)]))), want);
    let refused = |rate: ArrayRef| rates_of(rate).unwrap_err().to_string();
    for rate in [Some(0), Some(-1), None] {
        let text = refused(array(Int64Array::from(vec![Some(1), rate])));
        assert!(text.contains("`rate` of row 1") && text.ends_with("a positive number was expected"), "{text}");
    }
    assert!(refused(array(decimals(vec![1], 13))).ends_with("at most 12 decimal places fit"));
    assert!(refused(array(Float64Array::from(vec![f64::NAN]))).contains("a finite number"));
    assert!(refused(array(Float64Array::from(vec![1e-14]))).contains("a positive number"));
}

/// Rates of EUR: 0.5 from day 10, 0.25 from day 20; of USD 0.000000000001.
fn rates() -> Arc<ExchangeRates> {
    let rate = |unscaled, scale| Rate { unscaled, scale };
    Arc::new(ExchangeRates {
        rates: BTreeMap::from([
            ("EUR".to_owned(), vec![(10, rate(5, 1)), (20, rate(25, 2))]),
            ("USD".to_owned(), vec![(0, rate(1, 12))]),
        ]),
    })
}

/// Amount and margin of every row, in order of the customers, which are the rows' numbers.
fn converted(
    at: &[i32],
    currency: &[Option<&str>],
    price: ArrayRef,
) -> (appraise_ingest::ReadReport, Vec<(String, String, String)>) {
    let folder = Folder::new();
    let rows = i64::try_from(at.len()).unwrap();
    folder.write(
        "a.parquet",
        vec![
            ("customer", array(Int64Array::from_iter_values(0..rows))),
            ("at", array(Date32Array::from(at.to_vec()))),
            ("price", price.clone()),
            ("won", price),
            ("money", array(StringArray::from(currency.to_vec()))),
        ],
    );
    let mut config = config(vec![folder.pattern("")]);
    config.exchange_rates = Some(rates());
    config.columns.insert("margin".to_owned(), Parsed::column("won"));
    config.columns.insert("currency".to_owned(), Parsed::column("money"));
    config.layout.add("amount", Form::Money);
    config.layout.add("margin", Form::Money);
    let (report, rows) = cells(&config);
    (report, rows.into_iter().map(|row| (row[0].clone(), row[1].clone(), row[2].clone())).collect())
}

#[test]
fn amounts_are_converted_exactly_and_rounded_once() {
    // 0.25 EUR · 0.5 = 12.5 pence, 0.27 · 0.5 = 13.5, 0.2501 · 0.5 = 12.505, 0.2499 · 0.5 = 12.495, −0.27 · 0.5 = −13.5.
    let price = array(decimals(vec![2500, 2700, 2501, 2499, -2700, 2700, 2750], 4));
    let currency = [Some("EUR"), Some("EUR"), Some("EUR"), Some("EUR"), Some("EUR"), Some("GBP"), Some("EUR")];
    let (report, rows) = converted(&[10, 19, 10, 10, 10, 1, 20], &currency, price);
    let amounts: Vec<&str> = rows.iter().map(|(_, amount, _)| amount.as_str()).collect();
    assert_eq!(amounts, ["12", "14", "13", "12", "-14", "27", "7"]);
    assert!(rows.iter().all(|(_, amount, margin)| amount == margin));
    assert_eq!((report.accounting.inexact_amounts, report.accounting.refund_rows), (0, 1));
    assert_eq!(report.accounting.input.minor, 12 + 14 + 13 + 12 - 14 + 27 + 7);
}

#[test]
fn amounts_without_a_currency_or_rate_are_quarantined_without_money() {
    let price = array(Int64Array::from(vec![Some(1), Some(2), Some(4), Some(8), None]));
    let currency = [None, Some("EUR"), Some("JPY"), Some("GBP"), Some("JPY")];
    let (report, rows) = converted(&[10, 9, 10, 10, 10], &currency, price);
    assert_eq!(rows, [("3".to_owned(), "800".to_owned(), "800".to_owned())]);
    let want = [("amount_missing", 1), ("currency_missing", 1), ("currency_no_rate", 2)];
    assert_eq!(reasons(&report), want.into());
    let quarantined = report.accounting.tally(Bucket::Quarantined);
    assert_eq!((quarantined.rows, quarantined.minor, quarantined.rows_without_money), (4, 0, 4));
    let shown: Vec<_> = report.quarantine.iter().map(|row| row.value.as_deref()).collect();
    assert_eq!(shown, [None, Some("EUR"), Some("JPY"), None]);
}

#[test]
fn large_amounts_of_small_currencies_fit_once_they_are_converted() {
    // Beyond 10^16 pounds, but 10^26 · 10^-12 = 10^14.
    let price = array(decimals(vec![10_i128.pow(26), 10_i128.pow(30), 10_i128.pow(26)], 0));
    let currency = [Some("USD"), Some("USD"), Some("GBP")];
    let (report, rows) = converted(&[1, 1, 1], &currency, price);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].1, 10_i128.pow(16).to_string());
    assert_eq!(reasons(&report), [("amount_overflow", 2)].into());
    // 3 · 10^37 · 5 does not fit 128 bits, 30 places do not fit a pound.
    let (_, rows) = converted(
        &[10, 10],
        &[Some("EUR"), Some("EUR")],
        array(decimals(vec![9 * 10_i128.pow(37), 10_i128.pow(28)], 30)),
    );
    assert_eq!(rows.iter().map(|row| row.1.as_str()).collect::<Vec<_>>(), ["4500000000", "0"]);
}

#[test]
fn floats_are_converted_from_their_minor_units() {
    let price = array(Float64Array::from(vec![Some(0.25), Some(0.27), Some(0.125), Some(0.125), None]));
    let currency = [Some("EUR"), Some("EUR"), Some("EUR"), Some("GBP"), Some("EUR")];
    let (report, rows) = converted(&[10; 5], &currency, price);
    let amounts: Vec<&str> = rows.iter().map(|(_, amount, _)| amount.as_str()).collect();
    // 0.125 is off its minor unit in either currency.
    assert_eq!(amounts, ["12", "14", "6", "12"]);
    assert_eq!(report.accounting.inexact_amounts, 2);
}
