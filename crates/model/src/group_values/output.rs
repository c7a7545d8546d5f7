//! The rows of `group_values`.

use std::fmt::Write as _;
use std::sync::Arc;

use appraise_clv::{GroupIntervals, Interval};
use appraise_schema::AsOf;
use appraise_schema::money::TOTAL_PRECISION;
use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};

use super::aggregate::Kind;
use super::plan::GroupPlan;
use super::tally::{Group, Values};
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
}

impl Output<'_> {
    /// The table.
    ///
    /// # Errors
    /// When a total does not fit DECIMAL(38).
    pub(super) fn batch(self, plan: &GroupPlan, as_of: AsOf) -> Result<RecordBatch, ModelError> {
        let groups = &self.groups;
        let counts = |of: fn(&Group) -> i64| -> ArrayRef {
            Arc::new(groups.iter().map(|group| of(group)).collect::<Int64Array>())
        };
        let doubles = |values: Vec<Option<f64>>| -> ArrayRef { Arc::new(Float64Array::from(values)) };
        let amounts = |values: Vec<Option<i128>>| -> Result<ArrayRef, ModelError> {
            let array = Decimal128Array::from(values);
            Ok(Arc::new(array.with_precision_and_scale(TOTAL_PRECISION, plan.scale.cast_signed())?))
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
        columns.push(amounts(groups.iter().map(|group| Some(group.total_revenue)).collect())?);
        columns.push(amounts(groups.iter().map(|group| Some(group.net_revenue)).collect())?);
        columns.push(doubles(self.revenue_shares.clone()));
        columns.push(doubles(concentration.iter().map(|(gini, _)| *gini).collect()));
        columns.push(doubles(concentration.iter().map(|(_, share)| *share).collect()));
        for (position, aggregate) in plan.aggregates.iter().enumerate() {
            let totals = groups.iter().map(|group| group.totals[position]);
            columns.push(match aggregate.kind {
                Kind::Sum => amounts(totals.map(|total| total.money()).collect())?,
                Kind::Mean => doubles(totals.map(|total| total.mean()).collect()),
                Kind::Count(_) => Arc::new(totals.map(|total| total.count).collect::<Int64Array>()),
            });
        }
        if plan.clv.is_some() {
            let of_buyers = |group: &&Group| (group.buyers > 0).then(|| group.active / group.buyers as f64);
            columns.push(doubles(groups.iter().map(|group| Some(group.active)).collect()));
            columns.push(doubles(groups.iter().map(of_buyers).collect()));
            columns.push(doubles(self.clv_shares.clone()));
            columns.push(doubles(groups.iter().map(|group| Some(group.purchases)).collect()));
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
                let value = |all: &Option<GroupIntervals>| minor(end(&of(all.as_ref()?)?), plan.scale);
                columns.push(amounts(self.intervals.iter().map(value).collect())?);
            }
        }
        Ok(RecordBatch::try_new(plan.contract.arrow(), columns)?)
    }
}

/// Minor units of an amount in whole ones.
#[expect(clippy::cast_possible_truncation, reason = "far below the bounds of DECIMAL(38)")]
fn minor(money: f64, scale: u8) -> Option<i128> {
    let minor = libm::rint(money * minor_per_unit(scale));
    (minor.abs() < 1e36).then_some(minor as i128)
}
