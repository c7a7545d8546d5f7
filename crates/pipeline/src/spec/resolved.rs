//! A pipeline that is valid: every default filled in, every scalar checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use appraise_expression::Parsed;
use appraise_feature_engineering::InteractionConfig;
use appraise_model::{
    AbcConfig, ClustersConfig, ClvConfig, CreditConfig, IndexConfig, LifecycleConfig, StrategyConfig,
    ValueMatrixConfig, XyzConfig,
};
use appraise_schema::source::SourceColumn;
use appraise_schema::{AsOf, Horizon, Money, PurchasePeriod, Share, SourceKind, SpendPeriod, TimeUnit, WindowDays};
use chrono_tz::Tz;

pub use super::types::{Compression, Delivery, Duplicates, Severity, Ties};

/// A valid pipeline.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// The zone that `as_of` and all local dates are in.
    pub timezone: Tz,
    /// Currency and scale of all amounts.
    pub money: Money,
    /// Folder of the pipeline file: relative paths of sources begin here.
    pub folder: PathBuf,
    /// Rows that were delivered after this day do not count.
    pub known_by: Option<AsOf>,
    /// The sources, in the order in which they are read; at least one.
    pub sources: BTreeMap<SourceKind, Source>,
    /// The reference tables, by name.
    pub references: BTreeMap<String, ReferenceTable>,
    /// Where the exchange rates of transactions come from.
    pub exchange_rates: Option<ReferenceTable>,
    /// What is derived of each customer.
    pub features: Features,
    /// How customers are valued.
    pub model: Model,
    /// What must hold before anything is published.
    pub gates: Gates,
    /// What is kept for later runs.
    pub cache: Cache,
    /// Where the tables go.
    pub export: Export,
    /// Whether the rows of dumps that were read are kept for later runs.
    pub ledger: bool,
}

/// What is kept for later runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cache {
    /// Runs whose features and fitted models are kept. 0: nothing is kept, and nothing that is there is used.
    pub keep: usize,
}

/// When models are fitted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Refit {
    /// At every date.
    #[default]
    Always,
    /// Only when no earlier date has fitted models.
    Never,
    /// When no earlier date has models whose fit is less than so many days old.
    EveryDays(u32),
    /// Never: they are those of this model card.
    Card(PathBuf),
}

/// What must hold before anything is published.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gates {
    /// How well lifetime values must have foretold the last days.
    pub backtest: Option<BacktestGate>,
    /// How far values may be from those of the newest published date before.
    pub compare: Option<CompareGate>,
}

/// How far values may be from those of the newest published date before; at least one limit is given.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareGate {
    /// Greatest population stability index of any number that is compared.
    pub max_psi: Option<f64>,
    /// Greatest difference of any segment's share of the customers.
    pub max_segment_shift: Option<Share>,
}

/// How well lifetime values must have foretold the last days.
#[derive(Debug, Clone, PartialEq)]
pub struct BacktestGate {
    /// Days from the cut to the run's date.
    pub holdout_days: u32,
    /// Greatest absolute bias of the purchases.
    pub max_bias: Option<Share>,
    /// Least gain of the Gini coefficient of the revenue over that of the best simple rule.
    pub min_gini_gain: Option<f64>,
    /// Days from a date that passed to the next one that is judged; `None`: every one is.
    pub every_days: Option<u32>,
}

/// A source.
#[derive(Debug, Clone)]
pub struct Source {
    /// Paths and globs, relative to [`Pipeline::folder`] or absolute; at least one.
    pub paths: Vec<String>,
    /// Whether a path names the date of the run: a dump that is not there may yet come.
    pub dated: bool,
    /// Zone of timestamps without one.
    pub zone: Tz,
    /// Whether files add up.
    pub delivery: Delivery,
    /// What happens when an id comes again with other content.
    pub duplicates: Duplicates,
    /// Rows where it is not true are left out.
    pub filter: Option<Parsed>,
    /// The mapped columns in the order of the canonical ones.
    pub columns: Vec<ColumnMapping>,
    /// Of customers: names and expressions of their attributes, in the order of the file.
    pub attributes: Vec<(String, Parsed)>,
    /// Share of the rows that passed the filter which may fail.
    pub tolerate: Share,
    /// Checks of single rows, in the order of the canonical columns.
    pub checks: Vec<ColumnCheck>,
    /// Check of the number of input rows.
    pub rows: Option<RowsLimit>,
    /// Check of the newest row.
    pub freshness: Option<Freshness>,
}

