//! The types of the subset and what they are in arrow.

use std::fmt;

use arrow::datatypes::{DataType, TimeUnit};

/// Digits of the widest exact number.
pub(crate) const MAX_PRECISION: u8 = 38;

/// The type of a column or of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SqlType {
    /// True, false or NULL.
    Boolean,
    /// An exact whole number of at most 38 digits; columns hold 64 bits.
    Integer,
    /// An exact number of `precision` digits, `scale` of them after the point.
    Decimal {
        /// Digits in all, at most 38.
        precision: u8,
        /// Digits after the decimal point.
        scale: u8,
    },
    /// A 64-bit floating-point number.
    Double,
    /// UTF-8 text.
    Text,
    /// A calendar date.
    Date,
    /// A time to the microsecond.
    Timestamp {
        /// True: an instant. False: local wall time without zone.
        utc: bool,
    },
}

impl SqlType {
    /// The type that a column of this arrow type has in expressions; `None` where it cannot be read. A
    /// dictionary of text is text; an unsigned 64-bit integer is `DECIMAL(20,0)`.
    #[must_use]
    pub fn of(arrow: &DataType) -> Option<Self> {
        Some(match arrow {
            DataType::Boolean => Self::Boolean,
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32 => Self::Integer,
            DataType::UInt64 => Self::Decimal { precision: 20, scale: 0 },
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => {
                Self::Decimal { precision: *p, scale: u8::try_from(*s).ok()? }
            }
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Double,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(_, zone) => Self::Timestamp { utc: zone.is_some() },
            DataType::Dictionary(_, values) if Self::of(values) == Some(Self::Text) => Self::Text,
            _ => return None,
        })
    }

    /// The name a user would write, such as `DECIMAL(18,2)`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Boolean => "BOOLEAN".to_owned(),
            Self::Integer => "INTEGER".to_owned(),
            Self::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
            Self::Double => "DOUBLE".to_owned(),
            Self::Text => "TEXT".to_owned(),
            Self::Date => "DATE".to_owned(),
            Self::Timestamp { utc: false } => "TIMESTAMP".to_owned(),
            Self::Timestamp { utc: true } => "TIMESTAMP WITH TIME ZONE".to_owned(),
        }
    }

    /// The arrow type in which values of this type are computed and handed out.
    pub(crate) fn arrow(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Decimal128(MAX_PRECISION, 0),
            Self::Decimal { scale, .. } => DataType::Decimal128(MAX_PRECISION, scale.cast_signed()),
            Self::Double => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Date => DataType::Date32,
            Self::Timestamp { utc } => DataType::Timestamp(TimeUnit::Microsecond, utc.then(|| "UTC".into())),
        }
    }

    /// Digits after the point of an exact number, `None` for other types.
    pub(crate) fn scale(self) -> Option<u8> {
        match self {
            Self::Integer => Some(0),
            Self::Decimal { scale, .. } => Some(scale),
            _ => None,
        }
    }

    /// Whether values are numbers, exact or not.
    pub(crate) fn is_number(self) -> bool {
        self == Self::Double || self.scale().is_some()
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}
