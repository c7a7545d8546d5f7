//! Random questions: dates near the ends of years, quarters and leap days, and columns that are mapped or not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use appraise_feature_engineering::{Duplicates, FeatureConfig, InteractionConfig, ReferenceConfig};
use appraise_schema::event::KeyType;
use appraise_schema::{AsOf, Money, PurchasePeriod, Reference, SourceKind, SpendPeriod, TimeUnit};
use appraise_testutils::naive::{Question, ReferenceQuestion};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// Names of the attributes that customers have.
pub(crate) const ATTRIBUTES: [&str; 2] = ["industry", "region"];

/// Leap day, the day after, ends and beginnings of years and quarters, a Sunday and a Monday, and dates before 1970.
const DATES: [&str; 9] = [
    "2024-02-29",
    "2024-03-01",
    "2023-12-31",
    "2024-01-01",
    "2024-03-31",
    "2024-04-01",
    "1970-01-04",
    "1913-12-31",
    "1900-03-01",
];

/// What the fold is asked for, in its own words.
pub(crate) fn config(question: &Question) -> FeatureConfig {
    let date = appraise_schema::as_of::date_of(question.as_of).unwrap();
    let references = question.references.iter().map(|reference| ReferenceConfig {
        attribute: reference.attribute.clone(),
        columns: reference.columns.clone(),
        table: Arc::new(reference.table.clone()),
    });
    FeatureConfig {
        as_of: date.to_string().parse().unwrap(),
        money: Money::new("GBP", question.money_scale).unwrap(),
        purchase_period: question.period,
        time_unit: question.time_unit,
        spend_period: question.spend_period,
        windows: question.windows.iter().map(|days| format!("{days}d").parse().unwrap()).collect(),
        key_type: question.key_type,
        mapped: question.mapped.clone(),
        duplicates: question.latest.iter().map(|source| (*source, Duplicates::Latest)).collect(),
        attributes: question.attributes.clone(),
        references: references.collect(),
        interaction: InteractionConfig {
            half_life_days: question.half_life_days,
            kind_weights: question.kind_weights.clone(),
        },
        default_days: question.default_days.unsigned_abs(),
        late_bid_seconds: u32::try_from(question.late_bid_seconds).unwrap(),
        no_show_days: question.no_show_days.unsigned_abs(),
        leave_out: BTreeSet::new(),
        only: None,
    }
}

/// A reference table of `rows`: a value, since when, and the numbers.
fn reference(attribute: &str, columns: &[&str], rows: &[(&str, i32, &[f64])]) -> ReferenceQuestion {
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let mut table = Reference { columns: columns.clone(), ..Reference::default() };
    for (value, from, numbers) in rows {
        table.rows.entry((*value).to_owned()).or_default().push((*from, numbers.to_vec()));
    }
    ReferenceQuestion { attribute: attribute.to_owned(), columns, table }
}

/// Everything is mapped, nothing is repeated but by duplicates.
pub(crate) fn full_question() -> Question {
    let columns = |source: SourceKind| source.columns().iter().map(|column| column.name.to_owned()).collect();
    Question {
        as_of: DATES[0].parse::<AsOf>().unwrap().day(),
        period: PurchasePeriod::Day,
        money_scale: 2,
        time_unit: TimeUnit::Day,
        spend_period: SpendPeriod::Quarter,
        windows: vec![7, 90],
        key_type: KeyType::Integer,
        mapped: SourceKind::ALL.into_iter().map(|source| (source, columns(source))).collect(),
        latest: BTreeSet::new(),
        attributes: ATTRIBUTES.map(str::to_owned).to_vec(),
        references: vec![
            reference(
                "industry",
                &["demand_index", "growth"],
                &[("art", -40_000, &[0.5, f64::NAN]), ("art", 19_000, &[1.5, -2.0]), ("tin", -90_000, &[2.5, 0.0])],
            ),
            reference(
                "region",
                &["wealth"],
                &[("art", -90_000, &[7.25]), ("north", 19_782, &[3.0]), ("north", 19_783, &[4.0])],
            ),
        ],
        half_life_days: 90.0,
        kind_weights: InteractionConfig::default().kind_weights,
        default_days: 90,
        late_bid_seconds: 60,
        no_show_days: 30,
    }
}

/// Half of the time everything is mapped, else any columns of any sources.
fn mapped() -> impl Strategy<Value = BTreeMap<SourceKind, BTreeSet<String>>> {
    let sources: Vec<_> = SourceKind::ALL.into_iter().map(columns).collect();
    prop_oneof![Just(full_question().mapped), sources.prop_map(|sources| sources.into_iter().flatten().collect())]
}

fn columns(source: SourceKind) -> impl Strategy<Value = Option<(SourceKind, BTreeSet<String>)>> {
    let columns = source.columns();
    let kept = prop::collection::vec(prop::bool::weighted(0.8), columns.len());
    let mapped = kept.prop_map(move |kept| {
        let kept = columns.iter().zip(kept).filter(|(column, kept)| column.required || *kept);
        (source, kept.map(|(column, _)| column.name.to_owned()).collect())
    });
    prop::option::weighted(0.85, mapped)
}

/// A random question.
pub(crate) fn question() -> impl Strategy<Value = Question> {
    let times = (
        select(&DATES),
        select(&[PurchasePeriod::Day, PurchasePeriod::Week, PurchasePeriod::Month]),
        select(&[TimeUnit::Day, TimeUnit::Week]),
        select(&[SpendPeriod::Week, SpendPeriod::Month, SpendPeriod::Quarter, SpendPeriod::Year]),
        subsequence(vec![1, 7, 30, 90, 365], 0..=3),
    );
    let rows = (
        select(&[KeyType::Integer, KeyType::Text]),
        mapped(),
        subsequence(SourceKind::ALL.to_vec(), 0..=6),
        prop::bool::ANY,
    );
    let numbers = (
        select(&[90.0, 7.5]),
        subsequence(full_question().kind_weights.into_iter().collect::<Vec<_>>(), 0..=6),
        select(&[0, 1, 14, 90]),
        select(&[0_i64, 60, 3_600]),
        select(&[0, 2, 30]),
        subsequence(ATTRIBUTES.to_vec(), 0..=2),
    );
    (times, rows, numbers).prop_map(|(times, rows, numbers)| {
        let (date, period, time_unit, spend_period, windows) = times;
        let (key_type, mapped, latest, repeats) = rows;
        let (half_life_days, weights, default_days, late_bid_seconds, no_show_days, attributes) = numbers;
        let mut question = Question {
            as_of: date.parse::<AsOf>().unwrap().day(),
            period,
            time_unit,
            spend_period,
            windows,
            key_type,
            half_life_days,
            kind_weights: weights.into_iter().collect(),
            default_days,
            late_bid_seconds,
            no_show_days,
            attributes: attributes.into_iter().map(str::to_owned).collect(),
            mapped,
            ..full_question()
        };
        // The newest row of an identity can only be told where that and the time of delivery are mapped.
        question.latest = latest.into_iter().filter(|source| repeats && question.maps(*source, "loaded_at")).collect();
        question.latest = question.latest.iter().copied().filter(|source| question.takes_latest(*source)).collect();
        let known = &question.attributes;
        question.references.retain(|reference| known.contains(&reference.attribute));
        question
    })
}