impl Source {
    /// Whether the canonical column `name` is mapped.
    #[must_use]
    pub fn maps(&self, name: &str) -> bool {
        self.columns.iter().any(|mapping| mapping.column.name == name)
    }
}

/// A table of values that hold from a date on.
#[derive(Debug, Clone)]
pub struct ReferenceTable {
    /// Paths and globs, relative to [`Pipeline::folder`] or absolute; at least one.
    pub paths: Vec<String>,
    /// Whether a path names the date of the run.
    pub dated: bool,
    /// The attribute, or `currency`, whose value finds the row.
    pub attribute: String,
    /// What must equal it.
    pub on: Parsed,
    /// From when on a row holds.
    pub valid_from: Option<Parsed>,
    /// Names and expressions of the numbers, in the order of the file.
    pub columns: Vec<(String, Parsed)>,
}

/// Where a canonical column comes from.
#[derive(Debug, Clone)]
pub struct ColumnMapping {
    /// The canonical column.
    pub column: &'static SourceColumn,
    /// A column of the files or SQL over them. A text that equals a column's exact name is that column, even if it
    /// could be read as SQL.
    pub expression: Parsed,
}

/// A check of the values of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnCheck {
    /// The canonical column.
    pub column: &'static SourceColumn,
    /// What must hold.
    pub rule: CheckRule,
    /// What a failure does.
    pub severity: Severity,
    /// Share of the rows that passed the filter which may fail this rule, where it has a share of its own.
    pub tolerate: Option<Share>,
}

/// What must hold of a value that is not NULL. Bounds are inclusive.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckRule {
    /// The text has a visible character.
    NotBlank,
    /// The value, as text, is one of these.
    In(Vec<String>),
    /// The local date is not before this day (since 1970-01-01).
    MinDay(i32),
    /// The local date is not after this day (since 1970-01-01).
    MaxDay(i32),
    /// The amount is at least this, in minor units.
    MinMinor(i64),
    /// The amount is at most this, in minor units.
    MaxMinor(i64),
}

/// Limits of the number of input rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowsLimit {
    /// Fewest rows.
    pub min: Option<u64>,
    /// Most rows.
    pub max: Option<u64>,
    /// Largest relative change against the newest published `as_of` before this one.
    pub max_change: Option<Share>,
    /// What a failure does.
    pub severity: Severity,
}

/// How old the newest row may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// Days that the newest `time` may lie before `as_of`.
    pub max_age_days: u32,
    /// What a failure does.
    pub severity: Severity,
}

/// What is derived of each customer.
#[derive(Debug, Clone)]
pub struct Features {
    /// Purchases within one period count once.
    pub purchase_period: PurchasePeriod,
    /// Unit of recency and customer age.
    pub time_unit: TimeUnit,
    /// Stretch of time whose spend `spend_cv` compares.
    pub spend_period: SpendPeriod,
    /// Trailing windows, ascending, each once.
    pub windows: Vec<WindowDays>,
    /// Names of the families that are left out.
    pub leave_out: BTreeSet<String>,
    /// How contacts count.
    pub interaction: InteractionConfig,
    /// Days after which an unpaid invoice is in default.
    pub default_days: u32,
    /// A bid is late when at most so many seconds are left.
    pub late_bid_seconds: u32,
    /// A registration without a bid within so many days is a no-show.
    pub no_show_days: u32,
    /// Names and expressions of the pipeline's own columns, in the order of the file.
    pub own: Vec<(String, Parsed)>,
    /// The only feature columns to publish, where not all are wanted.
    pub only: Option<BTreeSet<String>>,
}

