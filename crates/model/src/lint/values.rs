//! Values of a column, of which rules can tell no others apart.

use std::sync::Arc;

use appraise_expression::Literal;
use appraise_schema::{ColumnSpec, ColumnType};
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal64Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    StringArray,
};

/// One value for each constant in `compared` and for each interval between them, and NULL where the column may be: a column
/// that is only compared with these can have no other answers. `None` when constants and column are of different kinds.
pub(super) fn representatives(column: &ColumnSpec, compared: &[Literal]) -> Option<ArrayRef> {
    let compared: Vec<&Literal> = compared.iter().filter(|literal| **literal != Literal::Null).collect();
    let null = column.nullable;
    Some(match column.column_type {
        ColumnType::Boolean => {
            let boolean = |literal: &&Literal| matches!(literal, Literal::Boolean(_));
            compared.iter().all(boolean).then_some(())?;
            Arc::new(with_null([true, false].into(), null).into_iter().collect::<BooleanArray>())
        }
        ColumnType::Int32 => {
            let values = integers(&compared, 0, i32::MIN.into(), i32::MAX.into())?;
            let values = values.into_iter().filter_map(|value| i32::try_from(value).ok()).collect();
            Arc::new(with_null(values, null).into_iter().collect::<Int32Array>())
        }
        ColumnType::Date => {
            let values = days(&compared)?;
            Arc::new(with_null(values, null).into_iter().collect::<Date32Array>())
        }
        ColumnType::Int64 => {
            // Of the published columns, a whole number that is always there and has a unit is a count.
            let is_count = !null && !column.unit.is_empty();
            let least = if is_count { 0 } else { i64::MIN.into() };
            let values = integers(&compared, 0, least, i64::MAX.into())?;
            let values = values.into_iter().filter_map(|value| i64::try_from(value).ok()).collect();
            Arc::new(with_null(values, null).into_iter().collect::<Int64Array>())
        }
        ColumnType::Decimal { precision, scale } => decimals(&compared, precision, scale, null)?,
        ColumnType::Float64 => Arc::new(with_null(doubles(&compared)?, null).into_iter().collect::<Float64Array>()),
        ColumnType::String => Arc::new(with_null(texts(&compared)?, null).into_iter().collect::<StringArray>()),
    })
}

fn with_null<T>(values: Vec<T>, null: bool) -> Vec<Option<T>> {
    null.then_some(None).into_iter().chain(values.into_iter().map(Some)).collect()
}

/// Whole numbers of units of 10^-`scale`: next to each constant on both sides, and itself where it is one.
fn integers(compared: &[&Literal], scale: u8, least: i128, most: i128) -> Option<Vec<i128>> {
    let mut values = vec![];
    for literal in compared {
        let floor = match literal {
            Literal::Exact { unscaled, scale: places } if *places <= scale => {
                unscaled.saturating_mul(10_i128.checked_pow(u32::from(scale - places))?)
            }
            Literal::Exact { unscaled, scale: places } => {
                unscaled.div_euclid(10_i128.checked_pow(u32::from(places - scale))?)
            }
            Literal::Double(double) => floor_of(double * libm::pow(10.0, f64::from(scale))),
            _ => return None,
        };
        values.extend([floor.saturating_sub(1), floor, floor.saturating_add(1)].map(|value| value.clamp(least, most)));
    }
    Some(sorted_or(values, 0))
}

#[expect(clippy::cast_possible_truncation, reason = "what does not fit is beyond every column, at the same end")]
fn floor_of(double: f64) -> i128 {
    double.floor() as i128
}

fn sorted_or<T: Ord>(mut values: Vec<T>, otherwise: T) -> Vec<T> {
    values.sort_unstable();
    values.dedup();
    if values.is_empty() { vec![otherwise] } else { values }
}

fn days(compared: &[&Literal]) -> Option<Vec<i32>> {
    let day = |literal: &&Literal| match literal {
        Literal::Date(day) => Some([day.saturating_sub(1), *day, day.saturating_add(1)]),
        _ => None,
    };
    let values = compared.iter().map(day).collect::<Option<Vec<_>>>()?;
    Some(sorted_or(values.concat(), 0))
}

