//! Family `potential`: who the customer is, what the market offers, and the margin of each year since entry.

use std::collections::HashMap;
use std::sync::Arc;

use appraise_schema::event::{Form, NO, NO_DAY, NO_MONEY, NO_SYMBOL, UNKNOWN, YES};
use appraise_schema::{ColumnSpec, ColumnType, SourceKind};
use arrow::array::ArrayRef;

use super::{Context, Family, FamilyColumns, Need};
use crate::column::{Amounts, Dates, Doubles, Flags, Texts};
use crate::config::{FeatureConfig, ReferenceConfig};
use crate::error::FoldError;
use crate::history::{History, Profile, Transactions};

/// Days of a year since entry.
const YEAR_DAYS: i32 = 365;

/// The columns of the years since entry.
const MARGIN_YEARS: [&str; 5] = ["margin_year_1", "margin_year_2", "margin_year_3", "margin_year_4", "margin_year_5"];

/// The columns of `customers` that become features as they are, and their forms.
const PROFILE: [(&str, Form); 6] = [
    ("registered_at", Form::Day),
    ("credit_limit", Form::Money),
    ("opted_out", Form::Flag),
    ("manager_rating", Form::Number),
    ("stated_needs", Form::Symbol),
    ("market_total", Form::Money),
];

/// The family's columns.
pub(crate) fn columns(config: &FeatureConfig) -> FamilyColumns {
    if !config.has(SourceKind::Customers) {
        return FamilyColumns::default();
    }
    let money = ColumnType::customer_money(config.money.scale());
    let currency = config.money.unit();
    let maybe = ColumnSpec::nullable;
    let mapped = PROFILE.iter().filter(|(name, _)| config.maps(SourceKind::Customers, name));
    let mut fixed: Vec<ColumnSpec> = mapped
        .map(|&(name, form)| {
            let (column_type, unit) = match form {
                Form::Day => (ColumnType::Date, ""),
                Form::Money => (money, currency),
                Form::Flag => (ColumnType::Boolean, ""),
                Form::Number => (ColumnType::Float64, ""),
                _ => (ColumnType::String, ""),
            };
            let meaning = SourceKind::Customers.column(name).map_or("", |column| column.meaning);
            maybe(name, column_type, unit, meaning)
        })
        .collect();
    if config.has(SourceKind::Transactions) {
        let of = if config.maps(SourceKind::Transactions, "margin") { "margin" } else { "revenue" };
        fixed.extend((1..).zip(MARGIN_YEARS).map(|(year, name)| {
            let meaning = format!("{of} of year {year} since the first purchase; NULL until that year is complete");
            maybe(name, money, currency, &meaning)
        }));
    }
    let attributes = config.attributes.iter();
    let attributes = attributes.map(|name| maybe(name, ColumnType::String, "", "attribute of the customer in force"));
    let numbers = config.references.iter().flat_map(|reference| {
        let meaning = format!("of the row in force at as_of for the customer's `{}`", reference.attribute);
        reference.columns.iter().map(move |name| maybe(name, ColumnType::Float64, "", &meaning))
    });
    FamilyColumns { fixed, own: attributes.chain(numbers).collect() }
}

/// What it reads.
pub(crate) fn needs(config: &FeatureConfig) -> Vec<Need> {
    let wanted = PROFILE.into_iter().filter(|(name, _)| config.keeps(name));
    let mut needs: Vec<Need> = wanted.map(|(name, form)| (SourceKind::Customers, name.to_owned(), form)).collect();
    let of_references =
        config.references.iter().filter(|reference| reference.columns.iter().any(|name| config.keeps(name)));
    let attributes = config.attributes.iter().filter(|name| config.keeps(name));
    let symbols = attributes.chain(of_references.map(|reference| &reference.attribute));
    needs.extend(symbols.map(|name| (SourceKind::Customers, name.clone(), Form::Symbol)));
    if MARGIN_YEARS.iter().any(|name| config.keeps(name)) {
        needs.push((SourceKind::Transactions, "margin".to_owned(), Form::Money));
    }
    needs
}

/// The columns of `customers` that are mapped.
#[derive(Debug)]
struct ProfileValues {
    registered_at: Option<Dates>,
    credit_limit: Option<Amounts>,
    opted_out: Option<Flags>,
    manager_rating: Option<Doubles>,
    stated_needs: Option<Texts>,
    market_total: Option<Amounts>,
}

/// The numbers of one reference table.
#[derive(Debug)]
struct ReferenceValues<'a> {
    config: &'a ReferenceConfig,
    /// Position of its attribute in [`FeatureConfig::attributes`].
    attribute: Option<usize>,
    /// The numbers in force by symbol of the attribute's value.
    in_force: HashMap<u32, &'a [f64]>,
    columns: Vec<Doubles>,
}

/// The fold of one partition.
#[derive(Debug)]
pub(crate) struct Potential<'a> {
    context: &'a Context,
    as_of: i32,
    profile: ProfileValues,
    attributes: Vec<Texts>,
    references: Vec<ReferenceValues<'a>>,
    margin_mapped: bool,
    /// One column a year; empty without transactions.
    years: Vec<Amounts>,
}

