//! How well lifetime values as of an earlier date foretold what came until the run's date.
//!
//! Customers are folded twice, as of the cut date and as of the run's date. The purchase models are fitted to what was known at
//! the cut, and what they expected of each buyer is compared with what the buyer did, and with what simple rules expected.

use std::path::Path;

pub use appraise_model::{ByFrequency, Decile, Quality};
use appraise_model::{ClvConfig, Fallback, Margin, ModelCard, ModelConfig, ModelPlan, Outcomes};
use appraise_schema::{AsOf, Horizon, TableContract};
use arrow::array::{Array, AsArray, Decimal64Array, RecordBatch};
use arrow::datatypes::{Decimal64Type, Float64Type, Int64Type};
use serde::Serialize;

use crate::clock::Clock;
use crate::error::RunError;
use crate::run::{RunOptions, Watch};
use crate::spec::Loaded;
use crate::spec::resolved::BacktestGate;
use crate::unpublished;

/// The features that are compared.
const COMPARED: [&str; 5] = ["purchase_periods", "frequency", "customer_age", "total_revenue", "reversed_revenue"];
/// The window that the rule of the last year reads.
const LAST_YEAR: &str = "active_days_365d";
/// Days of that window.
const YEAR_DAYS: f64 = 365.0;

/// The judgement of one cut date.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backtest {
    /// The date at which customers were valued.
    pub cut: String,
    /// The date until which they were watched.
    pub until: String,
    /// Days from the one to the other.
    pub holdout_days: u32,
    /// Buyers at the cut.
    pub customers: u64,
    /// The model of purchases that was fitted.
    pub model: String,
    /// Forecasts of purchase periods: the model first, then the rules `mean`, `last_year_repeat`, `historic_rate`.
    pub purchases: Vec<Quality>,
    /// Forecasts of revenue: the model first, then each rule's purchases at the customer's mean spend of a period.
    pub revenue: Vec<Quality>,
    /// Purchase periods foretold and come, by frequency.
    pub by_frequency: Vec<ByFrequency>,
    /// Revenue foretold and come, by tenths of the forecast.
    pub deciles: Vec<Decile>,
    /// Purchase periods foretold and come up to dates within the holdout.
    pub tracking: Vec<Tracking>,
}

/// Purchases of all customers from the cut to a date.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tracking {
    /// The date.
    pub until: String,
    /// Purchase periods foretold.
    pub predicted: f64,
    /// Purchase periods that came.
    pub actual: f64,
}

/// What is judged.
#[derive(Debug, Clone)]
pub struct BacktestOptions {
    /// Days from the cut to the run's date.
    pub holdout_days: u32,
    /// Dates within the holdout, the last included, at which purchases are counted; each reads the inputs again. At least 1.
    pub steps: u32,
}

impl BacktestOptions {
    /// Judges by the last `holdout` before the run's date, with purchases counted at so many dates within it.
    #[must_use]
    pub fn new(holdout: Horizon, steps: u32) -> Self {
        Self { holdout_days: holdout.whole_days(), steps }
    }
}

/// Judges the lifetime values of `loaded` by the last days before the run's date.
///
/// # Errors
/// Everything that stops a run, and [`RunError::NothingToJudge`] where the pipeline has no lifetime values, or nobody had bought
/// by the cut.
pub fn backtest(
    loaded: &Loaded,
    options: &RunOptions,
    asked: &BacktestOptions,
    clock: &dyn Clock,
    watch: &dyn Watch,
) -> Result<Backtest, RunError> {
    let Some(clv) = loaded.pipeline.model.clv.clone() else {
        return Err(RunError::NothingToJudge { why: "the pipeline has no `model.clv`".to_owned() });
    };
    let folder = tempfile::Builder::new().prefix("appraise-backtest-").tempdir_in(&options.temp_dir);
    let folder = folder.map_err(|source| RunError::Spill { folder: options.temp_dir.clone(), source })?;
    let nights = Nights { loaded, options, clock, watch, folder: folder.path() };
    let day = |back: u32| date_before(options.as_of, back);
    let cut = day(asked.holdout_days)?;
    let (contract, known) = nights.features(cut, &features_of(&clv))?;
    let customers = Customers::read(&known)?;
    if customers.periods.iter().all(|periods| *periods == 0) {
        return Err(RunError::NothingToJudge { why: format!("nobody had bought by {cut}") });
    }
    let unit_days = clv.unit_days;
    let valuer = Valuer::new(cut, &contract, clv, &known, asked.holdout_days)?;
    let mut tracking = Vec::new();
    let mut last = None;
    for step in 1..=asked.steps.max(1) {
        let days = asked.holdout_days * step / asked.steps.max(1);
        let until = day(asked.holdout_days - days)?;
        let (_, came) = nights.features(until, &COMPARED.map(str::to_owned))?;
        let came = customers.since(&Customers::read(&came)?);
        let foretold = valuer.forecast(days)?;
        let predicted = foretold.purchases.iter().sum();
        tracking.push(Tracking { until: until.to_string(), predicted, actual: came.periods.iter().sum() });
        last = Some((foretold, came));
    }
    let Some((foretold, came)) = last else {
        return Err(RunError::NothingToJudge { why: "no date was asked for".to_owned() });
    };
    let until = options.as_of.to_string();
    Ok(judge(
        &customers,
        unit_days,
        &foretold,
        &came,
        Backtest {
            cut: cut.to_string(),
            until,
            holdout_days: asked.holdout_days,
            customers: customers.buyers().count() as u64,
            model: foretold.model.clone(),
            purchases: Vec::new(),
            revenue: Vec::new(),
            by_frequency: Vec::new(),
            deciles: Vec::new(),
            tracking,
        },
    ))
}

