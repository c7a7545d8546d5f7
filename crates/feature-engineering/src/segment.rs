//! Rows that outlive their run: raw columns in one file that is never rewritten, partition by partition, with the number of
//! the dump that each row came from.
//!
//! ```text
//! magic | rows of partition 0 | rows of partition 1 | … | index | origins | trailer
//! ```
//!
//! Numbers are in the byte order of the machine: on one of the other order the magic does not match, and the file counts as
//! damaged. Rows of a partition stand column by column, as [`crate::spill`] writes them. The index has six 64-bit numbers a
//! partition: offset, rows, bytes of text keys, bytes, xxh3-64 of the bytes, and the end of its origins. Origins are pairs of
//! 32-bit numbers: a dump, and how many rows in a row it gave.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use appraise_schema::event::{EventBatch, EventColumn, Form, KeyType};
use appraise_schema::{Layout, SourceKind};
use bytemuck::{cast_slice, cast_slice_mut};
use xxhash_rust::xxh3::Xxh3;

use crate::error::FoldError;
use crate::gather::batch;
use crate::rows::{Keys, Rows, row_bytes};
use crate::scatter::{Scatter, ScatterWriter};
use crate::spill::{Piece, read_rows, write_rows};

/// The first and the last bytes of a segment.
const MAGIC: u64 = u64::from_le_bytes(*b"APPRSEG1");
/// 64-bit numbers of one partition in the index.
const ENTRY: usize = 6;
/// 64-bit numbers of the trailer: partitions, origins, xxh3-64 of index and origins, magic.
const TRAILER: usize = 4;
/// Bytes written at once.
const BUFFER: usize = 1 << 20;

/// A dump, by its number, and how many rows in a row it gave.
pub(crate) type Origin = (u32, u32);

/// Notes that the next `rows` rows came from dump number `file`.
pub(crate) fn note_origin(origins: &mut Vec<Origin>, file: u32, rows: usize) {
    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
    match origins.last_mut() {
        Some((last, count)) if *last == file && count.checked_add(rows).is_some() => *count += rows,
        _ => origins.push((file, rows)),
    }
}

/// A segment, open to be read.
#[derive(Debug)]
pub struct Segment {
    file: File,
    path: PathBuf,
    pieces: Vec<Piece>,
    checksums: Vec<u64>,
    origins: Vec<Origin>,
    /// Where each partition's origins end.
    ends: Vec<usize>,
    /// Numbers of dumps whose rows do not count.
    left_out: BTreeSet<u32>,
}

