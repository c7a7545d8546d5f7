//! From arrow arrays of any accepted type to the few canonical shapes that rows are judged on.
//!
//! Every conversion is one tight loop per type over native slices; an array that already has the canonical
//! layout is shared, not copied.

pub(crate) mod amount;
pub(crate) mod content;
pub(crate) mod conversion;
pub(crate) mod id;
pub(crate) mod number;
pub(crate) mod symbol;
pub(crate) mod time;
pub(crate) mod zone;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};

/// The values of a source of a column on one batch, with the rows whose computation failed.
#[derive(Debug, Clone)]
pub(crate) struct Values {
    pub(crate) array: ArrayRef,
    pub(crate) faults: Option<BooleanBuffer>,
}

impl Values {
    pub(crate) fn new(array: ArrayRef, faults: Option<&BooleanArray>) -> Self {
        let faults = faults.map(|faults| faults.values().clone()).filter(|faults| faults.count_set_bits() > 0);
        Self { array, faults }
    }
}

/// The array's NULLs, only when there is one; counts the NULLs of a dictionary's values too.
pub(crate) fn nulls_of(array: &dyn Array) -> Option<NullBuffer> {
    array.logical_nulls().filter(|nulls| nulls.null_count() > 0)
}

/// Whether `row` is neither NULL nor marked as failed.
#[inline]
pub(crate) fn has(nulls: Option<&NullBuffer>, faults: Option<&BooleanBuffer>, row: usize) -> bool {
    nulls.is_none_or(|nulls| nulls.is_valid(row)) && !faults.is_some_and(|faults| faults.value(row))
}

/// `nulls` with those rows added that are `hidden`.
pub(crate) fn without(nulls: Option<&NullBuffer>, hidden: &BooleanBuffer) -> NullBuffer {
    let shown = !hidden;
    NullBuffer::new(nulls.map_or_else(|| shown.clone(), |nulls| nulls.inner() & &shown))
}

/// A flag for every row: NULL is false.
pub(crate) fn flags(array: &BooleanArray) -> BooleanBuffer {
    match array.nulls() {
        Some(nulls) => array.values() & nulls.inner(),
        None => array.values().clone(),
    }
}
