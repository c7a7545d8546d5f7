//! Family `loyalty`: how long and how steadily a customer has been one.

#[cfg(test)]
mod tests;

use appraise_schema::event::{Form, NO_DAY, NO_MONEY};
use appraise_schema::{ColumnSpec, ColumnType, PurchasePeriod, SourceKind};
use arrow::array::ArrayRef;

use super::purchase::spend::{each_period, sum};
use super::{Family, FamilyColumns, Need, needs_of};
use crate::column::{Days, Doubles, Flags, ratio};
use crate::config::FeatureConfig;
use crate::error::FoldError;
use crate::history::{History, Profile};

/// Days within which a second purchase is looked for.
const REPEAT_DAYS: [i32; 2] = [90, 365];
/// Days of purchases that are set against a year's market.
const WALLET_DAYS: i32 = 365;

/// The family's columns.
pub(crate) fn columns(config: &FeatureConfig) -> FamilyColumns {
    if !config.has(SourceKind::Transactions) && !config.maps(SourceKind::Customers, "registered_at") {
        return FamilyColumns::default();
    }
    let (days, double) = (ColumnType::Int32, ColumnType::Float64);
    let maybe = ColumnSpec::nullable;
    let share = "purchase periods / periods from the first purchase to as_of";
    let mut fixed = vec![
        maybe("tenure_days", days, "days", "from the first purchase or the registration, the earlier, to as_of"),
        maybe("active_period_share", double, "", share),
    ];
    fixed.extend(REPEAT_DAYS.map(|within| {
        let meaning = format!("whether a second purchase date followed within {within} days; NULL while that is open");
        maybe(&format!("repeat_within_{within}d"), ColumnType::Boolean, "", &meaning)
    }));
    fixed.push(maybe("length_days", days, "days", "from the first to the last purchase date"));
    if has_market(config) {
        let meaning = "revenue of the last 365 days / market_total";
        fixed.push(maybe("share_of_wallet", double, "", meaning));
    }
    FamilyColumns { fixed, own: Vec::new() }
}

fn has_market(config: &FeatureConfig) -> bool {
    config.maps(SourceKind::Customers, "market_total")
}

/// What it reads, beside what the fold itself reads.
pub(crate) fn needs() -> Vec<Need> {
    needs_of(SourceKind::Customers, [("registered_at", Form::Day), ("market_total", Form::Money)])
}

/// The fold of one partition.
#[derive(Debug)]
pub(crate) struct Loyalty {
    as_of: i32,
    period: PurchasePeriod,
    tenure: Days,
    active_share: Doubles,
    repeats: [Flags; REPEAT_DAYS.len()],
    length: Days,
    wallet: Option<Doubles>,
}

impl Loyalty {
    /// A fold.
    pub(crate) fn new(config: &FeatureConfig) -> Self {
        Self {
            as_of: config.as_of.day(),
            period: config.purchase_period,
            tenure: Days::default(),
            active_share: Doubles::default(),
            repeats: Default::default(),
            length: Days::default(),
            wallet: has_market(config).then(Doubles::default),
        }
    }

    /// Periods with a purchase / periods from the first of them to `as_of`.
    fn active_share(&self, days: &[i32]) -> Option<f64> {
        let first = self.period.index(*days.first()?);
        let mut periods = 0;
        each_period(self.period, days, |_| periods += 1);
        ratio(periods, i128::from(self.period.index(self.as_of) - first) + 1)
    }

    /// Whether the second date of `days` is at most `within` days after the first; `None` while it may still be.
    fn repeats(&self, days: &[i32], within: i32) -> Option<bool> {
        let first = *days.first()?;
        match days.get(days.partition_point(|&day| day <= first)) {
            Some(second) => Some(second - first <= within),
            None => (self.as_of - first >= within).then_some(false),
        }
    }
}

impl Family for Loyalty {
    fn fold(&mut self, history: &History<'_>) -> Result<(), FoldError> {
        let days = history.purchases.days;
        let registered = history.profile.as_ref().map_or(NO_DAY, Profile::registered_at);
        let registered = (registered != NO_DAY).then_some(registered);
        let since = days.first().copied().into_iter().chain(registered).min();
        self.tenure.push(since.map(|since| self.as_of - since));
        self.active_share.push(self.active_share(days));
        for (index, within) in REPEAT_DAYS.into_iter().enumerate() {
            let repeats = self.repeats(days, within);
            self.repeats[index].push(repeats);
        }
        self.length.push(days.first().zip(days.last()).map(|(first, last)| last - first));
        if let Some(wallet) = &mut self.wallet {
            let market = history.profile.as_ref().map_or(NO_MONEY, Profile::market_total);
            let recent = days.partition_point(|&day| day <= self.as_of - WALLET_DAYS);
            wallet.push(ratio(sum(&history.purchases.amounts[recent..]), market.into()));
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<ArrayRef> {
        let mut columns = vec![self.tenure.finish(), self.active_share.finish()];
        columns.extend(self.repeats.map(Flags::finish));
        columns.push(self.length.finish());
        columns.extend(self.wallet.map(Doubles::finish));
        columns
    }
}
