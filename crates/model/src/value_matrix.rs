//! The value matrix: what a customer brings today against what the customer may bring, high or low on each axis.

use appraise_schema::{ColumnSpec, ColumnType, Share};
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::card::ModelCard;
use crate::columns::absent;
use crate::error::ModelError;
use crate::measure::{Measure, MeasureValue, SHARE_PARTS, labels, share_parts};
use crate::model::{Fitted, Model};
use crate::xyz::ClassCard;

/// The cells by number: 2 for high today, 1 for high in future.
const CELLS: [&str; 4] = ["review", "grow", "harvest", "keep"];
/// What `future` is without a name, the first that is there.
const FUTURE: [&str; 2] = ["clv", "potential_value"];

/// Parameters of the value matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueMatrixConfig {
    /// What a customer brings today; by default `gross_margin` where it is there, else `net_revenue`.
    pub current: Axis,
    /// What a customer may bring; by default `clv`, else `potential_value`.
    pub future: Axis,
}

/// One axis of the matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Column of money or numbers.
    pub column: Option<String>,
    /// Where high begins.
    pub cut: Cut,
}

/// Where high begins on an axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Cut {
    /// The largest values that at most this share of the customers has; 50 % is what lies above the median.
    Top(Share),
    /// This value, a decimal number in the unit of the column, is reached.
    At(String),
}

impl Default for Axis {
    fn default() -> Self {
        Self { column: None, cut: Cut::Top(Share::HALF) }
    }
}

/// The fitted value matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueMatrixCard {
    /// What customers bring today.
    pub current: AxisCard,
    /// What they may bring.
    pub future: AxisCard,
    /// The four cells, with the fitted customers.
    pub cells: Vec<ClassCard>,
}

/// A fitted axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisCard {
    /// Its column.
    pub column: String,
    /// Share of the customers that may be high; `None` where the value was given.
    pub top: Option<f64>,
    /// Where high begins; `None` when nobody is high.
    pub from: Option<MeasureValue>,
}

/// The matrix, checked.
pub(crate) struct ValueMatrix {
    current: CheckedAxis,
    future: CheckedAxis,
}

struct CheckedAxis {
    measure: Measure,
    cut: CheckedCut,
}

#[derive(Debug, Clone, Copy)]
enum CheckedCut {
    Top(Share),
    /// The key.
    At(i64),
}

impl ValueMatrix {
    /// Checks the parameters, and that `columns` has those of the axes.
    pub(crate) fn new(config: &ValueMatrixConfig, columns: &[ColumnSpec]) -> Result<Self, ModelError> {
        let current = Measure::or_margin(config.current.column.as_deref(), columns)?;
        let has = |name: &&str| columns.iter().any(|column| column.name == *name);
        let name = config.future.column.as_deref().or_else(|| FUTURE.into_iter().find(has));
        let future = Measure::new(name.ok_or_else(|| absent(FUTURE[0], "DECIMAL"))?, columns)?;
        Ok(Self {
            current: CheckedAxis::new(current, &config.current.cut, "value_matrix.current.at")?,
            future: CheckedAxis::new(future, &config.future.cut, "value_matrix.future.at")?,
        })
    }
}

impl CheckedAxis {
    fn new(measure: Measure, cut: &Cut, parameter: &'static str) -> Result<Self, ModelError> {
        let cut = match cut {
            Cut::Top(share) => CheckedCut::Top(*share),
            Cut::At(text) => {
                let expected = || format!("a value of the column `{}`", measure.column);
                let wrong = || ModelError::Parameter { parameter, value: text.clone(), expected: expected() };
                CheckedCut::At(measure.written(text).ok_or_else(wrong)?)
            }
        };
        Ok(Self { measure, cut })
    }

    /// The least key that is high among `keys`.
    fn fit(&self, mut keys: Vec<i64>) -> Option<i64> {
        let share = match self.cut {
            CheckedCut::At(key) => return Some(key),
            CheckedCut::Top(share) => share,
        };
        keys.par_sort_unstable_by(|a, b| b.cmp(a));
        let most = share_parts(share.fraction()) * keys.len() as i128;
        let mut reached = 0_i128;
        let fits = |block: &&[i64]| {
            reached += block.len() as i128;
            reached * SHARE_PARTS <= most
        };
        keys.chunk_by(|a, b| a == b).take_while(fits).last().map(|block| block[0])
    }

