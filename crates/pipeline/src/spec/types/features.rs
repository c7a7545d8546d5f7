//! What is derived of each customer, as it is written.

use std::borrow::Cow;

use appraise_feature_engineering::FamilyKind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::Named;
use crate::spec::scalars::{Days, Name, Sql, Window};

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

/// The stretch of time whose spend `spend_cv` compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpendPeriodSpec {
    /// An ISO week.
    Week,
    /// A calendar month.
    Month,
    /// A calendar quarter.
    Quarter,
    /// A calendar year.
    Year,
}

/// What is derived of each customer.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Features")]
pub struct FeaturesSpec {
    /// Purchases within one period count once. Default `day`.
    pub purchase_period: Option<PurchasePeriodSpec>,
    /// Unit of `recency` and `customer_age`. Default `day`.
    pub time_unit: Option<TimeUnitSpec>,
    /// The stretch of time whose spend `spend_cv` compares. Default `quarter`.
    pub spend_period: Option<SpendPeriodSpec>,
    /// Trailing windows, up to and with `as_of`. Default [30d, 90d, 365d].
    #[schemars(length(max = 20))]
    pub windows: Option<Vec<Window>>,
    /// Families of columns that are not built. Default: none.
    pub leave_out: Option<Vec<FamilyName>>,
    /// Of the columns on contacts.
    pub interaction: Option<InteractionSpec>,
    /// Of the columns on invoices.
    pub credit: Option<CreditSpec>,
    /// Of the columns on bids.
    pub bidding: Option<BiddingSpec>,
    /// Columns of your own: left their names, right SQL over the built columns and those of your own above.
    pub columns: Option<Named<Sql>>,
    /// The only columns of `customer_features` to publish, beside `as_of` and `customer_id`. Default: all.
    #[schemars(length(min = 1))]
    pub only: Option<Vec<String>>,
}

/// The name of a family of columns.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct FamilyName(pub String);

impl JsonSchema for FamilyName {
    fn schema_name() -> Cow<'static, str> {
        "FamilyName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": FamilyKind::ALL.map(FamilyKind::name) })
    }
}

/// How contacts count.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Interaction")]
pub struct InteractionSpec {
    /// Time after which a contact counts half in `engagement`. Default 90d.
    pub half_life: Option<Days>,
    /// Weight of each kind of contact in `engagement`; each kind gets a column of counts.
    /// Default { registration: 1, email: 1, feedback: 2, call: 3, event: 4, visit: 5 }.
    pub kind_weights: Option<std::collections::BTreeMap<Name, Weight>>,
}

/// A weight, at least 0.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Weight(pub f64);

impl JsonSchema for Weight {
    fn schema_name() -> Cow<'static, str> {
        "Weight".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0 })
    }
}

/// When an invoice counts as unpaid for good.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Credit")]
pub struct CreditSpec {
    /// Time after the due date from which an open invoice is in default. Default 90d.
    pub default_after: Option<Days>,
}

/// When a bid is late, and a registration a no-show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Bidding")]
pub struct BiddingSpec {
    /// A bid is late when the lot closes within so many seconds. Default 60.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub late_bid_seconds: Option<u32>,
    /// A registration without a bid within this time is a no-show. Default 30d.
    pub no_show_after: Option<Days>,
}
