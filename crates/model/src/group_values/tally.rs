//! Customers are added to their groups.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use appraise_clv::{Member, Spend};
use appraise_schema::AsOf;
use appraise_schema::money::CUSTOMER_PRECISION;
use arrow::array::{Array, AsArray, Decimal64Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Decimal64Type, Float64Type, Int64Type};
use foldhash::fast::FixedState;

use super::aggregate::{Total, Values as Members};
use super::chain::{Chain, Histories, Journey};
use super::output::{GroupValues, Output, group_id, share};
use super::plan::GroupPlan;
use crate::clv::{Customers, Forecasts, KnownIntervals};
use crate::columns::{minor_per_unit, texts, typed};
use crate::error::ModelError;

/// The values of a group's attributes.
pub(super) type Values = Vec<Option<String>>;

/// What is summed up of a group.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) customers: i64,
    pub(super) buyers: i64,
    pub(super) total_revenue: i128,
    pub(super) net_revenue: i128,
    /// Of [`GroupPlan::aggregates`].
    pub(super) totals: Vec<Total>,
    pub(super) active: f64,
    pub(super) purchases: f64,
    pub(super) chain: Chain,
    /// Minor units of each buyer's `total_revenue`.
    revenues: Vec<i64>,
    /// Places of the valued members.
    members: Vec<u32>,
}

/// Groups while customers are valued.
pub(crate) struct GroupTally<'p> {
    plan: &'p GroupPlan,
    /// The margin of customers without one of their own.
    mean_margin: Option<f64>,
    /// Of each set.
    groups: Vec<BTreeMap<Values, Group>>,
    /// Customers with a lifetime value, and the number of the fit that gave it.
    members: Vec<(Member, usize)>,
}

/// The columns of a batch that are tallied.
struct Rows<'a> {
    texts: Vec<&'a StringArray>,
    orders: &'a Int64Array,
    total_revenue: &'a Decimal64Array,
    net_revenue: &'a Decimal64Array,
    aggregated: Vec<Members<'a>>,
    lifetime: Option<Lifetime<'a>>,
    histories: Option<Histories<'a>>,
}

/// The columns of lifetime value.
struct Lifetime<'a> {
    customers: Customers<'a>,
    p_alive: &'a Float64Array,
    purchases: &'a Float64Array,
    spend: &'a Decimal64Array,
    clv: &'a Decimal64Array,
}

impl<'a> Rows<'a> {
    fn of(plan: &GroupPlan, mean_margin: Option<f64>, batch: &'a RecordBatch) -> Result<Self, ModelError> {
        let minor = DataType::Decimal64(CUSTOMER_PRECISION, plan.scale.cast_signed());
        let money = |name: &str| typed(batch, name, &minor).map(AsArray::as_primitive::<Decimal64Type>);
        let double = |name: &str| typed(batch, name, &DataType::Float64).map(AsArray::as_primitive::<Float64Type>);
        let lifetime = match &plan.clv {
            None => None,
            Some(config) => Some(Lifetime {
                customers: Customers::new(config, plan.scale, config.is_discrete(), batch)?,
                p_alive: double("p_alive")?,
                purchases: double("expected_purchases")?,
                spend: money("expected_spend")?,
                clv: money("clv")?,
            }),
        };
        Ok(Self {
            texts: texts(&plan.attributes, batch)?,
            orders: typed(batch, "orders", &DataType::Int64)?.as_primitive::<Int64Type>(),
            total_revenue: money("total_revenue")?,
            net_revenue: money("net_revenue")?,
            aggregated: plan.aggregates.iter().map(|of| of.values(batch, plan.scale)).collect::<Result<_, _>>()?,
            lifetime,
            histories: match &plan.chain {
                Some(chain) => Some(Histories::new(chain, mean_margin, plan.scale, batch)?),
                None => None,
            },
        })
    }
}

/// The number of each value, in the order in which they are first seen.
fn numbered<K: Hash + Eq>(values: impl Iterator<Item = K>) -> Vec<usize> {
    let mut numbers: HashMap<K, usize, FixedState> = HashMap::default();
    let number = |value| {
        let next = numbers.len();
        *numbers.entry(value).or_insert(next)
    };
    values.map(number).collect()
}

