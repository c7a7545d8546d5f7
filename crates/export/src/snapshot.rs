//! Published snapshots and the one grammar that names them.
//!
//! | name | snapshot |
//! |---|---|
//! | `current` | the newest date's |
//! | `previous` | the one that stands for the newest date before `current`'s |
//! | `2024-12-31` | the one that stands for that date |
//! | `2024-12-31@1f0c` | that date's, by the beginning of its content id |
//! | `./some/folder` | the one in that folder |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use appraise_schema::AsOf;
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::disk::read_if_there;
use crate::error::ExportError;
use crate::layout::{ContentId, Layout, MANIFEST, SUCCESS};
use crate::manifest::{Base, FORMAT_VERSION, Manifest};

/// `CURRENT.json`: which snapshot stands for a date, or for the newest one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// Version of this form.
    pub format_version: u32,
    /// The date, as `YYYY-MM-DD`.
    pub as_of: String,
    /// The snapshot's content id.
    pub content_id: ContentId,
    /// The snapshot's folder below the output root.
    pub path: String,
    /// Digest of the snapshot's manifest.
    pub manifest_sha256: String,
}

/// `_SUCCESS`: the last file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Success {
    /// Version of this form.
    pub format_version: u32,
    /// The snapshot's content id.
    pub content_id: ContentId,
    /// Digest of the snapshot's manifest.
    pub manifest_sha256: String,
}

/// A finished snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Its folder.
    pub path: PathBuf,
    /// Its description.
    pub manifest: Manifest,
    /// Digest of its manifest file.
    pub manifest_sha256: String,
}

impl Snapshot {
    /// Reads the snapshot in `folder`; `None` when there is none or it was never finished.
    ///
    /// # Errors
    /// When files can't be read, or the manifest is not the one that was published.
    pub fn open(folder: &Path) -> Result<Option<Self>, ExportError> {
        let success_path = folder.join(SUCCESS);
        let Some(success) = read_if_there(&success_path)? else { return Ok(None) };
        let success: Success = parse(&success_path, &success)?;
        let manifest_path = folder.join(MANIFEST);
        let bytes = read_if_there(&manifest_path)?
            .ok_or_else(|| ExportError::damaged(&manifest_path, "the file is missing"))?;
        let manifest_sha256 = digest::of_bytes(&bytes);
        if manifest_sha256 != success.manifest_sha256 {
            let why = format!("SHA-256 is {manifest_sha256}, {} was published", success.manifest_sha256);
            return Err(ExportError::damaged(&manifest_path, why));
        }
        let manifest = parse(&manifest_path, &bytes)?;
        Ok(Some(Self { path: folder.to_owned(), manifest, manifest_sha256 }))
    }

    /// Folder of the files of table `name`.
    ///
    /// # Errors
    /// When the snapshot has no such table.
    pub fn table_folder(&self, name: &str) -> Result<PathBuf, ExportError> {
        if self.manifest.table(name).is_some() {
            return Ok(self.path.join(name));
        }
        let tables: Vec<_> = self.manifest.tables.iter().map(|table| table.name.as_str()).collect();
        let why = format!("the snapshot has {}", tables.join(", "));
        Err(ExportError::Table { table: name.to_owned(), why })
    }

    pub(crate) fn success(&self) -> Success {
        Success {
            format_version: FORMAT_VERSION,
            content_id: self.manifest.content_id.clone(),
            manifest_sha256: self.manifest_sha256.clone(),
        }
    }

    /// Checks that every file is there with its length: cheap, unlike [`crate::verify()`].
    ///
    /// # Errors
    /// [`ExportError::Damaged`], with the first that is not.
    pub fn check_lengths(&self) -> Result<(), ExportError> {
        for (name, expected, _) in self.manifest.files() {
            let path = self.path.join(name);
            match fs::metadata(&path).map(|file| file.len()) {
                Ok(found) if found == expected => {}
                Ok(found) => return Err(ExportError::damaged(&path, format!("{found} bytes, expected {expected}"))),
                Err(error) => return Err(ExportError::damaged(&path, error.to_string())),
            }
        }
        Ok(())
    }

    /// How another snapshot names this one.
    #[must_use]
    pub fn as_base(&self) -> Base {
        Base { as_of: self.manifest.as_of.clone(), content_id: self.manifest.content_id.clone() }
    }

    /// What `CURRENT.json` says when it names this snapshot.
    #[must_use]
    pub fn pointer(&self) -> Pointer {
        let Manifest { as_of, content_id, .. } = &self.manifest;
        Pointer {
            format_version: FORMAT_VERSION,
            as_of: as_of.clone(),
            content_id: content_id.clone(),
            path: format!("snapshots/{as_of}/{content_id}"),
            manifest_sha256: self.manifest_sha256.clone(),
        }
    }
}

