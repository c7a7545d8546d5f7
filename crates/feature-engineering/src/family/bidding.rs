//! Family `bidding`: bids, wins, near misses; lots that the customer gave to sell.
//!
//! Who was the underbidder of a lot depends on all its bidders, so a [survey](LotSurvey) of all customers precedes the
//! fold where that is wanted.

mod survey;

use appraise_schema::event::{Form, NO_ID, NO_INSTANT, NO_MONEY, NO_SYMBOL};
use appraise_schema::{ColumnSpec, ColumnType, SourceKind};
use arrow::array::ArrayRef;

pub(crate) use survey::LotSurvey;
pub(crate) use survey::Underbids;
use survey::{BestBid, best_bids, won_lots};

use super::{Context, Family, FamilyColumns, Need, needs_of};
use crate::column::{Amounts, Days, Doubles, Integers, ratio};
use crate::config::FeatureConfig;
use crate::error::FoldError;
use crate::history::{Bids, History};
use crate::lots::{Lot, LotBook};

const MICROSECONDS: i128 = 1_000_000;

/// The columns that depend on who bought which lot.
const WIN_COLUMNS: [&str; 5] = ["lots_won", "win_rate", "underbids", "underbid_value", "hammer_to_estimate"];

/// Columns that are built together.
#[derive(Debug, Clone, Copy)]
enum Part {
    Bids,
    Sales,
    Wins,
    Estimates,
    Late,
    Registrations,
    Consigned,
    Commission,
}

impl Part {
    /// Whether all that it needs is mapped.
    fn is_built(self, config: &FeatureConfig) -> bool {
        let lots = |column| config.maps(SourceKind::Lots, column);
        let bids = config.has(SourceKind::Bids);
        match self {
            Self::Bids => bids,
            Self::Sales => bids && lots("sale_id"),
            Self::Wins => bids && config.maps(SourceKind::Transactions, "lot_id"),
            Self::Estimates => {
                let all = ["hammer", "estimate_low", "estimate_high"].into_iter().all(lots);
                all && Self::Wins.is_built(config)
            }
            Self::Late => bids && lots("closes_at"),
            Self::Registrations => bids && config.has(SourceKind::Interactions),
            Self::Consigned => lots("consignor_id"),
            Self::Commission => lots("consignor_id") && lots("commission"),
        }
    }
}

/// The family's columns.
pub(crate) fn columns(config: &FeatureConfig) -> FamilyColumns {
    let (int, double) = (ColumnType::Int64, ColumnType::Float64);
    let money = ColumnType::customer_money(config.money.scale());
    let currency = config.money.unit();
    let maybe = ColumnSpec::nullable;
    let always = ColumnSpec::required;
    let late = format!("bids in the last {} seconds or later, of those whose close is known", config.late_bid_seconds);
    let no_show = format!("registrations without a bid within {} days", config.no_show_days);
    let columns = [
        (Part::Bids, always("bids", int, "rows", "bids made")),
        (Part::Bids, always("lots_bid", int, "lots", "distinct lots bid on")),
        (Part::Bids, maybe("bids_per_lot", double, "rows", "bids / lots_bid")),
        (Part::Bids, maybe("days_since_last_bid", ColumnType::Int32, "days", "as_of - date of the last bid")),
        (Part::Sales, always("sales_attended", int, "sales", "distinct sales of the lots bid on")),
        (Part::Wins, always("lots_won", int, "lots", "distinct lots bought, standing or not")),
        (Part::Wins, maybe("win_rate", double, "share", "lots bid on and won / lots_bid")),
        (Part::Wins, always("underbids", int, "lots", "lots of which the customer was the highest who did not win")),
        (Part::Wins, always("underbid_value", money, currency, "sum of the best bids on the lots of underbids")),
        (Part::Estimates, maybe("hammer_to_estimate", double, "share", "hammer of lots won / middle of the estimates")),
        (Part::Late, maybe("late_bid_share", double, "share", &late)),
        (Part::Registrations, always("registrations", int, "rows", "contacts of kind `registration`")),
        (Part::Registrations, maybe("no_show_rate", double, "share", &no_show)),
        (Part::Consigned, always("lots_consigned", int, "lots", "lots given to sell")),
        (Part::Consigned, always("lots_consigned_sold", int, "lots", "lots given to sell that were sold")),
        (Part::Consigned, maybe("sell_through_rate", double, "share", "sold, of the lots whose outcome is known")),
        (Part::Commission, always("commission_total", money, currency, "commission on the lots given that were sold")),
    ];
    let fixed = columns.into_iter().filter(|(part, _)| part.is_built(config)).map(|(_, column)| column).collect();
    FamilyColumns { fixed, own: Vec::new() }
}

