//! Contacts with one customer: mails, calls, visits, events, feedback, registrations to bid.

use crate::customer::Customer;
use crate::draw::{Draws, Purpose};
use crate::options::Options;
use crate::rows::{Contact, DAY_US, IDS_PER_CUSTOMER, Rows, SECOND_US};

/// A kind of contact that the house makes: its name, how often relative to the others, and how often customers respond
/// (a visit is one that took place, an event one that was attended).
const KINDS: [(&str, f64, f64); 4] =
    [("Email", 55.0, 0.2), ("Call", 20.0, 0.6), ("Visit", 9.0, 1.0), ("Event", 16.0, 0.45)];
/// Contacts a year of customers who want to be contacted.
const CONTACTS_PER_YEAR: f64 = 6.0;
/// Factor for those who opted out, whom only their account manager still calls.
pub(crate) const OPTED_OUT_FACTOR: f64 = 0.15;
/// Probability that a buyer registered before the sale.
const REGISTERED: f64 = 0.8;
/// Registrations a year after which nobody came.
const NO_SHOWS_PER_YEAR: f64 = 0.4;
/// Probability of feedback after a purchase.
const FEEDBACK: f64 = 0.2;
/// Relative numbers of the scores 1 to 5.
const SCORES: [f64; 5] = [4.0, 7.0, 16.0, 38.0, 35.0];

/// Draws the contacts with a customer who bought on `days`.
pub(crate) fn draw(options: &Options, customer: &Customer, days: &[i32], rows: &mut Rows) {
    let draws = Draws::new(options.seed, Purpose::Contacts, customer.number);
    let first = customer.person.registered.max(options.from.day());
    let mut contacts = Contacts { customer, draws, rows, first, last: options.to.day(), count: 0 };
    contacts.of_the_house();
    contacts.no_shows();
    for day in days {
        contacts.around_purchase(*day);
    }
}

struct Contacts<'a> {
    customer: &'a Customer,
    draws: Draws,
    rows: &'a mut Rows,
    /// First and last day of contact.
    first: i32,
    last: i32,
    count: i64,
}

impl Contacts<'_> {
    /// Adds one contact on `day`, unless it is still to come.
    fn add(&mut self, day: i32, kind: &'static str, responded: Option<bool>, score: Option<i32>) {
        let seconds = i64::from(self.draws.whole(9 * 3600, 17 * 3600));
        if day > self.last {
            return;
        }
        self.rows.interactions.push(Contact {
            id: self.customer.number.cast_signed() * IDS_PER_CUSTOMER + self.count,
            customer_id: Some(self.customer.person.customer_id),
            time_us: i64::from(day) * DAY_US + seconds * SECOND_US,
            kind,
            responded,
            score,
        });
        self.count += 1;
    }

    fn years(&self) -> f64 {
        f64::from(self.last - self.first + 1) / 365.25
    }

    fn of_the_house(&mut self) {
        let opted_out = self.customer.person.marketing_consent == Some(false);
        let factor = if opted_out { OPTED_OUT_FACTOR } else { 1.0 };
        for _ in 0..self.draws.poisson(CONTACTS_PER_YEAR * factor * self.years()) {
            let day = self.draws.whole(self.first, self.last);
            let (kind, _, response) = KINDS[self.draws.weighted(KINDS.iter().map(|(_, share, _)| *share))];
            let responded = self.draws.chance(response);
            let noted = !self.draws.chance(0.05);
            self.add(day, kind, noted.then_some(responded), None);
        }
    }

    fn no_shows(&mut self) {
        for _ in 0..self.draws.poisson(NO_SHOWS_PER_YEAR * self.years()) {
            let day = self.draws.whole(self.first, self.last);
            self.add(day, "Registration", None, None);
        }
    }

    fn around_purchase(&mut self, day: i32) {
        if self.draws.chance(REGISTERED) {
            let before = day - self.draws.whole(0, 10);
            self.add(before.max(self.first), "Registration", None, None);
        }
        if self.draws.chance(FEEDBACK) {
            let after = day + self.draws.whole(1, 14);
            let score = 1 + i32::try_from(self.draws.weighted(SCORES.into_iter())).unwrap_or(0);
            self.add(after, "Feedback", None, Some(score));
        }
    }
}
