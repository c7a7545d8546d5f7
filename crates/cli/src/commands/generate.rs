//! `appraise generate`.

use std::path::PathBuf;

use appraise_generate::{GenerateError, Options, Partition};
use appraise_schema::AsOf;
use clap::{Args, ValueEnum};

use crate::exit::{DONE, Failure, INTERNAL, PUBLISH, USAGE};
use crate::options::ThreadOptions;
use crate::output;

/// Generates a seeded auction house at any scale, whose true parameters are known.
///
/// Writes Parquet dumps of customers, sales, lots, bids, interactions and invoices, reference tables, and the truth that
/// they were drawn with (`truth.json`, `truth_customers.parquet`). The same arguments give the same bytes, whatever the
/// threads. The last line on stdout is one JSON object that counts files and rows.
#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Folder to write to; it must not hold an earlier house.
    output: PathBuf,
    /// Number of customers, prospects included.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    customers: u64,
    /// Decides every draw.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// First day on which somebody buys.
    #[arg(long, value_name = "DATE", default_value = "2022-01-01")]
    from: AsOf,
    /// Last day of anything: the night of the dumps.
    #[arg(long, value_name = "DATE", default_value = "2024-12-31")]
    to: AsOf,
    /// How the files of sales, lots, bids and interactions are cut.
    #[arg(long, value_enum, default_value_t = Cut::Month)]
    partition: Cut,
    /// Adds rows that repeat, come late or lack their customer, and one file of sales of another schema.
    #[arg(long)]
    dirt: bool,
    /// Lets all industries and company sizes buy and spend alike, so that one fit of all customers finds the truth.
    #[arg(long)]
    homogeneous: bool,
    #[command(flatten)]
    threads: ThreadOptions,
}

/// How files are cut.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Cut {
    /// A folder for each calendar month.
    Month,
    /// A folder for each calendar year.
    Year,
    /// One folder.
    None,
}

impl From<Cut> for Partition {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Month => Self::Month,
            Cut::Year => Self::Year,
            Cut::None => Self::None,
        }
    }
}

impl Generate {
    /// Generates, and prints what was written.
    pub(crate) fn run(&self) -> Result<u8, Failure> {
        let options = Options {
            customers: self.customers,
            seed: self.seed,
            from: self.from,
            to: self.to,
            threads: self.threads.count(),
            partition: self.partition.into(),
            dirt: self.dirt,
            homogeneous: self.homogeneous,
        };
        output::json_line(&appraise_generate::generate(&self.output, &options)?)?;
        Ok(DONE)
    }
}

impl From<GenerateError> for Failure {
    fn from(error: GenerateError) -> Self {
        let (code, hint) = match &error {
            GenerateError::Option { .. } => (USAGE, None),
            GenerateError::Exists { .. } => (USAGE, Some("remove it, or name another folder")),
            GenerateError::Write { .. } | GenerateError::Encode { .. } => (PUBLISH, None),
            GenerateError::Threads(_) => (INTERNAL, Some("ask for fewer with `--threads N`")),
        };
        Self { code, messages: vec![error.to_string()], hint: hint.map(str::to_owned) }
    }
}
