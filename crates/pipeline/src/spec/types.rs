//! The pipeline file as it is written: typed, with options, unknown fields refused.
//!
//! The doc comments are the descriptions in the JSON Schema, so they speak to the person who writes the file.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::scalars::{
    AcceptedValue, Age, ColumnSql, DateText, Decimal, LocalPath, Name, SegmentName, ShareText, Sql, Text, TimeZone,
    Window,
};

/// A pipeline: from dumps of transactions to published customer tables.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pipeline")]
pub struct Spec {
    /// Version of this format.
    pub version: Version,
    /// Name of the pipeline: a letter from a to z, then a to z, 0 to 9 and `_`.
    pub name: Name,
    /// IANA time zone of `as_of`, and of timestamps without a zone. Default UTC.
    pub timezone: Option<TimeZone>,
    /// The currency of all amounts.
    pub money: MoneySpec,
    /// Values used as `${name}` elsewhere in the file, changed with `--set params.name=value` or `--params FILE`.
    #[serde(default)]
    pub params: BTreeMap<Name, ParamValue>,
    /// What comes in.
    pub sources: Sources,
    /// What is derived of each customer.
    pub features: Option<FeaturesSpec>,
    /// How customers are valued.
    pub model: Option<ModelSpec>,
    /// Where the tables go.
    pub export: ExportSpec,
}

/// Version of the pipeline file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Version(pub u32);

impl JsonSchema for Version {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "const": 1 })
    }
}

/// The currency of all amounts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Money")]
pub struct MoneySpec {
    /// Name of the unit, such as GBP or pence.
    pub unit: Text,
    /// Decimal places that amounts are kept at. Integers in the dumps are whole units.
    #[schemars(range(min = 0, max = 9))]
    pub scale: u8,
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    Text(String),
}

impl JsonSchema for ParamValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ParamValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "number" }, { "type": "boolean" }] })
    }
}

/// What comes in.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// Sales, one row each, or one row for each line of a sale.
    pub transactions: TransactionsSpec,
}

/// One text or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(LocalPath),
    /// Several.
    Many(#[schemars(length(min = 1))] Vec<LocalPath>),
}

/// Whether files add up or replace each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Files add up; a file that disappears was archived, not withdrawn.
    #[default]
    Append,
    /// Each delivery is a full copy: `path` names the one of `${as_of}`.
    Snapshot,
}

/// What happens when a transaction id comes again with other content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// The run fails.
    #[default]
    Fail,
}

/// Sales.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Transactions")]
pub struct TransactionsSpec {
    /// Parquet files, relative to the pipeline file: a path, a glob, or a list. Folders such as `dt=2024-01-01` become columns.
    pub path: OneOrMany,
    /// IANA time zone of timestamps without a zone. Default: the pipeline's.
    pub zone: Option<TimeZone>,
    /// Whether files add up (`append`, the default) or each delivery is a full copy (`snapshot`).
    pub delivery: Option<Delivery>,
    /// What happens when a `transaction_id` comes again with other content. Default `fail`.
    pub duplicates: Option<Duplicates>,
    /// SQL over the columns of the files. Rows where it is not true (NULL is not true) are left out, as `filtered`.
    #[serde(rename = "where")]
    pub filter: Option<Sql>,
    /// Left our names, right a column of the files or SQL over them.
    pub columns: TransactionColumns,
    /// Share of the rows that passed `where` which may fail a check; more fails the run. Default 0%.
    pub tolerate: Option<ShareText>,
    /// What must hold of the rows. Rows that fail go to the quarantine table, with the reason.
    pub checks: Option<ChecksSpec>,
}

/// The columns of transactions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransactionColumns {
    /// Who bought: an integer or a text.
    pub customer_id: ColumnSql,
    /// When: a date or a timestamp.
    pub time: ColumnSql,
    /// How much, in `money.unit`; negative amounts are refunds.
    pub amount: ColumnSql,
    /// Names one row for good; rows that repeat it are duplicates.
    pub transaction_id: Option<ColumnSql>,
    /// Rows that share it are one order. Default: each row is an order.
    pub order_id: Option<ColumnSql>,
    /// Whether the row is a refund; it counts with the absolute amount, and is never a purchase.
    pub refund: Option<ColumnSql>,
    /// What the row earned, in `money.unit`.
    pub margin: Option<ColumnSql>,
    /// What was bought.
    pub category: Option<ColumnSql>,
    /// How many were bought.
    pub quantity: Option<ColumnSql>,
}

