//! Small tables read whole: values by a text, in force from a date on.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use appraise_expression::Parsed;
use appraise_schema::as_of::FIRST_DAY;
use appraise_schema::money::divide_half_even;
use appraise_schema::panic::message;
use appraise_schema::source::ColumnRole;
use appraise_schema::{ExchangeRates, Rate, Reference};
use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type};
use arrow::error::ArrowError;
use chrono_tz::Tz;

use crate::columns::id::{IdValues, Ids};
use crate::columns::number::Numbers;
use crate::columns::time::Clock;
use crate::columns::{Values, has};
use crate::config::{ExchangeRatesConfig, ReferenceConfig};
use crate::discover::{InputFile, discover};
use crate::error::IngestError;
use crate::evaluate::Evaluator;
use crate::mapping::{FileMapping, Wanted};
use crate::row_group::{Unit, decode, failed, units};
use crate::worker::Shown;

/// Most rows of a small table, which is held in memory.
const MAX_ROWS: u64 = 10_000_000;
/// Rows decoded at once.
const BATCH_ROWS: usize = 8_192;
/// Decimal places of a rate.
const RATE_PLACES: u8 = 12;
/// Our name of the date since when a row is in force.
const VALID_FROM: &str = "valid_from";

/// Reads a reference table.
///
/// # Errors
/// When a file can't be read or lacks a column, a row has no key, no date where one is mapped, or a number that is
/// unreadable or not finite, or two rows of one key and date differ.
pub fn read_reference(config: &ReferenceConfig, cancel: &AtomicBool) -> Result<Reference, IngestError> {
    let columns = config.columns.iter().map(|(name, parsed)| Wanted::new(name, ColumnRole::Number, parsed));
    let mut table = Table::new(("on", &config.on), config.valid_from.as_ref(), columns);
    let zones = [config.source_zone, config.zone];
    let shape = |values: &[Values]| values.iter().map(Numbers::new).collect::<Result<Vec<_>, _>>();
    table.read(&config.paths, zones, cancel, shape, |columns, row| {
        columns.iter().enumerate().map(|(place, column)| number(column, row).map_err(|e| (place, e))).collect()
    })?;
    let rows = table.finish().map(|(key, dated)| {
        let plain = |numbers: Vec<Option<f64>>| numbers.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect();
        (key, dated.into_iter().map(|(day, numbers)| (day, plain(numbers))).collect())
    });
    let rows = rows.collect();
    Ok(Reference { columns: config.columns.iter().map(|(name, _)| name.clone()).collect(), rows })
}

/// Reads exchange rates. Integers and decimals of at most 12 places are taken exactly; floats are rounded half to even
/// at the 12th place.
///
/// # Errors
/// As [`read_reference`], and when a rate is not a positive number or a decimal has more places.
pub fn read_exchange_rates(config: &ExchangeRatesConfig, cancel: &AtomicBool) -> Result<ExchangeRates, IngestError> {
    let column = Wanted::new("rate", ColumnRole::Number, &config.rate);
    let mut table = Table::new(("currency", &config.currency), config.valid_from.as_ref(), [column]);
    let zones = [config.source_zone, config.zone];
    let shape = |values: &[Values]| values.iter().map(Rates::new).collect::<Result<Vec<_>, _>>();
    table.read(&config.paths, zones, cancel, shape, |columns, row| columns[0].get(row).map_err(|e| (0, e)))?;
    Ok(ExchangeRates { rates: table.finish().collect() })
}

/// A number that may be NULL.
fn number(column: &Numbers, row: usize) -> Result<Option<f64>, &'static str> {
    if column.faults.as_ref().is_some_and(|faults| faults.value(row)) {
        return Err("it can't be computed");
    }
    if !has(column.nulls.as_ref(), None, row) {
        return Ok(None);
    }
    // Zero has two signs, one value.
    let value = column.values[row] + 0.0;
    if value.is_finite() { Ok(Some(value)) } else { Err("a finite number or NULL was expected") }
}

/// A column of exchange rates.
struct Rates {
    digits: Digits,
    values: Values,
}

enum Digits {
    Exact(Decimal128Array, i8),
    Float(Float64Array),
}

