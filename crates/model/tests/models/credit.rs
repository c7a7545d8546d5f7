//! Probability of default: worked by hand, where the data say little, and on random customers.

use std::sync::Arc;

use appraise_clv::{BetaBinomial, TrialCounts, Trials};
use appraise_model::{
    CreditCard, CreditConfig, CreditFit, Exposure, Grade, ModelCard, ModelConfig, ModelError, ModelPlan, Valued,
};
use appraise_schema::{ColumnSpec, ColumnType, KeyType, Share, TableContract};
use arrow::array::{ArrayRef, AsArray, Decimal64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Decimal64Type;
use proptest::prelude::*;

use crate::customers::{as_of, buyer, contract, doubles, features, texts};

/// A customer with invoices to judge, defaults among them, and cents that are open, in default, and the limit.
#[derive(Debug, Clone, PartialEq)]
struct Customer {
    id: String,
    seen: (i64, i64),
    open: i64,
    lost: i64,
    limit: Option<i64>,
    industry: Option<&'static str>,
}

fn customer(id: &str, seen: (i64, i64), cents: (i64, i64, Option<i64>), industry: Option<&'static str>) -> Customer {
    let (open, lost, limit) = cents;
    Customer { id: id.to_owned(), seen, open, lost, limit, industry }
}

fn share(fraction: f64) -> Share {
    Share::from_fraction(fraction).unwrap()
}

fn config(group_by: &[&str]) -> CreditConfig {
    let grade = |(name, up_to): (&str, f64)| Grade { name: name.to_owned(), up_to: share(up_to) };
    CreditConfig {
        loss_given_default: share(0.6),
        exposure: Exposure::Outstanding,
        group_by: group_by.iter().map(ToString::to_string).collect(),
        grades: [("A", 0.01), ("B", 0.03), ("C", 0.08), ("D", 1.0)].map(grade).to_vec(),
    }
}

fn wide_contract() -> TableContract {
    let TableContract { name, meaning, mut columns } = contract(KeyType::Text);
    for name in ["invoices_matured", "defaults_matured"] {
        columns.push(ColumnSpec::required(name, ColumnType::Int64, "rows", "a count"));
    }
    let money = ColumnType::customer_money(2);
    for name in ["exposure", "exposure_in_default"] {
        columns.push(ColumnSpec::required(name, money, "GBP", "money"));
    }
    columns.push(ColumnSpec::nullable("credit_limit", money, "GBP", "money"));
    columns.push(ColumnSpec::nullable("industry", ColumnType::String, "", "attribute"));
    TableContract::new(&name, &meaning, columns).unwrap()
}

fn batch(customers: &[Customer]) -> RecordBatch {
    let buyers: Vec<_> = customers.iter().map(|customer| buyer(&customer.id, 1, 1, 100)).collect();
    let mut columns = features(KeyType::Text, &buyers, buyers.len())[0].columns().to_vec();
    let counts = |of: fn(&Customer) -> i64| -> ArrayRef { Arc::new(customers.iter().map(of).collect::<Int64Array>()) };
    let money = |of: fn(&Customer) -> Option<i64>| -> ArrayRef {
        let cents: Decimal64Array = customers.iter().map(of).collect();
        Arc::new(cents.with_precision_and_scale(18, 2).unwrap())
    };
    columns.extend([counts(|of| of.seen.0), counts(|of| of.seen.1)]);
    columns.extend([money(|of| Some(of.open)), money(|of| Some(of.lost)), money(|of| of.limit)]);
    columns.push(Arc::new(customers.iter().map(|of| of.industry).collect::<StringArray>()));
    RecordBatch::try_new(wide_contract().arrow(), columns).unwrap()
}

fn table(customers: &[Customer], batch_size: usize) -> Vec<RecordBatch> {
    customers.chunks(batch_size).map(batch).collect()
}

fn plan(config: &CreditConfig) -> ModelPlan {
    let config = ModelConfig { credit: Some(config.clone()), ..ModelConfig::default() };
    ModelPlan::new(&config, &wide_contract()).unwrap()
}

fn fit(config: &CreditConfig, customers: &[Customer]) -> Valued {
    plan(config).fit_and_apply(as_of(), &table(customers, 100)).unwrap()
}

fn losses(valued: &Valued) -> Vec<Option<i64>> {
    let cents = |batch: &RecordBatch| {
        batch.column_by_name("expected_loss").unwrap().as_primitive::<Decimal64Type>().iter().collect::<Vec<_>>()
    };
    valued.batches.iter().flat_map(cents).collect()
}

fn credit(valued: &Valued) -> &CreditCard {
    valued.card.credit.as_ref().unwrap()
}

/// Customers of a group who differ from each other: of each ten, one defaults on a third of 9 invoices.
fn mixed(count: usize, industry: &'static str) -> Vec<Customer> {
    let of = |i: usize| {
        let seen = if i.is_multiple_of(10) { (9, 3) } else { (9, i64::from(i % 10 == 1)) };
        customer(&format!("{industry} {i}"), seen, (0, 0, None), Some(industry))
    };
    (0..count).map(of).collect()
}

/// A card that was fitted on another night: all customers have alpha 1 and beta 24, those of law 0.5 and 49.5.
fn frozen(group_by: &str) -> ModelCard {
    let json = format!(
        r#"{{ "format_version": 1, "as_of": "2020-01-01", "money_scale": 2, "credit": {{
            "group_by": {group_by}, "pooling": 50.0, "grades": [], "groups": [
            {{ "group": [], "fit": "beta_binomial", "mean": 0.04, "alpha": 1.0, "beta": 24.0, "customers": 9, "invoices": 99, "defaults": 4 }},
            {{ "group": ["law"], "fit": "beta_binomial", "mean": 0.01, "alpha": 0.5, "beta": 49.5, "customers": 9, "invoices": 99, "defaults": 4 }}
            ] }} }}"#
    );
    ModelCard::from_json(&json).unwrap()
}