impl Segment {
    /// Opens the segment at `path` of rows of `source`, scattered as `scatter` does it.
    ///
    /// # Errors
    /// When it can't be read, or is damaged, or holds other rows.
    pub fn open(path: &Path, scatter: &Scatter, source: SourceKind) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut trailer = [0_u64; TRAILER];
        let trailer_bytes = size_of_val(&trailer) as u64;
        let at = size.checked_sub(trailer_bytes).ok_or_else(|| damaged("it is too short"))?;
        file.read_exact_at(cast_slice_mut(&mut trailer), at)?;
        let [partitions, origins, checksum, magic] = trailer;
        let index_bytes = partitions.checked_mul(8 * ENTRY as u64);
        let origin_bytes = origins.checked_mul(size_of::<Origin>() as u64);
        let before =
            index_bytes.zip(origin_bytes).and_then(|(index, origins)| at.checked_sub(index.checked_add(origins)?));
        let (Some(start), true) = (before, magic == MAGIC) else {
            return Err(damaged("its end is not that of a segment"));
        };
        let mut index =
            vec![0_u64; usize::try_from(partitions).map_err(|_| damaged("its index is too large"))? * ENTRY];
        file.read_exact_at(cast_slice_mut(&mut index), start)?;
        let mut pairs = vec![[0_u32; 2]; usize::try_from(origins).map_err(|_| damaged("its index is too large"))?];
        file.read_exact_at(cast_slice_mut(&mut pairs), start + index.len() as u64 * 8)?;
        if index_checksum(&index, &pairs) != checksum {
            return Err(damaged("its index is not what was written"));
        }
        let mut segment = Self {
            file,
            path: path.to_owned(),
            pieces: Vec::with_capacity(index.len() / ENTRY),
            checksums: Vec::with_capacity(index.len() / ENTRY),
            origins: pairs.into_iter().map(|[file, rows]| (file, rows)).collect(),
            ends: Vec::with_capacity(index.len() / ENTRY),
            left_out: BTreeSet::new(),
        };
        for entry in index.chunks_exact(ENTRY) {
            let number = |place: usize| usize::try_from(entry[place]).map_err(|_| damaged("a number is too large"));
            segment.pieces.push(Piece { offset: entry[0], rows: number(1)?, key_bytes: number(2)?, bytes: number(3)? });
            segment.checksums.push(entry[4]);
            segment.ends.push(number(5)?);
        }
        segment.check(scatter, source)?;
        Ok(segment)
    }

    /// Whether pieces and origins are of the form that `scatter` gives rows of `source`.
    fn check(&self, scatter: &Scatter, source: SourceKind) -> io::Result<()> {
        let partitions = if source == SourceKind::Lots { 1 } else { scatter.partitions() };
        if self.pieces.len() != partitions {
            return Err(damaged("it has another number of partitions"));
        }
        let (key_type, layout) = (scatter.shape.key_type, stored_layout(scatter, source));
        let mut start = 0;
        for (piece, &end) in self.pieces.iter().zip(&self.ends) {
            let bytes = piece.rows.checked_mul(row_bytes(&layout)).and_then(|bytes| bytes.checked_add(piece.key_bytes));
            let texts = key_type == KeyType::Text || piece.key_bytes == 0;
            let origins = self.origins.get(start..end).ok_or_else(|| damaged("its origins are not complete"))?;
            let rows: u64 = origins.iter().map(|(_, rows)| u64::from(*rows)).sum();
            if bytes != Some(piece.bytes) || !texts || rows != piece.rows as u64 {
                return Err(damaged("its rows are of another form"));
            }
            start = end;
        }
        Ok(())
    }

    /// The same segment without the rows of the dumps whose numbers are `left_out`.
    #[must_use]
    pub fn without(mut self, left_out: BTreeSet<u32>) -> Self {
        self.left_out = left_out;
        self
    }

    /// Rows of every dump that has some.
    #[must_use]
    pub fn rows_by_file(&self) -> BTreeMap<u32, u64> {
        let mut rows = BTreeMap::new();
        for &(file, count) in &self.origins {
            *rows.entry(file).or_default() += u64::from(count);
        }
        rows
    }

    /// Rows and bytes of one partition, at most.
    pub(crate) fn size(&self, partition: usize) -> (usize, usize) {
        self.pieces.get(partition).map_or((0, 0), |piece| (piece.rows, piece.bytes))
    }

    fn origins_of(&self, partition: usize) -> &[Origin] {
        let start = if partition == 0 { 0 } else { self.ends[partition - 1] };
        &self.origins[start..self.ends[partition]]
    }

    /// Appends the rows of `partition` that count to `target`.
    ///
    /// # Errors
    /// [`FoldError::Segment`] when they can't be read, or are not what was written.
    pub(crate) fn read(&self, partition: usize, target: &mut Rows) -> Result<(), FoldError> {
        let origins = self.origins_of(partition);
        if origins.iter().all(|(file, _)| !self.left_out.contains(file)) {
            return self.read_all(partition, target);
        }
        let mut all = Rows::like(target);
        self.read_all(partition, &mut all)?;
        append_live(target, &mut Vec::new(), &all, origins, &|file| !self.left_out.contains(&file));
        Ok(())
    }

    fn read_all(&self, partition: usize, target: &mut Rows) -> Result<(), FoldError> {
        let piece = self.pieces[partition];
        let mut hash = Xxh3::new();
        let outcome = read_rows(&self.file, piece, target, &mut |bytes| hash.update(bytes));
        let sound = || {
            if hash.digest() == self.checksums[partition] {
                Ok(())
            } else {
                Err(damaged("rows are not what was written"))
            }
        };
        outcome.and_then(|()| sound()).map_err(|source| FoldError::Segment { path: self.path.clone(), source })
    }

    /// The lots that count.
    ///
    /// # Errors
    /// As [`Segment::read`].
    pub(crate) fn lots(&self, scatter: &Scatter) -> Result<EventBatch, FoldError> {
        let mut rows = Rows::new(scatter.shape.key_type, &stored_layout(scatter, SourceKind::Lots));
        self.read(0, &mut rows)?;
        let has_key = match rows.columns.pop() {
            Some(EventColumn::U8(flags)) => flags.into_iter().map(|flag| flag != 0).collect(),
            _ => Vec::new(),
        };
        Ok(EventBatch { has_key: has_key.contains(&false).then_some(has_key), ..batch(rows)? })
    }
}