/// The `count` rows of a batch by the numbers of their values in `columns`: those of each group, in their order.
fn alike<'n>(columns: impl Iterator<Item = &'n Vec<usize>>, count: usize) -> Vec<Vec<usize>> {
    let together = columns.cloned().reduce(|some, more| numbered(some.iter().zip(&more)));
    let numbers = together.unwrap_or_else(|| vec![0; count]);
    let mut groups = vec![Vec::new(); numbers.iter().max().map_or(0, |most| most + 1)];
    numbers.iter().enumerate().for_each(|(row, &number)| groups[number].push(row));
    groups
}

impl Lifetime<'_> {
    /// The customer in `row`, when a model values it.
    fn member(&self, row: usize, models_spend: bool, minor_per_unit: f64) -> Option<Member> {
        let history = self.customers.history(row)?;
        if self.purchases.is_null(row) || self.spend.is_null(row) || self.clv.is_null(row) {
            return None;
        }
        let spend_of_one = if models_spend { self.spend.value(row) as f64 } else { minor_per_unit };
        let outlay = self.purchases.value(row) * spend_of_one;
        let spend = Spend { x: history.x, m: self.customers.mean_spend(row).unwrap_or_default().max(0.0) };
        let worth = if outlay > 0.0 { self.clv.value(row) as f64 / outlay } else { 0.0 };
        Some(Member { key: self.customers.key_hash(row), history, spend, worth })
    }
}

impl<'p> GroupTally<'p> {
    /// A tally of no customers.
    pub(super) fn new(plan: &'p GroupPlan, mean_margin: Option<f64>) -> Self {
        Self { plan, mean_margin, groups: vec![BTreeMap::new(); plan.sets.len()], members: Vec::new() }
    }

    /// Adds valued customers; `fits` gives the number of the fit that valued each row.
    ///
    /// # Errors
    /// [`ModelError::Column`] when a column is absent.
    pub(crate) fn observe(&mut self, batch: &RecordBatch, fits: Option<&Forecasts>) -> Result<(), ModelError> {
        let rows = Rows::of(self.plan, self.mean_margin, batch)?;
        let models_spend = fits.is_some_and(Forecasts::models_spend);
        let minor_per_unit = minor_per_unit(self.plan.scale);
        let numbers = fits.map(|fits| fits.numbers(batch)).transpose()?;
        let place = |row| {
            let member = rows.lifetime.as_ref()?.member(row, models_spend, minor_per_unit)?;
            let fit = numbers.as_ref().map_or(0, |numbers| numbers[row]);
            self.members.push((member, fit));
            Some(u32::try_from(self.members.len() - 1).unwrap_or(u32::MAX))
        };
        let places: Vec<Option<u32>> = (0..batch.num_rows()).map(place).collect();
        let journey = |row| rows.histories.as_ref().and_then(|histories| histories.journey(row));
        let journeys: Vec<Option<Journey>> = (0..batch.num_rows()).map(journey).collect();
        let position = |name: &String| self.plan.attributes.iter().position(|attribute| attribute == name);
        let values: Vec<Vec<usize>> = rows.texts.iter().map(|texts| numbered(texts.iter())).collect();
        for (set, groups) in self.plan.sets.iter().zip(&mut self.groups) {
            let columns: Vec<usize> = set.iter().filter_map(position).collect();
            for members in alike(columns.iter().map(|&column| &values[column]), batch.num_rows()) {
                let Some(&first) = members.first() else { continue };
                let value = |&column: &usize| {
                    let texts = rows.texts[column];
                    texts.is_valid(first).then(|| texts.value(first).to_owned())
                };
                let group = groups.entry(columns.iter().map(value).collect()).or_default();
                group.add(&rows, &members);
                members.iter().filter_map(|&row| journeys[row].as_ref()).for_each(|journey| group.chain.add(journey));
                group.members.extend(members.iter().filter_map(|&row| places[row]));
            }
        }
        Ok(())
    }

