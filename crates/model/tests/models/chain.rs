//! The chain of quarters beside lifetime values: worked examples, and a naive chain made of raw purchase dates.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "days, quarters and cents are small"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use appraise_model::{
    ClvConfig, Fallback, GroupValues, KnownIntervals, Margin, ModelCard, ModelConfig, ModelPlan, PurchaseChoice,
    PurchaseKind, Timing,
};
use appraise_schema::{ColumnSpec, ColumnType, KeyType, TableContract};
use arrow::array::{
    ArrayRef, AsArray, Date32Array, Decimal64Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{Decimal128Type, Float64Type};
use proptest::prelude::*;

use crate::customers::{as_of, contract};

/// A customer by the purchases that stand: days before the date, and cents earned by them.
#[derive(Debug, Clone)]
struct Buyer {
    group: &'static str,
    days_ago: Vec<i32>,
    cents: i64,
}

/// Days in a quarter, as a number of its own.
const QUARTER: f64 = 91.3125;

impl Buyer {
    /// The distinct dates, from the oldest.
    fn dates(&self) -> Vec<i32> {
        self.days_ago.iter().map(|days| as_of().day() - days).collect::<BTreeSet<i32>>().into_iter().collect()
    }

    /// Numbers of the quarters with a purchase, back from the date.
    fn quarters(&self) -> BTreeSet<u32> {
        self.days_ago.iter().map(|&days| (f64::from(days) / QUARTER).floor() as u32).collect()
    }
}

fn extended(with_margin: bool) -> TableContract {
    let TableContract { name, meaning, mut columns } = contract(KeyType::Text);
    let money = ColumnType::customer_money(2);
    columns.extend([
        ColumnSpec::nullable("frequency", ColumnType::Int64, "", "repeats"),
        ColumnSpec::nullable("recency", ColumnType::Float64, "days", "last - first"),
        ColumnSpec::nullable("customer_age", ColumnType::Float64, "days", "as_of - first"),
        ColumnSpec::nullable("monetary_value", money, "GBP", "mean spend"),
        ColumnSpec::nullable("second_purchase_date", ColumnType::Date, "", "second"),
        ColumnSpec::required("active_quarters", ColumnType::Int64, "", "quarters"),
        ColumnSpec::required("purchase_quarters", ColumnType::Int64, "", "bits"),
        ColumnSpec::nullable("own_margin", ColumnType::Float64, "", "share"),
        ColumnSpec::nullable("kind", ColumnType::String, "", "an attribute"),
    ]);
    if with_margin {
        columns.push(ColumnSpec::nullable("gross_margin", money, "GBP", "margin"));
    }
    TableContract::new(&name, &meaning, columns).unwrap()
}

fn table(buyers: &[Buyer], with_margin: bool, batch_size: usize) -> Vec<RecordBatch> {
    buyers
        .chunks(batch_size)
        .enumerate()
        .map(|(number, chunk)| batch(chunk, with_margin, number * batch_size))
        .collect()
}

fn batch(buyers: &[Buyer], with_margin: bool, start: usize) -> RecordBatch {
    let dates: Vec<Vec<i32>> = buyers.iter().map(Buyer::dates).collect();
    let ids = (start..start + buyers.len()).map(|id| format!("c{id:04}"));
    let date = |of: fn(&Vec<i32>) -> Option<&i32>| -> ArrayRef {
        Arc::new(dates.iter().map(|dates| of(dates).copied()).collect::<Date32Array>())
    };
    let count =
        |of: &dyn Fn(&Buyer) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(buyers.iter().map(of))) };
    let money = |of: fn(&Buyer) -> Option<i64>| -> ArrayRef {
        let cents: Decimal64Array = buyers.iter().map(of).collect();
        Arc::new(cents.with_precision_and_scale(18, 2).unwrap())
    };
    let days = |of: fn(&[i32]) -> Option<i32>| -> ArrayRef {
        Arc::new(dates.iter().map(|dates| of(dates).map(f64::from)).collect::<Float64Array>())
    };
    let periods = |buyer: &Buyer| buyer.dates().len() as i64;
    let bits = |buyer: &Buyer| buyer.quarters().iter().filter(|&&of| of < 62).map(|of| 1_i64 << of).sum::<i64>();
    let bought = |buyer: &Buyer| !buyer.days_ago.is_empty();
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(vec![as_of().day(); buyers.len()])),
        Arc::new(StringArray::from_iter_values(ids)),
        date(|dates| dates.first()),
        date(|dates| dates.last()),
        Arc::new(
            dates
                .iter()
                .map(|dates| dates.last().map(|last| as_of().day() - last))
                .collect::<arrow::array::Int32Array>(),
        ),
        count(&periods),
        count(&periods),
        money(|buyer| Some(buyer.cents.max(0))),
        money(|buyer| Some(buyer.cents)),
        count(&|_| 0),
        Arc::new(buyers.iter().map(|buyer| bought(buyer).then(|| periods(buyer) - 1)).collect::<Int64Array>()),
        days(|dates| Some(dates.last()? - dates.first()?)),
        days(|dates| Some(as_of().day() - dates.first()?)),
        money(|buyer| (buyer.dates().len() > 1).then_some(1_000)),
        date(|dates| dates.get(1)),
        count(&|buyer| buyer.quarters().len() as i64),
        count(&bits),
        Arc::new(buyers.iter().map(|buyer| (buyer.cents % 3 != 0).then_some(0.25)).collect::<Float64Array>()),
        Arc::new(buyers.iter().map(|buyer| Some(buyer.group)).collect::<StringArray>()),
    ];
    if with_margin {
        columns.push(money(|buyer| (buyer.cents % 5 != 0).then_some(buyer.cents / 2)));
    }
    RecordBatch::try_new(extended(with_margin).arrow(), columns).unwrap()
}

