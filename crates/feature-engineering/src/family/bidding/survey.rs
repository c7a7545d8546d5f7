//! Who came second: the highest bidder of a lot who did not win it.

use std::cmp::Reverse;

use appraise_schema::event::NO_ID;
use rayon::slice::ParallelSliceMut;

use crate::history::{Bids, History};
use crate::lots::ById;

/// The best bid of a customer on a lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BestBid {
    pub(super) lot: u128,
    pub(super) amount: i64,
    /// When that amount was first bid: an instant where those are mapped, else a day.
    pub(super) when: i64,
}

/// The best bid of the customer on each lot, by lot.
pub(super) fn best_bids(bids: &Bids<'_>, best: &mut Vec<BestBid>) {
    let when = |row: usize| bids.instants.map_or_else(|| i64::from(bids.days[row]), |instants| instants[row]);
    best.clear();
    let rows = bids.lots.iter().zip(bids.amounts).enumerate();
    best.extend(rows.map(|(row, (&lot, &amount))| BestBid { lot, amount, when: when(row) }));
    best.sort_unstable_by_key(|bid| (bid.lot, Reverse(bid.amount), bid.when));
    best.dedup_by_key(|bid| bid.lot);
}

/// The distinct lots that the customer bought, by lot: reversed purchases were won, too.
pub(super) fn won_lots(history: &History<'_>, won: &mut Vec<u128>) {
    won.clear();
    for lots in [history.purchases.lots, history.reversed.lots].into_iter().flatten() {
        won.extend(lots.iter().filter(|&&lot| lot != NO_ID));
    }
    won.sort_unstable();
    won.dedup();
}

/// The best bid of somebody who did not win: the higher amount, then the earlier, then the earlier customer leads.
type LosingBid = (i64, Reverse<i64>, Reverse<u64>);

/// What the survey knows of one lot.
#[derive(Debug, Clone, Copy, Default)]
struct Contest {
    won: bool,
    losing: Option<LosingBid>,
}

/// What the survey of all customers gathers about lots. A customer's purchases and bids are seen together, so a bid is
/// known to lose when it is seen: the best losing one is enough.
#[derive(Debug, Default)]
pub(crate) struct LotSurvey {
    contests: ById<Contest>,
    best: Vec<BestBid>,
    won: Vec<u128>,
}

impl LotSurvey {
    /// Sees one customer. Customers come in any order.
    pub(crate) fn observe(&mut self, history: &History<'_>) {
        best_bids(&history.bids, &mut self.best);
        won_lots(history, &mut self.won);
        for &lot in &self.won {
            self.contests.entry(lot).or_default().won = true;
        }
        for bid in &self.best {
            if self.won.binary_search(&bid.lot).is_err() {
                let contest = self.contests.entry(bid.lot).or_default();
                contest.losing = contest.losing.max(Some((bid.amount, Reverse(bid.when), Reverse(history.customer))));
            }
        }
    }

    /// Adds what another part of the survey saw.
    pub(crate) fn merge(&mut self, other: Self) {
        for (lot, seen) in other.contests {
            let contest = self.contests.entry(lot).or_default();
            contest.won |= seen.won;
            contest.losing = contest.losing.max(seen.losing);
        }
    }

    /// The underbidders.
    pub(crate) fn finish(self) -> Underbids {
        let won = self.contests.into_iter().filter(|(_, contest)| contest.won);
        let losing = won.filter_map(|(lot, contest)| contest.losing.map(|(_, _, Reverse(customer))| (customer, lot)));
        let mut by_customer: Vec<(u64, u128)> = losing.collect();
        by_customer.par_sort_unstable();
        Underbids { by_customer }
    }
}

/// Who was the underbidder of which lot.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Underbids {
    /// Customer and lot, in order.
    by_customer: Vec<(u64, u128)>,
}

impl Underbids {
    /// The lots of which `customer` (see [`History::customer`]) was the underbidder.
    pub(crate) fn of(&self, customer: u64) -> impl Iterator<Item = u128> {
        let first = self.by_customer.partition_point(|(of, _)| *of < customer);
        self.by_customer[first..].iter().take_while(move |(of, _)| *of == customer).map(|(_, lot)| *lot)
    }
}