/// What a failed check does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The row is quarantined, or the run fails.
    #[default]
    Error,
    /// It is counted and reported.
    Warn,
}

/// Checks of the rows of transactions.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Checks")]
pub struct ChecksSpec {
    /// Of the customer.
    pub customer_id: Option<TextCheck>,
    /// Of the time.
    pub time: Option<TimeCheck>,
    /// Of the amount.
    pub amount: Option<AmountCheck>,
    /// Of the transaction's id.
    pub transaction_id: Option<TextCheck>,
    /// Of the order.
    pub order_id: Option<TextCheck>,
    /// Of the category.
    pub category: Option<TextCheck>,
    /// Of the number of input rows.
    pub rows: Option<RowsCheck>,
    /// How old the newest `time` may be at `as_of`.
    pub freshness: Option<FreshnessCheck>,
}

/// Checks of an id or a text.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextCheck {
    /// Whether an empty text, or one of white space alone, fails.
    pub not_blank: Option<bool>,
    /// The values that are accepted.
    #[serde(rename = "in")]
    #[schemars(length(min = 1))]
    pub accepted: Option<Vec<AcceptedValue>>,
    /// What a failure does. Default `error`.
    pub severity: Option<Severity>,
    /// Share of the rows that may fail this check. Default: only the source's `tolerate` counts.
    pub tolerate: Option<ShareText>,
}

/// Checks of a time.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeCheck {
    /// Earliest local date.
    pub min: Option<DateText>,
    /// Latest local date.
    pub max: Option<DateText>,
    /// What a failure does. Default `error`.
    pub severity: Option<Severity>,
    /// Share of the rows that may fail this check. Default: only the source's `tolerate` counts.
    pub tolerate: Option<ShareText>,
}

/// Checks of an amount.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmountCheck {
    /// Smallest amount, in `money.unit`; a refund is negative where it is delivered so.
    pub min: Option<Decimal>,
    /// Largest amount, in `money.unit`.
    pub max: Option<Decimal>,
    /// What a failure does. Default `error`.
    pub severity: Option<Severity>,
    /// Share of the rows that may fail this check. Default: only the source's `tolerate` counts.
    pub tolerate: Option<ShareText>,
}

/// Checks of the number of rows.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowsCheck {
    /// Fewest rows.
    pub min: Option<u64>,
    /// Most rows.
    pub max: Option<u64>,
    /// Largest change against the newest published `as_of` before this one.
    pub max_change: Option<ShareText>,
    /// What a failure does. Default `error`.
    pub severity: Option<Severity>,
}

/// How old the newest row may be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FreshnessCheck {
    /// The greatest age.
    Age(Age),
    /// The greatest age and what a failure does.
    Full(FreshnessSpec),
}

/// How old the newest row may be, and what a failure does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Freshness")]
pub struct FreshnessSpec {
    /// The newest `time` is no older than `as_of` minus this.
    pub max_age: Age,
    /// What a failure does. Default `error`.
    pub severity: Option<Severity>,
}

/// The stretch of time in which all purchases of a customer count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PurchasePeriodSpec {
    /// A calendar day.
    Day,
    /// An ISO week.
    Week,
    /// A calendar month.
    Month,
}

/// The unit of `recency` and `customer_age`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnitSpec {
    /// One day.
    Day,
    /// Seven days.
    Week,
}

/// What is derived of each customer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Features")]
pub struct FeaturesSpec {
    /// Purchases within one period count once. Default `day`.
    pub purchase_period: Option<PurchasePeriodSpec>,
    /// Unit of `recency` and `customer_age`. Default `day`.
    pub time_unit: Option<TimeUnitSpec>,
    /// Trailing windows, up to and with `as_of`. Default [30d, 90d, 365d].
    #[schemars(length(max = 20))]
    pub windows: Option<Vec<Window>>,
    /// The only columns of `customer_features` to build, beside `as_of` and `customer_id`. Default: all.
    #[schemars(length(min = 1))]
    pub only: Option<Vec<String>>,
}

