//! The value of a group as a Markov chain, beside the sum of its members' lifetime values: Pfeifer & Carraway, "Modeling customer
//! relationships as Markov chains" (Journal of Interactive Marketing 14, 2000).
//!
//! A state is the number of quarters since the last purchase, 0 to 7 or more, of one-time or of repeat buyers. Probabilities of a
//! group lean on those of all customers. `docs/models.md` has the exact definition.

use appraise_clv::Timing;
use appraise_schema::calendar::quarters_ago;
use appraise_schema::money::CUSTOMER_PRECISION;
use appraise_schema::{ColumnSpec, ColumnType};
use arrow::array::{Array, AsArray, Date32Array, Decimal64Array, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Decimal64Type, Float64Type, Int64Type};

use crate::clv::{ClvConfig, Margin};
use crate::columns::typed;
use crate::error::ModelError;

/// The quarters in which customers are watched.
const WINDOW: u32 = 12;
/// So many quarters since the last purchase, and more, are one state.
const LATE: u32 = 8;
/// One-time and repeat buyers by quarters since the last purchase.
const STATES: usize = 2 * (LATE as usize + 1);
/// Customers of the whole that a row of a group leans on.
const LEANING: f64 = 20.0;
/// Days of a quarter.
const QUARTER_DAYS: f64 = 365.25 / 4.0;
/// What of a quarter is rounding and no quarter.
const ROUNDING: f64 = 1e-9;
/// No margin of a customer is taken for more minor units.
const MOST_MINOR: f64 = 1e27;

/// Columns that are read, all of them of the features.
const DATES: [&str; 3] = ["as_of", "first_purchase_date", "second_purchase_date"];
const COUNTS: [&str; 2] = ["active_quarters", "purchase_quarters"];
const GROSS_MARGIN: &str = "gross_margin";
const NET_REVENUE: &str = "net_revenue";

/// How chains are valued.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ChainPlan {
    earned: Earned,
    /// Of each quarter of the horizon, its share in the horizon times the discount factor.
    factors: Vec<f64>,
}

/// What of a customer's purchases is earned.
#[derive(Debug, Clone, PartialEq)]
enum Earned {
    /// `gross_margin`.
    GrossMargin,
    /// This share of `net_revenue`, or the share in this column.
    NetRevenue(Margin),
}

impl ChainPlan {
    /// A chain beside `clv`, where `columns`, those of the features, have what it reads.
    pub(super) fn new(clv: &ClvConfig, columns: &[ColumnSpec], scale: u8) -> Option<Self> {
        let has =
            |name: &str, of: ColumnType| columns.iter().any(|column| column.name == name && column.column_type == of);
        let dates = DATES.iter().all(|name| has(name, ColumnType::Date));
        let counts = COUNTS.iter().all(|name| has(name, ColumnType::Int64));
        if !(dates && counts) {
            return None;
        }
        let has_margin = has(GROSS_MARGIN, ColumnType::customer_money(scale));
        let earned = if has_margin { Earned::GrossMargin } else { Earned::NetRevenue(clv.margin.clone()) };
        Some(Self { earned, factors: factors(clv) })
    }

    /// The columns that are read.
    pub(super) fn inputs(&self) -> Vec<String> {
        let mut inputs: Vec<String> = DATES.iter().chain(&COUNTS).map(|&name| name.to_owned()).collect();
        match &self.earned {
            Earned::GrossMargin => inputs.push(GROSS_MARGIN.to_owned()),
            Earned::NetRevenue(Margin::Share(_)) => {}
            Earned::NetRevenue(Margin::Column(name)) => inputs.push(name.clone()),
        }
        inputs
    }
}

