//! What one scenario makes of all customers.

use appraise_mcdm::{Places, ScoreBins};
use appraise_schema::TableContract;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float64Type;

use crate::columns::{money, texts};
use crate::error::ModelError;
use crate::index::VALUE_INDEX;

/// The columns of `customer_values` that put customers into classes.
pub const CLASS_COLUMNS: [&str; 9] = [
    "value_tier",
    "segment",
    "objective_segment",
    "subjective_segment",
    "abc_class",
    "xyz_class",
    "value_cell",
    "lifecycle",
    "credit_grade",
];
/// The column of lifetime values.
const CLV: &str = "clv";

/// The classes of customers: columns, and the classes of each, numbered in the order in which they were met.
#[derive(Debug, Clone)]
pub struct ClassNames {
    columns: Vec<String>,
    /// `None` is the class of customers without one.
    classes: Vec<Vec<Option<String>>>,
}

impl ClassNames {
    /// The columns of classes in `contract`, that of `customer_values`; `known` gives classes that are there from the start, in order.
    #[must_use]
    pub fn new(contract: &TableContract, known: impl Fn(&str) -> Vec<String>) -> Self {
        let columns = CLASS_COLUMNS.iter().filter(|name| contract.position(name).is_some());
        let columns: Vec<String> = columns.map(|&name| name.to_owned()).collect();
        let classes = columns.iter().map(|name| known(name).into_iter().map(Some).collect()).collect();
        Self { columns, classes }
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The classes of a column by their numbers.
    #[must_use]
    pub fn classes(&self, column: usize) -> &[Option<String>] {
        &self.classes[column]
    }

    /// The number of a class of a column, new or not.
    fn number(&mut self, column: usize, class: Option<&str>) -> usize {
        let classes = &mut self.classes[column];
        let known = classes.iter().position(|known| known.as_deref() == class);
        known.unwrap_or_else(|| {
            classes.push(class.map(str::to_owned));
            classes.len() - 1
        })
    }
}

/// What a scenario makes of all customers, in the order of the table.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What customers are ranked by: `value_index`, or `clv` in minor units where there is no index; NaN of those without.
    pub(super) scores: Vec<f64>,
    /// Whether scores are from 0 to 1.
    pub(super) by_index: bool,
    /// By column of classes: the class of each customer.
    pub(super) classes: Vec<Vec<u16>>,
    /// Minor units.
    pub(super) net_revenue: Vec<i64>,
    /// Minor units, 0 for NULL; empty without lifetime values.
    pub(super) clv: Vec<i64>,
}

impl Outcome {
    /// The class of each customer in a column.
    pub(super) fn classes(&self, column: usize) -> &[u16] {
        // Columns are there once a customer is.
        self.classes.get(column).map_or(&[], Vec::as_slice)
    }

    /// Takes the next rows of `customer_values`.
    ///
    /// # Errors
    /// [`ModelError::Column`] when a column is absent or of another type.
    pub fn push(&mut self, names: &mut ClassNames, batch: &RecordBatch) -> Result<(), ModelError> {
        self.net_revenue.extend(money(batch, "net_revenue")?.iter().map(Option::unwrap_or_default));
        let clv = batch.column_by_name(CLV).map(|_| money(batch, CLV)).transpose()?;
        if let Some(clv) = clv {
            self.clv.extend(clv.iter().map(Option::unwrap_or_default));
        }
        let index = batch.column_by_name(VALUE_INDEX).and_then(|column| column.as_primitive_opt::<Float64Type>());
        self.by_index = index.is_some();
        match (index, clv) {
            (Some(index), _) => self.scores.extend(index.iter().map(|score| score.unwrap_or(f64::NAN))),
            (None, Some(clv)) => self.scores.extend(clv.iter().map(|clv| clv.map_or(f64::NAN, |clv| clv as f64))),
            (None, None) => self.scores.resize(self.net_revenue.len(), f64::NAN),
        }
        self.classes.resize(names.columns.len(), Vec::new());
        for (column, text) in texts(&names.columns.clone(), batch)?.into_iter().enumerate() {
            // Neighbours are often of one class: it is looked up once.
            let mut last: Option<(Option<&str>, u16)> = None;
            for class in text {
                let number = match last {
                    Some((known, number)) if known == class => number,
                    _ => u16::try_from(names.number(column, class)).unwrap_or(u16::MAX),
                };
                last = Some((class, number));
                self.classes[column].push(number);
            }
        }
        Ok(())
    }

    /// What customers are ranked by.
    #[must_use]
    pub fn ranked_by(&self) -> Option<&'static str> {
        let by_clv = (!self.clv.is_empty()).then_some(CLV);
        if self.by_index { Some(VALUE_INDEX) } else { by_clv }
    }

    /// Whether there are lifetime values.
    #[must_use]
    pub fn has_clv(&self) -> bool {
        !self.clv.is_empty()
    }

    /// How many customers there are.
    #[must_use]
    pub fn customers(&self) -> usize {
        self.scores.len()
    }

    pub(super) fn ranking(&self) -> Ranking {
        Ranking::new(self.scores.iter().copied().filter(|score| !score.is_nan()).collect(), self.by_index)
    }
}

/// How customers rank in an outcome.
pub(super) struct Ranking {
    /// Customers with a score.
    pub(super) customers: usize,
    /// The least score of the best tenth.
    top_least: f64,
    ranks: Ranks,
}

enum Ranks {
    /// By bins of scores from 0 to 1.
    Bins(Vec<u32>),
    /// All scores, the greatest first.
    Sorted(Vec<f64>),
}

impl Ranking {
    fn new(mut scores: Vec<f64>, by_index: bool) -> Self {
        let customers = scores.len();
        let top = customers.div_ceil(10).saturating_sub(1);
        if by_index {
            let mut bins = ScoreBins::default();
            bins.add(&scores);
            let top_least = Places::find(&bins, &[top], &scores).at(top).unwrap_or(f64::INFINITY);
            return Self { customers, top_least, ranks: Ranks::Bins(bins.ranks()) };
        }
        scores.sort_unstable_by(|a, b| b.total_cmp(a));
        let top_least = scores.get(top).copied().unwrap_or(f64::INFINITY);
        Self { customers, top_least, ranks: Ranks::Sorted(scores) }
    }

    /// Whether a score is in the best tenth; NaN is not.
    pub(super) fn is_top(&self, score: f64) -> bool {
        score >= self.top_least
    }

    /// The rank of a score; behind all for NaN.
    pub(super) fn rank(&self, score: f64) -> u32 {
        let behind = u32::try_from(self.customers + 1).unwrap_or(u32::MAX);
        match &self.ranks {
            _ if score.is_nan() => behind,
            Ranks::Bins(ranks) => ranks[ScoreBins::bin(score)],
            Ranks::Sorted(sorted) => {
                u32::try_from(sorted.partition_point(|&other| other > score) + 1).unwrap_or(behind)
            }
        }
    }
}
