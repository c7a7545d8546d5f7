//! Lifetime values of customers drawn from the BG/NBD, with covariates and with customers who are not to be fitted.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "days, counts and cents are small here"
)]

use std::sync::Arc;

use appraise_clv::{BgNbd, History, PurchaseModel};
use appraise_model::{
    ClvConfig, CovariatesCard, EncodingCard, KnownIntervals, ModelCard, ModelConfig, ModelError, ModelPlan,
    PurchaseChoice, PurchaseKind, Timing, Valued,
};
use appraise_schema::{ColumnSpec, ColumnType, DiscountRate, Horizon, KeyType, TableContract};
use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal64Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};

use crate::customers::{as_of, doubles, texts};

/// r, alpha, a and b of a customer whose covariates are 0. Of these, gamma and beta numbers are powers of uniform ones.
const TRUTH: [f64; 4] = [1.0, 6.0, 0.5, 1.0];

/// Effects on λ and a: of `channel` NULL and `shop` (most come by `web`), of `score`, of `club`.
const GAMMA: [[f64; 4]; 2] = [[-0.6, 0.7, 0.12, 0.4], [0.5, -0.6, 0.08, 0.0]];

/// Days in a unit of time.
const UNIT_DAYS: f64 = 7.0;

#[derive(Debug, Clone)]
struct Buyer {
    history: History,
    first: i32,
    channel: Option<&'static str>,
    score: Option<f64>,
    club: Option<bool>,
}

/// Uniform numbers: `SplitMix64` (Steele, Lea & Flood 2014).
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((mixed ^ (mixed >> 31)) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// A customer's purchases in `(0, t]`, the rates scaled by e to `effects`.
    fn life(&mut self, effects: [f64; 2], t: f64) -> History {
        let [_, alpha, a, _] = TRUTH;
        let rate = -self.next().ln() / alpha * effects[0].exp();
        let p = self.next().powf(1.0 / (a * effects[1].exp()));
        let (mut x, mut t_x) = (0.0, 0.0);
        loop {
            let next = t_x - self.next().ln() / rate;
            if next > t {
                return History { x, t_x, t };
            }
            (x, t_x) = (x + 1.0, next);
            if self.next() < p {
                return History { x, t_x, t };
            }
        }
    }
}

/// The effects of a buyer's covariates, numbers less `mean` and `share`.
fn effects(gamma: &[[f64; 4]; 2], buyer: &Buyer, mean: f64, share: f64) -> [f64; 2] {
    gamma.map(|[of_null, of_shop, of_score, of_club]| {
        let channel = match buyer.channel {
            None => of_null,
            Some("shop") => of_shop,
            Some(_) => 0.0,
        };
        let club = buyer.club.map_or(0.0, |club| f64::from(u8::from(club)) - share);
        channel + of_score * buyer.score.map_or(0.0, |score| score - mean) + of_club * club
    })
}

fn buyers(count: u32) -> Vec<Buyer> {
    let mut uniform = Uniform(11);
    let channels = [Some("web"), Some("shop"), Some("web"), None];
    let mut buyer = |number: u32| {
        let t = 20.0 + f64::from(number % 60);
        let mut buyer = Buyer {
            history: History { x: 0.0, t_x: 0.0, t },
            first: as_of().day() - (t * UNIT_DAYS) as i32,
            channel: channels[number as usize % 4],
            score: Some(f64::from(number / 4 % 11)),
            club: Some(number / 44 % 2 == 1),
        };
        buyer.history = uniform.life(effects(&GAMMA, &buyer, 5.0, 0.5), t);
        buyer
    };
    (0..count).map(&mut buyer).collect()
}

