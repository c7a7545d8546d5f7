//! Two tables of customers side by side. Both stand in the order of the hash of their keys, then of the keys, so one pass over
//! each is enough, whatever their size.

use std::cmp::Ordering;
use std::rc::Rc;

use appraise_schema::hash;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};

use crate::error::RunError;

/// The column of the key in every table of customers.
const KEY: usize = 1;

/// A row of a table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The batch that it is in.
    pub(crate) batch: Rc<RecordBatch>,
    /// Its number within the batch.
    pub(crate) at: usize,
    /// Its number within the table.
    pub(crate) number: u32,
}

/// A customer of one table or of both.
#[derive(Debug, Clone)]
pub(crate) struct Met {
    /// In the earlier table.
    pub(crate) base: Option<Row>,
    /// In the later table.
    pub(crate) new: Option<Row>,
}

/// All customers of two tables, in the order of both.
pub(crate) struct KeyMerge<B, N> {
    base: Cursor<B>,
    new: Cursor<N>,
}

impl<B, N> KeyMerge<B, N>
where
    B: Iterator<Item = Result<RecordBatch, RunError>>,
    N: Iterator<Item = Result<RecordBatch, RunError>>,
{
    /// Merges tables that have one type of keys in their second column.
    pub(crate) fn new(base: B, new: N) -> Self {
        Self { base: Cursor::new(base), new: Cursor::new(new) }
    }

    fn advance(&mut self) -> Result<Option<Met>, RunError> {
        self.base.fill()?;
        self.new.fill()?;
        let order = match (self.base.row(), self.new.row()) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(base), Some(new)) => compare((base, self.base.hash), (new, self.new.hash)),
        };
        let base = if order == Ordering::Greater { None } else { self.base.take() };
        let new = if order == Ordering::Less { None } else { self.new.take() };
        Ok(Some(Met { base, new }))
    }
}

