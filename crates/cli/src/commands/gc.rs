//! `appraise gc`.

use std::path::PathBuf;

use appraise_pipeline::gc::{Garbage, garbage, remove};
use clap::Args;
use indicatif::HumanBytes;

use crate::exit::{DONE, Failure};
use crate::options::PipelineOptions;
use crate::output;

/// Removes what nothing refers to: superseded snapshots, features of former runs, what dead runs have staged.
///
/// What stands for a date stays, and so do all run records. Without `--yes` nothing is removed, only listed.
#[derive(Debug, Args)]
pub(crate) struct Gc {
    #[command(flatten)]
    pipeline: PipelineOptions,
    /// Root of the published tables, instead of the file's `export.path`.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// How long a superseded snapshot stays: from its last run to the newest run of all.
    #[arg(long, value_name = "DAYS", default_value = "7d", value_parser = days)]
    grace: u32,
    /// Removes what is listed.
    #[arg(long)]
    yes: bool,
    /// Prints one line of JSON for each.
    #[arg(long)]
    json: bool,
}

impl Gc {
    /// Lists, and removes if asked to.
    pub(crate) fn run(&self) -> Result<u8, Failure> {
        let pipeline = self.pipeline.load(None, self.output.as_ref())?.pipeline;
        let mut found = garbage(&pipeline, self.grace)?;
        if self.yes {
            found = remove(&pipeline, found)?;
        }
        for piece in &found {
            if self.json {
                output::json_line(piece)?;
            } else {
                let Garbage { kind, path, bytes, why, .. } = piece;
                output::stdout(&format!(
                    "{kind:<9} {:>12}  {}: {why}",
                    HumanBytes(*bytes).to_string(),
                    path.display()
                ))?;
            }
        }
        if !self.json {
            let bytes = HumanBytes(found.iter().map(|piece| piece.bytes).sum());
            let count = found.len();
            output::stdout(&match (self.yes, count) {
                (_, 0) => "nothing to remove".to_owned(),
                (true, _) => format!("removed {count}, freed {bytes}"),
                (false, _) => format!("{count} to remove, {bytes} to free: `--yes` removes them"),
            })?;
        }
        Ok(DONE)
    }
}

/// A number of days such as `7d`; `0d` is none.
fn days(text: &str) -> Result<u32, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    days.filter(|days| *days <= 99_999).ok_or_else(|| "a number of days is written like 7d".to_owned())
}