/// What a purchase in each quarter of the horizon counts: D of `clv`'s timing, in quarters, times the share of the quarter that lies
/// within the horizon, which is below 1 of the last one only.
fn factors(clv: &ClvConfig) -> Vec<f64> {
    let length = clv.horizon.days() / QUARTER_DAYS;
    let by_quarter = libm::log1p(clv.discount_rate.per_year()) / 4.0;
    let mut factors = Vec::new();
    let mut start = 0.0;
    while start < length - ROUNDING {
        let age = match clv.timing {
            Timing::Mid => start + 0.5,
            Timing::End => start + 1.0,
        };
        factors.push((length - start).min(1.0) * libm::exp(-age * by_quarter));
        start += 1.0;
    }
    factors
}

/// The columns of a batch that a chain is made of.
pub(super) struct Histories<'a> {
    as_of: &'a Date32Array,
    first: &'a Date32Array,
    second: &'a Date32Array,
    active_quarters: &'a Int64Array,
    purchase_quarters: &'a Int64Array,
    money: &'a Decimal64Array,
    share: Share<'a>,
}

/// The share of the money that is earned.
enum Share<'a> {
    Whole,
    Fixed(f64),
    /// Of each customer, and of those who have none.
    Own(&'a Float64Array, f64),
}

impl<'a> Histories<'a> {
    /// The histories of `batch`; `mean_margin` is the share of customers without one of their own.
    ///
    /// # Errors
    /// [`ModelError::Column`] when a column is absent.
    pub(super) fn new(
        plan: &ChainPlan,
        mean_margin: Option<f64>,
        scale: u8,
        batch: &'a RecordBatch,
    ) -> Result<Self, ModelError> {
        let date = |name| typed(batch, name, &DataType::Date32).map(AsArray::as_primitive::<Date32Type>);
        let count = |name| typed(batch, name, &DataType::Int64).map(AsArray::as_primitive::<Int64Type>);
        let money_type = DataType::Decimal64(CUSTOMER_PRECISION, scale.cast_signed());
        let money = |name| typed(batch, name, &money_type).map(AsArray::as_primitive::<Decimal64Type>);
        let (name, share) = match &plan.earned {
            Earned::GrossMargin => (GROSS_MARGIN, Share::Whole),
            Earned::NetRevenue(Margin::Share(share)) => (NET_REVENUE, Share::Fixed(*share)),
            Earned::NetRevenue(Margin::Column(of)) => {
                let own = typed(batch, of, &DataType::Float64)?.as_primitive::<Float64Type>();
                (NET_REVENUE, Share::Own(own, mean_margin.unwrap_or_default()))
            }
        };
        Ok(Self {
            as_of: date(DATES[0])?,
            first: date(DATES[1])?,
            second: date(DATES[2])?,
            active_quarters: count(COUNTS[0])?,
            purchase_quarters: count(COUNTS[1])?,
            money: money(name)?,
            share,
        })
    }

    /// What the customer in `row` adds to a chain; `None` of one none of whose purchases stands.
    pub(super) fn journey(&self, row: usize) -> Option<Journey> {
        if self.first.is_null(row) {
            return None;
        }
        let as_of = self.as_of.value(row);
        let bits = self.purchase_quarters.value(row);
        let repeats_since = self.second.is_valid(row).then(|| quarters_ago(as_of, self.second.value(row)));
        // The state at the end of a quarter.
        let state = |quarter: u32| {
            let since = (bits >> quarter).trailing_zeros().min(LATE);
            State { since, repeats: repeats_since.is_some_and(|since| since >= quarter) }
        };
        let steps = quarters_ago(as_of, self.first.value(row)).min(WINDOW);
        let mut journey = Journey {
            steps: [(0, 0); WINDOW as usize],
            taken: steps as usize,
            now: state(0).number(),
            earned: self.earned(row).map(|earned| (earned, self.active_quarters.value(row))),
        };
        let mut from = state(steps);
        for (step, quarter) in journey.steps.iter_mut().zip((0..steps).rev()) {
            let to = state(quarter);
            *step = (from.number(), to.outcome());
            from = to;
        }
        Some(journey)
    }

