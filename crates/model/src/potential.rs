//! Look-alike value: what a year of a customer is worth, by the customer's own years and those of alike customers.
//!
//! The more years a customer has shown, and the more customers differ compared with the years of one, the more the own
//! mean counts; the rest is the value of the customer's group, which leans on its wider group in the same way. The
//! mathematics is in [`crate::credibility`], the exact definition in `docs/models.md`.

use std::collections::BTreeMap;
use std::sync::Arc;

use appraise_schema::{ColumnSpec, ColumnType, Share, TableContract};
use arrow::array::{Array, ArrayRef, AsArray, Decimal64Array, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use rayon::prelude::*;

use crate::card::{CardValue, DemandCard, GroupCard, LevelCard, ModelCard, PotentialCard};
use crate::columns::{MONEY, absent, money, texts, values_of, whole_minor};
use crate::config::PotentialConfig;
use crate::credibility::{Evidence, Spread, Variances, blend};
use crate::error::ModelError;
use crate::groups::GroupTree;
use crate::measure::{SHARE_PARTS, share_parts};
use crate::model::{Fitted, Model};

/// The columns of the complete years since a customer's entry.
const YEARS: [&str; 5] = ["margin_year_1", "margin_year_2", "margin_year_3", "margin_year_4", "margin_year_5"];

/// The column of the probability to be a customer still.
const ALIVE: &str = "p_alive";

/// The look-alike value, checked.
pub(crate) struct Potential {
    config: PotentialConfig,
    /// Decimal places of money.
    scale: u8,
    /// Whether it is known how probably customers are still there.
    knows_alive: bool,
    columns: Vec<ColumnSpec>,
}

impl Potential {
    /// Checks the parameters and that `features` has the columns that they name; `knows_alive` says that lifetime value stands
    /// before these.
    pub(crate) fn new(
        config: PotentialConfig,
        scale: u8,
        features: &TableContract,
        knows_alive: bool,
    ) -> Result<Self, ModelError> {
        config.check()?;
        let columns = columns(&config, features, knows_alive)?;
        Ok(Self { config, scale, knows_alive, columns })
    }
}

impl Model for Potential {
    fn columns(&self) -> Vec<ColumnSpec> {
        self.columns.clone()
    }

    fn fit_inputs(&self) -> Vec<String> {
        let years = YEARS.iter().map(|&name| name.to_owned());
        years.chain(self.config.by.iter().chain(&self.config.demand).cloned()).collect()
    }

    fn inputs(&self) -> Vec<String> {
        self.fit_inputs().into_iter().chain(self.knows_alive.then(|| ALIVE.to_owned())).collect()
    }

    fn fit(&self, table: &[RecordBatch]) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let fitted = fit(&self.config, self.scale, table)?;
        Ok(Box::new(FittedPotential { knows_alive: self.knows_alive, ..fitted }))
    }

    fn thaw(&self, card: &ModelCard) -> Result<Box<dyn Fitted + '_>, ModelError> {
        let card = card.potential.as_ref().ok_or_else(|| ModelError::not_in_card("`potential`"))?;
        let fitted = from_card(&self.config, self.scale, card)?;
        Ok(Box::new(FittedPotential { knows_alive: self.knows_alive, ..fitted }))
    }

    fn section(&self) -> Option<&'static str> {
        Some("potential")
    }
}

/// The columns that the model adds to customers with `features`.
///
/// # Errors
/// [`ModelError::Column`] when a column that it reads is absent or of another type.
fn columns(
    config: &PotentialConfig,
    features: &TableContract,
    knows_alive: bool,
) -> Result<Vec<ColumnSpec>, ModelError> {
    let find = |name: &str| features.columns.iter().find(|column| column.name == name);
    let expect = |name: &str, expected: &str, fits: fn(ColumnType) -> bool| {
        find(name).filter(|column| fits(column.column_type)).ok_or_else(|| absent(name, expected))
    };
    let is_money = |column_type| matches!(column_type, ColumnType::Decimal { precision: 18, .. });
    for year in YEARS {
        expect(year, MONEY, is_money)?;
    }
    for name in &config.by {
        expect(name, "STRING", |column_type| column_type == ColumnType::String)?;
    }
    if let Some(name) = &config.demand {
        expect(name, "DOUBLE", |column_type| column_type == ColumnType::Float64)?;
    }
    let year = expect(YEARS[0], MONEY, is_money)?;
    let of = year.meaning.split_whitespace().next().unwrap_or("margin");
    let silent = "NULL when no customer has a complete year";
    let market = match &config.demand {
        Some(demand) => format!(", times {demand} over its mean of the fitted customers"),
        None => String::new(),
    };
    let money = |name, meaning: &str| ColumnSpec::nullable(name, year.column_type, &year.unit, meaning);
    let mut columns = vec![
        money("lookalike_value", &format!("expected {of} of a year, by own and alike customers' years; {silent}")),
        ColumnSpec::nullable(
            "lookalike_credibility",
            ColumnType::Float64,
            "",
            &format!("weight of the customer's own years in it, 0 to 1; the rest are alike customers; {silent}"),
        ),
        money("potential_value", &format!("lookalike_value over the horizon of {}{market}; {silent}", config.horizon)),
    ];
    if knows_alive {
        let meaning = "potential_value times p_alive: what of it is still to be had; NULL as p_alive is";
        columns.push(money("expected_potential_value", meaning));
    }
    Ok(columns)
}