/// How customers are valued.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// When they are fitted.
    pub refit: Refit,
    /// The three scores, where they are asked for.
    pub rfm: Option<Rfm>,
    /// Probability of default, where it is asked for.
    pub credit: Option<CreditConfig>,
    /// Customer lifetime value, where it is asked for.
    pub clv: Option<ClvConfig>,
    /// Look-alike values, where they are asked for.
    pub potential: Option<Potential>,
    /// ABC classes, where they are asked for.
    pub abc: Option<AbcConfig>,
    /// XYZ classes, where they are asked for.
    pub xyz: Option<XyzConfig>,
    /// The value matrix, where it is asked for.
    pub value_matrix: Option<ValueMatrixConfig>,
    /// The lifecycle, where it is asked for.
    pub lifecycle: Option<LifecycleConfig>,
    /// Clusters of alike customers, where they are asked for.
    pub k_means: Option<ClustersConfig>,
    /// The value index, where it is asked for.
    pub index: Option<IndexConfig>,
    /// Text columns whose values make the groups of `group_values`, set by set.
    pub groups: Vec<Vec<String>>,
    /// Segments: the first rule that is true wins.
    pub segments: Vec<SegmentRule>,
    /// The same by recorded facts.
    pub objective_segments: Vec<SegmentRule>,
    /// The same by what is felt and said.
    pub subjective_segments: Vec<SegmentRule>,
    /// What is done about whom, in the order of the file.
    pub strategies: Vec<StrategyConfig>,
    /// Whom no action reaches: names and rules, in the order of the file.
    pub suppress: Vec<SegmentRule>,
}

/// Scores of recency, frequency and money.
#[derive(Debug, Clone, PartialEq)]
pub struct Rfm {
    /// Number of scores, 2 to 10.
    pub bins: u8,
    /// Relative weights of R, F and M as written; not negative, not all 0.
    pub weights: [f64; 3],
    /// Score of `days_since_last_purchase`.
    pub recency: ScoreRule,
    /// Score of `purchase_periods`.
    pub frequency: ScoreRule,
    /// Score of `net_revenue`.
    pub monetary: ScoreRule,
}

/// How values become scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScoreRule {
    /// By rank among the customers.
    Quantile {
        /// The score of equal values.
        ties: Ties,
        /// Whether score 1 is for customers of one purchase period, and the others are ranked among themselves.
        separate_one_time: bool,
    },
    /// By rank among the customers of equal scores before.
    Nested {
        /// The score of equal values.
        ties: Ties,
        /// Whether score 1 is for customers of one purchase period, and the others are ranked among themselves.
        separate_one_time: bool,
    },
    /// By given cut-offs: the value that begins score 2, 3, … `bins`, from bad to good. Days (falling), purchase
    /// periods or minor units (rising).
    Thresholds {
        /// `bins` − 1 cut-offs.
        cuts: Vec<i64>,
    },
}

/// What a customer may be worth, by own years and those of alike customers.
#[derive(Debug, Clone, PartialEq)]
pub struct Potential {
    /// Attributes that make groups of alike customers, from the widest; each once.
    pub by: Vec<String>,
    /// Column of a reference table with the index of the market.
    pub demand: Option<String>,
    /// How far ahead the potential reaches.
    pub horizon: Horizon,
    /// Share of all yearly margins that count in full, above 0.
    pub winsorise: Share,
}

/// A segment and its rule.
#[derive(Debug, Clone)]
pub struct SegmentRule {
    /// Name of the segment.
    pub name: String,
    /// SQL over the built columns.
    pub when: Parsed,
}

/// Where the tables go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Root of the published tables, relative to the working folder.
    pub path: PathBuf,
    /// Compression of the Parquet files.
    pub compression: Compression,
    /// Whether there is a table of changes.
    pub changes: bool,
}
