//! The rows of every source, plain.
//!
//! Days are local dates, counted from 1970-01-01; instants are microseconds since then. The zone is UTC: an instant's
//! local date is its day. Amounts are minor units. Every id is a number; where keys are text, it is written as one.

use std::collections::BTreeMap;
use std::fmt::Debug;

use appraise_schema::SourceKind;

/// Microseconds of a day.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// The local date of `instant`.
#[must_use]
pub fn day_of(instant: i64) -> i32 {
    i32::try_from(instant.div_euclid(DAY_MICROS)).unwrap_or(i32::MAX)
}

/// The key of `customer` as text; that of every other id, too.
#[must_use]
pub fn text_key(customer: i64) -> String {
    format!("c{customer}")
}

/// How a row came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivery {
    /// When it was delivered, an instant.
    pub loaded_at: Option<i64>,
    /// Whether the source's filter is not true for it.
    pub withdrawn: bool,
}

/// One transaction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transaction {
    /// Customer.
    pub customer: i64,
    /// Local date.
    pub day: i32,
    /// Signed amount.
    pub amount: i64,
    /// Its own id.
    pub transaction_id: Option<i64>,
    /// Order id.
    pub order_id: Option<i64>,
    /// The lot that was won.
    pub lot_id: Option<i64>,
    /// Marked as a refund.
    pub refund: Option<bool>,
    /// What a refund reverses.
    pub refund_of: Option<i64>,
    /// Margin.
    pub margin: Option<i64>,
    /// Cost to serve.
    pub cost: Option<i64>,
    /// What was bought.
    pub category: Option<String>,
    /// How many.
    pub quantity: Option<f64>,
    /// How it came.
    pub delivery: Delivery,
}

/// One row on a customer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Customer {
    /// Customer.
    pub customer: i64,
    /// Since when known, a local date.
    pub registered_at: Option<i32>,
    /// How much may be owed.
    pub credit_limit: Option<i64>,
    /// Whether no marketing is wanted.
    pub opted_out: Option<bool>,
    /// The manager's rating.
    pub manager_rating: Option<f64>,
    /// Needs in words.
    pub stated_needs: Option<String>,
    /// Yearly spend anywhere.
    pub market_total: Option<i64>,
    /// Since when the row holds, a local date.
    pub valid_from: Option<i32>,
    /// Attributes by name.
    pub attributes: BTreeMap<String, String>,
    /// How it came.
    pub delivery: Delivery,
}

/// One contact.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Interaction {
    /// Customer.
    pub customer: i64,
    /// Local date.
    pub day: i32,
    /// What sort of contact.
    pub kind: String,
    /// Its own id.
    pub interaction_id: Option<i64>,
    /// Whether the customer responded.
    pub responded: Option<bool>,
    /// How content the customer was.
    pub feedback_score: Option<f64>,
    /// How it came.
    pub delivery: Delivery,
}

/// One lot.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lot {
    /// Its id.
    pub lot_id: i64,
    /// The customer who gave it.
    pub consignor_id: Option<i64>,
    /// Its auction.
    pub sale_id: Option<i64>,
    /// When bidding ended, an instant.
    pub closes_at: Option<i64>,
    /// Lower estimate.
    pub estimate_low: Option<i64>,
    /// Upper estimate.
    pub estimate_high: Option<i64>,
    /// Winning bid.
    pub hammer: Option<i64>,
    /// What the house earned of the consignor.
    pub commission: Option<i64>,
    /// `sold` when sold.
    pub outcome: Option<String>,
    /// How it came.
    pub delivery: Delivery,
}

/// One bid.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bid {
    /// Customer.
    pub customer: i64,
    /// On what.
    pub lot_id: i64,
    /// When, an instant.
    pub time: i64,
    /// How much.
    pub amount: i64,
    /// Its own id.
    pub bid_id: Option<i64>,
    /// How it came.
    pub delivery: Delivery,
}

/// One invoice; all times are local dates.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Invoice {
    /// Customer.
    pub customer: i64,
    /// Its own id.
    pub invoice_id: i64,
    /// When it was issued.
    pub day: i32,
    /// When it is to be paid.
    pub due_at: i32,
    /// How much.
    pub amount: i64,
    /// The lot that it is for.
    pub lot_id: Option<i64>,
    /// When it was paid.
    pub paid_at: Option<i32>,
    /// When it was disputed.
    pub disputed_at: Option<i32>,
    /// When it was cancelled.
    pub cancelled_at: Option<i32>,
    /// When it was written off.
    pub written_off_at: Option<i32>,
    /// Paid in advance.
    pub deposit: Option<i64>,
    /// How it came.
    pub delivery: Delivery,
}

/// All rows of all sources.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct World {
    /// Sales.
    pub transactions: Vec<Transaction>,
    /// Who the customers are.
    pub customers: Vec<Customer>,
    /// Contacts.
    pub interactions: Vec<Interaction>,
    /// What is or was for sale.
    pub lots: Vec<Lot>,
    /// Bids on lots.
    pub bids: Vec<Bid>,
    /// What customers were asked to pay.
    pub invoices: Vec<Invoice>,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A local date.
    Day(i32),
    /// An instant.
    Instant(i64),
    /// Minor units.
    Money(i64),
    /// A number.
    Number(f64),
    /// An id.
    Id(i64),
    /// A text.
    Text(String),
    /// Yes or no.
    Flag(bool),
}

