use std::fs;

use appraise_schema::{ColumnSpec, ColumnType, KeyType};
use arrow::array::{
    BooleanArray, Date32Array, Decimal64Array, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
};
use arrow::buffer::NullBuffer;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{self, LogicalType, Repetition};
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};
use proptest::prelude::*;

use super::*;

const SMALL: Limits = Limits { slice_rows: 64, group_rows: 256, group_bytes: 1 << 20, file_bytes: 12 << 10 };

fn contract(key_type: KeyType) -> TableContract {
    let nullable = |name: &str, column_type| ColumnSpec::nullable(name, column_type, "days", "what it says");
    let columns = vec![
        ColumnSpec::as_of(),
        ColumnSpec::customer_id(key_type),
        nullable("orders", ColumnType::Int32),
        nullable("lines", ColumnType::Int64),
        nullable("score", ColumnType::Float64),
        nullable("revenue", ColumnType::customer_money(2)),
        nullable("total", ColumnType::Decimal { precision: 38, scale: 2 }),
        nullable("first_day", ColumnType::Date),
        nullable("segment", ColumnType::String),
        nullable("buyer", ColumnType::Boolean),
    ];
    TableContract::new("customer_values", "one customer", columns).unwrap()
}

/// Rows `0..rows`; every column but the first two is NULL in its own rhythm.
fn batch(rows: i32) -> RecordBatch {
    let some = |row: i32, rhythm: i32| row % rhythm != 0;
    let every = || 0..rows;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from_iter_values(every().map(|_| 20_000))),
        Arc::new(Int64Array::from_iter_values(
            every().map(|row| i64::from(row).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed())),
        )),
        Arc::new(every().map(|row| some(row, 7).then_some(row % 9)).collect::<Int32Array>()),
        Arc::new(every().map(|row| some(row, 5).then_some(i64::from(row) << 33)).collect::<Int64Array>()),
        Arc::new(every().map(|row| some(row, 3).then_some(f64::from(row) / 7.0)).collect::<Float64Array>()),
        Arc::new(
            every()
                .map(|row| some(row, 11).then_some(i64::from(row) * 1001 - 5))
                .collect::<Decimal64Array>()
                .with_precision_and_scale(18, 2)
                .unwrap(),
        ),
        Arc::new(
            every()
                .map(|row| some(row, 13).then_some(i128::from(row) << 90))
                .collect::<Decimal128Array>()
                .with_precision_and_scale(38, 2)
                .unwrap(),
        ),
        Arc::new(every().map(|row| some(row, 2).then_some(-700_000 + row)).collect::<Date32Array>()),
        Arc::new(every().map(|row| some(row, 4).then_some(format!("segment {}", row % 6))).collect::<StringArray>()),
        Arc::new(every().map(|row| some(row, 6).then_some(row % 5 == 0)).collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(contract(KeyType::Integer).arrow(), columns).unwrap()
}

/// Writes `batches` and returns the descriptions and bytes of the files.
fn written(batches: Vec<RecordBatch>, limits: Limits) -> Result<Vec<(TableFile, Vec<u8>)>, ExportError> {
    let folder = tempfile::tempdir().unwrap();
    let contract = contract(KeyType::Integer);
    let table_folder = folder.path().join("customer_values");
    let mut writer = TableWriter::create(&Disk::default(), table_folder, &contract, Compression::Zstd)?;
    writer.limits = limits;
    for batch in batches {
        writer.write(batch)?;
    }
    let table = writer.finish()?;
    crate::verify::read_back(std::slice::from_ref(&table))?;
    Ok(table.files.iter().map(|file| (file.description.clone(), fs::read(table.temporary(file)).unwrap())).collect())
}

fn cut(batch: &RecordBatch, lengths: &[usize]) -> Vec<RecordBatch> {
    let mut start = 0;
    let mut cuts = Vec::new();
    for &length in lengths.iter().cycle() {
        if start == batch.num_rows() {
            return cuts;
        }
        let length = length.min(batch.num_rows() - start);
        cuts.push(batch.slice(start, length));
        start += length;
    }
    cuts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn bytes_do_not_depend_on_the_cut(rows in 0..1500_i32, mut lengths in prop::collection::vec(0..400_usize, 1..8)) {
        lengths.push(1);
        let batch = batch(rows);
        let whole = written(vec![batch.clone()], SMALL).unwrap();
        prop_assert_eq!(written(cut(&batch, &lengths), SMALL).unwrap(), whole);
    }
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let batch = batch(3_000);
    let one = written(vec![batch.clone()], SMALL).unwrap();
    assert!(one.len() > 2, "{} files", one.len());
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| written(cut(&batch, &[100, 7]), SMALL)).unwrap(), one, "{threads} threads");
    }
}

/// [`batch`], but amounts that repeat in the first slice and no longer behind it.
fn batch_of_repeated_then_distinct_amounts(rows: i32) -> RecordBatch {
    let batch = batch(rows);
    let amount = |row: i32| i64::from(if row < 1 << 16 { row % 100 } else { row });
    let amounts = Decimal64Array::from_iter_values((0..rows).map(amount)).with_precision_and_scale(18, 2).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[5] = Arc::new(amounts);
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

fn encodings(bytes: &[u8], column: usize) -> Vec<basic::Encoding> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes::Bytes::copy_from_slice(bytes)).unwrap();
    metadata.row_group(0).column(column).encodings().collect()
}

