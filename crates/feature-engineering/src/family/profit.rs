//! Family `profit`: what is left of a customer's revenue.

#[cfg(test)]
mod tests;

use appraise_schema::event::{Form, NO_MONEY};
use appraise_schema::{ColumnSpec, ColumnType, SourceKind};
use arrow::array::ArrayRef;

use super::purchase::spend::{gross_margin, margin_needs, margin_taken_back, net_revenue};
use super::{Context, Family, FamilyColumns, Need, needs_of};
use crate::column::{Amounts, Doubles, ratio};
use crate::config::FeatureConfig;
use crate::error::FoldError;
use crate::history::{History, Transactions};
use crate::lots::LotBook;

const COST_TO_SERVE: &str = "cost_to_serve";
const RETURNS_COST: &str = "returns_cost";
const CONTRIBUTION: &str = "contribution";

/// The family's columns.
pub(crate) fn columns(config: &FeatureConfig) -> FamilyColumns {
    let (margin, cost) = (has(config, "margin"), has(config, "cost"));
    if !margin && !cost {
        return FamilyColumns::default();
    }
    let money = ColumnType::customer_money(config.money.scale());
    let currency = config.money.unit();
    let maybe = ColumnSpec::nullable;
    let always = ColumnSpec::required;
    let share = |name, meaning| maybe(name, ColumnType::Float64, "", meaning);
    let mut fixed = Vec::new();
    if margin {
        fixed.push(share("margin_share", "gross_margin / net_revenue; NULL unless net_revenue is positive"));
    }
    if cost {
        let meaning = "cost of purchases and refunds; NULL when no row has one";
        fixed.push(maybe(COST_TO_SERVE, money, currency, meaning));
    }
    let meaning = "absolute margins of refunds and rescinded purchases, and the cost of refunds";
    fixed.push(always(RETURNS_COST, money, currency, meaning));
    fixed.push(always(CONTRIBUTION, money, currency, "gross margin - cost to serve, each 0 where there is none"));
    fixed.push(share("contribution_share", "contribution / net_revenue; NULL unless net_revenue is positive"));
    FamilyColumns { fixed, own: Vec::new() }
}

/// Whether transactions map `column`.
fn has(config: &FeatureConfig, column: &str) -> bool {
    config.maps(SourceKind::Transactions, column)
}

/// What it reads, beside what the fold itself reads.
pub(crate) fn needs() -> Vec<Need> {
    let mut needs = margin_needs();
    needs.extend(needs_of(SourceKind::Transactions, [("cost", Form::Money)]));
    needs
}

/// The fold of one partition.
#[derive(Debug)]
pub(crate) struct Profit<'a> {
    lots: &'a LotBook,
    margin_share: Option<Doubles>,
    cost_to_serve: Option<Amounts>,
    returns_cost: Amounts,
    contribution: Amounts,
    contribution_share: Doubles,
}

impl<'a> Profit<'a> {
    /// A fold.
    pub(crate) fn new(config: &'a FeatureConfig, context: &'a Context) -> Self {
        let amounts = |name| Amounts::new(name, config.money.scale());
        Self {
            lots: &context.lots,
            margin_share: has(config, "margin").then(Doubles::default),
            cost_to_serve: has(config, "cost").then(|| amounts(COST_TO_SERVE)),
            returns_cost: amounts(RETURNS_COST),
            contribution: amounts(CONTRIBUTION),
            contribution_share: Doubles::default(),
        }
    }
}

impl Family for Profit<'_> {
    fn fold(&mut self, history: &History<'_>) -> Result<(), FoldError> {
        let net_revenue = net_revenue(history);
        let margin = gross_margin(history, self.lots);
        let cost_of_refunds = cost([history.refunds]);
        let cost = cost([history.purchases, history.reversed, history.refunds]);
        let contribution = margin.unwrap_or(0) - cost.unwrap_or(0);
        if let Some(margin_share) = &mut self.margin_share {
            margin_share.push(margin.and_then(|margin| ratio(margin, net_revenue)));
        }
        if let Some(cost_to_serve) = &mut self.cost_to_serve {
            cost_to_serve.push(cost)?;
        }
        self.returns_cost.push(Some(margin_taken_back(history) + cost_of_refunds.unwrap_or(0)))?;
        self.contribution.push(Some(contribution))?;
        self.contribution_share.push(ratio(contribution, net_revenue));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<ArrayRef> {
        let mut columns = Vec::with_capacity(5);
        columns.extend(self.margin_share.map(Doubles::finish));
        columns.extend(self.cost_to_serve.map(Amounts::finish));
        columns.extend([self.returns_cost.finish(), self.contribution.finish(), self.contribution_share.finish()]);
        columns
    }
}

/// The sum of all costs; `None` when no row has one.
fn cost<const N: usize>(parts: [Transactions<'_>; N]) -> Option<i128> {
    let costs = parts.into_iter().flat_map(|part| part.costs.unwrap_or(&[]));
    costs.filter(|&&cost| cost != NO_MONEY).map(|&cost| i128::from(cost)).reduce(|sum, cost| sum + cost)
}
