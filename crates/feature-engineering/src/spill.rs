//! Rows that wait on disk: raw columns in a file without a name, which vanishes with the process whatever happens.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use appraise_schema::event::EventColumn;
use bytemuck::{Pod, cast_slice, cast_slice_mut};

use crate::error::FoldError;
use crate::rows::{Keys, Rows, each};
use crate::segment::Origin;

/// Bytes written at once.
const BUFFER: usize = 1 << 20;

/// One writer's spilled rows: runs of all partitions, one run for each time that memory was full.
#[derive(Debug)]
pub(crate) struct SpillFile {
    file: File,
    folder: PathBuf,
    written: u64,
    /// For every run, where each partition's rows stand.
    runs: Vec<Vec<Piece>>,
    /// For every run and partition, where the rows came from, if that is kept.
    origins: Vec<Vec<Vec<Origin>>>,
}

/// The rows of one partition in a file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Piece {
    pub(crate) offset: u64,
    pub(crate) rows: usize,
    /// Bytes of text keys.
    pub(crate) key_bytes: usize,
    pub(crate) bytes: usize,
}

impl SpillFile {
    /// A file in `folder`.
    ///
    /// # Errors
    /// [`FoldError::Spill`] when it can't be made.
    pub(crate) fn new(folder: &Path) -> Result<Self, FoldError> {
        let file = tempfile::tempfile_in(folder).map_err(|source| failed(folder, source))?;
        Ok(Self { file, folder: folder.to_owned(), written: 0, runs: Vec::new(), origins: Vec::new() })
    }

    /// Bytes in the file.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Writes the rows of all partitions as one run and empties them; `origins` says of each partition where they came from.
    ///
    /// # Errors
    /// [`FoldError::Spill`] when the disk is full or fails.
    pub(crate) fn write(&mut self, buckets: &mut [Rows], origins: &mut [Vec<Origin>]) -> Result<(), FoldError> {
        let folder = self.folder.clone();
        let mut out = BufWriter::with_capacity(BUFFER, &self.file);
        let mut pieces = Vec::with_capacity(buckets.len());
        let mut offset = self.written;
        for rows in buckets {
            let bytes = rows.bytes();
            let key_bytes = if let Keys::Text { bytes, .. } = &rows.key { bytes.len() } else { 0 };
            pieces.push(Piece { offset, rows: rows.len(), key_bytes, bytes });
            write_rows(&mut out, rows, &mut |_| ()).map_err(|source| failed(&folder, source))?;
            offset += bytes as u64;
            rows.clear();
        }
        out.flush().map_err(|source| failed(&folder, source))?;
        drop(out);
        self.written = offset;
        self.runs.push(pieces);
        self.origins.push(origins.iter_mut().map(std::mem::take).collect());
        Ok(())
    }

    /// Rows and bytes of one partition.
    pub(crate) fn size(&self, partition: usize) -> (usize, usize) {
        self.runs.iter().fold((0, 0), |(rows, bytes), run| (rows + run[partition].rows, bytes + run[partition].bytes))
    }

    /// Number of runs.
    pub(crate) fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Appends the rows of `partition` in run number `run` to `target`.
    ///
    /// # Errors
    /// [`FoldError::Spill`] when they can't be read.
    pub(crate) fn read(&self, run: usize, partition: usize, target: &mut Rows) -> Result<(), FoldError> {
        let piece = self.runs[run][partition];
        if piece.rows == 0 {
            return Ok(());
        }
        read_rows(&self.file, piece, target, &mut |_| ()).map_err(|source| failed(&self.folder, source))
    }

    /// Where the rows of `partition` in run number `run` came from, if that was kept.
    pub(crate) fn origins(&self, run: usize, partition: usize) -> &[Origin] {
        self.origins[run].get(partition).map_or(&[], Vec::as_slice)
    }
}

fn failed(folder: &Path, source: std::io::Error) -> FoldError {
    FoldError::Spill { folder: folder.to_owned(), source }
}

