//! Rows of one source, column by column, as they wait to be folded.

use std::ops::Range;

use appraise_schema::Layout;
use appraise_schema::event::{EventBatch, EventColumn, KeyColumn, KeyType};

/// The customer keys of some rows.
#[derive(Debug)]
pub(crate) enum Keys {
    /// Integer keys.
    Integer(Vec<i64>),
    /// Text keys: key `i` ends at `ends[i]` of `bytes` and begins where the one before ends.
    Text { ends: Vec<usize>, bytes: Vec<u8> },
}

impl Keys {
    pub(crate) fn new(key_type: KeyType) -> Self {
        match key_type {
            KeyType::Integer => Self::Integer(Vec::new()),
            KeyType::Text => Self::Text { ends: Vec::new(), bytes: Vec::new() },
        }
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Integer(keys) => keys.len(),
            Self::Text { ends, .. } => ends.len(),
        }
    }

    /// Key `row` of text keys.
    pub(crate) fn text<'a>(ends: &[usize], bytes: &'a [u8], row: usize) -> &'a [u8] {
        &bytes[if row == 0 { 0 } else { ends[row - 1] }..ends[row]]
    }

    /// Key `row` as text, for messages.
    pub(crate) fn shown(&self, row: usize) -> String {
        match self {
            Self::Integer(keys) => keys[row].to_string(),
            Self::Text { ends, bytes } => String::from_utf8_lossy(Self::text(ends, bytes, row)).into_owned(),
        }
    }

    fn take(&mut self, keys: &KeyColumn, picked: &[u32]) {
        match (self, keys) {
            (Self::Integer(target), KeyColumn::Integer(keys)) => gather(target, keys, picked),
            (Self::Text { ends, bytes: target }, KeyColumn::Text { offsets, bytes }) => {
                for &row in picked {
                    let row = row as usize;
                    target.extend_from_slice(&bytes[offsets[row] as usize..offsets[row + 1] as usize]);
                    ends.push(target.len());
                }
            }
            _ => debug_assert!(false, "a run has one key type"),
        }
    }

    fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Integer(keys), Self::Integer(mut more)) => keys.append(&mut more),
            (Self::Text { ends, bytes }, Self::Text { ends: more_ends, bytes: mut more }) => {
                let base = bytes.len();
                ends.extend(more_ends.iter().map(|end| base + end));
                bytes.append(&mut more);
            }
            _ => debug_assert!(false, "a run has one key type"),
        }
    }

    fn append_range(&mut self, other: &Self, range: Range<usize>) {
        match (self, other) {
            (Self::Integer(keys), Self::Integer(more)) => keys.extend_from_slice(&more[range]),
            (Self::Text { ends, bytes }, Self::Text { ends: more_ends, bytes: more }) => {
                let first = if range.start == 0 { 0 } else { more_ends[range.start - 1] };
                let last = if range.end == 0 { 0 } else { more_ends[range.end - 1] };
                let base = bytes.len();
                ends.extend(more_ends[range].iter().map(|end| base + end - first));
                bytes.extend_from_slice(&more[first..last]);
            }
            _ => debug_assert!(false, "a run has one key type"),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Integer(keys) => size_of_val(keys.as_slice()),
            Self::Text { ends, bytes } => size_of_val(ends.as_slice()) + bytes.len(),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Integer(keys) => keys.clear(),
            Self::Text { ends, bytes } => {
                ends.clear();
                bytes.clear();
            }
        }
    }
}

/// Appends the values of the `picked` rows.
fn gather<T: Copy>(target: &mut Vec<T>, column: &[T], picked: &[u32]) {
    target.extend(picked.iter().map(|&row| column[row as usize]));
}

/// Runs `$body` on the vectors of two columns of one form.
macro_rules! both {
    ($left:expr, $right:expr, |$a:ident, $b:ident| $body:expr) => {
        match ($left, $right) {
            (EventColumn::I32($a), EventColumn::I32($b)) => $body,
            (EventColumn::I64($a), EventColumn::I64($b)) => $body,
            (EventColumn::F64($a), EventColumn::F64($b)) => $body,
            (EventColumn::U128($a), EventColumn::U128($b)) => $body,
            (EventColumn::U64($a), EventColumn::U64($b)) => $body,
            (EventColumn::U32($a), EventColumn::U32($b)) => $body,
            (EventColumn::U8($a), EventColumn::U8($b)) => $body,
            _ => debug_assert!(false, "a batch has the columns of its layout"),
        }
    };
}

