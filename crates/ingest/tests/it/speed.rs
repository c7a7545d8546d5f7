//! CPU cost of a read, on demand: `cargo test --release -p appraise-ingest -- --ignored --nocapture speed`.

use appraise_ingest::{EventSink, NoProgress, Origin, ReadOptions, ReadPlan, discover, read};
use appraise_schema::EventBatch;

use crate::support::config;

struct Count(usize);

impl EventSink for Count {
    type Error = std::convert::Infallible;

    fn accept(&mut self, batch: EventBatch, _origin: Origin<'_>) -> Result<(), Self::Error> {
        self.0 += batch.len();
        Ok(())
    }
}

#[test]
#[ignore = "needs a dump named by APPRAISE_SPEED_DUMP; the process' CPU time is read from outside"]
fn speed() {
    let dump = std::env::var("APPRAISE_SPEED_DUMP").unwrap();
    let mut config = config(vec![dump]);
    for (name, column) in [("customer_id", "customer_id"), ("time", "ts"), ("amount", "amount")] {
        config.columns.insert(name.to_owned(), appraise_expression::Parsed::column(column));
    }
    if let Ok(filter) = std::env::var("APPRAISE_SPEED_WHERE") {
        config.filter = Some(appraise_expression::Parsed::parse(&filter).unwrap());
    }
    if let Ok(zone) = std::env::var("APPRAISE_SPEED_ZONE") {
        config.source_zone = zone.parse().unwrap();
        config.zone = chrono_tz::Tz::UTC;
    }
    let inputs = discover(&config.paths).unwrap();
    let plan = ReadPlan::new(&inputs, &config).unwrap();
    let batch_rows = std::env::var("APPRAISE_SPEED_BATCH").ok().and_then(|rows| rows.parse().ok());
    let options = ReadOptions { threads: 2, batch_rows: batch_rows.unwrap_or(ReadOptions::BATCH_ROWS) };
    let (report, sinks) =
        read(&plan, options, |_| Count(0), &NoProgress, &std::sync::atomic::AtomicBool::new(false)).unwrap();
    println!("{} rows, {} used", report.accounting.input.rows, sinks.iter().map(|sink| sink.0).sum::<usize>());
}

#[test]
#[ignore = "the floor of `speed`: decoding alone"]
fn floor() {
    use parquet::arrow::ProjectionMask;
    use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
    let config = config(vec![std::env::var("APPRAISE_SPEED_DUMP").unwrap()]);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let inputs = discover(&config.paths).unwrap();
    let units: Vec<_> = inputs.iter().flat_map(|i| (0..i.row_groups).map(move |g| (&i.path, g))).collect();
    let names: Vec<&str> = match std::env::var("APPRAISE_SPEED_WHERE") {
        Ok(_) => vec!["customer_id", "ts", "amount", "status"],
        Err(_) => vec!["customer_id", "ts", "amount"],
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((path, group)) = units.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let file = std::fs::File::open(path).unwrap();
                    let first = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).unwrap();
                    let fields: Vec<_> = first
                        .schema()
                        .fields()
                        .iter()
                        .map(|field| {
                            let narrow = match field.data_type() {
                                arrow::datatypes::DataType::Decimal128(p, s) => {
                                    arrow::datatypes::DataType::Decimal64(*p, *s)
                                }
                                arrow::datatypes::DataType::Utf8 => arrow::datatypes::DataType::Dictionary(
                                    Box::new(arrow::datatypes::DataType::Int32),
                                    Box::new(arrow::datatypes::DataType::Utf8),
                                ),
                                other => other.clone(),
                            };
                            field.as_ref().clone().with_data_type(narrow)
                        })
                        .collect();
                    let schema = std::sync::Arc::new(arrow::datatypes::Schema::new(fields));
                    let metadata = ArrowReaderMetadata::try_new(
                        first.metadata().clone(),
                        ArrowReaderOptions::new().with_schema(schema),
                    )
                    .unwrap();
                    let mask = ProjectionMask::columns(metadata.parquet_schema(), names.clone());
                    let rows =
                        std::env::var("APPRAISE_SPEED_BATCH").ok().and_then(|b| b.parse().ok()).unwrap_or(16_384);
                    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
                        .with_row_groups(vec![*group])
                        .with_projection(mask)
                        .with_batch_size(rows)
                        .build()
                        .unwrap();
                    let rows: usize = reader.map(|batch| batch.unwrap().num_rows()).sum();
                    std::hint::black_box(rows);
                }
            });
        }
    });
}
