//! Every change of the file system goes through [`Disk`], step by named step, so that a test can make any
//! of them fail, and so that durability is written once: what is renamed was synced before.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::error::ExportError;

/// Called before every step; an error it returns is the step's own.
pub trait Steps: Debug + Send + Sync {
    /// Lets the step `name` on `path` happen.
    ///
    /// # Errors
    /// When the step shall fail.
    fn step(&self, name: &'static str, path: &Path) -> io::Result<()>;
}

#[derive(Debug)]
struct Unhindered;

impl Steps for Unhindered {
    fn step(&self, _name: &'static str, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// The file system, as far as this crate changes it.
#[derive(Debug, Clone)]
pub struct Disk {
    steps: Arc<dyn Steps>,
}

impl Default for Disk {
    fn default() -> Self {
        Self { steps: Arc::new(Unhindered) }
    }
}

impl Disk {
    /// A disk that asks `steps` before each step.
    #[must_use]
    pub fn with_steps(steps: Arc<dyn Steps>) -> Self {
        Self { steps }
    }

    pub(crate) fn step(&self, name: &'static str, path: &Path) -> io::Result<()> {
        self.steps.step(name, path)
    }

    pub(crate) fn run<T>(
        &self,
        name: &'static str,
        path: &Path,
        action: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, ExportError> {
        self.step(name, path).and_then(|()| action()).map_err(|source| ExportError::io(name, path, source))
    }

    /// Creates a folder that must not exist yet.
    pub(crate) fn create_dir(&self, path: &Path) -> Result<(), ExportError> {
        self.run("create folder", path, || fs::create_dir(path))
    }

    /// Creates a folder and its missing parents, each of them durably.
    pub(crate) fn create_dirs(&self, path: &Path) -> Result<(), ExportError> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        let parent = parent(path);
        self.create_dirs(parent)?;
        self.run("create folder", path, || match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            result => result,
        })?;
        self.sync_dir(parent)
    }

    /// Creates a file that must not exist yet.
    pub(crate) fn create_new(&self, path: &Path) -> Result<File, ExportError> {
        self.run("create", path, || File::create_new(path))
    }

    /// Forces what was written to `file` onto the disk.
    pub(crate) fn sync_file(&self, file: &File, path: &Path) -> Result<(), ExportError> {
        self.run("sync", path, || file.sync_all())
    }

    /// Forces the entries of a folder onto the disk.
    pub(crate) fn sync_dir(&self, path: &Path) -> Result<(), ExportError> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        self.run("sync folder", path, || File::open(path)?.sync_all())
    }

    /// Renames a file or folder; the caller syncs the parents.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), ExportError> {
        self.run("rename", to, || fs::rename(from, to))
    }

    /// Writes a file that must not exist yet, durably but for its entry in the folder.
    pub(crate) fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
        let mut file = self.create_new(path)?;
        self.run("write", path, || file.write_all(bytes))?;
        self.sync_file(&file, path)
    }

    /// Replaces a small file as a whole: readers see the old bytes or the new ones.
    ///
    /// Only one writer at a time may replace a given file.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.tmp"));
        let mut file = self.run("create", &temporary, || File::create(&temporary))?;
        self.run("write", &temporary, || file.write_all(bytes))?;
        self.sync_file(&file, &temporary)?;
        self.rename(&temporary, path)?;
        self.sync_dir(parent(path))
    }

    /// Removes a file.
    pub(crate) fn remove_file(&self, path: &Path) -> Result<(), ExportError> {
        self.run("remove", path, || fs::remove_file(path))
    }

    /// Removes a folder with all that is in it, if it is there.
    pub(crate) fn remove_tree(&self, path: &Path) -> Result<(), ExportError> {
        self.run("remove", path, || match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        })
    }
}

pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// The bytes of a file, or `None` when it does not exist.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, ExportError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ExportError::io("read", path, error)),
    }
}
