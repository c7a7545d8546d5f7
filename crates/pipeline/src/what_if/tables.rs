//! The figures of a what-if as tables, for those who plot or collect them.

use std::path::Path;
use std::sync::Arc;

use appraise_export::folder::write_folder;
use appraise_export::{Compression, Disk};
use appraise_model::{ClassTotal, Figures};
use appraise_schema::{ColumnSpec, ColumnType, TableContract};
use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray,
    UInt64Array,
};
use arrow::compute::{concat, take};

use super::{Compared, WhatIf};
use crate::error::RunError;
use crate::report_table::ReportColumns;

/// Digits of totals of money.
const TOTAL_DIGITS: u8 = 38;

/// Writes the tables of `found` to `folder`: all of them or none, with their dictionary.
///
/// # Errors
/// When the folder is there and not empty, or can't be written.
pub fn write(folder: &Path, found: &WhatIf) -> Result<(), RunError> {
    let tables = [scenarios(found)?, classes(found)?, moves(found)?, customers(found)?];
    Ok(write_folder(&Disk::default(), folder, &tables, Compression::Zstd)?)
}

/// The base, which is number 0, and all scenarios.
fn all(found: &WhatIf) -> impl Iterator<Item = (u32, Option<&Compared>, &Figures)> + Clone {
    let base = std::iter::once((0, None, found.base.figures()));
    base.chain(found.scenarios.iter().map(|of| (of.scenario.number, Some(of), &of.figures)))
}

/// The columns of every table of scenarios: the date, and the scenario of each row.
fn of_scenarios(found: &WhatIf, numbers: impl Iterator<Item = u32>) -> ReportColumns {
    let mut columns = ReportColumns::default();
    let numbers: Int32Array = numbers.map(|number| i32::try_from(number).ok()).collect();
    columns.push(ColumnSpec::as_of(), Arc::new(Date32Array::from(vec![found.as_of.day(); numbers.len()])));
    columns.add(
        ("scenario", ColumnType::Int32, "", "number of the scenario; 0 is the pipeline as it is"),
        Arc::new(numbers),
    );
    columns
}

/// A nullable column of counts.
fn counts(columns: &mut ReportColumns, name: &str, meaning: &str, values: impl Iterator<Item = Option<u64>>) {
    let values: Int64Array = values.map(|value| value.and_then(|value| i64::try_from(value).ok())).collect();
    columns.push(ColumnSpec::nullable(name, ColumnType::Int64, "customers", meaning), Arc::new(values));
}

fn scenarios(found: &WhatIf) -> Result<(TableContract, RecordBatch), RunError> {
    let rows = || all(found);
    let mut columns = of_scenarios(found, rows().map(|(number, ..)| number));
    let name = |of: Option<&Compared>| of.map_or("base".to_owned(), |of| of.scenario.name.clone());
    let names: Vec<String> = rows().map(|(_, of, _)| name(of)).collect();
    columns.texts("name", "what the scenario is called", names.iter().map(String::as_str));
    let settings: Vec<String> =
        rows().map(|(_, of, _)| of.map_or(String::new(), |of| of.scenario.sets.join("\n"))).collect();
    let meaning = "what makes the scenario of the pipeline: a `path=value` a line, as `--set` takes them";
    columns.texts("settings", meaning, settings.iter().map(String::as_str));
    let fitted: BooleanArray = rows().map(|(_, of, _)| Some(of.is_none_or(|of| of.fitted))).collect();
    let meaning = "whether models were fitted for it; else the index alone was weighed anew, with the same result";
    columns.add(("is_fitted", ColumnType::Boolean, "", meaning), Arc::new(fitted));
    let by = found.base.outcome().ranked_by().unwrap_or("nothing");
    columns.counts(
        "ranked_customers",
        "customers",
        &format!("customers who are ranked, by {by}"),
        rows().map(|(.., of)| of.ranked),
    );
    let meaning = "customers in another value_tier than in the base; NULL without tiers";
    counts(&mut columns, "tier_moves", meaning, rows().map(|(.., of)| found.tier_moves(of)));
    let meaning = "customers in another segment than in the base; NULL without segments";
    counts(&mut columns, "segment_moves", meaning, rows().map(|(.., of)| found.segment_moves(of)));
    let meaning = "share of the base's best tenth who are in the scenario's best tenth, too";
    columns.doubles("top_decile_overlap", "", meaning, rows().map(|(.., of)| of.top_decile_overlap));
    let meaning = "rank correlation with the base among the 10,000 ranked customers of the smallest hash of the key";
    columns.doubles("kendall_tau_b", "", meaning, rows().map(|(.., of)| of.kendall_tau_b));
    columns.table("scenarios", "one row per scenario: how it differs from the pipeline as it is")
}

