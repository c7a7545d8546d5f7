//! Family `preference`: what a customer buys.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::sync::Arc;

use appraise_schema::event::{Form, NO_SYMBOL};
use appraise_schema::{ColumnSpec, ColumnType, SourceKind, WindowDays};
use arrow::array::ArrayRef;

use super::{Context, Family, FamilyColumns, Need, needs_of};
use crate::column::{Doubles, Integers, Texts, fitting, ratio};
use crate::config::FeatureConfig;
use crate::error::FoldError;
use crate::history::{History, Transactions};

/// The family's columns.
pub(crate) fn columns(config: &FeatureConfig) -> FamilyColumns {
    if !config.maps(SourceKind::Transactions, "category") {
        return FamilyColumns::default();
    }
    let (int, double) = (ColumnType::Int64, ColumnType::Float64);
    let maybe = ColumnSpec::nullable;
    let fixed = vec![
        ColumnSpec::required("categories", int, "categories", "categories of purchases that stand"),
        maybe("top_category", ColumnType::String, "", "category with the largest revenue"),
        maybe("top_category_share", double, "", "share of the revenue with a category that falls to top_category"),
        maybe("category_entropy", double, "nats", "Shannon entropy of the categories' shares of revenue"),
        maybe(
            "category_hhi",
            double,
            "",
            "Herfindahl-Hirschman index: sum of the categories' squared shares of revenue",
        ),
    ];
    let new_categories = |window: &WindowDays| {
        let meaning = format!("categories first bought in the last {} days", window.days());
        ColumnSpec::required(&format!("new_categories_{window}"), int, "categories", &meaning)
    };
    FamilyColumns { fixed, own: config.windows.iter().map(new_categories).collect() }
}

/// What it reads, beside what the fold itself reads.
pub(crate) fn needs() -> Vec<Need> {
    needs_of(SourceKind::Transactions, [("category", Form::Symbol)])
}

/// The fold of one partition.
#[derive(Debug)]
pub(crate) struct Preference<'a> {
    texts: &'a [Arc<str>],
    categories: Integers,
    top: Texts,
    top_share: Doubles,
    entropy: Doubles,
    concentration: Doubles,
    /// By window: the day before its first, and the column.
    new_categories: Vec<(i32, Integers)>,
    /// Room for the categories of the customer at hand.
    spend: Vec<Category>,
}

/// What a customer bought of one category.
#[derive(Debug, Clone, Copy)]
struct Category {
    symbol: u32,
    revenue: i128,
    lines: usize,
    first_day: i32,
}

impl<'a> Preference<'a> {
    /// A fold.
    pub(crate) fn new(config: &'a FeatureConfig, context: &'a Context) -> Self {
        let as_of = config.as_of.day();
        let column = |window: &WindowDays| (as_of - window.days().cast_signed(), Integers::default());
        Self {
            texts: &context.texts,
            categories: Integers::default(),
            top: Texts::default(),
            top_share: Doubles::default(),
            entropy: Doubles::default(),
            concentration: Doubles::default(),
            new_categories: config.windows.iter().map(column).collect(),
            spend: Vec::new(),
        }
    }

    /// Which category comes first: more revenue, then more lines, then the smaller text.
    fn preferred(&self, a: &Category, b: &Category) -> Ordering {
        let text = |category: &Category| &self.texts[category.symbol as usize - 1];
        (a.revenue, a.lines).cmp(&(b.revenue, b.lines)).then_with(|| text(b).cmp(text(a)))
    }
}

impl Family for Preference<'_> {
    fn fold(&mut self, history: &History<'_>) -> Result<(), FoldError> {
        by_category(&history.purchases, &mut self.spend);
        // Below 10¹⁸, so that 128 bits hold the squares.
        let total = fitting("total_revenue", self.spend.iter().map(|category| category.revenue).sum())?.into();
        let top = self.spend.iter().max_by(|a, b| self.preferred(a, b)).copied();
        self.categories.count(self.spend.len());
        self.top.push(self.texts, top.map_or(NO_SYMBOL, |top| top.symbol));
        self.top_share.push(top.and_then(|top| ratio(top.revenue, total)));
        self.spend.sort_unstable_by_key(|category| category.revenue);
        self.entropy.push(entropy(&self.spend, total));
        let squares = self.spend.iter().map(|category| category.revenue * category.revenue).sum();
        self.concentration.push(ratio(squares, total * total));
        for (before, new_categories) in &mut self.new_categories {
            new_categories.count(self.spend.iter().filter(|category| category.first_day > *before).count());
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<ArrayRef> {
        let fixed = [
            self.categories.finish(),
            self.top.finish(),
            self.top_share.finish(),
            self.entropy.finish(),
            self.concentration.finish(),
        ];
        fixed.into_iter().chain(self.new_categories.into_iter().map(|(_, column)| column.finish())).collect()
    }
}

/// Fills `spend` with the categories of `purchases`.
fn by_category(purchases: &Transactions<'_>, spend: &mut Vec<Category>) {
    let categories = purchases.categories.unwrap_or(&[]);
    let rows = categories.iter().zip(purchases.amounts).zip(purchases.days);
    let known = rows.filter(|((category, _), _)| **category != NO_SYMBOL);
    spend.clear();
    spend.extend(known.map(|((&symbol, &amount), &first_day)| Category {
        symbol,
        revenue: amount.into(),
        lines: 1,
        first_day,
    }));
    spend.sort_unstable_by_key(|category| category.symbol);
    spend.dedup_by(|row, category| {
        let same = row.symbol == category.symbol;
        if same {
            category.revenue += row.revenue;
            category.lines += row.lines;
            category.first_day = category.first_day.min(row.first_day);
        }
        same
    });
}

/// −Σ s ln s in nats, from the smallest share to the largest; `None` without revenue.
fn entropy(ascending: &[Category], total: i128) -> Option<f64> {
    let shares = ascending.iter().filter_map(|category| ratio(category.revenue, total)).filter(|&share| share > 0.0);
    (total > 0).then(|| shares.fold(0.0, |sum, share| sum - share * libm::log(share)))
}
