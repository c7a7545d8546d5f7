//! Every kind of source, through files.

use appraise_expression::Parsed;
use appraise_ingest::{Check, CheckKind, IngestError, ReadOptions, ReadPlan, Severity, SourceConfig, discover};
use appraise_schema::event::{Field, Form};
use appraise_schema::hash::{identity_of_integer, identity_of_text};
use appraise_schema::{Bucket, KeyType, SourceKind, Tally};
use arrow::array::{
    BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use chrono_tz::Tz;

use crate::support::{Folder, array, ask, batches, cells, config, config_of, reasons};

/// Day `day` of January 2024.
fn january(day: i32) -> i32 {
    19_722 + day
}

fn dates(days: &[Option<i32>]) -> arrow::array::ArrayRef {
    array(days.iter().map(|day| day.map(january)).collect::<Date32Array>())
}

fn strings(rows: &[&[&str]]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.iter().map(|&cell| cell.to_owned()).collect()).collect()
}

fn id(number: i64) -> String {
    format!("{:x}", identity_of_integer(number))
}

/// As of 2024-01-15.
fn source(folder: &Folder, kind: SourceKind) -> SourceConfig {
    let mut config = config_of(kind, vec![folder.pattern("")]);
    config.as_of = "2024-01-15".parse().unwrap();
    config
}

#[test]
fn transactions_are_handed_on_in_every_form() {
    let folder = Folder::new();
    let text = |values: Vec<Option<&str>>| array(StringArray::from(values));
    folder.write(
        "a.parquet",
        vec![
            ("customer_id", text(vec![Some("b"), Some("a")])),
            ("time", dates(&[Some(1), Some(2)])),
            ("amount", array(Int64Array::from(vec![-5, 7]))),
            ("lot_id", array(Int64Array::from(vec![Some(3), None]))),
            ("refund", array(BooleanArray::from(vec![Some(false), None]))),
            ("quantity", array(Decimal128Array::from(vec![Some(25), None]).with_precision_and_scale(10, 1).unwrap())),
            ("category", text(vec![None, Some("lamps")])),
            ("cost", array(Float64Array::from(vec![Some(0.25), None]))),
        ],
    );
    let mut config = source(&folder, SourceKind::Transactions);
    config.zone = Tz::Europe__London;
    ask(
        &mut config,
        &[
            ("customer_id", Form::Id),
            ("time", Form::Day),
            ("time", Form::Instant),
            ("amount", Form::Money),
            ("lot_id", Form::Id),
            ("refund", Form::Flag),
            ("quantity", Form::Number),
            ("category", Form::Symbol),
            ("cost", Form::Money),
        ],
    );
    let (report, rows) = cells(&config);
    let (a, b) = (format!("{:x}", identity_of_text(b"a")), format!("{:x}", identity_of_text(b"b")));
    let (first, second) = ("1704067200000000", "1704153600000000");
    let want: [&[&str]; 2] = [
        &["a", &a, "2024-01-02", second, "700", "-", "-", "-", "lamps", "-"],
        &["b", &b, "2024-01-01", first, "-500", &id(3), "no", "2.5", "-", "25"],
    ];
    assert_eq!(rows, strings(&want));
    assert_eq!(report.accounting.refund_rows, 1);
    assert_eq!(report.newest_day, Some(january(2)));
}

