//! `customer_actions`: one row for each customer who has a strategy.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::Arc;

use appraise_schema::money::{CUSTOMER_PRECISION, MAX_CUSTOMER_MINOR, divide_half_even};
use appraise_schema::{ColumnSpec, ColumnType, TableContract, hash};
use arrow::array::{
    Array, ArrayRef, AsArray, Decimal64Array, Int64Array, RecordBatch, StringArray, StringBuilder, UInt64Array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Decimal64Type, Field, Int64Type, Schema};

use super::caps::{ActionCaps, Best};
use super::card::{StrategiesCard, StrategyCard, SuppressCard};
use super::{Strategies, StrategyConfig, segments};
use crate::card::CardValue;
use crate::columns::{absent, typed};
use crate::config::{ModelConfig, RuleSet};
use crate::error::ModelError;
use crate::reason::Reasons;
use crate::segments::{BoundRule, UNASSIGNED, Verdict, sql_columns};

/// What becomes of a customer's strategy.
pub(super) const STATUS_ACT: &str = "act";
const STATUS_CONTROL: &str = "control";
pub(super) const STATUS_CAPPED: &str = "capped";
const STATUS_SUPPRESSED: &str = "suppressed";

/// The column of drafts that the cap chooses by.
pub(super) const RANK: &str = "rank";

/// The column that is lifted unless a strategy names another.
const GAIN: &str = "clv";

/// `uplift` counts at nine decimal places.
const NANO: i128 = 1_000_000_000;

/// What is done about whom, checked against the columns that there are.
pub(crate) struct ActionPlan {
    strategies: Strategies,
    actions: Vec<Action>,
    /// By segment: the columns that its rule reads.
    reads: Vec<(String, Vec<String>)>,
    suppress: Vec<BoundRule>,
    /// The columns that each of them reads.
    suppress_reads: Vec<Vec<String>>,
    suppress_texts: Vec<String>,
    scale: u8,
    pub(crate) contract: TableContract,
}

/// A strategy as it is carried out.
struct Action {
    config: StrategyConfig,
    /// `actions` in one text.
    joined: String,
    /// The column that is lifted, where it is there.
    gain: Option<String>,
    /// Billionths that are added to it.
    uplift: Option<i128>,
    /// Keys whose hash is below are left untreated.
    control_below: u128,
}

impl Action {
    fn new(config: &StrategyConfig, columns: &[ColumnSpec], money: ColumnType) -> Result<Self, ModelError> {
        let name = config.gain.as_deref().unwrap_or(GAIN);
        let there = columns.iter().any(|column| column.name == name && column.column_type == money);
        if !there && (config.gain.is_some() || config.uplift.is_some()) {
            return Err(ModelError::Gain { strategy: config.name.clone(), column: name.to_owned() });
        }
        Ok(Self {
            config: config.clone(),
            joined: config.actions.join("+"),
            gain: there.then(|| name.to_owned()),
            uplift: config.uplift.map(|uplift| billionths(uplift.fraction())),
            control_below: hashes_below(config.control_share.fraction()),
        })
    }

    /// Minor units that treating a customer of this value is expected to gain; `None` where that is not known.
    fn expected_gain(&self, value: Option<i64>) -> Option<i64> {
        let added = divide_half_even(i128::from(value?) * self.uplift?, NANO)?;
        let gain = i64::try_from(added - i128::from(self.config.budget.unwrap_or_default())).ok()?;
        (gain.abs() <= MAX_CUSTOMER_MINOR).then_some(gain)
    }