    fn card(&self, from: Option<i64>) -> AxisCard {
        let top = match self.cut {
            CheckedCut::Top(share) => Some(share.fraction()),
            CheckedCut::At(_) => None,
        };
        AxisCard { column: self.measure.column.clone(), top, from: from.map(|key| self.measure.value(key)) }
    }

    /// Where high begins by a card that was fitted before.
    fn thaw(&self, card: &AxisCard, axis: &str) -> Result<Option<i64>, ModelError> {
        let from = card.from.as_ref().map(|from| self.measure.key(from)).transpose()?;
        let asked = match self.cut {
            CheckedCut::Top(_) => self.card(from),
            CheckedCut::At(key) => self.card(Some(key)),
        };
        if *card == asked {
            return Ok(from);
        }
        let shown = |card: &AxisCard| match (card.top, &card.from) {
            (None, Some(from)) => format!("{} at {from}", card.column),
            (top, _) => format!("{}, top {}", card.column, top.unwrap_or_default()),
        };
        let what = format!("`{axis}` of `value_matrix`");
        Err(ModelError::CardMismatch { what, card: shown(card), config: shown(&asked) })
    }
}

impl Model for ValueMatrix {
    fn columns(&self) -> Vec<ColumnSpec> {
        let meaning = format!(
            "keep: high {current} and {future}; harvest: high {current} alone; grow: high {future} alone; review: \
             neither; NULL unless both are known",
            current = self.current.measure.column,
            future = self.future.measure.column,
        );
        vec![ColumnSpec::nullable("value_cell", ColumnType::String, "", &meaning)]
    }

    fn fit_inputs(&self) -> Vec<String> {
        vec![self.current.measure.column.clone(), self.future.measure.column.clone()]
    }

    fn inputs(&self) -> Vec<String> {
        self.fit_inputs()
    }

    fn fit(&self, table: &[RecordBatch]) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let mut values: Vec<(i64, i64)> = Vec::new();
        for batch in table {
            let (current, future) = self.keys(batch)?;
            values.extend(current.iter().zip(&future).filter_map(|(current, future)| Some((current?, future?))));
        }
        let from = [
            self.current.fit(values.iter().map(|value| value.0).collect()),
            self.future.fit(values.iter().map(|value| value.1).collect()),
        ];
        let mut customers = [0_u64; 4];
        for (current, future) in values {
            customers[cell(from, current, future)] += 1;
        }
        let card = ValueMatrixCard {
            current: self.current.card(from[0]),
            future: self.future.card(from[1]),
            cells: ClassCard::all(&CELLS, &customers),
        };
        Ok(Box::new(FittedMatrix { matrix: self, card, from }))
    }

    fn thaw(&self, card: &ModelCard) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let card = card.value_matrix.as_ref().ok_or_else(|| ModelError::not_in_card("`value_matrix`"))?;
        let from = [self.current.thaw(&card.current, "current")?, self.future.thaw(&card.future, "future")?];
        Ok(Box::new(FittedMatrix { matrix: self, card: card.clone(), from }))
    }

    fn section(&self) -> Option<&'static str> {
        Some("value_matrix")
    }
}

impl ValueMatrix {
    fn keys(&self, batch: &RecordBatch) -> Result<(Int64Array, Int64Array), ModelError> {
        Ok((self.current.measure.keys(batch)?, self.future.measure.keys(batch)?))
    }
}

/// The number of the cell of a customer with both values.
fn cell(from: [Option<i64>; 2], current: i64, future: i64) -> usize {
    let high = |from: Option<i64>, key: i64| usize::from(from.is_some_and(|from| key >= from));
    2 * high(from[0], current) + high(from[1], future)
}

/// The fitted matrix, ready to apply.
struct FittedMatrix<'p> {
    matrix: &'p ValueMatrix,
    card: ValueMatrixCard,
    /// The least high keys of both axes.
    from: [Option<i64>; 2],
}

impl Fitted for FittedMatrix<'_> {
    fn apply(&mut self, _first: usize, table: &[RecordBatch]) -> Result<Vec<Vec<ArrayRef>>, ModelError> {
        let (matrix, from) = (self.matrix, self.from);
        let cells = |batch| {
            let (current, future) = matrix.keys(batch)?;
            let both = current.iter().zip(&future);
            Ok(vec![labels(&CELLS, both.map(|(current, future)| Some(cell(from, current?, future?))))])
        };
        table.par_iter().map(cells).collect()
    }

    fn record(self: Box<Self>, card: &mut ModelCard) {
        card.value_matrix = Some(self.card);
    }
}
