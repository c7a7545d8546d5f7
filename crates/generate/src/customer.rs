//! One customer: when they came, who they are, how they buy and pay.

use crate::draw::{Draws, Purpose, nearest, nearest_i32};
use crate::options::Options;
use crate::rows::{Person, customer_id};
use crate::world::{CHANNELS, DEPARTMENTS, Group, INDUSTRIES, NEEDS, NO_COMPANY, POUND, PRIVATE};
use crate::world::{PURCHASES, REGIONS, SIZES, SPEND};

/// Share of customers who never buy.
pub(crate) const PROSPECT_SHARE: f64 = 0.2;
/// Mean number of days from the registration to the first purchase.
const DAYS_TO_FIRST_PURCHASE: f64 = 30.0;

/// A customer.
#[derive(Debug)]
pub(crate) struct Customer {
    pub(crate) number: u64,
    pub(crate) group: Group,
    /// Index of the favourite department.
    pub(crate) department: usize,
    /// Index of the currency that the customer pays in.
    pub(crate) currency: usize,
    /// Probability that an invoice that was not cancelled is never paid.
    pub(crate) default_probability: f64,
    /// How the customer buys, unless they never do.
    pub(crate) buyer: Option<Buyer>,
    /// What is on file.
    pub(crate) person: Person,
}

/// How a customer buys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buyer {
    pub(crate) first_purchase: i32,
    /// Occasions a week.
    pub(crate) rate: f64,
    /// Probability to drop out after a repeat purchase.
    pub(crate) dropout_probability: f64,
    /// Rate of the gamma distribution of spends, whose shape is that of [`SPEND`]; per pound.
    pub(crate) spend_rate: f64,
}

impl Buyer {
    /// Pounds an occasion.
    pub(crate) fn mean_spend(&self) -> f64 {
        SPEND.p / self.spend_rate
    }

    /// Expected number of occasions in `weeks` weeks of a customer who has not dropped out.
    pub(crate) fn expected_occasions(&self, weeks: f64) -> f64 {
        let p = self.dropout_probability;
        if p > 0.0 { -libm::expm1(-self.rate * p * weeks) / p } else { self.rate * weeks }
    }
}

/// When a customer came: the first draws of the customer's profile.
#[derive(Debug, Clone, Copy)]
struct Entry {
    registered: i32,
    first_purchase: Option<i32>,
}

impl Entry {
    fn draw(draws: &mut Draws, options: &Options) -> Self {
        let (from, to) = (options.from.day(), options.to.day());
        if draws.chance(PROSPECT_SHARE) {
            return Self { registered: draws.whole(from, to), first_purchase: None };
        }
        let first = draws.whole(from, to);
        let before = nearest_i32(draws.exponential(DAYS_TO_FIRST_PURCHASE));
        Self { registered: first - before, first_purchase: Some(first) }
    }
}

/// The day on which customer `number` registered.
pub(crate) fn registered(options: &Options, number: u64) -> i32 {
    Entry::draw(&mut Draws::new(options.seed, Purpose::Profile, number), options).registered
}

impl Customer {
    /// Draws customer `number`.
    pub(crate) fn draw(options: &Options, number: u64) -> Self {
        let draws = &mut Draws::new(options.seed, Purpose::Profile, number);
        let entry = Entry::draw(draws, options);
        let group = draw_group(draws);
        let buyer = entry.first_purchase.map(|first| draw_buyer(draws, group, first, options.homogeneous));
        let (alpha, beta) = group.default_beta();
        let default_probability = draws.beta(alpha, beta);
        let (region, _, currency) = REGIONS[draws.weighted(REGIONS.iter().map(|(_, share, _)| *share))];
        // A customer whose region is not on file pays in pounds.
        let region = (!draws.chance(0.03)).then_some(region);
        let currency = if region.is_some() { currency } else { POUND };
        let department = draw_department(draws);
        let mut person = Person {
            customer_id: customer_id(number),
            registered: entry.registered,
            industry: INDUSTRIES[group.industry].name,
            employees: SIZES[group.size].employees.map(|(low, high)| draws.whole(low, high)),
            region,
            channel: CHANNELS[draws.weighted(CHANNELS.iter().map(|(_, share)| *share))].0,
            credit_limit: None,
            marketing_consent: [Some(true), Some(false), None][draws.weighted([7.0, 2.0, 1.0].into_iter())],
            manager_rating: None,
            needs: draws.chance(0.5).then(|| draws.pick(&NEEDS)),
            annual_art_spend: None,
        };
        appraise_by_hand(draws, buyer.as_ref(), &mut person);
        Self { number, group, department, currency, default_probability, buyer, person }
    }
}

/// The department of a customer's taste.
pub(crate) fn draw_department(draws: &mut Draws) -> usize {
    draws.weighted(DEPARTMENTS.iter().map(|department| department.share))
}

fn draw_group(draws: &mut Draws) -> Group {
    let industry = draws.weighted(INDUSTRIES.iter().map(|industry| industry.share));
    let size = if industry == PRIVATE { NO_COMPANY } else { draws.weighted(SIZES.iter().map(|size| size.share)) };
    Group { industry, size }
}

fn draw_buyer(draws: &mut Draws, group: Group, first_purchase: i32, homogeneous: bool) -> Buyer {
    Buyer {
        first_purchase,
        rate: draws.gamma(PURCHASES.r, PURCHASES.alpha / group.rate_effect(homogeneous)),
        dropout_probability: draws.beta(PURCHASES.a, PURCHASES.b),
        spend_rate: draws.gamma(SPEND.q, SPEND.gamma * group.spend_effect(homogeneous)),
    }
}

/// What account managers put on file: near the truth, and not of everybody.
fn appraise_by_hand(draws: &mut Draws, buyer: Option<&Buyer>, person: &mut Person) {
    let pounds = buyer.map_or(0.0, |buyer| buyer.rate * 52.0 * buyer.mean_spend());
    let wallet_share = draws.beta(2.0, 3.0).max(0.02);
    let elsewhere = 3_000.0 * libm::exp(draws.normal());
    let market = if buyer.is_some() { pounds / wallet_share } else { elsewhere };
    if draws.chance(0.7) {
        person.annual_art_spend = Some(round_pounds(market.clamp(200.0, 5e8), 100));
    }
    let rating = 3.0 + 0.6 * libm::log((pounds + 50.0) / 3_000.0) + 0.7 * draws.normal();
    if draws.chance(if buyer.is_some() { 0.8 } else { 0.3 }) {
        person.manager_rating = Some(libm::round(rating).clamp(1.0, 5.0));
    }
    if let (Some(buyer), true) = (buyer, draws.chance(0.4)) {
        let limit = buyer.mean_spend() * draws.between(1.0, 4.0);
        person.credit_limit = Some(round_pounds(limit.clamp(500.0, 1e8), 500));
    }
}

/// Whole multiples of `step` pounds, at least one, in pence.
pub(crate) fn round_pounds(pounds: f64, step: i64) -> i64 {
    nearest(pounds / step as f64).max(1) * step * 100
}
