//! Finished rows that are read several times: in memory up to a budget, beyond it in a file without a name, which vanishes
//! with the process whatever happens.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use appraise_export::kept::read_rows;
use arrow::array::{ArrayRef, MutableArrayData, RecordBatch, make_array};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use crate::error::RunError;

/// Bytes read or written at once.
const BUFFER_BYTES: usize = 1 << 20;
/// Rows of an encoded table that are decoded at once.
const TABLE_ROWS: usize = 1 << 15;

/// Rows while they come.
pub(crate) struct BatchStoreWriter {
    schema: SchemaRef,
    memory_bytes: u64,
    temp_dir: PathBuf,
    held: Vec<RecordBatch>,
    held_bytes: u64,
    file: Option<StreamWriter<BufWriter<File>>>,
    rows: u64,
}

impl BatchStoreWriter {
    /// A store of rows of `schema` that holds `memory_bytes` of them in memory and the rest in a file in `temp_dir`.
    pub(crate) fn new(schema: SchemaRef, memory_bytes: u64, temp_dir: &Path) -> Self {
        let temp_dir = temp_dir.to_owned();
        Self { schema, memory_bytes, temp_dir, held: Vec::new(), held_bytes: 0, file: None, rows: 0 }
    }

    /// Takes rows.
    ///
    /// # Errors
    /// [`RunError::Spill`] when the file can't be made or written.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<(), RunError> {
        self.rows += batch.num_rows() as u64;
        let bytes = batch.get_array_memory_size() as u64;
        if self.file.is_none() && self.held_bytes + bytes <= self.memory_bytes {
            self.held_bytes += bytes;
            self.held.push(batch);
            return Ok(());
        }
        self.append(&batch).map_err(|error| spill_error(&self.temp_dir, error))
    }

    fn append(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let file = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile_in(&self.temp_dir)?);
                none.insert(StreamWriter::try_new(file, &self.schema)?)
            }
        };
        file.write(batch)
    }

    /// The rows, ready to be read.
    ///
    /// # Errors
    /// [`RunError::Spill`] when the last of them can't be written.
    pub(crate) fn finish(self) -> Result<BatchStore, RunError> {
        let Self { schema, temp_dir, held, rows, file, .. } = self;
        let file = file.map(finished).transpose().map_err(|error| spill_error(&temp_dir, error))?;
        Ok(BatchStore { schema, temp_dir, held, file, table: Vec::new(), rows })
    }
}

fn finished(mut writer: StreamWriter<BufWriter<File>>) -> Result<File, ArrowError> {
    writer.finish()?;
    Ok(writer.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error)?)
}

fn spill_error(folder: &Path, error: ArrowError) -> RunError {
    match error {
        ArrowError::IoError(_, source) => RunError::Spill { folder: folder.to_owned(), source },
        other => other.into(),
    }
}

/// Rows that can be read from the start any number of times.
pub(crate) struct BatchStore {
    schema: SchemaRef,
    temp_dir: PathBuf,
    held: Vec<RecordBatch>,
    file: Option<File>,
    /// Files of a published form, where the rows stand in them.
    table: Vec<PathBuf>,
    rows: u64,
}

impl BatchStore {
    /// The rows of the encoded table in the files `table`, `rows` in all, of which nothing is held.
    pub(crate) fn of_table(schema: SchemaRef, table: Vec<PathBuf>, rows: u64) -> Self {
        Self { schema, temp_dir: PathBuf::new(), held: Vec::new(), file: None, table, rows }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes in the file.
    pub(crate) fn spilled_bytes(&self) -> u64 {
        self.file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |metadata| metadata.len())
    }

