//! Table files whose bytes depend on nothing but the rows, their order and the contract of the table.
//!
//! The bytes of a Parquet file depend on how its rows were cut into batches, so the writer re-cuts what it
//! is given into slices of a fixed number of rows. Row groups end after a fixed number of slices or encoded
//! bytes, files after a fixed number of bytes: all counts that the rows alone decide. The columns of a slice
//! are encoded in parallel, each by its own encoder, so the number of threads can't show either.

mod rules;
mod sink;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use appraise_schema::TableContract;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::SchemaDescriptor;
use rayon::prelude::*;

use crate::digest;
use crate::disk::Disk;
use crate::encoding::{self, Compression};
use crate::error::ExportError;
use crate::manifest::{Key, TableFile};

use rules::Rules;
use sink::Sink;

/// Where slices, row groups and files end. Part of the contract: other limits give other bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Rows that are encoded at once.
    pub(crate) slice_rows: usize,
    /// Rows of a row group at most; a multiple of the slice.
    pub(crate) group_rows: usize,
    /// Encoded bytes after which a row group ends at the next slice.
    pub(crate) group_bytes: usize,
    /// Bytes after which a file ends at the next row group.
    pub(crate) file_bytes: usize,
}

impl Limits {
    /// Row groups of at most 1,048,576 rows and about 96 MiB, files of 128 to 256 MiB.
    const PUBLISHED: Self =
        Self { slice_rows: 1 << 16, group_rows: 1 << 20, group_bytes: 96 << 20, file_bytes: 128 << 20 };
}

/// What rests of a closed file until it gets its final name.
#[derive(Debug, Clone)]
pub(crate) struct WrittenFile {
    /// Name in the folder of the table, once it is published.
    pub(crate) name: String,
    /// Length, digest, rows and keys; the path is relative to the folder of tables.
    pub(crate) description: TableFile,
    /// XXH3-128 of the bytes, to compare with when the file is read back.
    pub(crate) checksum: u128,
}

/// A table whose files are complete and synced, under their temporary names.
#[derive(Debug)]
pub struct WrittenTable {
    pub(crate) contract: TableContract,
    pub(crate) folder: PathBuf,
    pub(crate) files: Vec<WrittenFile>,
    pub(crate) parquet_schema: SchemaDescriptor,
}

impl WrittenTable {
    /// Rows of all files.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.description.rows).sum()
    }

    pub(crate) fn temporary(&self, file: &WrittenFile) -> PathBuf {
        temporary(&self.folder, &file.name)
    }

    /// Gives every file its final name.
    pub(crate) fn reveal(&self, disk: &Disk) -> Result<(), ExportError> {
        for file in &self.files {
            disk.rename(&self.temporary(file), &self.folder.join(&file.name))?;
        }
        disk.sync_dir(&self.folder)
    }
}

/// Ends the names of files that are not published yet.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

fn temporary(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{TEMPORARY_SUFFIX}"))
}

/// Writes one table, batch by batch, to files with temporary names.
///
/// Memory: one encoded row group, and at most one slice of rows that waits for more.
pub struct TableWriter {
    disk: Disk,
    folder: PathBuf,
    contract: TableContract,
    schema: SchemaRef,
    compression: Compression,
    parquet_schema: SchemaDescriptor,
    limits: Limits,
    pending: VecDeque<RecordBatch>,
    pending_rows: usize,
    open: Option<OpenFile>,
    files: Vec<WrittenFile>,
    rows: u64,
}

/// A file that is being written.
struct OpenFile {
    path: PathBuf,
    writer: SerializedFileWriter<BufWriter<Sink>>,
    encoders: ArrowRowGroupWriterFactory,
    group: Vec<ArrowColumnWriter>,
    group_rows: usize,
    rows: u64,
    keys: Option<(Key, Key)>,
}

