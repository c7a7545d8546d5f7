//! Look-alike values: worked by hand, at the edges, and on random customers.

use std::sync::Arc;

use appraise_model::{ModelCard, ModelConfig, ModelError, ModelPlan, PotentialCard, PotentialConfig, Valued};
use appraise_schema::{ColumnSpec, ColumnType, Horizon, KeyType, Share, TableContract};
use arrow::array::{ArrayRef, AsArray, Decimal64Array, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Decimal64Type;
use proptest::prelude::*;

use crate::customers::{as_of, buyer, contract, doubles, features, rule, texts};

/// A customer with the margins of complete years, in cents.
#[derive(Debug, Clone, PartialEq)]
struct Customer {
    id: String,
    years: Vec<i64>,
    industry: Option<&'static str>,
    size: Option<&'static str>,
    index: Option<f64>,
}

fn customer(id: &str, years: &[i64], group: [Option<&'static str>; 2], index: Option<f64>) -> Customer {
    Customer { id: id.to_owned(), years: years.to_vec(), industry: group[0], size: group[1], index }
}

/// A customer of no group and no market.
fn alone(id: &str, years: &[i64]) -> Customer {
    customer(id, years, [None, None], None)
}

fn config(by: &[&str]) -> PotentialConfig {
    PotentialConfig {
        by: by.iter().map(ToString::to_string).collect(),
        demand: Some("market_demand".to_owned()),
        horizon: "24mo".parse().unwrap(),
        winsorise: Share::from_fraction(1.0).unwrap(),
    }
}

const BY: &[&str] = &["industry", "company_size"];

fn wide_contract() -> TableContract {
    let TableContract { name, meaning, mut columns } = contract(KeyType::Text);
    for year in 1..=5 {
        let money = ColumnType::customer_money(2);
        columns.push(ColumnSpec::nullable(&format!("margin_year_{year}"), money, "GBP", "margin of the year"));
    }
    for attribute in BY {
        columns.push(ColumnSpec::nullable(attribute, ColumnType::String, "", "attribute"));
    }
    columns.push(ColumnSpec::nullable("market_demand", ColumnType::Float64, "", "index"));
    TableContract::new(&name, &meaning, columns).unwrap()
}

fn table(customers: &[Customer], batch_size: usize) -> Vec<RecordBatch> {
    customers.chunks(batch_size).map(batch).collect()
}

fn batch(customers: &[Customer]) -> RecordBatch {
    let buyers: Vec<_> = customers.iter().map(|customer| buyer(&customer.id, 1, 1, 100)).collect();
    let mut columns = features(KeyType::Text, &buyers, buyers.len())[0].columns().to_vec();
    for year in 0..5 {
        let margins: Decimal64Array = customers.iter().map(|customer| customer.years.get(year).copied()).collect();
        columns.push(Arc::new(margins.with_precision_and_scale(18, 2).unwrap()));
    }
    let text = |of: fn(&Customer) -> Option<&'static str>| -> ArrayRef {
        Arc::new(customers.iter().map(of).collect::<StringArray>())
    };
    columns.push(text(|customer| customer.industry));
    columns.push(text(|customer| customer.size));
    columns.push(Arc::new(customers.iter().map(|customer| customer.index).collect::<Float64Array>()));
    RecordBatch::try_new(wide_contract().arrow(), columns).unwrap()
}

fn plan(config: &PotentialConfig) -> ModelPlan {
    let config = ModelConfig { potential: Some(config.clone()), ..ModelConfig::default() };
    ModelPlan::new(&config, &wide_contract()).unwrap()
}

fn fit(config: &PotentialConfig, customers: &[Customer]) -> Valued {
    plan(config).fit_and_apply(as_of(), &table(customers, 3)).unwrap()
}

fn refit(config: &PotentialConfig, customers: &[Customer]) -> String {
    plan(config).fit_and_apply(as_of(), &table(customers, 3)).unwrap_err().to_string()
}

fn card(valued: &Valued) -> PotentialCard {
    valued.card.potential.clone().unwrap()
}

/// A column of money of all rows, in cents.
fn cents(valued: &Valued, column: &str) -> Vec<Option<i64>> {
    let column = |batch: &RecordBatch| batch.column_by_name(column).unwrap().as_primitive::<Decimal64Type>().clone();
    valued.batches.iter().flat_map(|batch| column(batch).iter().collect::<Vec<_>>()).collect()
}

type Row = (Option<String>, Option<i64>, Option<u64>, Option<i64>);

/// Key, value, bits of the credibility, and potential of all rows.
fn rows(valued: &Valued) -> Vec<Row> {
    let keys = texts(valued, "customer_id");
    let credibilities = doubles(valued, "lookalike_credibility").into_iter().map(|z| z.map(f64::to_bits));
    let money = cents(valued, "lookalike_value").into_iter().zip(cents(valued, "potential_value"));
    keys.into_iter()
        .zip(credibilities)
        .zip(money)
        .map(|((key, credibility), (value, potential))| (key, value, credibility, potential))
        .collect()
}

/// s² = (5,000 + 20,000)/2 = 12,500; τ² = (62,500 − 12,500)/(4 − 2) = 25,000; k = ½; z = 2/2½.
#[test]
fn two_customers_and_a_newcomer_worked_by_hand() {
    let customers = [
        customer("a", &[100, 200], [None, None], Some(110.0)),
        customer("b", &[300, 500], [None, None], Some(90.0)),
        customer("new", &[], [None, None], Some(150.0)),
        alone("unknown", &[]),
    ];
    let valued = fit(&config(&[]), &customers);
    assert_eq!(cents(&valued, "lookalike_value"), [175, 375, 275, 275].map(Some));
    assert_eq!(doubles(&valued, "lookalike_credibility"), [0.8, 0.8, 0.0, 0.0].map(Some));
    // Two years; the mean index of those with years is 100.
    assert_eq!(cents(&valued, "potential_value"), [385, 675, 825, 550].map(Some));
    let card = card(&valued);
    assert_eq!((card.levels[0].within, card.levels[0].between), (12_500.0, 25_000.0));
    assert_eq!((card.groups.len(), card.groups[0].customers, card.groups[0].years), (1, 2, 4));
    assert_eq!(card.demand.unwrap().base, Some(100.0));
}

#[test]
fn only_margins_above_the_cut_are_cut() {
    let years: Vec<Customer> =
        (1..=20).map(|n| alone(&n.to_string(), &[if n == 1 { -900 } else { n * 10 }, n * 10])).collect();
    let half = PotentialConfig { winsorise: "50%".parse().unwrap(), ..config(&[]) };
    let card = card(&fit(&half, &years));
    // Of the 40 margins -900, 10, 20, 20, 30, 30 … number 20 is 100.
    assert_eq!(card.cut.unwrap().to_string(), "1.00");
    let mean = f64::from(-900 + 10 + 2 * (20 + 30 + 40 + 50 + 60 + 70 + 80 + 90) + 22 * 100) / 40.0;
    assert!((card.groups[0].mean - mean).abs() < 1e-9, "{}", card.groups[0].mean);
    // The default share of 300 margins keeps 297: the cut is a whole order statistic.
    let many: Vec<Customer> = (1..=300).map(|n| alone(&n.to_string(), &[n])).collect();
    let most = PotentialConfig { winsorise: "99%".parse().unwrap(), ..config(&[]) };
    assert_eq!(fit(&most, &many).card.potential.unwrap().cut.unwrap().to_string(), "2.97");
}

/// Two industries that differ much, customers that do not.
fn industries() -> Vec<Customer> {
    let group = |industry, size| [Some(industry), size];
    vec![
        customer("a", &[100, 120, 80], group("art", Some("small")), None),
        customer("b", &[90, 110], group("art", None), None),
        customer("c", &[1_000, 1_020], group("law", Some("small")), None),
        customer("d", &[990, 970, 1_010, 1_000], group("law", Some("large")), None),
        customer("e", &[500, 540], [None, Some("small")], None),
    ]
}

#[test]
fn no_value_is_a_group_and_an_unseen_value_takes_its_parent_s() {
    let valued = fit(&config(BY), &industries());
    let groups = card(&valued).groups;
    let value_of = |values: &[Option<&str>]| {
        let same =
            |group: &&appraise_model::GroupCard| group.group.iter().map(Option::as_deref).eq(values.iter().copied());
        groups.iter().find(same).unwrap().value
    };
    let listed: Vec<usize> = groups.iter().map(|group| group.group.len()).collect();
    assert_eq!(listed, [0, 1, 1, 1, 2, 2, 2, 2, 2]);
    let new = [
        customer("p", &[], [Some("art"), None], None),
        customer("q", &[], [Some("art"), Some("large")], None),
        customer("r", &[], [Some("dance"), Some("small")], None),
        customer("s", &[], [None, Some("small")], None),
    ];
    let applied = plan(&config(BY)).apply(&valued.card, &table(&new, 2)).unwrap();
    let expected = [&[Some("art"), None][..], &[Some("art")], &[], &[None, Some("small")]].map(value_of);
    let found: Vec<f64> = cents(&applied, "lookalike_value").into_iter().map(|cents| cents.unwrap() as f64).collect();
    assert_eq!(found, expected.map(f64::round_ties_even));
    assert!(found[0] < 200.0 && (450.0..650.0).contains(&found[3]), "{found:?}");
    assert!(doubles(&applied, "lookalike_credibility").iter().all(|z| *z == Some(0.0)));
}

#[test]
fn equal_customers_are_worth_what_they_have_shown() {
    let customers: Vec<Customer> = [3, 5, 1].map(|years| alone(&years.to_string(), &vec![333; years])).to_vec();
    let valued = fit(&config(BY), &customers);
    assert_eq!(cents(&valued, "lookalike_value"), [Some(333); 3]);
    assert_eq!(card(&valued).groups.iter().map(|group| group.value).collect::<Vec<_>>(), [333.0; 3]);
}

#[test]
fn single_years_tell_groups_apart_but_not_customers() {
    let year = |id: &str, cents, industry| customer(id, &[cents], [Some(industry), None], None);
    let customers = [year("a", 90, "art"), year("b", 110, "art"), year("c", 990, "law"), year("d", 1_010, "law")];
    let valued = fit(&config(&["industry"]), &customers);
    assert_eq!(doubles(&valued, "lookalike_credibility"), [Some(0.0); 4]);
    let card = card(&valued);
    // Σ (X − X̄)² = 400 over 4 − 2; (2·2·450² − 200)/(4 − 2) between industries.
    assert_eq!((card.levels[1].within, card.levels[1].between), (200.0, 0.0));
    assert_eq!((card.levels[0].within, card.levels[0].between), (200.0, 404_900.0));
}

#[test]
fn customers_without_complete_years_alone_make_no_values() {
    let customers = [customer("a", &[], [None, None], Some(3.0)), alone("b", &[])];
    let valued = fit(&config(BY), &customers);
    assert_eq!(rows(&valued).iter().map(|row| (row.1, row.2, row.3)).collect::<Vec<_>>(), [(None, None, None); 2]);
    let card = card(&valued);
    assert_eq!((card.cut, card.levels.len(), card.groups.len()), (None, 0, 0));
    let again = plan(&config(BY)).apply(&valued.card, &table(&[alone("c", &[7, 8])], 1)).unwrap();
    assert_eq!(cents(&again, "lookalike_value"), [None]);
}

#[test]
fn what_makes_no_value_is_an_error() {
    let index = |index| [alone("a", &[1]), customer("b", &[], [None, None], Some(index))];
    for value in [0.0, -1.0] {
        let message = format!("`customer_features` row 1 of batch 0: the demand index market_demand is {value}, ");
        assert_eq!(refit(&config(&[]), &index(value)), format!("{message}expected a number above 0"));
    }
    let huge = alone("a", &[900_000_000_000_000_000; 2]);
    assert_eq!(
        refit(&config(&[]), &[huge]),
        "`customer_features` row 0 of batch 0: potential_value of 1800000000000000000 minor units does not fit 18 digits"
    );
    let error = |config: PotentialConfig| {
        let config = ModelConfig { potential: Some(config), ..ModelConfig::default() };
        ModelPlan::new(&config, &wide_contract()).err().unwrap().to_string()
    };
    assert_eq!(error(config(&["region"])), "`customer_features` has no column `region` of type STRING");
    assert_eq!(error(config(&["orders"])), "`customer_features` has no column `orders` of type STRING");
    let demand = PotentialConfig { demand: Some("industry".to_owned()), ..config(&[]) };
    assert_eq!(error(demand), "`customer_features` has no column `industry` of type DOUBLE");
    let nothing = PotentialConfig { winsorise: Share::ZERO, ..config(&[]) };
    assert_eq!(error(nothing), "`winsorise` is 0%, expected a share above 0%");
}

#[test]
fn a_card_of_other_groups_is_refused() {
    let fitted = fit(&config(BY), &industries()).card;
    let refused = |config: &PotentialConfig, card: &ModelCard| {
        let error = plan(config).apply(card, &[]).unwrap_err();
        assert!(matches!(error, ModelError::CardMismatch { .. }) && error.hint().is_some(), "{error}");
        error.to_string().replace("the model card does not fit the pipeline: ", "")
    };
    assert_eq!(
        refused(&config(&["industry"]), &fitted),
        "`by` of `potential` is [industry, company_size] in the card, [industry] in the pipeline"
    );
    let no_demand = PotentialConfig { demand: None, ..config(BY) };
    assert_eq!(
        refused(&no_demand, &fitted),
        "`demand` of `potential` is market_demand in the card, none in the pipeline"
    );
    let off = ModelCard { potential: None, ..fitted.clone() };
    assert_eq!(refused(&config(BY), &off), "`potential` is off in the card, on in the pipeline");
    // The horizon is chosen, not fitted.
    let year = PotentialConfig { horizon: Horizon::YEAR, ..config(BY) };
    let (one, two) = (plan(&year).apply(&fitted, &table(&industries(), 9)).unwrap(), fit(&config(BY), &industries()));
    assert_eq!(cents(&one, "potential_value"), cents(&two, "lookalike_value"));
}

#[test]
fn a_broken_card_is_refused() {
    let fitted = fit(&config(BY), &industries()).card;
    let refused = |change: fn(&mut PotentialCard)| {
        let mut card = fitted.clone();
        change(card.potential.as_mut().unwrap());
        plan(&config(BY)).apply(&card, &[]).unwrap_err().to_string()
    };
    for (change, words) in [
        ((|card| drop(card.groups.remove(0))) as fn(&mut PotentialCard), "groups of potential is"),
        (|card| drop(card.groups.remove(1)), "groups of potential is"),
        (|card| card.groups.push(card.groups[0].clone()), "groups of potential is"),
        (|card| card.groups[0].value = f64::NAN, "groups of potential is"),
        (|card| drop(card.levels.pop()), "levels of potential is `2`"),
        (|card| card.levels[0].within = -1.0, "a variance of industry is `-1`, expected a number from 0"),
        (|card| card.demand.as_mut().unwrap().base = Some(0.0), "base of demand is `0`"),
    ] {
        let message = refused(change);
        assert!(message.starts_with("model card: ") && message.contains(words), "{message}");
    }
}

#[test]
fn segment_rules_read_the_values() {
    let segments = vec![rule("promising", "potential_value > 15 AND lookalike_credibility < 0.5")];
    let config = ModelConfig { potential: Some(config(BY)), segments, ..ModelConfig::default() };
    let plan = ModelPlan::new(&config, &wide_contract()).unwrap();
    let new = [customer("n", &[], [Some("law"), None], None), customer("m", &[], [Some("art"), None], None)];
    let customers: Vec<Customer> = industries().into_iter().chain(new).collect();
    let valued = plan.fit_and_apply(as_of(), &table(&customers, 100)).unwrap();
    assert_eq!(texts(&valued, "segment")[5..], ["promising", "unassigned"].map(|name| Some(name.to_owned())));
}

fn random_customers() -> impl Strategy<Value = Vec<Customer>> {
    let margin = prop_oneof![-300..900_i64, Just(0), Just(5_000_000_000)];
    let industry = prop::sample::select(vec![None, Some("art"), Some("law"), Some("")]);
    let size = prop::sample::select(vec![None, Some("small"), Some("large")]);
    let index = prop::option::of(50.0..150.0_f64);
    let customer = (prop::collection::vec(margin, 0..=5), industry, size, index);
    prop::collection::vec(customer, 0..60).prop_map(|customers| {
        let make = |(number, (years, industry, size, index)): (usize, (Vec<i64>, _, _, _))| Customer {
            id: format!("c{number:02}"),
            years,
            industry,
            size,
            index,
        };
        customers.into_iter().enumerate().map(make).collect()
    })
}

fn random_config() -> impl Strategy<Value = PotentialConfig> {
    (0..=2_usize, any::<bool>(), 1..=100_u32).prop_map(|(groups, demand, percent)| PotentialConfig {
        demand: demand.then(|| "market_demand".to_owned()),
        winsorise: Share::from_fraction(f64::from(percent) / 100.0).unwrap(),
        ..config(&BY[..groups])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A card that went through JSON gives the fitted customers their values, whatever the batches.
    #[test]
    fn a_frozen_card_values_the_fitted_customers_alike(config in random_config(), customers in random_customers()) {
        let fitted = fit(&config, &customers);
        let card = ModelCard::from_json(&fitted.card.to_json().unwrap()).unwrap();
        prop_assert_eq!(&card, &fitted.card);
        let again = plan(&config).apply(&card, &table(&customers, 7)).unwrap();
        prop_assert_eq!(rows(&again), rows(&fitted));
        prop_assert_eq!(again.card, fitted.card);
    }

    /// The order of customers and their batches change no bit.
    #[test]
    fn rows_and_batches_do_not_matter(
        config in random_config(), mut customers in random_customers(), seed in any::<u64>(),
    ) {
        let by_id = |valued: &Valued| {
            let mut rows = rows(valued);
            rows.sort();
            rows
        };
        let before = fit(&config, &customers);
        customers.sort_by_key(|customer| appraise_schema::hash::of_text(customer.id.as_bytes()) ^ seed);
        let after = plan(&config).fit_and_apply(as_of(), &table(&customers, 11)).unwrap();
        prop_assert_eq!(by_id(&after), by_id(&before));
        prop_assert_eq!(after.card, before.card);
    }

    /// Credibility is a share; a value lies between what the customer has shown and what the group is worth.
    #[test]
    fn values_lie_between_own_and_group(config in random_config(), customers in random_customers()) {
        let fitted = fit(&config, &customers);
        let card = card(&fitted);
        let cut = card.cut.as_ref().map_or(0, |cut| cut.integer(Some(2), "cut").unwrap());
        for (customer, (_, value, credibility, _)) in customers.iter().zip(rows(&fitted)) {
            let Some(value) = value else { prop_assert!(card.groups.is_empty()); continue };
            let credibility = f64::from_bits(credibility.unwrap());
            prop_assert!((0.0..=1.0).contains(&credibility) && (credibility == 0.0 || !customer.years.is_empty()));
            let group = [customer.industry, customer.size];
            let member = |card: &&appraise_model::GroupCard| {
                card.group.iter().map(Option::as_deref).eq(group[..card.group.len()].iter().copied())
            };
            let group = card.groups.iter().rfind(member).unwrap().value;
            let years = &customer.years;
            let sum: i64 = years.iter().map(|cents| (*cents).min(cut)).sum();
            let own = if years.is_empty() { group } else { sum as f64 / years.len() as f64 };
            prop_assert!(own.min(group) - 0.5 <= value as f64 && value as f64 <= own.max(group) + 0.5);
        }
    }
}
