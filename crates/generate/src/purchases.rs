//! What one customer buys, and how the lots get to them: sales, lots, bids, invoices.

use crate::customer::{Buyer, Customer, draw_department, registered, round_pounds};
use crate::draw::{Draws, Purpose, nearest, nearest_i32};
use crate::options::Options;
use crate::reference::Rates;
use crate::rows::{Bid, BuyerTruth, DAY_US, IDS_PER_CUSTOMER, Invoice, Lot, Rows, SECOND_US, SaleLine, customer_id};
use crate::world::{POUND, SPEND};

/// Occasions of one customer at most: with six lots each, and as many beside them, ids stay within their range.
const MAX_OCCASIONS: usize = 20_000;
/// Lots of an occasion at most.
const MAX_LOTS: u32 = 6;
/// An occasion is split so that no lot is expected to be smaller; pence.
const SMALL_LOT: i64 = 5_000;
/// Days from the invoice to its due date.
pub(crate) const CREDIT_DAYS: i32 = 30;
/// Probability that the buyer walks away and the invoice is cancelled.
pub(crate) const WALK_AWAY: f64 = 0.012;
/// Probability that a paid invoice is paid late.
pub(crate) const LATE: f64 = 0.28;
/// A late payment comes before an open invoice counts as a default.
const MAX_DAYS_LATE: i32 = 88;
/// Probability that a lot paid for in pounds comes back.
pub(crate) const RETURNED: f64 = 0.025;

/// Draws what a customer buys, day by day.
pub(crate) struct Purchases<'a> {
    options: &'a Options,
    rates: &'a Rates,
    customer: &'a Customer,
    draws: Draws,
    rows: &'a mut Rows,
    /// Rows of each kind so far, of this customer.
    lots: i64,
    lines: i64,
    bids: i64,
}

impl<'a> Purchases<'a> {
    /// Nothing bought yet.
    pub(crate) fn new(options: &'a Options, rates: &'a Rates, customer: &'a Customer, rows: &'a mut Rows) -> Self {
        let draws = Draws::new(options.seed, Purpose::Purchases, customer.number);
        Self { options, rates, customer, draws, rows, lots: 0, lines: 0, bids: 0 }
    }

    /// Draws all purchases; gives their days, ascending and distinct, and the truth.
    pub(crate) fn draw(mut self, buyer: &Buyer) -> (Vec<i32>, BuyerTruth) {
        let (mut days, dropout) = self.occasions(buyer);
        for day in &days {
            self.occasion(buyer, *day);
        }
        days.dedup();
        let next_year = buyer.expected_occasions(365.0 / 7.0) * buyer.mean_spend();
        let truth = BuyerTruth {
            rate: buyer.rate,
            dropout_probability: buyer.dropout_probability,
            first_purchase: buyer.first_purchase,
            purchase_days: i32::try_from(days.len()).unwrap_or(i32::MAX),
            dropout,
            mean_spend: buyer.mean_spend(),
            expected_value: if dropout.is_some() { 0.0 } else { next_year },
        };
        (days, truth)
    }

    /// Days of all occasions, and the day on which the customer dropped out. Time runs from the middle of the first
    /// day, so that days round it.
    fn occasions(&mut self, buyer: &Buyer) -> (Vec<i32>, Option<i32>) {
        let mut days = vec![buyer.first_purchase];
        let horizon = (f64::from(self.options.to.day() - buyer.first_purchase) + 0.5) / 7.0;
        let mut weeks = 0.0;
        while days.len() < MAX_OCCASIONS {
            weeks += self.draws.exponential(1.0 / buyer.rate);
            if weeks >= horizon {
                break;
            }
            let day = (buyer.first_purchase + nearest_i32(weeks * 7.0)).min(self.options.to.day());
            days.push(day);
            if self.draws.chance(buyer.dropout_probability) {
                return (days, Some(day));
            }
        }
        (days, None)
    }

    /// One occasion: its spend, split over lots of one sale.
    fn occasion(&mut self, buyer: &Buyer, day: i32) {
        let spend = nearest(self.draws.gamma(SPEND.p, buyer.spend_rate) * 100.0).max(100);
        let taste = self.draws.chance(0.7);
        let department = if taste { self.customer.department } else { draw_department(&mut self.draws) };
        for price in self.split(spend) {
            self.win(day, department, price);
        }
    }

