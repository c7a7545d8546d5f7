//! What `appraise generate` promises: the same bytes, consistent rows, and the truth that it states.
#![expect(clippy::unwrap_used, reason = "a test that can't read what was written should fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use appraise_generate::{GenerateError, Options, Partition, Summary, generate};
use appraise_schema::AsOf;
use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tempfile::TempDir;

/// 2022 to 2024.
fn options(customers: u64) -> Options {
    let date = |text: &str| text.parse::<AsOf>().unwrap();
    Options {
        customers,
        seed: 7,
        from: date("2022-01-01"),
        to: date("2024-12-31"),
        threads: 2,
        partition: Partition::Year,
        dirt: false,
        homogeneous: false,
    }
}

/// A generated house.
struct House {
    folder: TempDir,
    summary: Summary,
}

impl House {
    fn new(options: &Options) -> Self {
        let folder = TempDir::new().unwrap();
        let summary = generate(folder.path(), options).unwrap();
        Self { folder, summary }
    }

    fn files(&self, source: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(&self.folder.path().join(source), &mut files);
        files.sort();
        files
    }

    /// A column of all files of a source.
    fn column(&self, source: &str, name: &str) -> ArrayRef {
        let mut columns: Vec<ArrayRef> = self.files(source).iter().map(|file| column_of(&read(file), name)).collect();
        let first = columns[0].data_type().clone();
        for column in &mut columns {
            // The file of another schema.
            *column = cast(column, &first).unwrap();
        }
        concat(&columns.iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap()
    }

    fn integers(&self, source: &str, name: &str) -> Vec<Option<i64>> {
        let column = cast(&self.column(source, name), &DataType::Int64).unwrap();
        column.as_primitive::<Int64Type>().iter().collect()
    }

    fn doubles(&self, source: &str, name: &str) -> Vec<Option<f64>> {
        self.column(source, name).as_primitive::<Float64Type>().iter().collect()
    }

    /// Days or microseconds.
    fn times(&self, source: &str, name: &str) -> Vec<Option<i64>> {
        let column = self.column(source, name);
        let column =
            if *column.data_type() == DataType::Date32 { cast(&column, &DataType::Int32).unwrap() } else { column };
        cast(&column, &DataType::Int64).unwrap().as_primitive::<Int64Type>().iter().collect()
    }

    /// Hundredths.
    fn money(&self, source: &str, name: &str) -> Vec<Option<i128>> {
        self.column(source, name).as_primitive::<Decimal128Type>().iter().collect()
    }

    fn texts(&self, source: &str, name: &str) -> Vec<Option<String>> {
        self.column(source, name).as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    }

    fn flags(&self, source: &str, name: &str) -> Vec<Option<bool>> {
        self.column(source, name).as_boolean().iter().collect()
    }

    fn truth(&self) -> Value {
        serde_json::from_slice(&fs::read(self.folder.path().join("truth.json")).unwrap()).unwrap()
    }

    /// Relative path and bytes of every file.
    fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = self.files("").into_iter();
        files
            .map(|file| (file.strip_prefix(self.folder.path()).unwrap().to_owned(), fs::read(&file).unwrap()))
            .collect()
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), files);
        }
    } else {
        files.push(path.to_owned());
    }
}

fn read(file: &Path) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap();
    let schema = builder.schema().clone();
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

fn column_of(batch: &RecordBatch, name: &str) -> ArrayRef {
    batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}")).clone()
}

/// A column as text; times are UTC.
fn text_of(column: &ArrayRef) -> ArrayRef {
    let naive = match column.data_type() {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, None),
        other => other.clone(),
    };
    cast(&cast(column, &naive).unwrap(), &DataType::Utf8).unwrap()
}

fn unwrapped<T>(values: Vec<Option<T>>) -> Vec<T> {
    values.into_iter().map(Option::unwrap).collect()
}

