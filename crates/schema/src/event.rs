//! Canonical transaction events: what ingest hands to the customer fold.

/// The type of a customer key, one for a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Integers of any width, held as i64.
    Integer,
    /// UTF-8 text.
    Text,
}

/// A column of customer keys without NULLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyColumn {
    /// Integer keys.
    Integer(Vec<i64>),
    /// Text keys: key `i` is `bytes[offsets[i]..offsets[i + 1]]`. `offsets` holds one more than there are rows.
    Text {
        /// Row boundaries within `bytes`, starting with 0.
        offsets: Vec<u32>,
        /// UTF-8 bytes of all keys.
        bytes: Vec<u8>,
    },
}

impl KeyColumn {
    /// An empty column of `key_type`.
    #[must_use]
    pub fn new(key_type: KeyType) -> Self {
        match key_type {
            KeyType::Integer => Self::Integer(Vec::new()),
            KeyType::Text => Self::Text { offsets: vec![0], bytes: Vec::new() },
        }
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Integer(keys) => keys.len(),
            Self::Text { offsets, .. } => offsets.len().saturating_sub(1),
        }
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Identity and content of a transaction, for the removal of duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionRef {
    /// Identity of the transaction id (see [`crate::hash`]); 0 when the row has none.
    pub id: u128,
    /// xxh3-64 digest of the row's mapped values. Equal ids with unequal digests are a conflict.
    pub content: u64,
}

/// A batch of transactions that passed every filter and check: the used rows, still with duplicates.
///
/// All columns have the same length. A column that the pipeline does not map is `None` in every batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBatch {
    /// Customer of each row.
    pub key: KeyColumn,
    /// Local date in the pipeline's zone, days since 1970-01-01, within the years 0001–9999.
    pub day: Vec<i32>,
    /// Amount in minor units, signed as delivered. Only refunds may be negative; they count with the absolute amount.
    pub amount: Vec<i64>,
    /// Whether the row is a refund: marked so, or with an amount that was negative. `None` when no row can be.
    pub refund: Option<Vec<bool>>,
    /// Identity of the order, 0 when the row has none.
    pub order: Option<Vec<u128>>,
    /// Margin in minor units, NULL as [`EventBatch::NO_MARGIN`]; of a refund the absolute margin.
    pub margin: Option<Vec<i64>>,
    /// Identity and content of the transaction.
    pub transaction: Option<Vec<TransactionRef>>,
}

impl EventBatch {
    /// Stands for a NULL margin: no amount is that small.
    pub const NO_MARGIN: i64 = i64::MIN;

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.day.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.day.is_empty()
    }
}
