//! How the customer and the house talk.

use std::collections::BTreeMap;

use appraise_schema::SourceKind;

use super::cell::{Columns, wide};
use super::subject::Subject;

pub(super) fn fold(subject: &Subject<'_>, out: &mut Columns) {
    let question = subject.question;
    if !question.has(SourceKind::Interactions) {
        return;
    }
    let rows = &subject.interactions;
    out.count("interactions", rows.len());
    for &days in &question.windows {
        let within = rows.iter().filter(|row| row.day > question.as_of - days && row.day <= question.as_of);
        out.count(format!("interactions_{days}d"), within.count());
    }
    for kind in question.kind_weights.keys() {
        out.count(format!("interactions_{kind}"), rows.iter().filter(|row| row.kind == *kind).count());
    }
    let last = rows.iter().map(|row| row.day).max();
    out.day("days_since_last_interaction", last.map(|last| question.as_of - last));
    if question.maps(SourceKind::Interactions, "responded") {
        let responded = rows.iter().filter(|row| row.responded == Some(true)).count();
        out.ratio("response_rate", wide(responded), wide(rows.iter().filter(|row| row.responded.is_some()).count()));
        let events = rows.iter().filter(|row| row.kind == "event");
        out.count("events_invited", events.clone().count());
        out.count("events_attended", events.filter(|row| row.responded == Some(true)).count());
    }
    if question.maps(SourceKind::Interactions, "feedback_score") {
        let mut scores: Vec<f64> = rows.iter().filter_map(|row| row.feedback_score).collect();
        scores.sort_by(f64::total_cmp);
        out.double("mean_feedback", (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64));
    }
    out.double("engagement", Some(engagement(subject)));
}

fn engagement(subject: &Subject<'_>) -> f64 {
    let question = subject.question;
    let mut counts: BTreeMap<(i32, &str), u32> = BTreeMap::new();
    for row in &subject.interactions {
        *counts.entry((row.day, &row.kind)).or_default() += 1;
    }
    let mut engagement = 0.0;
    for ((day, kind), count) in counts {
        let weight = question.kind_weights.get(kind).copied().unwrap_or(0.0);
        let age = f64::from(question.as_of - day);
        engagement += f64::from(count) * weight * (-age / question.half_life_days).exp2();
    }
    engagement
}
