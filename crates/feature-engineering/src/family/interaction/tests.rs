//! Hand-computed contacts.

use appraise_schema::event::NO;
use proptest::prelude::*;

use super::*;
use crate::family::FamilyKind::Interaction as Kind;
use crate::family::fixture::{AS_OF, config, folded, names, shown};

const CALL: u32 = 1;
const EVENT: u32 = 2;
const OTHER: u32 = 3;

const ALL: &[&str] = &["customer_id", "time", "kind", "responded", "feedback_score"];

/// Kinds with a weight are call, event and visit; nobody was visited.
fn kinds() -> (FeatureConfig, Context) {
    let mut config = config(&[(SourceKind::Interactions, ALL)]);
    let weights = [("visit", 5.0), ("call", 3.0), ("event", 4.0)];
    config.interaction.kind_weights = weights.map(|(kind, weight)| (kind.to_owned(), weight)).into();
    let context = Context { kind_symbols: vec![CALL, EVENT, NO_SYMBOL], event_symbol: EVENT, ..Context::default() };
    (config, context)
}

fn history<'a>(days: &'a [i32], kinds: &'a [u32], responded: &'a [u8], feedback: &'a [f64]) -> History<'a> {
    let interactions = Interactions { days, kinds, responded: Some(responded), feedback: Some(feedback) };
    History { interactions, ..History::default() }
}

#[test]
fn columns_follow_what_is_mapped() {
    let mut config = config(&[(SourceKind::Interactions, &["customer_id", "time", "kind"])]);
    let (fixed, own) = names(Kind, &config);
    assert_eq!(fixed, ["interactions", "days_since_last_interaction", "engagement"]);
    assert_eq!(own[..3], ["interactions_30d", "interactions_call", "interactions_email"]);
    config.mapped.clear();
    assert_eq!(columns(&config), FamilyColumns::default());
    let (config, _) = kinds();
    let (fixed, _) = names(Kind, &config);
    let by_table = [
        "interactions",
        "days_since_last_interaction",
        "response_rate",
        "events_invited",
        "events_attended",
        "mean_feedback",
        "engagement",
    ];
    assert_eq!(fixed, by_table);
}

#[test]
fn contacts_are_counted_by_kind_window_and_response() {
    let (config, context) = kinds();
    let histories = [
        history(
            &[AS_OF - 90, AS_OF - 30, AS_OF - 29, AS_OF - 29, AS_OF],
            &[CALL, EVENT, EVENT, OTHER, CALL],
            &[UNKNOWN, YES, NO, YES, UNKNOWN],
            &[f64::NAN, 4.0, f64::NAN, 1.0, 5.5],
        ),
        history(&[AS_OF - 100], &[OTHER], &[UNKNOWN], &[f64::NAN]),
        History::default(),
    ];
    let found = folded(Kind, &config, &context, &histories);
    let expected = [
        ("interactions", ["5", "1", "0"]),
        ("days_since_last_interaction", ["0", "100", "-"]),
        ("response_rate", ["0.6666666666666666", "-", "-"]),
        ("events_invited", ["2", "0", "0"]),
        ("events_attended", ["1", "0", "0"]),
        ("mean_feedback", ["3.5", "-", "-"]),
        ("interactions_30d", ["3", "0", "0"]),
        ("interactions_call", ["2", "0", "0"]),
        ("interactions_event", ["2", "0", "0"]),
        ("interactions_visit", ["0", "0", "0"]),
    ];
    for (column, values) in expected {
        assert_eq!(shown(&found, column), values, "{column}");
    }
}

#[test]
fn a_contact_counts_half_after_each_half_life() {
    let (config, context) = kinds();
    // Two calls two half-lives ago, a call and an event one half-life ago, another kind now: 1.5 + 3.5 + 0.
    let days = [AS_OF - 180, AS_OF - 180, AS_OF - 90, AS_OF - 90, AS_OF];
    let one = history(&days, &[CALL, CALL, EVENT, CALL, OTHER], &[NO; 5], &[f64::NAN; 5]);
    let found = folded(Kind, &config, &context, &[one, History::default()]);
    assert_eq!(shown(&found, "engagement"), ["5.0", "0.0"]);
    let mut config = config;
    config.interaction.half_life_days = 30.0;
    let found = folded(Kind, &config, &context, &[one]);
    // 2·3/64 + (3 + 4)/8.
    assert_eq!(shown(&found, "engagement"), ["0.96875"]);
}

#[test]
fn no_kind_is_matched_by_a_text_that_does_not_occur() {
    let (config, mut context) = kinds();
    context.event_symbol = NO_SYMBOL;
    let found = folded(Kind, &config, &context, &[history(&[AS_OF], &[NO_SYMBOL], &[YES], &[1.0])]);
    for column in ["events_invited", "events_attended", "interactions_visit"] {
        assert_eq!(shown(&found, column), ["0"], "{column}");
    }
}

proptest! {
    #[test]
    fn the_order_within_a_day_means_nothing(
        rows in prop::collection::vec((AS_OF - 3..=AS_OF, 1_u32..4, 0_u8..3, -9_i32..9), 0..40),
        shuffle in any::<u64>(),
    ) {
        let (config, context) = kinds();
        let engagement = |mut rows: Vec<(i32, u32, u8, i32)>, seed: u64| {
            rows.sort_by_key(|row| (row.0, (u64::from(row.1) ^ u64::from(row.3.cast_unsigned())).wrapping_mul(seed | 1).rotate_left(17)));
            let days: Vec<i32> = rows.iter().map(|row| row.0).collect();
            let kinds: Vec<u32> = rows.iter().map(|row| row.1).collect();
            let responded: Vec<u8> = rows.iter().map(|row| row.2).collect();
            let feedback: Vec<f64> = rows.iter().map(|row| f64::from(row.3) / 10.0).collect();
            folded(Kind, &config, &context, &[history(&days, &kinds, &responded, &feedback)])
        };
        prop_assert_eq!(engagement(rows.clone(), 1), engagement(rows, shuffle));
    }
}