#[test]
fn a_frozen_card_values_other_customers() {
    let customers = [
        customer("none", (0, 0), (1000, 0, None), None),
        customer("law", (0, 0), (1000, 0, None), Some("law")),
        customer("payer", (50, 0), (1000, 0, Some(9000)), Some("law")),
        customer("debtor", (25, 9), (250, 1000, Some(1500)), Some("art")),
        customer("half", (0, 0), (0, 125, None), None),
    ];
    let config = config(&["industry"]);
    let valued = plan(&config).apply(&frozen(r#"["industry"]"#), &table(&customers, 2)).unwrap();
    let chances = [0.04, 0.01, 0.005, 0.2, 0.04];
    for (found, wanted) in doubles(&valued, "probability_of_default").into_iter().zip(chances) {
        assert!((found.unwrap() - wanted).abs() < 1e-15, "{found:?} {wanted}");
    }
    // 0.6 · (0.2 · 2.50 + 10.00) and 0.6 · 1.25.
    assert_eq!(losses(&valued), [24, 6, 3, 630, 75].map(Some));
    assert_eq!(texts(&valued, "credit_grade"), ["C", "A", "A", "D", "C"].map(|grade| Some(grade.to_owned())));
    let counts: Vec<u64> = credit(&valued).grades.iter().map(|grade| grade.customers).collect();
    assert_eq!(counts, [2, 0, 2, 1]);

    let limits = CreditConfig { exposure: Exposure::CreditLimit, ..config };
    let valued = plan(&limits).apply(&frozen(r#"["industry"]"#), &table(&customers, 2)).unwrap();
    // 0.6 · 0.005 · 90.00, and 0.6 · (0.2 · (15.00 − 10.00) + 10.00).
    assert_eq!(losses(&valued), [24, 6, 27, 660, 75].map(Some));
    let error = plan(&limits).apply(&frozen("[]"), &table(&customers, 2)).unwrap_err();
    assert!(matches!(error, ModelError::CardMismatch { .. }), "{error}");
}

#[test]
fn groups_are_fitted_and_small_ones_have_the_wider_parameters() {
    let mut customers = mixed(400, "art");
    customers.extend(mixed(29, "law"));
    customers.push(customer("new", (0, 0), (0, 0, None), Some("law")));
    let valued = fit(&config(&["industry"]), &customers);
    let card = credit(&valued);
    let of = |group: &[Option<String>]| card.groups.iter().find(|of| of.group == group).unwrap();
    let (all, law) = (of(&[]), of(&[Some("law".to_owned())]));
    assert_eq!((all.customers, all.invoices, all.fit), (429, 429 * 9, CreditFit::BetaBinomial));
    assert_eq!((law.fit, law.alpha, law.beta, law.customers), (CreditFit::WiderGroup, all.alpha, all.beta, 29));
    let trials = customers
        .iter()
        .map(|of| (Trials { trials: of.seen.0.cast_unsigned(), events: of.seen.1.cast_unsigned() }, 1.0));
    let wanted = BetaBinomial::fit(&TrialCounts::new(trials)).unwrap();
    assert_eq!([all.alpha, all.beta].map(Option::unwrap), wanted.parameters);
    assert_eq!(all.standard_errors["beta"], wanted.standard_errors[1]);
    assert_eq!((all.log_covariance, law.log_covariance), (Some(wanted.covariance), None));
    let new = doubles(&valued, "probability_of_default").last().copied().flatten().unwrap();
    assert_eq!(new, law.mean);
}

#[test]
fn groups_that_differ_are_told_apart() {
    let mut customers = mixed(400, "art");
    for mut of in mixed(400, "law") {
        of.seen.1 = 0;
        customers.push(of);
    }
    let valued = fit(&config(&["industry"]), &customers);
    let mean = |name: &str| {
        let group = [Some(name.to_owned())];
        credit(&valued).groups.iter().find(|of| of.group == group).unwrap().mean
    };
    let all = credit(&valued).groups[0].mean;
    assert!(mean("law") < 0.5 * all && all < 0.8 * mean("art"), "{} {all} {}", mean("law"), mean("art"));
}

#[test]
fn without_differences_all_are_alike_and_without_invoices_nothing_is_known() {
    let alike: Vec<Customer> = (0..99).map(|i| customer(&i.to_string(), (1, 0), (100, 0, None), Some("law"))).collect();
    let valued = fit(&config(&["industry"]), &alike);
    assert!(credit(&valued).groups.iter().all(|of| of.fit == CreditFit::Binomial));
    // No default among 99: half of one among 100.
    assert!(doubles(&valued, "probability_of_default").iter().all(|p| *p == Some(0.005)));
    let none: Vec<Customer> = alike.iter().map(|of| Customer { seen: (0, 0), ..of.clone() }).collect();
    for customers in [&none[..], &none[..1], &[]] {
        let valued = fit(&config(&["industry"]), customers);
        assert!(credit(&valued).groups.is_empty());
        assert!(losses(&valued).iter().all(Option::is_none));
        assert!(texts(&valued, "credit_grade").iter().all(Option::is_none));
    }
}

#[test]
fn what_makes_no_grades_is_refused() {
    let with = |grades: &[(&str, f64)]| {
        let grades = grades.iter().map(|(name, up_to)| Grade { name: (*name).to_owned(), up_to: share(*up_to) });
        let config = CreditConfig { grades: grades.collect(), ..config(&[]) };
        config.check().map_or_else(|error| error.to_string(), |()| "valid".to_owned())
    };
    assert_eq!(with(&[("all", 1.0)]), "valid");
    assert_eq!(with(&[]), "`credit.grades` is empty, expected a last grade up to 100%");
    assert_eq!(with(&[("A", 0.5), ("B", 0.5), ("C", 1.0)]), "`credit.grades` is B: 50%, expected bounds that rise");
    assert_eq!(with(&[("A", 0.5), ("A", 1.0)]), "`credit.grades` is A, expected names that are not blank, each once");
    assert!(with(&[("A", 0.5)]).ends_with("expected a last grade up to 100%"));
}

fn any_customer() -> impl Strategy<Value = Customer> {
    let industry = prop_oneof![Just(None), Just(Some("law")), Just(Some("art"))];
    let cents = (0_i64..1_000_000_000, 0_i64..1_000_000_000, prop::option::of(-5_i64..1_000_000_000));
    let seen = (0_i64..12, 0_i64..4).prop_map(|(trials, events)| (trials, events.min(trials)));
    (0..100_000_u32, seen, cents, industry)
        .prop_map(|(id, seen, cents, industry)| customer(&format!("c{id}"), seen, cents, industry))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_order_of_customers_means_nothing_and_a_card_gives_the_same(
        customers in prop::collection::vec(any_customer(), 1..300), size in 1_usize..50,
    ) {
        let config = config(&["industry"]);
        let plan = plan(&config);
        let valued = plan.fit_and_apply(as_of(), &table(&customers, size)).unwrap();
        let json = valued.card.to_json().unwrap();
        let again = plan.apply(&ModelCard::from_json(&json).unwrap(), &table(&customers, size)).unwrap();
        prop_assert_eq!(&again.batches, &valued.batches);
        prop_assert_eq!(again.card.to_json().unwrap(), json);
        let mut turned = customers.clone();
        turned.reverse();
        let other = plan.fit_and_apply(as_of(), &table(&turned, 7)).unwrap();
        prop_assert_eq!(&other.card, &valued.card);
        let chances = doubles(&valued, "probability_of_default");
        for ((of, chance), loss) in customers.iter().zip(chances).zip(losses(&valued)) {
            let (Some(chance), Some(loss)) = (chance, loss) else { continue };
            prop_assert!(chance > 0.0 && chance < 1.0);
            let wanted = 0.6 * (chance * of.open as f64 + of.lost as f64);
            prop_assert!((loss as f64 - wanted).abs() <= 0.5 + 1e-9 * wanted);
        }
    }
}