/// The snapshot that `name` means in `layout`.
///
/// # Errors
/// [`ExportError::NoSnapshot`], saying what exists, when there is none; when files can't be read.
pub fn resolve(layout: &Layout, name: &str) -> Result<Snapshot, ExportError> {
    let (date, prefix) = name.split_once('@').map_or((name, None), |(date, prefix)| (date, Some(prefix)));
    let folder = match (name, date.parse::<AsOf>(), prefix) {
        ("current", ..) => pointed(layout, name, &layout.pointer())?,
        ("previous", ..) => previous(layout, name)?,
        (_, Ok(as_of), None) => pointed(layout, name, &layout.date_pointer(as_of))?,
        (_, Ok(as_of), Some(prefix)) => by_prefix(layout, name, as_of, prefix)?,
        (_, Err(_), _) => PathBuf::from(name),
    };
    Snapshot::open(&folder)?
        .ok_or_else(|| missing(layout, name, format!("`{}` holds no finished snapshot", folder.display())))
}

/// The snapshot that stands for the newest date before `as_of`; `None` when there is no such date.
///
/// # Errors
/// When files can't be read.
pub fn newest_before(layout: &Layout, as_of: AsOf) -> Result<Option<Snapshot>, ExportError> {
    let before = dates(layout)?.into_iter().rev().find(|&date| date < as_of);
    before.map(|date| resolve(layout, &date.to_string())).transpose()
}

/// Reads the pointer at `path`, if it is there.
pub(crate) fn read_pointer(path: &Path) -> Result<Option<(AsOf, Pointer)>, ExportError> {
    let Some(bytes) = read_if_there(path)? else { return Ok(None) };
    let pointer: Pointer = parse(path, &bytes)?;
    let as_of = pointer.as_of.parse().map_err(|error| ExportError::damaged(path, format!("{error}")))?;
    Ok(Some((as_of, pointer)))
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path, bytes: &[u8]) -> Result<T, ExportError> {
    serde_json::from_slice(bytes).map_err(|error| ExportError::damaged(path, error.to_string()))
}

fn pointed(layout: &Layout, name: &str, pointer: &Path) -> Result<PathBuf, ExportError> {
    match read_pointer(pointer)? {
        Some((as_of, pointer)) => Ok(layout.snapshot(as_of, &pointer.content_id)),
        None => Err(missing(layout, name, dates_that_exist(layout)?)),
    }
}

fn previous(layout: &Layout, name: &str) -> Result<PathBuf, ExportError> {
    let Some((current, _)) = read_pointer(&layout.pointer())? else {
        return Err(missing(layout, name, dates_that_exist(layout)?));
    };
    let before = dates(layout)?.into_iter().rev().find(|&date| date < current);
    match before {
        Some(date) => pointed(layout, name, &layout.date_pointer(date)),
        None => Err(missing(layout, name, format!("there is no date before {current}"))),
    }
}

fn by_prefix(layout: &Layout, name: &str, as_of: AsOf, prefix: &str) -> Result<PathBuf, ExportError> {
    let ids = entries(&layout.date(as_of))?;
    let ids: Vec<ContentId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    let mut fitting = ids.iter().filter(|id| !prefix.is_empty() && id.as_str().starts_with(prefix));
    match (fitting.next(), fitting.next()) {
        (Some(id), None) => Ok(layout.snapshot(as_of, id)),
        (first, _) => {
            let listed: Vec<_> = ids.iter().map(ContentId::as_str).collect();
            let why = match (first, listed.is_empty()) {
                (_, true) => format!("that date has no snapshots; {}", dates_that_exist(layout)?),
                (Some(_), _) => format!("`{prefix}` is the beginning of more than one of {}", listed.join(", ")),
                (None, _) => format!("that date has {}", listed.join(", ")),
            };
            Err(missing(layout, name, why))
        }
    }
}

fn missing(layout: &Layout, wanted: &str, why: String) -> ExportError {
    ExportError::NoSnapshot { wanted: wanted.to_owned(), output: layout.root().to_owned(), why }
}

/// The dates that have a pointer, in order.
///
/// # Errors
/// When the folder of snapshots can't be listed.
pub fn dates(layout: &Layout) -> Result<Vec<AsOf>, ExportError> {
    let names = entries(&layout.snapshots())?;
    let dates = names.iter().filter_map(|name| name.parse::<AsOf>().ok());
    Ok(dates.filter(|&date| layout.date_pointer(date).exists()).collect())
}

fn dates_that_exist(layout: &Layout) -> Result<String, ExportError> {
    let dates = dates(layout)?;
    Ok(match (dates.first(), dates.last()) {
        (Some(first), Some(last)) if first != last => format!("there are {} dates, {first} to {last}", dates.len()),
        (Some(only), _) => format!("the only date is {only}"),
        _ => "nothing is published there".to_owned(),
    })
}

/// Names of what is in `folder`, in order; none when it does not exist.
///
/// # Errors
/// When it can't be listed.
pub fn entries(folder: &Path) -> Result<Vec<String>, ExportError> {
    let error = |source| ExportError::io("list", folder, source);
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(error)?,
    };
    let mut names = Vec::new();
    for entry in listing {
        names.push(entry.map_err(error)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