fn config(horizon: &str, timing: Timing, margin: Margin) -> ModelConfig {
    let clv = ClvConfig {
        purchases: PurchaseChoice::Fixed(PurchaseKind::MbgNbd),
        horizon: horizon.parse().unwrap(),
        discount_rate: "21%/y".parse().unwrap(),
        timing,
        margin,
        fit_by: Vec::new(),
        fallback: Some(Fallback::Mean),
        covariates: Vec::new(),
        fit_from: None,
        history_start: None,
        probabilities: None,
        unit_days: 1.0,
        period_days: 1.0,
    };
    ModelConfig { clv: Some(clv), groups: vec![vec!["kind".to_owned()]], ..ModelConfig::default() }
}

/// The groups, and the card that they were valued by.
fn groups(config: &ModelConfig, buyers: &[Buyer], with_margin: bool, batch_size: usize) -> (GroupValues, ModelCard) {
    let plan = ModelPlan::new(config, &extended(with_margin)).unwrap();
    let table = table(buyers, with_margin, batch_size);
    let mut fitted = plan.fit(as_of(), &table).unwrap();
    fitted.apply(&table).unwrap();
    let groups = fitted.group_values(as_of(), &KnownIntervals::default()).unwrap().unwrap();
    (groups, fitted.into_card())
}

fn money(groups: &GroupValues, column: &str) -> Vec<Option<i128>> {
    groups.rows.column_by_name(column).unwrap().as_primitive::<Decimal128Type>().iter().collect()
}

fn gaps(groups: &GroupValues) -> Vec<Option<f64>> {
    groups.rows.column_by_name("chain_gap").unwrap().as_primitive::<Float64Type>().iter().collect()
}

/// State at the end of the quarter `ago`, by the dates alone: (quarters since the last purchase, whether it was a repeat buyer);
/// `None` before the first purchase.
fn state(buyer: &Buyer, ago: u32) -> Option<(u32, bool)> {
    // A purchase is within or before the quarter when it is so many days ago or more.
    let before: Vec<i32> = buyer
        .dates()
        .into_iter()
        .map(|day| as_of().day() - day)
        .filter(|&days| f64::from(days) >= f64::from(ago) * QUARTER)
        .collect();
    let latest = *before.last()?;
    let since = (f64::from(latest) / QUARTER).floor() as u32 - ago;
    Some((since.min(8), before.len() > 1))
}

