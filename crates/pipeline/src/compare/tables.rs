//! The comparison of two snapshots as tables, for those who plot or collect them.

use std::path::Path;
use std::sync::Arc;

use appraise_export::folder::write_folder;
use appraise_export::{Compression, Disk};
use appraise_model::compare::{BridgeRow, Effect, Exact, MigrationCell, PsiBin};
use appraise_schema::money::TOTAL_PRECISION;
use appraise_schema::{ColumnType, Money, TableContract};
use arrow::array::{Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch};

use super::Comparison;
use crate::error::RunError;
use crate::report_table::ReportColumns;

/// Decimal places of figures that may be customers, money or scores.
const FIGURE_SCALE: u8 = 9;

/// Writes the tables of `comparison`, of snapshots whose money is `money`, to `folder`: all of them or none, with their dictionary.
///
/// # Errors
/// When the folder is there and not empty, or can't be written.
pub fn write(folder: &Path, comparison: &Comparison, money: &Money) -> Result<(), RunError> {
    let tables = [
        migrations(comparison, money)?,
        effects(comparison, money)?,
        distributions(comparison)?,
        bridges(comparison, money)?,
    ];
    Ok(write_folder(&Disk::default(), folder, &tables, Compression::Zstd)?)
}

/// The columns of every table, of `rows` rows.
fn columns(comparison: &Comparison, rows: usize) -> ReportColumns {
    let mut columns = ReportColumns::default();
    let repeated = |date| std::iter::repeat_n(date, rows);
    columns.dates("as_of", "date of the new snapshot", repeated(comparison.new.as_of.as_str()));
    let meaning = "date of the snapshot that it is compared with";
    columns.dates("base_date", meaning, repeated(comparison.base.as_of.as_str()));
    columns
}

/// Adds a column of figures at `scale` decimal places, which they have at most: name, unit, meaning.
fn figures(
    columns: &mut ReportColumns,
    (name, unit, meaning): (&str, &str, &str),
    scale: u8,
    values: impl Iterator<Item = Exact>,
) -> Result<(), RunError> {
    let widened = |value: Exact| value.units * 10_i128.pow(u32::from(scale.saturating_sub(value.scale.unwrap_or(0))));
    let array = Decimal128Array::from_iter_values(values.map(widened));
    let array = array.with_precision_and_scale(TOTAL_PRECISION, scale.cast_signed())?;
    columns.add((name, ColumnType::Decimal { precision: TOTAL_PRECISION, scale }, unit, meaning), Arc::new(array));
    Ok(())
}

fn migrations(comparison: &Comparison, money: &Money) -> Result<(TableContract, RecordBatch), RunError> {
    let of = |migration: &'_ appraise_model::compare::Migration| migration.cells.len();
    let all: Vec<(&str, &MigrationCell)> = comparison
        .migrations
        .iter()
        .flat_map(|migration| migration.cells.iter().map(|cell| (migration.column.as_str(), cell)))
        .collect();
    let mut columns = columns(comparison, comparison.migrations.iter().map(of).sum());
    columns.texts("class_column", "the column of classes", all.iter().map(|(column, _)| *column));
    let meaning = "stayed or moved, of customers of both; joined, in the new snapshot alone; left, in the base alone";
    columns.texts("movement", meaning, all.iter().map(|(_, cell)| cell.movement.name()));
    columns.nullable_texts(
        "from_class",
        "class in the base; NULL is NULL there, or joined",
        all.iter().map(|(_, cell)| cell.from.as_deref()),
    );
    columns.nullable_texts(
        "to_class",
        "class in the new snapshot; NULL is NULL there, or left",
        all.iter().map(|(_, cell)| cell.to.as_deref()),
    );
    columns.counts("customers", "customers", "how many", all.iter().map(|(_, cell)| cell.customers));
    let (unit, value) = (money.unit(), &comparison.value);
    figures(
        &mut columns,
        ("base_value", unit, &format!("their {value} in the base")),
        money.scale(),
        all.iter().map(|(_, cell)| cell.base_value),
    )?;
    figures(
        &mut columns,
        ("new_value", unit, &format!("their {value} in the new snapshot")),
        money.scale(),
        all.iter().map(|(_, cell)| cell.new_value),
    )?;
    columns.table("compare_migration", "one row per column of classes and pair of classes that customers are in")
}

/// Name and meaning of a part of an effect.
type Part = (&'static str, &'static str, fn(&Effect) -> Exact);

