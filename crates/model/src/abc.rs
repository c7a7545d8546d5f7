//! ABC classes: the few customers that most of the value comes from, those of the rest, and the many others.
//!
//! Values fall from the largest; a customer is A while those before hold less than a share of the sum, as in Juran's
//! "vital few": the one who crosses the line is still among them. Equal values share a class.

use appraise_schema::{ColumnSpec, ColumnType, Share};
use arrow::array::{ArrayRef, RecordBatch};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::card::ModelCard;
use crate::error::ModelError;
use crate::measure::{Measure, MeasureValue, SHARE_PARTS, labels, share_parts};
use crate::model::{Fitted, Model};

/// The classes, from the best.
const CLASSES: [&str; 3] = ["A", "B", "C"];

/// Parameters of the ABC classes.
#[derive(Debug, Clone, PartialEq)]
pub struct AbcConfig {
    /// The column of money or numbers whose sum is shared out; `None` for `gross_margin` where it is there, else
    /// `net_revenue`.
    pub measure: Option<String>,
    /// Customers are A while those before them hold less than this share of the sum.
    pub a: Share,
    /// And B while those before them hold less than this one.
    pub b: Share,
}

impl AbcConfig {
    /// Checks what the types can't say.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] unless 0 < a < b.
    pub fn check(&self) -> Result<(), ModelError> {
        if 0.0 < self.a.fraction() && self.a < self.b {
            return Ok(());
        }
        let expected = "a share above 0% and below `abc.b`".to_owned();
        Err(ModelError::Parameter { parameter: "abc.a", value: self.a.to_string(), expected })
    }
}

/// Fitted ABC classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbcCard {
    /// The column whose sum is shared out.
    pub measure: String,
    /// Share of the sum that ends class A.
    pub a: f64,
    /// Share of the sum that ends class B.
    pub b: f64,
    /// The three classes, from A to C.
    pub classes: Vec<AbcClassCard>,
}

/// The fitted customers of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbcClassCard {
    /// `A`, `B` or `C`.
    pub class: String,
    /// How many they are.
    pub customers: u64,
    /// The least value of A and of B: the cut-off. `None` for C, and where nobody is in the class.
    pub least: Option<MeasureValue>,
    /// Sum of their values above 0; `None` for doubles.
    pub sum: Option<String>,
    /// Their share of that sum over all classes; 0 when nobody's value is above 0.
    pub share: f64,
}

/// ABC classes, checked.
pub(crate) struct Abc {
    config: AbcConfig,
    measure: Measure,
}

impl Abc {
    /// Checks the parameters, and that `columns` has the one that is shared out.
    pub(crate) fn new(config: AbcConfig, columns: &[ColumnSpec]) -> Result<Self, ModelError> {
        config.check()?;
        let measure = Measure::or_margin(config.measure.as_deref(), columns)?;
        Ok(Self { config, measure })
    }
}

impl Model for Abc {
    fn columns(&self) -> Vec<ColumnSpec> {
        let percent = |share: Share| (share.fraction() * 1e8).round() / 1e6;
        let meaning = format!(
            "A while the customers of greater {} hold less than {}% of its sum, B less than {}%, else C; NULL without it",
            self.measure.column,
            percent(self.config.a),
            percent(self.config.b),
        );
        vec![ColumnSpec::nullable("abc_class", ColumnType::String, "", &meaning)]
    }

    fn fit_inputs(&self) -> Vec<String> {
        vec![self.measure.column.clone()]
    }

    fn inputs(&self) -> Vec<String> {
        self.fit_inputs()
    }

    fn fit(&self, table: &[RecordBatch]) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let mut positive: Vec<i64> = Vec::new();
        let mut others = 0_u64;
        for batch in table {
            let keys = self.measure.keys(batch)?;
            let before = positive.len();
            positive.extend(keys.iter().flatten().filter(|&key| key > 0));
            let known = keys.iter().flatten().count();
            others += (known - (positive.len() - before)) as u64;
        }
        positive.par_sort_unstable_by(|a, b| b.cmp(a));
        let card = self.share_out(&positive, others);
        self.thawed(card)
    }

    fn thaw(&self, card: &ModelCard) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let card = card.abc.as_ref().ok_or_else(|| ModelError::not_in_card("`abc`"))?;
        let pairs = [
            ("`measure` of `abc`", card.measure.clone(), self.measure.column.clone()),
            ("`a` of `abc`", card.a.to_string(), self.config.a.fraction().to_string()),
            ("`b` of `abc`", card.b.to_string(), self.config.b.fraction().to_string()),
        ];
        match pairs.into_iter().find(|(_, card, config)| card != config) {
            Some((what, card, config)) => Err(ModelError::CardMismatch { what: what.to_owned(), card, config }),
            None => self.thawed(card.clone()),
        }
    }

    fn section(&self) -> Option<&'static str> {
        Some("abc")
    }
}