fn contract() -> TableContract {
    let money = ColumnType::customer_money(2);
    let count = |name: &str| ColumnSpec::required(name, ColumnType::Int64, "", "count");
    let columns = vec![
        ColumnSpec::as_of(),
        ColumnSpec::customer_id(KeyType::Integer),
        ColumnSpec::nullable("first_purchase_date", ColumnType::Date, "", "date of the first purchase"),
        ColumnSpec::nullable("last_purchase_date", ColumnType::Date, "", "date of the last purchase"),
        ColumnSpec::nullable("days_since_last_purchase", ColumnType::Int32, "days", "as_of - last_purchase_date"),
        count("purchase_periods"),
        count("orders"),
        ColumnSpec::required("total_revenue", money, "GBP", "purchases"),
        ColumnSpec::required("net_revenue", money, "GBP", "purchases less refunds"),
        count("frequency"),
        ColumnSpec::nullable("recency", ColumnType::Float64, "weeks", "first to last"),
        ColumnSpec::nullable("customer_age", ColumnType::Float64, "weeks", "first to as_of"),
        ColumnSpec::nullable("monetary_value", money, "GBP", "mean of repeats"),
        ColumnSpec::nullable("channel", ColumnType::String, "", "attribute"),
        ColumnSpec::nullable("score", ColumnType::Float64, "", "own column"),
        ColumnSpec::nullable("club", ColumnType::Boolean, "", "own column"),
    ];
    TableContract::new("customer_features", "one row per customer", columns).unwrap()
}

fn table(buyers: &[Buyer]) -> Vec<RecordBatch> {
    let first: Vec<i64> = (0..buyers.len() as i64).collect();
    buyers.chunks(999).zip(first.chunks(999)).map(|(buyers, keys)| batch(buyers, keys)).collect()
}

fn batch(buyers: &[Buyer], keys: &[i64]) -> RecordBatch {
    let day = as_of().day();
    let last = |buyer: &Buyer| (buyer.first + (buyer.history.t_x * UNIT_DAYS) as i32).min(day);
    let count = |add: i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(buyers.iter().map(|buyer| buyer.history.x as i64 + add)))
    };
    let money = |of: fn(&Buyer) -> Option<i64>| -> ArrayRef {
        let minor: Decimal64Array = buyers.iter().map(of).collect();
        Arc::new(minor.with_precision_and_scale(18, 2).unwrap())
    };
    let double =
        |of: fn(&Buyer) -> Option<f64>| -> ArrayRef { Arc::new(buyers.iter().map(of).collect::<Float64Array>()) };
    let spend = |buyer: &Buyer| 1000 + (buyer.history.t_x * 1e6) as i64 % 4000;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(vec![day; buyers.len()])),
        Arc::new(Int64Array::from(keys.to_vec())),
        Arc::new(buyers.iter().map(|buyer| Some(buyer.first)).collect::<Date32Array>()),
        Arc::new(buyers.iter().map(|buyer| Some(last(buyer))).collect::<Date32Array>()),
        Arc::new(buyers.iter().map(|buyer| Some(day - last(buyer))).collect::<Int32Array>()),
        count(1),
        count(1),
        money(|_| Some(5000)),
        money(|_| Some(5000)),
        count(0),
        double(|buyer| Some(buyer.history.t_x)),
        double(|buyer| Some(buyer.history.t)),
        Arc::new(
            buyers
                .iter()
                .map(|buyer| (buyer.history.x > 0.0).then(|| spend(buyer)))
                .collect::<Decimal64Array>()
                .with_precision_and_scale(18, 2)
                .unwrap(),
        ),
        Arc::new(buyers.iter().map(|buyer| buyer.channel).collect::<StringArray>()),
        double(|buyer| buyer.score),
        Arc::new(buyers.iter().map(|buyer| buyer.club).collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(contract().arrow(), columns).unwrap()
}

fn config(covariates: &[&str]) -> ClvConfig {
    ClvConfig {
        purchases: PurchaseChoice::Fixed(PurchaseKind::BgNbd),
        horizon: Horizon::YEAR,
        discount_rate: DiscountRate::TENTH,
        timing: Timing::Mid,
        margin: appraise_model::Margin::Share(1.0),
        fit_by: Vec::new(),
        covariates: covariates.iter().map(|&name| name.to_owned()).collect(),
        fallback: None,
        history_start: None,
        fit_from: None,
        probabilities: Some(1),
        unit_days: UNIT_DAYS,
        period_days: 1.0,
    }
}

