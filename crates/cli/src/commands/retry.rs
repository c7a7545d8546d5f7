//! `appraise retry`.

use std::path::PathBuf;

use appraise_export::RunId;
use appraise_pipeline::clock::SystemClock;
use appraise_pipeline::retry::{RetryError, retry};
use clap::Args;

use crate::commands::run::Carrying;
use crate::exit::{Failure, USAGE};
use crate::options::{MemoryOptions, ThreadOptions};
use crate::progress::Bars;
use crate::signals::Stop;

/// Continues a run that failed, was interrupted or died.
///
/// Its date and parameters are those that it recorded, whatever the pipeline file says now. What it made before it ended is used again.
#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// The pipeline file.
    pipeline: PathBuf,
    /// The run; without, the newest one that failed, was interrupted or died.
    run_id: Option<RunId>,
    /// Root of the published tables, instead of the file's `export.path`.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    carrying: Carrying,
    #[command(flatten)]
    threads: ThreadOptions,
    #[command(flatten)]
    memory: MemoryOptions,
}

impl Retry {
    /// Runs, prints the summary, gives the exit code.
    pub(crate) fn run(&self, bars: &Bars) -> Result<u8, Failure> {
        self.threads.apply();
        let clock = SystemClock::start();
        let stop = Stop::listen()?;
        let found = retry(&self.pipeline, self.output.as_ref(), self.run_id.as_ref())?;
        tracing::info!(run_id = found.run_id.as_str(), as_of = %found.as_of, "continues an earlier run");
        self.carrying.carry_out(&found.loaded, found.as_of, (&self.threads, &self.memory), &clock, &stop, bars)
    }
}

impl From<RetryError> for Failure {
    fn from(error: RetryError) -> Self {
        match error {
            RetryError::Invalid(problems) => problems.into(),
            RetryError::Export(error) => error.into(),
            other => Self { code: USAGE, messages: vec![other.to_string()], hint: other.hint().map(str::to_owned) },
        }
    }
}
