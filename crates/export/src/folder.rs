//! A few tables beside the published ones, in a folder of the user's choice: all of them or none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use appraise_schema::TableContract;
use arrow::array::RecordBatch;

use crate::canonical::{TEMPORARY_SUFFIX, TableWriter};
use crate::dictionary;
use crate::disk::{Disk, parent};
use crate::encoding::Compression;
use crate::error::ExportError;
use crate::layout::DICTIONARY;
use crate::manifest::Table;
use crate::publish::check_published;
use crate::verify;

/// Whether tables can be written to `folder`: it is not there, or empty.
///
/// # Errors
/// When it can't be read.
pub fn is_free(folder: &Path) -> Result<bool, ExportError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(ExportError::io("list", folder, error)),
    }
}

/// Writes `tables`, each to a folder of its name below `folder`, with a data dictionary. They are written to a hidden folder
/// beside it, read back, and appear together, by one rename; `folder` must be free ([`is_free`]).
///
/// # Errors
/// When a table breaks its contract, `folder` is not free or a step fails. Nothing is left behind then.
pub fn write_folder(
    disk: &Disk,
    folder: &Path,
    tables: &[(TableContract, RecordBatch)],
    compression: Compression,
) -> Result<(), ExportError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let staging = folder.with_file_name(format!(".{name}.{}{TEMPORARY_SUFFIX}", std::process::id()));
    disk.create_dirs(parent(folder))?;
    // What a dead process of the same number may have left.
    disk.remove_tree(&staging)?;
    disk.create_dir(&staging)?;
    let staging = Staging { disk, folder: staging };
    staging.write(tables, compression)?;
    disk.rename(&staging.folder, folder)?;
    disk.sync_dir(parent(folder))
}

/// The hidden folder; removed, if it is still there, when this is dropped.
struct Staging<'d> {
    disk: &'d Disk,
    folder: PathBuf,
}

impl Staging<'_> {
    fn write(&self, tables: &[(TableContract, RecordBatch)], compression: Compression) -> Result<(), ExportError> {
        let mut written = Vec::with_capacity(tables.len());
        for (contract, rows) in tables {
            check_published(contract)?;
            let mut writer = TableWriter::create(self.disk, self.folder.join(&contract.name), contract, compression)?;
            writer.write(rows.clone())?;
            written.push(writer.finish()?);
        }
        verify::read_back(&written)?;
        written.iter().try_for_each(|table| table.reveal(self.disk))?;
        let described: Vec<Table> = tables.iter().map(|(contract, _)| Table::new(contract, Vec::new())).collect();
        let dictionary = dictionary::markdown(&described);
        self.disk.write_new(&self.folder.join(DICTIONARY), dictionary.as_bytes())?;
        self.disk.sync_dir(&self.folder)
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.disk.remove_tree(&self.folder) {
            tracing::warn!(path = %self.folder.display(), %error, "what was not finished is left behind");
        }
    }
}
