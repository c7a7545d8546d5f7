//! Contracts of published tables: names, types, units, meanings.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use serde::Serialize;

use crate::event::KeyType;
use crate::scalar::ScalarError;

/// The types that published columns may have: every target warehouse loads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// INT32.
    Int32,
    /// INT64.
    Int64,
    /// DOUBLE, finite or NULL.
    Float64,
    /// DECIMAL(precision, scale).
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// DATE.
    Date,
    /// STRING.
    String,
    /// BOOLEAN.
    Boolean,
}

impl ColumnType {
    /// Money of one customer at `scale` decimal places.
    #[must_use]
    pub fn customer_money(scale: u8) -> Self {
        Self::Decimal { precision: crate::money::CUSTOMER_PRECISION, scale }
    }

    /// The arrow type that carries it. Customer money is held in 64 bits, totals in 128.
    #[must_use]
    pub fn arrow(self) -> DataType {
        match self {
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Decimal { precision, scale } if precision <= 18 => {
                DataType::Decimal64(precision, scale.cast_signed())
            }
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale.cast_signed()),
            Self::Date => DataType::Date32,
            Self::String => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
        }
    }

    /// Its name in data dictionaries, such as `DECIMAL(18,2)`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Int32 => "INT32".to_owned(),
            Self::Int64 => "INT64".to_owned(),
            Self::Float64 => "DOUBLE".to_owned(),
            Self::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
            Self::Date => "DATE".to_owned(),
            Self::String => "STRING".to_owned(),
            Self::Boolean => "BOOLEAN".to_owned(),
        }
    }
}

impl FromStr for ColumnType {
    type Err = ScalarError;

    /// Inverse of [`ColumnType::name`].
    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let plain = [Self::Int32, Self::Int64, Self::Float64, Self::Date, Self::String, Self::Boolean];
        let decimal = || {
            let (precision, scale) = text.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?;
            Some(Self::Decimal { precision: precision.parse().ok()?, scale: scale.parse().ok()? })
        };
        let known = plain.into_iter().find(|plain| plain.name() == text).or_else(decimal);
        known.ok_or_else(|| ScalarError::new(text, "a type of published columns, such as `INT64` or `DECIMAL(18,2)`"))
    }
}

impl Serialize for ColumnType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

/// One column of a published table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnSpec {
    /// Name, lower case with underscores.
    pub name: String,
    /// Type.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Unit of its values, such as `days` or `GBP`; empty when it has none.
    pub unit: String,
    /// What it says, in one sentence.
    pub meaning: String,
}

impl ColumnSpec {
    /// A nullable column.
    #[must_use]
    pub fn nullable(name: &str, column_type: ColumnType, unit: &str, meaning: &str) -> Self {
        Self { name: name.to_owned(), column_type, nullable: true, unit: unit.to_owned(), meaning: meaning.to_owned() }
    }

    /// A column that is never NULL.
    #[must_use]
    pub fn required(name: &str, column_type: ColumnType, unit: &str, meaning: &str) -> Self {
        Self { nullable: false, ..Self::nullable(name, column_type, unit, meaning) }
    }

    /// The `as_of` column, first in every table.
    #[must_use]
    pub fn as_of() -> Self {
        Self::required("as_of", ColumnType::Date, "", "date the run values customers at; events of that day count")
    }

    /// The customer key, second in every customer table.
    #[must_use]
    pub fn customer_id(key_type: KeyType) -> Self {
        let column_type = match key_type {
            KeyType::Integer => ColumnType::Int64,
            KeyType::Text => ColumnType::String,
        };
        Self::required("customer_id", column_type, "", "the customer, as delivered")
    }

    /// The arrow field, with unit and meaning as metadata.
    #[must_use]
    pub fn field(&self) -> Field {
        let mut metadata = HashMap::from([("meaning".to_owned(), self.meaning.clone())]);
        if !self.unit.is_empty() {
            metadata.insert("unit".to_owned(), self.unit.clone());
        }
        Field::new(&self.name, self.column_type.arrow(), self.nullable).with_metadata(metadata)
    }
}

/// A published table: its name and columns in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableContract {
    /// Name, also of the folder of its files.
    pub name: String,
    /// What one row is, in one sentence.
    pub meaning: String,
    /// Columns in order: `as_of`, the key, then the rest.
    pub columns: Vec<ColumnSpec>,
}

/// A table contract that warehouses would not load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// A name outside `^[a-z][a-z0-9_]{0,62}$`, or a reserved word of a target.
    #[error("`{name}` can't be a column name: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two columns of one name.
    #[error("column `{name}` stands twice in table `{table}`")]
    Twice {
        /// The column.
        name: String,
        /// The table.
        table: String,
    },
}

