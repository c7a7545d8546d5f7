//! Family `timing`: how much time passes between purchases.
//!
//! All gaps are whole periods until the last step, so that each double comes from exact sums.

#[cfg(test)]
mod tests;
mod variation;

use appraise_schema::calendar::quarters_ago;
use appraise_schema::event::NO_DAY;
use appraise_schema::{ColumnSpec, ColumnType, PurchasePeriod, SourceKind};
use arrow::array::ArrayRef;

use self::variation::Variation;
use super::purchase::spend::each_period;
use super::{Family, FamilyColumns, Need};
use crate::column::{Dates, Doubles, Integers, ratio};
use crate::config::FeatureConfig;
use crate::error::FoldError;
use crate::history::History;

/// How much spend varies.
const SPEND_CV: &str = "spend_cv";
/// Quarters that `purchase_quarters` has bits for.
const QUARTER_BITS: u32 = 62;

/// The family's columns.
pub(crate) fn columns(config: &FeatureConfig) -> FamilyColumns {
    if !config.has(SourceKind::Transactions) {
        return FamilyColumns::default();
    }
    let double = ColumnType::Float64;
    let maybe = ColumnSpec::nullable;
    let period = config.spend_period.name();
    let variation = format!(
        "population coefficient of variation of the spend of a {period}, from that of the first purchase to the last \
         complete one; NULL with fewer than 4"
    );
    let months = "longest run of consecutive calendar months with a purchase that stands";
    let quarters = "quarters with a purchase that stands, counted back from as_of, of 365.25 / 4 days each";
    let which = "these quarters as bits: 1 is the quarter up to as_of, 2 the one before, 4, and so on for 62 quarters";
    let fixed = vec![
        maybe("mean_gap_days", double, "days", "mean time between consecutive purchase periods"),
        maybe("gap_sd_days", double, "days", "sample standard deviation of the gaps; NULL with fewer than 2 gaps"),
        maybe("gap_cv", double, "", "gap_sd_days / mean_gap_days"),
        maybe("longest_gap_days", double, "days", "longest time between consecutive purchase periods"),
        maybe("last_gap_days", double, "days", "time between the last purchase period and the one before"),
        ColumnSpec::required("longest_active_months", ColumnType::Int64, "months", months),
        maybe("overdue_ratio", double, "", "days_since_last_purchase / mean_gap_days"),
        maybe(SPEND_CV, double, "", &variation),
        maybe("second_purchase_date", ColumnType::Date, "", "date of the first purchase in the second purchase period"),
        ColumnSpec::required("active_quarters", ColumnType::Int64, "quarters", quarters),
        ColumnSpec::required("purchase_quarters", ColumnType::Int64, "", which),
    ];
    FamilyColumns { fixed, own: Vec::new() }
}

/// What it reads, beside what the fold itself reads.
pub(crate) fn needs() -> Vec<Need> {
    Vec::new()
}

/// The fold of one partition.
#[derive(Debug)]
pub(crate) struct Timing {
    as_of: i32,
    period: PurchasePeriod,
    mean: Doubles,
    deviation: Doubles,
    variation: Doubles,
    longest: Doubles,
    last: Doubles,
    active_months: Integers,
    overdue: Doubles,
    spend: Doubles,
    /// Where `spend_cv` is wanted.
    spend_variation: Option<Variation>,
    second: Dates,
    active_quarters: Integers,
    purchase_quarters: Integers,
}

/// The gaps of one customer, in periods.
#[derive(Debug, Default)]
struct Gaps {
    count: i128,
    sum: i128,
    squares: i128,
    longest: i32,
    last: i32,
}

impl Timing {
    /// A fold.
    pub(crate) fn new(config: &FeatureConfig) -> Self {
        Self {
            as_of: config.as_of.day(),
            period: config.purchase_period,
            mean: Doubles::default(),
            deviation: Doubles::default(),
            variation: Doubles::default(),
            longest: Doubles::default(),
            last: Doubles::default(),
            active_months: Integers::default(),
            overdue: Doubles::default(),
            spend: Doubles::default(),
            spend_variation: config.keeps(SPEND_CV).then(|| Variation::new(config)),
            second: Dates::default(),
            active_quarters: Integers::default(),
            purchase_quarters: Integers::default(),
        }
    }
}