/// Fitted values, ready to apply.
struct FittedPotential<'p> {
    config: &'p PotentialConfig,
    card: PotentialCard,
    tree: GroupTree,
    /// θ of each group of `tree`, in minor units a year.
    values: Vec<f64>,
    /// Of the customers within their groups; `None` when no customer had a complete year.
    customers: Option<Variances>,
    /// Greatest margin that counts in full.
    cut: i64,
    /// Whether it is known how probably customers are still there.
    knows_alive: bool,
}

/// The complete years of one customer, in the order in which sums run over customers.
#[derive(Debug, Clone, Copy)]
struct Customer {
    /// Number of the group.
    group: usize,
    years: Years,
}

/// The complete years of a customer, cut.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Years {
    count: u32,
    /// Their sum, in minor units.
    sum: i64,
    /// Σ (X − X̄)², in squared minor units.
    squares: f64,
}

impl Years {
    fn mean(self) -> f64 {
        self.sum as f64 / f64::from(self.count)
    }
}

impl From<Customer> for Evidence {
    fn from(customer: Customer) -> Self {
        Self { exposure: f64::from(customer.years.count), mean: customer.years.mean() }
    }
}

/// Fits variances and group values to the customers of `batches`.
fn fit<'p>(config: &'p PotentialConfig, scale: u8, batches: &[RecordBatch]) -> Result<FittedPotential<'p>, ModelError> {
    let cut = largest_kept(config.winsorise, batches)?;
    let mut tree = GroupTree::default();
    let mut customers: Vec<Customer> = Vec::new();
    let mut indices: Vec<f64> = Vec::new();
    for (batch, rows) in batches.iter().enumerate() {
        let rows = Rows::of(config, batch, rows)?;
        for row in 0..rows.count {
            let years = rows.years(row, cut.unwrap_or(i64::MAX));
            if years.count > 0 {
                customers.push(Customer { group: tree.insert(rows.attributes(row)), years });
                indices.extend(rows.index(row)?);
            }
        }
    }
    let demand = config.demand.as_ref().map(|column| demand_card(column, &mut indices));
    let mut card = PotentialCard {
        by: config.by.clone(),
        winsorise: config.winsorise.fraction(),
        cut: cut.map(|cut| CardValue::new(cut, Some(scale))),
        demand,
        levels: Vec::new(),
        groups: Vec::new(),
    };
    if !customers.is_empty() {
        // Sums of doubles run in the order of values, so that the order of rows does not count.
        customers.par_sort_unstable_by(|a, b| {
            let key = |customer: &Customer| (customer.group, customer.years.count, customer.years.sum);
            key(a).cmp(&key(b)).then(a.years.squares.total_cmp(&b.years.squares))
        });
        (card.levels, card.groups) = fit_groups(&config.by, &tree, &customers);
    }
    from_card(config, scale, &card)
}

/// The order statistic of all complete years of which `share` of them are not greater: number ⌈share · N⌉ of N. `None`
/// without any.
fn largest_kept(share: Share, batches: &[RecordBatch]) -> Result<Option<i64>, ModelError> {
    let mut margins: Vec<i64> = Vec::new();
    for batch in batches {
        for name in YEARS {
            margins.extend(money(batch, name)?.iter().flatten());
        }
    }
    if margins.is_empty() {
        return Ok(None);
    }
    let position = rank(share, margins.len()) - 1;
    Ok(Some(*margins.select_nth_unstable(position).1))
}

