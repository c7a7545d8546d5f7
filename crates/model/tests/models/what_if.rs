//! Scenarios: what weighing anew gives is what fitting anew gives, published changes of one weight, and the least change.

use appraise_mcdm::{WeightChange, change_weight, max_rank_shift, spearman, top_overlap};
use appraise_model::{
    Base, ClassNames, Combination, IndexConfig, ModelConfig, ModelPlan, Outcome, Ranking, Seen, SegmentRule,
    SiblingWeights, WeighedIndex, fix_weights,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::customers::{as_of, doubles, rule, texts};
use crate::index::{Table, config, integers, numbers, published, published_table, random_config, random_table};

/// The index and two segments, over the customers of `table`.
fn plan(table: &Table, index: &IndexConfig, rules: &[SegmentRule]) -> ModelPlan {
    let config = ModelConfig { index: Some(index.clone()), segments: rules.to_vec(), ..ModelConfig::default() };
    ModelPlan::new(&config, &table.contract()).unwrap()
}

fn names(plan: &ModelPlan, index: &IndexConfig) -> ClassNames {
    ClassNames::new(plan.contract(), |column| {
        let tiers = index.tiers.iter().filter(|_| column == "value_tier");
        tiers.map(|(name, _)| name.clone()).collect()
    })
}

/// Fits and applies; `None` where the customers have no fit.
fn value(table: &Table, plan: &ModelPlan, names: &mut ClassNames) -> Option<(Outcome, WeighedIndex)> {
    let batches = table.batches(7);
    let mut fitted = plan.fit(as_of(), &batches).ok()?;
    fitted.keep_indicators();
    let mut outcome = Outcome::default();
    for part in batches.chunks(2) {
        fitted.apply(part).unwrap().iter().for_each(|valued| outcome.push(names, valued).unwrap());
    }
    Some((outcome, fitted.take_indicators().unwrap()))
}

/// `config` with other weights and another share of ours.
fn other_weights(config: &IndexConfig, weights: &[f64], alpha: f64) -> IndexConfig {
    let mut other = config.clone();
    let mut weights = weights.iter().copied().cycle();
    let count = other.groups.len();
    other.group_weights = SiblingWeights::Manual(weights.by_ref().take(count).collect());
    for group in &mut other.groups {
        group.weights = SiblingWeights::Manual(weights.by_ref().take(group.indicators.len()).collect());
    }
    if let Some(objective) = &mut other.objective {
        objective.combination = Combination::Additive { alpha };
    }
    other
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// For any customers and weights: weighing anew gives bit by bit what fitting anew gives, in every figure.
    #[test]
    fn weighing_anew_is_fitting_anew(
        table in random_table(),
        config in random_config(),
        sets in prop::collection::vec((prop::collection::vec(0.01..9.0_f64, 7), 0.0..1.0_f64), 1..5),
    ) {
        let config = IndexConfig { ranking: Ranking::Saw, ..config };
        let rules = [rule("many", "orders > 1"), rule("some", "orders > 0")];
        let of_base = plan(&table, &config, &rules);
        prop_assert!(!of_base.reads_index());
        let mut names = names(&of_base, &config);
        let Some((outcome, index)) = value(&table, &of_base, &mut names) else { return Ok(()) };
        let base = Base::new(outcome, &names).unwrap();
        prop_assert_eq!(index.rows(), base.ranked());
        let tiers = names.columns().iter().position(|name| name == "value_tier");
        let mut fitted = Seen::new(base.ranked().len(), sets.len(), sets.len());
        let mut all = Vec::new();
        for (weights, alpha) in &sets {
            let other = other_weights(&config, weights, *alpha);
            let (outcome, _) = value(&table, &plan(&table, &other, &rules), &mut names).unwrap();
            let mut scores = Vec::new();
            let weighed = index.weigh(index.weights(&other).unwrap(), &mut scores);
            let valued = table.value(&other, 1000).unwrap();
            let expected: Vec<f64> = doubles(&valued, "value_index").into_iter().flatten().collect();
            prop_assert_eq!(&scores, &expected);
            let of_tiers: Vec<String> = texts(&valued, "value_tier").into_iter().flatten().collect();
            let found: Vec<&str> = scores.iter().map(|score| config.tiers[weighed.tier(*score)].0.as_str()).collect();
            prop_assert_eq!(found, of_tiers);
            let top = scores.len().div_ceil(10);
            let ranks: Vec<i64> = integers(&valued, "value_rank").into_iter().flatten().collect();
            let best = |(score, rank): (&f64, &i64)| {
                (*score >= weighed.top_least.unwrap()) == (*rank <= i64::try_from(top).unwrap())
            };
            prop_assert!(scores.iter().zip(&ranks).all(best));
            prop_assert_eq!(base.compare_weighed(&weighed, &scores, tiers), base.compare(&outcome, &names).unwrap());
            fitted.add(&base, &outcome);
            all.push(weighed);
        }
        let weighed = Seen::new(base.ranked().len(), sets.len(), 0).finish(Some(&index), &all);
        prop_assert_eq!(&weighed, &fitted.finish(None, &[]));
        // Some one after another, the others at once: the same.
        let mut mixed = Seen::new(base.ranked().len(), sets.len(), 1);
        let first = other_weights(&config, &sets[0].0, sets[0].1);
        mixed.add(&base, &value(&table, &plan(&table, &first, &rules), &mut names).unwrap().0);
        prop_assert_eq!(&weighed, &mixed.finish(Some(&index), &all[1..]));
    }

    /// A change just beyond the least one moves the customer to the tier it names, one just short of it leaves it.
    #[test]
    fn the_least_change_moves_the_customer_and_less_does_not(table in random_table(), config in random_config()) {
        let config = IndexConfig { ranking: Ranking::Saw, ..config };
        let of_base = plan(&table, &config, &[]);
        let Some((_, index)) = value(&table, &of_base, &mut names(&of_base, &config)) else { return Ok(()) };
        let mut scores = Vec::new();
        let base = index.weigh(index.weights(&config).unwrap(), &mut scores);
        for (row, change) in index.tier_changes(&base).into_iter().enumerate() {
            let Some(change) = change else { continue };
            let tier_at = |by: f64| {
                let target = (base.weights[change.indicator] + change.change * by + (by - 1.0) * 1e-9 * change.change.signum()).clamp(0.0, 1.0);
                let weights = fix_weights(&base.weights, &[(change.indicator, target)]).unwrap();
                let mut moved = Vec::new();
                index.weigh(weights, &mut moved);
                // Scores within rounding of a cut are on neither side.
                let near = base.cuts.iter().any(|(least, _)| (moved[row] - least).abs() < 1e-12);
                (base.tier(moved[row]), near)
            };
            let (before, near) = tier_at(1.0 - 1e-4);
            prop_assert!(near || before == base.tier(scores[row]));
            let (after, near) = tier_at(1.0 + 1e-4);
            prop_assert!(near || after == change.tier, "{} {} {:?}", after, base.tier(scores[row]), change);
        }
    }
}

#[test]
fn rules_that_read_the_index_are_known() {
    let (table, indicators) = published_table();
    let config = config(&indicators, &[1.0; 8], &[3, 4, 1]);
    for (when, reads) in [("value_tier = 'best'", true), ("index_group1 > 0.2", true), ("orders > 0", false)] {
        assert_eq!(plan(&table, &config, &[rule("some", when)]).reads_index(), reads, "{when}");
    }
}

/// The published changes of one weight at a time, in both conventions, through the models.
#[test]
fn one_weight_at_a_time_gives_the_published_rankings() {
    let (table, indicators) = published_table();
    let truth: Value = serde_json::from_str(&published("whatif.json")).unwrap();
    let criteria: Vec<&str> =
        truth["meta"]["criteria"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let of = |weights: &[f64]| {
        let config = IndexConfig { ranking: Ranking::Topsis, ..config(&indicators, weights, &[8]) };
        let valued = table.value(&config, 7).unwrap();
        let ranks: Vec<u64> =
            integers(&valued, "value_rank").into_iter().map(|rank| rank.unwrap().unsigned_abs()).collect();
        (doubles(&valued, "value_index").into_iter().flatten().collect::<Vec<f64>>(), ranks)
    };
    let base = numbers(&truth["base_weights"]);
    let (before, ranks) = of(&base);
    let cases = truth["whatif"]["one_at_a_time"].as_object().unwrap();
    assert_eq!(cases.len(), 112);
    for (case, expected) in cases {
        let parts: Vec<&str> = case.split('|').collect();
        let indicator = criteria.iter().position(|&name| name == parts[0]).unwrap();
        let change: WeightChange = serde_json::from_value(parts[2].into()).unwrap();
        let factor = parts[1].trim_start_matches('x').parse().unwrap();
        let (after, others) = of(&change_weight(&base, indicator, factor, change).unwrap());
        let found = spearman(&before, &after).unwrap().unwrap();
        assert!((found - expected["spearman_vs_base"].as_f64().unwrap()).abs() <= 1e-12, "{case}");
        let of = |key: &str| expected[key].as_f64().unwrap();
        assert_eq!(top_overlap(&ranks, &others, 10).unwrap() as f64, of("top10_overlap"), "{case}");
        assert_eq!(max_rank_shift(&ranks, &others).unwrap() as f64, of("max_rank_shift"), "{case}");
    }
}
