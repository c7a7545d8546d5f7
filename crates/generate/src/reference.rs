//! Reference tables: exchange rates by day, market demand by month.

use appraise_schema::PurchasePeriod;

use crate::draw::{Draws, Purpose, nearest};
use crate::options::Options;
use crate::tables::{Columns, dates, decimals, doubles, texts};
use crate::world::{CURRENCIES, INDUSTRIES};

/// Units of the last place of a rate in one pound: rates have six decimals.
const RATE_UNIT: i64 = 1_000_000;
/// Standard deviation of the noise of one month's demand.
const DEMAND_NOISE: f64 = 3.0;

/// Pounds for one unit of each currency on each day.
#[derive(Debug)]
pub(crate) struct Rates {
    first_day: i32,
    /// By currency, then by day: millionths of a pound.
    rates: Vec<Vec<i64>>,
}

impl Rates {
    /// Draws a random walk for each currency.
    pub(crate) fn draw(options: &Options) -> Self {
        let walk = |(number, currency): (usize, &crate::world::Currency)| {
            let mut draws = Draws::new(options.seed, Purpose::Rates, number as u64);
            let mut change = 0.0;
            (0..options.days())
                .map(|_| {
                    let rate = currency.rate * libm::exp(change);
                    change += currency.daily_change * draws.normal();
                    nearest(rate * RATE_UNIT as f64).max(1)
                })
                .collect()
        };
        Self { first_day: options.from.day(), rates: CURRENCIES.iter().enumerate().map(walk).collect() }
    }

    /// `pence` in hundredths of a currency on `day`, rounded to the nearest.
    pub(crate) fn convert(&self, pence: i64, currency: usize, day: i32) -> i64 {
        let position = usize::try_from(day - self.first_day).unwrap_or(0);
        let rate = i128::from(self.rates[currency][position]);
        let scaled = i128::from(pence) * i128::from(RATE_UNIT);
        i64::try_from((2 * scaled + rate) / (2 * rate)).unwrap_or(i64::MAX)
    }

    /// The table.
    pub(crate) fn columns(&self) -> Columns {
        let rows = || {
            let days = |(currency, rates): (usize, &Vec<i64>)| {
                let rates = rates.clone().into_iter().enumerate();
                rates.map(move |(day, rate)| (CURRENCIES[currency].name, day, rate))
            };
            self.rates.iter().enumerate().flat_map(days)
        };
        let date = |day: usize| self.first_day + i32::try_from(day).unwrap_or(0);
        vec![
            ("currency", texts(rows().map(|(currency, _, _)| Some(currency)))),
            ("rate_date", dates(rows().map(|(_, day, _)| Some(date(day))))),
            ("gbp_per_unit", decimals(rows().map(|(_, _, rate)| Some(rate)), 6)),
        ]
    }
}

/// The table of market demand: an index of 100 at the start, by industry, on the first of each month.
pub(crate) fn market_demand(options: &Options) -> Columns {
    let month = |day: i32| PurchasePeriod::Month.index(day);
    let mut firsts: Vec<i32> = (options.from.day() - 31..=options.to.day()).collect();
    firsts.retain(|day| month(*day) != month(day - 1) && month(*day) >= month(options.from.day()));
    let mut rows = Vec::new();
    for (number, industry) in INDUSTRIES.iter().enumerate() {
        let mut draws = Draws::new(options.seed, Purpose::Demand, number as u64);
        for (passed, day) in firsts.iter().enumerate() {
            let trend = libm::pow(1.0 + industry.demand_growth, passed as f64 / 12.0);
            let season = 4.0 * libm::sin(std::f64::consts::PI * f64::from(month(*day).rem_euclid(12)) / 6.0);
            let index = 100.0 * trend + season + DEMAND_NOISE * draws.normal();
            rows.push((industry.name, *day, nearest(index * 100.0) as f64 / 100.0));
        }
    }
    vec![
        ("sector", texts(rows.iter().map(|(sector, _, _)| Some(*sector)))),
        ("month", dates(rows.iter().map(|(_, day, _)| Some(*day)))),
        ("demand_index", doubles(rows.iter().map(|(_, _, index)| Some(*index)))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_converted_to_the_nearest_hundredth() {
        let rates = Rates { first_day: 10, rates: vec![vec![1_000_000], vec![860_000]] };
        assert_eq!(rates.convert(12_345, 0, 10), 12_345);
        assert_eq!(rates.convert(100, 1, 10), 116);
        // 43 / 0.86 is 50 exactly.
        assert_eq!(rates.convert(43, 1, 10), 50);
    }
}
