//! `appraise path`.

use appraise_export::resolve;
use clap::Args;

use crate::exit::{DONE, Failure};
use crate::options::OutputOptions;
use crate::output;

/// Prints the folder where the files of a published table stand.
#[derive(Debug, Args)]
pub(crate) struct Path {
    /// The table, such as `customer_values`.
    table: String,
    /// The snapshot: `current`, `previous`, a date, `DATE@ID` or a path.
    #[arg(long = "as-of", visible_alias = "snapshot", value_name = "SNAPSHOT", default_value = "current")]
    snapshot: String,
    #[command(flatten)]
    output: OutputOptions,
}

impl Path {
    /// Prints the folder.
    pub(crate) fn run(&self) -> Result<u8, Failure> {
        let snapshot = resolve(&self.output.layout()?, &self.snapshot)?;
        output::stdout(&snapshot.table_folder(&self.table)?.display().to_string())?;
        Ok(DONE)
    }
}