impl TableContract {
    /// Builds the contract of table `name`.
    ///
    /// # Errors
    /// When a column name is not portable or stands twice.
    pub fn new(name: &str, meaning: &str, columns: Vec<ColumnSpec>) -> Result<Self, ContractError> {
        for (position, column) in columns.iter().enumerate() {
            check_name(&column.name)?;
            if columns[..position].iter().any(|before| before.name == column.name) {
                return Err(ContractError::Twice { name: column.name.clone(), table: name.to_owned() });
            }
        }
        Ok(Self { name: name.to_owned(), meaning: meaning.to_owned(), columns })
    }

    /// The arrow schema, field metadata included.
    #[must_use]
    pub fn arrow(&self) -> Arc<Schema> {
        Arc::new(Schema::new(self.columns.iter().map(ColumnSpec::field).collect::<Vec<_>>()))
    }

    /// Position of column `name`.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// Reserved in at least one of Snowflake, BigQuery, Redshift, PostgreSQL, DuckDB, ClickHouse, Spark, and likely
/// as a column name.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "at",
    "authorization",
    "between",
    "binary",
    "both",
    "by",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "connect",
    "connection",
    "constraint",
    "contains",
    "create",
    "cross",
    "cube",
    "current",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "database",
    "default",
    "deferrable",
    "define",
    "delete",
    "desc",
    "describe",
    "distinct",
    "do",
    "drop",
    "else",
    "end",
    "enum",
    "escape",
    "except",
    "exclude",
    "exists",
    "extract",
    "false",
    "fetch",
    "following",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "grouping",
    "groups",
    "gscluster",
    "hash",
    "having",
    "if",
    "ignore",
    "ilike",
    "in",
    "increment",
    "initially",
    "inner",
    "insert",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "issue",
    "join",
    "language",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "lookup",
    "merge",
    "minus",
    "natural",
    "new",
    "no",
    "not",
    "notnull",
    "null",
    "nulls",
    "of",
    "off",
    "offset",
    "old",
    "on",
    "only",
    "or",
    "order",
    "organization",
    "outer",
    "over",
    "overlaps",
    "partition",
    "percent",
    "pivot",
    "placing",
    "preceding",
    "primary",
    "proto",
    "qualify",
    "range",
    "recursive",
    "references",
    "regexp",
    "respect",
    "returning",
    "revoke",
    "right",
    "rlike",
    "rollup",
    "row",
    "rows",
    "sample",
    "schema",
    "select",
    "session_user",
    "set",
    "similar",
    "snapshot",
    "some",
    "start",
    "struct",
    "summarize",
    "symmetric",
    "table",
    "tablesample",
    "tag",
    "then",
    "to",
    "top",
    "trailing",
    "treat",
    "trigger",
    "true",
    "try_cast",
    "unbounded",
    "union",
    "unique",
    "unnest",
    "unpivot",
    "update",
    "user",
    "using",
    "values",
    "variadic",
    "verbose",
    "view",
    "wallet",
    "when",
    "whenever",
    "where",
    "window",
    "with",
    "within",
    "without",
];

/// Checks that `name` can be a column in every target warehouse.
///
/// # Errors
/// [`ContractError::Name`] when it can't.
pub fn check_name(name: &str) -> Result<(), ContractError> {
    let error = |why| Err(ContractError::Name { name: name.to_owned(), why });
    let mut bytes = name.bytes();
    if !bytes.next().is_some_and(|b| b.is_ascii_lowercase()) {
        return error("it must begin with a letter from a to z");
    }
    if !bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        return error("only a to z, 0 to 9 and `_` load everywhere");
    }
    if name.len() > 63 {
        return error("it is longer than 63 characters");
    }
    if RESERVED.binary_search(&name).is_ok() {
        return error("it is a reserved word of a target warehouse");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_are_sorted_for_the_search() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn types_are_read_as_they_are_written() {
        let decimal = ColumnType::Decimal { precision: 38, scale: 2 };
        for column_type in [ColumnType::Int32, ColumnType::Float64, ColumnType::customer_money(0), decimal] {
            assert_eq!(column_type.name().parse(), Ok(column_type));
        }
        for text in ["", "INT", "DECIMAL(18)", "DECIMAL(18,2", "DECIMAL(x,2)"] {
            assert!(text.parse::<ColumnType>().is_err(), "{text}");
        }
    }

    #[test]
    fn unportable_names_are_refused() {
        for name in ["", "1st", "Größe", "with space", "grouping", "snapshot", &"x".repeat(64)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert_eq!(check_name("orders_30d"), Ok(()));
    }

    #[test]
    fn a_column_stands_once() {
        let columns = vec![ColumnSpec::as_of(), ColumnSpec::as_of()];
        let error = TableContract::new("t", "", columns).unwrap_err();
        assert_eq!(error.to_string(), "column `as_of` stands twice in table `t`");
    }
}
