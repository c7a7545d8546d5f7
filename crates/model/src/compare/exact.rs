//! Whole numbers as people read them.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::card::decimal_text;

/// A whole number of units: customers, minor units of money or millionths of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exact {
    /// How many units.
    pub units: i128,
    /// Decimal places of a unit; `None` for customers, which are counted.
    pub scale: Option<u8>,
}

impl Exact {
    /// So many of something that is counted.
    #[must_use]
    pub fn count(units: i128) -> Self {
        Self { units, scale: None }
    }

    /// So many units of `scale` decimal places.
    #[must_use]
    pub fn decimal(units: i128, scale: u8) -> Self {
        Self { units, scale: Some(scale) }
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&decimal_text(self.units, self.scale.unwrap_or(0)))
    }
}

impl Serialize for Exact {
    /// A number where something is counted, else text with all its places.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.scale, i64::try_from(self.units)) {
            (None, Ok(count)) => serializer.serialize_i64(count),
            _ => serializer.collect_str(self),
        }
    }
}