#[test]
fn customers_have_attributes_and_their_content_is_all_that_is_mapped() {
    let folder = Folder::new();
    let text = |values: Vec<Option<&str>>| array(StringArray::from(values));
    folder.write(
        "a.parquet",
        vec![
            ("customer_id", array(Int64Array::from(vec![1, 1, 2, 3, 4]))),
            ("registered_at", dates(&[Some(3), Some(3), Some(16), None, Some(15)])),
            ("valid_from", dates(&[Some(1), Some(1), None, Some(20), Some(4)])),
            ("loaded_at", dates(&[Some(2), Some(9), None, None, None])),
            ("sector", text(vec![Some("wine"), Some("wine"), None, Some("art"), Some("art")])),
            ("town", text(vec![Some("x"), Some("y"), None, None, Some("x")])),
        ],
    );
    let mut config = source(&folder, SourceKind::Customers);
    ask(&mut config, &[("registered_at", Form::Day), ("valid_from", Form::Day)]);
    config.columns.insert("customer_id".to_owned(), Parsed::column("customer_id"));
    config.columns.insert("loaded_at".to_owned(), Parsed::column("loaded_at"));
    config.attributes.push(("industry".to_owned(), Parsed::parse("UPPER(sector)").unwrap()));
    config.layout.add("industry", Form::Symbol);
    let (report, rows) = cells(&config);
    let want: [&[&str]; 4] = [
        &["1", "2024-01-03", "2024-01-01", "WINE"],
        &["1", "2024-01-03", "2024-01-01", "WINE"],
        // Registered after the date of the run: not yet known.
        &["2", "-", "-", "-"],
        &["4", "2024-01-15", "2024-01-04", "ART"],
    ];
    assert_eq!(rows, strings(&want));
    assert_eq!(report.accounting.tally(Bucket::AfterAsOf), Tally { rows: 1, minor: 0, rows_without_money: 0 });
    assert_eq!(report.accounting.input, Tally { rows: 5, minor: 0, rows_without_money: 0 });
    // `loaded_at` is no content, every attribute is.
    config.layout.add("", Form::Content);
    let (_, rows) = cells(&config);
    assert_eq!(rows[0], rows[1]);
    config.attributes.push(("town".to_owned(), Parsed::column("town")));
    let (_, rows) = cells(&config);
    assert_ne!(rows[0], rows[1]);
}

#[test]
fn interactions_count_without_money() {
    let folder = Folder::new();
    let kinds = StringArray::from(vec![Some("call"), Some("visit"), None, Some("call")]);
    folder.write(
        "a.parquet",
        vec![
            ("customer_id", array(Int64Array::from(vec![1, 2, 3, 4]))),
            ("time", dates(&[Some(1), Some(15), Some(1), Some(16)])),
            ("kind", array(kinds)),
            ("responded", array(BooleanArray::from(vec![Some(true), None, None, None]))),
            ("feedback_score", array(Float64Array::from(vec![Some(0.5), None, None, Some(f64::NAN)]))),
        ],
    );
    let mut config = source(&folder, SourceKind::Interactions);
    ask(&mut config, &[("time", Form::Day), ("kind", Form::Symbol)]);
    ask(&mut config, &[("responded", Form::Flag), ("feedback_score", Form::Number)]);
    config.columns.insert("customer_id".to_owned(), Parsed::column("customer_id"));
    let (report, rows) = cells(&config);
    let want: [&[&str]; 2] = [&["1", "2024-01-01", "call", "yes", "0.5"], &["2", "2024-01-15", "visit", "-", "-"]];
    assert_eq!(rows, strings(&want));
    assert_eq!(reasons(&report), [("kind_missing", 1)].into());
    let books = &report.accounting;
    assert_eq!(books.input, Tally { rows: 4, minor: 0, rows_without_money: 0 });
    assert_eq!((books.tally(Bucket::Used).rows, books.tally(Bucket::AfterAsOf).rows), (2, 1));
    config.as_of = "2024-01-16".parse().unwrap();
    assert_eq!(reasons(&cells(&config).0), [("feedback_score_not_finite", 1), ("kind_missing", 1)].into());
}