    /// What customers beyond the cap are told.
    fn beyond(&self) -> String {
        let cap = self.config.cap.unwrap_or(u64::MAX);
        match &self.gain {
            Some(_) if self.uplift.is_some() => format!("beyond the {cap} customers of the highest expected gain"),
            Some(column) => format!("beyond the {cap} customers of the highest {column}"),
            None => format!("beyond the first {cap} customers"),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a share times a billion is small")]
fn billionths(share: f64) -> i128 {
    (share * NANO as f64).round() as i128
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 2^64, by a power of two: exact")]
fn hashes_below(share: f64) -> u128 {
    (share * 18_446_744_073_709_551_616.0) as u128
}

impl ActionPlan {
    /// Checks the strategies of `config` against `columns`, those of features and models; `None` without strategies.
    ///
    /// # Errors
    /// [`ModelError`] when a rule or a column does not fit.
    pub(crate) fn new(config: &ModelConfig, columns: &[ColumnSpec], scale: u8) -> Result<Option<Self>, ModelError> {
        if config.strategies.is_empty() {
            return Ok(None);
        }
        let money = ColumnType::customer_money(scale);
        let types = sql_columns(columns);
        let actions = config.strategies.iter().map(|of| Action::new(of, columns, money)).collect::<Result<_, _>>()?;
        let bound = |rule| BoundRule::new(RuleSet::Suppress, rule, &types);
        let suppress: Vec<BoundRule> = config.suppress.iter().map(bound).collect::<Result<_, _>>()?;
        let reads = |rule: &BoundRule| rule.columns().cloned().collect::<Vec<_>>();
        let of_segment = |rule| {
            let bound = BoundRule::new(RuleSet::Segments, rule, &types)?;
            Ok::<_, ModelError>((bound.segment.clone(), reads(&bound)))
        };
        Ok(Some(Self {
            strategies: Strategies::new(config)?,
            actions,
            reads: config.segments.iter().map(of_segment).collect::<Result<_, _>>()?,
            suppress_reads: suppress.iter().map(reads).collect(),
            suppress_texts: config.suppress.iter().map(|rule| rule.when.text().to_owned()).collect(),
            suppress,
            scale,
            contract: TableContract::new(
                "customer_actions",
                "one row per customer who has a strategy",
                specs(columns, money),
            )?,
        }))
    }

    /// The columns that are read of features and models.
    pub(crate) fn inputs(&self) -> Vec<String> {
        let gains = self.actions.iter().filter_map(|action| action.gain.as_ref());
        let of_rules = self.suppress_reads.iter().chain(self.reads.iter().map(|(_, columns)| columns)).flatten();
        gains.chain(of_rules).cloned().collect()
    }

    /// The columns of drafts: those of the table, and what caps choose by.
    pub(crate) fn drafts(&self) -> Arc<Schema> {
        let mut fields = self.contract.arrow().fields().to_vec();
        fields.push(Arc::new(Field::new(RANK, DataType::Int64, true)));
        Arc::new(Schema::new(fields))
    }

    /// A tally of no customers.
    pub(crate) fn tally(&self) -> ActionTally<'_> {
        let counts =
            self.actions.iter().map(|action| Counts { control: 0, suppressed: 0, best: Best::new(action.config.cap) });
        ActionTally { plan: self, counts: counts.collect(), met: vec![(0, 0); self.suppress.len()], drafts: 0 }
    }
}

fn specs(columns: &[ColumnSpec], money: ColumnType) -> Vec<ColumnSpec> {
    let unit = columns.iter().find(|column| column.name == "net_revenue").map(|column| column.unit.clone());
    let unit = unit.unwrap_or_default();
    let text = ColumnType::String;
    let always = |name: &str, meaning: &str| ColumnSpec::required(name, text, "", meaning);
    let maybe = |name: &str, meaning: &str| ColumnSpec::nullable(name, text, "", meaning);
    let key = columns.iter().find(|column| column.name == "customer_id").cloned();
    let mut specs = vec![ColumnSpec::as_of()];
    specs.extend(key);
    specs.extend([
        always("segment", "the customer's segment"),
        always("strategy", "what is done about it"),
        always("actions", "what is done, with + between them"),
        maybe("channel", "by which channel"),
        maybe("owner", "by whom"),
        ColumnSpec::nullable("budget", money, &unit, "what treating the customer costs"),
        ColumnSpec::nullable(
            "expected_gain",
            money,
            &unit,
            "uplift x clv, or another column that the strategy names, less budget; NULL where one is not known",
        ),
        always("status", "`act`, or why not: `control`, `capped`, `suppressed`"),
        maybe("status_reason", "the status in words; NULL when it is `act`"),
        always("reason", "why the customer has this strategy: the segment, and what its rule read"),
    ]);
    specs
}

/// What became of a strategy's customers.
struct Counts {
    control: u64,
    suppressed: u64,
    best: Best,
}

/// Actions while customers are valued.
pub(crate) struct ActionTally<'p> {
    plan: &'p ActionPlan,
    /// Of each strategy.
    counts: Vec<Counts>,
    /// Of each rule that suppresses, customers who met it first, and faults.
    met: Vec<(u64, u64)>,
    /// Customers with a strategy so far.
    drafts: u64,
}

/// What is known of a customer before the caps are.
#[derive(Clone, Copy)]
struct Draft {
    row: usize,
    strategy: usize,
    /// The rule that suppresses the action.
    suppressed_by: Option<usize>,
    is_control: bool,
    gain: Option<i64>,
    rank: Option<i64>,
}

impl ActionTally<'_> {
    /// Actions about the customers of `table`, batch by batch. Calls the expression engine: not for use inside a rayon job.
    ///
    /// # Errors
    /// [`ModelError`] when a column is absent or a rule can't be evaluated.
    pub(crate) fn observe(&mut self, table: &[RecordBatch]) -> Result<Vec<RecordBatch>, ModelError> {
        table.iter().map(|batch| self.observe_batch(batch)).collect()
    }

    fn observe_batch(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ModelError> {
        let verdicts = self.plan.suppress.iter().map(|rule| rule.evaluate(batch)).collect::<Result<Vec<_>, _>>()?;
        let drafts = self.plan.draft(batch, &verdicts)?;
        for draft in &drafts {
            let counts = &mut self.counts[draft.strategy];
            for (rule, verdict) in verdicts.iter().enumerate() {
                let tried = draft.suppressed_by.is_none_or(|by| rule <= by);
                let failed = verdict.faults.as_ref().is_some_and(|faults| faults.value(draft.row));
                self.met[rule].1 += u64::from(tried && failed);
            }
            match draft.suppressed_by {
                Some(rule) => {
                    counts.suppressed += 1;
                    self.met[rule].0 += 1;
                }
                None if draft.is_control => counts.control += 1,
                None => counts.best.offer(draft.rank, self.drafts),
            }
            self.drafts += 1;
        }
        self.plan.rows(batch, &drafts)
    }

    /// Whom the caps leave out.
    pub(crate) fn caps(&self) -> ActionCaps {
        let strategies = self.plan.actions.iter().zip(&self.counts);
        let strategies =
            strategies.map(|(action, counts)| (action.config.name.as_str(), &counts.best, action.beyond()));
        ActionCaps::new(self.plan.contract.arrow(), strategies)
    }

    /// Whom the strategies reach.
    pub(crate) fn card(&self) -> StrategiesCard {
        let strategy = |(action, counts): (&Action, &Counts)| {
            let (offered, act) = (counts.best.offered, counts.best.treated());
            let total = action.config.budget.map(|budget| i128::from(budget) * i128::from(act));
            StrategyCard {
                strategy: action.config.name.clone(),
                customers: offered + counts.control + counts.suppressed,
                act,
                control: counts.control,
                capped: offered - act,
                suppressed: counts.suppressed,
                spend: total.map(|total| CardValue::total(total, self.plan.scale)),
            }
        };
        let rule = |((rule, when), (customers, faults)): ((&BoundRule, &String), &(u64, u64))| SuppressCard {
            name: rule.segment.clone(),
            when: when.clone(),
            customers: *customers,
            faults: *faults,
        };
        let rules = self.plan.suppress.iter().zip(&self.plan.suppress_texts).zip(&self.met);
        StrategiesCard {
            strategies: self.plan.actions.iter().zip(&self.counts).map(strategy).collect(),
            suppress: rules.map(rule).collect(),
        }
    }
}

impl ActionPlan {
    /// What is known of each customer of `batch` who has a strategy; `verdicts` are those of the rules that suppress.
    fn draft(&self, batch: &RecordBatch, verdicts: &[Verdict]) -> Result<Vec<Draft>, ModelError> {
        let hashes = key_hashes(batch);
        let minor = DataType::Decimal64(CUSTOMER_PRECISION, self.scale.cast_signed());
        let value = |action: &Action| {
            let column = action.gain.as_ref().map(|name| typed(batch, name, &minor)).transpose()?;
            Ok::<_, ModelError>(column.map(AsArray::as_primitive::<Decimal64Type>))
        };
        let values = self.actions.iter().map(value).collect::<Result<Vec<Option<&Decimal64Array>>, _>>()?;
        let draft = |(row, number): (usize, Option<usize>)| {
            let strategy = number?;
            let action = &self.actions[strategy];
            let value = values[strategy].filter(|of| of.is_valid(row)).map(|of| of.value(row));
            let gain = action.expected_gain(value);
            Some(Draft {
                row,
                strategy,
                suppressed_by: verdicts.iter().position(|verdict| verdict.met.value(row)),
                is_control: action.control_below > 0 && u128::from(hashes(row)) < action.control_below,
                gain,
                rank: if action.uplift.is_some() { gain } else { value },
            })
        };
        Ok(self.strategies.numbers(segments(batch)?).enumerate().filter_map(draft).collect())
    }

    /// The drafts as rows.
    fn rows(&self, batch: &RecordBatch, drafts: &[Draft]) -> Result<RecordBatch, ModelError> {
        let places = UInt64Array::from_iter_values(drafts.iter().map(|draft| draft.row as u64));
        let taken = |name: &str| {
            let column = batch.column_by_name(name).ok_or_else(|| absent(name, "any type"))?;
            Ok::<_, ModelError>(take(column, &places, None)?)
        };
        let of_strategy = |text: fn(&Action) -> Option<&str>| -> ArrayRef {
            let texts = drafts.iter().map(|draft| text(&self.actions[draft.strategy]));
            Arc::new(texts.collect::<StringArray>())
        };
        let money = |amount: &dyn Fn(&Draft) -> Option<i64>| {
            let amounts: Decimal64Array = drafts.iter().map(amount).collect();
            amounts.with_precision_and_scale(CUSTOMER_PRECISION, self.scale.cast_signed())
        };
        let statuses = drafts.iter().map(|draft| match draft {
            Draft { suppressed_by: Some(_), .. } => STATUS_SUPPRESSED,
            Draft { is_control: true, .. } => STATUS_CONTROL,
            _ => STATUS_ACT,
        });
        let columns: Vec<ArrayRef> = vec![
            taken("as_of")?,
            taken("customer_id")?,
            taken("segment")?,
            of_strategy(|action| Some(&action.config.name)),
            of_strategy(|action| Some(&action.joined)),
            of_strategy(|action| action.config.channel.as_deref()),
            of_strategy(|action| action.config.owner.as_deref()),
            Arc::new(money(&|draft| self.actions[draft.strategy].config.budget)?),
            Arc::new(money(&|draft| draft.gain)?),
            Arc::new(StringArray::from_iter_values(statuses)),
            Arc::new(self.status_reasons(batch, drafts)?),
            Arc::new(self.reasons(batch, drafts)?),
            Arc::new(drafts.iter().map(|draft| draft.rank).collect::<Int64Array>()),
        ];
        Ok(RecordBatch::try_new(self.drafts(), columns)?)
    }

    fn status_reasons(&self, batch: &RecordBatch, drafts: &[Draft]) -> Result<StringArray, ModelError> {
        let rules =
            self.suppress_reads.iter().map(|reads| Reasons::new(reads, batch)).collect::<Result<Vec<_>, _>>()?;
        let mut out = StringBuilder::new();
        for draft in drafts {
            // Writing into memory does not fail.
            let _ = match draft {
                Draft { suppressed_by: Some(rule), .. } => {
                    let words = write!(out, "{}: ", self.suppress[*rule].segment);
                    words.and_then(|()| rules[*rule].write(&mut out, draft.row))
                }
                Draft { is_control: true, .. } => {
                    let share = self.actions[draft.strategy].config.control_share;
                    write!(out, "one of the {share} left untreated, by the hash of the key, to compare the others with")
                }
                _ => {
                    out.append_null();
                    continue;
                }
            };
            out.append_value("");
        }
        Ok(out.finish())
    }

    fn reasons(&self, batch: &RecordBatch, drafts: &[Draft]) -> Result<StringArray, ModelError> {
        let mut by_segment = BTreeMap::new();
        for (name, reads) in &self.reads {
            by_segment.insert(name.as_str(), Reasons::new(reads, batch)?);
        }
        let segments = segments(batch)?;
        let mut out = StringBuilder::with_capacity(drafts.len(), 64 * drafts.len());
        for draft in drafts {
            let segment = segments.value(draft.row);
            // Writing into memory does not fail.
            let _ = self.write_reason(&mut out, draft, segment, by_segment.get(segment));
            out.append_value("");
        }
        Ok(out.finish())
    }

    /// Writes why the customer of `draft` has the strategy: the segment, and what its rule `read`.
    fn write_reason(
        &self,
        out: &mut impl Write,
        draft: &Draft,
        segment: &str,
        read: Option<&Reasons<'_>>,
    ) -> fmt::Result {
        if let Some(reason) = &self.actions[draft.strategy].config.reason {
            out.write_str(reason)?;
            out.write_str("; ")?;
        }
        out.write_str("segment ")?;
        out.write_str(segment)?;
        out.write_str(": ")?;
        match read {
            Some(read) => read.write(out, draft.row),
            None if segment == UNASSIGNED => out.write_str("no rule is met"),
            None => out.write_str("its rule is met"),
        }
    }
}

/// The hash of the key of a row.
fn key_hashes(batch: &RecordBatch) -> impl Fn(usize) -> u64 {
    let keys = batch.column_by_name("customer_id");
    let integers = keys.and_then(|keys| keys.as_primitive_opt::<Int64Type>());
    let texts = keys.and_then(|keys| keys.as_string_opt::<i32>());
    move |row| {
        let integer = integers.map(|keys| hash::of_integer(keys.value(row)));
        integer.or_else(|| Some(hash::of_text(texts?.value(row).as_bytes()))).unwrap_or_default()
    }
}
