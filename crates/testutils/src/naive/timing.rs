//! How regularly the customer buys.

use std::collections::{BTreeMap, BTreeSet};

use appraise_schema::{PurchasePeriod, SourceKind};

use super::cell::{Columns, wide};
use super::subject::Subject;

pub(super) fn fold(subject: &Subject<'_>, out: &mut Columns) {
    let question = subject.question;
    if !question.has(SourceKind::Transactions) {
        return;
    }
    let periods: Vec<i32> = subject.spend().into_keys().collect();
    let gaps: Vec<f64> =
        periods.windows(2).map(|pair| f64::from(pair[1] - pair[0]) * question.period.length_days()).collect();
    let n = gaps.len() as f64;
    let mean = (!gaps.is_empty()).then(|| gaps.iter().sum::<f64>() / n);
    let sd = mean.filter(|_| gaps.len() >= 2).map(|mean| {
        let squares: f64 = gaps.iter().map(|gap| (gap - mean).powi(2)).sum();
        (squares / (n - 1.0)).sqrt()
    });
    out.quotient("mean_gap_days", mean);
    out.double("gap_sd_days", sd);
    out.double("gap_cv", sd.zip(mean).map(|(sd, mean)| sd / mean));
    out.quotient("longest_gap_days", gaps.iter().copied().reduce(f64::max));
    out.quotient("last_gap_days", gaps.last().copied());
    out.double("spend_cv", spend_cv(subject));
    out.whole("longest_active_months", Some(longest_active_months(subject)));
    let since_last = subject.last().map(|last| f64::from(question.as_of - last));
    let all = gaps.iter().sum::<f64>();
    out.quotient("overdue_ratio", since_last.filter(|_| all > 0.0).map(|since_last| since_last * n / all));
    let second_period = subject.spend().into_keys().nth(1);
    let second = subject
        .standing()
        .iter()
        .map(|row| row.day)
        .filter(|&day| Some(question.period.index(day)) == second_period)
        .min();
    out.day("second_purchase_date", second);
    let quarters = quarters(subject);
    out.count("active_quarters", quarters.len());
    let bits = quarters.iter().filter(|&&quarter| quarter <= 61).map(|&quarter| 2_i128.pow(quarter));
    out.whole("purchase_quarters", Some(bits.sum()));
}

/// The population's standard deviation of the spend of the complete periods since the first purchase, over its mean.
fn spend_cv(subject: &Subject<'_>) -> Option<f64> {
    let period = subject.question.spend_period;
    let complete = period.index(subject.entry()?)..period.index(subject.question.as_of + 1);
    let mut by_period: BTreeMap<i32, i128> = BTreeMap::new();
    for row in subject.standing() {
        *by_period.entry(period.index(row.day)).or_default() += i128::from(row.amount);
    }
    let spend: Vec<f64> = complete.map(|index| by_period.get(&index).map_or(0.0, |&spend| spend as f64)).collect();
    let n = spend.len() as f64;
    let mean = spend.iter().sum::<f64>() / n;
    let variance = spend.iter().map(|spend| (spend - mean).powi(2)).sum::<f64>() / n;
    (spend.len() >= 4 && mean > 0.0).then(|| variance.sqrt() / mean)
}

/// The longest run of consecutive calendar months with a standing purchase.
fn longest_active_months(subject: &Subject<'_>) -> i128 {
    let mut months: Vec<i32> = subject.standing().iter().map(|row| PurchasePeriod::Month.index(row.day)).collect();
    months.sort_unstable();
    months.dedup();
    let runs = months.chunk_by(|month, next| *next == month + 1).map(<[i32]>::len);
    wide(runs.max().unwrap_or(0))
}

/// Numbers of the quarters of 1461/16 days, back from `as_of`, that have a standing purchase: as many as begin after the purchase.
fn quarters(subject: &Subject<'_>) -> BTreeSet<u32> {
    let days_ago = |day: i32| i64::from(subject.question.as_of) - i64::from(day);
    let begun = |days: i64| {
        let mut quarter = 0;
        while i64::from(quarter + 1) * 1461 <= 16 * days {
            quarter += 1;
        }
        quarter
    };
    subject.standing().iter().map(|row| begun(days_ago(row.day))).collect()
}