#[test]
fn bytes_depend_on_the_seed_but_not_on_the_threads() {
    for dirt in [false, true] {
        let base = Options { dirt, ..options(1_500) };
        let two = House::new(&base).bytes();
        assert_eq!(two, House::new(&Options { threads: 1, ..base.clone() }).bytes());
        let other = House::new(&Options { seed: 8, ..base }).bytes();
        let same: Vec<_> = two.iter().filter(|(path, bytes)| other.get(*path) == Some(bytes)).collect();
        assert!(same.is_empty(), "the same under another seed: {:?}", same[0].0);
    }
}

#[test]
fn more_customers_do_not_change_the_first_ones() {
    let people = |customers| House::new(&options(customers)).integers("customers", "employees");
    assert_eq!(people(50), people(200)[..50]);
}

#[test]
fn the_summary_counts_what_was_written() {
    let house = House::new(&Options { partition: Partition::Month, ..options(300) });
    assert_eq!(house.summary.files, house.files("").len() as u64);
    for (source, tally) in &house.summary.sources {
        let files = house.files(source);
        let rows: usize = files.iter().map(|file| read(file).num_rows()).sum();
        assert_eq!((tally.files, tally.rows), (files.len() as u64, rows as u64), "{source}");
        assert!(rows > 0, "{source}");
    }
    assert_eq!(house.summary.sources.len(), 6);
    assert!(house.files("sales").iter().any(|file| file.ends_with("sales/dt=2022-03/part-00000.parquet")));
    assert!(house.files("customers").iter().all(|file| file.ends_with("dt=2024-12-31/part-00000.parquet")));
    assert_eq!(house.truth()["sources"], serde_json::to_value(&house.summary.sources).unwrap());
}

#[test]
fn one_customer_has_every_source() {
    let house = House::new(&options(1));
    for source in ["sales", "customers", "interactions", "lots", "bids", "invoices"] {
        assert!(!house.files(source).is_empty(), "{source}");
    }
}

#[test]
fn partitions_hold_their_own_days() {
    let house = House::new(&Options { partition: Partition::Month, ..options(300) });
    for (source, time) in [("sales", "hammer_at"), ("bids", "bid_at"), ("interactions", "happened_at")] {
        for file in house.files(source) {
            let month = file.parent().unwrap().file_name().unwrap().to_str().unwrap()[3..].to_owned();
            let column = text_of(&column_of(&read(&file), time));
            let mut times: Vec<&str> = column.as_string::<i32>().iter().flatten().collect();
            assert!(times.iter().all(|time| time.starts_with(&month)), "{}", file.display());
            let written = times.clone();
            times.sort_unstable();
            assert_eq!(times, written, "{} is not in the order of time", file.display());
        }
    }
}

