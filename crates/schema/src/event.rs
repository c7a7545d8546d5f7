//! Canonical events: what ingest hands to the customer fold, column by column.

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

/// Stands for a day that is NULL or not yet known.
pub const NO_DAY: i32 = i32::MIN;
/// Stands for an instant that is NULL or not yet known.
pub const NO_INSTANT: i64 = i64::MIN;
/// Stands for an amount that is NULL: no amount is that small.
pub const NO_MONEY: i64 = i64::MIN;
/// Stands for an id that is NULL.
pub const NO_ID: u128 = 0;
/// Stands for a text that is NULL.
pub const NO_SYMBOL: u32 = 0;
/// A flag that is false.
pub const NO: u8 = 0;
/// A flag that is true.
pub const YES: u8 = 1;
/// A flag that is NULL.
pub const UNKNOWN: u8 = 2;

/// In which form a canonical column is handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// Local date in the pipeline's zone, days since 1970-01-01, within the years 0001–9999; [`NO_DAY`] for NULL. i32.
    Day,
    /// Microseconds since 1970-01-01 UTC; [`NO_INSTANT`] for NULL. Of a date, its first moment in the pipeline's zone. i64.
    Instant,
    /// Minor units; [`NO_MONEY`] for NULL. i64.
    Money,
    /// A double; NaN for NULL. f64.
    Number,
    /// Identity of an id (see [`crate::hash`]); [`NO_ID`] for NULL. u128.
    Id,
    /// A text of the run's [`crate::Symbols`]; [`NO_SYMBOL`] for NULL. u32.
    Symbol,
    /// [`NO`], [`YES`] or [`UNKNOWN`]. u8.
    Flag,
    /// xxh3-64 digest of all mapped values of the row but its identity and `loaded_at`: rows that share their identity
    /// and differ in it are a conflict. It belongs to no canonical column. u64.
    Content,
    /// [`YES`] when the row's filter is not true: it only takes part in the choice of the newest of the rows that share an
    /// identity. It belongs to no canonical column. u8.
    Withdrawn,
}

/// One column of a [`Layout`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name of the canonical column or attribute; empty for [`Form::Content`] and [`Form::Withdrawn`].
    pub name: String,
    /// Its form.
    pub form: Form,
}

/// The columns of a source's event batches, beside the customer key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// In order.
    pub fields: Vec<Field>,
}

impl Layout {
    /// Position of column `name` in `form`.
    #[must_use]
    pub fn position(&self, name: &str, form: Form) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name && field.form == form)
    }

    /// Adds a column unless it is there.
    pub fn add(&mut self, name: &str, form: Form) {
        if self.position(name, form).is_none() {
            self.fields.push(Field { name: name.to_owned(), form });
        }
    }
}

/// The values of one column, in the form that its [`Field`] states.
#[derive(Debug, Clone, PartialEq)]
pub enum EventColumn {
    /// [`Form::Day`].
    I32(Vec<i32>),
    /// [`Form::Instant`], [`Form::Money`].
    I64(Vec<i64>),
    /// [`Form::Number`].
    F64(Vec<f64>),
    /// [`Form::Id`].
    U128(Vec<u128>),
    /// [`Form::Content`].
    U64(Vec<u64>),
    /// [`Form::Symbol`].
    U32(Vec<u32>),
    /// [`Form::Flag`], [`Form::Withdrawn`].
    U8(Vec<u8>),
}

impl EventColumn {
    /// An empty column for values of `form`.
    #[must_use]
    pub fn new(form: Form) -> Self {
        match form {
            Form::Day => Self::I32(Vec::new()),
            Form::Instant | Form::Money => Self::I64(Vec::new()),
            Form::Number => Self::F64(Vec::new()),
            Form::Id => Self::U128(Vec::new()),
            Form::Content => Self::U64(Vec::new()),
            Form::Symbol => Self::U32(Vec::new()),
            Form::Flag | Form::Withdrawn => Self::U8(Vec::new()),
        }
    }
}

/// A batch of a source's rows that passed every filter and check: the used rows, still with duplicates. Of a source
/// that takes the newest of the rows that share an identity, also the filtered rows ([`Form::Withdrawn`]).
///
/// All columns have the same length.
#[derive(Debug, Clone, PartialEq)]
pub struct EventBatch {
    /// Customer of each row.
    pub key: KeyColumn,
    /// For lots: which rows have a consignor; the key of the others means nothing. `None` when all have a key.
    pub has_key: Option<Vec<bool>>,
    /// The columns of the source's [`Layout`], in its order. Of transactions, the amount is signed as delivered, and
    /// `margin` and `cost` are as delivered.
    pub columns: Vec<EventColumn>,
}

impl EventBatch {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.key.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.key.is_empty()
    }
}
