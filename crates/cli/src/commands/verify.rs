//! `appraise verify`.

use appraise_export::{Snapshot, resolve, verify};
use appraise_pipeline::clock::SystemClock;
use appraise_pipeline::{AgainstFull, RunOptions, against_full};
use appraise_schema::AsOf;
use appraise_schema::scalar::ScalarError;
use clap::Args;

use crate::exit::{CHECK, DONE, Failure};
use crate::options::{MemoryOptions, OutputOptions, ThreadOptions, aside};
use crate::output;
use crate::progress::Bars;
use crate::signals::Stop;

/// Reads every file of a published snapshot again and compares it with the manifest.
///
/// With `--against-full` the pipeline is run once more for the snapshot's date, over all dumps and without the ledger, and
/// the tables are compared.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The snapshot: `current`, `previous`, a date, `DATE@ID` or a path.
    #[arg(default_value = "current")]
    snapshot: String,
    #[command(flatten)]
    output: OutputOptions,
    /// Compares the tables with those of a run over all dumps, too; takes as long as that run.
    #[arg(long, requires = "pipeline")]
    against_full: bool,
    /// Sets a value of the pipeline file, as the run did whose snapshot it is.
    #[arg(long = "set", value_name = "PATH=VALUE", requires = "against_full")]
    sets: Vec<String>,
    #[command(flatten)]
    threads: ThreadOptions,
    #[command(flatten)]
    memory: MemoryOptions,
}

impl Verify {
    /// Prints every finding; exit code 5 when there is one.
    pub(crate) fn run(&self, bars: &Bars) -> Result<u8, Failure> {
        self.threads.apply();
        let snapshot = resolve(&self.output.layout()?, &self.snapshot)?;
        let findings = verify(&snapshot.path)?;
        if findings.is_empty() {
            let files = snapshot.manifest.files().count();
            output::stdout(&format!("{}: {files} files are as published", snapshot.path.display()))?;
            return if self.against_full { self.compare(&snapshot, bars) } else { Ok(DONE) };
        }
        Err(Failure {
            code: CHECK,
            messages: findings.iter().map(ToString::to_string).collect(),
            hint: Some("remove the damaged snapshot and run again".to_owned()),
        })
    }

    /// Says whether a run of all dumps gives the same tables; exit code 5 when it does not.
    fn compare(&self, snapshot: &Snapshot, bars: &Bars) -> Result<u8, Failure> {
        let as_of: AsOf = snapshot
            .manifest
            .as_of
            .parse()
            .map_err(|error: ScalarError| Failure::usage(error.to_string(), "the manifest is damaged"))?;
        let loaded = self.output.load(as_of, &self.sets)?;
        let stop = Stop::listen()?;
        let options = RunOptions { full: true, ..aside(as_of, &self.threads, &self.memory, &stop) };
        let found = against_full(snapshot, &loaded, &options, &SystemClock::start(), bars);
        bars.finish();
        let other = |code, message, hint: Option<String>| Err(Failure { code, messages: vec![message], hint });
        match found? {
            AgainstFull::Same => {
                output::stdout("its tables are those of a full run")?;
                Ok(DONE)
            }
            AgainstFull::Other(difference) => other(CHECK, format!("a full run differs: {difference}"), None),
            AgainstFull::Failed(summary) => other(summary.exit_code, summary.message.clone(), summary.hint.clone()),
        }
    }
}
