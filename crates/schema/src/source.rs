//! The sources of a pipeline and the canonical columns that it maps its own onto.

/// A kind of dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// Sales.
    Transactions,
    /// Who the customers are.
    Customers,
    /// Calls, mails, visits, events, feedback.
    Interactions,
    /// What is or was for sale.
    Lots,
    /// Bids on lots.
    Bids,
    /// What customers were asked to pay, and whether they did.
    Invoices,
}

impl SourceKind {
    /// All kinds, in the order in which they are read.
    pub const ALL: [Self; 6] =
        [Self::Transactions, Self::Customers, Self::Interactions, Self::Lots, Self::Bids, Self::Invoices];

    /// Its name in the pipeline file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Transactions => "transactions",
            Self::Customers => "customers",
            Self::Interactions => "interactions",
            Self::Lots => "lots",
            Self::Bids => "bids",
            Self::Invoices => "invoices",
        }
    }

    /// Its canonical columns, in the order in which their rules apply.
    #[must_use]
    pub fn columns(self) -> &'static [SourceColumn] {
        match self {
            Self::Transactions => TRANSACTIONS,
            Self::Customers => CUSTOMERS,
            Self::Interactions => INTERACTIONS,
            Self::Lots => LOTS,
            Self::Bids => BIDS,
            Self::Invoices => INVOICES,
        }
    }

    /// The column of the customer key. Only of lots it may be NULL: not every lot has a consignor who is known.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Lots => "consignor_id",
            _ => "customer_id",
        }
    }

    /// The column that, with the customer, names one row for good. Of lots it names a row alone.
    #[must_use]
    pub fn identity(self) -> Option<&'static str> {
        match self {
            Self::Transactions => Some("transaction_id"),
            Self::Customers => None,
            Self::Interactions => Some("interaction_id"),
            Self::Lots => Some("lot_id"),
            Self::Bids => Some("bid_id"),
            Self::Invoices => Some("invoice_id"),
        }
    }

    /// The column whose local date must not lie after `as_of`.
    #[must_use]
    pub fn time(self) -> Option<&'static str> {
        match self {
            Self::Customers => Some("valid_from"),
            Self::Lots => None,
            _ => Some("time"),
        }
    }

    /// The column whose sum the books keep.
    #[must_use]
    pub fn amount(self) -> Option<&'static str> {
        match self {
            Self::Transactions | Self::Bids | Self::Invoices => Some("amount"),
            Self::Customers | Self::Interactions | Self::Lots => None,
        }
    }

    /// A column by name.
    #[must_use]
    pub fn column(self, name: &str) -> Option<&'static SourceColumn> {
        self.columns().iter().find(|column| column.name == name)
    }
}

/// What a canonical column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnRole {
    /// An id: integer or text.
    Id,
    /// A point in time: a date or a timestamp.
    Time,
    /// A time that reads as NULL while it lies after `as_of`.
    KnownTime,
    /// An amount of money: integer, decimal or float.
    Amount,
    /// Any number.
    Number,
    /// Text.
    Text,
    /// Yes or no.
    Flag,
}

/// A canonical column of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceColumn {
    /// Our name.
    pub name: &'static str,
    /// What it may hold.
    pub role: ColumnRole,
    /// Whether a pipeline must map it, and whether a row without it is quarantined.
    pub required: bool,
    /// What it means, one sentence.
    pub meaning: &'static str,
}

const fn required(name: &'static str, role: ColumnRole, meaning: &'static str) -> SourceColumn {
    SourceColumn { name, role, required: true, meaning }
}

const fn optional(name: &'static str, role: ColumnRole, meaning: &'static str) -> SourceColumn {
    SourceColumn { name, role, required: false, meaning }
}

const LOADED_AT: SourceColumn =
    optional("loaded_at", ColumnRole::Time, "when the row was delivered; of rows that share an id the newest counts");

/// The columns of `sources.transactions`.
pub const TRANSACTIONS: &[SourceColumn] = &[
    required("customer_id", ColumnRole::Id, "who bought: an integer or a text"),
    required("time", ColumnRole::Time, "when: a date or a timestamp"),
    required("amount", ColumnRole::Amount, "how much, in `money.unit`; negative amounts are refunds"),
    optional("transaction_id", ColumnRole::Id, "names one row for good; rows that repeat it are duplicates"),
    optional("order_id", ColumnRole::Id, "rows that share it are one order"),
    optional("lot_id", ColumnRole::Id, "the lot that was won"),
    optional("refund", ColumnRole::Flag, "whether the row is a refund; counts with the absolute amount"),
    optional("refund_of", ColumnRole::Id, "the transaction, order or lot that a refund reverses"),
    optional("margin", ColumnRole::Amount, "what the row earned, in `money.unit`"),
    optional("cost", ColumnRole::Amount, "what it cost to serve the customer, in `money.unit`"),
    optional("category", ColumnRole::Text, "what was bought"),
    optional("quantity", ColumnRole::Number, "how many were bought"),
    optional("kind", ColumnRole::Text, "what sort of transaction it is"),
    optional(
        "currency",
        ColumnRole::Text,
        "the currency of the row's amounts, converted by `references.exchange_rates`",
    ),
    LOADED_AT,
];

