//! The rows of the dumps, as they are drawn. Money is in pence or cents, days count from 1970-01-01, times are
//! microseconds since then.

/// Apart stand the ids of one customer's rows and the next one's.
pub(crate) const IDS_PER_CUSTOMER: i64 = 10_000_000;
/// How far the id of a row that lost its key is from that of the row it was copied from.
pub(crate) const KEYLESS_ID: i64 = 9_000_000;
/// The id of the first customer.
pub(crate) const FIRST_CUSTOMER: i64 = 100_001;
/// Microseconds of a day.
pub(crate) const DAY_US: i64 = 86_400_000_000;
/// Microseconds of a second.
pub(crate) const SECOND_US: i64 = 1_000_000;

/// The id of customer `number`.
pub(crate) fn customer_id(number: u64) -> i64 {
    FIRST_CUSTOMER + number.cast_signed()
}

/// A line of a sale's settlement: a lot that was won, or one that came back.
#[derive(Debug, Clone)]
pub(crate) struct SaleLine {
    pub(crate) line_id: i64,
    pub(crate) buyer_id: Option<i64>,
    /// Day of the sale; with the department it names the sale.
    pub(crate) sale_day: i32,
    /// Index in [`crate::world::DEPARTMENTS`].
    pub(crate) department: usize,
    pub(crate) lot_id: i64,
    /// When the hammer fell, or when the lot came back.
    pub(crate) time_us: i64,
    /// Index in [`crate::world::CURRENCIES`].
    pub(crate) currency: usize,
    pub(crate) hammer: i64,
    pub(crate) premium: i64,
    pub(crate) handling_cost: i64,
    /// The line that this one takes back.
    pub(crate) refund_of: Option<i64>,
    pub(crate) loaded_at_us: i64,
}

/// A lot of a sale.
#[derive(Debug, Clone)]
pub(crate) struct Lot {
    pub(crate) id: i64,
    pub(crate) sale_day: i32,
    pub(crate) department: usize,
    pub(crate) closes_at_us: i64,
    pub(crate) estimate: Option<(i64, i64)>,
    pub(crate) consignor_id: Option<i64>,
    pub(crate) hammer: Option<i64>,
    pub(crate) commission: Option<i64>,
    /// Not yet known of lots whose sale is still to come.
    pub(crate) outcome: Option<&'static str>,
    /// Day of the delivery: that of the sale, or the last one of the dumps.
    pub(crate) day: i32,
}

/// A bid on a lot.
#[derive(Debug, Clone)]
pub(crate) struct Bid {
    pub(crate) id: i64,
    pub(crate) bidder_id: Option<i64>,
    pub(crate) lot_id: i64,
    pub(crate) time_us: i64,
    pub(crate) amount: i64,
}

/// A contact with a customer.
#[derive(Debug, Clone)]
pub(crate) struct Contact {
    pub(crate) id: i64,
    pub(crate) customer_id: Option<i64>,
    pub(crate) time_us: i64,
    pub(crate) kind: &'static str,
    pub(crate) responded: Option<bool>,
    pub(crate) score: Option<i32>,
}

/// What a buyer was asked to pay for a lot, as it stands on the last day.
#[derive(Debug, Clone)]
pub(crate) struct Invoice {
    pub(crate) line_id: i64,
    pub(crate) customer_id: i64,
    pub(crate) lot_id: i64,
    pub(crate) issued: i32,
    pub(crate) due: i32,
    /// In pence.
    pub(crate) amount: i64,
    pub(crate) paid: Option<i32>,
    pub(crate) disputed: Option<i32>,
    pub(crate) cancelled: Option<i32>,
    pub(crate) written_off: Option<i32>,
    pub(crate) deposit: Option<i64>,
}

/// Who a customer is, as the house has it on file.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) customer_id: i64,
    pub(crate) registered: i32,
    pub(crate) industry: &'static str,
    pub(crate) employees: Option<i32>,
    pub(crate) region: Option<&'static str>,
    pub(crate) channel: &'static str,
    pub(crate) credit_limit: Option<i64>,
    pub(crate) marketing_consent: Option<bool>,
    pub(crate) manager_rating: Option<f64>,
    pub(crate) needs: Option<&'static str>,
    pub(crate) annual_art_spend: Option<i64>,
}

/// What is true of a customer, whatever the house knows. Prospects neither buy nor drop out.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    pub(crate) customer_id: i64,
    pub(crate) industry: &'static str,
    pub(crate) company_size: &'static str,
    pub(crate) default_probability: f64,
    pub(crate) buyer: Option<BuyerTruth>,
}

/// What is true of a customer who buys.
#[derive(Debug, Clone)]
pub(crate) struct BuyerTruth {
    /// Occasions a week.
    pub(crate) rate: f64,
    pub(crate) dropout_probability: f64,
    pub(crate) first_purchase: i32,
    /// Distinct days on which the customer bought.
    pub(crate) purchase_days: i32,
    pub(crate) dropout: Option<i32>,
    /// Pounds an occasion.
    pub(crate) mean_spend: f64,
    /// Pounds in the 365 days after the last one.
    pub(crate) expected_value: f64,
}

/// Rows of all sources.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) sales: Vec<SaleLine>,
    pub(crate) customers: Vec<Person>,
    pub(crate) interactions: Vec<Contact>,
    pub(crate) lots: Vec<Lot>,
    pub(crate) bids: Vec<Bid>,
    pub(crate) invoices: Vec<Invoice>,
    pub(crate) truth: Vec<Truth>,
}

impl Rows {
    /// Puts the rows of `other` behind these.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.sales.append(&mut other.sales);
        self.customers.append(&mut other.customers);
        self.interactions.append(&mut other.interactions);
        self.lots.append(&mut other.lots);
        self.bids.append(&mut other.bids);
        self.invoices.append(&mut other.invoices);
        self.truth.append(&mut other.truth);
    }
}