impl TableWriter {
    /// A writer of the table of `contract` into `folder`, which is created and must not exist.
    ///
    /// # Errors
    /// When the folder can't be created.
    pub(crate) fn create(
        disk: &Disk,
        folder: PathBuf,
        contract: &TableContract,
        compression: Compression,
    ) -> Result<Self, ExportError> {
        disk.create_dir(&folder)?;
        let schema = contract.arrow();
        let parquet_error = |error| ExportError::parquet(&folder, error);
        let parquet_schema = ArrowSchemaConverter::new().convert(&schema).map_err(parquet_error)?;
        Ok(Self {
            disk: disk.clone(),
            folder,
            contract: contract.clone(),
            schema,
            compression,
            parquet_schema,
            limits: Limits::PUBLISHED,
            pending: VecDeque::new(),
            pending_rows: 0,
            open: None,
            files: Vec::new(),
            rows: 0,
        })
    }

    /// Appends rows. Columns are taken by position; names and types must be those of the contract.
    ///
    /// Encoding runs on the rayon pool of the calling thread.
    ///
    /// # Errors
    /// When columns do not fit the contract, a value is not allowed by it, or writing fails.
    pub fn write(&mut self, batch: RecordBatch) -> Result<(), ExportError> {
        self.check_columns(&batch)?;
        if batch.num_rows() > 0 {
            self.pending_rows += batch.num_rows();
            self.pending.push_back(batch);
        }
        while self.pending_rows >= self.limits.slice_rows {
            self.write_slice(self.limits.slice_rows)?;
        }
        Ok(())
    }

    /// Writes what is left and closes the last file. A table without rows becomes one file without rows.
    ///
    /// # Errors
    /// As for [`Self::write`].
    pub fn finish(mut self) -> Result<WrittenTable, ExportError> {
        if self.pending_rows > 0 {
            self.write_slice(self.pending_rows)?;
        }
        if self.files.is_empty() && self.open.is_none() {
            self.open = Some(self.open_file(&[])?);
        }
        self.close_file()?;
        self.disk.sync_dir(&self.folder)?;
        Ok(WrittenTable {
            contract: self.contract,
            folder: self.folder,
            files: self.files,
            parquet_schema: self.parquet_schema,
        })
    }

    fn check_columns(&self, batch: &RecordBatch) -> Result<(), ExportError> {
        let given = batch.schema_ref();
        let fits = given.fields().len() == self.schema.fields().len()
            && given
                .fields()
                .iter()
                .zip(self.schema.fields())
                .all(|(given, wanted)| given.name() == wanted.name() && given.data_type() == wanted.data_type());
        if fits {
            return Ok(());
        }
        let names = |schema: &Schema| {
            let field = |field: &Arc<Field>| format!("{} {}", field.name(), field.data_type());
            schema.fields().iter().map(field).collect::<Vec<_>>().join(", ")
        };
        let why = format!("columns are ({}), expected ({})", names(given), names(&self.schema));
        Err(ExportError::Table { table: self.contract.name.clone(), why })
    }

    /// Encodes the next `rows` rows, which never cross the end of a row group.
    fn write_slice(&mut self, rows: usize) -> Result<(), ExportError> {
        let pieces = self.take(rows);
        let mut file = match self.open.take() {
            Some(file) => file,
            None => self.open_file(&pieces)?,
        };
        file.widen_keys(&pieces);
        let rules = Rules { table: &self.contract.name, schema: &self.schema, first_row: self.rows };
        rules.encode(&mut file.group, &file.path, &pieces)?;
        file.group_rows += rows;
        file.rows += rows as u64;
        self.rows += rows as u64;
        let encoded: usize = file.group.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum();
        if file.group_rows >= self.limits.group_rows || encoded >= self.limits.group_bytes {
            file.end_group()?;
        }
        let full = file.writer.bytes_written() >= self.limits.file_bytes;
        self.open = Some(file);
        if full { self.close_file() } else { Ok(()) }
    }

    /// Takes `rows` rows off the front of what is pending, without copying.
    fn take(&mut self, mut rows: usize) -> Vec<RecordBatch> {
        self.pending_rows -= rows;
        let mut pieces = Vec::new();
        while let Some(batch) = self.pending.pop_front() {
            if batch.num_rows() > rows {
                if rows > 0 {
                    pieces.push(batch.slice(0, rows));
                }
                self.pending.push_front(batch.slice(rows, batch.num_rows() - rows));
                break;
            }
            rows -= batch.num_rows();
            pieces.push(batch);
        }
        pieces
    }