/// Lots 1 to 4: closed, closing after 2024-01-15, without a time, without a consignor.
fn lots(folder: &Folder) -> SourceConfig {
    folder.write(
        "a.parquet",
        vec![
            ("lot_id", array(Int64Array::from(vec![1, 2, 3, 4]))),
            ("consignor_id", array(StringArray::from(vec![Some("ann"), Some("bob"), Some("cem"), None]))),
            ("closes_at", dates(&[Some(15), Some(16), None, Some(1)])),
            ("hammer", array(Int64Array::from(vec![10, 20, 30, 40]))),
            ("outcome", array(StringArray::from(vec!["sold", "sold", "passed", "sold"]))),
            ("estimate_low", array(Int64Array::from(vec![1, 2, 3, 4]))),
        ],
    );
    source(folder, SourceKind::Lots)
}

#[test]
fn what_a_lot_fetched_is_not_known_before_it_closes() {
    let folder = Folder::new();
    let mut config = lots(&folder);
    ask(&mut config, &[("lot_id", Form::Id), ("hammer", Form::Money), ("outcome", Form::Symbol)]);
    ask(&mut config, &[("estimate_low", Form::Money)]);
    config.columns.insert("consignor_id".to_owned(), Parsed::column("consignor_id"));
    config.columns.insert("closes_at".to_owned(), Parsed::column("closes_at"));
    let (report, rows) = cells(&config);
    let ids: Vec<String> = (1..=4).map(id).collect();
    let want: [&[&str]; 4] = [
        &["-", &ids[3], "4000", "sold", "400"],
        &["ann", &ids[0], "1000", "sold", "100"],
        &["bob", &ids[1], "-", "-", "200"],
        &["cem", &ids[2], "3000", "passed", "300"],
    ];
    assert_eq!(rows, strings(&want));
    assert_eq!(report.newest_day, None);
    // What is not known does not count as content either.
    config.layout.add("", Form::Content);
    let content = |config: &SourceConfig| cells(config).1[2][5].clone();
    let known = content(&config);
    config.columns.insert("hammer".to_owned(), Parsed::parse("hammer + 1").unwrap());
    assert_eq!(content(&config), known);
    config.as_of = "2024-01-16".parse().unwrap();
    assert_ne!(content(&config), known);
}

#[test]
fn lots_need_no_consignor_but_one_of_the_runs_key_type() {
    let folder = Folder::new();
    let mut config = lots(&folder);
    ask(&mut config, &[("lot_id", Form::Id)]);
    let inputs = discover(&config.paths).unwrap();
    let plan = ReadPlan::new(&inputs, &config).unwrap();
    assert_eq!((plan.key_type(), plan.id_type("lot_id")), (None, Some(KeyType::Integer)));
    assert_eq!(plan.columns(0), ["lot_id"]);
    assert_eq!(plan.with_key_type(KeyType::Text).unwrap().key_type(), Some(KeyType::Text));
    let (_, read) = batches(&config, ReadOptions::new(1)).unwrap();
    assert_eq!(read[0].has_key, Some(vec![false; 4]));
    assert_eq!(read[0].len(), 4);
    config.columns.insert("consignor_id".to_owned(), Parsed::column("consignor_id"));
    // A withdrawn lot needs none either.
    let mut withdrawn = config.clone();
    withdrawn.filter = Some(Parsed::parse("lot_id < 4").unwrap());
    withdrawn.columns.insert("loaded_at".to_owned(), Parsed::column("closes_at"));
    withdrawn.layout.add("", Form::Withdrawn);
    assert_eq!(cells(&withdrawn).1[0], ["-", &id(4), "yes"]);
    let plan = ReadPlan::new(&inputs, &config).unwrap();
    assert_eq!(plan.key_type(), Some(KeyType::Text));
    let error = plan.with_key_type(KeyType::Integer).unwrap_err();
    assert!(matches!(error, IngestError::TypeConflict { .. }));
    let want = "but the customer key is an integer in the run's other sources";
    assert!(error.to_string().contains("`consignor_id` is Utf8") && error.to_string().ends_with(want), "{error}");
}

