//! Whom strategies reach: a naive computation from the definition, caps, hold-outs, suppressed customers, words.

use appraise_expression::Parsed;
use appraise_model::{CardValue, ModelConfig, ModelError, ModelPlan, SegmentRule, StrategyConfig};
use appraise_schema::{KeyType, Share, hash};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Date32Type, Decimal64Type};
use proptest::prelude::*;

use crate::customers::{Customer, as_of, buyer, contract, features, no_buyer, rule};

fn share(percent: u32) -> Share {
    Share::from_fraction(f64::from(percent) / 100.0).unwrap()
}

fn strategy(name: &str, segments: &[&str]) -> StrategyConfig {
    StrategyConfig {
        name: name.to_owned(),
        segments: segments.iter().map(|&segment| segment.to_owned()).collect(),
        actions: vec!["call".to_owned(), "view".to_owned()],
        channel: Some("call".to_owned()),
        owner: None,
        reason: None,
        budget: None,
        cap: None,
        uplift: None,
        gain: Some("net_revenue".to_owned()),
        control_share: Share::ZERO,
    }
}

fn config(strategies: Vec<StrategyConfig>, suppress: Vec<SegmentRule>) -> ModelConfig {
    let segments = vec![rule("regular", "orders >= 2"), rule("once", "orders = 1")];
    ModelConfig { segments, strategies, suppress, ..ModelConfig::default() }
}

/// The rows of `customer_actions` and their card.
fn actions(
    config: &ModelConfig,
    customers: &[Customer],
    batch: usize,
) -> (RecordBatch, appraise_model::StrategiesCard) {
    let plan = ModelPlan::new(config, &contract(KeyType::Text)).unwrap();
    let mut fitted = plan.fit(as_of(), &[]).unwrap();
    let mut drafts = Vec::new();
    for part in features(KeyType::Text, customers, batch).chunks(2) {
        fitted.apply(part).unwrap();
        drafts.extend(fitted.take_action_drafts());
    }
    let mut caps = fitted.action_caps().unwrap();
    let settled: Vec<RecordBatch> = drafts.iter().map(|batch| caps.settle(batch).unwrap()).collect();
    let contract = plan.action_contract().unwrap();
    let card = fitted.into_card().strategies.unwrap();
    (concat_batches(&contract.arrow(), &settled).unwrap(), card)
}