fn plan(clv: ClvConfig) -> ModelPlan {
    ModelPlan::new(&ModelConfig { clv: Some(clv), ..ModelConfig::default() }, &contract()).unwrap()
}

fn value(clv: ClvConfig, buyers: &[Buyer]) -> Valued {
    plan(clv).fit_and_apply(as_of(), &table(buyers)).unwrap()
}

fn parameters(card: &ModelCard) -> [f64; 4] {
    let all = &card.clv.as_ref().unwrap().purchases.all;
    ["r", "alpha", "a", "b"].map(|name| all.parameters[name])
}

fn covariates(card: &ModelCard) -> &CovariatesCard {
    card.clv.as_ref().unwrap().purchases.covariates.as_ref().unwrap()
}

/// The effects on λ and a in the order of [`GAMMA`], with the means of `score` and `club`.
fn fitted(card: &ModelCard) -> ([[f64; 4]; 2], [[f64; 4]; 2], [f64; 2]) {
    let columns = &covariates(card).columns;
    let all: Vec<_> = columns.iter().flat_map(|column| &column.effects).collect();
    let pick = |of: fn(&appraise_model::EffectCard) -> [f64; 2]| {
        [0, 1].map(|rate| std::array::from_fn(|place| of(all[place])[rate]))
    };
    let means = [1, 2].map(|place| match columns[place].encoding {
        EncodingCard::Number { mean, .. } => mean,
        EncodingCard::Text { .. } => panic!("{} is a text", columns[place].column),
    });
    (pick(|effect| effect.gamma), pick(|effect| effect.standard_errors), means)
}

#[test]
fn effects_are_found_and_applied() {
    let buyers = buyers(12_000);
    let valued = value(config(&["channel", "score", "club"]), &buyers);
    let card = &valued.card;
    assert_eq!(covariates(card).rates, ["lambda", "a"]);
    let texts =
        EncodingCard::Text { most_frequent: Some("web".to_owned()), values: vec![None, Some("shop".to_owned())] };
    assert_eq!(covariates(card).columns[0].encoding, texts);
    let number = &covariates(card).columns[1].encoding;
    assert!(matches!(number, EncodingCard::Number { lowest: 0.0, highest: 10.0, .. }), "{number:?}");
    let (gamma, errors, means) = fitted(card);
    for ((found, truth), error) in gamma.iter().flatten().zip(GAMMA.iter().flatten()).zip(errors.iter().flatten()) {
        assert!((found - truth).abs() <= 3.0 * error && *error < 0.15, "{found} ± {error} for {truth}");
    }
    let clv = card.clv.as_ref().unwrap();
    for (found, truth) in parameters(card).iter().zip(TRUTH) {
        assert!((found / truth).ln().abs() < 0.25, "{found} for {truth}");
    }
    assert_eq!((clv.purchases.all.log_covariance.len(), clv.fitted_customers), (12, 12_000));
    assert!(clv.doubts.iter().any(|doubt| doubt.starts_with("groups have no intervals")), "{:?}", clv.doubts);

    // By the crate's model with each buyer's own parameters.
    let [r, alpha, a, b] = parameters(card);
    let weeks = Horizon::YEAR.days() / UNIT_DAYS;
    let [purchases, alive, none] =
        ["expected_purchases", "p_alive", "probability_of_0_purchases"].map(|column| doubles(&valued, column));
    for (row, buyer) in buyers.iter().enumerate().step_by(37) {
        let [of_rate, of_a] = effects(&gamma, buyer, means[0], means[1]).map(f64::exp);
        let own = BgNbd::from_parameters([r, alpha / of_rate, a * of_a, b]).unwrap();
        let close = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
        close(purchases[row].unwrap(), own.expected_purchases(&buyer.history, weeks));
        let mut probabilities = [0.0; 2];
        own.purchase_probabilities(&buyer.history, weeks, &mut probabilities);
        close(none[row].unwrap(), probabilities[0]);
        assert_eq!(alive[row].is_some(), buyer.history.x > 0.0);
        alive[row].iter().for_each(|alive| close(*alive, own.p_alive(&buyer.history)));
    }
}

