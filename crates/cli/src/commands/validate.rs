//! `appraise validate`.

use clap::Args;

use crate::exit::{DONE, Failure};
use crate::options::PipelineOptions;
use crate::output;

/// Checks a pipeline file without looking at any data, and names everything that is wrong with it.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pipeline: PipelineOptions,
}

impl Validate {
    /// Checks, and says so.
    pub(crate) fn run(&self) -> Result<u8, Failure> {
        let loaded = self.pipeline.load(None, None)?;
        output::stdout(&format!("{}: pipeline `{}` is valid", self.pipeline.pipeline.display(), loaded.pipeline.name))?;
        Ok(DONE)
    }
}