impl Family for Timing {
    fn fold(&mut self, history: &History<'_>) -> Result<(), FoldError> {
        let days = history.purchases.days;
        let gaps = Gaps::of(self.period, days);
        // Below 10¹⁵ and a multiple of 1/16: exact as a double.
        let length = self.period.length_days();
        let total = gaps.sum as f64 * length;
        let mean = (gaps.count > 0).then(|| total / gaps.count as f64);
        let deviation = gaps.variance().map(|variance| variance.sqrt() * length);
        let since_last = days.last().map(|last| f64::from(self.as_of - last) * gaps.count as f64);
        self.mean.push(mean);
        self.deviation.push(deviation);
        self.variation.push(deviation.zip(mean).map(|(deviation, mean)| deviation / mean));
        self.longest.push(mean.map(|_| f64::from(gaps.longest) * length));
        self.last.push(mean.map(|_| f64::from(gaps.last) * length));
        self.active_months.push(Some(longest_run(days)));
        self.overdue.push(since_last.filter(|_| gaps.count > 0).map(|since_last| since_last / total));
        self.spend.push(self.spend_variation.as_ref().and_then(|variation| variation.of(&history.purchases)));
        self.second.push(second_purchase(self.period, days));
        let (active, bits) = quarters(self.as_of, days);
        self.active_quarters.push(Some(active));
        self.purchase_quarters.push(Some(bits));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<ArrayRef> {
        vec![
            self.mean.finish(),
            self.deviation.finish(),
            self.variation.finish(),
            self.longest.finish(),
            self.last.finish(),
            self.active_months.finish(),
            self.overdue.finish(),
            self.spend.finish(),
            self.second.finish(),
            self.active_quarters.finish(),
            self.purchase_quarters.finish(),
        ]
    }
}

impl Gaps {
    /// The gaps between the periods of `days`.
    fn of(period: PurchasePeriod, days: &[i32]) -> Self {
        let mut gaps = Self::default();
        let mut before = None;
        each_period(period, days, |index| {
            if let Some(before) = before.replace(index) {
                let gap = index - before;
                gaps.count += 1;
                gaps.sum += i128::from(gap);
                gaps.squares += i128::from(gap) * i128::from(gap);
                gaps.longest = gaps.longest.max(gap);
                gaps.last = gap;
            }
        });
        gaps
    }

    /// Sample variance, `None` with fewer than 2 gaps.
    fn variance(&self) -> Option<f64> {
        ratio(self.count * self.squares - self.sum * self.sum, self.count * (self.count - 1))
    }
}

/// Longest run of consecutive calendar months in `days`.
fn longest_run(days: &[i32]) -> i64 {
    let (mut longest, mut run, mut before) = (0, 0, None);
    each_period(PurchasePeriod::Month, days, |index| {
        run = if before == Some(index - 1) { run + 1 } else { 1 };
        before = Some(index);
        longest = longest.max(run);
    });
    longest
}

/// The first of `days` in their second period, [`NO_DAY`] without one.
fn second_purchase(period: PurchasePeriod, days: &[i32]) -> i32 {
    let Some(first) = days.first().map(|&day| period.index(day)) else { return NO_DAY };
    days.iter().copied().find(|&day| period.index(day) != first).unwrap_or(NO_DAY)
}

/// How many quarters back from `as_of` hold one of `days`, and the bits of the latest of them.
fn quarters(as_of: i32, days: &[i32]) -> (i64, i64) {
    let (mut active, mut bits, mut before) = (0, 0, None);
    for quarter in days.iter().map(|&day| quarters_ago(as_of, day)) {
        if before.replace(quarter) != Some(quarter) {
            active += 1;
            bits |= if quarter < QUARTER_BITS { 1 << quarter } else { 0 };
        }
    }
    (active, bits)
}