/// Everybody twice, with either value: nothing can be an effect, and the fit is the one without.
#[test]
fn a_covariate_without_effect_leaves_the_fit_as_it_is() {
    let twice: Vec<Buyer> = buyers(2_000)
        .into_iter()
        .flat_map(|buyer| [Some(false), Some(true)].map(|club| Buyer { club, ..buyer.clone() }))
        .collect();
    let (with, without) = (value(config(&["club"]), &twice), value(config(&[]), &twice));
    for (with, without) in parameters(&with.card).iter().zip(parameters(&without.card)) {
        assert!((with / without - 1.0).abs() < 1e-6, "{with} {without}");
    }
    let effect = covariates(&with.card).columns[0].effects[0];
    assert!(effect.gamma.iter().all(|gamma| gamma.abs() < 1e-7), "{effect:?}");
    for (with, without) in doubles(&with, "expected_purchases").iter().zip(doubles(&without, "expected_purchases")) {
        assert!((with.unwrap() / without.unwrap() - 1.0).abs() < 1e-6);
    }
}

#[test]
fn a_frozen_card_knows_what_to_do_with_values_it_has_not_seen() {
    let buyers = buyers(3_000);
    let names = ["channel", "score", "club"];
    let valued = value(config(&names), &buyers);
    let card = ModelCard::from_json(&valued.card.to_json().unwrap()).unwrap();
    assert_eq!(card, valued.card);
    let [mean, share] = fitted(&card).2;
    let like = |channel, score, club| Buyer { channel, score, club, ..buyers[4].clone() };
    let pairs = [
        // A text that was not fitted is as the most frequent one.
        (like(Some("fax"), Some(3.0), Some(true)), like(Some("web"), Some(3.0), Some(true))),
        // A number beyond those that were fitted is as the last of them.
        (like(None, Some(f64::MAX), Some(false)), like(None, Some(10.0), Some(false))),
        (like(None, Some(-1e300), Some(false)), like(None, Some(0.0), Some(false))),
        // No number is as the mean.
        (like(None, None, Some(true)), like(None, Some(mean), Some(true))),
        (like(None, Some(f64::NAN), Some(true)), like(None, Some(mean), Some(true))),
    ];
    let (odd, known): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let apply = |buyers: &[Buyer]| plan(config(&names)).apply(&card, &table(buyers)).unwrap();
    for column in ["expected_purchases", "p_alive"] {
        assert_eq!(doubles(&apply(&odd), column), doubles(&apply(&known), column));
    }
    assert!((0.0..1.0).contains(&share));
    let whole = doubles(&apply(&buyers), "expected_purchases");
    assert_eq!(whole, doubles(&valued, "expected_purchases"));
    let error = plan(config(&["channel"])).apply(&card, &table(&buyers)).unwrap_err();
    assert!(matches!(error, ModelError::CardMismatch { .. }), "{error}");
}

#[test]
fn prospects_are_new_customers_with_their_own_covariates() {
    let mut table = table(&buyers(999));
    // The same, but nobody of the last ones has bought.
    let columns = table[0].columns().iter().zip(contract().columns).map(|(column, spec)| -> ArrayRef {
        let keep = |row: usize| row < 900;
        match spec.name.as_str() {
            "orders" | "purchase_periods" => {
                Arc::new(Int64Array::from_iter_values((0..999).map(|row| i64::from(keep(row)))))
            }
            "first_purchase_date" => {
                Arc::new((0..999).map(|row| keep(row).then_some(as_of().day() - 100)).collect::<Date32Array>())
            }
            _ => Arc::clone(column),
        }
    });
    table = vec![RecordBatch::try_new(contract().arrow(), columns.collect()).unwrap()];
    let valued = plan(config(&["channel"])).fit_and_apply(as_of(), &table).unwrap();
    let column = valued.batches[0].column_by_name("prospect_value").unwrap();
    let mut distinct: Vec<Option<i64>> =
        arrow::array::AsArray::as_primitive::<arrow::datatypes::Decimal64Type>(column).iter().collect();
    assert_eq!(distinct.iter().filter(|value| value.is_some()).count(), 99);
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 1 + 3, "none of a buyer, and one of each channel: {distinct:?}");
}