const STATES: usize = 18;

fn number((since, repeats): (u32, bool)) -> usize {
    since as usize + if repeats { 9 } else { 0 }
}

/// How often each state followed which, over the last 12 quarters.
fn counts<'b>(buyers: impl Iterator<Item = &'b Buyer>) -> Vec<Vec<f64>> {
    let mut counts = vec![vec![0.0; STATES]; STATES];
    for buyer in buyers {
        for ago in (0..12).rev() {
            if let Some(from) = state(buyer, ago + 1) {
                counts[number(from)][number(state(buyer, ago).unwrap())] += 1.0;
            }
        }
    }
    counts
}

/// The value by the definition: rows of a full matrix, and the powers of it.
fn naive(
    buyers: &[Buyer],
    members: &[&Buyer],
    cents: impl Fn(&Buyer) -> Option<f64>,
    discounts: &[f64],
) -> Option<f64> {
    let (all, own) = (counts(buyers.iter()), counts(members.iter().copied()));
    let mut of_all = vec![vec![0.0; STATES]; STATES];
    for i in 0..STATES {
        let n: f64 = all[i].iter().sum();
        let next = if i % 9 < 8 { i + 1 } else { i };
        if n > 0.0 {
            of_all[i] = all[i].iter().map(|count| count / n).collect();
        } else if i % 9 == 0 {
            of_all[i][next] = 1.0;
        } else {
            let before = of_all[i - 1].clone();
            (of_all[i][0], of_all[i][9], of_all[i][next]) = (before[0], before[9], before[i]);
        }
    }
    let mut matrix = vec![vec![0.0; STATES]; STATES];
    for (i, row) in matrix.iter_mut().enumerate() {
        let n: f64 = own[i].iter().sum();
        for (j, cell) in row.iter_mut().enumerate() {
            *cell = (own[i][j] + 20.0 * of_all[i][j]) / (n + 20.0);
        }
    }
    let known: Vec<(f64, f64)> = members
        .iter()
        .filter(|buyer| !buyer.days_ago.is_empty())
        .filter_map(|buyer| Some((cents(buyer)?, buyer.quarters().len() as f64)))
        .collect();
    let quarters: f64 = known.iter().map(|(_, quarters)| quarters).sum();
    if quarters == 0.0 {
        return None;
    }
    let mean = known.iter().map(|(cents, _)| cents).sum::<f64>() / quarters;
    let mut power = matrix.clone();
    let mut sum = 0.0;
    for discount in discounts {
        for now in members.iter().filter_map(|buyer| state(buyer, 0)) {
            sum += (power[number(now)][0] + power[number(now)][9]) * mean * discount;
        }
        let times = |row: &Vec<f64>| -> Vec<f64> {
            (0..STATES).map(|j| (0..STATES).map(|k| row[k] * matrix[k][j]).sum()).collect()
        };
        power = power.iter().map(times).collect();
    }
    Some(sum)
}

#[test]
fn customers_of_two_quarters_by_hand() {
    // One bought 100 days ago and again 10 days ago, for 60.00 in all; the other 100 days ago only, for 30.00; a third has just come.
    // In the one quarter since, half of the one-time buyers of quarter 0 came back.
    let buyers = [
        Buyer { group: "a", days_ago: vec![100, 10], cents: 6_000 },
        Buyer { group: "a", days_ago: vec![100], cents: 3_000 },
        Buyer { group: "b", days_ago: vec![3], cents: 1_000 },
    ];
    let (values, _) = groups(&config("6mo", Timing::End, Margin::Share(0.5)), &buyers, false, 10);
    // Nobody was seen to leave the state of the first, so he never buys. The second is one-time since 1 quarter: as after 0 quarters,
    // half of such buy within a quarter, and half of the others in the next one; so does the third. A year later money is worth
    // 1/1.21: after a quarter 1/√1.1. What is earned is half of 100.00, 90.00 and 10.00, in 4, 3 and 1 quarters.
    let purchases = 0.5 / 1.1_f64.sqrt() + 0.25 / 1.1;
    let of = |buyers: f64, mean: f64| Some((buyers * purchases * mean).round() as i128);
    assert_eq!(money(&values, "chain_value"), [of(2.0, 1_250.0), of(1.0, 1_500.0), of(1.0, 500.0)]);
}

