//! Which columns of two tables are compared, and their values.

use std::collections::BTreeMap;

use appraise_schema::{ColumnType, TableContract};
use arrow::array::RecordBatch;

use crate::columns::{NumberKind, money, numbers, texts};
use crate::error::ModelError;

/// Columns that put customers into classes, the most telling first. Clusters are not among them: each fit numbers its own.
const CLASSES: [&str; 12] = [
    "segment",
    "value_tier",
    "abc_class",
    "xyz_class",
    "value_cell",
    "lifecycle",
    "credit_grade",
    "objective_segment",
    "subjective_segment",
    "value_tier_subjective",
    "value_tier_objective",
    "strategy",
];
/// Columns of money, the most telling first.
const MONEY: [&str; 8] = [
    "clv",
    "credit_adjusted_clv",
    "potential_value",
    "expected_potential_value",
    "prospect_value",
    "net_revenue",
    "total_revenue",
    "gross_margin",
];
/// Scores.
const SCORES: [&str; 2] = ["value_index", "rfm_score"];
/// Other numbers whose distribution is compared.
const NUMBERS: [&str; 5] =
    ["p_alive", "expected_purchases", "probability_of_default", "orders", "days_since_last_purchase"];
/// What bridges are made of.
const BRIDGES: [&str; 2] = ["clv", "net_revenue"];

/// The columns that two tables have in common, of one type, among those that are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Columns of classes.
    pub classes: Vec<String>,
    /// Columns of money, with its decimal places.
    pub money: Vec<(String, u8)>,
    /// Scores.
    pub scores: Vec<String>,
    /// Columns whose distributions are compared: scores, money, other numbers.
    pub numbers: Vec<String>,
}

impl Compared {
    /// What is compared of tables with these contracts.
    #[must_use]
    pub fn new(base: &TableContract, new: &TableContract) -> Self {
        let of = |contract: &TableContract, name: &str| {
            contract.position(name).map(|position| contract.columns[position].column_type)
        };
        let both = |name: &str| of(base, name).filter(|column| of(new, name) == Some(*column));
        let named =
            |names: &[&str]| names.iter().filter(|name| both(name).is_some()).map(|&name| name.to_owned()).collect();
        let scale = |name: &&str| match both(name) {
            Some(ColumnType::Decimal { precision: ..=18, scale }) => Some(((*name).to_owned(), scale)),
            _ => None,
        };
        let money: Vec<_> = MONEY.iter().filter_map(scale).collect();
        let (classes, scores): (Vec<String>, Vec<String>) = (named(&CLASSES), named(&SCORES));
        let others: Vec<String> = named(&NUMBERS);
        let numbers = scores.iter().chain(money.iter().map(|(name, _)| name)).chain(&others).cloned().collect();
        Self { classes, money, scores, numbers }
    }

    /// Whether the customers or the values of column `name` are added up.
    #[must_use]
    pub fn is_summed(&self, name: &str) -> bool {
        let money = self.money.iter().map(|(money, _)| money);
        self.classes.iter().chain(&self.scores).chain(money).any(|column| column == name)
    }

    /// The columns of money that bridges are made of, with its decimal places; moves of customers are weighed by the first.
    pub fn bridges(&self) -> impl Iterator<Item = &(String, u8)> {
        self.money.iter().filter(|(name, _)| BRIDGES.contains(&name.as_str()))
    }
}

/// A customer in two tables: the number of the row in each. One of them is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// In the earlier table.
    pub base: Option<u32>,
    /// In the later table.
    pub new: Option<u32>,
}

/// How many customers two tables have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Customers {
    /// In the earlier table.
    pub base: u64,
    /// In the later table.
    pub new: u64,
    /// In both.
    pub stayed: u64,
    /// In the later one alone.
    pub joined: u64,
    /// In the earlier one alone.
    pub left: u64,
}

impl Customers {
    /// Counts `pairs`.
    #[must_use]
    pub fn of(pairs: &[Pair]) -> Self {
        let count = |of: fn(&Pair) -> bool| pairs.iter().filter(|pair| of(pair)).count() as u64;
        let (joined, left) = (count(|pair| pair.base.is_none()), count(|pair| pair.new.is_none()));
        let stayed = pairs.len() as u64 - joined - left;
        Self { base: stayed + left, new: stayed + joined, stayed, joined, left }
    }
}

/// The classes of all rows of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classes {
    /// Each class once, in the order of its first row; `None` is NULL.
    pub names: Vec<Option<String>>,
    /// Of each row, the number of its class in `names`.
    pub codes: Vec<u32>,
}

impl Classes {
    /// Reads the text column `name` of `batches`.
    ///
    /// # Errors
    /// [`ModelError::Column`] when it is absent or no text; what a batch says.
    pub fn read<E: From<ModelError>>(
        name: &str,
        batches: impl Iterator<Item = Result<RecordBatch, E>>,
    ) -> Result<Self, E> {
        let mut classes = Self::default();
        let mut numbers: BTreeMap<Option<String>, u32> = BTreeMap::new();
        for batch in batches {
            let batch = batch?;
            let columns = texts(&[name.to_owned()], &batch)?;
            for class in columns.iter().flat_map(|column| column.iter()) {
                // Mostly the class was seen before, and nothing is copied.
                let last = classes.codes.last().filter(|&&code| classes.names[code as usize].as_deref() == class);
                let code = last.copied().unwrap_or_else(|| {
                    *numbers.entry(class.map(str::to_owned)).or_insert_with_key(|class| {
                        classes.names.push(class.clone());
                        u32::try_from(classes.names.len() - 1).unwrap_or(u32::MAX)
                    })
                });
                classes.codes.push(code);
            }
        }
        Ok(classes)
    }

    /// The number of the class of `row`.
    pub(crate) fn code(&self, row: u32) -> usize {
        self.codes[row as usize] as usize
    }
}

/// The numbers of a column, without NULL.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Numbers {
    /// In the order of rows; money in whole units.
    pub values: Vec<f64>,
    /// How many rows are NULL.
    pub nulls: u64,
}

impl Numbers {
    /// Reads column `name` of the table of `contract` from `batches`.
    ///
    /// # Errors
    /// [`ModelError::Column`] when it is absent or no number; what a batch says.
    pub fn read<E: From<ModelError>>(
        name: &str,
        contract: &TableContract,
        batches: impl Iterator<Item = Result<RecordBatch, E>>,
    ) -> Result<Self, E> {
        let kind = NumberKind::of(name, &contract.columns)?;
        let mut all = Self::default();
        for batch in batches {
            let batch = batch?;
            let rows: Vec<usize> = (0..batch.num_rows()).collect();
            let before = all.values.len();
            all.values.extend(numbers(name, kind, &batch, &rows)?.into_iter().filter(|value| !value.is_nan()));
            all.nulls += (rows.len() - (all.values.len() - before)) as u64;
        }
        Ok(all)
    }
}

/// The minor units of the column of money `name` of `batches`; NULL is 0.
///
/// # Errors
/// [`ModelError::Column`] when it is absent or no money of customers; what a batch says.
pub fn amounts<E: From<ModelError>>(
    name: &str,
    batches: impl Iterator<Item = Result<RecordBatch, E>>,
) -> Result<Vec<i64>, E> {
    let mut all = Vec::new();
    for batch in batches {
        let batch = batch?;
        all.extend(money(&batch, name)?.iter().map(Option::unwrap_or_default));
    }
    Ok(all)
}
