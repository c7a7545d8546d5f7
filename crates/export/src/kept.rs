//! Tables whose files are used again: encoded once, linked into the snapshots that hold the same table.
//!
//! A table that a run has finished can be kept in a hidden folder beside the snapshots, and a later run takes it from there.
//! Its files are hard links where the file system has them, so that keeping a table costs neither time nor space; else copies.
//! Files keep the suffix of those that are not published yet, so that no pattern for Parquet files finds them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use appraise_schema::TableContract;
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowSchemaConverter, ProjectionMask};
use serde::{Deserialize, Serialize};

use crate::canonical::{WrittenFile, WrittenTable};
use crate::disk::Disk;
use crate::error::ExportError;
use crate::manifest::TableFile;
use crate::publish::{Publisher, Staging};
use crate::verify;

/// One file of a table that is kept: what the manifest will say of it, and what tells that it is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// Name in the folder of the table, once it is published.
    pub name: String,
    /// Length, digest, rows and keys, as in the manifest.
    pub description: TableFile,
    /// XXH3-128 of the bytes, in hexadecimal.
    pub checksum: String,
}

impl WrittenTable {
    /// What has to be remembered of the files to use them again.
    #[must_use]
    pub fn kept_files(&self) -> Vec<KeptFile> {
        let kept = |file: &WrittenFile| KeptFile {
            name: file.name.clone(),
            description: file.description.clone(),
            checksum: format!("{:032x}", file.checksum),
        };
        self.files.iter().map(kept).collect()
    }

    /// Links the files, under their temporary names, into `folder`, which is created and must not exist.
    fn link_to(&self, disk: &Disk, folder: &Path) -> Result<Self, ExportError> {
        disk.create_dirs(crate::disk::parent(folder))?;
        disk.create_dir(folder)?;
        let linked = Self {
            contract: self.contract.clone(),
            folder: folder.to_owned(),
            files: self.files.clone(),
            parquet_schema: self.parquet_schema.clone(),
        };
        for file in &self.files {
            link(disk, &self.temporary(file), &linked.temporary(file))?;
        }
        disk.sync_dir(folder)?;
        Ok(linked)
    }

    /// The paths of the files as they stand now.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| self.temporary(file)).collect()
    }
}

/// A hard link, or a copy where the file system has no links.
fn link(disk: &Disk, from: &Path, to: &Path) -> Result<(), ExportError> {
    disk.run("link", to, || match fs::hard_link(from, to) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists) => {
            fs::copy(from, to)?;
            File::open(to)?.sync_all()
        }
        linked => linked,
    })
}

impl Publisher {
    /// Keeps the files of `table`, which is staged, in `folder`, which must not exist. `entry` is written to `entry_name` beside
    /// them at last: a folder without it is not complete.
    ///
    /// # Errors
    /// When a step fails.
    pub fn keep(&self, table: &WrittenTable, folder: &Path, entry_name: &str, entry: &[u8]) -> Result<(), ExportError> {
        table.link_to(&self.disk, &folder.join(&table.contract.name))?;
        self.disk.replace(&folder.join(entry_name), entry)
    }

    /// Replaces a small file as a whole, and makes its folder where there is none.
    ///
    /// # Errors
    /// When a step fails.
    pub fn replace_file(&self, path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
        self.disk.create_dirs(crate::disk::parent(path))?;
        self.disk.replace(path, bytes)
    }

    /// Removes a folder with all that is in it, if it is there.
    ///
    /// # Errors
    /// When that fails.
    pub fn remove_folder(&self, path: &Path) -> Result<(), ExportError> {
        self.disk.remove_tree(path)
    }
}

impl Staging {
    /// Takes the table of `contract` that was kept in `folder` into the snapshot, behind those already there, once its bytes were
    /// compared with what was written.
    ///
    /// # Errors
    /// When the files are not there or not what was kept; the snapshot is then without the table.
    pub fn adopt_table(
        &mut self,
        contract: &TableContract,
        folder: &Path,
        files: &[KeptFile],
    ) -> Result<(), ExportError> {
        let folder = folder.join(&contract.name);
        let parquet_schema = ArrowSchemaConverter::new().convert(&contract.arrow());
        let parquet_schema = parquet_schema.map_err(|error| ExportError::parquet(&folder, error))?;
        let file = |file: &KeptFile| {
            let checksum = u128::from_str_radix(&file.checksum, 16);
            let checksum = checksum.map_err(|error| ExportError::damaged(&folder, error.to_string()))?;
            Ok(WrittenFile { name: file.name.clone(), description: file.description.clone(), checksum })
        };
        let files = files.iter().map(file).collect::<Result<_, ExportError>>()?;
        let kept = WrittenTable { contract: contract.clone(), folder, files, parquet_schema };
        let here = self.folder().join(&contract.name);
        let linked = kept.link_to(self.disk(), &here).and_then(|linked| {
            verify::read_back(std::slice::from_ref(&linked))?;
            Ok(linked)
        });
        match linked {
            Ok(linked) => {
                self.add_table(linked);
                Ok(())
            }
            Err(error) => {
                self.disk().remove_tree(&here)?;
                Err(error)
            }
        }
    }
}

/// The rows of a table in files, in order, with the columns at `positions` of `schema`, which rise, at most `batch_rows` at once.
///
/// # Errors
/// Every batch may be one: when a file can't be read, or its columns are not those of `schema`.
pub fn read_rows(
    paths: Vec<PathBuf>,
    schema: &SchemaRef,
    positions: Vec<usize>,
    batch_rows: usize,
) -> impl Iterator<Item = Result<RecordBatch, ExportError>> {
    let typed =
        schema.fields().iter().map(|field| Field::new(field.name(), field.data_type().clone(), field.is_nullable()));
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(typed.collect::<Vec<_>>())));
    let fields: Vec<_> = positions.iter().map(|&position| Arc::clone(&schema.fields()[position])).collect();
    let schema = SchemaRef::new(Schema::new(fields));
    paths.into_iter().flat_map(move |path| {
        let schema = SchemaRef::clone(&schema);
        let (batches, failed) = match open(&path, options.clone(), &positions, batch_rows) {
            Ok(batches) => (Some(batches), None),
            Err(error) => (None, Some(Err(error))),
        };
        let typed = move |batch: Result<RecordBatch, ArrowError>| {
            let batch =
                batch.and_then(|batch| RecordBatch::try_new(SchemaRef::clone(&schema), batch.columns().to_vec()));
            batch.map_err(|error| ExportError::damaged(&path, error.to_string()))
        };
        failed.into_iter().chain(batches.into_iter().flatten().map(typed))
    })
}

fn open(
    path: &Path,
    options: ArrowReaderOptions,
    positions: &[usize],
    batch_rows: usize,
) -> Result<ParquetRecordBatchReader, ExportError> {
    let failed = |error| ExportError::parquet(path, error);
    let file = File::open(path).map_err(|error| ExportError::io("read", path, error))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(failed)?;
    let mask = ProjectionMask::roots(reader.parquet_schema(), positions.iter().copied());
    reader.with_projection(mask).with_batch_size(batch_rows).build().map_err(failed)
}