fn effects(comparison: &Comparison, money: &Money) -> Result<(TableContract, RecordBatch), RunError> {
    let all = &comparison.effects;
    let mut columns = columns(comparison, all.len());
    columns.texts(
        "figure",
        "a column of classes, whose customers are counted, or one that is summed",
        all.iter().map(|of| of.column.as_str()),
    );
    columns.nullable_texts(
        "class_name",
        "the class; NULL is NULL, or a column that is summed",
        all.iter().map(|of| of.class.as_deref()),
    );
    let unit = &format!("customers, {} or points", money.unit());
    let told: [Part; 5] = [
        ("base_figure", "of the base", |of| of.base),
        ("data_effect", "the base's card on the new features, less base_figure", |of| of.data),
        ("cut_off_effect", "the base's models fitted to the new features, less the above", |of| of.cut_offs),
        ("weight_effect", "new_figure less the above", |of| of.weights),
        ("new_figure", "of the new snapshot", |of| of.new),
    ];
    for (name, meaning, of) in told {
        figures(&mut columns, (name, unit, meaning), FIGURE_SCALE, all.iter().map(of))?;
    }
    columns.table("compare_effects", "one row per figure: what moved it; no rows where that can't be told")
}

fn distributions(comparison: &Comparison) -> Result<(TableContract, RecordBatch), RunError> {
    let all: Vec<(&str, Option<f64>, &PsiBin)> =
        comparison.psi.iter().flat_map(|of| of.bins.iter().map(|bin| (of.column.as_str(), of.psi, bin))).collect();
    let mut columns = columns(comparison, all.len());
    columns.texts("compared_column", "the column", all.iter().map(|(column, ..)| *column));
    let decile = all.iter().map(|(.., bin)| bin.decile.and_then(|decile| i32::try_from(decile).ok()));
    columns.add_nullable(
        ("decile", ColumnType::Int32, "", "tenth of the base's values, 1 has the least; NULL is NULL"),
        Arc::new(decile.collect::<Int32Array>()),
    );
    let meaning = "the greatest value in the decile; NULL for the last one and for NULL";
    columns.doubles("up_to", "", meaning, all.iter().map(|(.., bin)| bin.up_to));
    columns.counts("base_customers", "customers", "in the base", all.iter().map(|(.., bin)| bin.base));
    columns.counts("new_customers", "customers", "in the new snapshot", all.iter().map(|(.., bin)| bin.new));
    let contribution = all.iter().map(|(.., bin)| Some(bin.contribution)).collect::<Float64Array>();
    columns.add(("contribution", ColumnType::Float64, "", "its part of psi"), Arc::new(contribution));
    columns.doubles("psi", "", "population stability index of the column", all.iter().map(|(_, psi, _)| *psi));
    columns.table("compare_distributions", "one row per column and decile of the base: how far the distribution moved")
}

fn bridges(comparison: &Comparison, money: &Money) -> Result<(TableContract, RecordBatch), RunError> {
    let of_bridge = |bridge: &'_ appraise_model::compare::Bridge| {
        let rows: Vec<BridgeRow> = std::iter::once(&bridge.all).chain(&bridge.segments).cloned().collect();
        rows.into_iter().map(|row| (bridge.column.clone(), row)).collect::<Vec<_>>()
    };
    let rows: Vec<(String, BridgeRow)> = comparison.bridges.iter().flat_map(of_bridge).collect();
    let all: Vec<_> =
        rows.iter().flat_map(|(column, row)| row.steps().map(|(name, step)| (column, row, name, step))).collect();
    let mut columns = columns(comparison, all.len());
    columns.texts("value_column", "the column of money", all.iter().map(|(column, ..)| column.as_str()));
    columns.nullable_texts(
        "segment",
        "the segment; NULL is all customers",
        all.iter().map(|(_, row, ..)| row.segment.as_deref()),
    );
    let meaning = "start, left, joined, moved_out, moved_in, fell, rose, end; those before end add up to it";
    columns.texts("step", meaning, all.iter().map(|(.., name, _)| *name));
    let customers = Int64Array::from_iter_values(all.iter().map(|(.., step)| step.customers));
    columns.add(
        ("customers", ColumnType::Int64, "customers", "how many; less than 0 of those who go"),
        Arc::new(customers),
    );
    figures(
        &mut columns,
        ("step_value", money.unit(), "what the step adds"),
        money.scale(),
        all.iter().map(|(.., step)| step.value),
    )?;
    columns.table("compare_bridge", "one row per column of money, segment and step: where the value went")
}
