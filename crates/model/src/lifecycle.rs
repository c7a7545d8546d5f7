//! The lifecycle: where a customer stands between a first contact and being lost, by the customer's own rhythm.

use appraise_schema::{ColumnSpec, ColumnType, TableContract};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::card::ModelCard;
use crate::columns::{absent, texts, values_of};
use crate::error::ModelError;
use crate::groups::GroupTree;
use crate::measure::labels;
use crate::model::{Fitted, Model};
use crate::xyz::ClassCard;

/// The states, in the order of a customer's life.
const STATES: [&str; 7] = ["prospect", "new", "active", "cooling", "dormant", "lost", "won_back"];
const PROSPECT: usize = 0;
const NEW: usize = 1;
const ACTIVE: usize = 2;
const LOST: usize = 5;
const WON_BACK: usize = 6;

/// The columns that are read, with their types.
const INPUTS: [(&str, ColumnType, &str); 5] = [
    ("days_since_last_purchase", ColumnType::Int32, "INT32"),
    ("purchase_periods", ColumnType::Int64, "INT64"),
    ("mean_gap_days", ColumnType::Float64, "DOUBLE"),
    ("last_gap_days", ColumnType::Float64, "DOUBLE"),
    ("overdue_ratio", ColumnType::Float64, "DOUBLE"),
];

/// Parameters of the lifecycle.
#[derive(Debug, Clone, PartialEq)]
pub struct LifecycleConfig {
    /// Whoever bought within so many days is new, won back or active, whatever the rhythm.
    pub new_days: u32,
    /// Whoever has not bought for more days is lost, whatever the rhythm.
    pub lost_days: u32,
    /// Greatest time since the last purchase of active customers, in their own mean gaps.
    pub active: f64,
    /// The same of cooling ones.
    pub cooling: f64,
    /// The same of dormant ones; beyond, they are lost.
    pub dormant: f64,
    /// Text columns that make groups of alike customers, each within those before it; may be empty.
    pub group_by: Vec<String>,
    /// Fewest repeaters whose median gap stands for the customers of one purchase.
    pub min_repeaters: u64,
}

impl Default for LifecycleConfig {
    fn default() -> Self {
        Self {
            new_days: 90,
            lost_days: 730,
            active: 1.5,
            cooling: 3.0,
            dormant: 6.0,
            group_by: Vec::new(),
            min_repeaters: 30,
        }
    }
}

impl LifecycleConfig {
    /// Checks what the types can't say.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] unless the days and the multiples rise.
    pub fn check(&self) -> Result<(), ModelError> {
        let wrong = |parameter, value: String, expected: &str| {
            Err(ModelError::Parameter { parameter, value, expected: expected.to_owned() })
        };
        if self.new_days >= self.lost_days {
            return wrong("lifecycle.new_days", self.new_days.to_string(), "fewer days than `lifecycle.lost_days`");
        }
        let [active, cooling, dormant] = self.multiples();
        if !(active > 0.0 && active < cooling && cooling < dormant && dormant.is_finite()) {
            let value = format!("{active}, then {cooling}, {dormant}");
            return wrong("lifecycle.active", value, "numbers above 0 that rise from active to cooling to dormant");
        }
        if self.min_repeaters == 0 {
            return wrong("lifecycle.min_repeaters", "0".to_owned(), "at least 1");
        }
        Ok(())
    }

    fn multiples(&self) -> [f64; 3] {
        [self.active, self.cooling, self.dormant]
    }
}

/// The fitted lifecycle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifecycleCard {
    /// As configured.
    pub new_days: u32,
    /// As configured.
    pub lost_days: u32,
    /// Greatest multiples of the gap of active, cooling and dormant customers.
    pub multiples: [f64; 3],
    /// The attributes that make the groups, from the widest.
    pub group_by: Vec<String>,
    /// As configured.
    pub min_repeaters: u64,
    /// The groups with enough repeaters, each after the one that it is within; all customers first.
    pub groups: Vec<GapCard>,
    /// The states, with the fitted customers.
    pub states: Vec<ClassCard>,
}

/// The rhythm of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GapCard {
    /// Values of the first attributes; none for all customers.
    pub group: Vec<Option<String>>,
    /// Customers who bought in more than one period.
    pub repeaters: u64,
    /// Median of their mean gaps.
    pub median_gap_days: f64,
}

/// The lifecycle, checked.
pub(crate) struct Lifecycle {
    config: LifecycleConfig,
}

