//! Copies of columns between arrow and polars, which share no types. Safe code: every value is copied.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, StringArray};
use arrow::datatypes::{Date32Type, Decimal128Type, Float64Type, TimestampMicrosecondType};
use polars::prelude::{
    BooleanChunked, DataType, Float64Chunked, Int32Chunked, Int64Chunked, IntoSeries, NamedFrom, NewChunkedArray,
    PlSmallStr, Series, StringChunked, TimeUnit,
};

use crate::sql_type::{MAX_PRECISION, SqlType};

/// A polars column of `array`, which is in the arrow type of `sql_type`. Integers become 64 bits, the nearest
/// where they do not fit: the engine only counts characters with them. Instants lose their zone.
pub(crate) fn to_polars(name: &str, array: &ArrayRef, sql_type: SqlType) -> Result<Series, String> {
    let wrong = || format!("a column of {sql_type} cannot be given to the engine");
    let label = PlSmallStr::from_str(name);
    let series = match sql_type {
        SqlType::Boolean => {
            let values = array.as_boolean_opt().ok_or_else(wrong)?;
            BooleanChunked::from_iter_options(label, values.iter()).into_series()
        }
        SqlType::Double => {
            let values = array.as_primitive_opt::<Float64Type>().ok_or_else(wrong)?;
            if values.null_count() == 0 {
                Series::new(label, &values.values()[..])
            } else {
                Float64Chunked::from_iter_options(label, values.iter()).into_series()
            }
        }
        SqlType::Text => {
            let values = array.as_string_opt::<i32>().ok_or_else(wrong)?;
            StringChunked::from_iter_options(label, values.iter()).into_series()
        }
        SqlType::Date => {
            let values = array.as_primitive_opt::<Date32Type>().ok_or_else(wrong)?;
            Int32Chunked::from_iter_options(label, values.iter()).into_date().into_series()
        }
        SqlType::Timestamp { .. } => {
            let values = array.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(wrong)?;
            Int64Chunked::from_iter_options(label, values.iter())
                .into_datetime(TimeUnit::Microseconds, None)
                .into_series()
        }
        SqlType::Integer => {
            let values = array.as_primitive_opt::<Decimal128Type>().ok_or_else(wrong)?;
            Int64Chunked::from_iter_options(label, values.iter().map(|value| value.map(nearest_i64))).into_series()
        }
        SqlType::Decimal { .. } => return Err(wrong()),
    };
    Ok(series)
}

/// The 64-bit integer nearest to `value`.
pub(crate) fn nearest_i64(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// The arrow array of a result of the engine, in the arrow type of `sql_type`.
pub(crate) fn to_arrow(series: &Series, sql_type: SqlType) -> Result<ArrayRef, String> {
    let failed = |error: polars::error::PolarsError| error.to_string();
    Ok(match sql_type {
        SqlType::Boolean => Arc::new(series.bool().map_err(failed)?.iter().collect::<BooleanArray>()),
        SqlType::Double => {
            let values = series.f64().map_err(failed)?;
            Arc::new(match values.cont_slice() {
                Ok(values) => Float64Array::from(values.to_vec()),
                Err(_) => values.iter().collect(),
            })
        }
        SqlType::Text => Arc::new(series.str().map_err(failed)?.iter().collect::<StringArray>()),
        SqlType::Integer => {
            let whole = series.cast(&DataType::Int64).map_err(failed)?;
            let values = whole.i64().map_err(failed)?.iter().map(|value| value.map(i128::from));
            let values = values.collect::<Decimal128Array>().with_precision_and_scale(MAX_PRECISION, 0);
            Arc::new(values.map_err(|error| error.to_string())?)
        }
        SqlType::Decimal { .. } | SqlType::Date | SqlType::Timestamp { .. } => {
            return Err(format!("the engine does not compute {sql_type}"));
        }
    })
}
