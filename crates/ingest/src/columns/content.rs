//! The content of a row: one digest over its mapped values, but not its identity and when it was delivered. What is not
//! yet known on the run's date counts as NULL.
//!
//! The digest is a chain of xxh3-64: each column's canonical bytes are hashed with the digest so far as seed.
//! Canonical bytes do not depend on how a file stores a value: numbers lose trailing zeros, times count
//! nanoseconds, ids and text are as their identity takes them.

use arrow::array::{ArrayRef, AsArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Date64Type, Decimal128Type, Float64Type, Int64Type};
use arrow::error::ArrowError;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::amount::Amounts;
use super::id::{IdValues, Ids};
use super::time::ticks;

const DAY_NANOS: i128 = 86_400_000_000_000;

/// Digests of the chosen rows of a batch, column by column.
#[derive(Debug)]
pub(crate) struct Contents<'a> {
    rows: &'a [u32],
    digests: Vec<u64>,
}

impl<'a> Contents<'a> {
    /// Digests of `rows`, still without a column.
    pub(crate) fn new(rows: &'a [u32]) -> Self {
        Self { rows, digests: vec![0; rows.len()] }
    }

    /// The digests, in the order of the rows.
    pub(crate) fn finish(self) -> Vec<u64> {
        self.digests
    }

    fn chain<B: AsRef<[u8]>>(&mut self, bytes_of: impl Fn(usize) -> Option<B>) {
        for (digest, &row) in self.digests.iter_mut().zip(self.rows) {
            *digest = match bytes_of(row as usize) {
                Some(bytes) => xxh3_64_with_seed(bytes.as_ref(), *digest),
                None => xxh3_64_with_seed(&[], !*digest),
            };
        }
    }

    /// Adds a column of ids.
    pub(crate) fn ids(&mut self, ids: &Ids) {
        let valid = |row| ids.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        match &ids.values {
            IdValues::Integer(values) => self.chain(|row| valid(row).then(|| values[row].to_le_bytes())),
            IdValues::Text(values) => self.chain(|row| valid(row).then(|| values.value(row))),
        }
    }

    /// Adds a column of amounts.
    pub(crate) fn amounts(&mut self, amounts: &Amounts) {
        self.chain(|row| amounts.get(row).map(i64::to_le_bytes));
    }

    /// Adds a column of flags.
    pub(crate) fn flags(&mut self, set: &BooleanBuffer, nulls: Option<&NullBuffer>) {
        let valid = |row| nulls.is_none_or(|nulls| nulls.is_valid(row));
        self.chain(|row| valid(row).then(|| [u8::from(set.value(row))]));
    }

    /// Adds a column of times or other numbers.
    pub(crate) fn values(&mut self, array: &ArrayRef, nulls: Option<&NullBuffer>) -> Result<(), ArrowError> {
        let valid = |row| nulls.is_none_or(|nulls| nulls.is_valid(row));
        match array.data_type() {
            DataType::Float32 | DataType::Float64 => {
                let values = cast(array, &DataType::Float64)?;
                let values = values.as_primitive::<Float64Type>();
                // Zero has two signs, one value.
                self.chain(|row| valid(row).then(|| (values.value(row) + 0.0).to_le_bytes()));
            }
            DataType::Date32 => {
                let values = array.as_primitive::<Date32Type>();
                self.chain(|row| valid(row).then(|| (i128::from(values.value(row)) * DAY_NANOS).to_le_bytes()));
            }
            DataType::Date64 => {
                let values = array.as_primitive::<Date64Type>();
                self.chain(|row| valid(row).then(|| (i128::from(values.value(row)) * 1_000_000).to_le_bytes()));
            }
            DataType::Timestamp(unit, _) => {
                use arrow::datatypes::TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
                let nanos: i128 = match unit {
                    Second => 1_000_000_000,
                    Millisecond => 1_000_000,
                    Microsecond => 1_000,
                    Nanosecond => 1,
                };
                let values = ticks(array, *unit);
                self.chain(|row| valid(row).then(|| (i128::from(values[row]) * nanos).to_le_bytes()));
            }
            _ => self.exact_numbers(array, valid)?,
        }
        Ok(())
    }

    fn exact_numbers(&mut self, array: &ArrayRef, valid: impl Fn(usize) -> bool) -> Result<(), ArrowError> {
        let (array, scale) = match array.data_type() {
            DataType::Decimal128(_, scale) => (array.clone(), *scale),
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => {
                (cast(array, &DataType::Decimal128(38, *scale))?, *scale)
            }
            DataType::Decimal256(_, scale) => (cast(array, &DataType::Decimal128(38, *scale))?, *scale),
            DataType::UInt64 => (cast(array, &DataType::Decimal128(38, 0))?, 0),
            _ => {
                let values = cast(array, &DataType::Int64)?;
                let values = values.as_primitive::<Int64Type>();
                self.chain(|row| valid(row).then(|| number_bytes(i128::from(values.value(row)), 0)));
                return Ok(());
            }
        };
        let values = array.as_primitive::<Decimal128Type>();
        self.chain(|row| valid(row).then(|| number_bytes(values.value(row), scale)));
        Ok(())
    }
}

/// `value · 10^−scale` as bytes that equal numbers share.
fn number_bytes(mut value: i128, mut scale: i8) -> [u8; 17] {
    while value != 0 && value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    let mut bytes = [0; 17];
    bytes[..16].copy_from_slice(&value.to_le_bytes());
    bytes[16] = if value == 0 { 0 } else { scale.to_le_bytes()[0] };
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::nulls_of;
    use arrow::array::{Array, Decimal128Array, Int32Array, TimestampMillisecondArray, TimestampSecondArray};
    use std::sync::Arc;

    fn digest<A: Array + 'static>(array: A) -> Vec<u64> {
        let array: ArrayRef = Arc::new(array);
        let rows: Vec<u32> = (0..u32::try_from(array.len()).unwrap()).collect();
        let mut contents = Contents::new(&rows);
        contents.values(&array, nulls_of(array.as_ref()).as_ref()).unwrap();
        contents.finish()
    }

    #[test]
    fn the_same_value_has_the_same_content_however_it_is_stored() {
        let decimals = Decimal128Array::from(vec![1200, 0, 1250]).with_precision_and_scale(10, 2).unwrap();
        let (left, right) = (digest(Int32Array::from(vec![12, 0, 12])), digest(decimals));
        assert_eq!(left[..2], right[..2]);
        assert_ne!(left[2], right[2]);
        let seconds = digest(TimestampSecondArray::from(vec![5]));
        assert_eq!(seconds, digest(TimestampMillisecondArray::from(vec![5000])));
    }

    #[test]
    fn null_is_not_zero_and_the_order_of_columns_counts() {
        let (zero, one) = (Int32Array::from(vec![Some(0), None]), Int32Array::from(vec![1, 1]));
        let digests = digest(zero.clone());
        assert_ne!(digests[0], digests[1]);
        let both = |columns: [&Int32Array; 2]| {
            let mut contents = Contents::new(&[0]);
            for column in columns {
                contents.values(&(Arc::new(column.clone()) as ArrayRef), column.nulls()).unwrap();
            }
            contents.finish()
        };
        assert_ne!(both([&zero, &one]), both([&one, &zero]));
    }
}
