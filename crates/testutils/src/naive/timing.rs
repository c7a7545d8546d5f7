//! How regularly the customer buys.

use std::collections::BTreeSet;

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

/// Numbers of the quarters of 1461/16 days, back from `as_of`, that have a standing purchase: as many as begin after the purchase.
fn quarters(subject: &Subject<'_>) -> BTreeSet<u32> {
    let days_ago = |day: i32| i64::from(subject.question.as_of) - i64::from(day);
    let begun = |days: i64| (1..).take_while(|quarter| i64::from(*quarter) * 1461 <= 16 * days).last().unwrap_or(0);
    subject.standing().iter().map(|row| begun(days_ago(row.day))).collect()
}
