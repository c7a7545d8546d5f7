//! The rows of `group_values`.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::sync::Arc;

use appraise_clv::{GroupIntervals, Interval};
use appraise_schema::AsOf;
use appraise_schema::money::TOTAL_PRECISION;
use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};

use super::aggregate::Kind;
use super::plan::GroupPlan;
use super::tally::{Group, Values};
use crate::clv::KnownIntervals;
use crate::columns::minor_per_unit;
use crate::error::ModelError;

/// `part / whole`; `None` of nothing.
pub(super) fn share(part: i128, whole: i128) -> Option<f64> {
    (whole != 0).then(|| part as f64 / whole as f64)
}

/// The columns and values of a group, such as `industry=art/region=~null`; values are percent-encoded.
pub(super) fn group_id(set: &[String], values: &[Option<String>]) -> String {
    if set.is_empty() {
        return "all".to_owned();
    }
    let mut id = String::new();
    for (name, value) in set.iter().zip(values) {
        let separator = if id.is_empty() { "" } else { "/" };
        let _ = write!(id, "{separator}{name}=");
        match value {
            None => id.push_str("~null"),
            Some(value) => value.bytes().for_each(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => id.push(char::from(byte)),
                _ => {
                    let _ = write!(id, "%{byte:02X}");
                }
            }),
        }
    }
    id
}

/// Valued groups.
#[derive(Debug, Clone)]
pub struct GroupValues {
    /// The rows of `group_values`: sets in their order, groups by their values, NULL first.
    pub rows: RecordBatch,
    /// What is doubtful, in words.
    pub doubts: Vec<String>,
    /// The intervals in the rows, for those who value the same groups again.
    pub intervals: KnownIntervals,
}

/// What a chain's value over the lifetime values is where both say the same.
const ALIKE: RangeInclusive<f64> = 0.8..=1.25;

/// The rows of the table.
#[derive(Default)]
pub(super) struct Output<'g> {
    pub(super) ids: Vec<String>,
    pub(super) sets: Vec<String>,
    pub(super) values: Vec<Values>,
    pub(super) revenue_shares: Vec<Option<f64>>,
    pub(super) clv_shares: Vec<Option<f64>>,
    pub(super) groups: Vec<&'g Group>,
    pub(super) intervals: Vec<Option<GroupIntervals>>,
    /// Minor units that chains foretell.
    pub(super) chains: Vec<Option<f64>>,
}

