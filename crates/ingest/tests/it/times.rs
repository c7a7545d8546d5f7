//! Every unit and zone of time, through files.

use appraise_schema::as_of::{FIRST_DAY, LAST_DAY};
use arrow::array::{
    ArrayRef, Date32Array, Date64Array, Int64Array, StringArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray,
};
use chrono::NaiveDateTime;
use chrono_tz::Tz;

use crate::support::{Folder, array, config, reasons, refused, run};

fn seconds(text: &str) -> i64 {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap().and_utc().timestamp()
}

/// The local days of `at`, each row with its own number as customer.
fn days(at: ArrayRef, source_zone: Tz, zone: Tz) -> Vec<String> {
    let folder = Folder::new();
    let rows = i64::try_from(at.len()).unwrap();
    let customer = array(Int64Array::from_iter_values(0..rows));
    folder.write("a.parquet", vec![("customer", customer.clone()), ("at", at), ("price", customer)]);
    let mut config = config(vec![folder.pattern("a.parquet")]);
    (config.source_zone, config.zone) = (source_zone, zone);
    let (_, mut events) = run(&config);
    events.sort_by_key(|event| event.amount);
    events.iter().map(|event| appraise_schema::as_of::date_of(event.day).unwrap().to_string()).collect()
}

#[test]
fn all_units_with_and_without_zone_give_the_same_local_days() {
    // Around both changes of the clocks in London and New York, and before 1970.
    let instants = [
        ("2024-03-30 23:59:59", "2024-03-30", "2024-03-30"),
        ("2024-03-31 23:00:00", "2024-04-01", "2024-03-31"),
        ("2024-10-26 23:00:00", "2024-10-27", "2024-10-26"),
        ("2024-10-27 23:30:00", "2024-10-27", "2024-10-27"),
        ("2024-03-10 04:59:59", "2024-03-10", "2024-03-09"),
        ("1969-12-31 23:59:59", "1970-01-01", "1969-12-31"),
        ("1913-12-31 23:59:59", "1913-12-31", "1913-12-31"),
    ];
    let at: Vec<i64> = instants.iter().map(|(text, _, _)| seconds(text)).collect();
    let times = |factor: i64| -> Vec<i64> { at.iter().map(|at| at * factor + factor - 1).collect() };
    let arrays: [ArrayRef; 4] = [
        array(TimestampSecondArray::from(times(1)).with_timezone("UTC")),
        array(TimestampMillisecondArray::from(times(1000)).with_timezone("+00:00")),
        array(TimestampMicrosecondArray::from(times(1_000_000)).with_timezone("America/New_York")),
        array(TimestampNanosecondArray::from(times(1_000_000_000)).with_timezone("UTC")),
    ];
    for at in arrays {
        let london: Vec<&str> = instants.iter().map(|(_, london, _)| *london).collect();
        let york: Vec<&str> = instants.iter().map(|(_, _, york)| *york).collect();
        assert_eq!(days(at.clone(), Tz::UTC, Tz::Europe__London), london, "{}", at.data_type());
        assert_eq!(days(at.clone(), Tz::Europe__London, Tz::America__New_York), york, "{}", at.data_type());
    }
    let local: [ArrayRef; 4] = [
        array(TimestampSecondArray::from(times(1))),
        array(TimestampMillisecondArray::from(times(1000))),
        array(TimestampMicrosecondArray::from(times(1_000_000))),
        array(TimestampNanosecondArray::from(times(1_000_000_000))),
    ];
    for at in local {
        let same: Vec<&str> = instants.iter().map(|(text, _, _)| &text[..10]).collect();
        assert_eq!(days(at.clone(), Tz::America__New_York, Tz::America__New_York), same, "{}", at.data_type());
        let utc_to_london: Vec<&str> = instants.iter().map(|(_, london, _)| *london).collect();
        assert_eq!(days(at, Tz::UTC, Tz::Europe__London), utc_to_london);
    }
}

#[test]
fn a_date_is_never_shifted() {
    let dates = array(Date32Array::from(vec![FIRST_DAY, -20_455, 0, LAST_DAY]));
    let want = ["0001-01-01", "1913-12-31", "1970-01-01", "9999-12-31"];
    assert_eq!(days(dates, Tz::UTC, Tz::Pacific__Apia), want);
    let millis = array(Date64Array::from(vec![-86_400_000, 0]));
    assert_eq!(days(millis, Tz::UTC, Tz::Pacific__Apia), ["1969-12-31", "1970-01-01"]);
}

#[test]
fn years_0_and_10000_are_quarantined() {
    let folder = Folder::new();
    let (first, end) = (i64::from(FIRST_DAY) * 86_400, (i64::from(LAST_DAY) + 1) * 86_400);
    let at = vec![first - 1, first, end - 1, end, i64::MAX, i64::MIN];
    let customer = array(Int64Array::from(vec![1; 6]));
    let at = array(TimestampSecondArray::from(at));
    folder.write("a.parquet", vec![("customer", customer.clone()), ("at", at), ("price", customer)]);
    let (report, events) = run(&config(vec![folder.pattern("a.parquet")]));
    assert_eq!(events.iter().map(|event| event.day).collect::<Vec<_>>(), [FIRST_DAY, LAST_DAY]);
    assert_eq!(reasons(&report), [("time_out_of_range", 4)].into());
}

#[test]
fn a_text_time_is_refused_with_the_cast_to_write() {
    let folder = Folder::new();
    let customer = array(Int64Array::from(vec![1]));
    let at = array(StringArray::from(vec!["2024-01-01"]));
    folder.write("a.parquet", vec![("customer", customer.clone()), ("at", at), ("price", customer)]);
    let (error, hint) = refused(&config(vec![folder.pattern("a.parquet")]));
    assert!(error.contains("`at` is Utf8, not a date or a timestamp"), "{error}");
    assert!(hint.contains("CAST(at AS DATE)"), "{hint}");
}

#[test]
fn int96_is_refused_naming_file_and_column() {
    use parquet::data_type::{Int64Type, Int96, Int96Type};
    use parquet::file::writer::SerializedFileWriter;
    let folder = Folder::new();
    let path = folder.path("old.parquet");
    let message = "message m { required int64 customer; required int96 at; required int64 price; }";
    let schema = std::sync::Arc::new(parquet::schema::parser::parse_message_type(message).unwrap());
    let mut writer =
        SerializedFileWriter::new(std::fs::File::create(&path).unwrap(), schema, std::sync::Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for position in 0..3 {
        let mut column = group.next_column().unwrap().unwrap();
        if position == 1 {
            column.typed::<Int96Type>().write_batch(&[Int96::from(vec![0, 0, 2_440_588])], None, None).unwrap();
        } else {
            column.typed::<Int64Type>().write_batch(&[1], None, None).unwrap();
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    let (error, hint) = refused(&config(vec![path.display().to_string()]));
    assert!(error.contains("old.parquet") && error.contains("`at` is stored as INT96"), "{error}");
    assert!(hint.contains("TIMESTAMP"), "{hint}");
}
