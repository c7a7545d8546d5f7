//! The identity of input files: BLAKE3 of their bytes, which resists collisions as SHA-256 does and costs a third.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::IngestError;

const BLOCK: usize = 1 << 20;

/// Digest of every file as `blake3:` and lower-case hex, in the order of `paths`, computed on `threads` threads.
///
/// # Errors
/// [`IngestError::Io`] for the first file that can't be read, [`IngestError::Interrupted`] once `cancel` is set.
pub fn digest(paths: &[PathBuf], threads: usize, cancel: &AtomicBool) -> Result<Vec<String>, IngestError> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(paths.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, paths.len().max(1)) {
            scope.spawn(|| {
                while let Some((position, path)) = claim(&next, paths) {
                    let result = digest_file(path, cancel);
                    if let Ok(mut done) = done.lock() {
                        done.push((position, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().map_err(|_| IngestError::Worker { reason: "hashing".to_owned() })?;
    done.sort_by_key(|(position, _)| *position);
    done.into_iter().map(|(_, result)| result).collect()
}

fn claim<'a>(next: &AtomicUsize, paths: &'a [PathBuf]) -> Option<(usize, &'a PathBuf)> {
    let position = next.fetch_add(1, Ordering::Relaxed);
    paths.get(position).map(|path| (position, path))
}

fn digest_file(path: &Path, cancel: &AtomicBool) -> Result<String, IngestError> {
    let failed = |source| IngestError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut block = vec![0; BLOCK];
    let mut hasher = blake3::Hasher::new();
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(IngestError::Interrupted);
        }
        let read = file.read(&mut block).map_err(failed)?;
        if read == 0 {
            return Ok(format!("blake3:{}", hasher.finalize().to_hex()));
        }
        hasher.update(&block[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_abc_is_the_published_one() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = ["abc", ""].iter().map(|text| folder.path().join(format!("f{text}"))).collect();
        std::fs::write(&paths[0], "abc").unwrap();
        std::fs::write(&paths[1], "").unwrap();
        let digests = digest(&paths, 2, &AtomicBool::new(false)).unwrap();
        assert_eq!(digests[0], "blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
        assert_eq!(digests[1], "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    }
}