#[test]
fn bids_are_instants_and_checked_by_their_own_columns() {
    let folder = Folder::new();
    folder.write(
        "a.parquet",
        vec![
            ("customer_id", array(Int64Array::from(vec![1, 2, 3]))),
            ("lot_id", array(StringArray::from(vec![Some("l"), None, Some("m")]))),
            ("time", array(TimestampMicrosecondArray::from(vec![5, 6, 7]))),
            ("amount", array(Int64Array::from(vec![1, 2, 300]))),
        ],
    );
    let mut config = source(&folder, SourceKind::Bids);
    ask(&mut config, &[("lot_id", Form::Id), ("time", Form::Instant), ("amount", Form::Money)]);
    config.columns.insert("customer_id".to_owned(), Parsed::column("customer_id"));
    let kind = CheckKind::AmountRange { column: "amount".to_owned(), min: None, max: Some(10_000) };
    config.checks.push(Check { kind, severity: Severity::Error, tolerate: None });
    let (report, rows) = cells(&config);
    assert_eq!(rows, strings(&[&["1", &format!("{:x}", identity_of_text(b"l")), "5", "100"]]));
    assert_eq!(reasons(&report), [("amount_above_max", 1), ("lot_id_missing", 1)].into());
    assert_eq!(report.accounting.input.minor, 30_300);
}

#[test]
fn times_of_invoices_are_unknown_while_they_lie_ahead() {
    let folder = Folder::new();
    folder.write(
        "a.parquet",
        vec![
            ("customer_id", array(Int64Array::from(vec![1, 2, 3, 4]))),
            ("invoice_id", array(Int64Array::from(vec![1, 2, 3, 4]))),
            ("time", dates(&[Some(1), Some(1), Some(1), Some(1)])),
            ("due_at", dates(&[Some(31), Some(2), Some(2), None])),
            ("paid_at", dates(&[Some(15), Some(16), None, None])),
            ("amount", array(Int64Array::from(vec![1, 2, -3, 4]))),
        ],
    );
    let mut config = source(&folder, SourceKind::Invoices);
    ask(&mut config, &[("due_at", Form::Day), ("paid_at", Form::Day), ("paid_at", Form::Instant)]);
    for name in ["customer_id", "invoice_id", "time", "amount"] {
        config.columns.insert(name.to_owned(), Parsed::column(name));
    }
    let kind = CheckKind::TimeRange { column: "paid_at".to_owned(), min: None, max: Some(january(15)) };
    config.checks.push(Check { kind, severity: Severity::Error, tolerate: None });
    let (report, rows) = cells(&config);
    let want: [&[&str]; 3] = [
        &["1", "2024-01-31", "2024-01-15", "1705276800000000"],
        &["2", "2024-01-02", "-", "-"],
        &["3", "2024-01-02", "-", "-"],
    ];
    assert_eq!(rows, strings(&want));
    assert_eq!(reasons(&report), [("due_at_missing", 1)].into());
    assert_eq!((report.accounting.refund_rows, report.accounting.input.minor), (0, 400));
}

#[test]
fn rows_delivered_too_late_are_left_out_first() {
    let folder = Folder::new();
    folder.write(
        "a.parquet",
        vec![
            ("customer", array(Int64Array::from(vec![Some(1), Some(2), Some(3), None, Some(5)]))),
            ("at", dates(&[Some(1), Some(1), Some(20), Some(1), Some(20)])),
            ("price", array(Int64Array::from(vec![1, 2, 4, 8, 16]))),
            ("loaded_at", dates(&[Some(5), None, Some(6), Some(6), Some(5)])),
            ("keep", array(BooleanArray::from(vec![true, true, false, true, true]))),
        ],
    );
    let mut config = config(vec![folder.pattern("")]);
    config.as_of = "2024-01-15".parse().unwrap();
    config.known_by = Some("2024-01-05".parse().unwrap());
    config.filter = Some(Parsed::column("keep"));
    config.columns.insert("loaded_at".to_owned(), Parsed::column("loaded_at"));
    config.layout.add("amount", Form::Money);
    let (report, rows) = cells(&config);
    assert_eq!(rows, strings(&[&["1", "100"], &["2", "200"]]));
    let books = &report.accounting;
    let buckets = [Bucket::AfterKnownBy, Bucket::Filtered, Bucket::AfterAsOf, Bucket::Quarantined, Bucket::Used];
    assert_eq!(buckets.map(|bucket| books.tally(bucket).minor), [1200, 0, 1600, 0, 300]);
    config.known_by = None;
    let (report, _) = cells(&config);
    assert_eq!(buckets.map(|bucket| report.accounting.tally(bucket).minor), [0, 400, 1600, 800, 300]);
}