/// Runs `$body` on the vector of a column.
macro_rules! each {
    ($column:expr, |$a:ident| $body:expr) => {
        match $column {
            EventColumn::I32($a) => $body,
            EventColumn::I64($a) => $body,
            EventColumn::F64($a) => $body,
            EventColumn::U128($a) => $body,
            EventColumn::U64($a) => $body,
            EventColumn::U32($a) => $body,
            EventColumn::U8($a) => $body,
        }
    };
}
pub(crate) use each;

/// Rows of one source.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) key: Keys,
    /// In the order of the source's layout.
    pub(crate) columns: Vec<EventColumn>,
}

impl Rows {
    pub(crate) fn new(key_type: KeyType, layout: &Layout) -> Self {
        let columns = layout.fields.iter().map(|field| EventColumn::new(field.form)).collect();
        Self { key: Keys::new(key_type), columns }
    }

    /// No rows, of the form of `other`.
    pub(crate) fn like(other: &Self) -> Self {
        let key = match &other.key {
            Keys::Integer(_) => Keys::new(KeyType::Integer),
            Keys::Text { .. } => Keys::new(KeyType::Text),
        };
        Self { key, columns: other.columns.iter().map(EventColumn::without_values).collect() }
    }

    /// The rows of a batch of lots, with whether each has a key as one more column.
    pub(crate) fn of_lots(batch: &EventBatch) -> Self {
        let key = match &batch.key {
            KeyColumn::Integer(keys) => Keys::Integer(keys.clone()),
            KeyColumn::Text { offsets, bytes } => {
                Keys::Text { ends: offsets.iter().skip(1).map(|&end| end as usize).collect(), bytes: bytes.clone() }
            }
        };
        let has_key = batch
            .has_key
            .as_ref()
            .map_or_else(|| vec![1; batch.len()], |flags| flags.iter().map(|&has| u8::from(has)).collect());
        let mut columns = batch.columns.clone();
        columns.push(EventColumn::U8(has_key));
        Self { key, columns }
    }

    /// Makes room for `rows` more rows.
    pub(crate) fn reserve(&mut self, rows: usize) {
        if let Keys::Integer(keys) = &mut self.key {
            keys.reserve(rows);
        }
        for column in &mut self.columns {
            each!(column, |values| values.reserve(rows));
        }
    }

    /// Appends the rows of `batch` that are numbered in `picked`.
    pub(crate) fn take(&mut self, batch: &EventBatch, picked: &[u32]) {
        self.key.take(&batch.key, picked);
        for (target, column) in self.columns.iter_mut().zip(&batch.columns) {
            both!(target, column, |target, column| gather(target, column, picked));
        }
    }

    /// Appends all rows of `other`.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.key.append(other.key);
        for (target, column) in self.columns.iter_mut().zip(&mut other.columns) {
            both!(target, column, |target, column| target.append(column));
        }
    }

    /// Appends the rows of `other` that stand in `range`.
    pub(crate) fn append_range(&mut self, other: &Self, range: Range<usize>) {
        self.key.append_range(&other.key, range.clone());
        for (target, column) in self.columns.iter_mut().zip(&other.columns) {
            both!(target, column, |target, column| target.extend_from_slice(&column[range.clone()]));
        }
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.key.len()
    }

    /// Bytes that the rows take.
    pub(crate) fn bytes(&self) -> usize {
        let columns = self.columns.iter().map(|column| each!(column, |values| size_of_val(values.as_slice())));
        self.key.bytes() + columns.sum::<usize>()
    }

    /// Gives back the room of rows that are not there.
    pub(crate) fn free(&mut self) {
        match &mut self.key {
            Keys::Integer(keys) => keys.shrink_to_fit(),
            Keys::Text { ends, bytes } => {
                ends.shrink_to_fit();
                bytes.shrink_to_fit();
            }
        }
        for column in &mut self.columns {
            each!(column, |values| values.shrink_to_fit());
        }
    }

    /// Removes all rows, keeping their room.
    pub(crate) fn clear(&mut self) {
        self.key.clear();
        for column in &mut self.columns {
            each!(column, |values| values.clear());
        }
    }
}

/// Bytes of a row of `layout` with an integer key.
pub(crate) fn row_bytes(layout: &Layout) -> usize {
    let bytes = |form| match EventColumn::new(form) {
        EventColumn::I32(_) | EventColumn::U32(_) => 4,
        EventColumn::I64(_) | EventColumn::F64(_) | EventColumn::U64(_) => 8,
        EventColumn::U128(_) => 16,
        EventColumn::U8(_) => 1,
    };
    8 + layout.fields.iter().map(|field| bytes(field.form)).sum::<usize>()
}