impl Value {
    /// The local date of a time.
    #[must_use]
    pub fn day(&self) -> Option<i32> {
        match self {
            Self::Day(day) => Some(*day),
            Self::Instant(instant) => Some(day_of(*instant)),
            _ => None,
        }
    }
}

/// `Some` value in the wanted shape, or NULL.
fn of<T: Clone>(value: Option<&T>, shape: fn(T) -> Value) -> Value {
    value.cloned().map_or(Value::Null, shape)
}

/// A row of any source.
pub trait SourceRow: Clone + Debug {
    /// Its source.
    const SOURCE: SourceKind;

    /// The customer; of a lot, the consignor.
    fn customer(&self) -> Option<i64>;

    /// How it came.
    fn delivery(&self) -> Delivery;

    /// How it came, to be changed.
    fn delivery_mut(&mut self) -> &mut Delivery;

    /// The value of a canonical column, or of an attribute; NULL of one that there is not.
    fn value(&self, column: &str) -> Value;

    /// Makes an optional column NULL.
    fn clear(&mut self, column: &str);

    /// What names the row for good: its customer, but for lots, and its id. Of a row on a customer, since when it holds.
    fn identity(&self) -> Option<(Option<i64>, Option<i64>)> {
        match Self::SOURCE.identity().map(|column| self.value(column)) {
            Some(Value::Id(id)) if Self::SOURCE == SourceKind::Lots => Some((None, Some(id))),
            Some(Value::Id(id)) => Some((self.customer(), Some(id))),
            Some(_) => None,
            None => Some((self.customer(), self.value("valid_from").day().map(i64::from))),
        }
    }

    /// The amount that the books keep; 0 of a source without.
    fn booked_amount(&self) -> i64 {
        match Self::SOURCE.amount().map(|column| self.value(column)) {
            Some(Value::Money(minor)) => minor,
            _ => 0,
        }
    }
}

/// The methods of [`SourceRow`] that all rows answer alike.
macro_rules! delivered {
    ($source:ident) => {
        const SOURCE: SourceKind = SourceKind::$source;

        fn delivery(&self) -> Delivery {
            self.delivery
        }

        fn delivery_mut(&mut self) -> &mut Delivery {
            &mut self.delivery
        }
    };
}

impl SourceRow for Transaction {
    delivered!(Transactions);

    fn customer(&self) -> Option<i64> {
        Some(self.customer)
    }

    fn value(&self, column: &str) -> Value {
        match column {
            "time" => Value::Day(self.day),
            "amount" => Value::Money(self.amount),
            "transaction_id" => of(self.transaction_id.as_ref(), Value::Id),
            "order_id" => of(self.order_id.as_ref(), Value::Id),
            "lot_id" => of(self.lot_id.as_ref(), Value::Id),
            "refund" => of(self.refund.as_ref(), Value::Flag),
            "refund_of" => of(self.refund_of.as_ref(), Value::Id),
            "margin" => of(self.margin.as_ref(), Value::Money),
            "cost" => of(self.cost.as_ref(), Value::Money),
            "category" => of(self.category.as_ref(), Value::Text),
            "quantity" => of(self.quantity.as_ref(), Value::Number),
            "loaded_at" => of(self.delivery.loaded_at.as_ref(), Value::Instant),
            _ => Value::Null,
        }
    }

    fn clear(&mut self, column: &str) {
        match column {
            "transaction_id" => self.transaction_id = None,
            "order_id" => self.order_id = None,
            "lot_id" => self.lot_id = None,
            "refund" => self.refund = None,
            "refund_of" => self.refund_of = None,
            "margin" => self.margin = None,
            "cost" => self.cost = None,
            "category" => self.category = None,
            "quantity" => self.quantity = None,
            "loaded_at" => self.delivery.loaded_at = None,
            _ => {}
        }
    }
}

impl SourceRow for Customer {
    delivered!(Customers);

    fn customer(&self) -> Option<i64> {
        Some(self.customer)
    }

    fn value(&self, column: &str) -> Value {
        match column {
            "registered_at" => of(self.registered_at.as_ref(), Value::Day),
            "credit_limit" => of(self.credit_limit.as_ref(), Value::Money),
            "opted_out" => of(self.opted_out.as_ref(), Value::Flag),
            "manager_rating" => of(self.manager_rating.as_ref(), Value::Number),
            "stated_needs" => of(self.stated_needs.as_ref(), Value::Text),
            "market_total" => of(self.market_total.as_ref(), Value::Money),
            "valid_from" => of(self.valid_from.as_ref(), Value::Day),
            "loaded_at" => of(self.delivery.loaded_at.as_ref(), Value::Instant),
            attribute => of(self.attributes.get(attribute), Value::Text),
        }
    }

