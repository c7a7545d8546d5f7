//! What comes in, as it is written. The columns of each source are those of [`SourceKind::columns`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use appraise_schema::SourceKind;
use appraise_schema::source::ColumnRole;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Named;
use crate::spec::scalars::{AcceptedValue, Age, ColumnSql, DateText, Decimal, LocalPath, ShareText, Sql, TimeZone};

/// The sources by their names, those of [`SourceKind::name`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Sources(pub BTreeMap<String, SourceSpec>);

impl Sources {
    /// The source of a kind.
    #[must_use]
    pub fn get(&self, kind: SourceKind) -> Option<&SourceSpec> {
        self.0.get(kind.name())
    }
}

impl JsonSchema for Sources {
    fn schema_name() -> Cow<'static, str> {
        "Sources".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties = Map::new();
        for kind in SourceKind::ALL {
            let schema = source_schema(kind, generator);
            let definition = format!("{}Source", capitalised(kind.name()));
            generator.definitions_mut().insert(definition.clone(), schema.to_value());
            let reference = json!({ "$ref": format!("#/$defs/{definition}"), "description": meaning(kind) });
            properties.insert(kind.name().to_owned(), reference);
        }
        json_schema!({
            "type": "object", "description": "What comes in: at least `transactions` or `customers`.",
            "properties": properties, "additionalProperties": false, "minProperties": 1,
        })
    }
}

fn capitalised(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}

fn meaning(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Transactions => "Sales, one row each, or one row for each line of a sale.",
        SourceKind::Customers => "Who the customers are: one row each, or one for each change.",
        SourceKind::Interactions => "Calls, mails, visits, events, feedback: one row each.",
        SourceKind::Lots => "What is or was for sale: one row for each lot.",
        SourceKind::Bids => "Bids on lots: one row each.",
        SourceKind::Invoices => "What customers were asked to pay: one row for each invoice.",
    }
}

/// A source of any kind. `columns`, `checks` and `attributes` depend on the kind.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Parquet files, relative to the pipeline file: a path, a glob, or a list. Folders such as `dt=2024-01-01` become columns.
    pub path: OneOrMany,
    /// IANA time zone of timestamps without a zone. Default: the pipeline's.
    pub zone: Option<TimeZone>,
    /// Whether files add up (`append`, the default) or each delivery is a full copy (`snapshot`).
    pub delivery: Option<Delivery>,
    /// What happens when an id comes again with other content. Default `fail`; `latest` needs `loaded_at`.
    pub duplicates: Option<Duplicates>,
    /// SQL over the columns of the files. Rows where it is not true (NULL is not true) are left out, as `filtered`.
    #[serde(rename = "where")]
    pub filter: Option<Sql>,
    /// Left our names, right a column of the files or SQL over them.
    pub columns: BTreeMap<String, ColumnSql>,
    /// Further texts that are known of a customer, each a feature: left their names, right a column of the files or SQL over them.
    pub attributes: Option<Named<ColumnSql>>,
    /// Share of the rows that passed `where` which may fail a check; more fails the run. Default 0%.
    pub tolerate: Option<ShareText>,
    /// What must hold of the rows. Rows that fail go to the quarantine table, with the reason.
    pub checks: Option<BTreeMap<String, Value>>,
}

/// The schema of a source: that of [`SourceSpec`] with the columns and checks of `kind`.
fn source_schema(kind: SourceKind, generator: &mut SchemaGenerator) -> Schema {
    let mut schema = SourceSpec::json_schema(generator);
    schema.insert("description".to_owned(), meaning(kind).into());
    let columns = columns_schema(kind, generator);
    let checks = checks_schema(kind, generator);
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        replace(properties, "columns", columns);
        replace(properties, "checks", checks);
        if kind != SourceKind::Customers {
            properties.shift_remove("attributes");
        }
    }
    schema
}

/// Replaces a property and keeps its description.
fn replace(properties: &mut Map<String, Value>, name: &str, mut schema: Value) {
    if let Some(property) = properties.get_mut(name) {
        schema["description"] = property["description"].take();
        *property = schema;
    }
}

fn columns_schema(kind: SourceKind, generator: &mut SchemaGenerator) -> Value {
    let sql = generator.subschema_for::<ColumnSql>().to_value();
    let mut properties = Map::new();
    for column in kind.columns() {
        let mut property = sql.clone();
        property["description"] = sentence(column.meaning).into();
        properties.insert(column.name.to_owned(), property);
    }
    let required: Vec<&str> =
        kind.columns().iter().filter(|column| column.required).map(|column| column.name).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false, "required": required })
}

fn checks_schema(kind: SourceKind, generator: &mut SchemaGenerator) -> Value {
    let mut properties = Map::new();
    for column in kind.columns() {
        let check = match column.role {
            ColumnRole::Id | ColumnRole::Text => generator.subschema_for::<TextCheck>(),
            ColumnRole::Time | ColumnRole::KnownTime => generator.subschema_for::<TimeCheck>(),
            ColumnRole::Amount => generator.subschema_for::<AmountCheck>(),
            ColumnRole::Number | ColumnRole::Flag => continue,
        };
        let mut property = check.to_value();
        property["description"] = format!("Of `{}`.", column.name).into();
        properties.insert(column.name.to_owned(), property);
    }
    let mut add = |name: &str, mut schema: Value, description: String| {
        schema["description"] = description.into();
        properties.insert(name.to_owned(), schema);
    };
    add("rows", generator.subschema_for::<RowsCheck>().to_value(), "Of the number of input rows.".to_owned());
    if let Some(time) = kind.time() {
        let description = format!("How old the newest `{time}` may be at `as_of`.");
        add("freshness", generator.subschema_for::<FreshnessCheck>().to_value(), description);
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// Words as a sentence.
fn sentence(words: &str) -> String {
    format!("{}.", capitalised(words))
}

/// A table of values that hold from a date on.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Reference")]
pub struct ReferenceSpec {
    /// Parquet files, relative to the pipeline file: a path, a glob, or a list.
    pub path: OneOrMany,
    /// Left one of the customers' attributes (`currency` for `exchange_rates`), right the column of the table, or SQL, that must equal it.
    pub on: Named<ColumnSql>,
    /// From when on a row holds, until the next: a column or SQL. Default: each row holds always.
    pub valid_from: Option<ColumnSql>,
    /// Left our names (`rate` for `exchange_rates`), right a column of the table, or SQL, that gives a number.
    pub columns: Named<ColumnSql>,
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

/// What happens when an id comes again with other content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// The run fails.
    #[default]
    Fail,
    /// The row with the greatest `loaded_at` counts.
    Latest,
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