    /// Opens the next file; `slice` holds its first rows.
    fn open_file(&self, slice: &[RecordBatch]) -> Result<OpenFile, ExportError> {
        let name = file_name(self.files.len());
        let path = temporary(&self.folder, &name);
        let sink = Sink::create(&self.disk, &path)?;
        let parquet_error = |error| ExportError::parquet(&path, error);
        let properties = encoding::properties(&self.contract, self.compression, slice).map_err(parquet_error)?;
        let root = self.parquet_schema.root_schema_ptr();
        let buffered = BufWriter::with_capacity(Sink::BUFFER, sink);
        let writer = SerializedFileWriter::new(buffered, root, Arc::new(properties)).map_err(parquet_error)?;
        let encoders = ArrowRowGroupWriterFactory::new(&writer, Arc::clone(&self.schema));
        let group = encoders.create_column_writers(0).map_err(parquet_error)?;
        Ok(OpenFile { path, writer, encoders, group, group_rows: 0, rows: 0, keys: None })
    }

    fn close_file(&mut self) -> Result<(), ExportError> {
        let Some(mut file) = self.open.take() else { return Ok(()) };
        if file.group_rows > 0 {
            file.end_group()?;
        }
        let OpenFile { path, writer, rows, keys, .. } = file;
        let buffered = writer.into_inner().map_err(|error| ExportError::parquet(&path, error))?;
        let sink = buffered.into_inner().map_err(|error| ExportError::io("write", &path, error.into_error()))?;
        self.disk.sync_file(&sink.file, &path)?;
        let name = file_name(self.files.len());
        let (key_min, key_max) = keys.unzip();
        let description = TableFile {
            path: format!("{}/{name}", self.contract.name),
            bytes: sink.bytes,
            sha256: digest::hex(sink.sha256),
            rows,
            key_min,
            key_max,
        };
        self.files.push(WrittenFile { name, description, checksum: sink.checksum.digest128() });
        Ok(())
    }
}

impl OpenFile {
    /// Ends the row group and makes the encoders of the next.
    fn end_group(&mut self) -> Result<(), ExportError> {
        self.try_end_group().map_err(|error| ExportError::parquet(&self.path, error))
    }

    fn try_end_group(&mut self) -> Result<(), ParquetError> {
        let encoders = std::mem::take(&mut self.group);
        let chunks: Vec<_> = encoders.into_par_iter().map(ArrowColumnWriter::close).collect();
        let mut group = self.writer.next_row_group()?;
        for chunk in chunks {
            chunk?.append_to_row_group(&mut group)?;
        }
        group.close()?;
        self.group = self.encoders.create_column_writers(self.writer.flushed_row_groups().len())?;
        self.group_rows = 0;
        Ok(())
    }

    /// Takes the keys of `pieces` into the range of the file.
    fn widen_keys(&mut self, pieces: &[RecordBatch]) {
        for batch in pieces {
            let Some((least, greatest)) = batch.columns().get(KEY_COLUMN).and_then(key_range) else { continue };
            self.keys = Some(match self.keys.take() {
                Some((min, max)) => (min.min(least), max.max(greatest)),
                None => (least, greatest),
            });
        }
    }
}

/// Position of the key in every published table.
pub(crate) const KEY_COLUMN: usize = 1;

fn key_range(keys: &ArrayRef) -> Option<(Key, Key)> {
    match keys.data_type() {
        DataType::Int64 => {
            let keys = keys.as_primitive::<Int64Type>();
            Some((Key::Integer(arrow::compute::min(keys)?), Key::Integer(arrow::compute::max(keys)?)))
        }
        DataType::Utf8 => {
            let keys = keys.as_string::<i32>();
            let text = |key: &str| Key::Text(key.to_owned());
            Some((text(arrow::compute::min_string(keys)?), text(arrow::compute::max_string(keys)?)))
        }
        _ => None,
    }
}

fn file_name(number: usize) -> String {
    format!("part-{number:05}.parquet")
}
