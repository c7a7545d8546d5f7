//! `group_values`: what groups of customers are worth now and may be worth.
//!
//! A group is the customers with the same values of some text columns: attributes, segments. Its money is the sum of its
//! members' rounded money, exactly. Its expected purchases and lifetime value come with two intervals: of the expectation, since
//! the parameters are uncertain, and of what will be seen, since the members are, too ([`appraise_clv::Forecast`]).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use appraise_clv::{GroupIntervals, Interval, Member, Spend};
use appraise_schema::money::{CUSTOMER_PRECISION, TOTAL_PRECISION};
use appraise_schema::{AsOf, ColumnSpec, ColumnType, TableContract};
use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal64Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow::datatypes::{DataType, Decimal64Type, Float64Type, Int64Type};

use crate::clv::{ClvCard, ClvConfig, Customers, Forecasts};
use crate::columns::{minor_per_unit, texts, typed};
use crate::error::ModelError;

/// Money columns that are summed where they are there.
const SUMMED: [(&str, &str); 8] = [
    ("gross_margin", "sum of the members' gross_margin"),
    ("clv", "sum of the members' clv"),
    ("expected_loss", "sum of the members' expected_loss"),
    ("credit_adjusted_clv", "sum of the members' credit_adjusted_clv"),
    ("prospect_value", "sum of the members' prospect_value, which is in no clv"),
    ("lookalike_value", "sum of the members' lookalike_value, a year"),
    ("potential_value", "sum of the members' potential_value"),
    ("expected_potential_value", "sum of the members' expected_potential_value"),
];

/// The column of the probability of default.
const DEFAULT: &str = "probability_of_default";

/// Which groups are valued.
pub(crate) struct GroupPlan {
    /// The text columns of each set of groups.
    sets: Vec<Vec<String>>,
    /// All of them, each once.
    attributes: Vec<String>,
    /// Those of [`SUMMED`] that are there.
    summed: Vec<&'static str>,
    clv: Option<ClvConfig>,
    /// Whether there is a probability of default.
    credit: bool,
    /// Decimal places of money.
    scale: u8,
    pub(crate) contract: TableContract,
}

impl GroupPlan {
    /// Checks that `columns`, those of features and models, have the text columns of `sets`.
    ///
    /// # Errors
    /// [`ModelError::Column`] for the first that is not there.
    pub(crate) fn new(
        sets: &[Vec<String>],
        columns: &[ColumnSpec],
        clv: Option<&ClvConfig>,
        scale: u8,
    ) -> Result<Self, ModelError> {
        let find = |name: &str| columns.iter().find(|column| column.name == name);
        let mut attributes: Vec<String> = Vec::new();
        for name in sets.iter().flatten() {
            if find(name).is_none_or(|column| column.column_type != ColumnType::String) {
                return Err(ModelError::Column { column: name.clone(), expected: "STRING".to_owned() });
            }
            if !attributes.contains(name) {
                attributes.push(name.clone());
            }
        }
        let summed: Vec<&'static str> =
            SUMMED.iter().map(|(name, _)| *name).filter(|name| find(name).is_some()).collect();
        let unit = find("net_revenue").map(|column| column.unit.clone()).unwrap_or_default();
        let credit = find(DEFAULT).is_some();
        let specs = specs(&attributes, &summed, clv, credit, scale, &unit);
        let contract = TableContract::new("group_values", "what a group of customers is worth", specs)?;
        Ok(Self { sets: sets.to_vec(), attributes, summed, clv: clv.cloned(), credit, scale, contract })
    }

    /// The columns that are read of features and models.
    pub(crate) fn inputs(&self) -> Vec<String> {
        let mut inputs = vec!["orders".to_owned(), "total_revenue".to_owned(), "net_revenue".to_owned()];
        inputs.extend(self.attributes.iter().cloned());
        inputs.extend(self.summed.iter().map(|&name| name.to_owned()));
        inputs.extend(self.credit.then(|| DEFAULT.to_owned()));
        inputs.extend(self.clv.iter().flat_map(ClvConfig::inputs));
        inputs
    }

    /// What forecasts groups by the fits of `card`.
    ///
    /// # Errors
    /// [`ModelError::CardValue`] when the card's parameters are none.
    pub(crate) fn forecasts(&self, card: Option<&ClvCard>) -> Result<Option<Forecasts>, ModelError> {
        match (&self.clv, card) {
            (Some(config), Some(card)) => Forecasts::new(config, card),
            _ => Ok(None),
        }
    }