/// A class of a scenario: number of the scenario, column, class, its customers.
type ClassRow<'f> = (u32, &'f str, Option<&'f str>, &'f ClassTotal);

fn classes(found: &WhatIf) -> Result<(TableContract, RecordBatch), RunError> {
    let mut rows: Vec<ClassRow<'_>> = Vec::new();
    for (number, _, figures) in all(found) {
        for (column, (name, of)) in found.names.columns().iter().zip(&figures.classes).enumerate() {
            let some = of.totals.iter().zip(found.names.classes(column));
            let some = some.filter(|(total, class)| class.is_some() || total.customers + total.left > 0);
            rows.extend(some.map(|(total, class)| (number, name.as_str(), class.as_deref(), total)));
        }
    }
    let mut columns = of_scenarios(found, rows.iter().map(|(number, ..)| *number));
    let meaning = "column of customer_values that puts customers into classes";
    columns.texts("class_column", meaning, rows.iter().map(|(_, name, ..)| *name));
    let classes: StringArray = rows.iter().map(|(_, _, class, _)| *class).collect();
    let meaning = "one of its values; NULL stands for customers without one";
    columns.push(ColumnSpec::nullable("class_value", ColumnType::String, "", meaning), Arc::new(classes));
    let of = |value: fn(&ClassTotal) -> u64| rows.iter().map(move |(.., total)| value(total));
    columns.counts("customers", "customers", "how many are in it", of(|total| total.customers));
    let unit = found.money.unit();
    let column_type = ColumnType::Decimal { precision: TOTAL_DIGITS, scale: found.money.scale() };
    let money = |value: fn(&ClassTotal) -> i128| -> Result<ArrayRef, RunError> {
        let values = Decimal128Array::from_iter_values(rows.iter().map(|(.., total)| value(total)));
        Ok(Arc::new(values.with_precision_and_scale(TOTAL_DIGITS, i8::try_from(found.money.scale()).unwrap_or(0))?))
    };
    let meaning = "sum of net_revenue of its customers";
    columns.add(("net_revenue", column_type, unit, meaning), money(|total| total.net_revenue)?);
    if found.base.outcome().has_clv() {
        let meaning = "sum of clv of its customers in the scenario; NULL counts nothing";
        columns.add(("clv", column_type, unit, meaning), money(|total| total.clv)?);
    }
    let meaning = "customers in it who are in another class in the base";
    columns.counts("entered_customers", "customers", meaning, of(|total| total.entered));
    let meaning = "customers in it in the base who are in another class here";
    columns.counts("left_customers", "customers", meaning, of(|total| total.left));
    columns.table("scenario_segments", "one row per scenario and class: how many customers, and what they are worth")
}

