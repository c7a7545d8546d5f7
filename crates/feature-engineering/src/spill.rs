//! Rows that wait on disk: raw columns in a file without a name, which vanishes with the process whatever happens.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use appraise_schema::event::EventColumn;
use bytemuck::{Pod, cast_slice, cast_slice_mut};

use crate::error::FoldError;
use crate::rows::{Keys, Rows, each};

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
}

/// The rows of one partition in one run.
#[derive(Debug, Clone, Copy, Default)]
struct Piece {
    offset: u64,
    rows: usize,
    /// Bytes of text keys.
    key_bytes: usize,
    bytes: usize,
}

impl SpillFile {
    /// A file in `folder`.
    ///
    /// # Errors
    /// [`FoldError::Spill`] when it can't be made.
    pub(crate) fn new(folder: &Path) -> Result<Self, FoldError> {
        let file = tempfile::tempfile_in(folder).map_err(|source| failed(folder, source))?;
        Ok(Self { file, folder: folder.to_owned(), written: 0, runs: Vec::new() })
    }

    /// Bytes in the file.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Writes the rows of all partitions as one run and empties them.
    ///
    /// # Errors
    /// [`FoldError::Spill`] when the disk is full or fails.
    pub(crate) fn write(&mut self, buckets: &mut [Rows]) -> Result<(), FoldError> {
        let folder = self.folder.clone();
        let mut out = BufWriter::with_capacity(BUFFER, &self.file);
        let mut pieces = Vec::with_capacity(buckets.len());
        let mut offset = self.written;
        for rows in buckets {
            let bytes = rows.bytes();
            let key_bytes = if let Keys::Text { bytes, .. } = &rows.key { bytes.len() } else { 0 };
            pieces.push(Piece { offset, rows: rows.len(), key_bytes, bytes });
            write_rows(&mut out, rows).map_err(|source| failed(&folder, source))?;
            offset += bytes as u64;
            rows.clear();
        }
        out.flush().map_err(|source| failed(&folder, source))?;
        drop(out);
        self.written = offset;
        self.runs.push(pieces);
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
        read_rows(&self.file, piece, target).map_err(|source| failed(&self.folder, source))
    }
}

fn failed(folder: &Path, source: std::io::Error) -> FoldError {
    FoldError::Spill { folder: folder.to_owned(), source }
}

fn write_rows(out: &mut impl Write, rows: &Rows) -> std::io::Result<()> {
    match &rows.key {
        Keys::Integer(keys) => out.write_all(cast_slice(keys))?,
        Keys::Text { ends, bytes } => {
            out.write_all(cast_slice(ends))?;
            out.write_all(bytes)?;
        }
    }
    for column in &rows.columns {
        each!(column, |values| out.write_all(cast_slice(values))?);
    }
    Ok(())
}

fn read_rows(file: &File, piece: Piece, target: &mut Rows) -> std::io::Result<()> {
    let mut offset = piece.offset;
    match &mut target.key {
        Keys::Integer(keys) => read_values(file, &mut offset, piece.rows, keys)?,
        Keys::Text { ends, bytes } => {
            let (rows, base) = (ends.len(), bytes.len());
            read_values(file, &mut offset, piece.rows, ends)?;
            ends[rows..].iter_mut().for_each(|end| *end += base);
            read_values(file, &mut offset, piece.key_bytes, bytes)?;
        }
    }
    for column in &mut target.columns {
        each!(column, |values| read_values(file, &mut offset, piece.rows, values)?);
    }
    Ok(())
}

fn read_values<T: Pod>(file: &File, offset: &mut u64, count: usize, target: &mut Vec<T>) -> std::io::Result<()> {
    let start = target.len();
    target.resize(start + count, T::zeroed());
    let bytes: &mut [u8] = cast_slice_mut(&mut target[start..]);
    file.read_exact_at(bytes, *offset)?;
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
        spill.write(&mut buckets).unwrap();
        assert_eq!(buckets[1].len(), 0);
        buckets[1].take(&batch(&["dd", "e", "f"]), &[2, 0]);
        spill.write(&mut buckets).unwrap();
        assert_eq!((spill.size(0), spill.size(1).0, spill.runs()), ((0, 0), 5, 2));
        let mut back = Rows::new(KeyType::Text, &layout);
        (0..2).for_each(|run| spill.read(run, 1, &mut back).unwrap());
        let keys: Vec<String> = (0..5).map(|row| back.key.shown(row)).collect();
        assert_eq!(keys, ["a", "", "ccc", "f", "dd"]);
        assert_eq!(back.columns[0], EventColumn::I32(vec![1, -2, 3, 3, 1]));
        assert_eq!(back.columns[1], EventColumn::U128(vec![7, 0, u128::MAX, u128::MAX, 7]));
    }
}