/// What is summed up of a class.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    customers: u64,
    sum: i128,
    least: Option<i64>,
}

impl Abc {
    /// The card of `positive` keys, from the largest, and of `others`, whose values are 0 or less.
    fn share_out(&self, positive: &[i64], others: u64) -> AbcCard {
        let largest = positive.first().copied().unwrap_or_default();
        let weigh = |block: &[i64]| self.measure.weight(block[0], largest) * block.len() as i128;
        let blocks = || positive.chunk_by(|a, b| a == b);
        let whole: i128 = blocks().map(weigh).sum();
        let ends = [share_parts(self.config.a.fraction()), share_parts(self.config.b.fraction())];
        let mut classes = [Total::default(); 3];
        let mut before = 0_i128;
        for block in blocks() {
            let number = ends.iter().filter(|end| before * SHARE_PARTS >= *end * whole).count();
            let class = &mut classes[number];
            class.customers += block.len() as u64;
            class.sum += weigh(block);
            class.least = Some(block[0]);
            before += weigh(block);
        }
        classes[2].customers += others;
        let card = |(name, total): (&str, &Total)| AbcClassCard {
            class: name.to_owned(),
            customers: total.customers,
            least: total.least.filter(|_| name != CLASSES[2]).map(|key| self.measure.value(key)),
            sum: self.measure.sum_text(total.sum),
            share: if whole == 0 { 0.0 } else { total.sum as f64 / whole as f64 },
        };
        AbcCard {
            measure: self.measure.column.clone(),
            a: self.config.a.fraction(),
            b: self.config.b.fraction(),
            classes: CLASSES.into_iter().zip(&classes).map(card).collect(),
        }
    }

    /// The cut-offs of a card.
    fn thawed(&self, card: AbcCard) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let broken = || ModelError::CardValue {
            what: "classes of abc".to_owned(),
            value: card.classes.iter().map(|class| class.class.as_str()).collect::<Vec<_>>().join(", "),
            expected: "A, B and C, whose least values fall and are above 0",
        };
        let named = card.classes.iter().map(|class| class.class.as_str()).eq(CLASSES);
        let [Some(a), Some(b)] = [card.classes.first(), card.classes.get(1)].map(|class| class.filter(|_| named))
        else {
            return Err(broken());
        };
        let least = |class: &AbcClassCard| class.least.as_ref().map(|least| self.measure.key(least)).transpose();
        let cuts = [least(a)?, least(b)?];
        let falling = cuts[0].zip(cuts[1]).is_none_or(|(a, b)| a > b);
        if !falling || cuts.iter().flatten().any(|&cut| cut <= 0) {
            return Err(broken());
        }
        Ok(Box::new(FittedAbc { measure: &self.measure, card, cuts }))
    }
}

/// Fitted classes, ready to apply.
struct FittedAbc<'p> {
    measure: &'p Measure,
    card: AbcCard,
    /// The least keys of A and of B.
    cuts: [Option<i64>; 2],
}

impl FittedAbc<'_> {
    /// The class of the greatest fitted value that is not above; C where there is none, and for 0 or less.
    fn class(&self, key: i64) -> usize {
        self.cuts.iter().position(|cut| cut.is_some_and(|cut| key >= cut)).unwrap_or(2)
    }
}

impl Fitted for FittedAbc<'_> {
    fn apply(&mut self, _first: usize, table: &[RecordBatch]) -> Result<Vec<Vec<ArrayRef>>, ModelError> {
        let fitted = &*self;
        let classes = |batch| {
            let keys = fitted.measure.keys(batch)?;
            Ok(vec![labels(&CLASSES, keys.iter().map(|key| key.map(|key| fitted.class(key))))])
        };
        table.par_iter().map(classes).collect()
    }

    fn record(self: Box<Self>, card: &mut ModelCard) {
        card.abc = Some(self.card);
    }
}