impl Lifecycle {
    /// Checks the parameters, and that `features` has the columns that are read.
    pub(crate) fn new(config: LifecycleConfig, features: &TableContract) -> Result<Self, ModelError> {
        config.check()?;
        let is = |name: &str, of: ColumnType| {
            features.columns.iter().any(|column| column.name == name && column.column_type == of)
        };
        for (name, column_type, expected) in INPUTS {
            if !is(name, column_type) {
                return Err(absent(name, expected));
            }
        }
        match config.group_by.iter().find(|name| !is(name, ColumnType::String)) {
            Some(name) => Err(absent(name, "STRING")),
            None => Ok(Self { config }),
        }
    }
}

impl Model for Lifecycle {
    fn columns(&self) -> Vec<ColumnSpec> {
        let LifecycleConfig { new_days, lost_days, active, cooling, dormant, .. } = &self.config;
        let meaning = format!(
            "prospect: no purchase stands; bought at most {new_days} days ago: won_back after more than {lost_days} days \
             without, new with a first purchase, else active; lost: more than {lost_days} days ago; else by the own mean \
             gap: active to {active} of it, cooling to {cooling}, dormant to {dormant}, lost beyond"
        );
        vec![ColumnSpec::required("lifecycle", ColumnType::String, "", &meaning)]
    }

    fn fit_inputs(&self) -> Vec<String> {
        let names = INPUTS.iter().map(|(name, ..)| (*name).to_owned());
        names.chain(self.config.group_by.iter().cloned()).collect()
    }

    fn inputs(&self) -> Vec<String> {
        self.fit_inputs()
    }

    fn fit(&self, table: &[RecordBatch]) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let groups = fit_groups(&self.config, table)?;
        let mut fitted = self.thawed(LifecycleCard {
            new_days: self.config.new_days,
            lost_days: self.config.lost_days,
            multiples: self.config.multiples(),
            group_by: self.config.group_by.clone(),
            min_repeaters: self.config.min_repeaters,
            groups,
            states: Vec::new(),
        })?;
        let mut customers = [0_u64; STATES.len()];
        for batch in table {
            let rows = Rows::of(&self.config, batch)?;
            (0..batch.num_rows()).for_each(|row| customers[fitted.state(&rows, row)] += 1);
        }
        fitted.card.states = ClassCard::all(&STATES, &customers);
        Ok(Box::new(fitted))
    }

    fn thaw(&self, card: &ModelCard) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let card = card.lifecycle.as_ref().ok_or_else(|| ModelError::not_in_card("`lifecycle`"))?;
        let config = &self.config;
        let pairs = [
            ("new_days", card.new_days.to_string(), config.new_days.to_string()),
            ("lost_days", card.lost_days.to_string(), config.lost_days.to_string()),
            ("active, cooling, dormant", format!("{:?}", card.multiples), format!("{:?}", config.multiples())),
            ("group_by", format!("[{}]", card.group_by.join(", ")), format!("[{}]", config.group_by.join(", "))),
            ("min_repeaters", card.min_repeaters.to_string(), config.min_repeaters.to_string()),
        ];
        match pairs.into_iter().find(|(_, card, config)| card != config) {
            Some((what, card, config)) => {
                Err(ModelError::CardMismatch { what: format!("`{what}` of `lifecycle`"), card, config })
            }
            None => Ok(Box::new(self.thawed(card.clone())?)),
        }
    }

    fn section(&self) -> Option<&'static str> {
        Some("lifecycle")
    }
}

impl Lifecycle {
    fn thawed(&self, card: LifecycleCard) -> Result<FittedLifecycle<'_>, ModelError> {
        let mut tree = GroupTree::default();
        let mut gaps: Vec<f64> = Vec::with_capacity(card.groups.len().max(1));
        for group in &card.groups {
            let number = tree.insert(group.group.iter().map(Option::as_deref));
            let positive = group.median_gap_days > 0.0 && group.median_gap_days.is_finite();
            if number != gaps.len() || group.group.len() > card.group_by.len() || !positive {
                return Err(ModelError::CardValue {
                    what: "groups of lifecycle".to_owned(),
                    value: format!("{:?}", group.group),
                    expected: "each group once, after those it is within, and a gap above 0",
                });
            }
            gaps.push(group.median_gap_days);
        }
        if gaps.is_empty() {
            // Nobody's rhythm is known: customers of one purchase are lost after `lost_days` and not before.
            gaps.push(f64::from(self.config.lost_days) / self.config.dormant);
        }
        Ok(FittedLifecycle { config: &self.config, card, tree, gaps })
    }
}

