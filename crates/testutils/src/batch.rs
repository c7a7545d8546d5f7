//! Rows as event batches.

use appraise_schema::event::{
    EventBatch, EventColumn, Field, Form, KeyColumn, KeyType, Layout, NO, NO_DAY, NO_ID, NO_INSTANT, NO_MONEY,
    NO_SYMBOL, UNKNOWN, YES,
};
use appraise_schema::{Symbols, hash};

use crate::world::{DAY_MICROS, Delivery, SourceRow, Value, text_key};

/// The batch that ingest would make of `rows`, all of which it hands on (see [`crate::delivery`]).
#[must_use]
pub fn batch<R: SourceRow>(rows: &[R], layout: &Layout, key_type: KeyType, symbols: &Symbols) -> EventBatch {
    let has_key: Vec<bool> = rows.iter().map(|row| row.customer().is_some()).collect();
    EventBatch {
        key: keys(rows.iter().map(|row| row.customer().unwrap_or_default()), key_type),
        has_key: has_key.contains(&false).then_some(has_key),
        columns: layout.fields.iter().map(|field| column(rows, field, key_type, symbols)).collect(),
    }
}

/// The identity of an id.
#[must_use]
pub fn identity(id: i64, key_type: KeyType) -> u128 {
    match key_type {
        KeyType::Integer => hash::identity_of_integer(id),
        KeyType::Text => hash::identity_of_text(text_key(id).as_bytes()),
    }
}

fn keys(customers: impl Iterator<Item = i64>, key_type: KeyType) -> KeyColumn {
    match key_type {
        KeyType::Integer => KeyColumn::Integer(customers.collect()),
        KeyType::Text => {
            let (mut offsets, mut bytes) = (vec![0], Vec::new());
            for customer in customers {
                bytes.extend_from_slice(text_key(customer).as_bytes());
                offsets.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            }
            KeyColumn::Text { offsets, bytes }
        }
    }
}

fn column<R: SourceRow>(rows: &[R], field: &Field, key_type: KeyType, symbols: &Symbols) -> EventColumn {
    let values = rows.iter().map(|row| row.value(&field.name));
    match field.form {
        Form::Day => EventColumn::I32(values.map(|value| value.day().unwrap_or(NO_DAY)).collect()),
        Form::Instant => EventColumn::I64(values.map(|value| instant(&value)).collect()),
        Form::Money => EventColumn::I64(values.map(|value| money(&value)).collect()),
        Form::Number => EventColumn::F64(values.map(|value| number(&value)).collect()),
        Form::Id => EventColumn::U128(values.map(|value| id(&value, key_type)).collect()),
        Form::Symbol => EventColumn::U32(values.map(|value| symbol(&value, symbols)).collect()),
        Form::Flag => EventColumn::U8(values.map(|value| flag(&value)).collect()),
        Form::Content => EventColumn::U64(rows.iter().map(content).collect()),
        Form::Withdrawn => EventColumn::U8(rows.iter().map(|row| u8::from(row.delivery().withdrawn)).collect()),
    }
}

/// Digest of the row, however it came. Its id is the same wherever it matters.
fn content<R: SourceRow>(row: &R) -> u64 {
    let mut row = row.clone();
    *row.delivery_mut() = Delivery::default();
    hash::of_text(format!("{row:?}").as_bytes())
}

fn instant(value: &Value) -> i64 {
    match value {
        Value::Instant(instant) => *instant,
        Value::Day(day) => i64::from(*day) * DAY_MICROS,
        _ => NO_INSTANT,
    }
}

fn money(value: &Value) -> i64 {
    if let Value::Money(minor) = value { *minor } else { NO_MONEY }
}

fn number(value: &Value) -> f64 {
    if let Value::Number(number) = value { *number } else { f64::NAN }
}

fn id(value: &Value, key_type: KeyType) -> u128 {
    if let Value::Id(id) = value { identity(*id, key_type) } else { NO_ID }
}

fn symbol(value: &Value, symbols: &Symbols) -> u32 {
    if let Value::Text(text) = value { symbols.number(text).unwrap_or(NO_SYMBOL) } else { NO_SYMBOL }
}

fn flag(value: &Value) -> u8 {
    match value {
        Value::Flag(true) => YES,
        Value::Flag(false) => NO,
        _ => UNKNOWN,
    }
}