    fn clear(&mut self, column: &str) {
        match column {
            "registered_at" => self.registered_at = None,
            "credit_limit" => self.credit_limit = None,
            "opted_out" => self.opted_out = None,
            "manager_rating" => self.manager_rating = None,
            "stated_needs" => self.stated_needs = None,
            "market_total" => self.market_total = None,
            "valid_from" => self.valid_from = None,
            "loaded_at" => self.delivery.loaded_at = None,
            _ => {}
        }
    }
}

impl SourceRow for Interaction {
    delivered!(Interactions);

    fn customer(&self) -> Option<i64> {
        Some(self.customer)
    }

    fn value(&self, column: &str) -> Value {
        match column {
            "time" => Value::Day(self.day),
            "kind" => Value::Text(self.kind.clone()),
            "interaction_id" => of(self.interaction_id.as_ref(), Value::Id),
            "responded" => of(self.responded.as_ref(), Value::Flag),
            "feedback_score" => of(self.feedback_score.as_ref(), Value::Number),
            "loaded_at" => of(self.delivery.loaded_at.as_ref(), Value::Instant),
            _ => Value::Null,
        }
    }

    fn clear(&mut self, column: &str) {
        match column {
            "interaction_id" => self.interaction_id = None,
            "responded" => self.responded = None,
            "feedback_score" => self.feedback_score = None,
            "loaded_at" => self.delivery.loaded_at = None,
            _ => {}
        }
    }
}

impl SourceRow for Lot {
    delivered!(Lots);

    fn customer(&self) -> Option<i64> {
        self.consignor_id
    }

    fn value(&self, column: &str) -> Value {
        match column {
            "lot_id" => Value::Id(self.lot_id),
            "consignor_id" => of(self.consignor_id.as_ref(), Value::Id),
            "sale_id" => of(self.sale_id.as_ref(), Value::Id),
            "closes_at" => of(self.closes_at.as_ref(), Value::Instant),
            "estimate_low" => of(self.estimate_low.as_ref(), Value::Money),
            "estimate_high" => of(self.estimate_high.as_ref(), Value::Money),
            "hammer" => of(self.hammer.as_ref(), Value::Money),
            "commission" => of(self.commission.as_ref(), Value::Money),
            "outcome" => of(self.outcome.as_ref(), Value::Text),
            "loaded_at" => of(self.delivery.loaded_at.as_ref(), Value::Instant),
            _ => Value::Null,
        }
    }

    fn clear(&mut self, column: &str) {
        match column {
            "consignor_id" => self.consignor_id = None,
            "sale_id" => self.sale_id = None,
            "closes_at" => self.closes_at = None,
            "estimate_low" => self.estimate_low = None,
            "estimate_high" => self.estimate_high = None,
            "hammer" => self.hammer = None,
            "commission" => self.commission = None,
            "outcome" => self.outcome = None,
            "loaded_at" => self.delivery.loaded_at = None,
            _ => {}
        }
    }
}

impl SourceRow for Bid {
    delivered!(Bids);

    fn customer(&self) -> Option<i64> {
        Some(self.customer)
    }

    fn value(&self, column: &str) -> Value {
        match column {
            "lot_id" => Value::Id(self.lot_id),
            "time" => Value::Instant(self.time),
            "amount" => Value::Money(self.amount),
            "bid_id" => of(self.bid_id.as_ref(), Value::Id),
            "loaded_at" => of(self.delivery.loaded_at.as_ref(), Value::Instant),
            _ => Value::Null,
        }
    }

    fn clear(&mut self, column: &str) {
        match column {
            "bid_id" => self.bid_id = None,
            "loaded_at" => self.delivery.loaded_at = None,
            _ => {}
        }
    }
}

impl SourceRow for Invoice {
    delivered!(Invoices);

    fn customer(&self) -> Option<i64> {
        Some(self.customer)
    }

    fn value(&self, column: &str) -> Value {
        match column {
            "invoice_id" => Value::Id(self.invoice_id),
            "time" => Value::Day(self.day),
            "due_at" => Value::Day(self.due_at),
            "amount" => Value::Money(self.amount),
            "lot_id" => of(self.lot_id.as_ref(), Value::Id),
            "paid_at" => of(self.paid_at.as_ref(), Value::Day),
            "disputed_at" => of(self.disputed_at.as_ref(), Value::Day),
            "cancelled_at" => of(self.cancelled_at.as_ref(), Value::Day),
            "written_off_at" => of(self.written_off_at.as_ref(), Value::Day),
            "deposit" => of(self.deposit.as_ref(), Value::Money),
            "loaded_at" => of(self.delivery.loaded_at.as_ref(), Value::Instant),
            _ => Value::Null,
        }
    }

    fn clear(&mut self, column: &str) {
        match column {
            "lot_id" => self.lot_id = None,
            "paid_at" => self.paid_at = None,
            "disputed_at" => self.disputed_at = None,
            "cancelled_at" => self.cancelled_at = None,
            "written_off_at" => self.written_off_at = None,
            "deposit" => self.deposit = None,
            "loaded_at" => self.delivery.loaded_at = None,
            _ => {}
        }
    }
}