#[test]
fn withdrawn_rows_come_along_where_they_are_asked_for() {
    let folder = Folder::new();
    folder.write(
        "a.parquet",
        vec![
            ("customer", array(Int64Array::from(vec![Some(1), Some(1), Some(2), None, Some(3), Some(4)]))),
            ("at", dates(&[Some(1), None, Some(20), Some(1), Some(2), Some(2)])),
            ("price", array(StringArray::from(vec!["1", "x", "3", "4", "5", "6"]))),
            ("id", array(Int64Array::from(vec![Some(7), Some(7), Some(8), Some(9), None, Some(10)]))),
            ("loaded", array(StringArray::from(vec!["2024-01-03", "2024-01-04", "", "2024-01-03", "", "x"]))),
            ("status", array(StringArray::from(vec!["ok", "void", "void", "void", "void", "void"]))),
        ],
    );
    let mut config = config(vec![folder.pattern("")]);
    config.as_of = "2024-01-15".parse().unwrap();
    config.filter = Some(Parsed::parse("status = 'ok'").unwrap());
    let mapping = [
        ("amount", "CAST(price AS BIGINT)"),
        ("transaction_id", "id"),
        ("loaded_at", "CASE WHEN loaded <> '' THEN CAST(loaded AS DATE) END"),
    ];
    for (name, text) in mapping {
        config.columns.insert(name.to_owned(), Parsed::parse(text).unwrap());
    }
    for (name, form) in [("transaction_id", Form::Id), ("time", Form::Day), ("amount", Form::Money)] {
        config.layout.add(name, form);
    }
    assert_eq!(cells(&config).1.len(), 1);
    config.layout.add("loaded_at", Form::Day);
    config.layout.add("", Form::Withdrawn);
    let (report, rows) = cells(&config);
    let ids = [id(7), id(8)];
    let want: [&[&str]; 3] = [
        // The withdrawn row's other values can't be read.
        &["1", &ids[0], "-", "-", "2024-01-04", "yes"],
        &["1", &ids[0], "2024-01-01", "100", "2024-01-03", "no"],
        &["2", &ids[1], "2024-01-20", "300", "-", "yes"],
    ];
    assert_eq!(rows, strings(&want));
    assert_eq!(report.accounting.tally(Bucket::Filtered).rows, 5);
    assert_eq!((report.accounting.tally(Bucket::Used).rows, report.newest_day), (1, Some(january(1))));
}

#[test]
fn texts_have_one_number_in_all_files_and_threads() {
    let folder = Folder::new();
    let rows = || (0..200_usize).map(|row| ["paid", "void", "late"][row % 3]);
    let customer = || array(Int64Array::from_iter_values(0..200));
    let at = || array(Date32Array::from(vec![0; 200]));
    let values = array(StringArray::from(vec!["void", "late", "paid", "never"]));
    let keys = Int32Array::from_iter_values((0..200).map(|row| [2, 0, 1][row % 3]));
    let dictionary = array(DictionaryArray::try_new(keys, values).unwrap());
    let all = |category| vec![("customer", customer()), ("at", at()), ("price", customer()), ("category", category)];
    folder.write("a.parquet", all(array(StringArray::from_iter_values(rows()))));
    folder.write("b.parquet", all(dictionary));
    let plain = parquet::file::properties::WriterProperties::builder().set_dictionary_enabled(false).build();
    crate::support::write(&folder.path("c.parquet"), all(array(StringArray::from_iter_values(rows()))), plain);
    let mut config = config(vec![folder.pattern("")]);
    ask(&mut config, &[("category", Form::Symbol)]);
    let (_, found) = cells(&config);
    assert_eq!(found.len(), 600);
    for row in found {
        assert_eq!(row[1], ["paid", "void", "late"][row[0].parse::<usize>().unwrap() % 3]);
    }
    assert_eq!(config.symbols.texts().len(), 3);
}