    /// All batches in order.
    ///
    /// # Errors
    /// [`RunError::Spill`] when the file can't be read; so may be every batch.
    pub(crate) fn batches(&self) -> Result<impl Iterator<Item = Result<RecordBatch, RunError>> + '_, RunError> {
        let table = self.encoded((0..self.schema.fields().len()).collect());
        Ok(self.held.iter().cloned().map(Ok).chain(self.stored(None)?).chain(table))
    }

    /// All batches in order, with only the columns that `keep` names.
    ///
    /// # Errors
    /// [`RunError::Spill`] when the file can't be read; so may be every batch.
    pub(crate) fn narrowed(
        &self,
        keep: impl Fn(&str) -> bool,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, RunError>> + '_, RunError> {
        let fields = self.schema.fields().iter().enumerate();
        let positions: Vec<usize> =
            fields.filter(|(_, field)| keep(field.name())).map(|(position, _)| position).collect();
        let stored = self.stored(Some(positions.clone()))?.map(|batch| Ok(compact(&batch?)?));
        let table = self.encoded(positions.clone());
        Ok(self.held.iter().map(move |batch| Ok(batch.project(&positions)?)).chain(stored).chain(table))
    }

    /// The batches in the files of a table.
    fn encoded(&self, positions: Vec<usize>) -> impl Iterator<Item = Result<RecordBatch, RunError>> + '_ {
        let rows = read_rows(self.table.clone(), &self.schema, positions, TABLE_ROWS);
        rows.map(|batch| Ok(batch?))
    }

    /// The batches in the file.
    fn stored(
        &self,
        positions: Option<Vec<usize>>,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, RunError>> + '_, RunError> {
        let failed = |error| spill_error(&self.temp_dir, error);
        let open = |file| {
            let reader = BufReader::with_capacity(BUFFER_BYTES, FromStart { file, offset: 0 });
            StreamReader::try_new(reader, positions).map_err(failed)
        };
        let stored = self.file.as_ref().map(open).transpose()?;
        Ok(stored.into_iter().flatten().map(move |batch| batch.map_err(failed)))
    }
}

/// The same values in buffers of their own: a batch that was read shares one buffer among all its columns.
fn compact(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let copy = |column: &ArrayRef| {
        let data = column.to_data();
        let mut copy = MutableArrayData::new(vec![&data], false, data.len());
        copy.try_extend(0, 0, data.len())?;
        Ok(make_array(copy.freeze()))
    };
    RecordBatch::try_new(batch.schema(), batch.columns().iter().map(copy).collect::<Result<_, ArrowError>>()?)
}

/// Reads a file by an offset of its own, so that several readers don't disturb each other.
struct FromStart<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use appraise_schema::{ColumnSpec, ColumnType, KeyType, TableContract};
    use arrow::array::{ArrayRef, Date32Array, Decimal64Array, Int64Array, StringArray};

    use super::*;

    fn batch(first: i64) -> RecordBatch {
        let columns = vec![
            ColumnSpec::as_of(),
            ColumnSpec::customer_id(KeyType::Integer),
            ColumnSpec::nullable("money", ColumnType::customer_money(2), "GBP", "money"),
            ColumnSpec::nullable("text", ColumnType::String, "", "text"),
        ];
        let contract = TableContract::new("t", "", columns).unwrap();
        let keys: Vec<i64> = (first..first + 100).collect();
        let money: Decimal64Array = keys.iter().map(|key| (key % 7 != 0).then_some(key * 3)).collect();
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Date32Array::from(vec![7; keys.len()])),
            Arc::new(Int64Array::from(keys.clone())),
            Arc::new(money.with_precision_and_scale(18, 2).unwrap()),
            Arc::new(keys.iter().map(|key| (key % 2 == 0).then(|| format!("text {key}"))).collect::<StringArray>()),
        ];
        RecordBatch::try_new(contract.arrow(), arrays).unwrap()
    }

    #[test]
    fn rows_come_back_as_they_were_from_memory_and_from_disk() {
        let folder = tempfile::tempdir().unwrap();
        let batches: Vec<RecordBatch> = (0..10).map(|number| batch(number * 100)).collect();
        let bytes = batches[0].get_array_memory_size() as u64;
        for (memory_bytes, spills) in [(0, true), (bytes * 3, true), (bytes * 20, false)] {
            let mut writer = BatchStoreWriter::new(batches[0].schema(), memory_bytes, folder.path());
            batches.iter().cloned().try_for_each(|batch| writer.push(batch)).unwrap();
            let store = writer.finish().unwrap();
            assert_eq!((store.rows(), store.spilled_bytes() > 0), (1000, spills));
            let twice: Vec<_> = store.batches().unwrap().zip(store.batches().unwrap()).collect();
            let narrow: Vec<_> = store.narrowed(|name| name == "money").unwrap().collect();
            assert_eq!(narrow[9].as_ref().unwrap(), &batches[9].project(&[2]).unwrap());
            assert_eq!((twice.len(), narrow.len()), (10, 10));
            for ((first, second), expected) in twice.into_iter().zip(&batches) {
                assert_eq!((&first.unwrap(), &second.unwrap()), (expected, expected));
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let mut writer = BatchStoreWriter::new(batch(0).schema(), 0, Path::new("/no/such/folder"));
        let error = writer.push(batch(0)).unwrap_err();
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
        assert_eq!(error.exit_code(), 9);
    }
}