fn texts(table: &RecordBatch, column: &str) -> Vec<Option<String>> {
    table.column_by_name(column).unwrap().as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

fn money(table: &RecordBatch, column: &str) -> Vec<Option<i64>> {
    table.column_by_name(column).unwrap().as_primitive::<Decimal64Type>().iter().collect()
}

fn words(words: &[&str]) -> Vec<Option<String>> {
    words.iter().map(|word| Some((*word).to_owned())).collect()
}

#[test]
fn a_row_says_what_is_done_what_it_gains_and_why() {
    let court = StrategyConfig {
        budget: Some(1000),
        uplift: Some(share(10)),
        cap: Some(2),
        reason: Some("they buy often".to_owned()),
        ..strategy("court", &["regular"])
    };
    let collect = strategy("collect", &["unassigned"]);
    let suppress = vec![rule("refunds", "refund_count >= 1 AND strategy = 'court'")];
    let refunded = Customer { refunds: 2, ..buyer("e", 1, 2, 90_000) };
    let customers = [
        buyer("a", 5, 3, 20_005),
        buyer("b", 5, 1, 1),
        buyer("c", 9, 2, 5_000),
        buyer("d", 9, 9, 30_000),
        refunded,
        no_buyer("f", 0),
    ];
    let (rows, card) = actions(&config(vec![court, collect], suppress), &customers, 2);
    assert_eq!(texts(&rows, "customer_id"), words(&["a", "c", "d", "e", "f"]));
    assert_eq!(rows.column(0).as_primitive::<Date32Type>().value(4), as_of().day());
    assert_eq!(texts(&rows, "strategy"), words(&["court", "court", "court", "court", "collect"]));
    assert_eq!(texts(&rows, "actions")[0].as_deref(), Some("call+view"));
    assert_eq!(texts(&rows, "owner"), vec![None; 5]);
    assert_eq!(money(&rows, "budget"), [Some(1000), Some(1000), Some(1000), Some(1000), None]);
    // A tenth of 200.05 is 20.005, rounded half to even.
    assert_eq!(money(&rows, "expected_gain"), [Some(1000), Some(-500), Some(2000), Some(8000), None]);
    assert_eq!(texts(&rows, "status"), words(&["act", "capped", "act", "suppressed", "act"]));
    let reasons = texts(&rows, "status_reason");
    assert_eq!(reasons[1].as_deref(), Some("beyond the 2 customers of the highest expected gain"));
    assert_eq!(reasons[3].as_deref(), Some("refunds: refund_count = 2, strategy = 'court'"));
    assert_eq!([&reasons[0], &reasons[2], &reasons[4]], [&None, &None, &None]);
    let why = texts(&rows, "reason");
    assert_eq!(why[1].as_deref(), Some("they buy often; segment regular: orders = 2"));
    assert_eq!(why[4].as_deref(), Some("segment unassigned: no rule is met"));
    let of = &card.strategies[0];
    assert_eq!((of.customers, of.act, of.control, of.capped, of.suppressed), (4, 2, 0, 1, 1));
    assert_eq!(of.spend, Some(CardValue::Money("20.00".to_owned())));
    assert_eq!((card.suppress[0].customers, card.suppress[0].faults), (1, 0));
    assert_eq!(card.strategies[1].spend, None);
}

#[test]
fn strategies_that_do_not_fit_are_refused() {
    let refused = |config: &ModelConfig| ModelPlan::new(config, &contract(KeyType::Text)).err().unwrap().to_string();
    let none = ModelConfig { strategies: vec![strategy("a", &["x"])], ..ModelConfig::default() };
    assert_eq!(refused(&none), "strategies are for segments, and there are no segment rules");
    let of = |strategies: Vec<StrategyConfig>| refused(&config(strategies, Vec::new()));
    assert_eq!(of(vec![strategy("a", &["twice"])]), "strategy `a` is for the segment `twice`, which no rule admits to");
    let both = vec![strategy("a", &["once"]), strategy("b", &["regular", "once"])];
    assert_eq!(of(both), "strategy `b` is for the segment `once`, which has the strategy `a`");
    let lifts = |gain: Option<&str>, uplift| StrategyConfig {
        gain: gain.map(str::to_owned),
        uplift,
        ..strategy("a", &["once"])
    };
    for (gain, uplift) in [(None, Some(share(5))), (Some("orders"), None), (Some("worth"), Some(share(5)))] {
        assert!(of(vec![lifts(gain, uplift)]).contains("is no column of money"), "{gain:?}");
    }
    ModelPlan::new(&config(vec![lifts(None, None)], Vec::new()), &contract(KeyType::Text)).unwrap();
    let error = ModelPlan::new(
        &config(
            vec![strategy("a", &["once"])],
            vec![SegmentRule { name: "n".to_owned(), when: Parsed::parse("orders + 1").unwrap() }],
        ),
        &contract(KeyType::Text),
    );
    assert!(matches!(error.err().unwrap(), ModelError::RuleType { .. }));
}

#[test]
fn gains_beyond_the_column_are_null_and_nobody_gives_an_empty_table() {
    let most = 999_999_999_999_999_999;
    let dear = StrategyConfig { budget: Some(most), uplift: Some(share(100)), ..strategy("dear", &["once"]) };
    let customers = [buyer("a", 1, 1, most), buyer("b", 1, 1, -most), buyer("c", 1, 1, 0)];
    let (rows, card) = actions(&config(vec![dear.clone()], Vec::new()), &customers, 10);
    assert_eq!(money(&rows, "expected_gain"), [Some(0), None, Some(-most)]);
    assert_eq!(card.strategies[0].spend, Some(CardValue::Money("29999999999999999.97".to_owned())));
    let (rows, card) = actions(&config(vec![dear.clone()], Vec::new()), &[], 10);
    assert_eq!((rows.num_rows(), card.strategies[0].customers), (0, 0));
    let all = StrategyConfig { control_share: share(100), ..dear };
    let (rows, _) = actions(&config(vec![all], Vec::new()), &customers, 10);
    assert_eq!(texts(&rows, "status"), words(&["control"; 3]));
}

/// What becomes of each customer by the definition: sorted whole, no batches, no heap.
fn naive(customers: &[Customer], cap: usize, uplift: Option<u32>, control: u32) -> Vec<String> {
    let below = f64::from(control) / 100.0 * 2_f64.powi(64);
    let status = |customer: &Customer| match customer {
        of if of.refunds > 0 => "suppressed",
        of if (hash::of_text(of.id.as_bytes()) as f64) < below => "control",
        _ => "act",
    };
    let mut statuses: Vec<String> = customers.iter().map(|customer| status(customer).to_owned()).collect();
    let rank = |row: &usize| match uplift {
        // Halves of a percent round to even.
        Some(percent) => {
            let exact = customers[*row].cents * i64::from(percent);
            let (floor, rest) = (exact.div_euclid(100), exact.rem_euclid(100));
            floor + i64::from(rest > 50 || (rest == 50 && floor % 2 != 0))
        }
        None => customers[*row].cents,
    };
    let mut acting: Vec<usize> = (0..customers.len()).filter(|&row| statuses[row] == "act").collect();
    acting.sort_by_key(|row| std::cmp::Reverse(rank(row)));
    acting.iter().skip(cap).for_each(|&row| "capped".clone_into(&mut statuses[row]));
    statuses
}

proptest! {
    #[test]
    fn statuses_are_those_of_the_definition(
        cents in prop::collection::vec((-300_i64..300, 0_i64..6), 0..60),
        cap in 1_usize..20,
        uplift in prop::option::of(0_u32..=100),
        control in 0_u32..60,
        batch in 1_usize..30,
    ) {
        let customer = |(number, (cents, refunds)): (usize, &(i64, i64))| Customer {
            refunds: i64::from(*refunds == 0),
            ..buyer(&format!("c{number}"), 1, 1, *cents)
        };
        let customers: Vec<Customer> = cents.iter().enumerate().map(customer).collect();
        let of = StrategyConfig {
            cap: Some(cap as u64),
            uplift: uplift.map(share),
            control_share: share(control),
            budget: Some(7),
            ..strategy("s", &["once"])
        };
        let (rows, card) = actions(&config(vec![of], vec![rule("r", "refund_count > 0")]), &customers, batch);
        let statuses: Vec<String> = texts(&rows, "status").into_iter().flatten().collect();
        prop_assert_eq!(&statuses, &naive(&customers, cap, uplift, control));
        let count = |status: &str| statuses.iter().filter(|found| *found == status).count() as u64;
        let of = &card.strategies[0];
        let found = [of.act, of.control, of.capped, of.suppressed];
        prop_assert_eq!(found, ["act", "control", "capped", "suppressed"].map(count));
        for (status, reason) in statuses.iter().zip(texts(&rows, "status_reason")) {
            prop_assert_eq!(reason.is_none(), status == "act");
        }
    }
}
