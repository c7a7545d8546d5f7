//! Builders of feature columns, one value per customer.

use std::sync::Arc;

use appraise_schema::event::{NO_DAY, NO_MONEY, NO_SYMBOL};
use appraise_schema::money::{CUSTOMER_PRECISION, MAX_CUSTOMER_MINOR};
use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal64Builder, Float64Builder, Int32Builder, Int64Builder,
    StringBuilder,
};
use arrow::datatypes::DataType;

use crate::error::FoldError;

/// Whole numbers of 64 bits.
#[derive(Debug, Default)]
pub(crate) struct Integers(Int64Builder);

impl Integers {
    pub(crate) fn push(&mut self, value: Option<i64>) {
        self.0.append_option(value);
    }

    /// A number of rows.
    pub(crate) fn count(&mut self, rows: usize) {
        self.0.append_value(i64::try_from(rows).unwrap_or(i64::MAX));
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// Whole numbers of 32 bits: days.
#[derive(Debug, Default)]
pub(crate) struct Days(Int32Builder);

impl Days {
    pub(crate) fn push(&mut self, value: Option<i32>) {
        self.0.append_option(value);
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// Dates.
#[derive(Debug, Default)]
pub(crate) struct Dates(Date32Builder);

impl Dates {
    /// A day, [`NO_DAY`] for NULL.
    pub(crate) fn push(&mut self, day: i32) {
        self.0.append_option((day != NO_DAY).then_some(day));
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// Doubles; what is not finite becomes NULL.
#[derive(Debug, Default)]
pub(crate) struct Doubles(Float64Builder);

impl Doubles {
    pub(crate) fn push(&mut self, value: Option<f64>) {
        self.0.append_option(value.filter(|value| value.is_finite()));
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// Yes, no or NULL.
#[derive(Debug, Default)]
pub(crate) struct Flags(BooleanBuilder);

impl Flags {
    pub(crate) fn push(&mut self, value: Option<bool>) {
        self.0.append_option(value);
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// Texts.
#[derive(Debug, Default)]
pub(crate) struct Texts(StringBuilder);

impl Texts {
    /// A text of `texts` (see [`appraise_schema::Symbols::texts`]), [`NO_SYMBOL`] for NULL.
    pub(crate) fn push(&mut self, texts: &[Arc<str>], symbol: u32) {
        let text = (symbol != NO_SYMBOL).then(|| texts.get(symbol as usize - 1)).flatten();
        self.0.append_option(text.map(AsRef::as_ref));
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// Money of one customer.
#[derive(Debug)]
pub(crate) struct Amounts {
    name: &'static str,
    values: Decimal64Builder,
}

impl Amounts {
    /// A column of money at `scale` decimal places; `name` is for errors.
    pub(crate) fn new(name: &'static str, scale: u8) -> Self {
        let money = DataType::Decimal64(CUSTOMER_PRECISION, scale.cast_signed());
        Self { name, values: Decimal64Builder::new().with_data_type(money) }
    }

    /// A sum of minor units.
    ///
    /// # Errors
    /// [`FoldError::MoneyOverflow`] when it exceeds DECIMAL(18, scale).
    pub(crate) fn push(&mut self, minor: Option<i128>) -> Result<(), FoldError> {
        let value = minor.map(|minor| fitting(self.name, minor)).transpose()?;
        self.values.append_option(value);
        Ok(())
    }

    /// Minor units, [`NO_MONEY`] for NULL.
    pub(crate) fn push_minor(&mut self, minor: i64) {
        self.values.append_option((minor != NO_MONEY).then_some(minor));
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(self.values.finish())
    }
}

/// `minor` when it fits DECIMAL(18, scale).
pub(crate) fn fitting(column: &'static str, minor: i128) -> Result<i64, FoldError> {
    match i64::try_from(minor) {
        Ok(fits) if fits.unsigned_abs() <= MAX_CUSTOMER_MINOR.unsigned_abs() => Ok(fits),
        _ => Err(FoldError::overflow(column, minor)),
    }
}

/// `numerator / denominator`, `None` unless the denominator is positive. Both are exact until the one division.
pub(crate) fn ratio(numerator: i128, denominator: i128) -> Option<f64> {
    (denominator > 0).then(|| numerator as f64 / denominator as f64)
}