fn moves(found: &WhatIf) -> Result<(TableContract, RecordBatch), RunError> {
    let mut rows = Vec::new();
    for (number, _, figures) in all(found) {
        for (column, (name, of)) in found.names.columns().iter().zip(&figures.classes).enumerate() {
            let classes = found.names.classes(column);
            let class = |number: usize| classes.get(number).and_then(Option::as_deref);
            rows.extend(of.moves.iter().map(|of| (number, name.as_str(), class(of.from), class(of.to), of.customers)));
        }
    }
    let mut columns = of_scenarios(found, rows.iter().map(|(number, ..)| *number));
    let meaning = "column of customer_values that puts customers into classes";
    columns.texts("class_column", meaning, rows.iter().map(|(_, name, ..)| *name));
    let text = |classes: StringArray| -> ArrayRef { Arc::new(classes) };
    columns.push(
        ColumnSpec::nullable("from_class", ColumnType::String, "", "class in the base; NULL is none"),
        text(rows.iter().map(|(_, _, from, ..)| *from).collect()),
    );
    columns.push(
        ColumnSpec::nullable("to_class", ColumnType::String, "", "another class in the scenario; NULL is none"),
        text(rows.iter().map(|(.., to, _)| *to).collect()),
    );
    columns.counts("customers", "customers", "how many moved so", rows.iter().map(|(.., customers)| *customers));
    columns.table("scenario_moves", "one row per scenario and pair of classes that customers moved between")
}

fn customers(found: &WhatIf) -> Result<(TableContract, RecordBatch), RunError> {
    let ranked = found.base.ranked();
    let mut columns = ReportColumns::default();
    columns.push(ColumnSpec::as_of(), Arc::new(Date32Array::from(vec![found.as_of.day(); ranked.len()])));
    let keys: Vec<&dyn Array> = found.keys.iter().map(AsRef::as_ref).collect();
    let spec = found.features.position("customer_id").map(|position| found.features.columns[position].clone());
    if let (Some(spec), false) = (spec, keys.is_empty()) {
        let rows = UInt64Array::from_iter_values(ranked.iter().map(|&row| row as u64));
        columns.push(spec, take(&concat(&keys)?, &rows, None)?);
    }
    let by = found.base.outcome().ranked_by().unwrap_or("nothing");
    let meaning = format!("place in the base by {by}, 1 is best; ties share the least");
    columns.counts("base_rank", "", &meaning, found.base.ranks().into_iter());
    let top: BooleanArray = found.base.top().iter().map(|top| Some(*top)).collect();
    columns.add(("is_top_decile", ColumnType::Boolean, "", "whether in the best tenth of the base"), Arc::new(top));
    let robust = &found.robustness;
    let meaning = "share of the scenarios in which the customer is in the best tenth";
    columns.doubles("top_decile_probability", "", meaning, robust.top_decile.iter().map(|share| Some(*share)));
    let meaning = "rank that 5 % of the scenarios reach or better";
    columns.counts("rank_low", "", meaning, robust.rank_low.iter().map(|rank| u64::from(*rank)));
    let meaning = "rank that 95 % of the scenarios reach or better";
    columns.counts("rank_high", "", meaning, robust.rank_high.iter().map(|rank| u64::from(*rank)));
    if let (Some(column), false) =
        (found.names.columns().iter().position(|name| name == super::VALUE_TIER), found.changes.is_empty())
    {
        let tier = |number: usize| found.names.classes(column)[number].as_deref();
        let text = |name: &str, meaning: &str| ColumnSpec::nullable(name, ColumnType::String, "", meaning);
        let now: StringArray = found.base.classes_of_ranked(column).map(tier).collect();
        columns.push(text("value_tier", "tier in the base"), Arc::new(now));
        let indicator = |number: usize| found.indicators.get(number).map(String::as_str);
        let changes = || found.changes.iter().map(Option::as_ref);
        let names: StringArray = changes().map(|of| of.and_then(|of| indicator(of.indicator))).collect();
        let meaning =
            "indicator whose weight, changed least of all, moves the customer to another tier; NULL when none does";
        columns.push(text("least_change_indicator", meaning), Arc::new(names));
        let meaning = "that change: new weight less old, the others keeping their proportions, cut-offs staying";
        columns.doubles("least_change", "", meaning, changes().map(|of| of.map(|of| of.change)));
        let tiers: StringArray = changes().map(|of| of.and_then(|of| tier(of.tier))).collect();
        columns.push(text("least_change_tier", "the tier that the customer moves to"), Arc::new(tiers));
    }
    columns.table("customer_robustness", "one row per ranked customer: how firm the place is over all scenarios")
}