    /// Minor units that the customer in `row` has brought.
    #[expect(clippy::cast_possible_truncation, reason = "clamped far within the bounds")]
    fn earned(&self, row: usize) -> Option<i128> {
        if self.money.is_null(row) {
            return None;
        }
        let money = self.money.value(row);
        let share = match self.share {
            Share::Whole => return Some(i128::from(money)),
            Share::Fixed(share) => share,
            Share::Own(own, mean) => {
                if own.is_valid(row) && own.value(row).is_finite() {
                    own.value(row)
                } else {
                    mean
                }
            }
        };
        Some(libm::rint(money as f64 * share).clamp(-MOST_MINOR, MOST_MINOR) as i128)
    }
}

/// Where a customer is at the end of a quarter.
#[derive(Debug, Clone, Copy)]
struct State {
    /// Quarters since the last purchase, at most [`LATE`].
    since: u32,
    repeats: bool,
}

impl State {
    fn number(self) -> usize {
        2 * self.since as usize + usize::from(self.repeats)
    }

    /// How the quarter that ends in it went: an index of [`Moves`].
    fn outcome(self) -> usize {
        if self.since > 0 { 0 } else { 1 + usize::from(self.repeats) }
    }
}

/// The way of a customer through the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Journey {
    /// State before each quarter, and its outcome; of the quarters since the one of entry.
    steps: [(usize, usize); WINDOW as usize],
    taken: usize,
    now: usize,
    /// Minor units, and the quarters in which they were earned.
    earned: Option<(i128, i64)>,
}

/// What happens to a state in a quarter: no purchase, so that one more quarter has passed; a purchase of who is a one-time buyer
/// after it; a purchase of who is a repeat buyer then. All that is not one of them does not happen.
type Moves<T> = [[T; 3]; STATES];

/// The customers of a group, as a chain sees them.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain {
    moves: Moves<i64>,
    /// Members in each state at the end.
    now: [i64; STATES],
    /// Minor units.
    earned: i128,
    active_quarters: i128,
}

impl Chain {
    /// Adds a customer.
    pub(super) fn add(&mut self, journey: &Journey) {
        for &(from, outcome) in &journey.steps[..journey.taken] {
            self.moves[from][outcome] += 1;
        }
        self.now[journey.now] += 1;
        if let Some((earned, quarters)) = journey.earned {
            self.earned += earned;
            self.active_quarters += i128::from(quarters);
        }
    }

    /// The probabilities of all customers. A state that nobody has left is like that of a quarter before; at first nobody buys.
    pub(super) fn shares(&self) -> Moves<f64> {
        let mut shares = [[1.0, 0.0, 0.0]; STATES];
        for (state, row) in self.moves.iter().enumerate() {
            let all: i64 = row.iter().sum();
            if all > 0 {
                shares[state] = row.map(|count| count as f64 / all as f64);
            } else if state >= 2 {
                shares[state] = shares[state - 2];
            }
        }
        shares
    }

    /// Minor units that the members will bring, when `all` holds of all customers; `None` without members who have bought.
    pub(super) fn value(&self, plan: &ChainPlan, all: &Moves<f64>) -> Option<f64> {
        if self.active_quarters <= 0 {
            return None;
        }
        let lean = |(own, all): (&[i64; 3], &[f64; 3])| {
            let sum = own.iter().sum::<i64>() as f64 + LEANING;
            [0, 1, 2].map(|outcome| (own[outcome] as f64 + LEANING * all[outcome]) / sum)
        };
        let rows: Vec<[f64; 3]> = self.moves.iter().zip(all).map(lean).collect();
        let mut members = self.now.map(|count| count as f64);
        let mut purchases = 0.0;
        for factor in &plan.factors {
            let mut next = [0.0; STATES];
            for (from, (count, row)) in members.iter().zip(&rows).enumerate() {
                next[(from + 2).min(STATES - 2 + from % 2)] += count * row[0];
                next[0] += count * row[1];
                next[1] += count * row[2];
            }
            members = next;
            purchases += (members[0] + members[1]) * factor;
        }
        Some(purchases * (self.earned as f64 / self.active_quarters as f64))
    }
}
