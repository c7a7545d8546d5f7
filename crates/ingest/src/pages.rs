//! Looks at the sizes of pages before they are decompressed.
//!
//! A footer may declare little and a page much: 5 MB of zstd can hold 2 GiB of zeros. The header of every page of
//! the chosen columns is therefore read first (a few bytes each, in Thrift's compact protocol, of which only the
//! sizes are of interest), and a page beyond [`MAX_PAGE`] refused before memory is asked for.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use parquet::arrow::ProjectionMask;
use parquet::file::metadata::RowGroupMetaData;

/// Largest page accepted, in bytes, decompressed. Most writers aim for about 1 MiB, the most lavish for 100 MB. Of each
/// column a thread holds a dictionary and a data page.
pub(crate) const MAX_PAGE: i64 = 128 << 20;
/// Bytes of a page header looked at: statistics in it are cut by writers to far less.
const MAX_HEADER: usize = 16 << 10;
/// Bytes read for a header at first.
const FIRST_LOOK: usize = 128;
/// Thrift structures are nested no deeper in a page header.
const MAX_DEPTH: usize = 8;

/// Sizes of the chosen columns of a row group, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sizes {
    /// In the file.
    pub(crate) stored: u64,
    /// Decompressed, by the footer or the pages, whichever says more.
    pub(crate) decoded: u64,
}

/// Checks that the chosen columns lie within the file and that none of their pages is too large.
pub(crate) fn check_pages(
    file: &File,
    file_bytes: u64,
    group: &RowGroupMetaData,
    mask: &ProjectionMask,
) -> Result<Sizes, String> {
    let mut sizes = Sizes::default();
    for (leaf, chunk) in group.columns().iter().enumerate().filter(|(leaf, _)| mask.leaf_included(*leaf)) {
        let name = chunk.column_path().string();
        let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let within = u64::try_from(start)
            .ok()
            .zip(u64::try_from(chunk.compressed_size()).ok())
            .filter(|(start, length)| start.checked_add(*length).is_some_and(|end| end <= file_bytes));
        let Some((start, length)) = within else {
            return Err(format!("column {leaf} `{name}` lies outside the file of {file_bytes} bytes"));
        };
        let declared = u64::try_from(chunk.uncompressed_size()).unwrap_or_default();
        let walked = walk(file, start, start + length).map_err(|error| format!("column `{name}`: {error}"))?;
        sizes.stored += length;
        sizes.decoded += declared.max(walked);
    }
    Ok(sizes)
}

/// Sum of the decompressed sizes of the pages between `position` and `end`.
fn walk(mut file: &File, mut position: u64, end: u64) -> Result<u64, String> {
    let mut total = 0;
    let mut header = Vec::with_capacity(MAX_HEADER);
    while position < end {
        let page = read_header(&mut file, position, end, &mut header)?;
        if page.decompressed > MAX_PAGE {
            return Err(format!("a page has {} bytes, at most {MAX_PAGE} are decompressed", page.decompressed));
        }
        total += u64::try_from(page.decompressed).map_err(|_| damaged())?;
        let stored = u64::try_from(page.stored).map_err(|_| damaged())?;
        position = position.checked_add(page.header + stored).filter(|next| *next <= end).ok_or_else(damaged)?;
    }
    Ok(total)
}

fn damaged() -> String {
    "a page header is damaged".to_owned()
}

struct Page {
    header: u64,
    stored: i64,
    decompressed: i64,
}

fn read_header(file: &mut &File, position: u64, end: u64, bytes: &mut Vec<u8>) -> Result<Page, String> {
    let mut look = FIRST_LOOK;
    loop {
        bytes.clear();
        let length = (look as u64).min(end - position);
        file.seek(SeekFrom::Start(position)).map_err(|error| error.to_string())?;
        file.take(length).read_to_end(bytes).map_err(|error| error.to_string())?;
        if let Some(page) = parse(bytes) {
            return Ok(page);
        }
        if look >= MAX_HEADER || bytes.len() < look {
            return Err(damaged());
        }
        look *= 4;
    }
}

/// The sizes in a page header; `None` when `bytes` end before it, or hold none.
fn parse(bytes: &[u8]) -> Option<Page> {
    let mut reader = Compact { bytes, position: 0 };
    let mut field = 0;
    let (mut stored, mut decompressed) = (None, None);
    while let Some(kind) = reader.field(&mut field)? {
        match (field, kind) {
            (2, 5) => decompressed = Some(reader.integer()?),
            (3, 5) => stored = Some(reader.integer()?),
            _ => reader.skip(kind, MAX_DEPTH)?,
        }
    }
    Some(Page { header: reader.position as u64, stored: stored?, decompressed: decompressed? })
}

/// A reader of Thrift's compact protocol.
struct Compact<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Compact<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.position)?;
        self.position += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A zigzag integer.
    fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The type of the next field of a structure, whose number goes to `field`; inner `None` at its end.
    #[expect(clippy::option_option, reason = "end of the bytes, or of the structure")]
    fn field(&mut self, field: &mut i64) -> Option<Option<u8>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        *field = match byte >> 4 {
            0 => self.integer()?,
            delta => *field + i64::from(delta),
        };
        Some(Some(byte & 0x0f))
    }

    fn advance(&mut self, bytes: u64) -> Option<()> {
        self.position = self.position.checked_add(usize::try_from(bytes).ok()?)?;
        (self.position <= self.bytes.len()).then_some(())
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            // Booleans of fields are in their type.
            1 | 2 => Some(()),
            3 => self.advance(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.advance(8),
            8 => {
                let length = self.varint()?;
                self.advance(length)
            }
            12 => {
                let mut field = 0;
                while let Some(kind) = self.field(&mut field)? {
                    self.skip(kind, depth)?;
                }
                Some(())
            }
            // Page headers hold no list, set or map.
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_of_a_data_page_header_are_found() {
        // type = 0, uncompressed = 300, compressed = 5, then structure 5 with one field.
        let bytes = [0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x0a, 0x2c, 0x15, 0x02, 0x00, 0x00, 0xff];
        let page = parse(&bytes).unwrap();
        assert_eq!((page.decompressed, page.stored, page.header), (300, 5, 12));
        for length in 0..12 {
            assert!(parse(&bytes[..length]).is_none(), "{length}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(parse(&[0x1c; 100]).is_none());
    }
}