/// The columns that a segment of `source` keeps: of lots, also whether the consignor is known.
fn stored_layout(scatter: &Scatter, source: SourceKind) -> Layout {
    let mut layout = scatter.shape.layouts.get(&source).cloned().unwrap_or_default();
    if source == SourceKind::Lots {
        layout.add("has_key", Form::Flag);
    }
    layout
}

/// Writes the rows of `writers` and of the `older` segments as one new segment of `source` to `path`, durably but for its entry
/// in the folder. Only rows of dumps that are `live` are kept. Gives the number of rows.
///
/// # Errors
/// When an older segment is damaged, or the disk is full or fails.
pub fn write_segment(
    path: &Path,
    scatter: &Scatter,
    source: SourceKind,
    writers: &[ScatterWriter],
    live: &dyn Fn(u32) -> bool,
    older: &[&Segment],
) -> Result<u64, FoldError> {
    let failed = |source: io::Error| FoldError::Segment { path: path.to_owned(), source };
    let layout = stored_layout(scatter, source);
    let partitions = if source == SourceKind::Lots { 1 } else { scatter.partitions() };
    let file = File::create_new(path).map_err(failed)?;
    let mut out = BufWriter::with_capacity(BUFFER, &file);
    out.write_all(&MAGIC.to_ne_bytes()).map_err(failed)?;
    let (mut offset, mut index, mut origins) = (size_of_val(&MAGIC) as u64, Vec::new(), Vec::new());
    let (mut rows, mut part) = (Rows::new(scatter.shape.key_type, &layout), Rows::new(scatter.shape.key_type, &layout));
    let mut written = 0;
    for partition in 0..partitions {
        rows.clear();
        let mut noted = Vec::new();
        for segment in older {
            part.clear();
            segment.read_all(partition, &mut part)?;
            append_live(&mut rows, &mut noted, &part, segment.origins_of(partition), live);
        }
        for writer in writers {
            writer.each_piece(partition, &mut part, &mut |piece, of| {
                append_live(&mut rows, &mut noted, piece, of, live);
            })?;
        }
        origins.append(&mut noted);
        let mut hash = Xxh3::new();
        write_rows(&mut out, &rows, &mut |bytes| hash.update(bytes)).map_err(failed)?;
        let key_bytes = if let Keys::Text { bytes, .. } = &rows.key { bytes.len() } else { 0 };
        let numbers = [rows.len(), key_bytes, rows.bytes()].map(|number| number as u64);
        index.extend([offset, numbers[0], numbers[1], numbers[2], hash.digest(), origins.len() as u64]);
        offset += numbers[2];
        written += numbers[0];
    }
    let pairs: Vec<[u32; 2]> = origins.into_iter().map(|(file, rows)| [file, rows]).collect();
    let trailer = [partitions as u64, pairs.len() as u64, index_checksum(&index, &pairs), MAGIC];
    let parts: [&[u8]; 3] = [cast_slice(&index), cast_slice(&pairs), cast_slice(&trailer)];
    parts.iter().try_for_each(|bytes| out.write_all(bytes)).map_err(failed)?;
    out.flush().map_err(failed)?;
    drop(out);
    file.sync_all().map_err(failed)?;
    Ok(written)
}

/// Appends those of `rows` whose dump is `live`, and notes where they came from.
pub(crate) fn append_live(
    target: &mut Rows,
    noted: &mut Vec<Origin>,
    rows: &Rows,
    origins: &[Origin],
    live: &dyn Fn(u32) -> bool,
) {
    let (mut start, mut end) = (0, 0);
    for &(file, count) in origins {
        let next = end + count as usize;
        if live(file) {
            note_origin(noted, file, count as usize);
        } else {
            target.append_range(rows, start..end);
            start = next;
        }
        end = next;
    }
    target.append_range(rows, start..end);
}

fn index_checksum(index: &[u64], origins: &[[u32; 2]]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(cast_slice(index));
    hash.update(cast_slice(origins));
    hash.digest()
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
