//! The publish protocol: all tables of a run appear together, or not at all.
//!
//! 1. Everything is written to `.staging/<run_id>/`, where table files are named `part-00000.parquet.tmp`,
//!    so that no pattern for Parquet files finds them. Each file is synced.
//! 2. Table files are read back: digest, number of rows, schema.
//! 3. Under an exclusive lock on `<output>/.lock`: the files get their final names, `_SUCCESS` is written
//!    last, the folders are synced, and one rename puts the whole folder at `snapshots/<as_of>/<content_id>`.
//!    That rename is the commit: a snapshot is there whole or not at all. A folder without `_SUCCESS` found
//!    at that place was never published and is replaced.
//! 4. The pointers move, each by one rename: the date's, then the top one unless it names a later date.
//!
//! A run that dies leaves at most a staging folder, or a published snapshot whose pointers did not move;
//! the next run with the same content moves them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use appraise_schema::table::check_name;
use appraise_schema::{AsOf, ColumnType, TableContract};
use serde_json::Value;

use crate::canonical::{TableWriter, WrittenTable};
use crate::dictionary;
use crate::digest;
use crate::disk::{Disk, parent};
use crate::encoding::Compression;
use crate::error::ExportError;
use crate::layout::{ContentId, DICTIONARY, Layout, MANIFEST, MODEL_CARD, RunId, SUCCESS};
use crate::manifest::{Base, FORMAT_VERSION, FileDigest, Input, Manifest, Table, json_bytes};
use crate::snapshot::{Snapshot, read_pointer};
use crate::verify;

/// What a commit found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The snapshot is new.
    Published,
    /// The same bytes stood there already.
    AlreadyThere,
}

/// A snapshot that is published, by this run or an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Whether this run published it.
    pub outcome: Outcome,
}

/// What the manifest says beside the files.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Name of the pipeline.
    pub pipeline: String,
    /// The date customers are valued at.
    pub as_of: AsOf,
    /// Name of the content.
    pub content_id: ContentId,
    /// Name and version of what decides the bytes: the tool, the time-zone database.
    pub versions: Vec<(String, String)>,
    /// What was read.
    pub inputs: Vec<Input>,
    /// The resolved parameters.
    pub parameters: Value,
    /// The snapshot that the table of changes begins at.
    pub base: Option<Base>,
}

/// Publishes snapshots below one output root.
#[derive(Debug, Clone)]
pub struct Publisher {
    /// Where everything stands.
    pub layout: Layout,
    /// How long to wait for another run that commits.
    pub lock_timeout: Duration,
    /// Whether the pointers move; without, a snapshot is found by its id only.
    pub move_pointers: bool,
    /// Compression of table files.
    pub compression: Compression,
    /// The file system.
    pub disk: Disk,
}

impl Publisher {
    /// A publisher that waits a minute for the lock, moves the pointers and compresses with Zstandard.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            lock_timeout: Duration::from_mins(1),
            move_pointers: true,
            compression: Compression::default(),
            disk: Disk::default(),
        }
    }

    /// The snapshot of this content, when an earlier run has published it: there is nothing to compute.
    /// Pointers that do not name it are moved.
    ///
    /// # Errors
    /// When the snapshot can't be read or is damaged, or a pointer can't be moved.
    pub fn find(&self, as_of: AsOf, content_id: &ContentId) -> Result<Option<Published>, ExportError> {
        let Some(snapshot) = Snapshot::open(&self.layout.snapshot(as_of, content_id))? else { return Ok(None) };
        snapshot.check_lengths()?;
        if !self.pointers_to_move(as_of, &snapshot)?.is_empty() {
            let _lock = self.lock()?;
            self.move_pointers(as_of, &snapshot)?;
        }
        Ok(Some(Published { snapshot, outcome: Outcome::AlreadyThere }))
    }

    /// Opens the staging folder of `run_id`, which must not exist.
    ///
    /// # Errors
    /// When it can't be created.
    pub fn stage(&self, run_id: &RunId) -> Result<Staging, ExportError> {
        let folder = self.layout.staging(run_id);
        self.disk.create_dirs(parent(&folder))?;
        self.disk.create_dir(&folder)?;
        Ok(Staging { publisher: self.clone(), folder, tables: Vec::new(), model_card: None, documents: Vec::new() })
    }

    /// Takes the lock of the output.
    pub(crate) fn lock(&self) -> Result<File, ExportError> {
        self.disk.lock(&self.layout.lock(), self.lock_timeout)
    }

    /// The pointers that have to be replaced so that `snapshot` is found.
    fn pointers_to_move(&self, as_of: AsOf, snapshot: &Snapshot) -> Result<Vec<PathBuf>, ExportError> {
        if !self.move_pointers {
            return Ok(Vec::new());
        }
        let wanted = snapshot.pointer();
        let mut paths = Vec::new();
        for path in [self.layout.date_pointer(as_of), self.layout.pointer()] {
            match read_pointer(&path)? {
                Some((present, pointer)) if present > as_of || pointer == wanted => {}
                _ => paths.push(path),
            }
        }
        Ok(paths)
    }

    /// Moves the pointers; the caller holds the lock.
    fn move_pointers(&self, as_of: AsOf, snapshot: &Snapshot) -> Result<(), ExportError> {
        for path in self.pointers_to_move(as_of, snapshot)? {
            let bytes =
                json_bytes(&snapshot.pointer()).map_err(|error| ExportError::io("write", &path, error.into()))?;
            self.disk.replace(&path, &bytes)?;
        }
        Ok(())
    }
}

/// What a run has written and not published. Dropping it removes it.
#[derive(Debug)]
pub struct Staging {
    publisher: Publisher,
    folder: PathBuf,
    tables: Vec<WrittenTable>,
    model_card: Option<FileDigest>,
    documents: Vec<FileDigest>,
}