    /// The rows of `group_values`: sets in their order, groups by their values, NULL first. Intervals that are `known` are not drawn
    /// again.
    ///
    /// # Errors
    /// When a total does not fit DECIMAL(38), or the card's parameters are none.
    pub(crate) fn finish(
        self,
        as_of: AsOf,
        forecasts: Option<&Forecasts>,
        known: &KnownIntervals,
    ) -> Result<GroupValues, ModelError> {
        let mut used = KnownIntervals::default();
        let mut out = Output::default();
        let whole = |groups: &BTreeMap<Values, Group>, of: fn(&Group) -> i128| groups.values().map(of).sum::<i128>();
        let clv = self.plan.aggregates.iter().position(|aggregate| aggregate.name == "clv");
        // The first set is that of all customers.
        let all = self.groups.first().and_then(|groups| groups.values().next()).map(|all| all.chain.shares());
        let chain = self.plan.chain.as_ref().zip(all);
        for (set, groups) in self.plan.sets.iter().zip(&self.groups) {
            let all_revenue = whole(groups, |group| group.total_revenue);
            let all_clv: i128 = clv.map_or(0, |clv| groups.values().map(|group| group.totals[clv].minor).sum());
            let drawn = |fits: &Forecasts| fits.intervals(&self.members_of(groups), known, &mut used);
            let intervals = forecasts.map_or_else(|| vec![None; groups.len()], drawn);
            for ((values, group), intervals) in groups.iter().zip(intervals) {
                out.ids.push(group_id(set, values));
                out.sets.push(if set.is_empty() { "all".to_owned() } else { set.join("+") });
                out.values.push(
                    self.plan
                        .attributes
                        .iter()
                        .map(|name| {
                            set.iter().position(|column| column == name).and_then(|position| values[position].clone())
                        })
                        .collect(),
                );
                out.revenue_shares.push(share(group.total_revenue, all_revenue));
                out.clv_shares.push(clv.and_then(|clv| share(group.totals[clv].money()?, all_clv)));
                out.chains.push(chain.and_then(|(chain, all)| group.chain.value(chain, &all)));
                out.groups.push(group);
                out.intervals.push(intervals);
            }
        }
        Ok(GroupValues { intervals: used, ..out.batch(self.plan, as_of)? })
    }

    /// The members of each group.
    fn members_of(&self, groups: &BTreeMap<Values, Group>) -> Vec<Vec<(Member, usize)>> {
        let members = |group: &Group| group.members.iter().map(|&place| self.members[place as usize]).collect();
        groups.values().map(members).collect()
    }
}

impl Group {
    /// Adds these `members` of a batch.
    fn add(&mut self, rows: &Rows<'_>, members: &[usize]) {
        for &row in members {
            self.customers += 1;
            let revenue = rows.total_revenue.value(row);
            self.total_revenue += i128::from(revenue);
            self.net_revenue += i128::from(rows.net_revenue.value(row));
            if rows.orders.value(row) > 0 {
                self.buyers += 1;
                self.revenues.push(revenue);
            }
        }
        self.totals.resize(rows.aggregated.len(), Total::default());
        self.totals.iter_mut().zip(&rows.aggregated).for_each(|(total, values)| total.add(values, members));
        if let Some(lifetime) = &rows.lifetime {
            let valid = |column: &Float64Array, row: &usize| column.is_valid(*row).then(|| column.value(*row));
            for row in members {
                self.active += valid(lifetime.p_alive, row).unwrap_or(0.0);
                self.purchases += valid(lifetime.purchases, row).unwrap_or(0.0);
            }
        }
    }

    /// Gini coefficient of the buyers' revenue, and the share of the best tenth of them.
    pub(super) fn concentration(&self) -> (Option<f64>, Option<f64>) {
        let mut revenues = self.revenues.clone();
        revenues.sort_unstable();
        let (count, sum) = (revenues.len() as i128, revenues.iter().map(|r| i128::from(*r)).sum::<i128>());
        if count == 0 || sum <= 0 {
            return (None, None);
        }
        let ranked: i128 = (1..).zip(&revenues).map(|(rank, revenue)| rank * i128::from(*revenue)).sum();
        let gini = (2 * ranked - (count + 1) * sum) as f64 / (count * sum) as f64;
        let best = revenues.len().div_ceil(10);
        let of_best: i128 = revenues.iter().rev().take(best).map(|revenue| i128::from(*revenue)).sum();
        (Some(gini), Some(of_best as f64 / sum as f64))
    }
}
