//! Keys, amounts, orders, transactions and refunds.

use appraise_expression::Parsed;
use appraise_schema::Bucket;
use appraise_schema::event::{NO_ID, NO_MONEY, UNKNOWN, YES};
use appraise_schema::hash::{identity_of_integer, identity_of_text};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int16Array, Int64Array,
    StringArray, TimestampMillisecondArray, TimestampSecondArray, UInt64Array,
};

use crate::support::{Event, Folder, array, config, reasons, refused, run};

fn columns(customer: ArrayRef, price: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let at = array(Date32Array::from(vec![0; customer.len()]));
    vec![("customer", customer), ("at", at), ("price", price)]
}

fn read(customer: ArrayRef, price: ArrayRef) -> (appraise_ingest::ReadReport, Vec<Event>) {
    let folder = Folder::new();
    folder.write("a.parquet", columns(customer, price));
    run(&config(vec![folder.pattern("")]))
}

#[test]
fn a_null_or_unfit_key_is_quarantined_never_customer_0() {
    let customer = array(UInt64Array::from(vec![Some(5), None, Some(u64::MAX), Some(0)]));
    let (report, events) = read(customer, array(Int64Array::from(vec![1; 4])));
    assert_eq!(events.iter().map(|event| event.key.as_str()).collect::<Vec<_>>(), ["0", "5"]);
    assert_eq!(reasons(&report), [("customer_id_missing", 1), ("customer_id_unreadable", 1)].into());
    let values: Vec<_> = report.quarantine.iter().map(|row| (row.row, row.value.as_deref())).collect();
    assert_eq!(values, [(1, None), (2, Some("18446744073709551615"))]);
}

#[test]
fn keys_of_wrong_types_are_refused_with_a_hint() {
    let wrong: [(ArrayRef, &str); 3] = [
        (array(Float64Array::from(vec![1.0])), "CAST(customer AS BIGINT)"),
        (array(BinaryArray::from(vec![b"a".as_slice()])), "write the column as STRING"),
        (array(BooleanArray::from(vec![true])), "an integer or a text"),
    ];
    for (customer, want) in wrong {
        let folder = Folder::new();
        folder.write("a.parquet", columns(customer, array(Int64Array::from(vec![1]))));
        let (_, hint) = refused(&config(vec![folder.pattern("")]));
        assert!(hint.contains(want), "{hint}");
    }
}

#[test]
fn amounts_of_every_type_become_minor_units() {
    let decimal = |values: Vec<i128>, precision, scale| {
        array(Decimal128Array::from(values).with_precision_and_scale(precision, scale).unwrap())
    };
    let cases: Vec<(ArrayRef, Vec<i64>, u64)> = vec![
        (array(Int16Array::from(vec![3, 12])), vec![300, 1200], 0),
        (decimal(vec![1234, 5], 9, 2), vec![5, 1234], 0),
        (decimal(vec![1234, 5], 18, 2), vec![5, 1234], 0),
        (decimal(vec![1234, 5], 38, 2), vec![5, 1234], 0),
        (decimal(vec![12_345, 12_355, 12_340], 18, 3), vec![1234, 1234, 1236], 2),
        (decimal(vec![12_345_000, 5_000], 30, 6), vec![0, 1234], 2),
        (array(Float64Array::from(vec![0.125, 0.375, 12.34])), vec![12, 38, 1234], 2),
    ];
    for (price, want, inexact) in cases {
        let data_type = price.data_type().clone();
        let (report, mut events) = read(array(Int64Array::from(vec![1; price.len()])), price);
        events.sort_by_key(|event| event.amount);
        assert_eq!(events.iter().map(|event| event.amount).collect::<Vec<_>>(), want, "{data_type}");
        assert_eq!(report.accounting.inexact_amounts, inexact, "{data_type}");
    }
}

#[test]
fn unreadable_amounts_are_counted_without_money() {
    let price =
        array(Float64Array::from(vec![Some(1.5), Some(f64::NAN), Some(f64::INFINITY), Some(1e17), None, Some(-2.0)]));
    let (report, events) = read(array(Int64Array::from(vec![1; 6])), price);
    assert_eq!(reasons(&report), [("amount_missing", 1), ("amount_not_finite", 2), ("amount_overflow", 1)].into());
    let books = &report.accounting;
    assert_eq!((books.input.minor, books.input.rows_without_money), (-50, 4));
    assert_eq!(books.tally(Bucket::Used).minor, -50);
    assert_eq!(books.refund_rows, 1);
    let kept: Vec<_> = events.iter().map(|event| (event.amount, event.refund)).collect();
    assert_eq!(kept, [(-200, None), (150, None)]);
}

#[test]
fn refunds_are_marked_or_negative_and_margins_as_delivered() {
    let folder = Folder::new();
    let mut all = columns(array(Int64Array::from(vec![1, 2, 3])), array(Int64Array::from(vec![5, -5, 5])));
    all.push(("back", array(BooleanArray::from(vec![Some(true), Some(true), None]))));
    all.push(("won", array(Int64Array::from(vec![Some(-2), Some(2), None]))));
    all.push(("invoice", array(StringArray::from(vec![Some("x"), None, Some("x")]))));
    folder.write("a.parquet", all);
    let mut config = config(vec![folder.pattern("")]);
    for (name, column) in [("refund", "back"), ("margin", "won"), ("order_id", "invoice")] {
        config.columns.insert(name.to_owned(), Parsed::column(column));
    }
    let (report, events) = run(&config);
    let got: Vec<_> = events.iter().map(|e| (e.amount, e.refund, e.margin.unwrap(), e.order.unwrap())).collect();
    let order = identity_of_text(b"x");
    let want = [(500, Some(YES), -200, order), (-500, Some(YES), 200, NO_ID), (500, Some(UNKNOWN), NO_MONEY, order)];
    assert_eq!(got, want);
    assert_eq!((report.accounting.refund_rows, report.accounting.input.minor), (2, 500));
}

