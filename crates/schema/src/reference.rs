//! Reference tables: values that hold from a date on.

use std::collections::BTreeMap;

/// Numbers by the value of an attribute, each row in force from its date until the next: market demand by industry.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reference {
    /// Names of the numbers.
    pub columns: Vec<String>,
    /// By the attribute's value: day since 1970-01-01 and the numbers (NaN for NULL), by rising day.
    pub rows: BTreeMap<String, Vec<(i32, Vec<f64>)>>,
}

impl Reference {
    /// The numbers in force for `value` on `day`.
    #[must_use]
    pub fn in_force(&self, value: &str, day: i32) -> Option<&[f64]> {
        let rows = self.rows.get(value)?;
        let after = rows.partition_point(|(from, _)| *from <= day);
        rows.get(after.checked_sub(1)?).map(|(_, numbers)| numbers.as_slice())
    }
}

/// What one unit of a currency is worth in the pipeline's, exactly: `unscaled / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Its digits; positive.
    pub unscaled: i128,
    /// Decimal places.
    pub scale: u8,
}

/// Exchange rates by currency, each in force from its date until the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExchangeRates {
    /// By currency: day since 1970-01-01 and the rate, by rising day.
    pub rates: BTreeMap<String, Vec<(i32, Rate)>>,
}

impl ExchangeRates {
    /// The rate in force on `day`.
    #[must_use]
    pub fn in_force(&self, currency: &str, day: i32) -> Option<Rate> {
        let rates = self.rates.get(currency)?;
        let after = rates.partition_point(|(from, _)| *from <= day);
        rates.get(after.checked_sub(1)?).map(|(_, rate)| *rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_holds_from_its_day_until_the_next() {
        let rate = |unscaled| Rate { unscaled, scale: 2 };
        let rates = ExchangeRates { rates: BTreeMap::from([("EUR".to_owned(), vec![(10, rate(86)), (20, rate(87))])]) };
        assert_eq!(rates.in_force("EUR", 9), None);
        assert_eq!(rates.in_force("EUR", 10), Some(rate(86)));
        assert_eq!(rates.in_force("EUR", 19), Some(rate(86)));
        assert_eq!(rates.in_force("EUR", 99), Some(rate(87)));
        assert_eq!(rates.in_force("USD", 99), None);
    }
}
