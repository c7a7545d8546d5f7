//! The quarantine table: rows that failed a check, with the reason.

use std::path::PathBuf;
use std::sync::Arc;

use appraise_schema::table::ContractError;
use appraise_schema::{AsOf, ColumnSpec, ColumnType, TableContract};
use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::error::ArrowError;
use serde::{Deserialize, Serialize};

/// Most rows kept; more fail the run.
pub const MAX_ROWS: usize = 5_000_000;
/// Values are cut to so many characters.
pub const MAX_VALUE_CHARACTERS: usize = 200;

/// A row that failed a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineRow {
    /// Position of its file among the inputs of the run.
    #[serde(skip)]
    pub file: u32,
    /// Its row in the file, from 0.
    pub row: u64,
    /// The first check that it failed, as a position in [`crate::ReadReport::reasons`].
    pub reason: u8,
    /// The value that failed, cut to [`MAX_VALUE_CHARACTERS`]; `None` when it was NULL.
    pub value: Option<String>,
}

/// Why rows are quarantined: the reason and the canonical column it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Name, such as `time_missing`.
    pub name: String,
    /// The canonical column, or `where`.
    pub column: String,
}

/// The contract of the quarantine table.
///
/// # Errors
/// Never, as long as the names of its columns stay portable.
pub fn contract() -> Result<TableContract, ContractError> {
    let text = ColumnType::String;
    TableContract::new(
        "quarantine",
        "one row of the input that failed a check",
        vec![
            ColumnSpec::as_of(),
            ColumnSpec::required("source", text, "", "the source the row came from"),
            ColumnSpec::required("file_path", text, "", "the file, as the pipeline's path matched it"),
            ColumnSpec::required("row_number", ColumnType::Int64, "", "the row within the file, counted from 0"),
            ColumnSpec::required("reason", text, "", "the first check that the row failed"),
            ColumnSpec::required("column_name", text, "", "the canonical column that failed"),
            ColumnSpec::nullable(
                "value",
                text,
                "",
                "the value that failed, at most 200 characters; NULL if it was NULL",
            ),
        ],
    )
}

/// Rows as a batch of the quarantine table. `files` and `reasons` are those of the run's report.
///
/// # Errors
/// When a row names a file or reason that is not there.
pub fn to_batch(
    as_of: AsOf,
    source: &str,
    files: &[PathBuf],
    reasons: &[Reason],
    rows: &[QuarantineRow],
) -> Result<RecordBatch, ArrowError> {
    let contract = contract().map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
    let unknown = || ArrowError::InvalidArgumentError("a quarantined row of an unknown file or reason".to_owned());
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let file_of = |row: &QuarantineRow| names.get(row.file as usize).map(String::as_str).ok_or_else(unknown);
    let reason_of = |row: &QuarantineRow| reasons.get(usize::from(row.reason)).ok_or_else(unknown);
    let row_numbers = rows.iter().map(|row| i64::try_from(row.row).map_err(|_| unknown()));
    let reasons = rows.iter().map(reason_of).collect::<Result<Vec<_>, _>>()?;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(vec![as_of.day(); rows.len()])),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|_| source))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(file_of).collect::<Result<Vec<_>, _>>()?)),
        Arc::new(Int64Array::from(row_numbers.collect::<Result<Vec<_>, _>>()?)),
        Arc::new(StringArray::from_iter_values(reasons.iter().map(|reason| &reason.name))),
        Arc::new(StringArray::from_iter_values(reasons.iter().map(|reason| &reason.column))),
        Arc::new(rows.iter().map(|row| row.value.as_deref()).collect::<StringArray>()),
    ];
    RecordBatch::try_new(contract.arrow(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_a_batch_of_the_contract() {
        let rows = [QuarantineRow { file: 0, row: 7, reason: 0, value: None }];
        let reasons = [Reason { name: "time_missing".to_owned(), column: "time".to_owned() }];
        let as_of = "2024-12-31".parse().unwrap();
        let files = [PathBuf::from("/d/a.parquet")];
        let batch = to_batch(as_of, "transactions", &files, &reasons, &rows).unwrap();
        assert_eq!(batch.num_rows(), 1);
        assert!(to_batch(as_of, "transactions", &[], &reasons, &rows).is_err());
    }
}
