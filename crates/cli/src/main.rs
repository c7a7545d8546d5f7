//! `appraise`: what each customer is worth, from Parquet dumps to published tables.

mod commands;
mod exit;
mod logging;
mod options;
mod output;
mod progress;
mod signals;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::logging::LogOptions;

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
    Plan(commands::plan::Plan),
    Validate(commands::validate::Validate),
    Schema(commands::schema::Schema),
    Path(commands::path::Path),
    Verify(commands::verify::Verify),
    Runs(commands::runs::Runs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let progress = progress::Bars::new(&cli.log);
    logging::start(&cli.log, &progress);
    let outcome = match &cli.command {
        Command::Run(command) => command.run(&progress),
        Command::Plan(command) => command.run(),
        Command::Validate(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Path(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Runs(command) => command.run(),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => ExitCode::from(failure.report(&cli.log)),
    }
}