    /// Cuts the spend of an occasion into the prices of its lots.
    fn split(&mut self, spend: i64) -> Vec<i64> {
        let lots = i64::from((1 + self.draws.poisson(0.6)).min(MAX_LOTS)).min(spend / SMALL_LOT).max(1);
        let weights: Vec<f64> = (0..lots).map(|_| self.draws.exponential(1.0)).collect();
        let sum: f64 = weights.iter().sum();
        let least = (spend / lots).min(SMALL_LOT / 5);
        let rest = spend - least * lots;
        let mut prices: Vec<i64> = weights.iter().map(|w| least + nearest(w / sum * rest as f64)).collect();
        let rounded: i64 = prices.iter().sum();
        // What rounding left over goes to the dearest lot.
        if let Some(dearest) = prices.iter_mut().max() {
            *dearest += spend - rounded;
        }
        prices
    }

    /// A lot is won for `price` pence, the buyer's premium of a quarter of the hammer included.
    fn win(&mut self, day: i32, department: usize, price: i64) {
        let hammer = price * 4 / 5;
        let lot_id = self.lot(day, department, hammer, Some("sold"));
        let closes_at_us = self.rows.lots.last().map_or(0, |lot| lot.closes_at_us);
        self.bid_up(lot_id, closes_at_us, hammer);
        let line = self.line(day, department, lot_id, closes_at_us, [hammer, price - hammer]);
        self.invoice(&line, price);
        self.rows.sales.push(line);
        if self.draws.chance(0.15) {
            self.pass(day, department, hammer);
        }
        if self.draws.chance(0.02) {
            let later = self.options.to.day() + self.draws.whole(1, 30);
            self.lot(later, department, hammer, None);
        }
    }

    /// A lot that nobody bids enough for.
    fn pass(&mut self, day: i32, department: usize, value: i64) {
        let lot_id = self.lot(day, department, value, Some("passed"));
        let closes_at_us = self.rows.lots.last().map_or(0, |lot| lot.closes_at_us);
        let bidders = self.draws.poisson(0.5);
        let others = self.others(bidders, day);
        self.ladder(&others, lot_id, closes_at_us, value * 3 / 5);
    }

    /// Puts a lot of about `value` into the sale of a day and department.
    fn lot(&mut self, day: i32, department: usize, value: i64, outcome: Option<&'static str>) -> i64 {
        let lot_id = self.customer.number.cast_signed() * IDS_PER_CUSTOMER + self.lots;
        self.lots += 1;
        let middle = value as f64 / 100.0 * libm::exp(0.25 * self.draws.normal());
        let estimate = (round_pounds(0.8 * middle, 10), round_pounds(1.2 * middle, 10));
        let estimate = (!self.draws.chance(0.03)).then_some(estimate);
        let seconds = i64::from(self.draws.whole(10 * 3600, 20 * 3600));
        let consigned = if self.draws.chance(0.6) { self.consignor(day) } else { None };
        let hammer = (outcome == Some("sold")).then_some(value);
        self.rows.lots.push(Lot {
            id: lot_id,
            sale_day: day,
            department,
            closes_at_us: i64::from(day) * DAY_US + seconds * SECOND_US,
            estimate,
            consignor_id: consigned,
            hammer,
            commission: consigned.and(hammer).map(|hammer| hammer / 10),
            outcome,
            day: day.min(self.options.to.day()),
        });
        lot_id
    }

    /// A customer who gives a lot to sell: some do so often. Of the rest the house keeps no number.
    fn consignor(&mut self, day: i32) -> Option<i64> {
        let u = self.draws.uniform();
        let number = nearest(u * u * u * (self.options.customers - 1) as f64).cast_unsigned();
        (number != self.customer.number && registered(self.options, number) <= day).then(|| customer_id(number))
    }

    /// Up to `count` other customers who are known by `day`.
    fn others(&mut self, count: u32, day: i32) -> Vec<i64> {
        let mut others = Vec::new();
        for _ in 0..count {
            for _ in 0..4 {
                let number = self.draws.below(self.options.customers);
                let id = customer_id(number);
                let taken = number == self.customer.number || others.contains(&id);
                if !taken && registered(self.options, number) <= day {
                    others.push(id);
                    break;
                }
            }
        }
        others
    }

    /// The bids on a lot that the customer wins at `hammer`: others raise, the customer has the last word.
    fn bid_up(&mut self, lot_id: i64, closes_at_us: i64, hammer: i64) {
        let day = i32::try_from(closes_at_us / DAY_US).unwrap_or(i32::MAX);
        let count = self.draws.poisson(1.6).min(8);
        let mut bidders = self.others(count, day);
        let winner = self.customer.person.customer_id;
        if !bidders.is_empty() && self.draws.chance(0.3) {
            bidders.insert(0, winner);
        }
        bidders.push(winner);
        self.ladder(&bidders, lot_id, closes_at_us, hammer);
    }