#[test]
fn covariates_that_can_t_be_fitted() {
    let buyers = buyers(2_000);
    // The same for everybody: no effect, said in words, and the fit is the one without.
    let alike: Vec<Buyer> =
        buyers.iter().map(|buyer| Buyer { channel: None, score: Some(2.0), ..buyer.clone() }).collect();
    let (with, without) = (value(config(&["channel", "score"]), &alike), value(config(&[]), &alike));
    let mut clv = with.card.clv.unwrap();
    assert_eq!(clv.doubts[0], "channel is the same for all fitted customers: it has no effect");
    clv.doubts.retain(|doubt| !doubt.contains("no effect"));
    assert_eq!(Some(clv), without.card.clv);

    // Too many texts.
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let many =
        buyers.iter().zip(0..).map(|(buyer, number)| Buyer { channel: Some(names[number % 10]), ..buyer.clone() });
    let many: Vec<Buyer> = many.collect();
    let error = plan(config(&["score", "channel"])).fit_and_apply(as_of(), &table(&many)).unwrap_err();
    let message = "`clv.covariates` make 10 covariates (score 1, channel 9), at most 8 can be fitted";
    assert_eq!((error.to_string().as_str(), error.hint().is_some()), (message, true));

    // One that follows from another, by its name.
    let double: Vec<Buyer> =
        buyers.iter().map(|buyer| Buyer { score: buyer.club.map(f64::from), ..buyer.clone() }).collect();
    let error = plan(config(&["score", "club"])).fit_and_apply(as_of(), &table(&double)).unwrap_err();
    assert!(error.to_string().contains("lambda by club"), "{error}");

    // Configurations that say what is wrong.
    let refused = |clv: ClvConfig| {
        let config = ModelConfig { clv: Some(clv), ..ModelConfig::default() };
        ModelPlan::new(&config, &contract()).err().unwrap().to_string()
    };
    let auto = ClvConfig { purchases: PurchaseChoice::Auto, ..config(&["score"]) };
    assert_eq!(refused(auto), "`clv.covariates` is score, expected none but with `purchases: bg_nbd` or `pareto_nbd`");
    let grouped = ClvConfig { fit_by: vec!["channel".to_owned()], ..config(&["score"]) };
    assert_eq!(refused(grouped), "`clv.covariates` is score, expected none together with `fit_by`");
    assert!(refused(config(&["first_purchase_date"])).contains("no column `first_purchase_date` of type INT32, INT64"));
}

#[test]
fn groups_have_no_intervals_of_a_fit_with_covariates() {
    let buyers = buyers(2_000);
    for (covariates, known) in [(vec!["score"], false), (vec![], true)] {
        let clv = Some(config(&covariates));
        let config = ModelConfig { clv, groups: vec![vec!["channel".to_owned()]], ..ModelConfig::default() };
        let plan = ModelPlan::new(&config, &contract()).unwrap();
        let table = table(&buyers);
        let mut fitted = plan.fit(as_of(), &table).unwrap();
        fitted.apply(&table).unwrap();
        let groups = fitted.group_values(as_of(), &KnownIntervals::default()).unwrap().unwrap();
        for column in ["purchases_expected_low", "clv_realised_high"] {
            let found = groups.rows.column_by_name(column).unwrap();
            assert_eq!(found.null_count(), if known { 0 } else { groups.rows.num_rows() }, "{column}");
        }
        assert_eq!(groups.rows.column_by_name("expected_purchases").unwrap().null_count(), 0);
    }
}