impl Staging {
    /// A writer of the table of `contract`; several tables may be written at once.
    ///
    /// # Errors
    /// When the contract is not one of a published table, or the folder can't be created.
    pub fn table(&self, contract: &TableContract) -> Result<TableWriter, ExportError> {
        check_published(contract)?;
        let Publisher { disk, compression, .. } = &self.publisher;
        TableWriter::create(disk, self.folder.join(&contract.name), contract, *compression)
    }

    /// Takes a finished table into the snapshot, behind those already there.
    pub fn add_table(&mut self, table: WrittenTable) {
        self.tables.push(table);
    }

    /// The tables that are in the snapshot so far.
    #[must_use]
    pub fn tables(&self) -> &[WrittenTable] {
        &self.tables
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.publisher.disk
    }

    /// Writes the fitted values of the models.
    ///
    /// # Errors
    /// When writing fails, or there is one already.
    pub fn write_model_card(&mut self, json: &[u8]) -> Result<(), ExportError> {
        self.model_card = Some(self.write_file(MODEL_CARD, json)?);
        Ok(())
    }

    /// Publishes everything. Writes the data dictionary and the manifest first.
    ///
    /// # Errors
    /// When a file is not what was written, the lock is held for too long, the content id is taken by other
    /// bytes, or a step fails. Nothing that was published before changes then.
    pub fn commit(mut self, facts: Facts) -> Result<Published, ExportError> {
        let as_of = facts.as_of;
        let snapshot = self.describe(facts)?;
        verify::read_back(&self.tables)?;
        let _lock = self.publisher.lock()?;
        let settled = self.settle(snapshot)?;
        self.publisher.move_pointers(as_of, &settled.snapshot)?;
        Ok(settled)
    }

    /// Writes the dictionary and the manifest; returns the snapshot as it will be.
    fn describe(&mut self, facts: Facts) -> Result<Snapshot, ExportError> {
        let table = |table: &WrittenTable| {
            Table::new(&table.contract, table.files.iter().map(|file| file.description.clone()).collect())
        };
        let tables: Vec<Table> = self.tables.iter().map(table).collect();
        let dictionary = self.write_file(DICTIONARY, dictionary::markdown(&tables).as_bytes())?;
        self.documents.push(dictionary);
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            pipeline: facts.pipeline,
            as_of: facts.as_of.to_string(),
            content_id: facts.content_id,
            versions: facts.versions.into_iter().collect(),
            tables,
            model_card: self.model_card.clone(),
            documents: self.documents.clone(),
            inputs: facts.inputs,
            parameters: facts.parameters,
            base: facts.base,
        };
        let written = self.write_json(MANIFEST, &manifest)?;
        let path = self.publisher.layout.snapshot(facts.as_of, &manifest.content_id);
        Ok(Snapshot { path, manifest, manifest_sha256: written.sha256 })
    }

    /// Under the lock: finds the same snapshot, or renames this one into its place.
    fn settle(&self, snapshot: Snapshot) -> Result<Published, ExportError> {
        if let Some(present) = Snapshot::open(&snapshot.path)? {
            present.check_lengths()?;
            return match snapshot.manifest.difference(&present.manifest) {
                None => Ok(Published { snapshot: present, outcome: Outcome::AlreadyThere }),
                Some(difference) => Err(ExportError::Conflict { path: present.path, difference }),
            };
        }
        let disk = &self.publisher.disk;
        for table in &self.tables {
            table.reveal(disk)?;
        }
        self.write_json(SUCCESS, &snapshot.success())?;
        disk.sync_dir(&self.folder)?;
        let date = parent(&snapshot.path);
        disk.create_dirs(date)?;
        disk.remove_tree(&snapshot.path)?;
        disk.rename(&self.folder, &snapshot.path)?;
        disk.sync_dir(date)?;
        disk.sync_dir(parent(&self.folder))?;
        Ok(Published { snapshot, outcome: Outcome::Published })
    }

    fn write_json(&self, name: &str, value: &impl serde::Serialize) -> Result<FileDigest, ExportError> {
        let bytes =
            json_bytes(value).map_err(|error| ExportError::io("write", &self.folder.join(name), error.into()))?;
        self.write_file(name, &bytes)
    }

    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<FileDigest, ExportError> {
        self.publisher.disk.write_new(&self.folder.join(name), bytes)?;
        Ok(FileDigest { path: name.to_owned(), bytes: bytes.len() as u64, sha256: digest::of_bytes(bytes) })
    }
}

impl Drop for Staging {
    /// Best effort: what can't be removed now is removed when the next run recovers. After a commit the
    /// folder has moved, and nothing is there.
    fn drop(&mut self) {
        match self.publisher.disk.remove_tree(&self.folder) {
            Err(ExportError::Io { source, .. }) if source.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.folder.display(), error = %source, "staging was not removed");
            }
            _ => {}
        }
    }
}

/// `as_of` first, the key second, both never NULL; a name that is safe as a folder and a table.
pub(crate) fn check_published(contract: &TableContract) -> Result<(), ExportError> {
    let error = |why: &str| Err(ExportError::Table { table: contract.name.clone(), why: why.to_owned() });
    if let Err(name) = check_name(&contract.name) {
        return error(&name.to_string());
    }
    match contract.columns.as_slice() {
        [as_of, ..] if as_of.name != "as_of" || as_of.column_type != ColumnType::Date || as_of.nullable => {
            error("the first column must be `as_of`, a date that is never NULL")
        }
        [_, key, ..] if !key.nullable => Ok(()),
        _ => error("the second column must be the key, never NULL"),
    }
}
