//! `appraise plan`.

use appraise_pipeline::plan::{PlannedInput, PlannedStage};
use clap::Args;
use indicatif::{HumanBytes, HumanCount};

use crate::exit::{DONE, Failure};
use crate::options::NightOptions;
use crate::output;

/// Says what a run would read and write, from the footers of the inputs alone.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    night: NightOptions,
    /// Prints the pipeline with every default filled in and the origin of every value, and looks at no input.
    #[arg(long)]
    resolved: bool,
    /// Prints the plan as one line of JSON.
    #[arg(long)]
    json: bool,
}

impl Plan {
    /// Prints the plan.
    pub(crate) fn run(&self) -> Result<u8, Failure> {
        let NightOptions { as_of, threads, memory, .. } = &self.night;
        threads.apply();
        let loaded = self.night.load()?;
        if self.resolved {
            if self.json {
                output::json_line(&loaded.resolved_json())?;
            } else {
                output::stdout(loaded.resolved_yaml().trim_end())?;
            }
            return Ok(DONE);
        }
        let plan = appraise_pipeline::plan(&loaded, *as_of, threads.count(), memory.limit())?;
        if self.json {
            output::json_line(&plan)?;
        } else {
            output::stdout(&text(&plan))?;
        }
        Ok(DONE)
    }
}

fn text(plan: &appraise_pipeline::Plan) -> String {
    let input = |input: &PlannedInput| {
        let PlannedInput { source, path, rows, bytes, row_groups, columns } = input;
        let (rows, bytes) = (HumanCount(*rows), HumanBytes(*bytes));
        let columns = if columns.is_empty() { "all".to_owned() } else { columns.join(", ") };
        format!("  {source} {path}: {rows} rows, {bytes}, {row_groups} row groups; reads {columns}")
    };
    let mut lines = vec![format!("{} as of {}", plan.pipeline, plan.as_of), "reads".to_owned()];
    lines.extend(plan.inputs.iter().map(input));
    let files = plan.inputs.len();
    lines.push(format!("  {files} files, {} rows, {}", HumanCount(plan.rows), HumanBytes(plan.bytes)));
    lines.push(format!("expects to need {} of memory", HumanBytes(plan.expected_memory_bytes)));
    if plan.expected_spill_bytes > 0 {
        lines.push(format!("expects {} to wait on disk", HumanBytes(plan.expected_spill_bytes)));
    }
    let stage = |PlannedStage { stage, action, why }: &PlannedStage| format!("  {stage}: {action}, {why}");
    lines.push("does".to_owned());
    lines.extend(plan.stages.iter().map(stage));
    lines.push(format!("writes below {}", plan.output));
    lines.extend(plan.tables.iter().map(|table| format!("  {}: {} columns", table.name, table.columns.len())));
    lines.extend(plan.drift.iter().map(|line| format!("drift: {line}")));
    lines.extend(plan.lint.iter().cloned());
    lines.join("\n")
}
