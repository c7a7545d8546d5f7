//! Columns of groups that are made of one column of their members: sums of money, means, counts of a text.

use appraise_schema::money::CUSTOMER_PRECISION;
use appraise_schema::{ColumnSpec, ColumnType};
use arrow::array::{Array, AsArray, Decimal64Array, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Decimal64Type, Float64Type};

use crate::columns::typed;
use crate::config::ModelConfig;
use crate::error::ModelError;

/// Money of members that is summed.
const SUMS: [(&str, &str); 8] = [
    ("gross_margin", "sum of the members' gross_margin"),
    ("clv", "sum of the members' clv"),
    ("expected_loss", "sum of the members' expected_loss"),
    ("credit_adjusted_clv", "sum of the members' credit_adjusted_clv"),
    ("prospect_value", "sum of the members' prospect_value, which is in no clv"),
    ("lookalike_value", "sum of the members' lookalike_value, a year"),
    ("potential_value", "sum of the members' potential_value"),
    ("expected_potential_value", "sum of the members' expected_potential_value"),
];

/// Doubles of members whose mean is taken.
const MEANS: [&str; 3] = ["rfm_score", "value_index", "probability_of_default"];

/// A column of groups, made of the column `of` of their members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aggregate {
    pub(super) name: String,
    pub(super) of: String,
    pub(super) kind: Kind,
    pub(super) meaning: String,
}

/// What is made of the members' values; NULL counts nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Their sum; NULL without a value.
    Sum,
    /// Their mean; NULL without a value.
    Mean,
    /// How many are this text.
    Count(&'static str),
}

/// The columns of groups whose members have `columns`, where money has `scale` places.
pub(super) fn aggregates(config: &ModelConfig, columns: &[ColumnSpec], scale: u8) -> Vec<Aggregate> {
    let sum = |(name, meaning): &(&str, &str)| Aggregate::new(name, name, Kind::Sum, meaning);
    let mean = |of: &str| {
        let meaning = format!("mean {of} of the members who have one");
        Aggregate::new(&format!("mean_{of}"), of, Kind::Mean, &meaning)
    };
    let parts = config.index.iter().flat_map(|index| &index.groups).map(|group| format!("index_{}", group.name));
    let mut all: Vec<Aggregate> = SUMS.iter().map(sum).collect();
    all.push(Aggregate::new("a_class_customers", "abc_class", Kind::Count("A"), "members of abc_class A"));
    all.extend(MEANS.into_iter().map(mean));
    all.extend(parts.map(|part| mean(&part)));
    all.retain(|aggregate| {
        let of = columns.iter().find(|column| column.name == aggregate.of);
        of.is_some_and(|column| column.column_type == aggregate.kind.reads(scale))
    });
    all
}

impl Aggregate {
    fn new(name: &str, of: &str, kind: Kind, meaning: &str) -> Self {
        Self { name: name.to_owned(), of: of.to_owned(), kind, meaning: meaning.to_owned() }
    }

    /// The values of a batch.
    ///
    /// # Errors
    /// [`ModelError::Column`] when they are absent.
    pub(super) fn values<'a>(&self, batch: &'a RecordBatch, scale: u8) -> Result<Values<'a>, ModelError> {
        let money = DataType::Decimal64(CUSTOMER_PRECISION, scale.cast_signed());
        Ok(match self.kind {
            Kind::Sum => Values::Money(typed(batch, &self.of, &money)?.as_primitive::<Decimal64Type>()),
            Kind::Mean => Values::Doubles(typed(batch, &self.of, &DataType::Float64)?.as_primitive::<Float64Type>()),
            Kind::Count(text) => Values::Texts(typed(batch, &self.of, &DataType::Utf8)?.as_string::<i32>(), text),
        })
    }
}

impl Kind {
    /// The type of the members' column.
    fn reads(self, scale: u8) -> ColumnType {
        match self {
            Self::Sum => ColumnType::customer_money(scale),
            Self::Mean => ColumnType::Float64,
            Self::Count(_) => ColumnType::String,
        }
    }
}

/// A column of members.
pub(super) enum Values<'a> {
    /// To be summed.
    Money(&'a Decimal64Array),
    /// Whose mean is taken.
    Doubles(&'a Float64Array),
    /// Of which this one is counted.
    Texts(&'a StringArray, &'static str),
}

/// What is made of a column so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Total {
    /// Members that count.
    pub(super) count: i64,
    /// Of money, in minor units.
    pub(super) minor: i128,
    /// Of doubles, in the order of rows.
    sum: f64,
}

impl Total {
    /// Adds the `members` of a batch, in their order.
    pub(super) fn add(&mut self, values: &Values<'_>, members: &[usize]) {
        for &row in members {
            let counts = match values {
                Values::Money(column) => {
                    let valid = column.is_valid(row);
                    self.minor += if valid { i128::from(column.value(row)) } else { 0 };
                    valid
                }
                Values::Doubles(column) => {
                    let valid = column.is_valid(row);
                    if valid {
                        self.sum += column.value(row);
                    }
                    valid
                }
                Values::Texts(column, text) => column.is_valid(row) && column.value(row) == *text,
            };
            self.count += i64::from(counts);
        }
    }

    /// The sum of money; `None` where no member has any.
    pub(super) fn money(&self) -> Option<i128> {
        (self.count > 0).then_some(self.minor)
    }

    /// The mean of doubles; `None` where no member has one.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}
