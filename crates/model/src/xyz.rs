//! XYZ classes: how evenly a customer spends, by the coefficient of variation of the spend of calendar periods.

use appraise_schema::{ColumnSpec, ColumnType, TableContract};
use arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch};
use arrow::datatypes::Float64Type;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::card::ModelCard;
use crate::columns::absent;
use crate::error::ModelError;
use crate::measure::labels;
use crate::model::{Fitted, Model};

/// The feature that is classed.
const MEASURE: &str = "spend_cv";
/// The classes, from the steadiest.
const CLASSES: [&str; 3] = ["X", "Y", "Z"];

/// Parameters of the XYZ classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct XyzConfig {
    /// Greatest coefficient of variation of class X.
    pub x: f64,
    /// Greatest one of class Y.
    pub y: f64,
}

impl Default for XyzConfig {
    fn default() -> Self {
        Self { x: 0.5, y: 1.0 }
    }
}

impl XyzConfig {
    /// Checks what the types can't say.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] unless 0 ≤ x < y, both finite.
    pub fn check(&self) -> Result<(), ModelError> {
        if self.x >= 0.0 && self.x < self.y && self.y.is_finite() {
            return Ok(());
        }
        let expected = format!("a number from 0 and below `xyz.y`, which is {}", self.y);
        Err(ModelError::Parameter { parameter: "xyz.x", value: self.x.to_string(), expected })
    }

    fn class(self, variation: f64) -> usize {
        usize::from(variation > self.x) + usize::from(variation > self.y)
    }
}

/// The XYZ classes. Nothing is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XyzCard {
    /// Greatest coefficient of variation of class X.
    pub x: f64,
    /// Greatest one of class Y.
    pub y: f64,
    /// The three classes, from X to Z, among the customers of the fit.
    pub classes: Vec<ClassCard>,
}

/// How many of the customers of a fit are in a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassCard {
    /// Its name.
    pub class: String,
    /// How many they are.
    pub customers: u64,
}

impl ClassCard {
    /// The cards of `names` with their `customers`.
    pub(crate) fn all(names: &[&str], customers: &[u64]) -> Vec<Self> {
        let card = |(name, &customers): (&&str, &u64)| Self { class: (*name).to_owned(), customers };
        names.iter().zip(customers).map(card).collect()
    }
}

/// XYZ classes, checked.
pub(crate) struct Xyz {
    config: XyzConfig,
}

impl Xyz {
    /// Checks the parameters, and that `features` has the coefficient of variation.
    pub(crate) fn new(config: XyzConfig, features: &TableContract) -> Result<Self, ModelError> {
        config.check()?;
        let found = features.columns.iter().find(|column| column.name == MEASURE);
        found.filter(|column| column.column_type == ColumnType::Float64).ok_or_else(|| absent(MEASURE, "DOUBLE"))?;
        Ok(Self { config })
    }
}

impl Model for Xyz {
    fn columns(&self) -> Vec<ColumnSpec> {
        let XyzConfig { x, y } = self.config;
        let meaning = format!("X when {MEASURE} is at most {x}, Y at most {y}, else Z; NULL without it");
        vec![ColumnSpec::nullable("xyz_class", ColumnType::String, "", &meaning)]
    }

    fn fit_inputs(&self) -> Vec<String> {
        vec![MEASURE.to_owned()]
    }

    fn inputs(&self) -> Vec<String> {
        self.fit_inputs()
    }

    fn fit(&self, table: &[RecordBatch]) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let mut customers = [0_u64; 3];
        for batch in table {
            for value in variations(batch)?.iter().flatten() {
                customers[self.config.class(value)] += 1;
            }
        }
        let XyzConfig { x, y } = self.config;
        let card = XyzCard { x, y, classes: ClassCard::all(&CLASSES, &customers) };
        Ok(Box::new(FittedXyz { config: self.config, card }))
    }

    fn thaw(&self, card: &ModelCard) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let card = card.xyz.as_ref().ok_or_else(|| ModelError::not_in_card("`xyz`"))?;
        let (fitted, asked) = ([card.x, card.y], [self.config.x, self.config.y]);
        if fitted == asked {
            return Ok(Box::new(FittedXyz { config: self.config, card: card.clone() }));
        }
        let shown = |[x, y]: [f64; 2]| format!("{x}, {y}");
        let what = "`x`, `y` of `xyz`".to_owned();
        Err(ModelError::CardMismatch { what, card: shown(fitted), config: shown(asked) })
    }

    fn section(&self) -> Option<&'static str> {
        Some("xyz")
    }
}

fn variations(batch: &RecordBatch) -> Result<&Float64Array, ModelError> {
    let column = batch.column_by_name(MEASURE).and_then(|column| column.as_primitive_opt::<Float64Type>());
    column.ok_or_else(|| absent(MEASURE, "DOUBLE"))
}

/// Classes, ready to apply.
struct FittedXyz {
    config: XyzConfig,
    card: XyzCard,
}

impl Fitted for FittedXyz {
    fn apply(&mut self, _first: usize, table: &[RecordBatch]) -> Result<Vec<Vec<ArrayRef>>, ModelError> {
        let config = self.config;
        let classes = |batch| {
            let values = variations(batch)?;
            Ok(vec![labels(&CLASSES, values.iter().map(|value| value.map(|value| config.class(value))))])
        };
        table.par_iter().map(classes).collect()
    }

    fn record(self: Box<Self>, card: &mut ModelCard) {
        card.xyz = Some(self.card);
    }
}
