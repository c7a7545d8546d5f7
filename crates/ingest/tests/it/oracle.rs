//! Random dumps against a row-by-row reading.

use std::collections::BTreeMap;

use appraise_ingest::{Check, CheckKind, ReadOptions, Severity};
use appraise_schema::Bucket;
use arrow::array::{BooleanArray, Int64Array, StringArray, TimestampMicrosecondArray};
use proptest::prelude::*;

use crate::support::{Event, Folder, array, config, try_run};

#[derive(Debug, Clone)]
struct Row {
    customer: Option<String>,
    at: Option<i64>,
    price: Option<i64>,
    keep: Option<bool>,
}

const DAY: i64 = 86_400_000_000;

fn row() -> impl Strategy<Value = Row> {
    let customer = prop::option::weighted(
        0.9,
        prop::sample::select(vec!["", " ", "ann", "bob", "çelik", "a-name-of-more-than-twelve-bytes"]),
    );
    let at = prop::option::weighted(0.9, prop_oneof![9 => -40 * DAY..40 * DAY, 1 => any::<i64>()]);
    let price = prop::option::weighted(0.9, prop_oneof![9 => -100_i64..1000, 1 => any::<i64>()]);
    (customer, at, price, prop::option::weighted(0.9, any::<bool>())).prop_map(|(customer, at, price, keep)| Row {
        customer: customer.map(str::to_owned),
        at,
        price,
        keep,
    })
}

/// Bucket, reason, readable amount and event of one row, read slowly.
fn judge(row: &Row, as_of: i64) -> (Bucket, Option<&'static str>, Option<i64>, Option<Event>) {
    let amount =
        row.price.and_then(|price| price.checked_mul(100)).filter(|a| a.unsigned_abs() <= 999_999_999_999_999_999);
    if row.keep != Some(true) {
        return (Bucket::Filtered, None, amount, None);
    }
    let day = row.at.map(|at| at.div_euclid(DAY));
    let in_range = |day: i64| (-719_162..=2_932_896).contains(&day);
    if day.is_some_and(|day| in_range(day) && day > as_of) {
        return (Bucket::AfterAsOf, None, amount, None);
    }
    let reason = match (&row.customer, day) {
        (None, _) => Some("customer_id_missing"),
        (Some(customer), _) if customer.trim().is_empty() => Some("customer_id_blank"),
        (_, None) => Some("time_missing"),
        (_, Some(day)) if !in_range(day) => Some("time_out_of_range"),
        _ if row.price.is_none() => Some("amount_missing"),
        _ if amount.is_none() => Some("amount_overflow"),
        _ if amount.is_some_and(|amount| amount > 90_000) => Some("amount_above_max"),
        _ => None,
    };
    if reason.is_some() {
        return (Bucket::Quarantined, reason, amount, None);
    }
    let (key, day, signed) = (row.customer.clone().unwrap(), day.unwrap(), amount.unwrap());
    let event = Event {
        key,
        day: i32::try_from(day).unwrap(),
        amount: signed,
        refund: None,
        order: None,
        margin: None,
        transaction: None,
    };
    (Bucket::Used, None, amount, Some(event))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_row_lands_where_a_slow_reading_puts_it(
        rows in prop::collection::vec(row(), 0..300),
        split in 0.0..1.0_f64,
        threads in 1_usize..4,
        batch_rows in 1_usize..100,
    ) {
        let folder = Folder::new();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place within the rows")]
        let parts = rows.split_at((rows.len() as f64 * split) as usize);
        for (name, part) in [("a.parquet", parts.0), ("b.parquet", parts.1)] {
            folder.write(name, vec![
                ("customer", array(part.iter().map(|row| row.customer.clone()).collect::<StringArray>())),
                ("at", array(part.iter().map(|row| row.at).collect::<TimestampMicrosecondArray>())),
                ("price", array(part.iter().map(|row| row.price).collect::<Int64Array>())),
                ("keep", array(part.iter().map(|row| row.keep).collect::<BooleanArray>())),
            ]);
        }
        let mut config = config(vec![folder.pattern("")]);
        config.as_of = "1970-01-31".parse().unwrap();
        config.filter = Some(appraise_expression::Parsed::column("keep"));
        config.checks = [
            CheckKind::NotBlank { column: "customer_id".to_owned() },
            CheckKind::AmountRange { column: "amount".to_owned(), min: None, max: Some(90_000) },
        ].map(|kind| Check { kind, severity: Severity::Error, tolerate: None }).into();
        let (report, events) = try_run(&config, ReadOptions { threads, batch_rows }).unwrap();

        let judged: Vec<_> = rows.iter().map(|row| judge(row, i64::from(config.as_of.day()))).collect();
        let mut want: Vec<Event> = judged.iter().filter_map(|(_, _, _, event)| event.clone()).collect();
        want.sort();
        prop_assert_eq!(events, want);
        let mut reasons = BTreeMap::new();
        for bucket in Bucket::ALL {
            let of_bucket = judged.iter().filter(|(other, ..)| *other == bucket);
            let tally = report.accounting.tally(bucket);
            prop_assert_eq!(tally.rows, of_bucket.clone().count() as u64);
            prop_assert_eq!(tally.minor, of_bucket.filter_map(|(_, _, amount, _)| *amount).map(i128::from).sum::<i128>());
        }
        for reason in judged.iter().filter_map(|(_, reason, ..)| *reason) {
            *reasons.entry(reason.to_owned()).or_insert(0_u64) += 1;
        }
        prop_assert_eq!(&report.accounting.quarantine_reasons, &reasons);
        prop_assert_eq!(report.quarantine.len() as u64, reasons.values().sum::<u64>());
        prop_assert!(report.quarantine.is_sorted_by_key(|row| (row.file, row.row)));
        prop_assert!(report.accounting.check().is_ok());
    }
}