    /// A tally of no customers.
    pub(crate) fn tally(&self) -> GroupTally<'_> {
        GroupTally { plan: self, groups: vec![BTreeMap::new(); self.sets.len()], members: Vec::new() }
    }
}

fn specs(
    attributes: &[String],
    summed: &[&str],
    clv: Option<&ClvConfig>,
    credit: bool,
    scale: u8,
    unit: &str,
) -> Vec<ColumnSpec> {
    let money = ColumnType::Decimal { precision: TOTAL_PRECISION, scale };
    let double = |name: &str, meaning: &str| ColumnSpec::nullable(name, ColumnType::Float64, "", meaning);
    let amount = |name: &str, meaning: &str| ColumnSpec::nullable(name, money, unit, meaning);
    let text = ColumnType::String;
    let mut columns = vec![
        ColumnSpec::as_of(),
        ColumnSpec::required(
            "group_id",
            text,
            "",
            "columns and values of the group, such as industry=art/region=~null",
        ),
        ColumnSpec::required("group_set", text, "", "the columns that make the groups, with + between them"),
    ];
    columns.extend(attributes.iter().map(|name| {
        ColumnSpec::nullable(name, text, "", "value of the group; NULL where the set does not use it, or there is none")
    }));
    columns.extend([
        ColumnSpec::required("customers", ColumnType::Int64, "customers", "members"),
        ColumnSpec::required("buyers", ColumnType::Int64, "customers", "members with orders"),
        ColumnSpec::required("total_revenue", money, unit, "sum of the members' total_revenue"),
        ColumnSpec::required("net_revenue", money, unit, "sum of the members' net_revenue"),
        double("revenue_share", "total_revenue over that of all customers"),
        double("revenue_gini", "Gini coefficient of total_revenue among buyers: 0 is equal"),
        double("top_decile_revenue_share", "share of the best tenth of the buyers, rounded up, in total_revenue"),
    ]);
    columns.extend(SUMMED.iter().filter(|(name, _)| summed.contains(name)).map(|(name, of)| amount(name, of)));
    columns
        .extend(credit.then(|| double("mean_probability_of_default", "mean of the members' probability_of_default")));
    if let Some(clv) = clv {
        let horizon = clv.horizon;
        let interval = "2.5 % to 97.5 %; NULL where something stands in for a fit";
        columns.extend([
            double("active_customers", "sum of the members' p_alive"),
            double("active_share", "active_customers over buyers"),
            double("clv_share", "clv over that of all customers"),
            double("expected_purchases", &format!("sum of the members' expected_purchases in the next {horizon}")),
        ]);
        for (kind, what) in [("expected", "the expectation"), ("realised", "what will be seen")] {
            for end in ["low", "high"] {
                let name = format!("purchases_{kind}_{end}");
                columns.push(double(&name, &format!("{end} end of the interval of {what} of purchases, {interval}")));
            }
        }
        for (kind, what) in [("expected", "the expectation"), ("realised", "what will be seen")] {
            for end in ["low", "high"] {
                let name = format!("clv_{kind}_{end}");
                columns.push(amount(&name, &format!("{end} end of the interval of {what} of clv, {interval}")));
            }
        }
    }
    columns
}

/// The values of a group's attributes.
type Values = Vec<Option<String>>;

/// What is summed up of a group.
#[derive(Debug, Clone, Default)]
struct Group {
    customers: i64,
    buyers: i64,
    total_revenue: i128,
    net_revenue: i128,
    /// Of [`GroupPlan::summed`]; `None` while no member has one.
    sums: Vec<Option<i128>>,
    /// Probabilities of default, and how many members have one.
    defaults: (f64, u64),
    active: f64,
    purchases: f64,
    /// Minor units of each buyer's `total_revenue`.
    revenues: Vec<i64>,
    /// Places of the valued members.
    members: Vec<u32>,
}

/// Groups while customers are valued.
pub(crate) struct GroupTally<'p> {
    plan: &'p GroupPlan,
    /// Of each set.
    groups: Vec<BTreeMap<Values, Group>>,
    /// Customers with a lifetime value, and the number of the fit that gave it.
    members: Vec<(Member, usize)>,
}