#[test]
fn every_line_has_its_lot_and_its_highest_bid_and_every_invoice_its_line() {
    let house = House::new(&options(2_000));
    let ids = |source: &str, name: &str| unwrapped(house.integers(source, name));
    let returns = unwrapped(house.flags("sales", "is_return"));
    let lots: BTreeMap<i64, usize> = ids("lots", "lot_id").into_iter().enumerate().map(|(i, id)| (id, i)).collect();
    assert_eq!(lots.len() as u64, house.summary.sources["lots"].rows, "lot ids repeat");
    let outcomes = house.texts("lots", "outcome");
    let hammers = house.money("lots", "hammer_price");
    let closes = unwrapped(house.times("lots", "closes_at"));
    let mut best: BTreeMap<i64, Vec<(i128, i64, i64)>> = BTreeMap::new();
    let bids = ids("bids", "lot_id").into_iter().zip(unwrapped(house.money("bids", "bid_amount")));
    let who = ids("bids", "bidder_id").into_iter().zip(unwrapped(house.times("bids", "bid_at")));
    for ((lot, amount), (bidder, time)) in bids.zip(who) {
        assert!(time < closes[lots[&lot]], "a bid after the close of lot {lot}");
        best.entry(lot).or_default().push((amount, time, bidder));
    }
    let line_ids = ids("sales", "sale_line_id");
    let buyers = ids("sales", "buyer_id");
    let mut won = BTreeSet::new();
    for (i, lot) in ids("sales", "lot_id").into_iter().enumerate() {
        if returns[i] {
            continue;
        }
        assert!(won.insert(lot), "lot {lot} is sold twice");
        let position = lots[&lot];
        assert_eq!(outcomes[position].as_deref(), Some("sold"));
        let bids = &best[&lot];
        let (amount, time, bidder) = *bids.iter().max().unwrap();
        assert_eq!((Some(amount), bidder), (hammers[position], buyers[i]), "lot {lot}");
        assert!(bids.iter().all(|bid| *bid == (amount, time, bidder) || (bid.0 < amount && bid.1 < time)));
    }
    assert!(best.values().any(|bids| bids.iter().map(|bid| bid.2).collect::<BTreeSet<_>>().len() > 2));
    let lines: BTreeMap<i64, usize> = line_ids.into_iter().enumerate().map(|(i, id)| (id, i)).collect();
    let customers: BTreeSet<i64> = ids("customers", "client_id").into_iter().collect();
    let clients = ids("invoices", "client_id");
    for (i, line) in ids("invoices", "sale_line_id").into_iter().enumerate() {
        assert_eq!(buyers[lines[&line]], clients[i]);
        assert!(customers.contains(&clients[i]));
    }
    let returned: Vec<i64> = house.integers("sales", "return_of").into_iter().flatten().collect();
    assert!(returned.len() > 20 && returned.iter().all(|line| !returns[lines[line]]));
}

#[test]
fn nobody_acts_before_they_are_registered_or_after_the_last_day() {
    let house = House::new(&options(2_000));
    let last = i64::from(options(1).to.day());
    let ids = unwrapped(house.integers("customers", "client_id"));
    let registered: BTreeMap<i64, i64> =
        ids.into_iter().zip(unwrapped(house.times("customers", "created_at"))).collect();
    let events = [
        ("sales", "buyer_id", "hammer_at"),
        ("bids", "bidder_id", "bid_at"),
        ("interactions", "client_id", "happened_at"),
    ];
    for (source, who, when) in events {
        let who = unwrapped(house.integers(source, who));
        for (who, time) in who.into_iter().zip(unwrapped(house.times(source, when))) {
            let day = time.div_euclid(86_400_000_000);
            // Bidding may begin in the evening before the sale.
            assert!(day >= registered[&who] - 1 && day <= last, "{source}: {who} on day {day}");
        }
    }
    for column in ["settled_on", "disputed_on", "cancelled_on", "written_off_on"] {
        let days = house.times("invoices", column);
        assert!(days.iter().flatten().all(|day| *day <= last), "{column}");
        assert!(days.iter().flatten().count() > 5, "{column}");
    }
}

/// Mean, and its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// Asserts that `truth` lies within four standard errors of the mean of `values`.
fn check(name: &str, values: &[f64], truth: f64) {
    let (mean, error) = mean(values);
    assert!((mean - truth).abs() < 4.0 * error, "{name}: mean {mean} ± {error} of {}, not {truth}", values.len());
}

const CUSTOMERS: &str = "truth_customers.parquet";