fn decimals(compared: &[&Literal], precision: u8, scale: u8, null: bool) -> Option<ArrayRef> {
    let most = 10_i128.checked_pow(precision.into())? - 1;
    let values = with_null(integers(compared, scale, -most, most)?, null);
    let places = scale.cast_signed();
    Some(if precision <= appraise_schema::money::CUSTOMER_PRECISION {
        let narrow = values.into_iter().map(|value| value.and_then(|value| i64::try_from(value).ok()));
        Arc::new(narrow.collect::<Decimal64Array>().with_precision_and_scale(precision, places).ok()?)
    } else {
        Arc::new(values.into_iter().collect::<Decimal128Array>().with_precision_and_scale(precision, places).ok()?)
    })
}

fn doubles(compared: &[&Literal]) -> Option<Vec<f64>> {
    let double = |literal: &&Literal| match literal {
        Literal::Exact { unscaled, scale } => format!("{unscaled}e-{scale}").parse::<f64>().ok(),
        Literal::Double(double) => Some(*double),
        _ => None,
    };
    let mut constants = compared.iter().map(double).collect::<Option<Vec<f64>>>()?;
    constants.sort_by(f64::total_cmp);
    constants.dedup();
    let (Some(first), Some(last)) = (constants.first(), constants.last()) else { return Some(vec![0.0]) };
    let mut values = vec![below(*first)];
    for pair in constants.windows(2) {
        values.extend([pair[0], pair[0] / 2.0 + pair[1] / 2.0]);
    }
    values.extend([*last, -below(-last)]);
    Some(values)
}

/// A double below `value`: a round one where there is one.
fn below(value: f64) -> f64 {
    let round = value - 1.0;
    if round < value { round } else { value.next_down() }
}

fn texts(compared: &[&Literal]) -> Option<Vec<String>> {
    let text = |literal: &&Literal| match literal {
        Literal::Text(text) => Some(text.clone()),
        _ => None,
    };
    let mut values = sorted_or(compared.iter().map(text).collect::<Option<Vec<_>>>()?, "other".to_owned());
    let mut other = "other".to_owned();
    while values.contains(&other) && !compared.is_empty() {
        other.push('_');
    }
    if !values.contains(&other) {
        values.push(other);
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use appraise_expression::Parsed;
    use arrow::array::Array;
    use arrow::util::display::array_value_to_string;

    use super::*;

    fn of(column_type: ColumnType, nullable: bool, rule: &str) -> Option<String> {
        let column = ColumnSpec { nullable, ..ColumnSpec::required("a", column_type, "", "") };
        let tests = Parsed::parse(rule).unwrap().tests(|_| false);
        let values = representatives(&column, &tests.compared["a"])?;
        let shown =
            |row| if values.is_null(row) { "NULL".to_owned() } else { array_value_to_string(&values, row).unwrap() };
        Some((0..values.len()).map(shown).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn every_interval_between_constants_has_a_value() {
        let money = ColumnType::customer_money(2);
        let cases = [
            (ColumnType::Int64, false, "a > 2 OR a = 5", "1 2 3 4 5 6"),
            (ColumnType::Int32, true, "a >= 1.5", "NULL 0 1 2"),
            (ColumnType::Int64, true, "a IS NULL", "NULL 0"),
            (money, true, "a >= 1000", "NULL 999.99 1000.00 1000.01"),
            (money, false, "a > 0.005", "-0.01 0.00 0.01"),
            (ColumnType::Float64, false, "a >= 0.5 AND a < 1", "-0.5 0.5 0.75 1.0 2.0"),
            (ColumnType::Float64, false, "a > 1e300", "9.999999999999999e299 1e300 1.0000000000000002e300"),
            (ColumnType::String, true, "a IN ('x', 'other')", "NULL other x other_"),
            (ColumnType::Boolean, true, "NOT a", "NULL true false"),
            (ColumnType::Date, false, "a < DATE '2024-03-01'", "2024-02-29 2024-03-01 2024-03-02"),
        ];
        for (column_type, nullable, rule, expected) in cases {
            assert_eq!(of(column_type, nullable, rule).as_deref(), Some(expected), "{rule}");
        }
        assert_eq!(of(ColumnType::Date, false, "a = '2024-03-01'"), None);
        let count = ColumnSpec::required("a", ColumnType::Int64, "rows", "");
        let values = representatives(&count, &[Literal::Exact { unscaled: 0, scale: 0 }]).unwrap();
        assert_eq!(values.to_data(), Int64Array::from(vec![0, 1]).to_data());
    }
}