impl Rates {
    fn new(values: &Values) -> Result<Self, ArrowError> {
        let exact = |scale: i8| -> Result<Digits, ArrowError> {
            let digits = cast(&values.array, &DataType::Decimal128(38, scale))?;
            Ok(Digits::Exact(digits.as_primitive::<Decimal128Type>().clone(), scale))
        };
        let digits = match values.array.data_type() {
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale) => exact(*scale)?,
            other if other.is_floating() => {
                let floats = cast(&values.array, &DataType::Float64)?;
                Digits::Float(floats.as_primitive::<Float64Type>().clone())
            }
            _ => exact(0)?,
        };
        Ok(Self { digits, values: values.clone() })
    }

    fn get(&self, row: usize) -> Result<Rate, &'static str> {
        let null = match &self.digits {
            Digits::Exact(digits, _) => digits.is_null(row),
            Digits::Float(floats) => floats.is_null(row),
        };
        if null || !has(None, self.values.faults.as_ref(), row) {
            return Err("a positive number was expected");
        }
        let rate = match &self.digits {
            Digits::Exact(digits, scale) => {
                trimmed(digits.value(row), *scale).ok_or("at most 12 decimal places fit")?
            }
            Digits::Float(floats) => {
                let unscaled = twelfths(floats.value(row)).ok_or("a finite number below 10^18 was expected")?;
                Rate { unscaled, scale: RATE_PLACES }
            }
        };
        if rate.unscaled > 0 { Ok(rate) } else { Err("a positive number was expected") }
    }
}

/// `unscaled · 10^−scale` with as few places as hold it; `None` when these are more than 12.
fn trimmed(mut unscaled: i128, scale: i8) -> Option<Rate> {
    let mut scale = scale;
    while scale > 0 && unscaled % 10 == 0 {
        (unscaled, scale) = (unscaled / 10, scale - 1);
    }
    if scale < 0 {
        unscaled = unscaled.checked_mul(10_i128.checked_pow(u32::from(scale.unsigned_abs()))?)?;
    }
    let scale = u8::try_from(scale.max(0)).ok().filter(|scale| *scale <= RATE_PLACES)?;
    Some(Rate { unscaled, scale })
}

/// `value` in units of the 12th decimal place, of its exact binary value rounded half to even.
fn twelfths(value: f64) -> Option<i128> {
    const UNITS: i128 = 1_000_000_000_000;
    if !value.is_finite() || value.abs() >= 1e18 {
        return None;
    }
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 52) & 0x7ff, i128::from(bits & ((1 << 52) - 1)));
    let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
    // The value is mantissa · 2^−shift: below 10^18 the shift is at least −8.
    let shift = 1075 - i128::from(exponent.max(1));
    let units = mantissa * UNITS;
    let magnitude = match u32::try_from(shift) {
        Ok(0) => units,
        Ok(places @ 1..=126) => divide_half_even(units, 1 << places)?,
        Ok(_) => 0,
        Err(_) => units << u32::try_from(-shift).ok()?,
    };
    Some(if value.is_sign_negative() { -magnitude } else { magnitude })
}

/// The position of a column that a row can't be used for, and what was expected of it.
type Refusal = (usize, &'static str);

/// A small table while it is read.
struct Table<'a, T> {
    /// The key, then the date where it is mapped, then the values.
    wanted: Vec<Wanted<'a>>,
    /// Position of the first value.
    first: usize,
    rows: BTreeMap<String, BTreeMap<i32, T>>,
}

impl<'a, T: PartialEq> Table<'a, T> {
    fn new(
        (key, parsed): (&'a str, &'a Parsed),
        valid_from: Option<&'a Parsed>,
        columns: impl IntoIterator<Item = Wanted<'a>>,
    ) -> Self {
        let mut wanted = vec![Wanted::new(key, ColumnRole::Text, parsed)];
        wanted.extend(valid_from.map(|parsed| Wanted::new(VALID_FROM, ColumnRole::Time, parsed)));
        let first = wanted.len();
        wanted.extend(columns);
        Self { wanted, first, rows: BTreeMap::new() }
    }

    /// By key, then by rising day.
    fn finish(self) -> impl Iterator<Item = (String, Vec<(i32, T)>)> {
        self.rows.into_iter().map(|(key, dated)| (key, dated.into_iter().collect()))
    }

    /// Reads all rows: `shape` prepares the values of a batch, `value` makes those of a row of them.
    fn read<C>(
        &mut self,
        paths: &[String],
        [source_zone, zone]: [Tz; 2],
        cancel: &AtomicBool,
        shape: impl Fn(&[Values]) -> Result<C, ArrowError>,
        value: impl Fn(&C, usize) -> Result<T, Refusal>,
    ) -> Result<(), IngestError> {
        let files = discover(paths)?;
        let rows = files.iter().map(|file| file.rows).sum();
        if rows > MAX_ROWS {
            return Err(IngestError::TooLarge { pattern: paths.join(", "), rows, limit: MAX_ROWS });
        }
        let mappings = files.iter().map(|file| FileMapping::new(file, &self.wanted)).collect::<Result<Vec<_>, _>>()?;
        let (mut evaluator, mut clock) = (Evaluator::default(), Clock::new(source_zone, zone));
        for unit in units(&files) {
            let (file, mapping) = (&files[unit.file], &mappings[unit.file]);
            let decoded = catch_unwind(AssertUnwindSafe(|| {
                decode(file, mapping, unit, BATCH_ROWS, |batch, first_row, _| {
                    if cancel.load(Ordering::Relaxed) {
                        return Err(IngestError::Interrupted);
                    }
                    let values = self.values(&mut evaluator, file, mapping, unit, batch)?;
                    let shaped = shape(&values[self.first..]);
                    let shaped = shaped.map_err(|error| failed(file, mapping, unit.row_group, &error.to_string()))?;
                    self.add(file, first_row, &values, &mut clock, |row| value(&shaped, row))
                })
            }));
            decoded.unwrap_or_else(|panic| Err(failed(file, mapping, unit.row_group, message(&*panic))))?;
        }
        Ok(())
    }

