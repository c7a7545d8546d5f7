//! The file beneath a Parquet writer.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3Default;

use crate::disk::Disk;
use crate::error::ExportError;

/// A new file that counts and digests what is written to it.
pub(super) struct Sink {
    disk: Disk,
    path: PathBuf,
    pub(super) file: File,
    pub(super) sha256: Sha256,
    pub(super) checksum: Xxh3Default,
    pub(super) bytes: u64,
}

impl Sink {
    pub(super) const BUFFER: usize = 1 << 20;

    pub(super) fn create(disk: &Disk, path: &Path) -> Result<Self, ExportError> {
        let file = disk.create_new(path)?;
        Ok(Self {
            disk: disk.clone(),
            path: path.to_owned(),
            file,
            sha256: Sha256::new(),
            checksum: Xxh3Default::new(),
            bytes: 0,
        })
    }
}

impl Write for Sink {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.disk.step("write", &self.path)?;
        let written = self.file.write(buffer)?;
        self.sha256.update(&buffer[..written]);
        self.checksum.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
