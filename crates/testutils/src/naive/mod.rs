//! The customer fold as one would write it on a first day: maps, filters, sums, no thought of speed. `docs/features.md` in
//! code: one file per family.

mod bidding;
mod cell;
mod credit;
mod distinct;
mod interaction;
mod loyalty;
mod potential;
mod preference;
mod profit;
mod purchase;
mod reversal;
mod subject;
mod timing;

use std::collections::{BTreeMap, BTreeSet};

use appraise_schema::event::KeyType;
use appraise_schema::{PurchasePeriod, Reference, SourceKind, SpendPeriod, TimeUnit, hash};

pub use cell::{Cell, Row, agree};
pub use distinct::{Dropped, distinct, dropped};

use crate::delivery::delivered;
use crate::world::{World, text_key};
use cell::Columns;
use subject::Subject;

/// A reference table whose numbers become columns.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceQuestion {
    /// The attribute whose value finds the row.
    pub attribute: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The table.
    pub table: Reference,
}

/// What the naive fold is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Date of the run, days since 1970-01-01.
    pub as_of: i32,
    /// Stretch of time in which purchases count as one.
    pub period: PurchasePeriod,
    /// Decimal places of amounts.
    pub money_scale: u8,
    /// Unit of recency and customer age.
    pub time_unit: TimeUnit,
    /// Stretch of time whose spend `spend_cv` compares.
    pub spend_period: SpendPeriod,
    /// Windows in days.
    pub windows: Vec<i32>,
    /// Type of customer keys, and of all other ids.
    pub key_type: KeyType,
    /// The columns that each source maps. A source that is not there is not read.
    pub mapped: BTreeMap<SourceKind, BTreeSet<String>>,
    /// Sources of which the newest of the rows that share an identity counts.
    pub latest: BTreeSet<SourceKind>,
    /// Names of the customers' attributes.
    pub attributes: Vec<String>,
    /// Reference tables.
    pub references: Vec<ReferenceQuestion>,
    /// Days after which a contact counts half.
    pub half_life_days: f64,
    /// Weight of each kind of contact.
    pub kind_weights: BTreeMap<String, f64>,
    /// Days after which an unpaid invoice is in default.
    pub default_days: i32,
    /// A bid is late when at most so many seconds are left.
    pub late_bid_seconds: i64,
    /// A registration without a bid within so many days is a no-show.
    pub no_show_days: i32,
}

impl Question {
    /// Whether `source` is read.
    #[must_use]
    pub fn has(&self, source: SourceKind) -> bool {
        self.mapped.contains_key(&source)
    }

    /// Whether `source` maps `column`.
    #[must_use]
    pub fn maps(&self, source: SourceKind, column: &str) -> bool {
        self.mapped.get(&source).is_some_and(|columns| columns.contains(column))
    }

    /// Whether the newest of the rows of `source` that share an identity counts.
    #[must_use]
    pub fn takes_latest(&self, source: SourceKind) -> bool {
        let has_identity = source.identity().is_none_or(|column| self.maps(source, column));
        has_identity && self.latest.contains(&source)
    }

    /// Where `customer` stands in the order of the table.
    #[must_use]
    pub fn rank(&self, customer: i64) -> (u64, i64, String) {
        match self.key_type {
            KeyType::Integer => (hash::of_integer(customer), customer, String::new()),
            KeyType::Text => (hash::of_text(text_key(customer).as_bytes()), 0, text_key(customer)),
        }
    }
}

/// The feature row of every customer, by customer.
#[must_use]
pub fn fold(world: &World, question: &Question) -> BTreeMap<i64, Row> {
    let world = distinct(&delivered(world, question), question);
    let row = |customer| {
        let subject = Subject::new(&world, question, customer);
        let mut columns = Columns::default();
        purchase::fold(&subject, &mut columns);
        timing::fold(&subject, &mut columns);
        preference::fold(&subject, &mut columns);
        loyalty::fold(&subject, &mut columns);
        interaction::fold(&subject, &mut columns);
        bidding::fold(&subject, &mut columns);
        credit::fold(&subject, &mut columns);
        potential::fold(&subject, &mut columns);
        profit::fold(&subject, &mut columns);
        (customer, columns.into_row())
    };
    customers(&world).into_iter().map(row).collect()
}

/// Every key in the rows of any source.
fn customers(world: &World) -> BTreeSet<i64> {
    let mut customers = BTreeSet::new();
    customers.extend(world.transactions.iter().map(|row| row.customer));
    customers.extend(world.customers.iter().map(|row| row.customer));
    customers.extend(world.interactions.iter().map(|row| row.customer));
    customers.extend(world.lots.iter().filter_map(|row| row.consignor_id));
    customers.extend(world.bids.iter().map(|row| row.customer));
    customers.extend(world.invoices.iter().map(|row| row.customer));
    customers
}