/// The columns of a batch that are tallied.
struct Rows<'a> {
    texts: Vec<&'a StringArray>,
    orders: &'a Int64Array,
    total_revenue: &'a Decimal64Array,
    net_revenue: &'a Decimal64Array,
    summed: Vec<&'a Decimal64Array>,
    default: Option<&'a Float64Array>,
    lifetime: Option<Lifetime<'a>>,
}

/// The columns of lifetime value.
struct Lifetime<'a> {
    customers: Customers<'a>,
    p_alive: &'a Float64Array,
    purchases: &'a Float64Array,
    spend: &'a Decimal64Array,
    clv: &'a Decimal64Array,
}

impl<'a> Rows<'a> {
    fn of(plan: &GroupPlan, batch: &'a RecordBatch) -> Result<Self, ModelError> {
        let minor = DataType::Decimal64(CUSTOMER_PRECISION, plan.scale.cast_signed());
        let money = |name: &str| typed(batch, name, &minor).map(AsArray::as_primitive::<Decimal64Type>);
        let double = |name: &str| typed(batch, name, &DataType::Float64).map(AsArray::as_primitive::<Float64Type>);
        let lifetime = match &plan.clv {
            None => None,
            Some(config) => Some(Lifetime {
                customers: Customers::new(config, plan.scale, config.is_discrete(), batch)?,
                p_alive: double("p_alive")?,
                purchases: double("expected_purchases")?,
                spend: money("expected_spend")?,
                clv: money("clv")?,
            }),
        };
        Ok(Self {
            texts: texts(&plan.attributes, batch)?,
            orders: typed(batch, "orders", &DataType::Int64)?.as_primitive::<Int64Type>(),
            total_revenue: money("total_revenue")?,
            net_revenue: money("net_revenue")?,
            summed: plan.summed.iter().map(|name| money(name)).collect::<Result<_, _>>()?,
            default: if plan.credit { Some(double(DEFAULT)?) } else { None },
            lifetime,
        })
    }
}

impl Lifetime<'_> {
    /// The customer in `row`, when a model values it.
    fn member(&self, row: usize, models_spend: bool, minor_per_unit: f64) -> Option<Member> {
        let history = self.customers.history(row)?;
        if self.purchases.is_null(row) || self.spend.is_null(row) || self.clv.is_null(row) {
            return None;
        }
        let spend_of_one = if models_spend { self.spend.value(row) as f64 } else { minor_per_unit };
        let outlay = self.purchases.value(row) * spend_of_one;
        let spend = Spend { x: history.x, m: self.customers.mean_spend(row).unwrap_or_default().max(0.0) };
        let worth = if outlay > 0.0 { self.clv.value(row) as f64 / outlay } else { 0.0 };
        Some(Member { key: self.customers.key_hash(row), history, spend, worth })
    }
}

impl GroupTally<'_> {
    /// Adds valued customers; `fits` gives the number of the fit that valued each row.
    ///
    /// # Errors
    /// [`ModelError::Column`] when a column is absent.
    pub(crate) fn observe(&mut self, batch: &RecordBatch, fits: Option<&Forecasts>) -> Result<(), ModelError> {
        let rows = Rows::of(self.plan, batch)?;
        let models_spend = fits.is_some_and(Forecasts::models_spend);
        let minor_per_unit = minor_per_unit(self.plan.scale);
        let numbers = fits.map(|fits| fits.numbers(batch)).transpose()?;
        for row in 0..batch.num_rows() {
            let member = rows.lifetime.as_ref().and_then(|lifetime| lifetime.member(row, models_spend, minor_per_unit));
            let place = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
            let fit = numbers.as_ref().map_or(0, |numbers| numbers[row]);
            self.members.extend(member.map(|member| (member, fit)));
            for (set, groups) in self.plan.sets.iter().zip(&mut self.groups) {
                let value = |name: &String| {
                    let position = self.plan.attributes.iter().position(|attribute| attribute == name)?;
                    let texts = rows.texts[position];
                    texts.is_valid(row).then(|| texts.value(row).to_owned())
                };
                let group = groups.entry(set.iter().map(value).collect()).or_default();
                group.add(&rows, row);
                group.members.extend(member.map(|_| place));
            }
        }
        Ok(())
    }

    /// The rows of `group_values`: sets in their order, groups by their values, NULL first.
    ///
    /// # Errors
    /// When a total does not fit DECIMAL(38), or the card's parameters are none.
    pub(crate) fn finish(self, as_of: AsOf, forecasts: Option<&Forecasts>) -> Result<RecordBatch, ModelError> {
        let mut out = Output::default();
        let whole = |groups: &BTreeMap<Values, Group>, of: fn(&Group) -> i128| groups.values().map(of).sum::<i128>();
        let clv = self.plan.summed.iter().position(|name| *name == "clv");
        for (set, groups) in self.plan.sets.iter().zip(&self.groups) {
            let all_revenue = whole(groups, |group| group.total_revenue);
            let all_clv: i128 = clv.map_or(0, |clv| groups.values().filter_map(|group| group.sums[clv]).sum());
            let intervals = forecasts.map_or_else(|| vec![None; groups.len()], |fits| self.intervals(groups, fits));
            for ((values, group), intervals) in groups.iter().zip(intervals) {
                out.ids.push(group_id(set, values));
                out.sets.push(if set.is_empty() { "all".to_owned() } else { set.join("+") });
                out.values.push(
                    self.plan
                        .attributes
                        .iter()
                        .map(|name| {
                            set.iter().position(|column| column == name).and_then(|position| values[position].clone())
                        })
                        .collect(),
                );
                out.revenue_shares.push(share(group.total_revenue, all_revenue));
                out.clv_shares.push(clv.and_then(|clv| share(group.sums[clv]?, all_clv)));
                out.groups.push(group);
                out.intervals.push(intervals);
            }
        }
        out.batch(self.plan, as_of)
    }

    /// The intervals of each group.
    fn intervals(&self, groups: &BTreeMap<Values, Group>, forecasts: &Forecasts) -> Vec<Option<GroupIntervals>> {
        let members = |group: &Group| group.members.iter().map(|&place| self.members[place as usize]).collect();
        forecasts.intervals(&groups.values().map(members).collect::<Vec<_>>())
    }
}

