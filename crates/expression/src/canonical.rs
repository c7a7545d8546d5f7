//! Columns of a batch in the arrow types that expressions compute on.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Decimal128Array};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};

use crate::column::{Column, Outcome, collect_exact, collect_numbers};
use crate::exact::within_limit;
use crate::sql_type::SqlType;

const MILLIS_PER_DAY: i64 = 86_400_000;

/// `array`, which is of the SQL type `sql_type`, in that type's arrow type. A timestamp that does not fit
/// microseconds is a fault; nanoseconds are cut off downwards.
pub(crate) fn canonical(array: &ArrayRef, sql_type: SqlType) -> Result<Column, String> {
    let wanted = sql_type.arrow();
    match array.data_type() {
        same if same == &wanted && sql_type.scale().is_none() => Ok(Column::sound(array.clone())),
        DataType::Timestamp(unit, zone) => timestamps(array, *unit, zone.is_some()),
        DataType::Int64 => Ok(whole_numbers::<Int64Type>(array)),
        DataType::Int32 => Ok(whole_numbers::<Int32Type>(array)),
        DataType::Date64 => Ok(dates(array)),
        DataType::Decimal128(_, scale) => {
            let values: &Decimal128Array = array.as_primitive();
            collect_exact(values.len(), scale.unsigned_abs(), |row| {
                if values.is_null(row) { Outcome::Null } else { Outcome::or_fault(within_limit(values.value(row))) }
            })
        }
        _ => cast(array, &wanted).map(Column::sound).map_err(|error| error.to_string()),
    }
}

fn whole_numbers<T: ArrowPrimitiveType<Native: Into<i128>>>(array: &ArrayRef) -> Column {
    let values: Decimal128Array = array.as_primitive::<T>().unary(Into::into);
    Column::sound(Arc::new(values.with_data_type(SqlType::Integer.arrow())))
}

/// The doubles nearest to a column of 32- or 64-bit integers, without the way through exact numbers.
pub(crate) fn integers_as_doubles(array: &ArrayRef) -> Option<Result<Column, String>> {
    matches!(array.data_type(), DataType::Int32 | DataType::Int64)
        .then(|| cast(array, &DataType::Float64).map(Column::sound).map_err(|error| error.to_string()))
}

fn timestamps(array: &ArrayRef, unit: TimeUnit, utc: bool) -> Result<Column, String> {
    let rows = array.len();
    let at = |row: usize, value: i64| match unit {
        _ if array.is_null(row) => Outcome::Null,
        TimeUnit::Second => Outcome::or_fault(value.checked_mul(1_000_000)),
        TimeUnit::Millisecond => Outcome::or_fault(value.checked_mul(1_000)),
        TimeUnit::Microsecond => Outcome::Value(value),
        TimeUnit::Nanosecond => Outcome::Value(value.div_euclid(1_000)),
    };
    let stored: &[i64] = match unit {
        TimeUnit::Second => array.as_primitive_opt::<TimestampSecondType>().map(|a| &a.values()[..]),
        TimeUnit::Millisecond => array.as_primitive_opt::<TimestampMillisecondType>().map(|a| &a.values()[..]),
        TimeUnit::Microsecond => array.as_primitive_opt::<TimestampMicrosecondType>().map(|a| &a.values()[..]),
        TimeUnit::Nanosecond => array.as_primitive_opt::<TimestampNanosecondType>().map(|a| &a.values()[..]),
    }
    .ok_or("a timestamp was expected")?;
    let (values, faults) = collect_numbers::<TimestampMicrosecondType>(rows, |row| at(row, stored[row]));
    let values = values.with_timezone_opt(utc.then_some("UTC"));
    Ok(Column { values: Arc::new(values), faults })
}

fn dates(array: &ArrayRef) -> Column {
    let stored = array.as_primitive::<Date64Type>();
    let (values, faults) = collect_numbers::<Date32Type>(array.len(), |row| {
        if stored.is_null(row) {
            return Outcome::Null;
        }
        Outcome::or_fault(i32::try_from(stored.value(row).div_euclid(MILLIS_PER_DAY)).ok())
    });
    Column { values: Arc::new(values), faults }
}