impl Output<'_> {
    /// The table.
    ///
    /// # Errors
    /// When a total does not fit DECIMAL(38).
    pub(super) fn batch(self, plan: &GroupPlan, as_of: AsOf) -> Result<GroupValues, ModelError> {
        let groups = &self.groups;
        let counts = |of: fn(&Group) -> i64| -> ArrayRef {
            Arc::new(groups.iter().map(|group| of(group)).collect::<Int64Array>())
        };
        let texts = |values: &[String]| -> ArrayRef { Arc::new(StringArray::from_iter_values(values)) };
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(Date32Array::from(vec![as_of.day(); groups.len()])), texts(&self.ids), texts(&self.sets)];
        for position in 0..plan.attributes.len() {
            columns
                .push(Arc::new(self.values.iter().map(|values| values[position].as_deref()).collect::<StringArray>()));
        }
        let concentration: Vec<_> = groups.iter().map(|group| group.concentration()).collect();
        columns.extend([counts(|group| group.customers), counts(|group| group.buyers)]);
        columns.push(amounts(groups.iter().map(|group| Some(group.total_revenue)).collect(), plan)?);
        columns.push(amounts(groups.iter().map(|group| Some(group.net_revenue)).collect(), plan)?);
        columns.push(doubles(self.revenue_shares.clone()));
        columns.push(doubles(concentration.iter().map(|(gini, _)| *gini).collect()));
        columns.push(doubles(concentration.iter().map(|(_, share)| *share).collect()));
        for (position, aggregate) in plan.aggregates.iter().enumerate() {
            let totals = groups.iter().map(|group| group.totals[position]);
            columns.push(match aggregate.kind {
                Kind::Sum => amounts(totals.map(|total| total.money()).collect(), plan)?,
                Kind::Mean => doubles(totals.map(|total| total.mean()).collect()),
                Kind::Count(_) => Arc::new(totals.map(|total| total.count).collect::<Int64Array>()),
            });
        }
        if plan.clv.is_some() {
            columns.extend(self.lifetime(plan)?);
        }
        let mut doubts = Vec::new();
        if let Some(beside) = plan.beside_chain() {
            let values: Vec<Option<i128>> = self.chains.iter().map(|value| rounded((*value)?)).collect();
            let gaps: Vec<Option<f64>> = groups.iter().zip(&values).map(|(of, chain)| of.gap(beside, *chain)).collect();
            doubts = self.doubts(&gaps, &plan.aggregates[beside].name);
            columns.extend([amounts(values, plan)?, doubles(gaps)]);
        }
        let rows = RecordBatch::try_new(plan.contract.arrow(), columns)?;
        Ok(GroupValues { rows, doubts, intervals: KnownIntervals::default() })
    }

    /// The columns of lifetime value.
    fn lifetime(&self, plan: &GroupPlan) -> Result<Vec<ArrayRef>, ModelError> {
        let groups = &self.groups;
        let of_buyers = |group: &&Group| (group.buyers > 0).then(|| group.active / group.buyers as f64);
        let mut columns = vec![
            doubles(groups.iter().map(|group| Some(group.active)).collect()),
            doubles(groups.iter().map(of_buyers).collect()),
            doubles(self.clv_shares.clone()),
            doubles(groups.iter().map(|group| Some(group.purchases)).collect()),
        ];
        let ends: [fn(&Interval) -> f64; 2] = [|interval| interval.low, |interval| interval.high];
        let of_purchases: [fn(&GroupIntervals) -> Interval; 2] =
            [|all| all.purchases.expected, |all| all.purchases.realised];
        for (of, end) in of_purchases.into_iter().flat_map(|of| ends.map(|end| (of, end))) {
            let value = |all: &Option<GroupIntervals>| all.as_ref().map(|all| end(&of(all)));
            columns.push(doubles(self.intervals.iter().map(value).collect()));
        }
        let of_value: [fn(&GroupIntervals) -> Option<Interval>; 2] =
            [|all| Some(all.value?.expected), |all| Some(all.value?.realised)];
        for (of, end) in of_value.into_iter().flat_map(|of| ends.map(|end| (of, end))) {
            let value = |all: &Option<GroupIntervals>| rounded(end(&of(all.as_ref()?)?) * minor_per_unit(plan.scale));
            columns.push(amounts(self.intervals.iter().map(value).collect(), plan)?);
        }
        Ok(columns)
    }

    /// What is to be said of chains that differ much from the lifetime values in column `beside`.
    fn doubts(&self, gaps: &[Option<f64>], beside: &str) -> Vec<String> {
        let outside = |gap: f64| !ALIKE.contains(&(1.0 + gap));
        let range = format!("{} to {}", ALIKE.start(), ALIKE.end());
        let mut doubts = Vec::new();
        if let Some(gap) = gaps.first().copied().flatten().filter(|&gap| outside(gap)) {
            let times = 1.0 + gap;
            doubts.push(format!("chain_value of all customers is {times:.2} times their {beside}, expected {range}"));
        }
        let others: Vec<(&String, f64)> =
            self.ids.iter().zip(gaps).skip(1).filter_map(|(id, gap)| Some((id, (*gap)?))).collect();
        let far: Vec<&String> = others.iter().filter(|(_, gap)| outside(*gap)).map(|(id, _)| *id).collect();
        if let Some(first) = far.first() {
            let (count, of) = (far.len(), others.len());
            doubts.push(format!(
                "chain_value of {count} of {of} groups is not {range} times their {beside}, of {first} for one"
            ));
        }
        doubts
    }
}

impl Group {
    /// How much `chain` is above the members' total number `beside`, as a share of it; `None` where that is not above 0.
    fn gap(&self, beside: usize, chain: Option<i128>) -> Option<f64> {
        let sum = self.totals[beside].money().filter(|&sum| sum > 0)?;
        Some(chain? as f64 / sum as f64 - 1.0)
    }
}

fn doubles(values: Vec<Option<f64>>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

/// Minor units as a column.
fn amounts(values: Vec<Option<i128>>, plan: &GroupPlan) -> Result<ArrayRef, ModelError> {
    let array = Decimal128Array::from(values);
    Ok(Arc::new(array.with_precision_and_scale(TOTAL_PRECISION, plan.scale.cast_signed())?))
}

/// Minor units, rounded half to even; `None` beyond what a column holds.
#[expect(clippy::cast_possible_truncation, reason = "far below the bounds of DECIMAL(38)")]
fn rounded(minor: f64) -> Option<i128> {
    let minor = libm::rint(minor);
    (minor.abs() < 1e36).then_some(minor as i128)
}
