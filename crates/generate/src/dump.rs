//! Files of the dumps, as a night would leave them, and what goes wrong with deliveries.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use rayon::prelude::*;
use serde::Serialize;

use crate::draw::{Draws, Purpose};
use crate::error::GenerateError;
use crate::options::{Options, iso};
use crate::tables::{Columns, Event, Row, texts};

/// Share of the rows that are delivered once more in the next partition, with `--dirt`.
const REPEATED: f64 = 0.01;
/// Share of the rows that are delivered in the next partition instead of their own.
const LATE: f64 = 0.01;
/// Share of the rows beside which stands one without a customer.
const KEYLESS: f64 = 0.003;
/// The source one file of which has another schema.
const DRIFTING: &str = "sales";

/// What was written of one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SourceTally {
    /// Files.
    pub files: u64,
    /// Rows of all files, those below included.
    pub rows: u64,
    /// Rows that repeat one of an earlier file.
    pub repeated: u64,
    /// Rows that are older than their file.
    pub late: u64,
    /// Rows that name no customer where they should.
    pub keyless: u64,
    /// Files whose columns come in another order and of other types.
    pub drifted: u64,
}

/// What was written, by source.
pub(crate) type Tallies = BTreeMap<&'static str, SourceTally>;

/// The folder of the dumps.
#[derive(Debug)]
pub(crate) struct Dump<'a> {
    pub(crate) root: &'a Path,
    pub(crate) options: &'a Options,
}

/// Rows by partition.
type Partitions<R> = BTreeMap<i32, Vec<R>>;

impl Dump<'_> {
    /// Writes what one block of customers adds to a source.
    pub(crate) fn add<R: Event>(&self, block: u64, mut rows: Vec<R>, all: &mut Tallies) -> Result<(), GenerateError> {
        let tally = all.entry(R::SOURCE).or_default();
        rows.par_sort_unstable_by_key(Event::order);
        let mut partitions = self.deliver(block, rows, tally);
        if block == 0 && partitions.is_empty() {
            partitions.insert(self.options.partition.index(self.options.to.day()), Vec::new());
        }
        let drifting = (self.options.dirt && block == 0 && R::SOURCE == DRIFTING)
            .then(|| partitions.keys().next_back().copied())
            .flatten();
        tally.files += partitions.len() as u64;
        tally.rows += partitions.values().map(|rows| rows.len() as u64).sum::<u64>();
        tally.drifted += u64::from(drifting.is_some());
        partitions.into_par_iter().try_for_each(|(index, mut rows)| {
            rows.sort_unstable_by_key(Event::order);
            let mut columns = R::columns(&rows);
            drop(rows);
            let path = self.root.join(R::SOURCE).join(self.options.partition.folder(index)).join(part(block));
            if drifting == Some(index) {
                columns = drift(&path, columns)?;
            }
            write(&path, columns)
        })
    }

    /// Writes what one block of customers adds to the full copy of a source.
    pub(crate) fn copy<R: Row>(&self, block: u64, rows: &[R], all: &mut Tallies) -> Result<(), GenerateError> {
        let tally = all.entry(R::SOURCE).or_default();
        tally.files += 1;
        tally.rows += rows.len() as u64;
        let folder = format!("dt={}", iso(self.options.to.day()));
        write(&self.root.join(R::SOURCE).join(folder).join(part(block)), R::columns(rows))
    }

    /// Puts every row into its partition, or where a careless delivery puts it.
    fn deliver<R: Event>(&self, block: u64, rows: Vec<R>, tally: &mut SourceTally) -> Partitions<R> {
        let mut partitions: Partitions<R> = BTreeMap::new();
        let last = self.options.partition.index(self.options.to.day());
        // Sources differ in their rows: the same draws hit other ones.
        let mut draws = Draws::new(self.options.seed, Purpose::Dirt, block);
        for row in rows {
            let index = self.options.partition.index(row.day());
            if !self.options.dirt {
                partitions.entry(index).or_default().push(row);
                continue;
            }
            if let (true, Some(keyless)) = (draws.chance(KEYLESS), row.keyless()) {
                partitions.entry(index).or_default().push(keyless);
                tally.keyless += 1;
            }
            let accident = draws.uniform();
            let later = index < last;
            if later && accident < REPEATED {
                partitions.entry(index + 1).or_default().push(row.reloaded());
                tally.repeated += 1;
            }
            if later && (REPEATED..REPEATED + LATE).contains(&accident) {
                partitions.entry(index + 1).or_default().push(row.reloaded());
                tally.late += 1;
            } else {
                partitions.entry(index).or_default().push(row);
            }
        }
        partitions
    }
}

/// Name of the file of a block.
fn part(block: u64) -> String {
    format!("part-{block:05}.parquet")
}

/// The columns as another system would deliver them: last first, customers as 32-bit integers, one more.
fn drift(path: &Path, columns: Columns) -> Result<Columns, GenerateError> {
    let encode =
        |source: arrow::error::ArrowError| GenerateError::Encode { path: path.to_owned(), source: source.into() };
    let rows = columns.first().map_or(0, |(_, column)| column.len());
    let mut drifted: Columns = vec![("source_system", texts((0..rows).map(|_| Some("saleroom-2"))))];
    for (name, column) in columns.into_iter().rev() {
        let narrow = name == "buyer_id";
        let column = if narrow { arrow::compute::cast(&column, &DataType::Int32).map_err(encode)? } else { column };
        drifted.push((name, column));
    }
    Ok(drifted)
}

/// A writer of Parquet files whose bytes depend on the rows alone.
pub(crate) struct TableWriter {
    path: PathBuf,
    writer: ArrowWriter<File>,
}

impl TableWriter {
    /// Creates the file and its folder; `columns` tells names and types.
    pub(crate) fn create(path: &Path, columns: &[(&'static str, ArrayRef)]) -> Result<Self, GenerateError> {
        let failed = |source| GenerateError::Write { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = File::create_new(path).map_err(failed)?;
        let create = || -> Result<_, ParquetError> {
            let properties = WriterProperties::builder()
                .set_created_by(concat!("appraise version ", env!("CARGO_PKG_VERSION")).to_owned())
                .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
                .build();
            let schema = batch(columns.iter().map(|(name, column)| (*name, Arc::clone(column))))?.schema();
            ArrowWriter::try_new(file, schema, Some(properties))
        };
        match create() {
            Ok(writer) => Ok(Self { path: path.to_owned(), writer }),
            Err(source) => Err(GenerateError::Encode { path: path.to_owned(), source }),
        }
    }

    /// Writes one row group.
    pub(crate) fn row_group(&mut self, columns: Columns) -> Result<(), GenerateError> {
        let write = || {
            self.writer.write(&batch(columns.into_iter())?)?;
            self.writer.flush()
        };
        write().map_err(|source| GenerateError::Encode { path: self.path.clone(), source })
    }

    /// Writes the footer.
    pub(crate) fn finish(self) -> Result<(), GenerateError> {
        let Self { path, writer } = self;
        writer.close().map(drop).map_err(|source| GenerateError::Encode { path, source })
    }
}

/// All columns may be NULL, as dumps have it.
fn batch(columns: impl Iterator<Item = (&'static str, ArrayRef)>) -> Result<RecordBatch, ParquetError> {
    let nullable = columns.map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(nullable).map_err(Into::into)
}

/// Writes a file of one row group.
pub(crate) fn write(path: &Path, columns: Columns) -> Result<(), GenerateError> {
    let mut writer = TableWriter::create(path, &columns)?;
    writer.row_group(columns)?;
    writer.finish()
}