impl<B, N> Iterator for KeyMerge<B, N>
where
    B: Iterator<Item = Result<RecordBatch, RunError>>,
    N: Iterator<Item = Result<RecordBatch, RunError>>,
{
    type Item = Result<Met, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// The order of two rows: by hash, then by key.
fn compare((a, hash_a): (&Row, u64), (b, hash_b): (&Row, u64)) -> Ordering {
    let keys = |row: &Row| Rc::clone(&row.batch).column(KEY).slice(row.at, 1);
    hash_a.cmp(&hash_b).then_with(|| {
        let (a, b) = (keys(a), keys(b));
        match (a.as_primitive_opt::<Int64Type>(), b.as_primitive_opt::<Int64Type>()) {
            (Some(a), Some(b)) => a.value(0).cmp(&b.value(0)),
            _ => match (a.as_string_opt::<i32>(), b.as_string_opt::<i32>()) {
                (Some(a), Some(b)) => a.value(0).as_bytes().cmp(b.value(0).as_bytes()),
                _ => Ordering::Equal,
            },
        }
    })
}

/// The next row of a table.
struct Cursor<I> {
    batches: I,
    next: Option<Row>,
    hash: u64,
    /// Rows before the next batch.
    rows: u32,
}

impl<I: Iterator<Item = Result<RecordBatch, RunError>>> Cursor<I> {
    fn new(batches: I) -> Self {
        Self { batches, next: None, hash: 0, rows: 0 }
    }

    fn row(&self) -> Option<&Row> {
        self.next.as_ref()
    }

    /// Reads on until there is a row, or no batch is left.
    fn fill(&mut self) -> Result<(), RunError> {
        while self.next.is_none() {
            let Some(batch) = self.batches.next().transpose()? else { return Ok(()) };
            if batch.num_rows() > 0 {
                let number = self.rows;
                self.rows += u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
                self.set(Row { batch: Rc::new(batch), at: 0, number });
            }
        }
        Ok(())
    }

    fn set(&mut self, row: Row) {
        self.hash = hash_of(&row);
        self.next = Some(row);
    }

    /// The row, and on to the next one of its batch.
    fn take(&mut self) -> Option<Row> {
        let taken = self.next.take()?;
        if taken.at + 1 < taken.batch.num_rows() {
            self.set(Row { batch: Rc::clone(&taken.batch), at: taken.at + 1, number: taken.number + 1 });
        }
        Some(taken)
    }
}

fn hash_of(row: &Row) -> u64 {
    let keys = row.batch.column(KEY);
    match keys.data_type() {
        DataType::Int64 => hash::of_integer(keys.as_primitive::<Int64Type>().value(row.at)),
        DataType::Utf8 => hash::of_text(keys.as_string::<i32>().value(row.at).as_bytes()),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use appraise_schema::{ColumnSpec, KeyType, TableContract};
    use arrow::array::{ArrayRef, Date32Array, Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    /// Tables of `keys` in the order in which they are published, cut into batches of `cut` rows.
    fn table(keys: &BTreeSet<u16>, text: bool, cut: usize) -> Vec<Result<RecordBatch, RunError>> {
        let key_type = if text { KeyType::Text } else { KeyType::Integer };
        let columns = vec![ColumnSpec::as_of(), ColumnSpec::customer_id(key_type)];
        let schema = TableContract::new("t", "", columns).unwrap().arrow();
        let mut keys: Vec<u16> = keys.iter().copied().collect();
        let hash = |key: &u16| {
            if text { hash::of_text(key.to_string().as_bytes()) } else { hash::of_integer(i64::from(*key)) }
        };
        keys.sort_by_key(hash);
        let batch = |keys: &[u16]| {
            let days: ArrayRef = Arc::new(Date32Array::from(vec![1; keys.len()]));
            let keys: ArrayRef = if text {
                Arc::new(keys.iter().map(|key| Some(key.to_string())).collect::<StringArray>())
            } else {
                Arc::new(keys.iter().map(|key| Some(i64::from(*key))).collect::<Int64Array>())
            };
            Ok(RecordBatch::try_new(Arc::clone(&schema), vec![days, keys]).unwrap())
        };
        std::iter::once(batch(&[])).chain(keys.chunks(cut).map(batch)).collect()
    }

    fn key(row: &Row) -> u16 {
        let column = row.batch.column(KEY);
        match column.as_string_opt::<i32>() {
            Some(texts) => texts.value(row.at).parse().unwrap(),
            None => column.as_primitive::<Int64Type>().value(row.at).try_into().unwrap(),
        }
    }

    proptest! {
        #[test]
        fn everybody_is_met_once_with_whom_they_were(
            base in prop::collection::btree_set(0_u16..60, 0..40), new in prop::collection::btree_set(0_u16..60, 0..40),
            text in any::<bool>(), cuts in (1_usize..9, 1_usize..9),
        ) {
            let merged = KeyMerge::new(table(&base, text, cuts.0).into_iter(), table(&new, text, cuts.1).into_iter());
            let met: Vec<Met> = merged.map(Result::unwrap).collect();
            let mut seen = BTreeSet::new();
            let mut counted = (0, 0);
            for Met { base: in_base, new: in_new } in &met {
                let keys: BTreeSet<u16> = in_base.iter().chain(in_new).map(key).collect();
                prop_assert_eq!(keys.len(), 1);
                let key = *keys.first().unwrap();
                prop_assert!(seen.insert(key));
                prop_assert_eq!((in_base.is_some(), in_new.is_some()), (base.contains(&key), new.contains(&key)));
                for (row, count) in [(in_base, &mut counted.0), (in_new, &mut counted.1)] {
                    if let Some(row) = row {
                        prop_assert_eq!(row.number, *count);
                        *count += 1;
                    }
                }
            }
            prop_assert_eq!(seen, base.union(&new).copied().collect::<BTreeSet<_>>());
        }
    }
}
