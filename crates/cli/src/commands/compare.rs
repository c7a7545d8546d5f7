//! `appraise compare`.

use std::fmt::Write as _;
use std::path::PathBuf;

use appraise_export::{Layout, resolve};
use appraise_model::compare::{Bridge, Effect, Migration, Movement, Psi};
use appraise_pipeline::compare::write;
use appraise_pipeline::{Comparison, compare};
use clap::Args;

use crate::exit::{DONE, Failure};
use crate::options::{PipelineOptions, ThreadOptions, check_free};
use crate::output;

/// Moves between classes that are shown of each column.
const MOVES: usize = 10;

/// Sets two published snapshots side by side: who moved where, what moved the figures, where the value went.
///
/// A snapshot is `current`, `previous`, a date, `DATE@ID` or a path. Nothing is published.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    #[command(flatten)]
    pipeline: PipelineOptions,
    /// The earlier snapshot.
    #[arg(default_value = "previous")]
    base: String,
    /// The later snapshot.
    #[arg(default_value = "current")]
    new: String,
    /// Root of the published tables, instead of the file's `export.path`.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Prints the comparison as one line of JSON.
    #[arg(long)]
    json: bool,
    /// Writes the comparison as Parquet tables, with a dictionary, to this folder, which must not be there or be empty.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    threads: ThreadOptions,
}

impl Compare {
    /// Compares, prints, gives the exit code.
    pub(crate) fn run(&self) -> Result<u8, Failure> {
        self.threads.apply();
        check_free(self.out.as_deref())?;
        let loaded = self.pipeline.load(None, self.output.as_ref())?;
        let layout = Layout::at(&loaded.pipeline.export.path);
        let (base, new) = (resolve(&layout, &self.base)?, resolve(&layout, &self.new)?);
        let comparison = compare(&loaded, &base, &new)?;
        if self.json {
            output::json_line(&comparison)?;
        } else {
            output::stdout(text(&comparison).trim_end())?;
        }
        if let Some(folder) = &self.out {
            write(folder, &comparison, &loaded.pipeline.money)?;
        }
        Ok(DONE)
    }
}

fn text(of: &Comparison) -> String {
    let Comparison { base, new, customers, .. } = of;
    let mut text = format!(
        "{}@{} against {}@{}\n{} customers, {} before: {} joined, {} left\n",
        new.as_of,
        new.content_id,
        base.as_of,
        base.content_id,
        customers.new,
        customers.base,
        customers.joined,
        customers.left
    );
    of.bridges.iter().for_each(|bridge| bridged(&mut text, bridge));
    moved(&mut text, &of.effects, &of.effects_missing);
    distributions(&mut text, &of.psi);
    of.migrations.iter().for_each(|migration| migrated(&mut text, migration, &of.value));
    text
}

fn bridged(text: &mut String, bridge: &Bridge) {
    let _ = write!(text, "\n{:<24}", bridge.column);
    for (name, _) in bridge.all.steps() {
        let _ = write!(text, " {name:>15}");
    }
    for row in std::iter::once(&bridge.all).chain(&bridge.segments) {
        let _ = write!(text, "\n{:<24}", row.segment.as_deref().unwrap_or("all customers"));
        for (_, step) in row.steps() {
            let _ = write!(text, " {:>15}", step.value);
        }
    }
    text.push('\n');
}

fn moved(text: &mut String, effects: &[Effect], missing: &str) {
    if !missing.is_empty() {
        let _ = writeln!(text, "\nwhat moved the figures can't be told: {missing}");
        return;
    }
    let header = ["base", "data", "cut-offs", "weights", "new"].map(|name| format!(" {name:>15}")).concat();
    let _ = writeln!(text, "\n{:<40}{header}", "what moved the figures");
    for effect in effects {
        let name = match &effect.class {
            Some(class) => format!("{} {class}", effect.column),
            None if effect.base.scale.is_none() => format!("{} NULL", effect.column),
            None => effect.column.clone(),
        };
        let Effect { base, data, cut_offs, weights, new, .. } = effect;
        let _ = writeln!(text, "{name:<40} {base:>15} {data:>15} {cut_offs:>15} {weights:>15} {new:>15}");
    }
}

fn distributions(text: &mut String, indices: &[Psi]) {
    let _ = writeln!(text, "\n{:<40} {:>15}", "distribution of", "PSI");
    for of in indices {
        let psi = of.psi.map_or("-".to_owned(), |psi| format!("{psi:.4}"));
        let reading = of.reading.map(|reading| reading.to_string()).unwrap_or_default();
        let _ = writeln!(text, "{:<40} {psi:>15} {reading}", of.column);
    }
}

fn migrated(text: &mut String, migration: &Migration, value: &str) {
    let count = |movement| {
        migration.cells.iter().filter(|cell| cell.movement == movement).map(|cell| cell.customers).sum::<u64>()
    };
    let (stayed, moves) = (count(Movement::Stayed), count(Movement::Moved));
    let _ = writeln!(text, "\n{}: {stayed} stayed, {moves} moved", migration.column);
    let mut cells: Vec<_> = migration.cells.iter().filter(|cell| cell.movement == Movement::Moved).collect();
    cells.sort_by_key(|cell| std::cmp::Reverse(cell.customers));
    for cell in cells.iter().take(MOVES) {
        let name = |class: &Option<String>| class.clone().unwrap_or_else(|| "NULL".to_owned());
        let (from, to) = (name(&cell.from), name(&cell.to));
        let (customers, before, after) = (cell.customers, cell.base_value, cell.new_value);
        let _ = writeln!(text, "{customers:>12}  {from} -> {to}, {value} {before} -> {after}");
    }
    if cells.len() > MOVES {
        let rest: u64 = cells[MOVES..].iter().map(|cell| cell.customers).sum();
        let _ = writeln!(text, "{rest:>12}  in {} other ways", cells.len() - MOVES);
    }
}
