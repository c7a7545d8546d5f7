//! `appraise verify`.

use appraise_export::{resolve, verify};
use clap::Args;

use crate::exit::{CHECK, DONE, Failure};
use crate::options::OutputOptions;
use crate::output;

/// Reads every file of a published snapshot again and compares it with the manifest.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The snapshot: `current`, `previous`, a date, `DATE@ID` or a path.
    #[arg(default_value = "current")]
    snapshot: String,
    #[command(flatten)]
    output: OutputOptions,
}

impl Verify {
    /// Prints every finding; exit code 5 when there is one.
    pub(crate) fn run(&self) -> Result<u8, Failure> {
        let snapshot = resolve(&self.output.layout()?, &self.snapshot)?;
        let findings = verify(&snapshot.path)?;
        if findings.is_empty() {
            let files = snapshot.manifest.files().count();
            output::stdout(&format!("{}: {files} files are as published", snapshot.path.display()))?;
            return Ok(DONE);
        }
        Err(Failure {
            code: CHECK,
            messages: findings.iter().map(ToString::to_string).collect(),
            hint: Some("remove the damaged snapshot and run again".to_owned()),
        })
    }
}
