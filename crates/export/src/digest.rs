//! SHA-256 digests of bytes and files, in lower-case hexadecimal, and a faster checksum of files.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3Default;

const READ_BYTES: usize = 1 << 20;

/// Digest of `bytes`.
#[must_use]
pub fn of_bytes(bytes: &[u8]) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

/// Length in bytes and digest of the file at `path`.
///
/// # Errors
/// When it can't be opened or read.
pub fn of_file(path: &Path) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let length = read_blocks(path, |block| hasher.update(block))?;
    Ok((length, hex(hasher)))
}

/// Length in bytes and XXH3-128 of the file at `path`.
pub(crate) fn checksum_of_file(path: &Path) -> io::Result<(u64, u128)> {
    let mut hasher = Xxh3Default::new();
    let length = read_blocks(path, |block| hasher.update(block))?;
    Ok((length, hasher.digest128()))
}

/// Hands the bytes of the file at `path` to `take`, block by block; returns their number.
fn read_blocks(path: &Path, mut take: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; READ_BYTES];
    let mut length = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(length),
            read => {
                take(&buffer[..read]);
                length += read as u64;
            }
        }
    }
}

/// Closes `hasher`.
pub(crate) fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_published_digest_of_abc() {
        assert_eq!(of_bytes(b"abc"), ABC);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, b"abc").unwrap();
        assert_eq!(of_file(&path).unwrap(), (3, ABC.to_owned()));
        assert_eq!(checksum_of_file(&path).unwrap(), (3, xxhash_rust::xxh3::xxh3_128(b"abc")));
    }
}