impl Group {
    fn add(&mut self, rows: &Rows<'_>, row: usize) {
        self.customers += 1;
        let revenue = rows.total_revenue.value(row);
        self.total_revenue += i128::from(revenue);
        self.net_revenue += i128::from(rows.net_revenue.value(row));
        if rows.orders.value(row) > 0 {
            self.buyers += 1;
            self.revenues.push(revenue);
        }
        self.sums.resize(rows.summed.len(), None);
        for (sum, column) in self.sums.iter_mut().zip(&rows.summed) {
            if column.is_valid(row) {
                *sum = Some(sum.unwrap_or_default() + i128::from(column.value(row)));
            }
        }
        if let Some(default) = rows.default.filter(|default| default.is_valid(row)) {
            self.defaults.0 += default.value(row);
            self.defaults.1 += 1;
        }
        if let Some(lifetime) = &rows.lifetime {
            let value = |column: &Float64Array| if column.is_valid(row) { column.value(row) } else { 0.0 };
            self.active += value(lifetime.p_alive);
            self.purchases += value(lifetime.purchases);
        }
    }

    /// Gini coefficient of the buyers' revenue, and the share of the best tenth of them.
    fn concentration(&self) -> (Option<f64>, Option<f64>) {
        let mut revenues = self.revenues.clone();
        revenues.sort_unstable();
        let (count, sum) = (revenues.len() as i128, revenues.iter().map(|r| i128::from(*r)).sum::<i128>());
        if count == 0 || sum <= 0 {
            return (None, None);
        }
        let ranked: i128 = (1..).zip(&revenues).map(|(rank, revenue)| rank * i128::from(*revenue)).sum();
        let gini = (2 * ranked - (count + 1) * sum) as f64 / (count * sum) as f64;
        let best = revenues.len().div_ceil(10);
        let of_best: i128 = revenues.iter().rev().take(best).map(|revenue| i128::from(*revenue)).sum();
        (Some(gini), Some(of_best as f64 / sum as f64))
    }
}

fn share(part: i128, whole: i128) -> Option<f64> {
    (whole != 0).then(|| part as f64 / whole as f64)
}

/// The columns and values of a group, such as `industry=art/region=~null`; values are percent-encoded.
fn group_id(set: &[String], values: &[Option<String>]) -> String {
    if set.is_empty() {
        return "all".to_owned();
    }
    let mut id = String::new();
    for (name, value) in set.iter().zip(values) {
        let separator = if id.is_empty() { "" } else { "/" };
        let _ = write!(id, "{separator}{name}=");
        match value {
            None => id.push_str("~null"),
            Some(value) => value.bytes().for_each(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => id.push(char::from(byte)),
                _ => {
                    let _ = write!(id, "%{byte:02X}");
                }
            }),
        }
    }
    id
}