#[test]
#[expect(clippy::many_single_char_names, reason = "the names of the parameters in the papers")]
fn customers_are_drawn_from_the_stated_distributions() {
    let house = House::new(&options(5_000));
    let truth = house.truth();
    let number = |path: &str| truth.pointer(path).unwrap().as_f64().unwrap();
    let (industries, sizes) = (house.texts(CUSTOMERS, "industry"), house.texts(CUSTOMERS, "company_size"));
    let groups = truth["groups"].as_array().unwrap();
    let group = |i: usize| {
        let same = |group: &&Value| {
            group["industry"].as_str() == industries[i].as_deref()
                && group["company_size"].as_str() == sizes[i].as_deref()
        };
        groups.iter().find(same).unwrap()
    };
    let scaled = |column: &str, effect: &str| -> Vec<f64> {
        let values = house.doubles(CUSTOMERS, column).into_iter().enumerate();
        values.filter_map(|(i, value)| Some(value? / group(i)[effect].as_f64().unwrap())).collect()
    };
    let [r, alpha] = ["r", "alpha"].map(|name| number(&format!("/purchases/parameters/{name}")));
    let [a, b] = ["a", "b"].map(|name| number(&format!("/purchases/parameters/{name}")));
    let [p, q, gamma] = ["p", "q", "gamma"].map(|name| number(&format!("/spend/parameters/{name}")));
    let rates = scaled("rate_per_week", "rate_effect");
    check("buyers", &(0..5_000).map(|i| f64::from(u8::from(i < rates.len()))).collect::<Vec<_>>(), 0.8);
    check("rate", &rates, r / alpha);
    let squares: Vec<f64> = rates.iter().map(|rate| rate * rate).collect();
    check("square of the rate", &squares, r * (r + 1.0) / (alpha * alpha));
    let dropout: Vec<f64> = house.doubles(CUSTOMERS, "dropout_probability").into_iter().flatten().collect();
    check("dropout", &dropout, a / (a + b));
    check("spend", &scaled("mean_spend", "spend_effect"), p * gamma / (q - 1.0));
    let excess: Vec<f64> = house
        .doubles(CUSTOMERS, "default_probability")
        .into_iter()
        .enumerate()
        .map(|(i, value)| {
            let [alpha, beta] = ["default_alpha", "default_beta"].map(|name| group(i)[name].as_f64().unwrap());
            value.unwrap() - alpha / (alpha + beta)
        })
        .collect();
    check("default probability less its group's mean", &excess, 0.0);
    let homogeneous = House::new(&Options { homogeneous: true, ..options(10) }).truth();
    let effects = homogeneous["groups"].as_array().unwrap().iter();
    assert!(effects.flat_map(|group| [&group["rate_effect"], &group["spend_effect"]]).all(|effect| *effect == 1.0));
}

#[test]
fn customers_behave_as_their_truth_says() {
    let house = House::new(&options(5_000));
    let last = i64::from(options(1).to.day());
    let ids = unwrapped(house.integers(CUSTOMERS, "customer_id"));
    let first: BTreeMap<i64, Option<i64>> = ids.iter().copied().zip(house.times(CUSTOMERS, "first_purchase")).collect();
    let spends: BTreeMap<i64, f64> =
        ids.iter().copied().zip(house.doubles(CUSTOMERS, "mean_spend")).filter_map(|(id, s)| Some((id, s?))).collect();
    let defaults: BTreeMap<i64, f64> =
        ids.iter().copied().zip(unwrapped(house.doubles(CUSTOMERS, "default_probability"))).collect();

    // Purchase days, and spend a day in units of the customer's mean; invoices are in pounds.
    let mut days: BTreeMap<(i64, i64), f64> = BTreeMap::new();
    let buyers = unwrapped(house.integers("sales", "buyer_id")).into_iter();
    let times = unwrapped(house.times("sales", "hammer_at")).into_iter();
    let returns = unwrapped(house.flags("sales", "is_return")).into_iter();
    let prices = house.money("sales", "hammer_price").into_iter().zip(house.money("sales", "buyers_premium"));
    let currencies = unwrapped(house.texts("sales", "currency"));
    for (i, (((buyer, time), returned), (hammer, premium))) in buyers.zip(times).zip(returns).zip(prices).enumerate() {
        if !returned {
            let spend = (hammer.unwrap() + premium.unwrap()) as f64 / 100.0;
            let rate = if currencies[i] == "GBP" { 1.0 } else { f64::NAN };
            *days.entry((buyer, time.div_euclid(86_400_000_000))).or_default() += spend * rate;
        }
    }
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    for (buyer, day) in days.keys() {
        *counts.entry(*buyer).or_default() += 1;
        assert!(first[buyer].is_some_and(|first| first <= *day));
    }
    let stated = unwrapped(house.integers(CUSTOMERS, "purchase_days"));
    assert!(ids.iter().zip(stated).all(|(id, days)| counts.get(id).copied().unwrap_or(0) == days));
    // The first day alone: every buyer counts once.
    let relative: Vec<f64> = days
        .iter()
        .filter(|((buyer, day), spend)| first[buyer] == Some(*day) && spend.is_finite())
        .map(|((buyer, _), spend)| spend / spends[buyer])
        .collect();
    let repeated_that_day = 0.02;
    let (mean_relative, error) = mean(&relative);
    assert!(mean_relative > 1.0 - 4.0 * error && mean_relative < 1.0 + 4.0 * error + repeated_that_day);

    // Of invoices due 90 days ago and not cancelled, those not paid are the defaults.
    let clients = unwrapped(house.integers("invoices", "client_id"));
    let due = unwrapped(house.times("invoices", "due_on"));
    let (paid, cancelled) = (house.times("invoices", "settled_on"), house.times("invoices", "cancelled_on"));
    let matured = (0..clients.len()).filter(|i| due[*i] + 90 <= last && cancelled[*i].is_none());
    let excess: Vec<f64> = matured.map(|i| f64::from(u8::from(paid[i].is_none())) - defaults[&clients[i]]).collect();
    assert!(excess.len() > 5_000);
    check("defaults less their probability", &excess, 0.0);
}