/// What it reads. Columns of bids and transactions are long: instants and lots won are only asked for where they count.
pub(crate) fn needs(config: &FeatureConfig) -> Vec<Need> {
    let mut needs = needs_of(SourceKind::Bids, [("lot_id", Form::Id), ("amount", Form::Money)]);
    if surveys(config) || (Part::Late.is_built(config) && config.keeps("late_bid_share")) {
        needs.push((SourceKind::Bids, "time".to_owned(), Form::Instant));
    }
    if WIN_COLUMNS.iter().any(|column| config.keeps(column)) {
        needs.push((SourceKind::Transactions, "lot_id".to_owned(), Form::Id));
    }
    needs.extend(needs_of(SourceKind::Interactions, [("kind", Form::Symbol)]));
    needs.extend(needs_of(
        SourceKind::Lots,
        [
            ("sale_id", Form::Id),
            ("closes_at", Form::Instant),
            ("estimate_low", Form::Money),
            ("estimate_high", Form::Money),
            ("hammer", Form::Money),
            ("commission", Form::Money),
            ("outcome", Form::Symbol),
        ],
    ));
    needs
}

/// Whether the underbidders of lots are wanted.
pub(crate) fn surveys(config: &FeatureConfig) -> bool {
    Part::Wins.is_built(config) && (config.keeps("underbids") || config.keeps("underbid_value"))
}

/// The fold of one partition.
#[derive(Debug)]
pub(crate) struct Bidding<'a> {
    context: &'a Context,
    as_of: i32,
    bids: Option<BidColumns>,
    sales_attended: Option<Integers>,
    wins: Option<WinColumns>,
    hammer_to_estimate: Option<Doubles>,
    late: Option<LateColumn>,
    registrations: Option<RegistrationColumns>,
    consigned: Option<ConsignedColumns>,
    /// Room for the customer at hand: best bids by lot, lots won, sales.
    best: Vec<BestBid>,
    won: Vec<u128>,
    sales: Vec<u128>,
}

impl<'a> Bidding<'a> {
    /// A fold.
    pub(crate) fn new(config: &'a FeatureConfig, context: &'a Context) -> Self {
        let has = |part: Part| part.is_built(config);
        Self {
            context,
            as_of: config.as_of.day(),
            bids: has(Part::Bids).then(BidColumns::default),
            sales_attended: has(Part::Sales).then(Integers::default),
            wins: has(Part::Wins).then(|| WinColumns::new(config)),
            hammer_to_estimate: has(Part::Estimates).then(Doubles::default),
            late: has(Part::Late).then(|| LateColumn::new(config)),
            registrations: has(Part::Registrations).then(|| RegistrationColumns::new(config)),
            consigned: has(Part::Consigned).then(|| ConsignedColumns::new(config)),
            best: Vec::new(),
            won: Vec::new(),
            sales: Vec::new(),
        }
    }
}

