//! Which groups are valued, and by which columns.

use appraise_schema::money::TOTAL_PRECISION;
use appraise_schema::{ColumnSpec, ColumnType, TableContract};

use super::aggregate::{Aggregate, Kind, aggregates};
use super::chain::ChainPlan;
use super::tally::GroupTally;
use crate::clv::{ClvCard, ClvConfig, Forecasts};
use crate::config::ModelConfig;
use crate::error::ModelError;

/// Which groups are valued.
pub(crate) struct GroupPlan {
    /// The text columns of each set of groups.
    pub(super) sets: Vec<Vec<String>>,
    /// All of them, each once.
    pub(super) attributes: Vec<String>,
    pub(super) aggregates: Vec<Aggregate>,
    pub(super) clv: Option<ClvConfig>,
    /// The chain beside it, where the features have its columns.
    pub(super) chain: Option<ChainPlan>,
    /// Decimal places of money.
    pub(super) scale: u8,
    pub(crate) contract: TableContract,
}

impl GroupPlan {
    /// Checks that `columns`, those of features and of the models of `config`, have the text columns of its groups.
    ///
    /// # Errors
    /// [`ModelError::Column`] for the first that is not there.
    pub(crate) fn new(config: &ModelConfig, columns: &[ColumnSpec], scale: u8) -> Result<Self, ModelError> {
        let sets: Vec<Vec<String>> = std::iter::once(Vec::new()).chain(config.groups.iter().cloned()).collect();
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
        let aggregates = aggregates(config, columns, scale);
        let chain = config.clv.as_ref().and_then(|clv| ChainPlan::new(clv, columns, scale));
        let unit = find("net_revenue").map(|column| column.unit.clone()).unwrap_or_default();
        let mut specs = specs(&attributes, &aggregates, config.clv.as_ref(), scale, &unit);
        if chain.is_some() {
            specs.extend(chain_specs(&aggregates, ColumnType::Decimal { precision: TOTAL_PRECISION, scale }, &unit));
        }
        let contract = TableContract::new("group_values", "what a group of customers is worth", specs)?;
        Ok(Self { sets, attributes, aggregates, clv: config.clv.clone(), chain, scale, contract })
    }

    /// The columns that are read of features and models.
    pub(crate) fn inputs(&self) -> Vec<String> {
        let mut inputs = vec!["orders".to_owned(), "total_revenue".to_owned(), "net_revenue".to_owned()];
        inputs.extend(self.attributes.iter().cloned());
        inputs.extend(self.aggregates.iter().map(|aggregate| aggregate.of.clone()));
        inputs.extend(self.clv.iter().flat_map(ClvConfig::inputs));
        inputs.extend(self.chain.iter().flat_map(ChainPlan::inputs));
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

    /// A tally of no customers; `card` is that of their lifetime values.
    pub(crate) fn tally(&self, card: Option<&ClvCard>) -> GroupTally<'_> {
        GroupTally::new(self, card.and_then(|card| card.mean_margin))
    }

    /// The column of [`GroupPlan::aggregates`] that the chain stands beside.
    pub(super) fn beside_chain(&self) -> Option<usize> {
        let named = |name: &str| self.aggregates.iter().position(|aggregate| aggregate.name == name);
        named(beside_chain(&self.aggregates)).filter(|_| self.chain.is_some())
    }
}

fn specs(
    attributes: &[String],
    aggregates: &[Aggregate],
    clv: Option<&ClvConfig>,
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
    columns.extend(aggregates.iter().map(|Aggregate { name, kind, meaning, .. }| match kind {
        Kind::Sum => amount(name, meaning),
        Kind::Mean => double(name, meaning),
        Kind::Count(_) => ColumnSpec::required(name, ColumnType::Int64, "customers", meaning),
    }));
    if let Some(clv) = clv {
        columns.extend(lifetime_specs(clv, money, unit));
    }
    columns
}

/// The columns of lifetime value.
fn lifetime_specs(clv: &ClvConfig, money: ColumnType, unit: &str) -> Vec<ColumnSpec> {
    let double = |name: &str, meaning: &str| ColumnSpec::nullable(name, ColumnType::Float64, "", meaning);
    let amount = |name: &str, meaning: &str| ColumnSpec::nullable(name, money, unit, meaning);
    let horizon = clv.horizon;
    let interval = "2.5 % to 97.5 %; NULL where something stands in for a fit";
    let mut columns = vec![
        double("active_customers", "sum of the members' p_alive"),
        double("active_share", "active_customers over buyers"),
        double("clv_share", "clv over that of all customers"),
        double("expected_purchases", &format!("sum of the members' expected_purchases in the next {horizon}")),
    ];
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
    columns
}

/// The name of the lifetime value that a chain stands beside.
fn beside_chain(aggregates: &[Aggregate]) -> &'static str {
    let adjusted = "credit_adjusted_clv";
    if aggregates.iter().any(|aggregate| aggregate.name == adjusted) { adjusted } else { "clv" }
}

/// The columns of the chain.
fn chain_specs(aggregates: &[Aggregate], money: ColumnType, unit: &str) -> [ColumnSpec; 2] {
    let value =
        "what the members will bring within the horizon of clv by a Markov chain of quarters; NULL without purchases";
    let gap = format!("chain_value / {} - 1; nothing is rescaled by it", beside_chain(aggregates));
    [
        ColumnSpec::nullable("chain_value", money, unit, value),
        ColumnSpec::nullable("chain_gap", ColumnType::Float64, "", &gap),
    ]
}
