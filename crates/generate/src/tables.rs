//! Rows as columns: names and types of the dumps.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};

use crate::options::iso;
use crate::rows::{Bid, Contact, DAY_US, Invoice, KEYLESS_ID, Lot, Person, SaleLine, Truth};
use crate::world::{CURRENCIES, DEPARTMENTS};

/// The columns of a table, by name.
pub(crate) type Columns = Vec<(&'static str, ArrayRef)>;

/// Rows of one source.
pub(crate) trait Row: Clone + Send + Sync {
    /// Its folder.
    const SOURCE: &'static str;

    /// Name and values of every column.
    fn columns(rows: &[Self]) -> Columns;
}

/// Rows that are delivered as they happen, by day.
pub(crate) trait Event: Row {
    /// The day on which the row belongs to the dump.
    fn day(&self) -> i32;

    /// What the rows of a file are ordered by; distinct.
    fn order(&self) -> (i64, i64);

    /// The row as it comes once more, a month later: only its time of loading may differ.
    fn reloaded(&self) -> Self {
        self.clone()
    }

    /// A copy under its own id that names no customer, where every row should name one.
    fn keyless(&self) -> Option<Self>;
}

/// Days since 1970-01-01 of a time.
pub(crate) fn day_of(time_us: i64) -> i32 {
    i32::try_from(time_us.div_euclid(DAY_US)).unwrap_or(i32::MAX)
}

/// A column of integers.
pub(crate) fn integers(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

/// A column of texts.
pub(crate) fn texts<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

/// A column of dates.
pub(crate) fn dates(values: impl Iterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(values.collect::<Date32Array>())
}

/// A column of doubles.
pub(crate) fn doubles(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

/// A column of flags.
pub(crate) fn flags(values: impl Iterator<Item = Option<bool>>) -> ArrayRef {
    Arc::new(values.collect::<BooleanArray>())
}

/// A column of small integers.
fn small_integers(values: impl Iterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(values.collect::<Int32Array>())
}

/// A column of UTC timestamps.
fn timestamps(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
}

/// A column of `DECIMAL(18, scale)`, of units of its last place.
pub(crate) fn decimals(values: impl Iterator<Item = Option<i64>>, scale: i8) -> ArrayRef {
    let values: Decimal128Array = values.map(|value| value.map(i128::from)).collect();
    let data_type = arrow::datatypes::DataType::Decimal128(18, scale);
    Arc::new(values.with_data_type(data_type))
}

/// A column of money.
fn money(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    decimals(values, 2)
}

/// The id of the sale of a department on a day, such as `PNT-2024-01-15`.
fn sale_id(department: usize, day: i32) -> String {
    format!("{}-{}", DEPARTMENTS[department].code, iso(day))
}

impl Row for SaleLine {
    const SOURCE: &'static str = "sales";

    fn columns(rows: &[Self]) -> Columns {
        vec![
            ("sale_line_id", integers(rows.iter().map(|row| Some(row.line_id)))),
            ("sale_id", texts(rows.iter().map(|row| Some(sale_id(row.department, row.sale_day))))),
            ("lot_id", integers(rows.iter().map(|row| Some(row.lot_id)))),
            ("buyer_id", integers(rows.iter().map(|row| row.buyer_id))),
            ("hammer_at", timestamps(rows.iter().map(|row| row.time_us))),
            ("department", texts(rows.iter().map(|row| Some(DEPARTMENTS[row.department].name)))),
            ("currency", texts(rows.iter().map(|row| Some(CURRENCIES[row.currency].name)))),
            ("hammer_price", money(rows.iter().map(|row| Some(row.hammer)))),
            ("buyers_premium", money(rows.iter().map(|row| Some(row.premium)))),
            ("handling_cost", money(rows.iter().map(|row| Some(row.handling_cost)))),
            ("is_return", flags(rows.iter().map(|row| Some(row.refund_of.is_some())))),
            ("return_of", integers(rows.iter().map(|row| row.refund_of))),
            ("_loaded_at", timestamps(rows.iter().map(|row| row.loaded_at_us))),
        ]
    }
}

impl Event for SaleLine {
    fn day(&self) -> i32 {
        day_of(self.time_us)
    }

    fn order(&self) -> (i64, i64) {
        (self.time_us, self.line_id)
    }

    fn reloaded(&self) -> Self {
        Self { loaded_at_us: self.loaded_at_us + 30 * DAY_US, ..self.clone() }
    }

    fn keyless(&self) -> Option<Self> {
        Some(Self { line_id: self.line_id + KEYLESS_ID, buyer_id: None, ..self.clone() })
    }
}

impl Row for Lot {
    const SOURCE: &'static str = "lots";

    fn columns(rows: &[Self]) -> Columns {
        vec![
            ("lot_id", integers(rows.iter().map(|row| Some(row.id)))),
            ("sale_id", texts(rows.iter().map(|row| Some(sale_id(row.department, row.sale_day))))),
            ("department", texts(rows.iter().map(|row| Some(DEPARTMENTS[row.department].name)))),
            ("closes_at", timestamps(rows.iter().map(|row| row.closes_at_us))),
            ("estimate_low", money(rows.iter().map(|row| row.estimate.map(|(low, _)| low)))),
            ("estimate_high", money(rows.iter().map(|row| row.estimate.map(|(_, high)| high)))),
            ("consignor_id", integers(rows.iter().map(|row| row.consignor_id))),
            ("hammer_price", money(rows.iter().map(|row| row.hammer))),
            ("sellers_commission", money(rows.iter().map(|row| row.commission))),
            ("outcome", texts(rows.iter().map(|row| row.outcome))),
        ]
    }
}

impl Event for Lot {
    fn day(&self) -> i32 {
        self.day
    }

    fn order(&self) -> (i64, i64) {
        (self.closes_at_us, self.id)
    }

    fn keyless(&self) -> Option<Self> {
        None
    }
}

impl Row for Bid {
    const SOURCE: &'static str = "bids";

    fn columns(rows: &[Self]) -> Columns {
        vec![
            ("bid_id", integers(rows.iter().map(|row| Some(row.id)))),
            ("lot_id", integers(rows.iter().map(|row| Some(row.lot_id)))),
            ("bidder_id", integers(rows.iter().map(|row| row.bidder_id))),
            ("bid_at", timestamps(rows.iter().map(|row| row.time_us))),
            ("bid_amount", money(rows.iter().map(|row| Some(row.amount)))),
        ]
    }
}

impl Event for Bid {
    fn day(&self) -> i32 {
        day_of(self.time_us)
    }

    fn order(&self) -> (i64, i64) {
        (self.time_us, self.id)
    }

    fn keyless(&self) -> Option<Self> {
        Some(Self { id: self.id + KEYLESS_ID, bidder_id: None, ..self.clone() })
    }
}

impl Row for Contact {
    const SOURCE: &'static str = "interactions";

    fn columns(rows: &[Self]) -> Columns {
        vec![
            ("interaction_id", integers(rows.iter().map(|row| Some(row.id)))),
            ("client_id", integers(rows.iter().map(|row| row.customer_id))),
            ("happened_at", timestamps(rows.iter().map(|row| row.time_us))),
            ("kind", texts(rows.iter().map(|row| Some(row.kind)))),
            ("responded", flags(rows.iter().map(|row| row.responded))),
            ("score", small_integers(rows.iter().map(|row| row.score))),
        ]
    }
}

impl Event for Contact {
    fn day(&self) -> i32 {
        day_of(self.time_us)
    }

    fn order(&self) -> (i64, i64) {
        (self.time_us, self.id)
    }

    fn keyless(&self) -> Option<Self> {
        Some(Self { id: self.id + KEYLESS_ID, customer_id: None, ..self.clone() })
    }
}

impl Row for Invoice {
    const SOURCE: &'static str = "invoices";

    fn columns(rows: &[Self]) -> Columns {
        vec![
            ("invoice_no", texts(rows.iter().map(|row| Some(format!("INV-{:010}", row.line_id))))),
            ("client_id", integers(rows.iter().map(|row| Some(row.customer_id)))),
            ("sale_line_id", integers(rows.iter().map(|row| Some(row.line_id)))),
            ("lot_id", integers(rows.iter().map(|row| Some(row.lot_id)))),
            ("issued_on", dates(rows.iter().map(|row| Some(row.issued)))),
            ("due_on", dates(rows.iter().map(|row| Some(row.due)))),
            ("gross_amount", money(rows.iter().map(|row| Some(row.amount)))),
            ("settled_on", dates(rows.iter().map(|row| row.paid))),
            ("disputed_on", dates(rows.iter().map(|row| row.disputed))),
            ("cancelled_on", dates(rows.iter().map(|row| row.cancelled))),
            ("written_off_on", dates(rows.iter().map(|row| row.written_off))),
            ("deposit", money(rows.iter().map(|row| row.deposit))),
        ]
    }
}

impl Row for Person {
    const SOURCE: &'static str = "customers";

    fn columns(rows: &[Self]) -> Columns {
        vec![
            ("client_id", integers(rows.iter().map(|row| Some(row.customer_id)))),
            ("created_at", dates(rows.iter().map(|row| Some(row.registered)))),
            ("industry", texts(rows.iter().map(|row| Some(row.industry)))),
            ("employees", small_integers(rows.iter().map(|row| row.employees))),
            ("region", texts(rows.iter().map(|row| row.region))),
            ("acquisition_channel", texts(rows.iter().map(|row| Some(row.channel)))),
            ("credit_limit", money(rows.iter().map(|row| row.credit_limit))),
            ("marketing_consent", flags(rows.iter().map(|row| row.marketing_consent))),
            ("manager_rating", doubles(rows.iter().map(|row| row.manager_rating))),
            ("needs", texts(rows.iter().map(|row| row.needs))),
            ("annual_art_spend", money(rows.iter().map(|row| row.annual_art_spend))),
        ]
    }
}

/// The columns of the truth about customers.
pub(crate) fn truth_columns(rows: &[Truth]) -> Columns {
    let buyers = || rows.iter().map(|row| row.buyer.as_ref());
    vec![
        ("customer_id", integers(rows.iter().map(|row| Some(row.customer_id)))),
        ("industry", texts(rows.iter().map(|row| Some(row.industry)))),
        ("company_size", texts(rows.iter().map(|row| Some(row.company_size)))),
        ("first_purchase", dates(buyers().map(|buyer| buyer.map(|b| b.first_purchase)))),
        ("purchase_days", small_integers(buyers().map(|buyer| Some(buyer.map_or(0, |b| b.purchase_days))))),
        ("rate_per_week", doubles(buyers().map(|buyer| buyer.map(|b| b.rate)))),
        ("dropout_probability", doubles(buyers().map(|buyer| buyer.map(|b| b.dropout_probability)))),
        ("alive", flags(buyers().map(|buyer| buyer.map(|b| b.dropout.is_none())))),
        ("dropout_on", dates(buyers().map(|buyer| buyer.and_then(|b| b.dropout)))),
        ("mean_spend", doubles(buyers().map(|buyer| buyer.map(|b| b.mean_spend)))),
        ("default_probability", doubles(rows.iter().map(|row| Some(row.default_probability)))),
        ("expected_value_next_year", doubles(buyers().map(|buyer| buyer.map(|b| b.expected_value)))),
    ]
}
