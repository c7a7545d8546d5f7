//! How long and how steadily the customer stays.

use std::collections::BTreeSet;

use appraise_schema::SourceKind;

use super::cell::{Columns, quotient, sum, wide};
use super::subject::Subject;

pub(super) fn fold(subject: &Subject<'_>, out: &mut Columns) {
    let question = subject.question;
    let customers = |column| question.maps(SourceKind::Customers, column);
    if !question.has(SourceKind::Transactions) && !customers("registered_at") {
        return;
    }
    let (first, last) = (subject.entry(), subject.last());
    let registered = subject.master.and_then(|row| row.registered_at);
    let since = first.into_iter().chain(registered).min();
    out.day("tenure_days", since.map(|since| question.as_of - since));
    let share = first.and_then(|first| {
        let all = question.period.index(question.as_of) - question.period.index(first) + 1;
        quotient(wide(subject.spend().len()), i128::from(all))
    });
    out.quotient("active_period_share", share);
    for days in [90, 365] {
        out.flag(format!("repeat_within_{days}d"), repeat_within(subject, days));
    }
    out.day("length_days", last.zip(first).map(|(last, first)| last - first));
    if customers("market_total") {
        let standing = subject.standing();
        let year = standing.iter().filter(|row| row.day > question.as_of - 365 && row.day <= question.as_of);
        let spent = sum(year.map(|row| row.amount));
        let market = subject.master.and_then(|row| row.market_total).filter(|total| *total > 0);
        out.quotient("share_of_wallet", market.and_then(|market| quotient(spent, i128::from(market))));
    }
}

/// Whether the second purchase date is at most `days` after the first, once that is known.
fn repeat_within(subject: &Subject<'_>, days: i32) -> Option<bool> {
    let dates: BTreeSet<i32> = subject.standing().iter().map(|row| row.day).collect();
    let mut dates = dates.into_iter();
    let first = dates.next()?;
    match dates.next() {
        Some(second) => Some(second - first <= days),
        None if subject.question.as_of - first < days => None,
        None => Some(false),
    }
}
