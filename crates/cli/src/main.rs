//! `appraise`: what each customer is worth, from Parquet dumps to published tables.

mod commands;
mod dates;
mod exit;
mod logging;
mod options;
mod output;
mod progress;
mod signals;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::exit::Failure;
use crate::logging::LogOptions;

/// Encoding and folding allocate and free large columns on every thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Values customers from Parquet dumps, as a YAML pipeline says, and publishes Parquet tables.
///
/// Results go to stdout, logs and progress to stderr.
#[derive(Debug, Parser)]
#[command(name = "appraise", version, after_help = exit::HELP)]
struct Cli {
    #[command(flatten)]
    log: LogOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(commands::run::Run),
    Retry(commands::retry::Retry),
    Plan(commands::plan::Plan),
    Backtest(commands::backtest::Backtest),
    WhatIf(commands::what_if::WhatIf),
    Compare(commands::compare::Compare),
    Validate(commands::validate::Validate),
    Schema(commands::schema::Schema),
    Path(commands::path::Path),
    Verify(commands::verify::Verify),
    Runs(commands::runs::Runs),
    Gc(commands::gc::Gc),
    Generate(commands::generate::Generate),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let progress = progress::Bars::new(&cli.log);
    logging::start(&cli.log, &progress);
    // A decoder that gives up on a damaged file is caught where it is called and becomes an error of its own.
    std::panic::set_hook(Box::new(|panic| tracing::debug!("{panic}")));
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| cli.command.run(&progress)));
    match outcome.unwrap_or_else(|panic| Err(Failure::internal(&*panic))) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => ExitCode::from(failure.report(&cli.log)),
    }
}

impl Command {
    fn run(&self, progress: &progress::Bars) -> Result<u8, Failure> {
        match self {
            Self::Run(command) => command.run(progress),
            Self::Retry(command) => command.run(progress),
            Self::Plan(command) => command.run(),
            Self::Backtest(command) => command.run(progress),
            Self::WhatIf(command) => command.run(progress),
            Self::Compare(command) => command.run(),
            Self::Validate(command) => command.run(),
            Self::Schema(command) => command.run(),
            Self::Path(command) => command.run(),
            Self::Verify(command) => command.run(progress),
            Self::Runs(command) => command.run(),
            Self::Gc(command) => command.run(),
            Self::Generate(command) => command.run(),
        }
    }
}