impl Family for Bidding<'_> {
    fn fold(&mut self, history: &History<'_>) -> Result<(), FoldError> {
        let lots = &self.context.lots;
        best_bids(&history.bids, &mut self.best);
        won_lots(history, &mut self.won);
        if let Some(columns) = &mut self.bids {
            columns.push(&history.bids, self.best.len(), self.as_of);
        }
        if let Some(column) = &mut self.sales_attended {
            self.sales.clear();
            let sales = self.best.iter().filter_map(|bid| lots.find(bid.lot)).map(|lot| lot.sale);
            self.sales.extend(sales.filter(|&sale| sale != NO_ID));
            self.sales.sort_unstable();
            self.sales.dedup();
            column.count(self.sales.len());
        }
        if let Some(columns) = &mut self.wins {
            columns.push(&self.best, &self.won, &self.context.underbids, history.customer)?;
        }
        if let Some(column) = &mut self.hammer_to_estimate {
            column.push(hammer_to_estimate(lots, &self.won));
        }
        if let Some(column) = &mut self.late {
            column.push(&history.bids, lots);
        }
        if let Some(columns) = &mut self.registrations {
            columns.push(history, self.context.registration_symbol);
        }
        if let Some(columns) = &mut self.consigned {
            columns.push(history.consigned, lots)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<ArrayRef> {
        let mut columns = Vec::new();
        if let Some(part) = self.bids {
            columns.extend([part.bids.finish(), part.lots.finish(), part.per_lot.finish(), part.days_since.finish()]);
        }
        columns.extend(self.sales_attended.map(Integers::finish));
        if let Some(part) = self.wins {
            columns.extend([part.won.finish(), part.rate.finish(), part.underbids.finish(), part.value.finish()]);
        }
        columns.extend(self.hammer_to_estimate.map(Doubles::finish));
        columns.extend(self.late.map(|part| part.share.finish()));
        if let Some(part) = self.registrations {
            columns.extend([part.count.finish(), part.no_show_rate.finish()]);
        }
        if let Some(part) = self.consigned {
            columns.extend([part.lots.finish(), part.sold.finish(), part.rate.finish()]);
            columns.extend(part.commission.map(Amounts::finish));
        }
        columns
    }
}

/// How much the customer bids.
#[derive(Debug, Default)]
struct BidColumns {
    bids: Integers,
    lots: Integers,
    per_lot: Doubles,
    days_since: Days,
}

impl BidColumns {
    fn push(&mut self, bids: &Bids<'_>, lots: usize, as_of: i32) {
        self.bids.count(bids.days.len());
        self.lots.count(lots);
        self.per_lot.push(ratio(bids.days.len() as i128, lots as i128));
        self.days_since.push(bids.days.last().map(|last| as_of - last));
    }
}

/// What the customer wins and nearly wins.
#[derive(Debug)]
struct WinColumns {
    won: Integers,
    rate: Doubles,
    underbids: Integers,
    value: Amounts,
}

impl WinColumns {
    fn new(config: &FeatureConfig) -> Self {
        Self {
            won: Integers::default(),
            rate: Doubles::default(),
            underbids: Integers::default(),
            value: Amounts::new("underbid_value", config.money.scale()),
        }
    }

    fn push(&mut self, best: &[BestBid], won: &[u128], underbids: &Underbids, customer: u64) -> Result<(), FoldError> {
        let bid_and_won = best.iter().filter(|bid| won.binary_search(&bid.lot).is_ok()).count();
        let (mut missed, mut value) = (0, 0);
        for lot in underbids.of(customer) {
            if let Ok(position) = best.binary_search_by_key(&lot, |bid| bid.lot) {
                missed += 1;
                value += i128::from(best[position].amount);
            }
        }
        self.won.count(won.len());
        self.rate.push(ratio(bid_and_won as i128, best.len() as i128));
        self.underbids.count(missed);
        self.value.push(Some(value))
    }
}

/// Hammer prices of the lots won over the middle of their estimates, of those lots where all that is known.
fn hammer_to_estimate(lots: &LotBook, won: &[u128]) -> Option<f64> {
    let mut hammer = 0_i128;
    let mut low_and_high = 0_i128;
    for lot in won.iter().filter_map(|&lot| lots.find(lot)) {
        let estimate = i128::from(lot.estimate_low) + i128::from(lot.estimate_high);
        let known = [lot.hammer, lot.estimate_low, lot.estimate_high].iter().all(|&minor| minor != NO_MONEY);
        if known && estimate > 0 {
            hammer += i128::from(lot.hammer);
            low_and_high += estimate;
        }
    }
    ratio(2 * hammer, low_and_high)
}

/// Bids shortly before the close.
#[derive(Debug)]
struct LateColumn {
    late_bid_microseconds: i128,
    share: Doubles,
}

impl LateColumn {
    fn new(config: &FeatureConfig) -> Self {
        Self { late_bid_microseconds: i128::from(config.late_bid_seconds) * MICROSECONDS, share: Doubles::default() }
    }

    fn push(&mut self, bids: &Bids<'_>, lots: &LotBook) {
        let (mut known, mut late) = (0, 0);
        for (&lot, &instant) in bids.lots.iter().zip(bids.instants.unwrap_or(&[])) {
            let close = lots.find(lot).map(|lot| lot.closes_at).filter(|&close| close != NO_INSTANT);
            if let Some(close) = close {
                known += 1;
                late += i128::from(i128::from(close) - i128::from(instant) <= self.late_bid_microseconds);
            }
        }
        self.share.push(ratio(late, known));
    }
}

/// Registrations to bid, and what came of them.
#[derive(Debug)]
struct RegistrationColumns {
    as_of: i64,
    no_show_days: i64,
    count: Integers,
    no_show_rate: Doubles,
}

impl RegistrationColumns {
    fn new(config: &FeatureConfig) -> Self {
        Self {
            as_of: i64::from(config.as_of.day()),
            no_show_days: i64::from(config.no_show_days),
            count: Integers::default(),
            no_show_rate: Doubles::default(),
        }
    }

    fn push(&mut self, history: &History<'_>, registration: u32) {
        let (mut count, mut due, mut no_shows) = (0, 0, 0);
        let contacts = history.interactions.days.iter().zip(history.interactions.kinds);
        for (&day, _) in contacts.filter(|&(_, &kind)| kind == registration && kind != NO_SYMBOL) {
            count += 1;
            if self.as_of - i64::from(day) < self.no_show_days {
                continue;
            }
            due += 1;
            let next = history.bids.days.partition_point(|&bid| bid < day);
            let gap = history.bids.days.get(next).map(|&bid| i64::from(bid) - i64::from(day));
            no_shows += i128::from(gap.is_none_or(|gap| gap > self.no_show_days));
        }
        self.count.count(count);
        self.no_show_rate.push(ratio(no_shows, due));
    }
}

/// Lots that the customer gave to sell.
#[derive(Debug)]
struct ConsignedColumns {
    /// Whether an outcome is known only once the time of close is.
    known_by_close: bool,
    lots: Integers,
    sold: Integers,
    rate: Doubles,
    commission: Option<Amounts>,
}

impl ConsignedColumns {
    fn new(config: &FeatureConfig) -> Self {
        let maps = |column| config.maps(SourceKind::Lots, column);
        Self {
            known_by_close: !maps("outcome") && maps("closes_at"),
            lots: Integers::default(),
            sold: Integers::default(),
            rate: Doubles::default(),
            commission: Part::Commission
                .is_built(config)
                .then(|| Amounts::new("commission_total", config.money.scale())),
        }
    }

    fn push(&mut self, consigned: &[u32], lots: &LotBook) -> Result<(), FoldError> {
        let own = || consigned.iter().map(|&row| lots.at(row));
        let is_known = |lot: &&Lot| match lot.sold {
            Some(true) => true,
            Some(false) => !self.known_by_close || lot.closes_at != NO_INSTANT,
            None => false,
        };
        let sold = own().filter(|lot| lot.sold == Some(true)).count();
        let known = own().filter(is_known).count();
        self.lots.count(consigned.len());
        self.sold.count(sold);
        self.rate.push(ratio(sold as i128, known as i128));
        if let Some(column) = &mut self.commission {
            let of_sold = own().filter(|lot| lot.sold == Some(true) && lot.commission != NO_MONEY);
            column.push(Some(of_sold.map(|lot| i128::from(lot.commission)).sum()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