/// Writes `rows`, and shows `seen` every byte of them.
pub(crate) fn write_rows(out: &mut impl Write, rows: &Rows, seen: &mut impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut put = |bytes: &[u8]| {
        seen(bytes);
        out.write_all(bytes)
    };
    match &rows.key {
        Keys::Integer(keys) => put(cast_slice(keys))?,
        Keys::Text { ends, bytes } => {
            put(cast_slice(ends))?;
            put(bytes)?;
        }
    }
    for column in &rows.columns {
        each!(column, |values| put(cast_slice(values))?);
    }
    Ok(())
}

/// Appends the rows of `piece` to `target`, and shows `seen` every byte of them.
pub(crate) fn read_rows(
    file: &File,
    piece: Piece,
    target: &mut Rows,
    seen: &mut impl FnMut(&[u8]),
) -> std::io::Result<()> {
    let mut offset = piece.offset;
    match &mut target.key {
        Keys::Integer(keys) => read_values(file, &mut offset, piece.rows, keys, seen)?,
        Keys::Text { ends, bytes } => {
            let (rows, base) = (ends.len(), bytes.len());
            read_values(file, &mut offset, piece.rows, ends, seen)?;
            ends[rows..].iter_mut().for_each(|end| *end += base);
            read_values(file, &mut offset, piece.key_bytes, bytes, seen)?;
        }
    }
    for column in &mut target.columns {
        each!(column, |values| read_values(file, &mut offset, piece.rows, values, seen)?);
    }
    Ok(())
}

fn read_values<T: Pod>(
    file: &File,
    offset: &mut u64,
    count: usize,
    target: &mut Vec<T>,
    seen: &mut impl FnMut(&[u8]),
) -> std::io::Result<()> {
    let start = target.len();
    target.resize(start + count, T::zeroed());
    let bytes: &mut [u8] = cast_slice_mut(&mut target[start..]);
    file.read_exact_at(bytes, *offset)?;
    seen(bytes);
    *offset += bytes.len() as u64;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use appraise_schema::event::{Form, KeyType};
    use appraise_schema::{EventBatch, KeyColumn, Layout};

    #[test]
    fn what_was_written_comes_back_run_by_run() {
        let mut layout = Layout::default();
        layout.add("time", Form::Day);
        layout.add("order_id", Form::Id);
        let batch = |texts: &[&str]| EventBatch {
            key: KeyColumn::Text {
                offsets: (0..=texts.len()).map(|n| u32::try_from(texts[..n].concat().len()).unwrap()).collect(),
                bytes: texts.concat().into_bytes(),
            },
            has_key: None,
            columns: vec![EventColumn::I32(vec![1, -2, 3]), EventColumn::U128(vec![7, 0, u128::MAX])],
        };
        let mut spill = SpillFile::new(&std::env::temp_dir()).unwrap();
        let mut buckets = [Rows::new(KeyType::Text, &layout), Rows::new(KeyType::Text, &layout)];
        buckets[1].take(&batch(&["a", "", "ccc"]), &[0, 1, 2]);
        spill.write(&mut buckets, &mut []).unwrap();
        assert_eq!(buckets[1].len(), 0);
        buckets[1].take(&batch(&["dd", "e", "f"]), &[2, 0]);
        spill.write(&mut buckets, &mut []).unwrap();
        assert_eq!((spill.size(0), spill.size(1).0, spill.runs()), ((0, 0), 5, 2));
        let mut back = Rows::new(KeyType::Text, &layout);
        (0..2).for_each(|run| spill.read(run, 1, &mut back).unwrap());
        let keys: Vec<String> = (0..5).map(|row| back.key.shown(row)).collect();
        assert_eq!(keys, ["a", "", "ccc", "f", "dd"]);
        assert_eq!(back.columns[0], EventColumn::I32(vec![1, -2, 3, 3, 1]));
        assert_eq!(back.columns[1], EventColumn::U128(vec![7, 0, u128::MAX, u128::MAX, 7]));
    }
}