    fn values(
        &self,
        evaluator: &mut Evaluator,
        file: &InputFile,
        mapping: &FileMapping,
        unit: Unit,
        batch: &RecordBatch,
    ) -> Result<Vec<Values>, IngestError> {
        let values = self.wanted.iter().zip(&mapping.sources).enumerate().map(|(place, (wanted, source))| {
            evaluator.values(place, source, batch).map_err(|reason| IngestError::Evaluation {
                canonical: wanted.name.to_owned(),
                path: file.path.clone(),
                row_group: unit.row_group,
                reason,
            })
        });
        values.collect()
    }

    /// Adds the rows of a batch.
    fn add(
        &mut self,
        file: &InputFile,
        first_row: u64,
        values: &[Values],
        clock: &mut Clock,
        value: impl Fn(usize) -> Result<T, Refusal>,
    ) -> Result<(), IngestError> {
        let refused = |row: usize, column: usize, expected: &str| IngestError::Reference {
            path: file.path.clone(),
            row: first_row + row as u64,
            column: self.wanted[column].name.to_owned(),
            value: shown(&values[column].array, row),
            expected: expected.to_owned(),
        };
        let shape = |error: ArrowError| refused(0, 0, &error.to_string());
        let keys = Ids::new(&values[0]).map_err(shape)?;
        let days = if self.first == 2 { Some(clock.days(&values[1]).map_err(shape)?) } else { None };
        for row in 0..values[0].array.len() {
            let key = match &keys.values {
                _ if !keys.has(row) => return Err(refused(row, 0, "every row needs a key")),
                IdValues::Text(texts) => texts.value(row).to_owned(),
                IdValues::Integer(numbers) => numbers[row].to_string(),
            };
            let day = match &days {
                Some(days) if !days.has(row) => {
                    return Err(refused(row, 1, "every row needs a date of the years 1 to 9999"));
                }
                Some(days) => days.day[row],
                None => FIRST_DAY,
            };
            let value = value(row).map_err(|(place, expected)| refused(row, self.first + place, expected))?;
            let dated = self.rows.entry(key).or_default();
            if dated.get(&day).is_some_and(|known| *known != value) {
                return Err(refused(row, 0, "another row of the same key and date has other values"));
            }
            dated.insert(day, value);
        }
        Ok(())
    }
}

/// A value for a message.
fn shown(array: &ArrayRef, row: usize) -> String {
    Shown::new(array).and_then(|shown| shown.value(row)).map_or_else(|| "NULL".to_owned(), |value| format!("`{value}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_rounded_at_the_twelfth_place_half_to_even() {
        // 2^-13 = 0.0001220703125 ends in a half of the 12th place; so does 3 · 2^-13.
        assert_eq!(twelfths(2_f64.powi(-13)), Some(122_070_312));
        assert_eq!(twelfths(3.0 * 2_f64.powi(-13)), Some(366_210_938));
        assert_eq!(twelfths(-0.8567), Some(-856_700_000_000));
        assert_eq!(twelfths(9e17), Some(900_000_000_000_000_000 * 1_000_000_000_000));
        assert_eq!(twelfths(f64::MIN_POSITIVE), Some(0));
        assert_eq!(twelfths(1e-300), Some(0));
        assert_eq!(twelfths(1e18), None);
        assert_eq!(twelfths(f64::NAN), None);
    }

    #[test]
    fn decimals_keep_their_places_up_to_twelve() {
        assert_eq!(trimmed(1_250_000, 6), Some(Rate { unscaled: 125, scale: 2 }));
        assert_eq!(trimmed(5, -2), Some(Rate { unscaled: 500, scale: 0 }));
        assert_eq!(trimmed(1, 13), None);
        assert_eq!(trimmed(10, 13), Some(Rate { unscaled: 1, scale: 12 }));
    }
}