/// The date `days` before `as_of`.
fn date_before(as_of: AsOf, days: u32) -> Result<AsOf, RunError> {
    let date = as_of.date().checked_sub_days(chrono::Days::new(u64::from(days)));
    let date = date.and_then(|date| date.to_string().parse().ok());
    date.ok_or_else(|| RunError::NothingToJudge { why: format!("there is no date {days} days before {as_of}") })
}

/// The features that fitting and comparing read.
fn features_of(clv: &ClvConfig) -> Vec<String> {
    let fit = ["first_purchase_date", "last_purchase_date", "days_since_last_purchase", "recency", "monetary_value"];
    let mut only: Vec<String> = fit.iter().chain(&COMPARED).map(|&name| name.to_owned()).collect();
    only.extend(["orders", "net_revenue", "gross_margin", LAST_YEAR].map(str::to_owned));
    only.extend(clv.fit_by.iter().chain(&clv.covariates).cloned());
    only
}

impl Backtest {
    /// The judgement in few words, for the record of a run.
    pub(crate) fn figures(&self) -> String {
        let Self { model, cut, until, .. } = self;
        let bias = self.purchases.first().and_then(|model| model.bias);
        let bias = bias.map_or("not known".to_owned(), |bias| format!("{:.1}%", 100.0 * bias));
        format!("{model} from {cut} to {until}: bias of purchases {bias}")
    }

    /// What `gate` finds wrong, in words; nothing when the gate is passed.
    #[must_use]
    pub fn failures(&self, gate: &BacktestGate) -> Vec<String> {
        let mut failures = Vec::new();
        let bias = self.purchases.first().and_then(|model| model.bias);
        if let (Some(most), Some(bias)) = (gate.max_bias, bias)
            && bias.abs() > most.fraction()
        {
            let percent = 100.0 * bias;
            failures.push(format!("purchases were foretold with a bias of {percent:.1}%, allowed are {most}"));
        }
        if let (Some(least), Some(gain)) = (gate.min_gini_gain, self.gini_gain())
            && gain < least
        {
            failures
                .push(format!("the Gini coefficient of revenue is {gain:.3} above the best rule's, asked are {least}"));
        }
        failures
    }

    /// Gini coefficient of the model's revenue less that of the best rule.
    fn gini_gain(&self) -> Option<f64> {
        let (model, rules) = self.revenue.split_first()?;
        let best = rules.iter().filter_map(|rule| rule.gini).fold(f64::NEG_INFINITY, f64::max);
        model.gini.map(|gini| gini - best).filter(|gain| gain.is_finite())
    }
}

/// Folds customers as of several dates.
struct Nights<'a> {
    loaded: &'a Loaded,
    options: &'a RunOptions,
    clock: &'a dyn Clock,
    watch: &'a dyn Watch,
    folder: &'a Path,
}

