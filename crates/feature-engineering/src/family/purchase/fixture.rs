//! Histories and configurations for the tests of families over transactions.

use std::collections::{BTreeMap, BTreeSet};

use appraise_schema::event::NO_MONEY;
use appraise_schema::{AsOf, SourceKind};
use arrow::array::Array;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::config::FeatureConfig;
use crate::family::{Context, FamilyKind};
use crate::history::{History, ProfileColumns, Transactions};
use crate::lots::Lot;

/// NULL in an amount.
pub(crate) const NULL: i64 = NO_MONEY;

/// Days since 1970-01-01.
pub(crate) fn day(date: &str) -> i32 {
    date.parse::<AsOf>().unwrap().day()
}

/// A pipeline at `as_of` with days as periods, pence, one window of 30 days, and these columns of transactions mapped.
pub(crate) fn config(as_of: &str, transactions: &[&str]) -> FeatureConfig {
    FeatureConfig {
        as_of: as_of.parse().unwrap(),
        ..crate::family::fixture::config(&[(SourceKind::Transactions, transactions)])
    }
}

/// Owned names.
pub(crate) fn names(columns: &[&str]) -> BTreeSet<String> {
    columns.iter().map(|&column| column.to_owned()).collect()
}

/// The columns of some transactions.
#[derive(Debug, Default, Clone)]
pub(crate) struct Rows {
    days: Vec<i32>,
    amounts: Vec<i64>,
    orders: Option<Vec<u128>>,
    categories: Option<Vec<u32>>,
    margins: Option<Vec<i64>>,
    costs: Option<Vec<i64>>,
}

impl Rows {
    /// Dates and amounts.
    pub(crate) fn of(rows: &[(&str, i64)]) -> Self {
        let (days, amounts) = rows.iter().map(|&(date, amount)| (day(date), amount)).unzip();
        Self { days, amounts, ..Self::default() }
    }

    /// With order ids.
    pub(crate) fn orders(self, orders: &[u128]) -> Self {
        assert_eq!(orders.len(), self.days.len());
        Self { orders: Some(orders.to_vec()), ..self }
    }

    /// With categories.
    pub(crate) fn categories(self, categories: &[u32]) -> Self {
        assert_eq!(categories.len(), self.days.len());
        Self { categories: Some(categories.to_vec()), ..self }
    }

    /// With margins.
    pub(crate) fn margins(self, margins: &[i64]) -> Self {
        assert_eq!(margins.len(), self.days.len());
        Self { margins: Some(margins.to_vec()), ..self }
    }

    /// With costs.
    pub(crate) fn costs(self, costs: &[i64]) -> Self {
        assert_eq!(costs.len(), self.days.len());
        Self { costs: Some(costs.to_vec()), ..self }
    }

    /// The same rows in another order.
    pub(crate) fn permuted(&self, order: &[usize]) -> Self {
        fn pick<T: Copy>(values: &[T], order: &[usize]) -> Vec<T> {
            order.iter().map(|&row| values[row]).collect()
        }
        Self {
            days: pick(&self.days, order),
            amounts: pick(&self.amounts, order),
            orders: self.orders.as_deref().map(|values| pick(values, order)),
            categories: self.categories.as_deref().map(|values| pick(values, order)),
            margins: self.margins.as_deref().map(|values| pick(values, order)),
            costs: self.costs.as_deref().map(|values| pick(values, order)),
        }
    }

    /// Slices of them.
    pub(crate) fn view(&self) -> Transactions<'_> {
        Transactions {
            days: &self.days,
            amounts: &self.amounts,
            ids: None,
            orders: self.orders.as_deref(),
            lots: None,
            categories: self.categories.as_deref(),
            margins: self.margins.as_deref(),
            costs: self.costs.as_deref(),
        }
    }
}

/// A history of purchases that stand.
pub(crate) fn standing(rows: &Rows) -> History<'_> {
    History { purchases: rows.view(), ..History::default() }
}

/// A context with these texts and no lots.
pub(crate) fn texts(texts: &[&str]) -> Context {
    Context { texts: texts.iter().map(|&text| text.into()).collect(), ..Context::default() }
}

/// A context with these lots.
pub(crate) fn lots(lots: Vec<Lot>) -> Context {
    let mut context = Context::default();
    context.lots.lots = lots;
    context
}

/// Customers with these dates of registration and market totals.
pub(crate) fn profiles<'a>(registered_at: &'a [i32], market_total: &'a [i64]) -> ProfileColumns<'a> {
    ProfileColumns { registered_at: Some(registered_at), market_total: Some(market_total), ..ProfileColumns::default() }
}

/// The folded columns by name, as text; asserts that they keep to the family's contract.
pub(crate) fn fold(
    family: FamilyKind,
    config: &FeatureConfig,
    context: &Context,
    customers: &[History<'_>],
) -> BTreeMap<String, Vec<String>> {
    let mut built = family.build(config, context, customers.len());
    for history in customers {
        built.fold(history).unwrap();
    }
    let columns = family.columns(config);
    let specs: Vec<_> = columns.fixed.iter().chain(&columns.own).collect();
    let arrays = built.finish();
    assert_eq!(arrays.len(), specs.len());
    let mut table = BTreeMap::new();
    for (spec, array) in specs.into_iter().zip(arrays) {
        assert_eq!(array.data_type(), &spec.column_type.arrow(), "{}", spec.name);
        assert_eq!(array.len(), customers.len(), "{}", spec.name);
        if config.keeps(&spec.name) {
            assert!(spec.nullable || array.null_count() == 0, "{} has NULLs", spec.name);
            table.insert(spec.name.clone(), cells(&array));
        }
    }
    table
}

/// The columns of one customer, as text.
pub(crate) fn row(
    family: FamilyKind,
    config: &FeatureConfig,
    context: &Context,
    history: &History<'_>,
) -> BTreeMap<String, String> {
    let table = fold(family, config, context, &[*history]);
    table.into_iter().map(|(name, mut cells)| (name, cells.remove(0))).collect()
}

/// Asserts the values of some columns.
pub(crate) fn assert_row(row: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (column, value) in expected {
        assert_eq!(row.get(*column).map(String::as_str), Some(*value), "{column}");
    }
}

fn cells(array: &dyn Array) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let formatter = ArrayFormatter::try_new(array, &options).unwrap();
    (0..array.len()).map(|row| formatter.value(row).to_string()).collect()
}
