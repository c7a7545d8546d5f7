//! Damaged files: an error that names the file, or a table; never a panic.

use appraise_ingest::{ErrorKind, IngestError, ReadOptions};
use arrow::array::{Decimal128Array, Int64Array, StringArray, TimestampMicrosecondArray};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::support::{Folder, array, config, try_run, write};

fn sample(folder: &Folder) -> Vec<u8> {
    let path = folder.path("a.parquet");
    let rows = 0..40_i64;
    let customer =
        rows.clone().map(|row| (row % 7 != 0).then(|| format!("customer {}", row % 5))).collect::<StringArray>();
    let price = rows.clone().map(|row| Some(i128::from(row))).collect::<Decimal128Array>();
    let columns = vec![
        ("customer", array(customer)),
        ("at", array(TimestampMicrosecondArray::from_iter_values(rows.clone()))),
        ("price", array(price.with_precision_and_scale(18, 2).unwrap())),
        ("note", array(Int64Array::from_iter_values(rows))),
    ];
    let zstd = Compression::ZSTD(ZstdLevel::default());
    write(&path, columns, WriterProperties::builder().set_compression(zstd).build());
    std::fs::read(&path).unwrap()
}

/// Reads `bytes` as a file; any outcome but a panic of the caller is fine, and errors name the file.
fn survive(folder: &Folder, bytes: &[u8]) -> bool {
    // A new file each time: overwriting makes some file systems flush.
    std::fs::remove_file(folder.path("a.parquet")).unwrap();
    std::fs::write(folder.path("a.parquet"), bytes).unwrap();
    match try_run(&config(vec![folder.pattern("a.parquet")]), ReadOptions::new(1)) {
        Ok(_) => true,
        Err(error) => {
            assert!(
                error.to_string().contains("a.parquet") || matches!(error, IngestError::ChecksFailed { .. }),
                "{error}"
            );
            assert!(matches!(error.kind(), ErrorKind::Input | ErrorKind::Check), "{error:?}");
            false
        }
    }
}

#[test]
fn a_file_cut_off_at_any_byte_is_refused() {
    let folder = Folder::new();
    let bytes = sample(&folder);
    assert!(survive(&folder, &bytes));
    for length in 0..bytes.len() {
        assert!(!survive(&folder, &bytes[..length]), "cut at {length}");
    }
}

#[test]
fn flipped_bits_give_an_error_or_a_table() {
    let folder = Folder::new();
    let bytes = sample(&folder);
    // A fixed linear congruential sequence of places.
    let mut state = 12_345_u64;
    for _ in 0..10_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = usize::try_from(state >> 33).unwrap() % (bytes.len() * 8);
        let mut flipped = bytes.clone();
        flipped[place / 8] ^= 1 << (place % 8);
        survive(&folder, &flipped);
    }
}

#[test]
fn what_is_no_parquet_file_says_so() {
    let folder = Folder::new();
    let say = |bytes: &[u8]| {
        std::fs::write(folder.path("a.parquet"), bytes).unwrap();
        try_run(&config(vec![folder.pattern("a.parquet")]), ReadOptions::new(1)).unwrap_err().to_string()
    };
    assert!(say(b"").contains("it has 0 bytes"));
    assert!(say(b"customer,at,price\n1,2,3\n").contains("it does not end in `PAR1`"));
    assert!(say(b"PAR1........PARE").contains("it is encrypted"));
    assert!(say(b"PAR1....\xff\xff\xff\x7fPAR1").contains("its footer claims 2147483647 bytes"));
}

#[test]
fn a_page_that_would_expand_too_far_is_refused_before_it_is() {
    let folder = Folder::new();
    let path = folder.path("a.parquet");
    // 40 million zeros: 320 MB and a few levels in one page, a few kilobytes of zstd.
    let rows = 40_000_000;
    let zeros = array(Int64Array::from(vec![0; rows]));
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder()
        .set_compression(zstd)
        .set_dictionary_enabled(false)
        .set_data_page_size_limit(1 << 30)
        .set_data_page_row_count_limit(rows)
        .set_write_batch_size(rows)
        .set_max_row_group_row_count(Some(rows));
    write(&path, vec![("customer", zeros.clone()), ("at", zeros.clone()), ("price", zeros)], properties.build());
    assert!(std::fs::metadata(&path).unwrap().len() < 1_000_000);
    let mut config = config(vec![folder.pattern("a.parquet")]);
    config.columns.insert("time".to_owned(), appraise_expression::Parsed::parse("CAST('2024-01-01' AS DATE)").unwrap());
    let error = try_run(&config, ReadOptions::new(1)).unwrap_err().to_string();
    assert!(error.contains("a page has 320000009 bytes, at most 134217728 are decompressed"), "{error}");
}

#[test]
fn one_long_text_repeated_is_read_in_bounded_memory() {
    let folder = Folder::new();
    let path = folder.path("a.parquet");
    // 20,000 rows of one value of 100 kB: 2 GB when spread, one dictionary entry in the file.
    let long = "x".repeat(100_000);
    let values = array(StringArray::from(vec![long.as_str(), "y"]));
    let keys = arrow::array::Int32Array::from_iter_values((0..20_000).map(|row| row % 2));
    let note = array(arrow::array::DictionaryArray::try_new(keys, values).unwrap());
    let whole = array(Int64Array::from_iter_values(0..20_000));
    let at = array(TimestampMicrosecondArray::from(vec![0; 20_000]));
    let columns = vec![("customer", whole.clone()), ("at", at), ("price", whole), ("note", note)];
    write(&path, columns, WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let mut config = config(vec![folder.pattern("a.parquet")]);
    config.filter = Some(appraise_expression::Parsed::parse("note <> 'y' AND price > 100").unwrap());
    let (report, _) = try_run(&config, ReadOptions::new(1)).unwrap();
    assert_eq!(report.accounting.tally(appraise_schema::Bucket::Used).rows, 9_949);
}