impl Nights<'_> {
    /// The features `only` as of `as_of`, with their contract.
    fn features(&self, as_of: AsOf, only: &[String]) -> Result<(TableContract, Vec<RecordBatch>), RunError> {
        let mut loaded = self.loaded.clone();
        loaded.pipeline.model = crate::spec::resolved::Model::default();
        let features = &mut loaded.pipeline.features;
        let year = "365d".parse().ok().filter(|year| !features.windows.contains(year));
        features.windows.extend(year);
        features.windows.sort_unstable();
        features.only = Some(only.iter().cloned().collect());
        let options = RunOptions { as_of, ..self.options.clone() };
        let folder = self.folder.join(as_of.to_string());
        let (tables, rows) = unpublished::fold(&loaded, &folder, &options, self.clock, self.watch)?;
        let batches = rows.batches()?.collect::<Result<Vec<_>, _>>()?;
        Ok((tables.features.contract, batches))
    }
}

/// The compared columns of all customers, in the order of the table.
#[derive(Debug, Default)]
struct Customers {
    keys: Vec<Key>,
    periods: Vec<i64>,
    frequency: Vec<u64>,
    age: Vec<f64>,
    /// Of the purchases that stand, in whole units of money.
    revenue: Vec<f64>,
    last_year: Vec<f64>,
}

/// A customer's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Integer(i64),
    Text(String),
}

/// What customers did from one date to another.
struct Came {
    periods: Vec<f64>,
    revenue: Vec<f64>,
}

impl Customers {
    fn read(batches: &[RecordBatch]) -> Result<Self, RunError> {
        let mut all = Self::default();
        for batch in batches {
            let lacks = |name: &str| RunError::NothingToJudge { why: format!("there is no column `{name}`") };
            let column = |name: &str| batch.column_by_name(name).ok_or_else(|| lacks(name));
            let integers = |name| column(name).map(AsArray::as_primitive::<Int64Type>);
            let money = |name| column(name).map(AsArray::as_primitive::<Decimal64Type>);
            let keys = column("customer_id")?;
            match keys.as_primitive_opt::<Int64Type>() {
                Some(keys) => all.keys.extend(keys.values().iter().map(|key| Key::Integer(*key))),
                None => all.keys.extend(keys.as_string::<i32>().iter().flatten().map(|key| Key::Text(key.to_owned()))),
            }
            all.periods.extend(integers("purchase_periods")?.values());
            let counts = integers("frequency")?.iter().map(|count| count.map_or(0, i64::unsigned_abs));
            all.frequency.extend(counts);
            let ages = column("customer_age")?.as_primitive::<Float64Type>();
            all.age.extend(ages.iter().map(Option::unwrap_or_default));
            let (total, reversed) = (money("total_revenue")?, money("reversed_revenue")?);
            let unit = minor_per_unit(total);
            let standing = total.values().iter().zip(reversed.values()).map(|(total, reversed)| total - reversed);
            all.revenue.extend(standing.map(|minor| minor as f64 / unit));
            match column(LAST_YEAR) {
                Ok(days) => {
                    let days = days.as_primitive::<Int64Type>().iter();
                    all.last_year.extend(days.map(|days| days.unwrap_or_default() as f64));
                }
                Err(_) => all.last_year.resize(all.keys.len(), 0.0),
            }
        }
        Ok(all)
    }

    /// Rows of customers who had bought.
    fn buyers(&self) -> impl Iterator<Item = usize> {
        (0..self.keys.len()).filter(|row| self.periods[*row] > 0)
    }

    /// What each of these customers did until `later`, where the same customers stand in the same order among others.
    fn since(&self, later: &Self) -> Came {
        let (mut periods, mut revenue) = (Vec::new(), Vec::new());
        let mut position = 0;
        for (row, key) in self.keys.iter().enumerate() {
            while later.keys.get(position).is_some_and(|other| other != key) {
                position += 1;
            }
            // A purchase that came back since the cut no longer stands.
            periods.push(later.periods.get(position).map_or(0.0, |now| (now - self.periods[row]) as f64));
            revenue.push(later.revenue.get(position).map_or(0.0, |now| now - self.revenue[row]));
        }
        Came { periods, revenue }
    }
}

/// Values customers as of the cut, by models that were fitted to them once.
struct Valuer<'a> {
    contract: &'a TableContract,
    clv: ClvConfig,
    known: &'a [RecordBatch],
    card: ModelCard,
}

/// What was foretold of each customer.
struct Foretold {
    model: String,
    purchases: Vec<f64>,
    /// In whole units of money.
    revenue: Vec<f64>,
}

impl<'a> Valuer<'a> {
    fn new(
        cut: AsOf,
        contract: &'a TableContract,
        clv: ClvConfig,
        known: &'a [RecordBatch],
        days: u32,
    ) -> Result<Self, RunError> {
        let card = plan(&clv, contract, days)?.fit(cut, known)?.into_card();
        Ok(Self { contract, clv, known, card })
    }