    /// One bid of each of `bidders`, in their order, the last at `top`; drawn from the last to the first.
    fn ladder(&mut self, bidders: &[i64], lot_id: i64, closes_at_us: i64, top: i64) {
        let mut amount = top;
        // The last one comes within the final minute more often than not long before it.
        let mut before_close =
            if self.draws.chance(0.4) { self.draws.between(1.0, 59.0) } else { 60.0 + self.draws.exponential(1_800.0) };
        for bidder in bidders.iter().rev() {
            self.rows.bids.push(Bid {
                id: self.customer.number.cast_signed() * IDS_PER_CUSTOMER + self.bids,
                bidder_id: Some(*bidder),
                lot_id,
                time_us: closes_at_us - nearest(before_close) * SECOND_US,
                amount,
            });
            self.bids += 1;
            let snipe = self.draws.chance(0.3);
            before_close += 1.0 + self.draws.exponential(if snipe { 8.0 } else { 1_200.0 });
            amount = nearest(amount as f64 * self.draws.between(0.8, 0.97)).min(amount - 1).max(0);
        }
    }

    /// The line of a lot that was won, in the customer's currency.
    fn line(&mut self, day: i32, department: usize, lot_id: i64, time_us: i64, pence: [i64; 2]) -> SaleLine {
        let line_id = self.customer.number.cast_signed() * IDS_PER_CUSTOMER + self.lines;
        self.lines += 1;
        let cost = 1_500 + pence[0] / 100;
        let [hammer, premium, cost] =
            [pence[0], pence[1], cost].map(|pence| self.rates.convert(pence, self.customer.currency, day));
        SaleLine {
            line_id,
            buyer_id: Some(self.customer.person.customer_id),
            sale_day: day,
            department,
            lot_id,
            time_us,
            currency: self.customer.currency,
            hammer,
            premium,
            handling_cost: cost,
            refund_of: None,
            loaded_at_us: loaded_at_us(day),
        }
    }

    /// The invoice of a line, in pence, and what became of it by the last day.
    fn invoice(&mut self, line: &SaleLine, amount: i64) {
        let issued = line.sale_day + self.draws.whole(0, 2);
        let due = issued + CREDIT_DAYS;
        let to = self.options.to.day();
        let known = |day: i32| (day <= to).then_some(day);
        let (mut paid, mut cancelled, mut written_off) = (None, None, None);
        if self.draws.chance(WALK_AWAY) {
            cancelled = known(issued + self.draws.whole(3, 40));
        } else if self.draws.chance(self.customer.default_probability) {
            let given_up = due + self.draws.whole(120, 240);
            written_off = if self.draws.chance(0.8) { known(given_up) } else { None };
        } else if self.draws.chance(LATE) {
            paid = known(due + 1 + nearest_i32(self.draws.exponential(18.0)).min(MAX_DAYS_LATE - 1));
        } else {
            paid = known(issued + self.draws.whole(1, CREDIT_DAYS));
        }
        let disputed = self.draws.chance(0.03).then(|| issued + self.draws.whole(2, 25)).and_then(known);
        let deposit = self.draws.chance(0.08).then_some(amount / 5);
        if issued <= to {
            let (line_id, lot_id, customer_id) = (line.line_id, line.lot_id, self.customer.person.customer_id);
            let invoice = Invoice {
                line_id,
                customer_id,
                lot_id,
                issued,
                due,
                amount,
                paid,
                disputed,
                cancelled,
                written_off,
                deposit,
            };
            self.rows.invoices.push(invoice);
        }
        self.take_back(line, paid);
    }

    /// Some lots come back after they were paid; in pounds alone, so that what is paid back is what was paid.
    fn take_back(&mut self, line: &SaleLine, paid: Option<i32>) {
        let returned = self.draws.chance(RETURNED).then(|| self.draws.whole(3, 30));
        let day = paid.zip(returned).map(|(paid, after)| paid + after).filter(|day| *day <= self.options.to.day());
        if let (Some(day), POUND) = (day, line.currency) {
            let line_id = self.customer.number.cast_signed() * IDS_PER_CUSTOMER + self.lines;
            self.lines += 1;
            self.rows.sales.push(SaleLine {
                line_id,
                time_us: i64::from(day) * DAY_US + 12 * 3600 * SECOND_US,
                handling_cost: 2_500,
                refund_of: Some(line.line_id),
                loaded_at_us: loaded_at_us(day),
                ..line.clone()
            });
        }
    }
}

/// Rows are loaded at three in the night that follows.
fn loaded_at_us(day: i32) -> i64 {
    i64::from(day + 1) * DAY_US + 3 * 3600 * SECOND_US
}