#[test]
fn repeat_purchases_and_dropout_follow_the_rates() {
    let house = House::new(&options(5_000));
    let last = i64::from(options(1).to.day());
    let rates = house.doubles(CUSTOMERS, "rate_per_week");
    let dropouts = house.doubles(CUSTOMERS, "dropout_probability");
    let first = house.times(CUSTOMERS, "first_purchase");
    let alive = house.flags(CUSTOMERS, "alive");
    let dropped_on = house.times(CUSTOMERS, "dropout_on");
    let values = house.doubles(CUSTOMERS, "expected_value_next_year");
    let spends = house.doubles(CUSTOMERS, "mean_spend");
    let mut excess = Vec::new();
    for i in (0..rates.len()).filter(|i| rates[*i].is_some()) {
        let (rate, p) = (rates[i].unwrap(), dropouts[i].unwrap());
        // One who bought once is alive; each repeat purchase, at `rate`, ends that with probability p.
        let weeks = ((last - first[i].unwrap()) as f64 + 0.5) / 7.0;
        excess.push(f64::from(u8::from(alive[i].unwrap())) - (-rate * p * weeks).exp());
        assert_eq!(alive[i].unwrap(), dropped_on[i].is_none());
        let year = 365.0 / 7.0;
        let expected = if alive[i].unwrap() { (1.0 - (-rate * p * year).exp()) / p * spends[i].unwrap() } else { 0.0 };
        assert!((values[i].unwrap() - expected).abs() <= 1e-6 * expected.max(1.0), "{:?}, not {expected}", values[i]);
    }
    check("alive less its probability", &excess, 0.0);
}

