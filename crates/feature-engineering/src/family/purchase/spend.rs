//! Sums over a customer's transactions that several families share.

use std::ops::Range;

use appraise_schema::PurchasePeriod;
use appraise_schema::event::{Form, NO_MONEY};
use appraise_schema::source::SourceKind;

use crate::config::FeatureConfig;
use crate::family::Need;
use crate::history::{History, Transactions};
use crate::lots::LotBook;

/// The sum of `amounts`.
pub(crate) fn sum(amounts: &[i64]) -> i128 {
    amounts.iter().map(|&amount| i128::from(amount)).sum()
}

/// The rows of `history.reversed` that were rescinded.
pub(crate) fn rescinded(history: &History<'_>) -> Range<usize> {
    let rows = history.reversed.len();
    rows - history.rescinded..rows
}

/// Refunds and rescinded purchases, each with its absolute amount.
pub(crate) fn refund_total(history: &History<'_>) -> i128 {
    sum(history.refunds.amounts) + sum(&history.reversed.amounts[rescinded(history)])
}

/// All purchases less [`refund_total`].
pub(crate) fn net_revenue(history: &History<'_>) -> i128 {
    sum(history.purchases.amounts) + sum(history.reversed.amounts) - refund_total(history)
}

/// Hands the index of each period in `days` to `visit`; `days` ascend.
pub(crate) fn each_period(period: PurchasePeriod, days: &[i32], mut visit: impl FnMut(i32)) {
    by_period(|day| period.index(day), days.iter().map(|&day| (day, 0)), |index, _| visit(index));
}

/// Hands the index and the spend of each period in `purchases` to `visit`. The sum of all spend fits 64 bits.
pub(crate) fn each_spend(period: PurchasePeriod, purchases: &Transactions<'_>, visit: impl FnMut(i32, i64)) {
    each_spend_of(|day| period.index(day), purchases, visit);
}

/// The same for the periods that `index` gives of days, in their order.
pub(crate) fn each_spend_of(index: impl Fn(i32) -> i32, purchases: &Transactions<'_>, visit: impl FnMut(i32, i64)) {
    let rows = purchases.days.iter().zip(purchases.amounts);
    by_period(index, rows.map(|(&day, &amount)| (day, amount)), visit);
}

fn by_period(
    index_of: impl Fn(i32) -> i32,
    mut rows: impl Iterator<Item = (i32, i64)>,
    mut visit: impl FnMut(i32, i64),
) {
    let Some((first, amount)) = rows.next() else { return };
    let (mut day_before, mut current, mut of_period) = (first, index_of(first), amount);
    for (day, amount) in rows {
        if day != day_before {
            day_before = day;
            let index = index_of(day);
            if index != current {
                visit(current, of_period);
                (current, of_period) = (index, 0);
            }
        }
        of_period += amount;
    }
    visit(current, of_period);
}

/// Whether `config` maps what `gross_margin` is made of.
pub(crate) fn has_gross_margin(config: &FeatureConfig) -> bool {
    let consigned = ["commission", "consignor_id"].iter().all(|column| config.maps(SourceKind::Lots, column));
    consigned || config.maps(SourceKind::Transactions, "margin")
}

/// The columns that [`gross_margin`] reads.
pub(crate) fn margin_needs() -> Vec<Need> {
    use SourceKind::{Lots, Transactions};
    let needs = [
        (Transactions, "margin", Form::Money),
        (Lots, "commission", Form::Money),
        (Lots, "hammer", Form::Money),
        (Lots, "outcome", Form::Symbol),
        (Lots, "closes_at", Form::Instant),
    ];
    needs.into_iter().map(|(source, column, form)| (source, column.to_owned(), form)).collect()
}

/// Margins of purchases, less the absolute margins of refunds and rescinded purchases, plus the commission on the
/// customer's lots that were sold. `None` when there is no such number.
pub(crate) fn gross_margin(history: &History<'_>, lots: &LotBook) -> Option<i128> {
    let mut numbers = 0_usize;
    let mut count = |margin: i64| {
        numbers += 1;
        i128::from(margin)
    };
    let bought = known(&history.purchases).chain(known(&history.reversed));
    let mut margin: i128 = bought.map(&mut count).sum();
    margin -= known(&history.refunds).map(&mut count).map(i128::abs).sum::<i128>();
    margin -= rescinded_margin(history);
    let sold = history.consigned.iter().map(|&row| lots.at(row)).filter(|lot| lot.sold == Some(true));
    margin += sold.map(|lot| lot.commission).filter(|&commission| commission != NO_MONEY).map(count).sum::<i128>();
    (numbers > 0).then_some(margin)
}

/// Absolute margins of refunds and of rescinded purchases.
pub(crate) fn margin_taken_back(history: &History<'_>) -> i128 {
    known(&history.refunds).map(|margin| i128::from(margin).abs()).sum::<i128>() + rescinded_margin(history)
}

/// Absolute margins of rescinded purchases.
fn rescinded_margin(history: &History<'_>) -> i128 {
    let Some(margins) = history.reversed.margins else { return 0 };
    let known = margins[rescinded(history)].iter().filter(|&&margin| margin != NO_MONEY);
    known.map(|&margin| i128::from(margin).abs()).sum()
}

/// Margins that are not NULL.
fn known<'a>(rows: &Transactions<'a>) -> impl Iterator<Item = i64> + use<'a> {
    rows.margins.unwrap_or(&[]).iter().copied().filter(|&margin| margin != NO_MONEY)
}
