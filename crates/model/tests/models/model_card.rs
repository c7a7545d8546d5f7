//! What fitting keeps and what applying makes of it, at the edges and on random customers.

use appraise_model::{ModelCard, ModelConfig, ModelError, ModelPlan, RfmConfig, ScoreMethod, ScoreWeights, Ties};
use appraise_schema::KeyType;
use arrow::array::AsArray;
use proptest::prelude::*;

use crate::customers::{Customer, as_of, buyer, contract, doubles, features, fit, no_buyer, plan, scores, texts};

fn all_scores(valued: &appraise_model::Valued) -> [Vec<Option<i32>>; 3] {
    ["r_score", "f_score", "m_score"].map(|column| scores(valued, column))
}

fn random_customers() -> impl Strategy<Value = Vec<Customer>> {
    let customer = (0..20_i32, 0..6_i64, -300..300_i64);
    prop::collection::vec(customer, 0..80).prop_map(|customers| {
        let make = |(index, (days, periods, cents)): (usize, (i32, i64, i64))| {
            let id = format!("c{:02}", index * 37 % 80);
            if periods == 0 { no_buyer(&id, 1) } else { buyer(&id, days, periods, cents) }
        };
        customers.into_iter().enumerate().map(make).collect()
    })
}

fn random_config() -> impl Strategy<Value = RfmConfig> {
    let ties = prop_oneof![Just(Ties::Low), Just(Ties::Mid), Just(Ties::High)];
    (2..=10_u8, ties, any::<bool>()).prop_map(|(bins, ties, separate_one_time)| {
        let method = ScoreMethod::Quantile { ties };
        let (recency, frequency, monetary) = (method.clone(), method.clone(), method);
        RfmConfig { bins, recency, frequency, monetary, separate_one_time, ..RfmConfig::default() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A card that went through JSON gives the fitted customers their scores, whatever the batches.
    #[test]
    fn a_frozen_card_scores_the_fitted_customers_alike(config in random_config(), customers in random_customers()) {
        let fitted = fit(&config, &customers);
        let card = ModelCard::from_json(&fitted.card.to_json().unwrap()).unwrap();
        prop_assert_eq!(&card, &fitted.card);
        let again = plan(config, &[]).apply(&card, &features(KeyType::Text, &customers, 7)).unwrap();
        prop_assert_eq!(all_scores(&again), all_scores(&fitted));
        prop_assert_eq!(again.card, fitted.card);
    }

    /// Equal customers score alike, better ones never worse, and only buyers score.
    #[test]
    fn scores_follow_values(config in random_config(), customers in random_customers()) {
        let [r, f, m] = all_scores(&fit(&config, &customers));
        for (a, first) in customers.iter().enumerate() {
            prop_assert_eq!(r[a].is_some() && f[a].is_some() && m[a].is_some(), first.orders > 0);
            for (b, second) in customers.iter().enumerate() {
                if first.orders > 0 && second.orders > 0 {
                    prop_assert!(first.days < second.days || r[a] <= r[b]);
                    prop_assert!(first.periods > second.periods || f[a] <= f[b]);
                    prop_assert!(first.cents > second.cents || m[a] <= m[b]);
                }
            }
        }
    }

    /// Batches and the order of rows do not matter, not even to ties that are split.
    #[test]
    fn rows_and_batches_do_not_matter(mut customers in random_customers(), seed in any::<u64>()) {
        let method = ScoreMethod::Quantile { ties: Ties::Split };
        let config = RfmConfig { recency: method.clone(), monetary: method, ..RfmConfig::default() };
        let by_id = |valued: &appraise_model::Valued| {
            let mut rows: Vec<_> = texts(valued, "customer_id").into_iter().zip(texts(valued, "rfm_cell")).collect();
            rows.sort();
            rows
        };
        let before = fit(&config, &customers);
        customers.sort_by_key(|customer| appraise_schema::hash::of_text(customer.id.as_bytes()) ^ seed);
        let after = plan(config, &[]).fit_and_apply(as_of(), &features(KeyType::Text, &customers, 3)).unwrap();
        prop_assert_eq!(by_id(&after), by_id(&before));
        prop_assert_eq!(after.card, before.card);
    }
}

#[test]
fn one_time_buyers_have_the_lowest_frequency_to_themselves() {
    let customers = [1, 1, 1, 1, 1, 1, 2, 2, 3, 9].map(|periods| buyer(&format!("c{periods}"), 1, periods, 100));
    let expected = [1, 1, 1, 1, 1, 1, 3, 3, 4, 5].map(Some);
    assert_eq!(scores(&fit(&RfmConfig::default(), &customers), "f_score"), expected);
    let pooled = RfmConfig { separate_one_time: false, ..RfmConfig::default() };
    assert_eq!(scores(&fit(&pooled, &customers), "f_score"), [2, 2, 2, 2, 2, 2, 4, 4, 5, 5].map(Some));
}

#[test]
fn a_new_repeater_below_all_fitted_ones_is_still_a_repeater() {
    let config = RfmConfig::default();
    let card = fit(&config, &[buyer("a", 1, 1, 100), buyer("b", 1, 5, 100)]).card;
    let new = features(KeyType::Text, &[buyer("c", 1, 2, 100), buyer("d", 1, 1, 100)], 10);
    let valued = plan(config, &[]).apply(&card, &new).unwrap();
    assert_eq!(scores(&valued, "f_score"), [Some(2), Some(1)]);
}

#[test]
fn customers_without_purchases_have_no_scores() {
    let valued = fit(&RfmConfig::default(), &[no_buyer("a", 1), no_buyer("b", 0)]);
    assert_eq!(all_scores(&valued), [vec![None; 2], vec![None; 2], vec![None; 2]]);
    assert_eq!((texts(&valued, "rfm_cell"), doubles(&valued, "rfm_score")), (vec![None; 2], vec![None; 2]));
    let rfm = valued.card.rfm.unwrap();
    assert_eq!((rfm.buyers, rfm.recency.largest_tie), (0, None));
}

#[test]
fn no_customers_make_no_rows_and_a_card() {
    let valued = fit(&RfmConfig::default(), &[]);
    assert!(valued.batches.is_empty());
    let empty = features(KeyType::Text, &[buyer("a", 1, 1, 1)], 1)[0].slice(0, 0);
    let valued = plan(RfmConfig::default(), &[]).apply(&valued.card, &[empty]).unwrap();
    assert_eq!(valued.batches[0].num_rows(), 0);
}

#[test]
fn one_buyer_and_fewer_buyers_than_scores_are_scored() {
    let one = fit(&RfmConfig::default(), &[buyer("a", 3, 1, 100)]);
    assert_eq!(texts(&one, "rfm_cell"), [Some("313".to_owned())]);
    let two = fit(&RfmConfig::default(), &[buyer("a", 3, 1, 100), buyer("b", 9, 4, 50)]);
    assert_eq!(texts(&two, "rfm_cell"), ["414", "242"].map(|cell| Some(cell.to_owned())));
}

#[test]
fn ten_scores_are_separated_in_the_cell() {
    let customers: Vec<Customer> = (1..=20).map(|n| buyer(&format!("{n:02}"), n, i64::from(n), i64::from(n))).collect();
    let valued = fit(&RfmConfig { bins: 10, ..RfmConfig::default() }, &customers);
    let cells = texts(&valued, "rfm_cell");
    assert_eq!(cells[0], Some("10-1-1".to_owned()));
    assert_eq!(cells[19], Some("1-10-10".to_owned()));
}

#[test]
fn rfm_score_is_the_weighted_mean() {
    let customers: Vec<Customer> = (1..=5).map(|n| buyer(&n.to_string(), n, i64::from(n), i64::from(n))).collect();
    let weights = ScoreWeights { r: 3.0, f: 3.0, m: 4.0 };
    let fitted = fit(&RfmConfig { score_weights: weights, ..RfmConfig::default() }, &customers);
    assert_eq!(texts(&fitted, "rfm_cell"), ["511", "422", "333", "244", "155"].map(|cell| Some(cell.to_owned())));
    assert_eq!(doubles(&fitted, "rfm_score"), [2.2, 2.6, 3.0, 3.4, 3.8].map(Some));

    let only_r = RfmConfig { score_weights: ScoreWeights { r: 0.1, f: 0.0, m: 0.0 }, ..RfmConfig::default() };
    let again = plan(only_r, &[]).apply(&fitted.card, &features(KeyType::Text, &customers, 2)).unwrap();
    assert_eq!(doubles(&again, "rfm_score"), [5.0, 4.0, 3.0, 2.0, 1.0].map(Some));
    assert_eq!(again.card.rfm.unwrap().score_weights.r, 1.0);
}

#[test]
fn integer_keys_split_ties_by_number() {
    let customers: Vec<Customer> = ["10", "9", "8", "-1", "7"].map(|id| buyer(id, 1, 2, 100)).to_vec();
    let method = ScoreMethod::Quantile { ties: Ties::Split };
    let config =
        ModelConfig { rfm: Some(RfmConfig { monetary: method, ..RfmConfig::default() }), ..ModelConfig::default() };
    let plan = ModelPlan::new(&config, &contract(KeyType::Integer)).unwrap();
    let valued = plan.fit_and_apply(as_of(), &features(KeyType::Integer, &customers, 2)).unwrap();
    assert_eq!(scores(&valued, "m_score"), [5, 4, 3, 1, 2].map(Some));
    let frozen = plan.apply(&valued.card, &features(KeyType::Integer, &customers, 2)).unwrap();
    assert_eq!(scores(&frozen, "m_score"), [5; 5].map(Some));
}

const CARD_START: &str = r#"{
  "format_version": 1,
  "as_of": "2006-12-31",
  "money_scale": 2,
  "rfm": {
    "bins": 2,
    "buyers": 5,
    "score_weights": {
      "r": 0.3333333333333333,
      "f": 0.3333333333333333,
      "m": 0.3333333333333333
    },
    "recency": {
      "column": "days_since_last_purchase",
      "method": {
        "name": "quantile",
        "ties": "mid",
        "separate_one_time": false
      },
      "scores": [
        {
          "score": 1,
          "customers": 2,
          "worst": 80,
          "best": 9
        },
        {
          "score": 2,
          "customers": 3,
          "worst": 5,
          "best": 1
        }
      ],
      "largest_tie": {
        "value": 5,
        "customers": 2
      }
    },
"#;

const CARD_END: &str = r#"    "monetary": {
      "column": "net_revenue",
      "method": {
        "name": "quantile",
        "ties": "mid",
        "separate_one_time": false
      },
      "scores": [
        {
          "score": 1,
          "customers": 2,
          "worst": "-0.01",
          "best": "1.00"
        },
        {
          "score": 2,
          "customers": 3,
          "worst": "2.50",
          "best": "9.00"
        }
      ],
      "largest_tie": {
        "value": "2.50",
        "customers": 2
      }
    }
  }
}
"#;

#[test]
fn the_card_shows_customers_and_values_of_each_score() {
    let customers: Vec<Customer> = [(1, 100), (5, 250), (5, 250), (80, -1), (9, 900)]
        .map(|(days, cents)| buyer(&days.to_string(), days, 2, cents))
        .to_vec();
    let config = RfmConfig { bins: 2, ..RfmConfig::default() };
    let json = fit(&config, &customers).card.to_json().unwrap();
    assert!(json.starts_with(CARD_START), "{json}");
    assert!(json.ends_with(CARD_END), "{json}");
}

#[test]
fn a_card_of_other_methods_is_refused() {
    let config = RfmConfig::default();
    let card = fit(&config, &[buyer("a", 1, 1, 100)]).card;
    let refused = |config: RfmConfig, card: &ModelCard| {
        let error = plan(config, &[]).apply(card, &[]).unwrap_err();
        assert!(matches!(error, ModelError::CardMismatch { .. }) && error.hint().is_some());
        error.to_string()
    };
    let message = "the model card does not fit the pipeline: `bins` is 5 in the card, 4 in the pipeline";
    assert_eq!(refused(RfmConfig { bins: 4, ..config.clone() }, &card), message);
    let low = RfmConfig { monetary: ScoreMethod::Quantile { ties: Ties::Low }, ..config.clone() };
    assert!(
        refused(low, &card)
            .ends_with("net_revenue is quantile, ties mid in the card, quantile, ties low in the pipeline")
    );
    assert!(refused(config.clone(), &ModelCard { money_scale: 3, ..card.clone() }).contains("the scale of money"));
    assert!(refused(config, &ModelCard { rfm: None, ..card }).contains("`rfm` is off"));
}

#[test]
fn a_broken_card_is_refused() {
    let json = fit(&RfmConfig::default(), &[buyer("a", 1, 1, 100)]).card.to_json().unwrap();
    let newer = json.replace("\"format_version\": 1", "\"format_version\": 2");
    assert_eq!(ModelCard::from_json(&newer).unwrap_err().to_string(), "model card: format_version is `2`, expected 1");
    assert!(ModelCard::from_json(&json.replace("buyers", "byers")).is_err());
    let card = ModelCard::from_json(&json.replace("\"1.00\"", "\"1.0\"")).unwrap();
    let error = plan(RfmConfig::default(), &[]).apply(&card, &[]).unwrap_err();
    assert_eq!(error.to_string(), "model card: net_revenue is `1.0`, expected money as text, with its decimal places");
}

#[test]
fn values_copy_the_headline_and_keep_their_units() {
    let valued = fit(&RfmConfig::default(), &[buyer("a", 1, 1, 100), no_buyer("b", 2)]);
    let schema = valued.batches[0].schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let headline = [
        "as_of",
        "customer_id",
        "first_purchase_date",
        "last_purchase_date",
        "days_since_last_purchase",
        "orders",
        "total_revenue",
        "net_revenue",
    ];
    assert_eq!(names[..8], headline);
    assert_eq!(names[8..], ["r_score", "f_score", "m_score", "rfm_cell", "rfm_score"]);
    assert_eq!(schema.field_with_name("net_revenue").unwrap().metadata()["unit"], "GBP");
    assert!(valued.batches[0].column(4).is_null(1));
    assert_eq!(valued.batches[0].column(1).as_string::<i32>().value(1), "b");
}

#[test]
fn a_buyer_without_a_last_purchase_is_an_error() {
    let contract = contract(KeyType::Text);
    let batch = features(KeyType::Text, &[buyer("a", 1, 1, 100), no_buyer("b", 2)], 10).remove(0);
    let mut columns = batch.columns().to_vec();
    let periods = contract.position("purchase_periods").unwrap();
    columns[periods] = std::sync::Arc::new(arrow::array::Int64Array::from(vec![1, 1]));
    let batch = arrow::array::RecordBatch::try_new(batch.schema(), columns).unwrap();
    let error = plan(RfmConfig::default(), &[]).fit_and_apply(as_of(), &[batch]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`customer_features` row 1 of batch 0: a customer with purchases has no days_since_last_purchase"
    );
}

#[test]
fn a_feature_of_a_score_s_name_is_refused() {
    let mut contract = contract(KeyType::Text);
    contract.columns.push(appraise_schema::ColumnSpec::as_of());
    contract.columns.last_mut().unwrap().name = "r_score".to_owned();
    let config = ModelConfig { rfm: Some(RfmConfig::default()), ..ModelConfig::default() };
    let error = ModelPlan::new(&config, &contract).err().unwrap();
    assert_eq!(error.to_string(), "column `r_score` stands twice in table `customer_features`");
}
