//! The pipeline file as it is written: typed, with options, unknown fields refused.
//!
//! The doc comments are the descriptions in the JSON Schema, so they speak to the person who writes the file.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::scalars::{DateText, LocalPath, Name, Text, TimeZone};

mod cache;
mod classes;
mod clv;
mod credit;
mod features;
mod gates;
mod index;
mod k_means;
mod model;
mod named;
mod sources;
mod strategies;

pub use cache::CacheSpec;
pub use classes::{AbcSpec, AxisSpec, LifecycleSpec, ValueMatrixSpec, XyzSpec};
pub use clv::{ClvSpec, FallbackSpec, PurchasesSpec, TimingSpec};
pub use credit::{CreditRiskSpec, ExposureSpec};
pub use features::{
    BiddingSpec, CreditSpec, FamilyName, FeaturesSpec, InteractionSpec, PurchasePeriodSpec, SpendPeriodSpec,
    TimeUnitSpec, Weight,
};
pub use gates::{BacktestSpec, CompareSpec, GatesSpec};
pub use index::{
    AhpSpec, BoundsSpec, CombineSpec, DirectionSpec, IndexCustomersSpec, IndexSpec, IndicatorSpec, ObjectiveMethodSpec,
    ObjectiveSpec, RandomIndexSpec, RankingSpec, TransformSpec,
};
pub use k_means::KMeansSpec;
pub use model::{
    FrequencySpec, ModelSpec, PotentialSpec, RfmSpec, ScoreMethod, ScoreSpec, ScoreWeights, SegmentRuleSpec,
    SegmentSet, SegmentSetSpec, SegmentSpec, Ties,
};
pub use named::Named;
pub use sources::{
    AmountCheck, Delivery, Duplicates, FreshnessCheck, FreshnessSpec, OneOrMany, ReferenceSpec, RowsCheck, Severity,
    SourceSpec, Sources, TextCheck, TimeCheck,
};
pub use strategies::{StrategySpec, SuppressSpec};

/// A pipeline: from dumps to published customer tables.
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
    /// The last day whose deliveries count: rows with a later `loaded_at` are left out. Default: all count.
    pub known_by: Option<DateText>,
    /// What comes in.
    pub sources: Sources,
    /// Tables of values that hold from a date on, by their names. `exchange_rates` converts the amounts of transactions.
    #[serde(default)]
    pub references: BTreeMap<Name, ReferenceSpec>,
    /// What is derived of each customer.
    pub features: Option<FeaturesSpec>,
    /// How customers are valued.
    pub model: Option<ModelSpec>,
    /// What must hold before anything is published. Default: nothing beyond the checks of the sources.
    pub gates: Option<GatesSpec>,
    /// What is kept for later runs. Default: the features and fits of the newest run.
    pub cache: Option<CacheSpec>,
    /// Where the tables go.
    pub export: ExportSpec,
    /// Whether the rows of dumps that were read are kept beside the tables, so that a night reads only the dumps that are new.
    /// Costs about as much disk as the dumps, twice. Default `false`.
    #[serde(default)]
    pub ledger: bool,
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

/// How Parquet files are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Zstandard.
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
    /// Whether `customer_changes` tells what of `customer_values` is not as it was in the snapshot of the newest date before. Default
    /// no.
    pub changes: Option<bool>,
}