/// ⌈share · count⌉, from 1 to `count`.
fn rank(share: Share, count: usize) -> usize {
    let rank = (share_parts(share.fraction()) * count as i128 + SHARE_PARTS - 1) / SHARE_PARTS;
    usize::try_from(rank).unwrap_or(count).clamp(1, count)
}

fn demand_card(column: &str, indices: &mut [f64]) -> DemandCard {
    indices.sort_unstable_by(f64::total_cmp);
    let count = indices.len() as f64;
    let base = (count > 0.0).then(|| indices.iter().sum::<f64>() / count);
    DemandCard { column: column.to_owned(), base, customers: indices.len() as u64 }
}

/// What is summed up of a group.
#[derive(Debug, Clone, Copy)]
struct Total {
    customers: u64,
    years: u64,
    evidence: Evidence,
}

/// The levels and groups of a card for `customers`, who are ordered by group and then by their years.
fn fit_groups(by: &[String], tree: &GroupTree, customers: &[Customer]) -> (Vec<LevelCard>, Vec<GroupCard>) {
    // From all customers to the narrowest groups; their order is that of values.
    let mut levels = vec![vec![(None, GroupTree::ALL)]];
    for depth in 0..by.len() {
        let below = levels[depth].iter().flat_map(|&(_, group)| tree.within(group)).collect();
        levels.push(below);
    }
    let of_group: BTreeMap<usize, &[Customer]> =
        customers.chunk_by(|a, b| a.group == b.group).map(|members| (members[0].group, members)).collect();
    let narrowest: Vec<(usize, &[Customer])> = levels[by.len()]
        .iter()
        .filter_map(|(_, group)| of_group.get(group).map(|members| (*group, *members)))
        .collect();
    let families: Vec<&[Customer]> = narrowest.iter().map(|(_, members)| *members).collect();

    let mut variances = of_customers(&families);
    let mut fitted = vec![variances];
    let mut totals: BTreeMap<usize, Total> = BTreeMap::new();
    for (group, members) in narrowest {
        let years = members.iter().map(|customer| u64::from(customer.years.count)).sum();
        totals.insert(group, Total { customers: members.len() as u64, years, evidence: variances.pool(members) });
    }
    for level in levels[..by.len()].iter().rev() {
        let within = |group: usize| tree.within(group).filter_map(|(_, child)| totals.get(&child)).copied();
        let families: Vec<Vec<Total>> = level.iter().map(|&(_, group)| within(group).collect()).collect();
        variances = Variances::new(Spread::of(&families), variances.within_above());
        fitted.push(variances);
        for (&(_, group), family) in level.iter().zip(&families) {
            let customers = family.iter().map(|total| total.customers).sum();
            let years = family.iter().map(|total| total.years).sum();
            totals.insert(group, Total { customers, years, evidence: variances.pool(family) });
        }
    }
    fitted.reverse();
    let name = |depth: usize| if depth < by.len() { by[..=depth].join("+") } else { "customer".to_owned() };
    let of_level = |(depth, level): (usize, &Variances)| LevelCard {
        of: name(depth),
        within: level.within,
        between: level.between,
    };
    (fitted.iter().enumerate().map(of_level).collect(), group_cards(tree, &totals, &fitted))
}

impl From<Total> for Evidence {
    fn from(total: Total) -> Self {
        total.evidence
    }
}

/// s² and τ² of the customers within `families`, their narrowest groups. Without a customer of two years the two can't be
/// told apart: all is taken for s².
fn of_customers(families: &[&[Customer]]) -> Variances {
    let spread = Spread::of(families);
    let (mut squares, mut freedom) = (0.0, 0_u64);
    for customer in families.iter().copied().flatten() {
        squares += customer.years.squares;
        freedom += u64::from(customer.years.count - 1);
    }
    let within = if freedom > 0 { squares / freedom as f64 } else { spread.whole() };
    if freedom > 0 { Variances::new(spread, within) } else { Variances { within, between: 0.0 } }
}

