//! What the customer bought.

use std::collections::BTreeSet;

use appraise_schema::SourceKind;
use appraise_schema::as_of::date_of;
use chrono::Datelike;

use super::cell::{Columns, quotient, sum, wide};
use super::subject::{Subject, orders};
use crate::world::Transaction;

pub(super) fn fold(subject: &Subject<'_>, out: &mut Columns) {
    if !subject.question.has(SourceKind::Transactions) {
        return;
    }
    times(subject, out);
    money(subject, out);
    slope(subject, out);
    quarters(subject, out);
    windows(subject, out);
}

fn times(subject: &Subject<'_>, out: &mut Columns) {
    let question = subject.question;
    let (first, last) = (subject.entry(), subject.last());
    out.day("first_purchase_date", first);
    out.day("last_purchase_date", last);
    out.day("days_since_last_purchase", last.map(|last| question.as_of - last));
    let since_first = |to: Option<i32>| {
        let periods = question.period.index(to?) - question.period.index(first?);
        Some(f64::from(periods) * question.period.length_days() / question.time_unit.days())
    };
    out.quotient("recency", since_first(last));
    out.quotient("customer_age", since_first(Some(question.as_of)));
}

fn money(subject: &Subject<'_>, out: &mut Columns) {
    let bought: Vec<&Transaction> = subject.purchases.iter().map(|purchase| purchase.row).collect();
    let standing = subject.standing();
    let revenue = sum(bought.iter().map(|row| row.amount));
    let spend = subject.spend();
    let periods = wide(spend.len());
    let first_spend = spend.values().next().copied();
    out.whole("frequency", first_spend.map(|_| periods - 1));
    out.mean_money("monetary_value", spend.values().skip(1).sum(), (periods - 1).max(0));
    out.whole("orders", Some(orders(&bought)));
    out.count("lines", bought.len());
    out.whole("purchase_periods", Some(periods));
    out.whole("total_revenue", Some(revenue));
    out.mean_money("average_order_value", revenue, orders(&bought));
    out.whole("first_purchase_amount", first_spend);
    out.whole("largest_purchase", spend.values().max().copied());
    out.count("refund_count", subject.refunds.len() + subject.rescinded().len());
    out.whole("refund_total", Some(subject.refund_total()));
    out.whole("net_revenue", Some(subject.net_revenue()));
    out.count("reversed_lines", bought.len() - standing.len());
    out.whole("reversed_revenue", Some(revenue - sum(standing.iter().map(|row| row.amount))));
    if subject.has_gross_margin() {
        out.whole("gross_margin", subject.gross_margin());
    }
}

/// Least squares, in whole numbers: n Σx² − (Σx)² and its like are n times the sums of squares about the mean. The slope
/// is in units of money, not minor ones.
fn slope(subject: &Subject<'_>, out: &mut Columns) {
    let question = subject.question;
    let spend = subject.spend();
    let mut points: Vec<(i128, i128)> = Vec::new();
    if let Some(&first) = spend.keys().next() {
        let periods = first..=question.period.index(question.as_of);
        points = (0..).zip(periods.map(|period| spend.get(&period).copied().unwrap_or(0))).collect();
    }
    let n = wide(points.len());
    let total = |of: fn(&(i128, i128)) -> i128| points.iter().map(of).sum::<i128>();
    let (x, y) = (total(|p| p.0), total(|p| p.1));
    let xx = n * total(|p| p.0 * p.0) - x * x;
    let xy = n * total(|p| p.0 * p.1) - x * y;
    let yy = n * total(|p| p.1 * p.1) - y * y;
    let unit = 10_i128.pow(question.money_scale.into());
    let error = || ((xx * yy - xy * xy) as f64 / (n - 2) as f64).sqrt() / (xx * unit) as f64;
    out.double("spend_slope", if n < 2 { None } else { quotient(xy, xx * unit) });
    out.double("spend_slope_se", if n < 3 { None } else { Some(error()) });
}

fn quarters(subject: &Subject<'_>, out: &mut Columns) {
    let standing = subject.standing();
    let revenue = sum(standing.iter().map(|row| row.amount));
    for quarter in 1..=4 {
        let within = standing.iter().filter(|row| date_of(row.day).map(|date| date.month0() / 3 + 1) == Some(quarter));
        out.ratio(format!("q{quarter}_revenue_share"), sum(within.map(|row| row.amount)), revenue);
    }
}

fn windows(subject: &Subject<'_>, out: &mut Columns) {
    let as_of = subject.question.as_of;
    for &days in &subject.question.windows {
        for (infix, end) in [("", as_of), ("prev_", as_of - days)] {
            let within: Vec<&Transaction> =
                subject.standing().into_iter().filter(|row| row.day > end - days && row.day <= end).collect();
            let active: BTreeSet<i32> = within.iter().map(|row| row.day).collect();
            out.whole(format!("orders_{infix}{days}d"), Some(orders(&within)));
            out.whole(format!("revenue_{infix}{days}d"), Some(sum(within.iter().map(|row| row.amount))));
            out.count(format!("active_days_{infix}{days}d"), active.len());
        }
    }
}
