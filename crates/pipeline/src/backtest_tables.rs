//! The judgements of a backtest as tables, for those who plot or collect them.

use std::path::Path;
use std::sync::Arc;

use appraise_export::folder::write_folder;
use appraise_export::{Compression, Disk};
use appraise_schema::{ColumnType, Money, TableContract};
use arrow::array::{Int32Array, RecordBatch};

use crate::backtest::{Backtest, Quality};
use crate::error::RunError;
use crate::report_table::ReportColumns;

/// Writes the tables of `reports`, whose revenue is in whole units of `money`, to `folder`: all of them or none, with their
/// dictionary.
///
/// # Errors
/// When the folder is there and not empty, or can't be written.
pub fn write(folder: &Path, reports: &[Backtest], money: &Money) -> Result<(), RunError> {
    let tables = [qualities(reports, money)?, frequencies(reports)?, deciles(reports, money)?, tracking(reports)?];
    Ok(write_folder(&Disk::default(), folder, &tables, Compression::Zstd)?)
}

/// The columns of every table, of rows that each belong to a report.
fn columns<'r>(reports: impl Iterator<Item = &'r Backtest> + Clone) -> ReportColumns {
    let mut columns = ReportColumns::default();
    let meaning = "date until which customers were watched";
    columns.dates("as_of", meaning, reports.clone().map(|report| report.until.as_str()));
    columns.dates("cut_date", "date at which customers were valued", reports.clone().map(|report| report.cut.as_str()));
    let days = reports.map(|report| i32::try_from(report.holdout_days).ok());
    columns.add(
        ("holdout_days", ColumnType::Int32, "days", "days from the one to the other"),
        Arc::new(days.collect::<Int32Array>()),
    );
    columns
}

/// Each row with its report.
fn rows<'r, T>(reports: &'r [Backtest], of: impl Fn(&'r Backtest) -> &'r [T]) -> Vec<(&'r Backtest, &'r T)> {
    let rows_of = |report: &'r Backtest| of(report).iter().map(|row| (report, row)).collect::<Vec<_>>();
    reports.iter().flat_map(rows_of).collect()
}

fn qualities(reports: &[Backtest], money: &Money) -> Result<(TableContract, RecordBatch), RunError> {
    let purchases =
        rows(reports, |report| &report.purchases).into_iter().map(|(report, one)| (report, "purchases", one));
    let revenue = rows(reports, |report| &report.revenue).into_iter().map(|(report, one)| (report, "revenue", one));
    let all: Vec<(&Backtest, &str, &Quality)> = purchases.chain(revenue).collect();
    let value = |of: fn(&Quality) -> Option<f64>| all.iter().map(move |(.., one)| of(one));
    let mut columns = columns(all.iter().map(|(report, ..)| *report));
    columns.texts("quantity", "what was foretold: purchases or revenue", all.iter().map(|(_, name, _)| *name));
    columns.texts(
        "forecast",
        "who foretold: a model of purchases or a simple rule",
        all.iter().map(|(.., one)| one.forecast.as_str()),
    );
    columns.counts("customers", "customers", "buyers at the cut", all.iter().map(|(report, ..)| report.customers));
    let unit = &format!("purchase periods, or {}", money.unit());
    columns.doubles("predicted", unit, "sum of the forecast", value(|one| Some(one.predicted)));
    columns.doubles("actual", unit, "sum of what came", value(|one| Some(one.actual)));
    columns.doubles("bias", "", "predicted over actual, less 1; NULL when nothing came", value(|one| one.bias));
    columns.doubles("mean_absolute_error", unit, "of a customer", value(|one| Some(one.mae)));
    columns.doubles("root_mean_squared_error", unit, "of a customer", value(|one| Some(one.rmse)));
    columns.doubles(
        "spearman",
        "",
        "rank correlation; NULL when either is the same for all",
        value(|one| one.spearman),
    );
    columns.doubles(
        "gini",
        "",
        "Gini coefficient in the order foretold over that in the best order",
        value(|one| one.gini),
    );
    let meaning = "what the tenth with the highest forecast did, over a tenth of everything";
    columns.doubles("top_decile_lift", "", meaning, value(|one| one.top_decile_lift));
    columns.table("backtest_quality", "one row per cut, quantity and forecast: how well it foretold")
}

fn frequencies(reports: &[Backtest]) -> Result<(TableContract, RecordBatch), RunError> {
    let all = rows(reports, |report| &report.by_frequency);
    let mut columns = columns(all.iter().map(|(report, _)| *report));
    let meaning = "repeat purchase periods up to the cut; 7 stands for 7 and more";
    columns.counts("frequency", "periods", meaning, all.iter().map(|(_, row)| row.frequency));
    columns.counts("customers", "customers", "how many", all.iter().map(|(_, row)| row.customers));
    columns.doubles("predicted", "periods", "mean of the forecast", all.iter().map(|(_, row)| Some(row.predicted)));
    columns.doubles("actual", "periods", "mean of what came", all.iter().map(|(_, row)| Some(row.actual)));
    columns
        .table("backtest_frequency", "one row per cut and frequency: purchase periods of a customer, foretold and come")
}

fn deciles(reports: &[Backtest], money: &Money) -> Result<(TableContract, RecordBatch), RunError> {
    let all = rows(reports, |report| &report.deciles);
    let mut columns = columns(all.iter().map(|(report, _)| *report));
    columns.counts(
        "decile",
        "",
        "tenth of the customers, 1 has the highest forecast",
        all.iter().map(|(_, row)| row.decile as u64),
    );
    columns.counts("customers", "customers", "how many", all.iter().map(|(_, row)| row.customers));
    columns.doubles("predicted", money.unit(), "sum of the forecast", all.iter().map(|(_, row)| Some(row.predicted)));
    columns.doubles("actual", money.unit(), "sum of what came", all.iter().map(|(_, row)| Some(row.actual)));
    columns.doubles(
        "lift",
        "",
        "what came over its mean share; NULL when nothing came",
        all.iter().map(|(_, row)| row.lift),
    );
    columns.table("backtest_deciles", "one row per cut and tenth of the customers: revenue foretold and come")
}

fn tracking(reports: &[Backtest]) -> Result<(TableContract, RecordBatch), RunError> {
    let all = rows(reports, |report| &report.tracking);
    let mut columns = columns(all.iter().map(|(report, _)| *report));
    columns.dates("until_date", "date up to which purchases count", all.iter().map(|(_, row)| row.until.as_str()));
    columns.doubles(
        "predicted",
        "periods",
        "purchase periods foretold from the cut on",
        all.iter().map(|(_, row)| Some(row.predicted)),
    );
    columns.doubles("actual", "periods", "purchase periods that came", all.iter().map(|(_, row)| Some(row.actual)));
    columns.table("backtest_tracking", "one row per cut and date: purchase periods of all customers, foretold and come")
}