#[test]
fn only_what_is_wanted_is_decoded() {
    let folder = Folder::new();
    let one = || array(Int64Array::from(vec![1]));
    let names = ["customer", "at", "price", "id", "note", "size", "at2"];
    let mut columns: Vec<_> = names.iter().map(|&name| (name, one())).collect();
    columns[1].1 = dates(&[Some(1)]);
    columns[6].1 = dates(&[Some(1)]);
    columns[4].1 = array(StringArray::from(vec!["x"]));
    folder.write("a.parquet", columns);
    let mut config = config(vec![folder.pattern("")]);
    let mapping = [("category", "note"), ("quantity", "size"), ("loaded_at", "at2"), ("transaction_id", "id")];
    for (name, column) in mapping {
        config.columns.insert(name.to_owned(), Parsed::column(column));
    }
    let inputs = discover(&config.paths).unwrap();
    let decoded = |config: &SourceConfig| {
        let plan = ReadPlan::new(&inputs, config).unwrap();
        plan.columns(0).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(decoded(&config), ["customer", "at", "price"]);
    config.layout.add("category", Form::Symbol);
    assert_eq!(decoded(&config), ["customer", "at", "price", "note"]);
    config.known_by = Some(config.as_of);
    assert_eq!(decoded(&config), ["customer", "at", "price", "note", "at2"]);
    config.known_by = None;
    config.layout.add("", Form::Content);
    assert_eq!(decoded(&config), ["customer", "at", "price", "id", "note", "size"]);
}

#[test]
fn what_does_not_fit_its_column_is_refused() {
    let folder = Folder::new();
    let one = array(Int64Array::from(vec![1]));
    folder.write("a.parquet", vec![("customer", one.clone()), ("at", dates(&[Some(1)])), ("price", one)]);
    let refuse = |change: &dyn Fn(&mut SourceConfig)| {
        let mut config = config(vec![folder.pattern("")]);
        change(&mut config);
        batches(&config, ReadOptions::new(1)).unwrap_err().to_string()
    };
    let field = |name: &str, form| Field { name: name.to_owned(), form };
    let text = refuse(&|config| config.layout.fields.push(field("time", Form::Money)));
    assert_eq!(text, "column `time` does not fit: it can't be handed on as Money");
    let text = refuse(&|config| config.layout.fields.push(field("category", Form::Symbol)));
    assert_eq!(text, "column `category` is not mapped");
    let text = refuse(&|config| {
        let kind = CheckKind::AmountRange { column: "time".to_owned(), min: Some(0), max: None };
        config.checks.push(Check { kind, severity: Severity::Warn, tolerate: None });
    });
    assert_eq!(text, "column `time` does not fit: a check of time_below_min is for columns of another kind");
    let text = refuse(&|config| {
        config.columns.insert("paid_at".to_owned(), Parsed::column("at"));
    });
    assert_eq!(text, "column `paid_at` does not fit: transactions have no such column to map");
    let text = refuse(&|config| {
        config.kind = SourceKind::Lots;
        config.columns = [("lot_id".to_owned(), Parsed::column("customer"))].into();
        let kind = CheckKind::Freshness { max_age_days: 1 };
        config.checks.push(Check { kind, severity: Severity::Warn, tolerate: None });
    });
    assert_eq!(text, "column `freshness` does not fit: lots have no time whose freshness can be checked");
}