/// The rows of the table.
#[derive(Default)]
struct Output<'g> {
    ids: Vec<String>,
    sets: Vec<String>,
    values: Vec<Values>,
    revenue_shares: Vec<Option<f64>>,
    clv_shares: Vec<Option<f64>>,
    groups: Vec<&'g Group>,
    intervals: Vec<Option<GroupIntervals>>,
}

impl Output<'_> {
    fn batch(self, plan: &GroupPlan, as_of: AsOf) -> Result<RecordBatch, ModelError> {
        let groups = &self.groups;
        let counts = |of: fn(&Group) -> i64| -> ArrayRef {
            Arc::new(groups.iter().map(|group| of(group)).collect::<Int64Array>())
        };
        let doubles = |values: Vec<Option<f64>>| -> ArrayRef { Arc::new(Float64Array::from(values)) };
        let amounts = |values: Vec<Option<i128>>| -> Result<ArrayRef, ModelError> {
            let array = Decimal128Array::from(values);
            Ok(Arc::new(array.with_precision_and_scale(TOTAL_PRECISION, plan.scale.cast_signed())?))
        };
        let texts = |values: &[String]| -> ArrayRef { Arc::new(StringArray::from_iter_values(values)) };
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(Date32Array::from(vec![as_of.day(); groups.len()])), texts(&self.ids), texts(&self.sets)];
        for position in 0..plan.attributes.len() {
            columns
                .push(Arc::new(self.values.iter().map(|values| values[position].as_deref()).collect::<StringArray>()));
        }
        let concentration: Vec<_> = groups.iter().map(|group| group.concentration()).collect();
        columns.extend([counts(|group| group.customers), counts(|group| group.buyers)]);
        columns.push(amounts(groups.iter().map(|group| Some(group.total_revenue)).collect())?);
        columns.push(amounts(groups.iter().map(|group| Some(group.net_revenue)).collect())?);
        columns.push(doubles(self.revenue_shares.clone()));
        columns.push(doubles(concentration.iter().map(|(gini, _)| *gini).collect()));
        columns.push(doubles(concentration.iter().map(|(_, share)| *share).collect()));
        for position in 0..plan.summed.len() {
            columns.push(amounts(groups.iter().map(|group| group.sums[position]).collect())?);
        }
        if plan.credit {
            let mean = |Group { defaults: (sum, count), .. }: &&Group| (*count > 0).then(|| sum / *count as f64);
            columns.push(doubles(groups.iter().map(mean).collect()));
        }
        if plan.clv.is_some() {
            let of_buyers = |group: &&Group| (group.buyers > 0).then(|| group.active / group.buyers as f64);
            columns.push(doubles(groups.iter().map(|group| Some(group.active)).collect()));
            columns.push(doubles(groups.iter().map(of_buyers).collect()));
            columns.push(doubles(self.clv_shares.clone()));
            columns.push(doubles(groups.iter().map(|group| Some(group.purchases)).collect()));
            let ends: [fn(&Interval) -> f64; 2] = [|interval| interval.low, |interval| interval.high];
            let of_purchases: [fn(&GroupIntervals) -> Interval; 2] =
                [|all| all.purchases.expected, |all| all.purchases.realised];
            for (of, end) in of_purchases.into_iter().flat_map(|of| ends.map(|end| (of, end))) {
                let value = |all: &Option<GroupIntervals>| all.as_ref().map(|all| end(&of(all)));
                columns.push(doubles(self.intervals.iter().map(value).collect()));
            }
            let of_value: [fn(&GroupIntervals) -> Option<Interval>; 2] =
                [|all| Some(all.value?.expected), |all| Some(all.value?.realised)];
            for (of, end) in of_value.into_iter().flat_map(|of| ends.map(|end| (of, end))) {
                let value = |all: &Option<GroupIntervals>| minor(end(&of(all.as_ref()?)?), plan.scale);
                columns.push(amounts(self.intervals.iter().map(value).collect())?);
            }
        }
        Ok(RecordBatch::try_new(plan.contract.arrow(), columns)?)
    }
}

/// Minor units of an amount in whole ones.
#[expect(clippy::cast_possible_truncation, reason = "far below the bounds of DECIMAL(38)")]
fn minor(money: f64, scale: u8) -> Option<i128> {
    let minor = libm::rint(money * minor_per_unit(scale));
    (minor.abs() < 1e36).then_some(minor as i128)
}
