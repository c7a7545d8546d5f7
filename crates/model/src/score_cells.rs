//! Every cell of recency, frequency and monetary scores as a small table: a rule that reads nothing but scores is
//! evaluated once per cell instead of once per customer.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Field, Int32Type, Schema};

use crate::error::ModelError;

/// The columns of the table.
const SCORES: [&str; 3] = ["r_score", "f_score", "m_score"];

/// Scores are 1 to 10; 0 stands for NULL.
const LEVELS: usize = 11;

/// Whether `columns` are scores, and at least one.
pub(crate) fn only_scores<'a>(mut columns: impl Iterator<Item = &'a String>) -> bool {
    let is_score = |column: &String| SCORES.contains(&column.as_str());
    columns.next().is_some_and(is_score) && columns.all(is_score)
}

/// The table of all cells, NULL scores included.
pub(crate) fn table() -> Result<RecordBatch, ModelError> {
    let levels = || (0..=10_i32).map(|score| (score > 0).then_some(score));
    let cells: Vec<_> = levels().flat_map(|r| levels().flat_map(move |f| levels().map(move |m| [r, f, m]))).collect();
    let column = |index: usize| -> ArrayRef { Arc::new(cells.iter().map(|cell| cell[index]).collect::<Int32Array>()) };
    let fields: Vec<Field> = SCORES.iter().map(|name| Field::new(*name, DataType::Int32, true)).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), (0..SCORES.len()).map(column).collect())?)
}

/// The row of the table that each customer of `batch` belongs to; `None` without scores.
pub(crate) fn rows_of(batch: &RecordBatch) -> Option<Vec<usize>> {
    let scores = |name| batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int32Type>());
    let [r, f, m] = [scores(SCORES[0])?, scores(SCORES[1])?, scores(SCORES[2])?];
    let level = |scores: &Int32Array, row| {
        if scores.is_null(row) {
            Some(0)
        } else {
            usize::try_from(scores.value(row)).ok().filter(|level| *level < LEVELS)
        }
    };
    (0..batch.num_rows())
        .map(|row| Some((level(r, row)? * LEVELS + level(f, row)?) * LEVELS + level(m, row)?))
        .collect()
}

/// For each customer what `answers` says of the customer's cell.
pub(crate) fn spread(answers: &BooleanArray, cells: &[usize]) -> BooleanArray {
    BooleanArray::from(BooleanBuffer::collect_bool(cells.len(), |row| answers.value(cells[row])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_of_the_table_is_its_own_cell() {
        let table = table().unwrap();
        assert_eq!(table.num_rows(), LEVELS * LEVELS * LEVELS);
        assert_eq!(rows_of(&table), Some((0..table.num_rows()).collect()));
        assert_eq!(rows_of(&table.slice(700, 20)), Some((700..720).collect()));
        assert_eq!(rows_of(&table.project(&[0, 1]).unwrap()), None);
    }
}