#[test]
fn bytes_do_not_depend_on_the_cut_where_dictionaries_overflow() {
    let batch = batch_of_repeated_then_distinct_amounts(200_000);
    let whole = written(vec![batch.clone()], Limits::PUBLISHED).unwrap();
    for lengths in [[10_007, 1].as_slice(), &[65_536], &[65_535, 70_000]] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert!(pool.install(|| written(cut(&batch, lengths), Limits::PUBLISHED)).unwrap() == whole, "{lengths:?}");
    }
    let [(_, bytes)] = whole.as_slice() else { panic!("{} files", whole.len()) };
    let money = encodings(bytes, 5);
    assert!(money.contains(&basic::Encoding::RLE_DICTIONARY) && money.contains(&basic::Encoding::PLAIN), "{money:?}");
}

#[test]
fn values_that_repeat_get_a_dictionary() {
    let files = written(vec![batch(1_000)], Limits { file_bytes: usize::MAX, ..Limits::PUBLISHED }).unwrap();
    let [(_, bytes)] = files.as_slice() else { panic!("{} files", files.len()) };
    let dictionary = |column| encodings(bytes, column).contains(&basic::Encoding::RLE_DICTIONARY);
    let names = contract(KeyType::Integer).columns.into_iter().map(|column| column.name).enumerate();
    let with: Vec<_> = names.filter(|(column, _)| dictionary(*column)).map(|(_, name)| name).collect();
    assert_eq!(with, ["orders", "segment"]);
}

#[test]
fn bytes_do_not_depend_on_how_the_absence_of_null_is_held() {
    let batch = batch(1_000);
    let keys = batch.column(1).as_primitive::<Int64Type>();
    let replaced = |nulls| {
        let lines: ArrayRef = Arc::new(Int64Array::new(keys.values().clone(), nulls));
        let mut columns = batch.columns().to_vec();
        columns[3] = lines;
        RecordBatch::try_new(batch.schema(), columns).unwrap()
    };
    let held = written(vec![replaced(Some(NullBuffer::new_valid(1_000)))], SMALL).unwrap();
    assert_eq!(written(vec![replaced(None)], SMALL).unwrap(), held);
    let mixed = [cut(&replaced(None), &[333])[0].clone(), replaced(Some(NullBuffer::new_valid(1_000))).slice(333, 667)];
    assert_eq!(written(mixed.to_vec(), SMALL).unwrap(), held);
}

#[test]
fn bytes_do_not_depend_on_what_lies_under_a_null() {
    let batch = batch(1_000);
    let lines = batch.column(3).as_primitive::<Int64Type>();
    let garbage: ArrayRef = Arc::new(Int64Array::new(vec![i64::MIN; 1_000].into(), None));
    let hidden = arrow::compute::kernels::zip::zip(&arrow::compute::is_null(lines).unwrap(), &garbage, batch.column(3));
    let values = hidden.unwrap().as_primitive::<Int64Type>().values().clone();
    let mut columns = batch.columns().to_vec();
    columns[3] = Arc::new(Int64Array::new(values, lines.nulls().cloned()));
    let other = RecordBatch::try_new(batch.schema(), columns).unwrap();
    assert_eq!(written(vec![other], SMALL).unwrap(), written(vec![batch], SMALL).unwrap());
}

#[test]
fn what_was_written_is_read() {
    let batch = batch(1_000);
    let files = written(vec![batch.clone()], SMALL).unwrap();
    let mut start = 0;
    for (description, bytes) in files {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
        let schema = reader.schema().clone();
        assert_eq!(schema.fields(), encoding::readers_schema(&contract(KeyType::Integer)).fields());
        assert_eq!(schema.field(2).metadata()["unit"], "days");
        assert_eq!(schema.field(2).metadata()["meaning"], "what it says");
        let read: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
        let read = arrow::compute::concat_batches(&schema, &read).unwrap();
        assert_eq!(read.num_rows() as u64, description.rows);
        let expected = batch.slice(start, read.num_rows());
        for (position, column) in expected.columns().iter().enumerate() {
            let column = arrow::compute::cast(column, schema.field(position).data_type()).unwrap();
            assert_eq!(&column, read.column(position), "{}", schema.field(position).name());
        }
        start += read.num_rows();
    }
    assert_eq!(start, 1_000);
}