    /// What is foretold for so many days from the cut.
    fn forecast(&self, days: u32) -> Result<Foretold, RunError> {
        let valued = plan(&self.clv, self.contract, days)?.apply(&self.card, self.known)?;
        let model = valued.card.clv.map(|clv| clv.purchases.model).unwrap_or_default();
        let (mut purchases, mut revenue) = (Vec::new(), Vec::new());
        for batch in &valued.batches {
            let expected = batch.column_by_name("expected_purchases").map(AsArray::as_primitive::<Float64Type>);
            let spend = batch.column_by_name("expected_spend").map(AsArray::as_primitive::<Decimal64Type>);
            let (Some(expected), Some(spend)) = (expected, spend) else { continue };
            for row in 0..batch.num_rows() {
                let count = if expected.is_null(row) { 0.0 } else { expected.value(row) };
                purchases.push(count);
                revenue.push(if spend.is_null(row) {
                    0.0
                } else {
                    count * spend.value(row) as f64 / minor_per_unit(spend)
                });
            }
        }
        Ok(Foretold { model, purchases, revenue })
    }
}

/// Lifetime values alone, for a horizon of so many days.
fn plan(clv: &ClvConfig, contract: &TableContract, days: u32) -> Result<ModelPlan, RunError> {
    let clv = ClvConfig {
        horizon: Horizon::from_days(days).map_err(|error| RunError::NothingToJudge { why: error.to_string() })?,
        // Neither margin nor discount has a part in what came.
        margin: Margin::Share(1.0),
        fallback: None::<Fallback>,
        probabilities: None,
        ..clv.clone()
    };
    Ok(ModelPlan::new(&ModelConfig { clv: Some(clv), ..ModelConfig::default() }, contract)?)
}

/// Minor units in a whole unit of the money of a column.
fn minor_per_unit(money: &Decimal64Array) -> f64 {
    10_f64.powi(i32::from(money.scale()))
}

/// Fills in the figures of `report`; ages are in units of so many days.
fn judge(customers: &Customers, unit_days: f64, foretold: &Foretold, came: &Came, mut report: Backtest) -> Backtest {
    let rows: Vec<usize> = customers.buyers().collect();
    let pick = |values: &[f64]| -> Vec<f64> { rows.iter().map(|&row| values[row]).collect() };
    let frequency: Vec<u64> = rows.iter().map(|&row| customers.frequency[row]).collect();
    let periods = Outcomes { frequency: frequency.clone(), actual: pick(&came.periods) };
    let money = Outcomes { frequency, actual: pick(&came.revenue) };
    let (purchases, revenue) = (pick(&foretold.purchases), pick(&foretold.revenue));
    report.by_frequency = periods.by_frequency(&purchases);
    report.deciles = money.deciles(&revenue);
    report.purchases.push(periods.quality(&foretold.model, &purchases));
    report.revenue.push(money.quality(&foretold.model, &revenue));
    for (name, rule) in rules(customers, &rows, f64::from(report.holdout_days) / unit_days, unit_days) {
        let spend = rows.iter().map(|&row| customers.revenue[row] / customers.periods[row] as f64);
        let value: Vec<f64> = rule.iter().zip(spend).map(|(purchases, spend)| purchases * spend).collect();
        report.purchases.push(periods.quality(name, &rule));
        report.revenue.push(money.quality(name, &value));
    }
    report
}

/// What simple rules foretell of the customers in `rows` for so many units of time of `unit_days`.
fn rules(customers: &Customers, rows: &[usize], time: f64, unit_days: f64) -> [(&'static str, Vec<f64>); 3] {
    let ages: f64 = rows.iter().map(|&row| customers.age[row]).sum();
    let repeats: f64 = rows.iter().map(|&row| customers.frequency[row] as f64).sum();
    let mean = if ages > 0.0 { repeats / ages } else { 0.0 };
    let historic = |row: usize| match customers.age[row] {
        age if age > 0.0 => customers.frequency[row] as f64 / age,
        _ => mean,
    };
    let last_year = |row: usize| customers.last_year[row] * unit_days / YEAR_DAYS;
    let foretold = |rate: &dyn Fn(usize) -> f64| rows.iter().map(|&row| rate(row) * time).collect();
    [("mean", foretold(&|_| mean)), ("last_year_repeat", foretold(&last_year)), ("historic_rate", foretold(&historic))]
}