/// The groups with enough repeaters, from all customers to the narrowest, with the median of their mean gaps.
fn fit_groups(config: &LifecycleConfig, table: &[RecordBatch]) -> Result<Vec<GapCard>, ModelError> {
    let mut tree = GroupTree::default();
    let mut gaps: Vec<Vec<f64>> = vec![Vec::new()];
    for batch in table {
        let rows = Rows::of(config, batch)?;
        for row in 0..batch.num_rows() {
            if let Some(gap) = known(rows.mean_gap, row) {
                let group = tree.insert(values_of(&rows.attributes, row));
                gaps.resize(tree.len(), Vec::new());
                gaps[group].push(gap);
            }
        }
    }
    // A group stands behind the one that it is within.
    for group in (0..tree.len()).rev() {
        for (_, child) in tree.within(group) {
            let (to, from) = gaps.split_at_mut(child);
            to[group].extend_from_slice(&from[0]);
        }
    }
    let mut cards = Vec::new();
    let mut waiting: Vec<(usize, Vec<Option<String>>)> = vec![(GroupTree::ALL, Vec::new())];
    while !waiting.is_empty() {
        let mut below = Vec::new();
        for (group, values) in waiting {
            if (gaps[group].len() as u64) < config.min_repeaters {
                continue;
            }
            below.extend(tree.within(group).map(|(name, child)| {
                (child, values.iter().cloned().chain([name.map(str::to_owned)]).collect::<Vec<_>>())
            }));
            let (repeaters, median_gap_days) = (gaps[group].len() as u64, median(&mut gaps[group]));
            cards.push(GapCard { group: values, repeaters, median_gap_days });
        }
        waiting = below;
    }
    Ok(cards)
}

/// The middle of `values`, of which there is one; of two middle ones their mean.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

/// The fitted lifecycle, ready to apply.
struct FittedLifecycle<'p> {
    config: &'p LifecycleConfig,
    card: LifecycleCard,
    tree: GroupTree,
    /// Median gap of each group of `tree`.
    gaps: Vec<f64>,
}

impl FittedLifecycle<'_> {
    /// The number of the state of `row`.
    fn state(&self, rows: &Rows<'_>, row: usize) -> usize {
        let LifecycleConfig { new_days, lost_days, .. } = *self.config;
        if rows.days.is_null(row) {
            return PROSPECT;
        }
        let days = i64::from(rows.days.value(row));
        let recent = days <= i64::from(new_days);
        if recent && known(rows.last_gap, row).is_some_and(|gap| gap > f64::from(lost_days)) {
            return WON_BACK;
        }
        if recent {
            // Two purchases a day apart are no rhythm by which somebody is lost within the week.
            return if rows.periods.value(row) == 1 { NEW } else { ACTIVE };
        }
        if days > i64::from(lost_days) {
            return LOST;
        }
        let overdue = known(rows.overdue, row)
            .unwrap_or_else(|| days as f64 / self.gaps[self.tree.nearest(values_of(&rows.attributes, row))]);
        ACTIVE + self.config.multiples().iter().filter(|&&multiple| overdue > multiple).count()
    }
}

impl Fitted for FittedLifecycle<'_> {
    fn apply(&mut self, _first: usize, table: &[RecordBatch]) -> Result<Vec<Vec<ArrayRef>>, ModelError> {
        let fitted = &*self;
        let states = |batch: &RecordBatch| {
            let rows = Rows::of(fitted.config, batch)?;
            Ok(vec![labels(&STATES, (0..batch.num_rows()).map(|row| Some(fitted.state(&rows, row))))])
        };
        table.par_iter().map(states).collect()
    }

    fn record(self: Box<Self>, card: &mut ModelCard) {
        card.lifecycle = Some(self.card);
    }
}

/// The columns of a batch that the model reads.
struct Rows<'a> {
    days: &'a Int32Array,
    periods: &'a Int64Array,
    mean_gap: &'a Float64Array,
    last_gap: &'a Float64Array,
    overdue: &'a Float64Array,
    attributes: Vec<&'a StringArray>,
}

impl<'a> Rows<'a> {
    fn of(config: &LifecycleConfig, batch: &'a RecordBatch) -> Result<Self, ModelError> {
        let column = |number: usize| {
            let (name, _, expected) = INPUTS[number];
            batch.column_by_name(name).ok_or_else(|| absent(name, expected))
        };
        let wrong = |number: usize| absent(INPUTS[number].0, INPUTS[number].2);
        let double = |number| column(number)?.as_primitive_opt::<Float64Type>().ok_or_else(|| wrong(number));
        Ok(Self {
            days: column(0)?.as_primitive_opt::<Int32Type>().ok_or_else(|| wrong(0))?,
            periods: column(1)?.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong(1))?,
            mean_gap: double(2)?,
            last_gap: double(3)?,
            overdue: double(4)?,
            attributes: texts(&config.group_by, batch)?,
        })
    }
}

fn known(column: &Float64Array, row: usize) -> Option<f64> {
    column.is_valid(row).then(|| column.value(row))
}
