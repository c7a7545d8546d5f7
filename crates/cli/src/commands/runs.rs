//! `appraise runs`.

use appraise_export::{RunRecord, list_runs};
use clap::Args;

use crate::exit::{DONE, Failure};
use crate::options::OutputOptions;
use crate::output;

/// Lists the runs of a pipeline, oldest first.
#[derive(Debug, Args)]
pub(crate) struct Runs {
    #[command(flatten)]
    output: OutputOptions,
    /// Prints every run's whole record, one line of JSON each.
    #[arg(long)]
    json: bool,
}

impl Runs {
    /// Prints one line per run.
    pub(crate) fn run(&self) -> Result<u8, Failure> {
        for record in list_runs(&self.output.layout()?)? {
            if self.json {
                output::json_line(&record)?;
            } else {
                output::stdout(&line(&record)?)?;
            }
        }
        Ok(DONE)
    }
}

fn line(record: &RunRecord) -> Result<String, Failure> {
    let status = serde_json::to_value(record.status)?;
    let status = status.as_str().unwrap_or_default();
    let seconds = record.wall_s.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s"));
    let RunRecord { run_id, as_of, pipeline, message, .. } = record;
    let line = format!("{:32} {as_of} {status:12} {seconds:>10}  {pipeline}  {message}", run_id.as_str());
    Ok(line.trim_end().to_owned())
}
