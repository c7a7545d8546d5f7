//! What the customer likes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use appraise_schema::SourceKind;

use super::cell::{Columns, quotient};
use super::subject::Subject;

/// A category of the customer.
#[derive(Default)]
struct Liking {
    revenue: i128,
    lines: u64,
    first: Option<i32>,
}

pub(super) fn fold(subject: &Subject<'_>, out: &mut Columns) {
    let question = subject.question;
    if !question.maps(SourceKind::Transactions, "category") {
        return;
    }
    let mut likings: BTreeMap<String, Liking> = BTreeMap::new();
    for row in subject.standing() {
        if let Some(category) = &row.category {
            let liking = likings.entry(category.clone()).or_default();
            liking.revenue += i128::from(row.amount);
            liking.lines += 1;
            liking.first = Some(liking.first.map_or(row.day, |first| first.min(row.day)));
        }
    }
    let total: i128 = likings.values().map(|liking| liking.revenue).sum();
    let top = likings.iter().max_by_key(|(name, liking)| (liking.revenue, liking.lines, Reverse(*name)));
    out.count("categories", likings.len());
    out.text("top_category", top.map(|(name, _)| name.clone()));
    out.ratio("top_category_share", top.map_or(0, |(_, liking)| liking.revenue), total);
    let mut revenues: Vec<i128> = likings.values().map(|liking| liking.revenue).collect();
    revenues.sort_unstable();
    let shares: Vec<f64> = revenues.iter().filter_map(|&revenue| quotient(revenue, total)).collect();
    let entropy: f64 = shares.iter().filter(|share| **share > 0.0).map(|share| -share * share.ln()).sum();
    out.double("category_entropy", (total != 0).then_some(entropy));
    let squares = revenues.iter().map(|revenue| revenue * revenue).sum();
    out.double("category_hhi", quotient(squares, total * total));
    for &days in &question.windows {
        let within = |first: i32| first > question.as_of - days && first <= question.as_of;
        let new = likings.values().filter(|liking| liking.first.is_some_and(within));
        out.count(format!("new_categories_{days}d"), new.count());
    }
}