/// How customers are valued.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Model")]
pub struct ModelSpec {
    /// Scores of recency, frequency and money; `{}` for the defaults. Without it customers have no scores.
    pub rfm: Option<RfmSpec>,
    /// Who belongs to which segment: the first rule that is true wins. Default: none.
    pub segments: Option<Vec<SegmentSpec>>,
}

/// Scores of recency, frequency and money; the largest score is always best.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rfm")]
pub struct RfmSpec {
    /// Number of scores. Default 5.
    #[schemars(range(min = 2, max = 10))]
    pub bins: Option<u8>,
    /// Relative weights of the three scores in `rfm_score`. Default 1 each.
    pub score_weights: Option<ScoreWeights>,
    /// Score of `days_since_last_purchase`: fewest is best.
    pub recency: Option<ScoreSpec>,
    /// Score of `purchase_periods`.
    pub frequency: Option<FrequencySpec>,
    /// Score of `net_revenue`.
    pub monetary: Option<ScoreSpec>,
}

/// Relative weights of the three scores.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreWeights {
    /// Of recency. Default 1.
    #[schemars(range(min = 0))]
    pub r: Option<f64>,
    /// Of frequency. Default 1.
    #[schemars(range(min = 0))]
    pub f: Option<f64>,
    /// Of money. Default 1.
    #[schemars(range(min = 0))]
    pub m: Option<f64>,
}

/// How values become scores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreMethod {
    /// By rank among the customers: about equally many in each score.
    #[default]
    Quantile,
    /// By given cut-offs.
    Thresholds,
}

/// Which score a block of equal values gets, or whether it is split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// The score of its lowest rank.
    Low,
    /// The score of its middle.
    #[default]
    Mid,
    /// The score of its highest rank.
    High,
    /// It is split by customer key into equal shares.
    Split,
}

/// How one of the three scores is made.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Score")]
pub struct ScoreSpec {
    /// `quantile` (default) or `thresholds`.
    pub method: Option<ScoreMethod>,
    /// With `quantile`: the score of equal values. Default `mid`.
    pub ties: Option<Ties>,
    /// With `thresholds`: the values that begin the second to the last score, from bad to good (days fall, counts and money rise).
    #[schemars(length(min = 1, max = 9))]
    pub cuts: Option<Vec<Decimal>>,
}

/// How the frequency score is made.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FrequencyScore")]
pub struct FrequencySpec {
    /// `quantile` (default) or `thresholds`.
    pub method: Option<ScoreMethod>,
    /// With `quantile`: the score of equal values. Default `mid`.
    pub ties: Option<Ties>,
    /// With `quantile`: score 1 is for customers of one purchase period, the others are ranked among themselves. Default true.
    pub separate_one_time: Option<bool>,
    /// With `thresholds`: the numbers of purchase periods that begin the second to the last score, rising.
    #[schemars(length(min = 1, max = 9))]
    pub cuts: Option<Vec<Decimal>>,
}

/// A segment, or a set of segments that comes with the program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SegmentSpec {
    /// A segment and its rule.
    Rule(SegmentRuleSpec),
    /// A set of segments.
    Use(SegmentSetSpec),
}

/// A segment and its rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SegmentRule")]
pub struct SegmentRuleSpec {
    /// Name of the segment.
    pub name: SegmentName,
    /// SQL over the built columns. A rule that is NULL is not met.
    pub when: Sql,
}

/// A set of segments that comes with the program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SegmentSetEntry")]
pub struct SegmentSetSpec {
    /// Its name.
    #[serde(rename = "use")]
    pub set: SegmentSet,
}

/// The sets of segments that come with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SegmentSet {
    /// Ten segments on the grid of the R and F scores, then `refund_only` and `prospect`. Needs five scores.
    RfGrid,
}

/// How Parquet files are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Zstandard, level 3.
    #[default]
    Zstd,
    /// Snappy: larger files that every reader knows.
    Snappy,
}

/// Where the tables go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Export")]
pub struct ExportSpec {
    /// Folder of the published tables, relative to the pipeline file.
    pub path: LocalPath,
    /// Compression of the Parquet files. Default `zstd`.
    pub compression: Option<Compression>,
}