#[test]
fn known_intervals_are_not_drawn_again() {
    let config =
        ModelConfig { clv: Some(config(&[])), groups: vec![vec!["channel".to_owned()]], ..ModelConfig::default() };
    let plan = ModelPlan::new(&config, &contract()).unwrap();
    let groups = |buyers: &[Buyer], known: &KnownIntervals| {
        let table = table(buyers);
        let mut fitted = plan.fit(as_of(), &table).unwrap();
        fitted.apply(&table).unwrap();
        fitted.group_values(as_of(), known).unwrap().unwrap()
    };
    let buyers = buyers(2_000);
    let drawn = groups(&buyers, &KnownIntervals::default());
    let text = serde_json::to_string(&drawn.intervals).unwrap();
    let known: KnownIntervals = serde_json::from_str(&text).unwrap();
    let again = groups(&buyers, &known);
    assert_eq!((&again.rows, &again.intervals), (&drawn.rows, &drawn.intervals));
    // Other numbers under the same names are taken as they are: nothing was drawn.
    let mut other: serde_json::Value = serde_json::from_str(&text).unwrap();
    for ends in other.as_object_mut().unwrap().values_mut() {
        ends.as_array_mut().unwrap()[0] = 1.25_f64.to_bits().into();
    }
    let low = |rows: &RecordBatch| doubles_of(rows, "purchases_expected_low");
    let taken = groups(&buyers, &serde_json::from_value(other.clone()).unwrap());
    assert!(low(&taken.rows).iter().all(|low| *low == 1.25), "{:?}", low(&taken.rows));
    // One customer less, and everything is drawn anew.
    let fewer = groups(&buyers[1..], &serde_json::from_value(other).unwrap());
    assert!(low(&fewer.rows).iter().all(|low| *low != 1.25));
}

fn doubles_of(rows: &RecordBatch, column: &str) -> Vec<f64> {
    let column = rows.column_by_name(column).unwrap().as_any().downcast_ref::<Float64Array>().unwrap();
    column.values().to_vec()
}

#[test]
fn customers_before_fit_from_are_valued_but_not_fitted() {
    let buyers = buyers(3_000);
    let from = as_of().day() - 300;
    let late: Vec<Buyer> = buyers.iter().filter(|buyer| buyer.first >= from).cloned().collect();
    assert!((500..2_500).contains(&late.len()));
    let all = value(ClvConfig { fit_from: Some(from), ..config(&[]) }, &buyers);
    let clv = all.card.clv.clone().unwrap();
    let of_late = value(config(&[]), &late).card.clv.unwrap();
    assert_eq!(clv.purchases, of_late.purchases);
    assert_eq!(clv.spend, of_late.spend);
    assert_eq!(
        (clv.fitted_customers, clv.customers_before_fit_from),
        (late.len() as u64, Some((3_000 - late.len()) as u64))
    );
    let notes = texts(&all, "clv_note");
    for ((buyer, note), purchases) in buyers.iter().zip(&notes).zip(doubles(&all, "expected_purchases")) {
        assert_eq!(note.as_deref(), (buyer.first < from).then_some("before_fit_from"));
        assert!(purchases.is_some());
    }
    // A first purchase that may not be the first is noted as such.
    let start = as_of().day() - 365 - 200;
    let both = value(ClvConfig { fit_from: Some(from), history_start: Some(start), ..config(&[]) }, &buyers);
    for (buyer, note) in buyers.iter().zip(texts(&both, "clv_note")) {
        assert_eq!(note.as_deref(), (buyer.first < start + 365).then_some("entry_unknown"));
    }
    let clv = both.card.clv.unwrap();
    assert_eq!(clv.customers_before_fit_from, Some(0));
    assert_eq!(clv.fitted_customers + clv.customers_of_unknown_entry, 3_000);
}