#[test]
fn types_flags_and_statistics_are_those_of_the_contract() {
    let (description, bytes) = written(vec![batch(200)], SMALL).unwrap().remove(0);
    let options = ReadOptionsBuilder::new()
        .with_reader_properties(ReaderProperties::builder().set_read_bloom_filter(true).build())
        .build();
    let reader = SerializedFileReader::new_with_options(bytes::Bytes::from(bytes), options).unwrap();
    let metadata = reader.metadata().clone();
    assert_eq!(metadata.file_metadata().created_by(), Some("appraise version 0.1.0"));
    let keys: Vec<_> = metadata.file_metadata().key_value_metadata().unwrap().iter().map(|kv| &kv.key).collect();
    assert_eq!(keys, ["ARROW:schema"]);
    let column = |position| metadata.file_metadata().schema_descr().column(position);
    for position in 0..10 {
        let wanted = if position < 2 { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        assert_eq!(column(position).self_type().get_basic_info().repetition(), wanted);
    }
    assert_eq!(column(5).physical_type(), basic::Type::INT64);
    assert_eq!(column(5).logical_type_ref(), Some(&LogicalType::decimal(2, 18)));
    assert_eq!(column(6).physical_type(), basic::Type::FIXED_LEN_BYTE_ARRAY);
    let group = metadata.row_group(0);
    for chunk in group.columns() {
        assert!(matches!(chunk.compression(), basic::Compression::ZSTD(_)), "{:?}", chunk.compression());
        assert!(chunk.statistics().unwrap().null_count_opt().is_some());
    }
    let group_reader = reader.get_row_group(0).unwrap();
    assert!(group_reader.get_column_bloom_filter(0).is_none());
    let filter = group_reader.get_column_bloom_filter(1).unwrap();
    let key = |row: i64| row.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed());
    assert!((0..200).all(|row| filter.check(&key(row))));
    assert!((200..400).filter(|&row| filter.check(&key(row))).count() < 20);
    let all: Vec<i64> = (0..200).map(key).collect();
    assert_eq!(description.key_min, all.iter().min().map(|&key| Key::Integer(key)));
    assert_eq!(description.key_max, all.iter().max().map(|&key| Key::Integer(key)));
}

#[test]
fn row_groups_and_files_end_where_the_limits_say() {
    let files = written(vec![batch(1_000)], Limits { file_bytes: usize::MAX, ..SMALL }).unwrap();
    let [(_, bytes)] = files.as_slice() else { panic!("{} files", files.len()) };
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes::Bytes::from(bytes.clone())).unwrap();
    let rows: Vec<_> = metadata.row_groups().iter().map(parquet::file::metadata::RowGroupMetaData::num_rows).collect();
    assert_eq!(rows, [256, 256, 256, 232]);
    let files = written(vec![batch(1_000)], Limits { file_bytes: 1, group_bytes: 1, ..SMALL }).unwrap();
    assert_eq!(files.len(), 1_000_usize.div_ceil(64));
    assert_eq!(files[15].0.path, "customer_values/part-00015.parquet");
}

#[test]
fn a_table_without_rows_is_one_file_with_the_schema() {
    for batches in [vec![], vec![batch(0)]] {
        let files = written(batches, SMALL).unwrap();
        let [(description, bytes)] = files.as_slice() else { panic!("{} files", files.len()) };
        assert_eq!((description.rows, &description.key_min), (0, &None));
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes.clone())).unwrap();
        assert_eq!(reader.schema().fields().len(), 10);
        assert_eq!(reader.metadata().num_row_groups(), 0);
    }
}

#[test]
fn values_outside_the_contract_are_refused_with_their_row() {
    let batch = batch(300);
    let with = |position: usize, column: ArrayRef| {
        let mut columns = batch.columns().to_vec();
        columns[position] = column;
        let fields = contract(KeyType::Integer).arrow();
        let fields: Vec<_> = fields.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    };
    let doubles = |odd: f64| -> ArrayRef {
        Arc::new((0..300).map(|row| Some(if row == 222 { odd } else { 1.0 })).collect::<Float64Array>())
    };
    let keys: ArrayRef = Arc::new((0..300).map(|row| (row != 130).then_some(row)).collect::<Int64Array>());
    for (batch, message) in [
        (with(4, doubles(f64::NAN)), "column `score`, row 222: NaN, expected a finite number or NULL"),
        (with(4, doubles(f64::NEG_INFINITY)), "column `score`, row 222: -inf, expected a finite number or NULL"),
        (with(1, keys), "column `customer_id`, row 130: NULL, expected a value"),
    ] {
        let error = written(vec![batch], SMALL).unwrap_err();
        assert!(error.to_string().ends_with(message), "{error}");
        assert_eq!(error.kind(), crate::ErrorKind::Rows);
    }
    // What lies under a NULL is no value.
    let hidden = Float64Array::new(vec![f64::NAN; 300].into(), Some(NullBuffer::new_null(300)));
    assert!(written(vec![with(4, Arc::new(hidden))], SMALL).is_ok());
}

#[test]
fn columns_of_another_table_are_refused() {
    let error = written(vec![batch(3).project(&[0, 1]).unwrap()], SMALL).unwrap_err();
    assert!(error.to_string().contains("columns are (as_of Date32, customer_id Int64), expected"), "{error}");
}

#[test]
fn text_keys_range_by_their_bytes() {
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["Zoe", "ada", "Ä", "Eve"]));
    assert_eq!(key_range(&keys), Some((Key::Text("Eve".to_owned()), Key::Text("Ä".to_owned()))));
}
