//! One customer's history: slices of the partition's columns, in order of local date.
//!
//! Rows of one day are a set: their order within the slices means nothing. All slices of a source have the same length;
//! a column that is not mapped, or that nobody asked for, is `None`. NULLs are the constants of
//! [`appraise_schema::event`].

/// Everything that is known of one customer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct History<'a> {
    /// Position of the customer in the order of the table: it rises with the rows, and tells customers apart.
    pub customer: u64,
    /// Purchases that stand.
    pub purchases: Transactions<'a>,
    /// Purchases that were reversed in full.
    pub reversed: Transactions<'a>,
    /// How many of `reversed`, the last ones, were rescinded: they have no refund.
    pub rescinded: usize,
    /// Refunds; amounts are absolute.
    pub refunds: Transactions<'a>,
    /// Contacts.
    pub interactions: Interactions<'a>,
    /// Bids.
    pub bids: Bids<'a>,
    /// Invoices.
    pub invoices: Invoices<'a>,
    /// Lots that the customer consigned: row numbers of the [`crate::lots::LotBook`].
    pub consigned: &'a [u32],
    /// The customer's row in force; `None` when `customers` has none.
    pub profile: Option<Profile<'a>>,
}

/// Transactions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Transactions<'a> {
    /// Local dates, ascending.
    pub days: &'a [i32],
    /// Amounts in minor units, not negative.
    pub amounts: &'a [i64],
    /// Identities of the rows.
    pub ids: Option<&'a [u128]>,
    /// Identities of orders.
    pub orders: Option<&'a [u128]>,
    /// Identities of lots won.
    pub lots: Option<&'a [u128]>,
    /// Categories.
    pub categories: Option<&'a [u32]>,
    /// Margins, signed as delivered.
    pub margins: Option<&'a [i64]>,
    /// Costs, signed as delivered.
    pub costs: Option<&'a [i64]>,
}

impl Transactions<'_> {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.days.len()
    }
}

/// Contacts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Interactions<'a> {
    /// Local dates, ascending.
    pub days: &'a [i32],
    /// Kinds.
    pub kinds: &'a [u32],
    /// Whether the customer responded.
    pub responded: Option<&'a [u8]>,
    /// Scores of feedback.
    pub feedback: Option<&'a [f64]>,
}

/// Bids.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bids<'a> {
    /// Local dates, ascending.
    pub days: &'a [i32],
    /// Instants.
    pub instants: Option<&'a [i64]>,
    /// Identities of the lots.
    pub lots: &'a [u128],
    /// Amounts.
    pub amounts: &'a [i64],
}

/// Invoices, by date of issue. Dates after `as_of` are [`appraise_schema::event::NO_DAY`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Invoices<'a> {
    /// Local dates of issue, ascending.
    pub days: &'a [i32],
    /// Amounts.
    pub amounts: &'a [i64],
    /// Due dates; they may lie after `as_of`.
    pub due: &'a [i32],
    /// Identities of the lots.
    pub lots: Option<&'a [u128]>,
    /// Dates of payment.
    pub paid: Option<&'a [i32]>,
    /// Dates of dispute.
    pub disputed: Option<&'a [i32]>,
    /// Dates of cancellation.
    pub cancelled: Option<&'a [i32]>,
    /// Dates of the write-off.
    pub written_off: Option<&'a [i32]>,
    /// Deposits.
    pub deposits: Option<&'a [i64]>,
}

/// The row of `customers` in force: a row number into the partition's columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Profile<'a> {
    pub(crate) columns: &'a ProfileColumns<'a>,
    pub(crate) row: usize,
}

/// The columns of `customers` of a partition.
#[derive(Debug, Default)]
pub(crate) struct ProfileColumns<'a> {
    pub(crate) registered_at: Option<&'a [i32]>,
    pub(crate) credit_limit: Option<&'a [i64]>,
    pub(crate) opted_out: Option<&'a [u8]>,
    pub(crate) manager_rating: Option<&'a [f64]>,
    pub(crate) stated_needs: Option<&'a [u32]>,
    pub(crate) market_total: Option<&'a [i64]>,
    /// In the order of [`crate::FeatureConfig::attributes`]; `None` for one that nobody asked for.
    pub(crate) attributes: Vec<Option<&'a [u32]>>,
}

impl Profile<'_> {
    /// Date of registration, or [`appraise_schema::event::NO_DAY`].
    #[must_use]
    pub(crate) fn registered_at(&self) -> i32 {
        self.columns.registered_at.map_or(appraise_schema::event::NO_DAY, |column| column[self.row])
    }

    /// Credit limit, or [`appraise_schema::event::NO_MONEY`].
    #[must_use]
    pub(crate) fn credit_limit(&self) -> i64 {
        self.columns.credit_limit.map_or(appraise_schema::event::NO_MONEY, |column| column[self.row])
    }

    /// A flag of [`appraise_schema::event`].
    #[must_use]
    pub(crate) fn opted_out(&self) -> u8 {
        self.columns.opted_out.map_or(appraise_schema::event::UNKNOWN, |column| column[self.row])
    }

    /// The manager's rating, or NaN.
    #[must_use]
    pub(crate) fn manager_rating(&self) -> f64 {
        self.columns.manager_rating.map_or(f64::NAN, |column| column[self.row])
    }

    /// Stated needs, or [`appraise_schema::event::NO_SYMBOL`].
    #[must_use]
    pub(crate) fn stated_needs(&self) -> u32 {
        self.columns.stated_needs.map_or(appraise_schema::event::NO_SYMBOL, |column| column[self.row])
    }

    /// What the customer spends anywhere, or [`appraise_schema::event::NO_MONEY`].
    #[must_use]
    pub(crate) fn market_total(&self) -> i64 {
        self.columns.market_total.map_or(appraise_schema::event::NO_MONEY, |column| column[self.row])
    }

    /// Attribute number `index` of [`crate::FeatureConfig::attributes`], or [`appraise_schema::event::NO_SYMBOL`].
    #[must_use]
    pub(crate) fn attribute(&self, index: usize) -> u32 {
        let column = self.columns.attributes.get(index).copied().flatten();
        column.map_or(appraise_schema::event::NO_SYMBOL, |column| column[self.row])
    }
}
