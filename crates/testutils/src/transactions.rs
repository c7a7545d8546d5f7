//! Transactions as plain rows, and their way into event batches.

use appraise_schema::event::{EventBatch, KeyColumn, KeyType, TransactionRef};
use appraise_schema::hash;

/// One transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Customer; as a text key it is written `c<number>`.
    pub customer: i64,
    /// Local date, days since 1970-01-01.
    pub day: i32,
    /// Signed amount in minor units.
    pub amount: i64,
    /// Marked as a refund.
    pub refund: bool,
    /// Order id.
    pub order: Option<i64>,
    /// Margin in minor units.
    pub margin: Option<i64>,
    /// Transaction id; rows that share customer and id are equal.
    pub id: Option<i64>,
}

impl Transaction {
    /// Whether it counts as a refund.
    #[must_use]
    pub fn is_refund(&self) -> bool {
        self.refund || self.amount < 0
    }
}

/// The key of `customer` as text.
#[must_use]
pub fn text_key(customer: i64) -> String {
    format!("c{customer}")
}

/// The batch that ingest would make of `rows`, with every optional column mapped.
#[must_use]
pub fn batch(rows: &[Transaction], key_type: KeyType) -> EventBatch {
    let transaction = |row: &Transaction| TransactionRef {
        id: row.id.map_or(0, hash::identity_of_integer),
        content: row.amount.cast_unsigned(),
    };
    EventBatch {
        key: keys(rows, key_type),
        day: rows.iter().map(|row| row.day).collect(),
        amount: rows.iter().map(|row| row.amount).collect(),
        refund: Some(rows.iter().map(Transaction::is_refund).collect()),
        order: Some(rows.iter().map(|row| row.order.map_or(0, hash::identity_of_integer)).collect()),
        margin: Some(rows.iter().map(|row| row.margin.unwrap_or(EventBatch::NO_MARGIN)).collect()),
        transaction: Some(rows.iter().map(transaction).collect()),
    }
}

fn keys(rows: &[Transaction], key_type: KeyType) -> KeyColumn {
    match key_type {
        KeyType::Integer => KeyColumn::Integer(rows.iter().map(|row| row.customer).collect()),
        KeyType::Text => {
            let (mut offsets, mut bytes) = (vec![0], Vec::new());
            for row in rows {
                bytes.extend_from_slice(text_key(row.customer).as_bytes());
                offsets.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            }
            KeyColumn::Text { offsets, bytes }
        }
    }
}
