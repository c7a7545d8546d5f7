//! Numbers: from integers, decimals and floats to the nearest doubles.

use arrow::array::{ArrayRef, AsArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float64Type};
use arrow::error::ArrowError;

use super::{Values, nulls_of};

/// Whole numbers up to this one are doubles.
const EXACT: u128 = 1 << 53;
/// Powers of ten up to this one are doubles.
const EXACT_PLACES: u32 = 22;

/// A column of doubles.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    /// Meaningless where NULL or not computed.
    pub(crate) values: Vec<f64>,
    pub(crate) nulls: Option<NullBuffer>,
    /// Rows whose number could not be computed.
    pub(crate) faults: Option<BooleanBuffer>,
}

impl Numbers {
    /// Brings `values` into canonical shape.
    pub(crate) fn new(values: &Values) -> Result<Self, ArrowError> {
        let array = &values.array;
        let doubles = match array.data_type() {
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
                decimals(array, *scale)?
            }
            DataType::Decimal256(_, scale) => {
                let wide = array.as_primitive::<Decimal256Type>().values().iter();
                wide.map(|value| parsed(&value.to_string(), *scale)).collect()
            }
            // Casts of integers and floats give the nearest double.
            _ => cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().values().to_vec(),
        };
        Ok(Self { values: doubles, nulls: nulls_of(array.as_ref()), faults: values.faults.clone() })
    }
}

fn decimals(array: &ArrayRef, scale: i8) -> Result<Vec<f64>, ArrowError> {
    let wide = cast(array, &DataType::Decimal128(38, scale))?;
    let divisor = u32::try_from(scale)
        .ok()
        .filter(|places| *places <= EXACT_PLACES)
        .map(|places| 10_f64.powi(places.cast_signed()));
    let double = |&value: &i128| match divisor {
        // Both are doubles, so the quotient is rounded once.
        Some(divisor) if value.unsigned_abs() <= EXACT => value as f64 / divisor,
        _ => parsed(&value.to_string(), scale),
    };
    Ok(wide.as_primitive::<Decimal128Type>().values().iter().map(double).collect())
}

/// The double nearest to `digits · 10^−scale`.
fn parsed(digits: &str, scale: i8) -> f64 {
    format!("{digits}e{}", -i32::from(scale)).parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Decimal128Array, Int64Array};
    use std::sync::Arc;

    fn doubles(array: ArrayRef) -> Vec<f64> {
        Numbers::new(&Values { array, faults: None }).unwrap().values
    }

    #[test]
    fn decimals_become_the_nearest_double() {
        let digits = [1_i128, 15, -333_333_333_333_333_333_333, 9_007_199_254_740_993, 10_i128.pow(37) + 1];
        for scale in [0_i8, 2, 23, 30] {
            let array = Decimal128Array::from(digits.to_vec()).with_precision_and_scale(38, scale).unwrap();
            let want = digits.map(|digits| format!("{digits}e-{scale}").parse::<f64>().unwrap());
            assert_eq!(doubles(Arc::new(array)), want, "{scale}");
        }
        assert_eq!(doubles(Arc::new(Int64Array::from(vec![9_007_199_254_740_993]))), [9_007_199_254_740_992.0]);
    }
}
