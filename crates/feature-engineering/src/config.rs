//! What a run asks of the fold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use appraise_schema::event::{Form, KeyType};
use appraise_schema::{AsOf, Layout, Money, PurchasePeriod, Reference, SourceKind, SpendPeriod, TimeUnit, WindowDays};

use crate::family::FamilyKind;

/// What the interaction family is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct InteractionConfig {
    /// Days after which a contact counts half in `engagement`; positive.
    pub half_life_days: f64,
    /// Weight of each kind in `engagement`; each kind gets a column. Names are those of columns.
    pub kind_weights: BTreeMap<String, f64>,
}

impl Default for InteractionConfig {
    fn default() -> Self {
        let weights =
            [("registration", 1.0), ("email", 1.0), ("feedback", 2.0), ("call", 3.0), ("event", 4.0), ("visit", 5.0)];
        let kind_weights = weights.into_iter().map(|(kind, weight)| (kind.to_owned(), weight)).collect();
        Self { half_life_days: 90.0, kind_weights }
    }
}

/// A reference table whose numbers become features of the customers with an attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceConfig {
    /// The attribute whose value finds the row.
    pub attribute: String,
    /// Names of the columns, those of the table.
    pub columns: Vec<String>,
    /// The table; empty while only the contract is wanted.
    pub table: Arc<Reference>,
}

/// What happens when an identity comes again with other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// The run fails.
    #[default]
    Fail,
    /// The row with the greatest `loaded_at` counts.
    Latest,
}

/// Everything that decides the columns and values of `customer_features`.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureConfig {
    /// Date of the run.
    pub as_of: AsOf,
    /// Unit of all money columns.
    pub money: Money,
    /// Stretch of time in which purchases count as one.
    pub purchase_period: PurchasePeriod,
    /// Unit of `recency` and `customer_age`.
    pub time_unit: TimeUnit,
    /// Stretch of time whose spend `spend_cv` compares.
    pub spend_period: SpendPeriod,
    /// Trailing windows, ascending and distinct.
    pub windows: Vec<WindowDays>,
    /// Type of the customer key.
    pub key_type: KeyType,
    /// The canonical columns that each source maps. A source that is not there is not read.
    pub mapped: BTreeMap<SourceKind, BTreeSet<String>>,
    /// What happens to rows that share an identity, where it is not [`Duplicates::Fail`].
    pub duplicates: BTreeMap<SourceKind, Duplicates>,
    /// Names of the customers' attributes, in the order of the pipeline.
    pub attributes: Vec<String>,
    /// Reference tables.
    pub references: Vec<ReferenceConfig>,
    /// The interaction family's parameters.
    pub interaction: InteractionConfig,
    /// Days after which an unpaid invoice is in default.
    pub default_days: u32,
    /// A bid is late when at most so many seconds are left.
    pub late_bid_seconds: u32,
    /// A registration without a bid within so many days is a no-show.
    pub no_show_days: u32,
    /// Names of families that are left out.
    pub leave_out: BTreeSet<String>,
    /// The only feature columns to keep, where not all are wanted; `as_of` and `customer_id` are always there.
    pub only: Option<BTreeSet<String>>,
}

impl FeatureConfig {
    /// Whether the feature `column` is wanted.
    pub(crate) fn keeps(&self, column: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(column))
    }

    /// Whether `source` is read.
    pub(crate) fn has(&self, source: SourceKind) -> bool {
        self.mapped.contains_key(&source)
    }

    /// Whether `source` maps the canonical `column`.
    pub(crate) fn maps(&self, source: SourceKind, column: &str) -> bool {
        self.mapped.get(&source).is_some_and(|columns| columns.contains(column))
    }

    /// Whether purchases can be reversed otherwise than by a refund that names them: see `docs/features.md`.
    pub(crate) fn mirrors(&self) -> bool {
        let maps = |column| self.maps(SourceKind::Transactions, column);
        maps("category") && maps("quantity")
    }

    /// Whether purchases of lots can be rescinded.
    pub(crate) fn rescinds(&self) -> bool {
        let invoices = |column| self.maps(SourceKind::Invoices, column);
        self.maps(SourceKind::Transactions, "lot_id") && invoices("lot_id") && invoices("cancelled_at")
    }

    /// Whether `source` lets the newest of the rows that share an identity win.
    #[must_use]
    pub fn takes_latest(&self, source: SourceKind) -> bool {
        self.duplicates.get(&source) == Some(&Duplicates::Latest)
    }

    /// The columns that the fold wants of `source`: what the wanted families use, and what tells duplicates and reversed
    /// purchases apart. Columns that are not mapped are not among them.
    #[must_use]
    pub fn layout(&self, source: SourceKind) -> Layout {
        let mut layout = Layout::default();
        let families = FamilyKind::ALL.into_iter().filter(|family| family.is_wanted(self));
        let of_families = families.flat_map(|family| family.needs(self));
        let needs = self.own_needs().into_iter().chain(of_families);
        for (_, column, form) in needs.filter(|(of, _, _)| *of == source) {
            let attribute = source == SourceKind::Customers && self.attributes.contains(&column);
            if self.maps(source, &column) || attribute {
                layout.add(&column, form);
            }
        }
        let identity = source.identity().filter(|identity| self.maps(source, identity));
        if let Some(identity) = identity {
            layout.add(identity, Form::Id);
        }
        if identity.is_some() || source == SourceKind::Customers {
            layout.add("", Form::Content);
            if self.takes_latest(source) {
                layout.add("loaded_at", Form::Instant);
                layout.add("", Form::Withdrawn);
            }
        }
        layout
    }

    /// What the fold itself uses, whatever the families.
    fn own_needs(&self) -> Vec<(SourceKind, String, Form)> {
        use SourceKind::{Bids, Customers, Interactions, Invoices, Lots, Transactions};
        let mut needs = vec![
            (Transactions, "time", Form::Day),
            (Transactions, "amount", Form::Money),
            (Transactions, "refund", Form::Flag),
            (Transactions, "refund_of", Form::Id),
            (Interactions, "time", Form::Day),
            (Bids, "time", Form::Day),
            (Bids, "amount", Form::Money),
            (Invoices, "time", Form::Day),
            (Invoices, "amount", Form::Money),
            (Customers, "valid_from", Form::Day),
            (Lots, "lot_id", Form::Id),
        ];
        if self.maps(Transactions, "refund_of") {
            needs.extend(["transaction_id", "order_id", "lot_id"].map(|column| (Transactions, column, Form::Id)));
        }
        if self.mirrors() {
            needs.push((Transactions, "category", Form::Symbol));
            needs.push((Transactions, "quantity", Form::Number));
            needs.extend(["transaction_id", "order_id", "lot_id"].map(|column| (Transactions, column, Form::Id)));
            needs.extend(["margin", "cost"].map(|column| (Transactions, column, Form::Money)));
        }
        if self.rescinds() {
            needs.push((Transactions, "lot_id", Form::Id));
            needs.push((Invoices, "lot_id", Form::Id));
            needs.extend(["cancelled_at", "paid_at"].map(|column| (Invoices, column, Form::Day)));
        }
        needs.into_iter().map(|(source, column, form)| (source, column.to_owned(), form)).collect()
    }
}