#[test]
fn what_differs_much_is_said() {
    // Both have become repeat buyers, of whom nothing was seen yet.
    let buyers = ["a", "b"].map(|group| Buyer { group, days_ago: vec![100, 10], cents: 6_000 });
    let (values, _) = groups(&config("6mo", Timing::End, Margin::Share(0.5)), &buyers, false, 10);
    assert_eq!(money(&values, "chain_value"), [Some(0); 3]);
    assert_eq!(gaps(&values), [Some(-1.0); 3]);
    let expected = [
        "chain_value of all customers is 0.00 times their clv, expected 0.8 to 1.25",
        "chain_value of 2 of 2 groups is not 0.8 to 1.25 times their clv, of kind=a for one",
    ];
    assert_eq!(values.doubts, expected);
}

#[test]
fn a_customer_who_always_buys_is_worth_every_quarter() {
    // A purchase in the middle of each of 30 quarters: 8 quarters of mean margin 1.00, the half year of 1/1.1 each.
    let days_ago: Vec<i32> = (0..30).map(|quarter| 45 + (f64::from(quarter) * QUARTER) as i32).collect();
    let buyers = [Buyer { group: "a", days_ago, cents: 3_000 }];
    let discounts =
        |first: f64, quarters: u32| (0..quarters).map(|t| 1.21_f64.powf(-(first + f64::from(t)) / 4.0)).sum::<f64>();
    for (timing, first) in [(Timing::Mid, 0.5), (Timing::End, 1.0)] {
        let (values, _) = groups(&config("24mo", timing, Margin::Share(1.0)), &buyers, false, 10);
        assert_eq!(
            money(&values, "chain_value"),
            [Some((100.0 * discounts(first, 8)).round() as i128); 2],
            "{timing:?}"
        );
    }
    // 100 days are a quarter and the rest of one.
    let (values, _) = groups(&config("100d", Timing::End, Margin::Share(1.0)), &buyers, false, 10);
    let rest = 100.0 / QUARTER - 1.0;
    let expected = 100.0 * (discounts(1.0, 1) + rest * 1.21_f64.powf(-0.5));
    assert_eq!(money(&values, "chain_value")[0], Some(expected.round() as i128));
}

#[test]
fn without_purchases_or_the_features_there_is_no_chain() {
    let buyers = [
        Buyer { group: "a", days_ago: vec![400, 30], cents: 5_000 },
        Buyer { group: "b", days_ago: Vec::new(), cents: 0 },
    ];
    let config = config("1y", Timing::Mid, Margin::Share(1.0));
    let (values, _) = groups(&config, &buyers, false, 1);
    let chain = money(&values, "chain_value");
    assert!(chain[0].is_some() && chain[0] == chain[1], "{chain:?}");
    assert_eq!((chain[2], gaps(&values)[2]), (None, None));

    let TableContract { name, meaning, mut columns } = extended(false);
    columns.retain(|column| column.name != "purchase_quarters");
    let plan = ModelPlan::new(&config, &TableContract::new(&name, &meaning, columns).unwrap()).unwrap();
    assert!(plan.group_contract().unwrap().position("chain_value").is_none());
    assert!(plan.inputs().iter().all(|input| input != "active_quarters"));
}