/// The groups of `tree` from the widest to the narrowest, with their values; `levels` are those of the groups.
fn group_cards(tree: &GroupTree, totals: &BTreeMap<usize, Total>, levels: &[Variances]) -> Vec<GroupCard> {
    let mut cards: Vec<GroupCard> = Vec::with_capacity(tree.len());
    // Groups to write, with their values and the θ of the group that they are in.
    let mut waiting: Vec<(usize, Vec<Option<String>>, Option<f64>)> = vec![(GroupTree::ALL, Vec::new(), None)];
    while !waiting.is_empty() {
        let mut below = Vec::new();
        for (group, values, parent) in waiting {
            let Some(Total { customers, years, evidence: Evidence { exposure, mean } }) = totals.get(&group).copied()
            else {
                continue;
            };
            let credibility = match values.len().checked_sub(1) {
                Some(level) => levels[level].credibility(exposure),
                None => 1.0,
            };
            let value = blend(credibility, mean, parent.unwrap_or(mean));
            below.extend(tree.within(group).map(|(name, child)| {
                let values = values.iter().cloned().chain([name.map(str::to_owned)]).collect();
                (child, values, Some(value))
            }));
            cards.push(GroupCard { group: values, customers, years, exposure, mean, credibility, value });
        }
        waiting = below;
    }
    cards
}

/// Takes the values of a card that was fitted before. The horizon comes from `config`: it is chosen, not fitted.
fn from_card<'p>(
    config: &'p PotentialConfig,
    scale: u8,
    card: &PotentialCard,
) -> Result<FittedPotential<'p>, ModelError> {
    check_fits(config, card)?;
    let broken = |what: &str, value: String, expected| ModelError::CardValue { what: what.to_owned(), value, expected };
    let levels = if card.groups.is_empty() { 0 } else { card.by.len() + 1 };
    if card.levels.len() != levels {
        return Err(broken(
            "levels of potential",
            card.levels.len().to_string(),
            "one for each attribute, and customers",
        ));
    }
    for LevelCard { of, within, between } in &card.levels {
        if let Some(variance) =
            [within, between].into_iter().find(|&&variance| !(variance >= 0.0 && variance.is_finite()))
        {
            return Err(broken(&format!("a variance of {of}"), variance.to_string(), "a number from 0"));
        }
    }
    let base = card.demand.as_ref().and_then(|demand| demand.base);
    if let Some(base) = base.filter(|base| !(*base > 0.0 && base.is_finite())) {
        return Err(broken("base of demand", base.to_string(), "a number above 0"));
    }
    let mut tree = GroupTree::default();
    let mut values = Vec::with_capacity(card.groups.len());
    for group in &card.groups {
        let number = tree.insert(group.group.iter().map(Option::as_deref));
        if number != values.len() || group.group.len() > card.by.len() || !group.value.is_finite() {
            let expected = "each group once, after those it is within, and a number for its value";
            return Err(broken("groups of potential", format!("{:?}", group.group), expected));
        }
        values.push(group.value);
    }
    let cut = card.cut.as_ref().map(|cut| cut.integer(Some(scale), "cut of potential")).transpose()?;
    let customers = card.levels.last().map(|level| Variances { within: level.within, between: level.between });
    Ok(FittedPotential {
        config,
        card: card.clone(),
        tree,
        values,
        customers,
        cut: cut.unwrap_or(i64::MAX),
        knows_alive: false,
    })
}

/// Refuses a card that was fitted with other parameters.
fn check_fits(config: &PotentialConfig, card: &PotentialCard) -> Result<(), ModelError> {
    let listed = |names: &[String]| format!("[{}]", names.join(", "));
    let demand = card.demand.as_ref().map(|demand| demand.column.as_str());
    let none = |name: Option<&str>| name.unwrap_or("none").to_owned();
    let winsorise = config.winsorise.fraction();
    let pairs = [
        ("`by` of `potential`", listed(&card.by), listed(&config.by)),
        ("`demand` of `potential`", none(demand), none(config.demand.as_deref())),
        ("`winsorise` of `potential`", card.winsorise.to_string(), winsorise.to_string()),
    ];
    match pairs.into_iter().find(|(_, card, config)| card != config) {
        Some((what, card, config)) => Err(ModelError::CardMismatch { what: what.to_owned(), card, config }),
        None => Ok(()),
    }
}

impl Fitted for FittedPotential<'_> {
    fn apply(&mut self, first: usize, table: &[RecordBatch]) -> Result<Vec<Vec<ArrayRef>>, ModelError> {
        let fitted = &*self;
        table.par_iter().enumerate().map(|(index, batch)| fitted.apply_batch(first + index, batch)).collect()
    }

    fn record(self: Box<Self>, card: &mut ModelCard) {
        card.potential = Some(self.card);
    }
}