#[test]
fn the_content_of_a_transaction_holds_every_mapped_value_but_not_its_storage() {
    let folder = Folder::new();
    let category = || array(StringArray::from(vec!["x", "y", "x"]));
    let id = || array(Int64Array::from(vec![7, 8, 9]));
    let price = |scale: i8| {
        let values = vec![10_i128.pow(u32::from(scale.unsigned_abs())); 3];
        array(Decimal128Array::from(values).with_precision_and_scale(18, scale).unwrap())
    };
    let seconds = array(TimestampSecondArray::from(vec![60, 60, 61]));
    let millis = array(TimestampMillisecondArray::from(vec![60_000, 60_000, 61_000]));
    let customer = || array(Int64Array::from(vec![1; 3]));
    let all = |at: ArrayRef, scale| {
        vec![("customer", customer()), ("at", at), ("price", price(scale)), ("id", id()), ("kind", category())]
    };
    folder.write("a.parquet", all(seconds, 2));
    folder.write("b.parquet", all(millis, 4));
    let mut config = config(vec![folder.pattern("")]);
    config.columns.insert("transaction_id".to_owned(), Parsed::column("id"));
    config.columns.insert("category".to_owned(), Parsed::column("kind"));
    let (_, events) = run(&config);
    let mut refs: Vec<_> = events.iter().map(|event| event.transaction.unwrap()).collect();
    refs.sort_unstable();
    assert_eq!(refs.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [7, 7, 8, 8, 9, 9].map(identity_of_integer));
    assert!(refs[0] == refs[1] && refs[2] == refs[3] && refs[4] == refs[5]);
    assert!(refs[0].1 != refs[2].1 && refs[0].1 != refs[4].1);
}

#[test]
fn a_filter_over_a_dictionary_equals_one_over_plain_text() {
    use parquet::file::properties::WriterProperties;
    let texts = [Some("paid"), None, Some("void"), Some("paid"), Some(""), Some("C1")];
    let rows = 0..600_usize;
    let status = rows.clone().map(|row| texts[(row * 5 + row / 7) % 6]).collect::<StringArray>();
    let number = array(Int64Array::from_iter_values(rows.clone().map(|row| i64::try_from(row).unwrap())));
    for filter in
        ["status = 'paid'", "status IS NULL", "status <> 'void' OR status IS NULL", "COALESCE(status, 'x') LIKE 'C%'"]
    {
        let outcome = |dictionary: bool| {
            let folder = Folder::new();
            let mut all = columns(number.clone(), number.clone());
            all.push(("status", array(status.clone())));
            let properties = WriterProperties::builder().set_dictionary_enabled(dictionary);
            crate::support::write(&folder.path("a.parquet"), all, properties.build());
            let mut config = config(vec![folder.pattern("")]);
            config.filter = Some(Parsed::parse(filter).unwrap());
            let (report, events) = run(&config);
            (report.accounting, events)
        };
        let (plain, coded) = (outcome(false), outcome(true));
        assert_eq!(plain, coded, "{filter}");
        assert!(!plain.1.is_empty() && plain.1.len() < 600, "{filter}");
    }
}

#[test]
fn expressions_give_keys_times_amounts_and_refunds() {
    let folder = Folder::new();
    let mut all =
        columns(array(StringArray::from(vec!["7", "x", "9"])), array(Float64Array::from(vec![2.55, 1.0, 0.85])));
    all[1].1 = array(StringArray::from(vec!["2024-01-01", "2024-01-02", "2024-02-30"]));
    all.push(("n", array(Int64Array::from(vec![6, 1, -12]))));
    all.push(("invoice", array(StringArray::from(vec!["C1", "2", "3"]))));
    folder.write("a.parquet", all);
    let mut config = config(vec![folder.pattern("")]);
    config.money = appraise_schema::Money::new("GBP", 3).unwrap();
    let mapping = [
        ("customer_id", "CAST(customer AS BIGINT)"),
        ("time", "CAST(at AS DATE)"),
        ("amount", "n * price"),
        ("refund", "invoice LIKE 'C%'"),
    ];
    for (name, text) in mapping {
        config.columns.insert(name.to_owned(), Parsed::parse(text).unwrap());
    }
    let (report, events) = run(&config);
    assert_eq!(reasons(&report), [("customer_id_unreadable", 1), ("time_unreadable", 1)].into());
    let got: Vec<_> = events.iter().map(|event| (event.key.as_str(), event.amount, event.refund)).collect();
    assert_eq!(got, [("7", 15_300, Some(YES))]);
    assert_eq!(report.accounting.input.minor, 15_300 + 1_000 - 10_200);
    config.columns.insert("amount".to_owned(), Parsed::parse("n * prize").unwrap());
    let (error, hint) = refused(&config);
    assert!(error.contains("it has no column `prize`") && hint.contains("`price`"), "{error} {hint}");
}