#[test]
fn the_largest_amounts_stay_finite() {
    let most = 999_999_999_999_999_999;
    let buyers: Vec<Buyer> = (0..40)
        .map(|of| Buyer {
            group: "a",
            days_ago: vec![3_600_000, 90 * of, 1],
            cents: if of % 2 == 0 { most } else { -most },
        })
        .collect();
    for margin in [Margin::Share(1.0), Margin::Column("own_margin".to_owned())] {
        let (values, _) = groups(&config("100y", Timing::Mid, margin), &buyers, false, 7);
        assert!(money(&values, "chain_value").iter().all(Option::is_some));
        assert!(gaps(&values).iter().flatten().all(|gap| gap.is_finite()));
    }
}

fn random_buyers() -> impl Strategy<Value = Vec<Buyer>> {
    let days = prop_oneof![3 => 0..1_500_i32, 1 => 0..9_000_i32, 1 => (0..20_i32).prop_map(|of| (f64::from(of) * QUARTER).ceil() as i32)];
    let buyer = (0..3_usize, prop::collection::vec(days, 0..9), -20_000..200_000_i64)
        .prop_map(|(group, days_ago, cents)| Buyer { group: ["a", "b", "c"][group], days_ago, cents });
    prop::collection::vec(buyer, 1..50)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_chain_is_what_the_dates_say(
        buyers in random_buyers(),
        batch_size in 1..20_usize,
        with_margin in any::<bool>(),
        own_margin in any::<bool>(),
        mid in any::<bool>(),
        quarters in 1..14_u32,
    ) {
        prop_assume!(buyers.iter().any(|buyer| !buyer.days_ago.is_empty()));
        let timing = if mid { Timing::Mid } else { Timing::End };
        let margin = if own_margin { Margin::Column("own_margin".to_owned()) } else { Margin::Share(0.3) };
        let config = config(&format!("{}mo", 3 * quarters), timing, margin);
        let (values, card) = groups(&config, &buyers, with_margin, batch_size);
        let mean_margin = card.clv.as_ref().unwrap().mean_margin.unwrap_or(0.0);
        let cents = |buyer: &Buyer| {
            if with_margin {
                return (buyer.cents % 5 != 0).then_some((buyer.cents / 2) as f64);
            }
            let own = if buyer.cents % 3 == 0 { mean_margin } else { 0.25 };
            Some((buyer.cents as f64 * if own_margin { own } else { 0.3 }).round_ties_even())
        };
        let age = |t: u32| f64::from(t) + if mid { 0.5 } else { 1.0 };
        let discounts: Vec<f64> = (0..quarters).map(|t| 1.21_f64.powf(-age(t) / 4.0)).collect();
        let kinds: Vec<Option<&str>> = values.rows.column_by_name("kind").unwrap().as_string::<i32>().iter().collect();
        let (chain, clv, gaps) = (money(&values, "chain_value"), money(&values, "clv"), gaps(&values));
        for (row, kind) in kinds.iter().enumerate() {
            let members: Vec<&Buyer> = buyers.iter().filter(|buyer| kind.is_none_or(|kind| buyer.group == kind)).collect();
            let expected = naive(&buyers, &members, cents, &discounts);
            prop_assert_eq!(chain[row].is_some(), expected.is_some());
            if let (Some(found), Some(expected)) = (chain[row], expected) {
                prop_assert!((found as f64 - expected).abs() <= 0.5 + 1e-9 * expected.abs(), "{} {}", found, expected);
            }
            let gap = chain[row].zip(clv[row]).filter(|(_, clv)| *clv > 0).map(|(chain, clv)| chain as f64 / clv as f64 - 1.0);
            prop_assert_eq!(gaps[row], gap);
        }
        // Groups of a set are parts of the whole; the whole leans on itself, which changes nothing.
        let unshrunken = {
            let all: Vec<&Buyer> = buyers.iter().collect();
            naive(&buyers, &all, cents, &discounts)
        };
        prop_assert_eq!(chain[0].is_some(), unshrunken.is_some());
        let (whole, frozen) = (groups(&config, &buyers, with_margin, 1000).0, ModelCard::from_json(&card.to_json().unwrap()).unwrap());
        prop_assert_eq!(&whole.rows, &values.rows);
        prop_assert_eq!(&whole.doubts, &values.doubts);
        prop_assert_eq!(frozen, card);
    }
}
