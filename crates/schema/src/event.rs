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

    /// A column of the same type without values.
    #[must_use]
    pub fn without_values(&self) -> Self {
        match self {
            Self::I32(_) => Self::I32(Vec::new()),
            Self::I64(_) => Self::I64(Vec::new()),
            Self::F64(_) => Self::F64(Vec::new()),
            Self::U128(_) => Self::U128(Vec::new()),
            Self::U64(_) => Self::U64(Vec::new()),
            Self::U32(_) => Self::U32(Vec::new()),
            Self::U8(_) => Self::U8(Vec::new()),
        }
    }
}

/// The columns of a [`Layout`] by name and form.
#[derive(Debug, Clone, Copy)]
pub struct NamedColumns<'l, 'a> {
    layout: &'l Layout,
    columns: &'a [EventColumn],
}

impl<'l, 'a> NamedColumns<'l, 'a> {
    /// `columns` under the names of `layout`, whose fields they are, in order.
    #[must_use]
    pub fn new(layout: &'l Layout, columns: &'a [EventColumn]) -> Self {
        Self { layout, columns }
    }

    fn column(&self, name: &str, form: Form) -> Option<&'a EventColumn> {
        self.layout.position(name, form).and_then(|position| self.columns.get(position))
    }

    /// Column `name` in [`Form::Day`].
    #[must_use]
    pub fn days(&self, name: &str) -> Option<&'a [i32]> {
        if let Some(EventColumn::I32(values)) = self.column(name, Form::Day) { Some(values) } else { None }
    }

    /// Column `name` in [`Form::Instant`].
    #[must_use]
    pub fn instants(&self, name: &str) -> Option<&'a [i64]> {
        if let Some(EventColumn::I64(values)) = self.column(name, Form::Instant) { Some(values) } else { None }
    }

    /// Column `name` in [`Form::Money`].
    #[must_use]
    pub fn money(&self, name: &str) -> Option<&'a [i64]> {
        if let Some(EventColumn::I64(values)) = self.column(name, Form::Money) { Some(values) } else { None }
    }

    /// Column `name` in [`Form::Number`].
    #[must_use]
    pub fn numbers(&self, name: &str) -> Option<&'a [f64]> {
        if let Some(EventColumn::F64(values)) = self.column(name, Form::Number) { Some(values) } else { None }
    }

    /// Column `name` in [`Form::Id`].
    #[must_use]
    pub fn ids(&self, name: &str) -> Option<&'a [u128]> {
        if let Some(EventColumn::U128(values)) = self.column(name, Form::Id) { Some(values) } else { None }
    }

    /// Column `name` in [`Form::Symbol`].
    #[must_use]
    pub fn symbols(&self, name: &str) -> Option<&'a [u32]> {
        if let Some(EventColumn::U32(values)) = self.column(name, Form::Symbol) { Some(values) } else { None }
    }

    /// Column `name` in [`Form::Flag`].
    #[must_use]
    pub fn flags(&self, name: &str) -> Option<&'a [u8]> {
        if let Some(EventColumn::U8(values)) = self.column(name, Form::Flag) { Some(values) } else { None }
    }

    /// The column in [`Form::Content`].
    #[must_use]
    pub fn contents(&self) -> Option<&'a [u64]> {
        if let Some(EventColumn::U64(values)) = self.column("", Form::Content) { Some(values) } else { None }
    }

    /// The column in [`Form::Withdrawn`].
    #[must_use]
    pub fn withdrawn(&self) -> Option<&'a [u8]> {
        if let Some(EventColumn::U8(values)) = self.column("", Form::Withdrawn) { Some(values) } else { None }
    }
}

/// Whether a transaction is a refund: marked as one, or of a negative amount.
#[inline]
#[must_use]
pub fn is_refund(amount: i64, marked: Option<u8>) -> bool {
    amount < 0 || marked == Some(YES)
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