impl FittedPotential<'_> {
    fn apply_batch(&self, batch: usize, table: &RecordBatch) -> Result<Vec<ArrayRef>, ModelError> {
        let config = self.config;
        let rows = Rows::of(config, batch, table)?;
        let base = self.card.demand.as_ref().and_then(|demand| demand.base);
        let alive = if self.knows_alive { Some(double(table, ALIVE)?) } else { None };
        let (mut values, mut credibilities) = (Vec::new(), Vec::new());
        let (mut potentials, mut expected) = (Vec::new(), Vec::new());
        for row in 0..rows.count {
            let index = rows.index(row)?;
            let Some(customers) = self.customers else {
                values.push(None);
                credibilities.push(None);
                potentials.push(None);
                expected.push(None);
                continue;
            };
            let group = self.values[self.tree.nearest(rows.attributes(row))];
            let years = rows.years(row, self.cut);
            let credibility = customers.credibility(f64::from(years.count));
            let value = if years.count > 0 { blend(credibility, years.mean(), group) } else { group };
            let ratio = index.zip(base).map_or(1.0, |(index, base)| index / base);
            let potential = value * config.horizon.years() * ratio;
            let alive = alive.filter(|alive| alive.is_valid(row)).map(|alive| alive.value(row));
            values.push(Some(rows.minor("lookalike_value", row, value)?));
            credibilities.push(Some(credibility));
            potentials.push(Some(rows.minor("potential_value", row, potential)?));
            let still = alive.map(|alive| rows.minor("expected_potential_value", row, potential * alive));
            expected.push(still.transpose()?);
        }
        let money = |minor: Vec<Option<i64>>| -> Result<ArrayRef, ModelError> {
            let money: Decimal64Array = minor.into_iter().collect();
            Ok(Arc::new(money.with_precision_and_scale(rows.precision.0, rows.precision.1)?))
        };
        let credibilities: ArrayRef = Arc::new(Float64Array::from(credibilities));
        let mut columns = vec![money(values)?, credibilities, money(potentials)?];
        if self.knows_alive {
            columns.push(money(expected)?);
        }
        Ok(columns)
    }
}

/// The columns of a batch that the model reads.
struct Rows<'a> {
    /// Number of the batch.
    batch: usize,
    /// Number of rows.
    count: usize,
    years: Vec<&'a Decimal64Array>,
    attributes: Vec<&'a StringArray>,
    demand: Option<(&'a str, &'a Float64Array)>,
    /// Precision and scale of money.
    precision: (u8, i8),
}

impl<'a> Rows<'a> {
    fn of(config: &'a PotentialConfig, batch: usize, table: &'a RecordBatch) -> Result<Self, ModelError> {
        let years = YEARS.iter().map(|name| money(table, name)).collect::<Result<Vec<_>, _>>()?;
        let number = |name: &'a String| double(table, name).map(|column| (name.as_str(), column));
        Ok(Self {
            batch,
            count: table.num_rows(),
            precision: (years[0].precision(), years[0].scale()),
            years,
            attributes: texts(&config.by, table)?,
            demand: config.demand.as_ref().map(number).transpose()?,
        })
    }

    /// The customer's values of the attributes that make the groups.
    fn attributes(&self, row: usize) -> impl Iterator<Item = Option<&str>> {
        values_of(&self.attributes, row)
    }

    /// The customer's complete years, none above `cut`.
    fn years(&self, row: usize, cut: i64) -> Years {
        let complete = || self.years.iter().filter(|year| year.is_valid(row)).map(|year| year.value(row).min(cut));
        let mut years = Years::default();
        for margin in complete() {
            years.count += 1;
            years.sum += margin;
        }
        let (count, sum) = (i128::from(years.count), i128::from(years.sum));
        for margin in complete() {
            let deviation = (count * i128::from(margin) - sum) as f64 / count as f64;
            years.squares += deviation * deviation;
        }
        years
    }

    /// The index of the customer's market, where it is known.
    fn index(&self, row: usize) -> Result<Option<f64>, ModelError> {
        let Some((column, index)) = self.demand.filter(|(_, column)| column.is_valid(row)) else { return Ok(None) };
        let value = index.value(row);
        if value > 0.0 && value.is_finite() {
            return Ok(Some(value));
        }
        Err(ModelError::DemandIndex { column: column.to_owned(), value, batch: self.batch, row })
    }

    /// `value` in whole minor units, rounded half to even.
    fn minor(&self, column: &'static str, row: usize, value: f64) -> Result<i64, ModelError> {
        whole_minor(value).ok_or(ModelError::MoneyOverflow { column, value, batch: self.batch, row })
    }
}

fn double<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Float64Array, ModelError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>());
    column.ok_or_else(|| absent(name, "DOUBLE"))
}