impl<'a> Potential<'a> {
    /// A fold.
    pub(crate) fn new(config: &'a FeatureConfig, context: &'a Context) -> Self {
        let references = config.references.iter().map(|reference| ReferenceValues {
            config: reference,
            attribute: config.attributes.iter().position(|name| *name == reference.attribute),
            in_force: HashMap::new(),
            columns: reference.columns.iter().map(|_| Doubles::default()).collect(),
        });
        let years = if config.has(SourceKind::Transactions) { MARGIN_YEARS.as_slice() } else { &[] };
        Self {
            context,
            as_of: config.as_of.day(),
            profile: ProfileValues::new(config),
            attributes: config.attributes.iter().map(|_| Texts::default()).collect(),
            references: references.collect(),
            margin_mapped: config.maps(SourceKind::Transactions, "margin"),
            years: years.iter().map(|name| Amounts::new(name, config.money.scale())).collect(),
        }
    }

    /// Margins of the complete years since entry.
    fn push_years(&mut self, purchases: Transactions<'_>) -> Result<(), FoldError> {
        let amounts = if self.margin_mapped { purchases.margins.unwrap_or(&[]) } else { purchases.amounts };
        let mut begin = purchases.days.first().copied();
        for year in &mut self.years {
            let complete = begin.filter(|begin| begin + YEAR_DAYS - 1 <= self.as_of);
            year.push(complete.map(|begin| sum_between(purchases.days, amounts, begin, begin + YEAR_DAYS)))?;
            begin = complete.map(|begin| begin + YEAR_DAYS);
        }
        Ok(())
    }
}

/// Sum of the amounts that are there from day `begin` to the day before `end`.
fn sum_between(days: &[i32], amounts: &[i64], begin: i32, end: i32) -> i128 {
    let position = |limit: i32| days.partition_point(|&day| day < limit);
    let of_year = amounts.get(position(begin)..position(end)).unwrap_or(&[]);
    of_year.iter().filter(|&&minor| minor != NO_MONEY).map(|&minor| i128::from(minor)).sum()
}

impl Family for Potential<'_> {
    fn fold(&mut self, history: &History<'_>) -> Result<(), FoldError> {
        let profile = history.profile.as_ref();
        let texts = self.context.texts.as_slice();
        self.profile.push(profile, texts);
        for (index, column) in self.attributes.iter_mut().enumerate() {
            column.push(texts, profile.map_or(NO_SYMBOL, |profile| profile.attribute(index)));
        }
        for reference in &mut self.references {
            reference.push(profile, texts, self.as_of);
        }
        self.push_years(history.purchases)
    }

    fn finish(self: Box<Self>) -> Vec<ArrayRef> {
        let mut columns = self.profile.finish();
        columns.extend(self.years.into_iter().map(Amounts::finish));
        columns.extend(self.attributes.into_iter().map(Texts::finish));
        let numbers = self.references.into_iter().flat_map(|reference| reference.columns);
        columns.extend(numbers.map(Doubles::finish));
        columns
    }
}

impl ProfileValues {
    fn new(config: &FeatureConfig) -> Self {
        let maps = |name| config.maps(SourceKind::Customers, name);
        let money = |name| maps(name).then(|| Amounts::new(name, config.money.scale()));
        Self {
            registered_at: maps("registered_at").then(Dates::default),
            credit_limit: money("credit_limit"),
            opted_out: maps("opted_out").then(Flags::default),
            manager_rating: maps("manager_rating").then(Doubles::default),
            stated_needs: maps("stated_needs").then(Texts::default),
            market_total: money("market_total"),
        }
    }

    fn push(&mut self, profile: Option<&Profile<'_>>, texts: &[Arc<str>]) {
        if let Some(column) = &mut self.registered_at {
            column.push(profile.map_or(NO_DAY, Profile::registered_at));
        }
        if let Some(column) = &mut self.credit_limit {
            column.push_minor(profile.map_or(NO_MONEY, Profile::credit_limit));
        }
        if let Some(column) = &mut self.opted_out {
            column.push(match profile.map_or(UNKNOWN, Profile::opted_out) {
                YES => Some(true),
                NO => Some(false),
                _ => None,
            });
        }
        if let Some(column) = &mut self.manager_rating {
            column.push(profile.map(Profile::manager_rating));
        }
        if let Some(column) = &mut self.stated_needs {
            column.push(texts, profile.map_or(NO_SYMBOL, Profile::stated_needs));
        }
        if let Some(column) = &mut self.market_total {
            column.push_minor(profile.map_or(NO_MONEY, Profile::market_total));
        }
    }

    fn finish(self) -> Vec<ArrayRef> {
        let columns = [
            self.registered_at.map(Dates::finish),
            self.credit_limit.map(Amounts::finish),
            self.opted_out.map(Flags::finish),
            self.manager_rating.map(Doubles::finish),
            self.stated_needs.map(Texts::finish),
            self.market_total.map(Amounts::finish),
        ];
        columns.into_iter().flatten().collect()
    }
}

impl ReferenceValues<'_> {
    fn push(&mut self, profile: Option<&Profile<'_>>, texts: &[Arc<str>], as_of: i32) {
        let symbol = profile.zip(self.attribute).map_or(NO_SYMBOL, |(profile, index)| profile.attribute(index));
        let config = self.config;
        let numbers = *self.in_force.entry(symbol).or_insert_with(|| {
            let position = (symbol as usize).checked_sub(1);
            let value = position.and_then(|position| texts.get(position));
            value.and_then(|value| config.table.in_force(value, as_of)).unwrap_or(&[])
        });
        for (index, column) in self.columns.iter_mut().enumerate() {
            column.push(numbers.get(index).copied());
        }
    }
}

#[cfg(test)]
mod tests;
