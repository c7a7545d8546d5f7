//! Ids: customer keys, ids of orders, lots and rows, and other text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Int8Type, Int16Type,
    Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;

use super::{Values, has, nulls_of};

/// Ids in one of the two shapes that keys have.
#[derive(Debug, Clone)]
pub(crate) enum IdValues {
    Integer(ScalarBuffer<i64>),
    Text(StringViewArray),
}

/// A column of ids.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    pub(crate) values: IdValues,
    pub(crate) nulls: Option<NullBuffer>,
    /// Rows whose id could not be computed or does not fit 64 bits.
    pub(crate) faults: Option<BooleanBuffer>,
}

/// Whether ids of this type are integers (`Some(true)`) or text; `None` when it can't be an id.
pub(crate) fn is_integer(data_type: &DataType) -> Option<bool> {
    match data_type {
        DataType::Decimal32(_, 0)
        | DataType::Decimal64(_, 0)
        | DataType::Decimal128(_, 0)
        | DataType::Decimal256(_, 0) => Some(true),
        other if other.is_integer() => Some(true),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(false),
        DataType::Dictionary(_, values) => is_integer(values).filter(|integer| !integer),
        _ => None,
    }
}

impl Ids {
    /// Brings `values` into canonical shape.
    pub(crate) fn new(values: &Values) -> Result<Self, ArrowError> {
        let array = &values.array;
        let nulls = nulls_of(array.as_ref());
        let (shaped, unfit) = match array.data_type() {
            DataType::Int64 => (IdValues::Integer(array.as_primitive::<Int64Type>().values().clone()), None),
            DataType::Int8 => widen::<Int8Type>(array),
            DataType::Int16 => widen::<Int16Type>(array),
            DataType::Int32 => widen::<Int32Type>(array),
            DataType::UInt8 => widen::<UInt8Type>(array),
            DataType::UInt16 => widen::<UInt16Type>(array),
            DataType::UInt32 => widen::<UInt32Type>(array),
            DataType::UInt64 => narrow::<UInt64Type>(array, nulls.as_ref(), |value| i64::try_from(value).ok()),
            DataType::Decimal32(_, _) => widen::<Decimal32Type>(array),
            DataType::Decimal64(_, _) => widen::<Decimal64Type>(array),
            DataType::Decimal128(_, _) => {
                narrow::<Decimal128Type>(array, nulls.as_ref(), |value| i64::try_from(value).ok())
            }
            DataType::Decimal256(_, _) => narrow::<Decimal256Type>(array, nulls.as_ref(), |value| {
                value.to_i128().and_then(|value| i64::try_from(value).ok())
            }),
            _ => (IdValues::Text(text(array)?), None),
        };
        let faults = match (values.faults.clone(), unfit) {
            (Some(left), Some(right)) => Some(&left | &right),
            (left, right) => left.or(right),
        };
        Ok(Self { values: shaped, nulls, faults })
    }

    /// Whether `row` has an id that can be read.
    #[inline]
    pub(crate) fn has(&self, row: usize) -> bool {
        has(self.nulls.as_ref(), self.faults.as_ref(), row)
    }
}

/// A text column as views; dictionaries are spread.
pub(crate) fn text(array: &ArrayRef) -> Result<StringViewArray, ArrowError> {
    let views = match array.data_type() {
        DataType::Utf8View => Arc::clone(array),
        _ => cast(array, &DataType::Utf8View)?,
    };
    Ok(views.as_string_view().clone())
}

fn widen<T>(array: &ArrayRef) -> (IdValues, Option<BooleanBuffer>)
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    let values = array.as_primitive::<T>().values().iter().map(|&value| value.into()).collect();
    (IdValues::Integer(values), None)
}

fn narrow<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    nulls: Option<&NullBuffer>,
    convert: impl Fn(T::Native) -> Option<i64>,
) -> (IdValues, Option<BooleanBuffer>) {
    let natives = array.as_primitive::<T>().values();
    let mut unfit = false;
    let values = natives
        .iter()
        .map(|&value| {
            let converted = convert(value);
            unfit |= converted.is_none();
            converted.unwrap_or(0)
        })
        .collect();
    let faults = unfit.then(|| {
        let valid = |row| nulls.is_none_or(|nulls| nulls.is_valid(row));
        BooleanBuffer::collect_bool(natives.len(), |row| valid(row) && convert(natives[row]).is_none())
    });
    (IdValues::Integer(values), faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{DictionaryArray, Int32Array, UInt64Array};

    #[test]
    fn all_integer_widths_unify_and_what_does_not_fit_is_a_fault() {
        let array: ArrayRef = Arc::new(UInt64Array::from(vec![Some(7), None, Some(u64::MAX)]));
        let ids = Ids::new(&Values { array, faults: None }).unwrap();
        let IdValues::Integer(values) = ids.values else { panic!("text") };
        assert_eq!(values[0], 7);
        assert!(ids.nulls.unwrap().is_null(1));
        assert_eq!(ids.faults.unwrap().iter().collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn a_dictionary_is_text_with_the_nulls_of_its_values() {
        let values: ArrayRef = Arc::new(arrow::array::StringArray::from(vec![Some("a"), None]));
        let keys = Int32Array::from(vec![Some(0), Some(1), None]);
        let array: ArrayRef = Arc::new(DictionaryArray::try_new(keys, values).unwrap());
        assert_eq!(is_integer(array.data_type()), Some(false));
        let ids = Ids::new(&Values { array, faults: None }).unwrap();
        assert_eq!(ids.nulls.unwrap().null_count(), 2);
    }
}