#[test]
fn opted_out_customers_are_contacted_less() {
    let house = House::new(&options(2_000));
    let ids = unwrapped(house.integers("customers", "client_id"));
    let consents: BTreeMap<i64, Option<bool>> =
        ids.into_iter().zip(house.flags("customers", "marketing_consent")).collect();
    let contacts = |consent: Option<bool>| {
        let kinds = unwrapped(house.texts("interactions", "kind"));
        let who = unwrapped(house.integers("interactions", "client_id")).into_iter().zip(kinds);
        let mails = who.filter(|(id, kind)| kind == "Email" && consents[id] == consent).count();
        mails as f64 / consents.values().filter(|of| **of == consent).count() as f64
    };
    let (opted_out, others) = (contacts(Some(false)), contacts(Some(true)));
    assert!(opted_out > 0.0 && opted_out < 0.3 * others, "{opted_out} mails against {others}");
    let scores: BTreeSet<i64> = house.integers("interactions", "score").into_iter().flatten().collect();
    assert_eq!(scores.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

/// Rows of a source by their id, as text of all columns, with the number of their file.
fn rows_by_id(house: &House, source: &str, id: &str) -> BTreeMap<i64, Vec<(usize, String)>> {
    let mut rows: BTreeMap<i64, Vec<(usize, String)>> = BTreeMap::new();
    for (number, file) in house.files(source).iter().enumerate() {
        let batch = read(file);
        let ids = column_of(&batch, id);
        let mut names: Vec<&str> = batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        names.retain(|name| !["_loaded_at", "source_system"].contains(name));
        names.sort_unstable();
        let texts: Vec<ArrayRef> = names.iter().map(|name| text_of(&column_of(&batch, name))).collect();
        for (row, id) in ids.as_primitive::<Int64Type>().values().iter().enumerate() {
            let cells = texts.iter().map(|column| {
                let column = column.as_string::<i32>();
                if arrow::array::Array::is_null(column, row) { "NULL" } else { column.value(row) }
            });
            rows.entry(*id).or_default().push((number, cells.collect::<Vec<_>>().join("|")));
        }
    }
    rows
}

#[test]
fn dirt_repeats_delays_and_loses_keys_but_loses_no_row() {
    let base = Options { partition: Partition::Month, ..options(2_000) };
    let clean = House::new(&base);
    let dirty = House::new(&Options { dirt: true, ..base });
    let sources = [
        ("sales", "sale_line_id", Some("buyer_id")),
        ("lots", "lot_id", None),
        ("bids", "bid_id", Some("bidder_id")),
        ("interactions", "interaction_id", Some("client_id")),
    ];
    for (source, id, key) in sources {
        let (was, is) = (rows_by_id(&clean, source, id), rows_by_id(&dirty, source, id));
        let tally = dirty.summary.sources[source];
        let (mut repeated, mut late) = (0, 0);
        for (id, rows) in &was {
            let (file, row) = &rows[0];
            let copies = &is[id];
            assert!(copies.iter().all(|(_, copy)| copy == row), "{source} {id} changed");
            let files: Vec<usize> = copies.iter().map(|(file, _)| *file).collect();
            repeated += u64::from(files == [*file, file + 1]);
            late += u64::from(files == [file + 1]);
            assert!(files[0] <= file + 1 && files.len() <= 2);
        }
        let keyless = key.map_or(0, |key| dirty.integers(source, key).iter().filter(|key| key.is_none()).count());
        let strange = is.keys().filter(|id| !was.contains_key(id)).count();
        assert_eq!(keyless, strange, "{source}");
        assert_eq!((tally.repeated, tally.late, tally.keyless), (repeated, late, keyless as u64), "{source}");
        assert!(repeated > 0 && late > 0 && (keyless > 0) == key.is_some(), "{source}: {tally:?}");
        let clean_tally = clean.summary.sources[source];
        assert_eq!((clean_tally.repeated, clean_tally.late, clean_tally.keyless, clean_tally.drifted), (0, 0, 0, 0));
        assert_eq!(tally.rows, clean_tally.rows + repeated + keyless as u64, "{source}");
    }
    for source in ["customers", "invoices"] {
        let copy = |house: &House| fs::read(&house.files(source)[0]).unwrap();
        assert_eq!(copy(&clean), copy(&dirty));
    }
}

#[test]
fn dirt_drifts_the_schema_of_one_file() {
    let house = House::new(&Options { dirt: true, ..options(500) });
    let schemas: Vec<_> = house.files("sales").iter().map(|file| read(file).schema()).collect();
    let (drifted, regular) = schemas.split_last().unwrap();
    assert!(regular.iter().all(|schema| *schema == regular[0]));
    let names = |schema: &arrow::datatypes::SchemaRef| -> Vec<String> {
        schema.fields().iter().map(|field| field.name().clone()).collect()
    };
    let mut expected = names(&regular[0]);
    expected.push("source_system".to_owned());
    expected.reverse();
    assert_eq!(names(drifted), expected);
    assert_eq!(drifted.field_with_name("buyer_id").unwrap().data_type(), &DataType::Int32);
    assert_eq!(regular[0].field_with_name("buyer_id").unwrap().data_type(), &DataType::Int64);
    assert_eq!(house.summary.sources["sales"].drifted, 1);
    assert_eq!(house.summary.sources["bids"].drifted, 0);
}

#[test]
fn foreign_currencies_come_back_to_the_invoice() {
    let house = House::new(&options(2_000));
    let mut rates: BTreeMap<(String, i64), i128> = BTreeMap::new();
    let table = "reference/exchange_rates.parquet";
    let days =
        unwrapped(house.times(table, "rate_date")).into_iter().zip(unwrapped(house.money(table, "gbp_per_unit")));
    for (currency, (day, rate)) in unwrapped(house.texts(table, "currency")).into_iter().zip(days) {
        rates.insert((currency, day), rate);
    }
    let invoiced: BTreeMap<i64, i128> = unwrapped(house.integers("invoices", "sale_line_id"))
        .into_iter()
        .zip(unwrapped(house.money("invoices", "gross_amount")))
        .collect();
    let lines = unwrapped(house.integers("sales", "sale_line_id"));
    let (hammer, premium) = (house.money("sales", "hammer_price"), house.money("sales", "buyers_premium"));
    let (currencies, times) =
        (unwrapped(house.texts("sales", "currency")), unwrapped(house.times("sales", "hammer_at")));
    let mut foreign = 0;
    for (i, line) in lines.iter().enumerate() {
        if let (Some(pence), true) = (invoiced.get(line), currencies[i] != "GBP") {
            let rate = rates[&(currencies[i].clone(), times[i].div_euclid(86_400_000_000))];
            let amount = (hammer[i].unwrap() + premium[i].unwrap()) * rate;
            // Two amounts, each rounded to a hundredth of a unit that is worth less than a pound.
            assert!((amount - pence * 1_000_000).abs() <= 1_000_000, "line {line}: {amount} against {pence} pence");
            foreign += 1;
        }
    }
    assert!(foreign > 500);
}

#[test]
fn the_committed_sample_is_what_its_command_makes() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/auction_house");
    let made = House::new(&Options { dirt: true, ..options(600) }).bytes();
    let mut committed = Vec::new();
    collect(&sample, &mut committed);
    committed.retain(|file| !file.ends_with("README.md"));
    assert_eq!(committed.len(), made.len());
    for file in committed {
        let name = file.strip_prefix(&sample).unwrap();
        assert_eq!(Some(&fs::read(&file).unwrap()), made.get(name), "{}", name.display());
    }
}

#[test]
fn an_earlier_house_is_not_overwritten_and_odd_options_are_refused() {
    let house = House::new(&options(1));
    let error = generate(house.folder.path(), &options(1)).unwrap_err();
    assert!(matches!(error, GenerateError::Exists { .. }), "{error}");
    let refused = [
        Options { customers: 0, ..options(1) },
        Options { from: options(1).to, to: options(1).from, ..options(1) },
        Options { from: "1900-01-01".parse().unwrap(), ..options(1) },
        Options { dirt: true, partition: Partition::None, ..options(1) },
    ];
    for options in refused {
        let folder = TempDir::new().unwrap();
        let error = generate(folder.path(), &options).unwrap_err();
        assert!(matches!(error, GenerateError::Option { .. }), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