/// The columns of `sources.customers`.
pub const CUSTOMERS: &[SourceColumn] = &[
    required("customer_id", ColumnRole::Id, "who: an integer or a text"),
    optional("registered_at", ColumnRole::KnownTime, "since when the customer is known"),
    optional("credit_limit", ColumnRole::Amount, "how much the customer may owe, in `money.unit`"),
    optional("opted_out", ColumnRole::Flag, "whether the customer wants no marketing"),
    optional("manager_rating", ColumnRole::Number, "how the account manager rates the customer"),
    optional("stated_needs", ColumnRole::Text, "what the customer says to need"),
    optional(
        "market_total",
        ColumnRole::Amount,
        "what the customer spends a year on such goods anywhere, in `money.unit`",
    ),
    optional("valid_from", ColumnRole::Time, "since when the row holds; the newest up to as_of counts"),
    LOADED_AT,
];

/// The columns of `sources.interactions`.
pub const INTERACTIONS: &[SourceColumn] = &[
    required("customer_id", ColumnRole::Id, "with whom: an integer or a text"),
    required("time", ColumnRole::Time, "when: a date or a timestamp"),
    required("kind", ColumnRole::Text, "what sort of contact; `registration` is one to bid"),
    optional("interaction_id", ColumnRole::Id, "names one row for good; rows that repeat it are duplicates"),
    optional("responded", ColumnRole::Flag, "whether the customer responded, or came"),
    optional("feedback_score", ColumnRole::Number, "how content the customer was"),
    LOADED_AT,
];

/// The columns of `sources.lots`.
pub const LOTS: &[SourceColumn] = &[
    required("lot_id", ColumnRole::Id, "names one lot for good"),
    optional("consignor_id", ColumnRole::Id, "who gave the lot to sell: a key like `customer_id`"),
    optional("sale_id", ColumnRole::Id, "the auction that the lot was in"),
    optional("closes_at", ColumnRole::KnownTime, "when bidding ended"),
    optional("estimate_low", ColumnRole::Amount, "lower estimate, in `money.unit`"),
    optional("estimate_high", ColumnRole::Amount, "upper estimate, in `money.unit`"),
    optional("hammer", ColumnRole::Amount, "the winning bid, in `money.unit`"),
    optional("commission", ColumnRole::Amount, "what the house earned of the consignor, in `money.unit`"),
    optional("outcome", ColumnRole::Text, "`sold` when the lot was sold"),
    LOADED_AT,
];

/// The columns of `sources.bids`.
pub const BIDS: &[SourceColumn] = &[
    required("customer_id", ColumnRole::Id, "who bid: an integer or a text"),
    required("lot_id", ColumnRole::Id, "on what"),
    required("time", ColumnRole::Time, "when: a date or a timestamp"),
    required("amount", ColumnRole::Amount, "how much, in `money.unit`"),
    optional("bid_id", ColumnRole::Id, "names one row for good; rows that repeat it are duplicates"),
    LOADED_AT,
];

/// The columns of `sources.invoices`.
pub const INVOICES: &[SourceColumn] = &[
    required("customer_id", ColumnRole::Id, "who is to pay: an integer or a text"),
    required("invoice_id", ColumnRole::Id, "names one invoice for good"),
    required("time", ColumnRole::Time, "when it was issued: a date or a timestamp"),
    required("due_at", ColumnRole::Time, "when it is to be paid"),
    required("amount", ColumnRole::Amount, "how much, in `money.unit`"),
    optional("lot_id", ColumnRole::Id, "the lot that it is for"),
    optional("paid_at", ColumnRole::KnownTime, "when it was paid"),
    optional("disputed_at", ColumnRole::KnownTime, "when it was disputed"),
    optional("cancelled_at", ColumnRole::KnownTime, "when it was cancelled: the buyer walked away"),
    optional("written_off_at", ColumnRole::KnownTime, "when it was written off"),
    optional("deposit", ColumnRole::Amount, "what was paid in advance, in `money.unit`"),
    LOADED_AT,
];

/// Finds a column of a source by name.
#[must_use]
pub fn find(columns: &'static [SourceColumn], name: &str) -> Option<&'static SourceColumn> {
    columns.iter().find(|column| column.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_identities_times_and_amounts_are_columns_of_their_source() {
        for kind in SourceKind::ALL {
            let named = [Some(kind.key()), kind.identity(), kind.time(), kind.amount()];
            for name in named.into_iter().flatten() {
                assert!(kind.column(name).is_some(), "{} has no {name}", kind.name());
            }
        }
    }
}
